"""The ways an address carries its own checksum: base58check, bech32 and bech32m, CashAddr, EIP-55.

Text ↔ bytes only; which chain and script the bytes mean is `chainflow.addresses`. A checksum tells that
an address was not mistyped. It never tells which character is wrong, and nothing here guesses.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

from chainflow.errors import AddressInvalid

__all__ = [
    "BECH32_ALPHABET",
    "EVM_ADDRESS",
    "base58_decode",
    "base58_encode",
    "cashaddr_decode",
    "cashaddr_encode",
    "evm_decode",
    "evm_encode",
    "keccak256",
    "refuse",
    "segwit_decode",
    "segwit_encode",
]

BECH32_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_SYMBOLS = {character: symbol for symbol, character in enumerate(BECH32_ALPHABET)}
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {character: digit for digit, character in enumerate(_BASE58)}
EVM_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_SECRET = re.compile(r"[1-9A-HJ-NP-Za-km-z]{51,52}|(?:0x)?[0-9a-fA-F]{64}|.{101,}", re.DOTALL)
_COMPARE = "compare it with where it came from, the last six characters first; do not repair it by guessing"


def _feedback(*generators: int) -> tuple[int, ...]:
    """Return what a BCH code's remainder takes in for each five bits that it pushes out."""
    table = [0]
    for generator in generators:
        table += [value ^ generator for value in table]
    return tuple(table)


_BECH32, _BECH32M = 1, 0x2BC830A3
_SEGWIT_FEEDBACK = _feedback(0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CASHADDR_FEEDBACK = _feedback(0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)
_CASHADDR_PREFIX = "bitcoincash:"
_PAIRS = tuple(first + second for first in BECH32_ALPHABET for second in BECH32_ALPHABET)
"""The characters of each ten bits: a ledger names millions of scripts, and two at a time halve that."""


def refuse(problem: str, text: str, *, hint: str = _COMPARE) -> AddressInvalid:
    """Return the error for an address; what has a private key's form is not shown in full."""
    shown = f"{text[:4]}… ({len(text)} characters)" if _SECRET.fullmatch(text) else text
    return AddressInvalid(f"{problem}: {shown}", hint=hint)


def base58_encode(payload: bytes) -> str:
    """Return `payload` and its checksum in base58."""
    raw = payload + _sha256d4(payload)
    number = int.from_bytes(raw)
    characters = []
    while number:
        number, digit = divmod(number, 58)
        characters.append(_BASE58[digit])
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(characters))


def base58_decode(text: str) -> bytes:
    """Return the bytes of a base58 text, its checksum taken off.

    Raises
    ------
    AddressInvalid
        If a character is not base58, or the checksum fails.
    """
    if len(text) > 120:
        raise refuse("too long for an address", text)
    number = 0
    try:
        for character in text:
            number = number * 58 + _DIGITS[character]
    except KeyError:
        raise _wrong_character(text, _BASE58, "base58") from None
    zeros = len(text) - len(text.lstrip("1"))
    raw = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)
    if len(raw) < 4 or _sha256d4(raw[:-4]) != raw[-4:]:
        raise refuse("the base58 checksum fails", text)
    return raw[:-4]


def _sha256d4(payload: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]


def _wrong_character(text: str, alphabet: str, name: str, *, start: int = 0) -> AddressInvalid:
    """Return the error for the first character from `start` that is of no case of `alphabet`."""
    known = {*alphabet, *(alphabet.upper() if start else "")}
    place = next(i for i in range(start, len(text)) if text[i] not in known)
    return refuse(f"character {place + 1} is {text[place]!a}, which {name} does not use", text)


def segwit_encode(hrp: str, version: int, program: bytes) -> str:
    """Return the address of a witness program: bech32 for version 0, bech32m above (BIP173, BIP350)."""
    count = -(-len(program) * 8 // 5)  # symbols after the version's
    number = version << 5 * count | int.from_bytes(program) << -len(program) * 8 % 5
    half, is_odd = divmod(count + 1, 2)
    first = (number >> 10 * half,) if is_odd else ()
    state = _remainder(first, _segwit_state(hrp), feedback=_SEGWIT_FEEDBACK, top=25)
    pairs = [number >> shift & 1023 for shift in range(10 * half - 10, -1, -10)]
    for pair in (*pairs, 0, 0, 0):
        state = (state & 0xFFFFF) << 10 ^ pair ^ _SEGWIT_PAIR_FEEDBACK[state >> 20]
    state ^= _BECH32M if version else _BECH32
    pairs += (state >> 20, state >> 10 & 1023, state & 1023)
    return f"{hrp}1" + "".join([BECH32_ALPHABET[one] for one in first] + [_PAIRS[pair] for pair in pairs])


def segwit_decode(text: str) -> tuple[str, int, bytes]:
    """Return prefix, witness version and program of a segwit address.

    Raises
    ------
    AddressInvalid
        If the case is mixed, a character, the checksum or its kind is wrong, or the program has a
        length that its version does not allow.
    """
    hrp, _, tail = _one_case(text).rpartition("1")
    symbols = _from_text(tail, text)
    if len(symbols) < 7 or len(text) > 90:
        raise refuse("too short or too long for a segwit address", text)
    version, state = symbols[0], _remainder(symbols, _segwit_state(hrp), feedback=_SEGWIT_FEEDBACK, top=25)
    wanted, name = (_BECH32M, "bech32m") if version else (_BECH32, "bech32")
    if state not in (_BECH32, _BECH32M):
        raise refuse(f"the {name} checksum fails", text)
    if version > 16:
        raise refuse(f"witness version {version} does not exist", text)
    if state != wanted:
        raise refuse(
            f"witness version {version} needs a {name} checksum, and this is of the other kind", text
        )
    program = _to_bytes(symbols[1:-6], text)
    if not 2 <= len(program) <= 40 or (version == 0 and len(program) not in (20, 32)):
        raise refuse(f"a witness program of {len(program)} bytes does not exist in version {version}", text)
    return hrp, version, program


def cashaddr_encode(kind: int, payload: bytes) -> str:
    """Return the Bitcoin Cash address of a 20-byte hash: kind 0 pays a key, 1 a script."""
    symbols = _to_symbols(bytes((kind << 3,)) + payload)
    state = _remainder([*symbols, *bytes(8)], _cashaddr_state(), feedback=_CASHADDR_FEEDBACK, top=35) ^ 1
    symbols += [state >> shift & 31 for shift in range(35, -1, -5)]
    return _CASHADDR_PREFIX + "".join([BECH32_ALPHABET[symbol] for symbol in symbols])


def cashaddr_decode(text: str) -> tuple[int, bytes]:
    """Return kind and hash of a Bitcoin Cash address, written with its prefix or without.

    Raises
    ------
    AddressInvalid
        If the case is mixed, a character or the checksum is wrong, or the hash has not 20 bytes.
    """
    symbols = _from_text(_one_case(text).removeprefix(_CASHADDR_PREFIX), text)
    state = _remainder(symbols, _cashaddr_state(), feedback=_CASHADDR_FEEDBACK, top=35)
    if state != 1 or len(symbols) < 8:
        raise refuse("the CashAddr checksum fails", text)
    version, *payload = _to_bytes(symbols[:-8], text) or b"\xff"
    kind = version >> 3
    if version & 7 or kind > 3 or len(payload) != 20:
        raise refuse("a CashAddr of another kind than a 20-byte hash is not read", text)
    return kind & 1, bytes(payload)  # kinds 2 and 3 are the same scripts, for wallets that know tokens


def keccak256(raw: bytes) -> bytes:
    """Return the Keccak-256 of `raw`: 32 bytes. It is not SHA3-256, whose padding differs.

    Examples
    --------
    >>> keccak256(b"").hex()[:16]
    'c5d2460186f7233c'
    """
    from Crypto.Hash import keccak  # loading it takes longer than most commands run

    return keccak.new(digest_bits=256, data=raw).digest()


def evm_encode(address: str) -> str:
    """Return an EVM address with its checksum: in the case of its letters (EIP-55).

    Raises
    ------
    AddressInvalid
        If it is not 0x and 40 hex digits; the case of the given letters does not matter.

    References
    ----------
    EIP-55.

    Examples
    --------
    >>> evm_encode("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
    """
    digits = evm_decode(address.lower())[2:]
    signs = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(sign, 16) > 7 else digit for digit, sign in zip(digits, signs, strict=False)
    )


def evm_decode(text: str) -> str:
    """Return an EVM address in lower case, after checking its checksum where it carries one.

    Letters all small or all capital are no checksum, they are taken as they are. A mistyped address with a
    checksum passes once in about 4,000 times on average (some addresses have few letters).

    Raises
    ------
    AddressInvalid
        If it has another form, or its checksum fails.

    Examples
    --------
    >>> evm_decode("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    '0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed'
    """
    if not EVM_ADDRESS.fullmatch(text):
        raise AddressInvalid(f"not an EVM address: {text[:80]!a}", hint="0x and 40 hex digits")
    lower = text.lower()
    if text[2:] not in (lower[2:], lower[2:].upper()) and text != evm_encode(lower):
        raise refuse("the EIP-55 checksum fails", text)
    return lower


def _remainder(symbols: Iterable[int], state: int, *, feedback: tuple[int, ...], top: int) -> int:
    """Return the BCH code's remainder after `symbols`; its five highest bits begin at `top`."""
    kept = (1 << top) - 1
    for symbol in symbols:
        state = (state & kept) << 5 ^ symbol ^ feedback[state >> top]
    return state


_SEGWIT_PAIR_FEEDBACK = tuple(
    _remainder((0, 0), pushed << 20, feedback=_SEGWIT_FEEDBACK, top=25) for pushed in range(1024)
)


@lru_cache(maxsize=64)
def _segwit_state(hrp: str) -> int:
    symbols = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]
    return _remainder(symbols, 1, feedback=_SEGWIT_FEEDBACK, top=25)


@lru_cache(maxsize=1)
def _cashaddr_state() -> int:
    symbols = [ord(c) & 31 for c in _CASHADDR_PREFIX]
    symbols[-1] = 0
    return _remainder(symbols, 1, feedback=_CASHADDR_FEEDBACK, top=35)


def _one_case(text: str) -> str:
    lower = text.lower()
    if text not in (lower, text.upper()):
        raise refuse("upper and lower case are mixed", text)
    return lower


def _from_text(tail: str, text: str) -> list[int]:
    try:
        return [_SYMBOLS[character] for character in tail]
    except KeyError:
        raise _wrong_character(text, BECH32_ALPHABET, "bech32", start=len(text) - len(tail)) from None


def _to_symbols(raw: bytes) -> list[int]:
    """Return `raw` in groups of five bits, the last one filled up with zeros."""
    bits = len(raw) * 8
    number = int.from_bytes(raw) << -bits % 5
    return [number >> shift & 31 for shift in range(bits + -bits % 5 - 5, -1, -5)]


def _to_bytes(symbols: list[int], text: str) -> bytes:
    number = 0
    for symbol in symbols:
        number = number << 5 | symbol
    size, filled = divmod(len(symbols) * 5, 8)
    if filled > 4 or number & ((1 << filled) - 1):
        raise refuse("the last group of bits is not filled up with zeros", text)
    return (number >> filled).to_bytes(size)
