"""Addresses: checked, normalised, turned into scripts and back, and found in free text; no network.

One script has one text here per chain: upper-case bech32 becomes lower, Litecoin's old `3…` becomes
`M…`, Bitcoin Cash's `1…` becomes `bitcoincash:q…`, an EVM address becomes lower-case.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from chainflow.checksums import (
    BECH32_ALPHABET,
    EVM_ADDRESS,
    base58_decode,
    base58_encode,
    cashaddr_decode,
    cashaddr_encode,
    evm_decode,
    refuse,
    segwit_decode,
    segwit_encode,
)
from chainflow.errors import AddressInvalid, BadBytes, BadInput, MissingExtra
from chainflow.networks import EVM
from chainflow.scripts import is_pubkey, make_script, script_type

__all__ = [
    "CHAINS",
    "Address",
    "Found",
    "address_of",
    "decode",
    "derive",
    "find_addresses",
    "hash160",
    "is_address",
    "label_on",
    "script_of",
    "script_type",
]


class _Forms(NamedTuple):
    """How a chain writes its addresses: versions of base58 (the first is written, all are read), prefix."""

    p2pkh: tuple[bytes, ...]
    p2sh: tuple[bytes, ...]
    hrp: str | None = None


_TEST = (b"\x6f",)
_FORMS = {
    "btc": _Forms((b"\x00",), (b"\x05",), "bc"),
    "btc-testnet": _Forms(_TEST, (b"\xc4",), "tb"),
    "btc-regtest": _Forms(_TEST, (b"\xc4",), "bcrt"),
    "ltc": _Forms((b"\x30",), (b"\x32", b"\x05"), "ltc"),
    "ltc-testnet": _Forms(_TEST, (b"\x3a", b"\xc4"), "tltc"),
    "ltc-regtest": _Forms(_TEST, (b"\x3a", b"\xc4"), "rltc"),
    "doge": _Forms((b"\x1e",), (b"\x16",)),
    "bch": _Forms((b"\x00",), (b"\x05",)),
    "dash": _Forms((b"\x4c",), (b"\x10",)),
    "zec": _Forms((b"\x1c\xb8",), (b"\x1c\xbd",)),
}
CHAINS = (*_FORMS, *EVM, "tron")
"""The chains whose addresses are known, the likelier first; EVM chains share one form.

Signet shares the addresses of `btc-testnet`.
"""

_HRPS = {forms.hrp: chain for chain, forms in _FORMS.items() if forms.hrp}
_VERSIONS: dict[bytes, list[tuple[str, str]]] = {}
for _chain, _forms in _FORMS.items():
    for _kind in ("p2pkh", "p2sh"):
        for _version in getattr(_forms, _kind):
            _VERSIONS.setdefault(_version, []).append((_chain, _kind))

_TRON_VERSION = b"\x41"
_SHORTEST = 14
_CASHADDR = re.compile(
    rf"bitcoincash:.*|[qpzr][{BECH32_ALPHABET}]{{41}}", re.ASCII | re.IGNORECASE | re.DOTALL
)
_OTHER_PREFIX = re.compile(rf"([a-z]{{2,20}}1)[{BECH32_ALPHABET}]{{6,}}")
_CANDIDATE = re.compile(
    r"(?<![0-9a-z])(?:bitcoincash:(?=[qpzr]))?[0-9a-z]{14,90}(?![0-9a-z])", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Address:
    """A valid address.

    Attributes
    ----------
    address : str
        The one text used for this script on `chain`.
    chain, chains : str, tuple of str
        The chain it is read for, and all on which it would be valid.
    script_type : str
        As `script_type`; `account` on an account chain.
    script : bytes
        The pubkey script it stands for; empty for an account.
    """

    address: str
    chain: str
    chains: tuple[str, ...]
    script_type: str
    script: bytes


class Found(NamedTuple):
    """An address in a text: `text[start:end]` is how it was written there."""

    address: str
    chain: str
    start: int
    end: int


def decode(address: str, *, chain: str | None = None) -> Address:
    """Return what a text stands for if it is a valid address.

    Without `chain` the likeliest is taken where several share a form: `1…` and `3…` are Bitcoin's, but
    Bitcoin Cash's and Litecoin's too; `m…`, `n…` and `2…` are any test network's. Coins not known here
    share forms as well (Bitcoin SV with Bitcoin, Verge with Dogecoin). Blanks around the text are
    ignored, nothing else.

    A `0x…` address may be of any EVM chain, not only `eth`. Its checksum is the case of its letters
    (EIP-55): where all are small or all are capital it carries none, and only its form is checked.

    Raises
    ------
    AddressInvalid
        If a character, the length or the checksum is wrong, or it is not an address of `chain`.
        What fails is named; which character is wrong cannot be known.
    BadInput
        If the chain is not known.

    References
    ----------
    BIP13, BIP173, BIP350, EIP-55; the CashAddr specification; `chainparams.cpp` of each chain's node.

    Examples
    --------
    >>> decode("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4").address
    'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4'
    >>> decode("3P14159f73E4gFr7JterCCQh9QjiTjiZrG").chains
    ('btc', 'ltc', 'bch')
    """
    _check_chain(chain)
    text = address.strip()
    chains, kind, script = _read(text)
    chosen = chains[0] if chain is None else chain
    if chosen not in chains:
        raise refuse(f"an address of {_listed(chains)}, not of {chosen}", text, hint="name the other chain")
    if kind in ("p2pkh", "p2sh"):  # the only types with several forms on one chain
        text = address_of(script, chosen) or text
    elif chosen != "tron":
        text = text.lower()
    return Address(text, chosen, chains, kind, script)


def _listed(chains: tuple[str, ...]) -> str:
    return "an EVM chain" if set(chains) == set(EVM) else " or ".join(chains)


def label_on(text: str, chain: str) -> str:
    """Return an address as a ledger of `chain` labels it; of another chain's address, its normal form.

    A ledger's `script:<hex>` stays as it is. For lists of addresses to stop at: one written otherwise
    must not silently stop nothing.

    Raises
    ------
    AddressInvalid
        If it is none.

    Examples
    --------
    >>> label_on("BC1QPX7VYV5TP7DM0G475EV527KRG764T73DH77GLS", "btc")
    'bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls'
    """
    if text.startswith("script:"):
        return text
    found = decode(text)
    return decode(text, chain=chain).address if chain in found.chains else found.address


def is_address(text: str, *, chain: str | None = None) -> bool:
    """Return whether `text` is a valid address (of `chain`, if given), as `decode` judges it."""
    try:
        decode(text, chain=chain)
    except AddressInvalid:
        return False
    return True


def script_of(address: str, *, chain: str | None = None) -> bytes:
    """Return the pubkey script of an address.

    Raises
    ------
    AddressInvalid
        As `decode`, and for the address of an account, which has no script.
    """
    decoded = decode(address, chain=chain)
    if not decoded.script:
        raise refuse(f"an account on {decoded.chain} has no script", decoded.address, hint="use its address")
    return decoded.script


def address_of(script: bytes, chain: str = "btc") -> str | None:
    """Return the address of a pubkey script, or `None` where the chain has no address for it.

    `p2pk`, `multisig` and `op_return` have none: some explorers show the `p2pkh` address of the key in
    a `p2pk` script, which is another script. Witness programs of versions without a rule have one.

    Raises
    ------
    BadInput
        If the chain is not known, or has accounts in place of scripts.

    Examples
    --------
    >>> address_of(bytes.fromhex("51024e73"))
    'bc1pfeessrawgf'
    """
    forms = _FORMS.get(chain)
    if forms is None:
        raise _unknown(chain)
    kind = script_type(script)
    if kind in ("p2pkh", "p2sh"):
        payload = script[3:23] if kind == "p2pkh" else script[2:22]
        if chain == "bch":
            return cashaddr_encode(int(kind == "p2sh"), payload)
        return base58_encode((forms.p2pkh if kind == "p2pkh" else forms.p2sh)[0] + payload)
    if forms.hrp and kind in ("p2wpkh", "p2wsh", "p2tr", "anchor", "witness_unknown"):
        return segwit_encode(forms.hrp, script[0] - 0x50 if script[0] else 0, script[2:])
    return None


def derive(pubkey: bytes, script_type: str, chain: str) -> str:
    """Return the address that pays to a public key in one of the usual ways.

    Parameters
    ----------
    pubkey : bytes
        33 or 65 bytes; 33 for the segwit types; for `p2tr` the 32 bytes of the *output* key, which
        already commits to the scripts. That the bytes are a point on the curve is not checked.
    script_type : {"p2pkh", "p2wpkh", "p2sh-p2wpkh", "p2tr"}
    chain : str
        One of `CHAINS`, not an account chain.

    Raises
    ------
    BadBytes
        If the key has not the form that the type needs.
    BadInput
        If the type is none of the four, or the chain has no such addresses.
    MissingExtra
        If this Python's OpenSSL lacks RIPEMD-160.
    """
    if script_type not in ("p2pkh", "p2wpkh", "p2sh-p2wpkh", "p2tr"):
        raise BadInput(f"no address of type {script_type!r} can be derived", hint="see help(derive)")
    fits = len(pubkey) == 32 if script_type == "p2tr" else is_pubkey(pubkey)
    if not fits or (len(pubkey) == 65 and script_type != "p2pkh"):
        begin = pubkey[:1].hex() or "nothing"  # not more: it may be a private key
        message = f"not a public key for {script_type}: {len(pubkey)} bytes that begin with {begin}"
        raise BadBytes(message, hint="33 bytes beginning with 02 or 03, or 65 with 04; 32 for p2tr")
    if script_type == "p2sh-p2wpkh":
        script = make_script("p2sh", hash160(make_script("p2wpkh", hash160(pubkey))))
    else:
        script = make_script(script_type, pubkey if script_type == "p2tr" else hash160(pubkey))
    address = address_of(script, chain)
    if address is None or (script_type == "p2sh-p2wpkh" and not _FORMS[chain].hrp):
        raise BadInput(f"{chain} has no {script_type} addresses", hint="p2pkh exists on every chain")
    return address


def find_addresses(text: str, *, chain: str | None = None) -> tuple[Found, ...]:
    """Return the valid addresses in free text, in their order.

    Punctuation, blanks, line breaks and letters of scripts without case (Chinese, Arabic …) end an
    address; a part of a longer word never is one. What fails its checksum is left out: to have it
    named, pass it to `decode`. See `decode` on `0x…`, which need not carry one.

    Raises
    ------
    BadInput
        If the chain is not known.

    Examples
    --------
    >>> find_addresses("pay <bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa?amount=1>.")[0][:3]
    ('1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', 'btc', 13)
    """
    _check_chain(chain)
    found = []
    for match in _CANDIDATE.finditer(text):
        start, end = match.span()
        if _continues_word(text[max(start - 1, 0) : start]) or _continues_word(text[end : end + 1]):
            continue
        try:
            decoded = decode(match[0], chain=chain)
        except AddressInvalid:
            continue
        found.append(Found(decoded.address, decoded.chain, start, end))
    return tuple(found)


def _continues_word(neighbour: str) -> bool:
    return neighbour.isalnum() and unicodedata.category(neighbour) != "Lo"


def _read(text: str) -> tuple[tuple[str, ...], str, bytes]:
    """Return the chains on which `text` is an address, its script type and its script."""
    if len(text) < _SHORTEST:
        raise refuse("too short for an address", text)
    if not text.isascii():
        place = next(i for i, character in enumerate(text) if not character.isascii())
        raise refuse(f"character {place + 1} is {text[place]!a}, which no address uses", text)
    if EVM_ADDRESS.fullmatch(text):
        evm_decode(text)
        return tuple(EVM), "account", b""
    if text.rpartition("1")[0].lower() in _HRPS:
        hrp, version, program = segwit_decode(text)
        script = bytes((version + 0x50 if version else 0, len(program))) + program
        return (_HRPS[hrp],), script_type(script), script
    if _CASHADDR.fullmatch(text):
        cash_kind, payload = cashaddr_decode(text)
        kind = "p2sh" if cash_kind else "p2pkh"
        return ("bch",), kind, make_script(kind, payload)
    return _read_base58(text)


def _read_base58(text: str) -> tuple[tuple[str, ...], str, bytes]:
    try:
        payload = base58_decode(text)
    except AddressInvalid:
        if other := _OTHER_PREFIX.fullmatch(text.lower()):
            raise refuse(f"no chain known here has the prefix {other[1]}", text) from None
        raise
    if len(payload) in (33, 34, 78):
        secret = "a private key" if len(payload) < 78 else "an extended key"
        raise refuse(f"{secret}, not an address", text, hint="keep it out of the case; it may be a secret")
    version, payload = payload[:-20], payload[-20:]
    if version == _TRON_VERSION:
        return ("tron",), "account", b""
    if version not in _VERSIONS:
        known = f"the chains known are {', '.join(CHAINS)}"
        raise refuse(f"of no chain known here, by its version {version.hex() or '(none)'}", text, hint=known)
    chains, kinds = zip(*_VERSIONS[version], strict=True)
    return chains, kinds[0], make_script(kinds[0], payload)


def hash160(raw: bytes) -> bytes:
    """Return the RIPEMD-160 of the SHA-256: what most scripts hold of a key or of another script.

    Raises
    ------
    MissingExtra
        If this Python's OpenSSL lacks RIPEMD-160.
    """
    try:
        ripemd = hashlib.new("ripemd160")
    except ValueError:
        raise MissingExtra(
            "this Python's OpenSSL has no RIPEMD-160", hint="use a Python built with OpenSSL 3.0.7 or later"
        ) from None
    ripemd.update(hashlib.sha256(raw).digest())
    return ripemd.digest()


def _check_chain(chain: str | None) -> None:
    if chain is not None and chain not in CHAINS:
        raise _unknown(chain)


def _unknown(chain: str) -> BadInput:
    known = ", ".join(CHAINS if chain not in CHAINS else _FORMS)
    return BadInput(f"the chain {chain!r} has no such addresses here", hint=f"use one of {known}")
