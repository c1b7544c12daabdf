"""Whose key made a signature: public key recovery on secp256k1, in plain Python (about 2 ms each).

Only for checking what is public. Nothing here is fit for secrets: it takes longer for some numbers.
"""

from __future__ import annotations

from chainflow.errors import BadBytes

__all__ = ["recover"]

_P = 2**256 - 2**32 - 977
_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
_Point = tuple[int, int, int]
"""(X, Y, Z) for the point (X/Z², Y/Z³); Z = 0 is the point at infinity."""

_WIDTH = 5


def recover(digest: bytes, r: int, s: int, parity: int) -> bytes:
    """Return the public key (64 bytes) whose signature of `digest` is (r, s).

    Raises
    ------
    BadBytes
        If no key could have made it.

    References
    ----------
    SEC 1, section 4.1.6.
    """
    y = pow(r**3 + 7, (_P + 1) // 4, _P)
    if not (0 < r < _N and 0 < s < _N and parity in (0, 1)) or y * y % _P != (r**3 + 7) % _P:
        raise BadBytes("the signature is of no key", hint="its fields were altered; ask another source")
    y = y if y % 2 == parity else _P - y
    inverse = pow(r, -1, _N)
    key = _sum_of_multiples((_G, -int.from_bytes(digest) * inverse % _N), ((r, y), s * inverse % _N))
    if key[2] == 0:
        raise BadBytes("the signature is of no key", hint="its fields were altered; ask another source")
    z = pow(key[2], -1, _P)
    return (key[0] * z * z % _P).to_bytes(32) + (key[1] * z * z * z % _P).to_bytes(32)


def _sum_of_multiples(*terms: tuple[tuple[int, int], int]) -> _Point:
    """Return Σ factor·point, doubling once for all (Straus), with signed digits (wNAF)."""
    tables = [(_odd_multiples(x, y), _signed_digits(factor)) for (x, y), factor in terms]
    total: _Point = (0, 1, 0)
    for place in reversed(range(max(len(digits) for _, digits in tables))):
        total = _double(total)
        for table, digits in tables:
            digit = digits[place] if place < len(digits) else 0
            if digit:
                x, y, z = table[abs(digit) // 2]
                total = _add(total, (x, y if digit > 0 else _P - y, z))
    return total


def _odd_multiples(x: int, y: int) -> list[_Point]:
    """Return 1, 3, 5, … times a point, as many as digits need."""
    table = [(x, y, 1)]
    twice = _double(table[0])
    while len(table) < 2 ** (_WIDTH - 2):
        table.append(_add(table[-1], twice))
    return table


def _signed_digits(factor: int) -> list[int]:
    """Return digits, lowest first, that are 0 or odd and below 16 in size: Σ digit·2^place = factor."""
    digits = []
    while factor:
        digit = 0
        if factor & 1:
            digit = factor & (2**_WIDTH - 1)
            digit -= 2**_WIDTH if digit >> (_WIDTH - 1) else 0
            factor -= digit
        digits.append(digit)
        factor >>= 1
    return digits


def _double(point: _Point) -> _Point:
    x, y, z = point
    yy = y * y % _P
    s = 4 * x * yy % _P
    m = 3 * x * x % _P
    x3 = (m * m - 2 * s) % _P
    return x3, (m * (s - x3) - 8 * yy * yy) % _P, 2 * y * z % _P


def _add(one: _Point, two: _Point) -> _Point:
    if one[2] == 0 or two[2] == 0:
        return two if one[2] == 0 else one
    zz1, zz2 = one[2] * one[2] % _P, two[2] * two[2] % _P
    u1, u2 = one[0] * zz2 % _P, two[0] * zz1 % _P
    s1, s2 = one[1] * zz2 * two[2] % _P, two[1] * zz1 * one[2] % _P
    h, r = (u2 - u1) % _P, (s2 - s1) % _P
    if h == 0:
        return _double(one) if r == 0 else (0, 1, 0)
    hh = h * h % _P
    hhh, v = h * hh % _P, u1 * hh % _P
    x3 = (r * r - hhh - 2 * v) % _P
    return x3, (r * (v - x3) - s1 * hhh) % _P, one[2] * two[2] * h % _P
