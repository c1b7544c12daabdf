"""Which scripts and keys a ledger shows: as outputs, and where an input opens what it spends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from chainflow.addresses import hash160
from chainflow.errors import BadBytes
from chainflow.ledger import Ledger
from chainflow.scripts import is_pubkey, make_script, script_type
from chainflow.sources.shown import pushes
from chainflow.wire import TxInput, parse_transaction

__all__ = ["Shown", "forms_of_hash", "forms_of_key", "forms_of_script", "keys_in", "opened", "serialisations"]

_P = 2**256 - 2**32 - 977
"""The prime of secp256k1, whose points satisfy y² = x³ + 7 (SEC 2, 2.4.1)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The scripts and keys that a ledger's transactions show.

    Attributes
    ----------
    scripts, keys : mapping of (chain, bytes) to int
        Row of the first transaction, in spending order, in which it stands: a script as an output's or as
        what a script hash turned out to be, a key in such a script or given by the input that spends.
    numbers : mapping of (chain, script) to int
        The scripts that outputs of the ledger have: `ledger.index.labels[number]` is the address.
    """

    scripts: Mapping[tuple[str, bytes], int]
    keys: Mapping[tuple[str, bytes], int]
    numbers: Mapping[tuple[str, bytes], int]

    @classmethod
    def of(cls, ledger: Ledger) -> Self:
        """Read every script and every input of a ledger, once; bytes that cannot be read show nothing."""
        kept: dict[str, Self] = vars(ledger)  # as `cached_property` keeps its value
        if "_shown" not in kept:
            kept["_shown"] = cls._read(ledger)
        return kept["_shown"]

    @classmethod
    def _read(cls, ledger: Ledger) -> Self:
        index = ledger.index
        texts = ledger.outputs["script"].to_pylist()
        known = [bytes.fromhex(texts[row]) for row in index.script_rows[index.script_ptr[:-1]].tolist()]
        places = [index.output_chains[row] for row in index.script_rows[index.script_ptr[:-1]].tolist()]
        scripts: dict[tuple[str, bytes], int] = {}
        keys: dict[tuple[str, bytes], int] = {}
        vins, number_of = ledger.outputs["spent_vin"].to_pylist(), index.script_of.tolist()
        for tx, (chain, inputs) in enumerate(zip(index.chains, _inputs(ledger), strict=True)):
            spent = {vins[row]: known[number_of[row]] for row in index.inputs_of(tx).tolist()}
            stands = list(spent.values())
            for vin, entry in enumerate(inputs):
                inner, key = opened(entry, spent.get(vin))
                stands += inner
                if key:
                    keys.setdefault((chain, key), tx)
            stands += [known[number_of[row]] for row in index.outputs_of(tx).tolist()]
            for script in stands:
                if (chain, script) not in scripts:
                    scripts[chain, script] = tx
                    for key in keys_in(script):
                        keys.setdefault((chain, key), tx)
        return cls(
            scripts, keys, {place: number for number, place in enumerate(zip(places, known, strict=True))}
        )


def _inputs(ledger: Ledger) -> Iterator[tuple[TxInput, ...]]:
    """Yield the inputs of every transaction; none of a coinbase, or where its bytes are not held or damaged."""
    raws = (raw for chunk in ledger.txs["raw"].chunks for raw in chunk.to_pylist())
    for raw, is_coinbase in zip(raws, ledger.index.is_coinbase, strict=True):
        try:
            yield () if raw is None or is_coinbase else parse_transaction(raw).inputs
        except BadBytes:
            yield ()


def opened(entry: TxInput, spent: bytes | None) -> tuple[list[bytes], bytes]:
    """Return the scripts that an input shows behind hashes, outermost first, and the key that it gives.

    What does not hash to the spent script is not taken. Where `spent` is `None` (not in evidence), it is
    taken for the simplest script that these bytes would open: then only another script that commits to the
    same hash can make anything of them.

    Returns
    -------
    list of bytes, bytes
        No script and an empty key where there is nothing; always so for taproot, which shows no key.
    """
    items = list(pushes(entry.scriptsig) or ())
    script = _guessed(items, entry.witness) if spent is None else spent
    scripts: list[bytes] = []
    if script_type(script) == "p2sh" and items and make_script("p2sh", hash160(items[-1])) == script:
        script = items.pop()
        scripts.append(script)
    if script_type(script) in ("p2wpkh", "p2wsh"):
        items = list(entry.witness)
    if (
        script_type(script) == "p2wsh"
        and items
        and make_script("p2wsh", sha256(items[-1]).digest()) == script
    ):
        script = items.pop()
        scripts.append(script)
    kind, key = script_type(script), items[-1] if items else b""
    gives = kind in ("p2pkh", "p2wpkh") and is_pubkey(key) and make_script(kind, hash160(key)) == script
    return scripts, key if gives else b""


def _guessed(pushed: list[bytes], witness: tuple[bytes, ...]) -> bytes:
    if pushed:
        top = pushed[-1]
        return make_script("p2pkh" if is_pubkey(top) else "p2sh", hash160(top))
    if not witness:
        return b""
    if len(witness) == 2 and is_pubkey(witness[1]):
        return make_script("p2wpkh", hash160(witness[1]))
    return make_script("p2wsh", sha256(witness[-1]).digest())


def keys_in(script: bytes) -> list[bytes]:
    """Return the public keys that stand in a script: of P2PK and of bare multisig."""
    kind = script_type(script)
    if kind == "p2pk":
        return [script[1:-1]]
    keys: list[bytes] = []
    offset = 1
    while kind == "multisig" and offset < len(script) - 2:
        end = offset + 1 + script[offset]
        keys.append(script[offset + 1 : end])
        offset = end
    return keys


def serialisations(key: bytes) -> tuple[bytes, ...]:
    """Return the ways to write a public key: compressed, uncompressed, hybrid; none if it is no point.

    The missing coordinate is y = (x³ + 7)^((p + 1) / 4) mod p, a square root since p mod 4 is 3.

    References
    ----------
    SEC 1, 2.3.3 and 2.3.4.

    Examples
    --------
    >>> [len(form) for form in serialisations(bytes.fromhex("02" + f"{1:064x}"))]
    [33, 65, 65]
    >>> serialisations(bytes.fromhex("02" + f"{5:064x}"))
    ()
    """
    if not is_pubkey(key):
        return ()
    x = int.from_bytes(key[1:33])
    y = int.from_bytes(key[33:]) if len(key) == 65 else pow(x**3 + 7, (_P + 1) // 4, _P)
    if len(key) == 33 and y & 1 != key[0] & 1:
        y = _P - y
    is_point = x < _P and y < _P and (y * y - x**3 - 7) % _P == 0
    if not is_point or (key[0] in (6, 7) and y & 1 != key[0] & 1):
        return ()
    odd, both = y & 1, x.to_bytes(32) + y.to_bytes(32)
    return bytes((2 + odd,)) + both[:32], b"\x04" + both, bytes((6 + odd,)) + both


def forms_of_key(key: bytes, digest: bytes | None = None) -> list[bytes]:
    """Return the scripts that pay to one way of writing a key: P2PK and what pays to its hash (`digest`)."""
    return [bytes((len(key),)) + key + b"\xac", *forms_of_hash(hash160(key) if digest is None else digest)]


def forms_of_hash(digest: bytes) -> list[bytes]:
    """Return the scripts that pay to the key with this hash: P2PKH, P2WPKH, P2SH-P2WPKH."""
    native = make_script("p2wpkh", digest)
    return [make_script("p2pkh", digest), native, make_script("p2sh", hash160(native))]


def forms_of_script(script: bytes) -> list[bytes]:
    """Return the scripts that ask for one and the same: itself, its P2SH, its P2WSH, its P2SH-P2WSH."""
    native = make_script("p2wsh", sha256(script).digest())
    return [script, make_script("p2sh", hash160(script)), native, make_script("p2sh", hash160(native))]
