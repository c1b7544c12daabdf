"""The templates of pubkey scripts: which type a script is of, and how one is made from a hash or key."""

from __future__ import annotations

__all__ = ["is_pubkey", "make_script", "script_type"]

_TEMPLATES = {
    "p2pkh": (b"\x76\xa9\x14", 20, b"\x88\xac"),
    "p2sh": (b"\xa9\x14", 20, b"\x87"),
    "p2wpkh": (b"\x00\x14", 20, b""),
    "p2wsh": (b"\x00\x20", 32, b""),
    "p2tr": (b"\x51\x20", 32, b""),
}
"""What stands before the hash or key, how long that is, and what stands after."""

_BY_SIZE: dict[int, list[tuple[str, bytes, bytes]]] = {}
for _kind, (_before, _size, _after) in _TEMPLATES.items():
    _BY_SIZE.setdefault(len(_before) + _size + len(_after), []).append((_kind, _before, _after))

_ANCHOR = b"\x51\x02\x4e\x73"
_OP_1, _OP_16, _OP_RETURN, _OP_CHECKSIG, _OP_CHECKMULTISIG = 0x51, 0x60, 0x6A, 0xAC, 0xAE
_KEY_SIZES = {2: 33, 3: 33, 4: 65, 6: 65, 7: 65}


def script_type(script: bytes) -> str:
    """Return the type of a pubkey script.

    One of `p2pkh p2sh p2wpkh p2wsh p2tr anchor witness_unknown p2pk multisig op_return empty unknown`.
    `op_return` is any script that begins so: nobody can spend it, whatever follows. `witness_unknown`
    is a program whose version has no rule on Bitcoin; Litecoin uses two for its MWEB. `multisig` is the
    bare form with up to 16 keys. Keys are judged by their first byte and size, not by their point.

    References
    ----------
    Bitcoin Core `script/solver.cpp`; BIP141, BIP341, BIP433 (`anchor`).

    Examples
    --------
    >>> script_type(bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6"))
    'p2wpkh'
    """
    size = len(script)
    for kind, before, after in _BY_SIZE.get(size, ()):
        if script.startswith(before) and script.endswith(after):
            return kind
    if not script:
        return "empty"
    if script[0] == _OP_RETURN:
        return "op_return"
    if 4 <= size <= 42 and _OP_1 <= script[0] <= _OP_16 and script[1] == size - 2:
        return "anchor" if script == _ANCHOR else "witness_unknown"
    if script[-1] == _OP_CHECKSIG and script[0] == size - 2 and is_pubkey(script[1:-1]):
        return "p2pk"
    return "multisig" if _is_multisig(script) else "unknown"


def make_script(kind: str, payload: bytes) -> bytes:
    """Return the script of one of the five fixed forms for its hash or key (20 or 32 bytes)."""
    before, _, after = _TEMPLATES[kind]
    return before + payload + after


def is_pubkey(key: bytes) -> bool:
    """Return whether `key` has the first byte and the size of a public key."""
    return bool(key) and _KEY_SIZES.get(key[0]) == len(key)


def _is_multisig(script: bytes) -> bool:
    end = len(script) - 2
    if end < 1 or script[-1] != _OP_CHECKMULTISIG:
        return False
    offset, keys = 1, 0
    while offset < end:
        following = offset + 1 + script[offset]
        if not is_pubkey(script[offset + 1 : following]):
            return False
        offset, keys = following, keys + 1
    return offset == end and 1 <= script[0] - 0x50 <= keys == script[end] - 0x50 <= 16
