"""One transaction as Blockbook states it, compared with its bytes, its sums and what its inputs show.

Blockbook leaves out each field that is 0, false or empty: `vout`, `sequence`, `spent`, `spentIndex`, `hex`.
It lists a bare public key under the address made of it, in outputs and in inputs, and writes texts such as
`OP_RETURN (hello)` where an address stands, with `isAddress: false`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chainflow import wire
from chainflow.addresses import script_type
from chainflow.errors import BadBytes, ProofFailed, SchemaMismatch
from chainflow.model import InputRecord, Outpoint, OutputRecord, SpendRecord, TxRecord
from chainflow.scripts import is_pubkey
from chainflow.sources.accounts import decimal
from chainflow.sources.shown import address_stated, pushes, shows
from chainflow.sources.strict import REJECTED, Field
from chainflow.sources.utxo import MAX_HEIGHT, U32, check_balance, check_name, check_txid
from chainflow.units import max_money_sat

__all__ = ["Transaction", "read_transaction"]

_OTHER_BYTES = ("ltc", "dash", "zec")
"""Chains of which some transactions have bytes that cannot be read here: MWEB, special, shielded."""


class Transaction(NamedTuple):
    """One transaction as read.

    Attributes
    ----------
    record : TxRecord or None
        `None` where it hides amounts, so that its visible part does not add up.
    touched : frozenset of str
        The scripts that it pays, and those of the addresses that it is said to spend from.
    spends : tuple of SpendRecord
        What is stated of its outputs; of one that hides amounts, what it spends.
    """

    txid: str
    record: TxRecord | None
    touched: frozenset[str]
    spends: tuple[SpendRecord, ...]


class _Input(NamedTuple):
    record: InputRecord
    value_sat: int | None
    script: str | None


def read_transaction(chain: str, tx: Field) -> Transaction:
    """Return one transaction.

    Raises
    ------
    SchemaMismatch
        If a field is missing, of the wrong type or out of range.
    ProofFailed
        If it does not hash to its txid, states other things than its bytes hold, or does not add up.
    """
    txid = tx["txid"].hexadecimal(size=32)
    raw = b"" if tx.get("hex") is None else bytes.fromhex(tx["hex"].hexadecimal())
    built = _built(chain, tx, txid, raw)
    vins, vouts = list(tx["vin"].items()), list(tx["vout"].items())
    is_coinbase = len(vins) == 1 and vins[0].get("coinbase") is not None and vins[0].get("txid") is None
    given = built.inputs if built is not None and len(built.inputs) == len(vins) else [None] * len(vins)
    inputs = [] if is_coinbase else [_input(chain, vin, n, given[n]) for n, vin in enumerate(vins)]
    outputs = tuple(_output(chain, vout, n) for n, vout in enumerate(vouts))
    if built is not None:
        _check_built(tx, built, inputs, outputs, is_coinbase=is_coinbase)
    touched = {one.script for one in inputs if one.script is not None} | {o.script for o in outputs}
    if _hides(chain, raw, built, inputs, outputs, is_coinbase=is_coinbase):
        own = (SpendRecord(chain, one.record.outpoint, txid, n) for n, one in enumerate(inputs))
        return Transaction(txid, None, frozenset(touched), tuple(own))
    _check_sums(tx, txid, inputs, outputs, is_coinbase=is_coinbase)
    height, block_hash, time = _block(tx)
    record = TxRecord(
        chain,
        txid,
        tuple(one.record for one in inputs),
        outputs,
        is_coinbase=is_coinbase,
        height=height,
        block_hash=block_hash,
        time=time,
        raw=None if built is None else raw,
    )
    spends = [] if height is None else [_spend(chain, Outpoint(txid, n), v) for n, v in enumerate(vouts)]
    return Transaction(txid, record, frozenset(touched), tuple(spend for spend in spends if spend))


def _built(chain: str, tx: Field, txid: str, raw: bytes) -> wire.Transaction | None:
    """Return the transaction that the bytes are; `None` without bytes, or of a form that is not read here."""
    if not raw:
        return None
    try:
        built = wire.parse_transaction(raw)
    except BadBytes as error:
        if chain.partition("-")[0] in _OTHER_BYTES:
            return None
        raise SchemaMismatch(f"{tx.what}: {tx['hex'].named}: {error.message}", hint=REJECTED) from None
    check_txid(built, txid, what=tx.what)
    return built


def _input(chain: str, vin: Field, index: int, built: wire.TxInput | None) -> _Input:
    """Return one input; what it spends only where amount and script are known."""
    _check_index(vin, index)
    if (coinbase := vin.get("coinbase")) is not None:
        raise coinbase.refuse("nothing, in an input that spends an output")
    outpoint = Outpoint(vin["txid"].hexadecimal(size=32), _number(vin, "vout"))
    value_sat = None if vin.get("value") is None else decimal(vin["value"], most=max_money_sat(chain))
    stated = _address(vin)
    script = None if stated is None else address_stated(stated, chain).script
    prevout = None
    if value_sat is not None and script is not None and _spends(vin, script, built):
        prevout = OutputRecord(value_sat, script.hex())
    record = InputRecord(outpoint, prevout, _number(vin, "sequence"))
    return _Input(record, value_sat, None if script is None else script.hex())


def _address(entry: Field) -> Field | None:
    """Return the one address of an input or output, `None` where other texts stand in its place."""
    if not entry["isAddress"].flag():
        return None
    stated = list(entry["addresses"].items())
    if len(stated) != 1:
        raise entry["addresses"].refuse("one address, as isAddress says")
    return stated[0]


def _spends(vin: Field, script: bytes, built: wire.TxInput | None) -> bool:
    """Return whether an input spends the script of its address, and not a bare key listed under it.

    Raises
    ------
    ProofFailed
        If it shows another key or script than the address stands for.
    """
    signature = vin.get("hex")
    scriptsig = b"" if signature is None else bytes.fromhex(signature.hexadecimal())
    witness: Sequence[bytes] = ()
    if built is not None:
        scriptsig, witness = built.scriptsig, built.witness
    pushed = pushes(scriptsig)
    if script_type(script) == "p2pkh" and pushed and not is_pubkey(pushed[-1]):
        return False  # no key is shown: a bare one was spent, which Blockbook lists under this address
    if shows(script, scriptsig, witness) is False:
        raise ProofFailed(
            f"{vin.what}: {vin.named} shows another key or script than its address", hint=REJECTED
        )
    return True


def _output(chain: str, vout: Field, index: int) -> OutputRecord:
    """Return one output, after comparing the stated address with the script."""
    _check_index(vout, index)
    value_sat = decimal(vout["value"], most=max_money_sat(chain))
    is_empty = vout.get("hex") is None and not vout["addresses"].value
    script = "" if is_empty else vout["hex"].hexadecimal()
    if (stated := _address(vout)) is not None:
        address_stated(stated, chain)
        check_name(stated, script, chain)
    return OutputRecord(value_sat, script)


def _check_index(entry: Field, index: int) -> None:
    if entry["n"].integer(0, U32) != index:
        raise entry["n"].refuse(f"{index}, its place in the list")


def _number(entry: Field, name: str) -> int:
    """Return a number that is left out where it is 0."""
    return 0 if entry.get(name) is None else entry[name].integer(0, U32)


def _check_built(
    tx: Field,
    built: wire.Transaction,
    inputs: Sequence[_Input],
    outputs: Sequence[OutputRecord],
    *,
    is_coinbase: bool,
) -> None:
    """Refuse a transaction that states other inputs or outputs than its bytes hold."""
    spent = [] if built.is_coinbase else [(i.txid, i.vout, i.sequence) for i in built.inputs]
    stated = [(one.record.outpoint.txid, one.record.outpoint.vout, one.record.sequence) for one in inputs]
    paid = tuple(OutputRecord(output.value_sat, output.script.hex()) for output in built.outputs)
    if (is_coinbase, stated) != (built.is_coinbase, spent):
        raise ProofFailed(f"{tx.what}: {tx['vin'].named} is not what the bytes hold", hint=REJECTED)
    if paid != outputs:
        raise ProofFailed(f"{tx.what}: {tx['vout'].named} is not what the bytes hold", hint=REJECTED)


def _hides(
    chain: str,
    raw: bytes,
    built: wire.Transaction | None,
    inputs: Sequence[_Input],
    outputs: Sequence[OutputRecord],
    *,
    is_coinbase: bool,
) -> bool:
    """Return whether amounts come from or go to where they cannot be seen: then no sum can be checked."""
    base = chain.partition("-")[0]
    if base == "zec":
        # a plain one of version 4 or 5 ends in the counts of its shielded parts, which are all 0
        return built is None and not raw.endswith(b"\0\0\0")
    spent = sum(one.value_sat or 0 for one in inputs)
    return base == "dash" and not is_coinbase and spent < sum(output.value_sat for output in outputs)


def _check_sums(
    tx: Field, txid: str, inputs: Sequence[_Input], outputs: Sequence[OutputRecord], *, is_coinbase: bool
) -> None:
    """Refuse a transaction whose stated sums and fee are not those of its inputs and outputs."""
    if not inputs and not is_coinbase:
        raise tx["vin"].refuse("inputs, or that of a coinbase")
    spent, paid = [one.value_sat for one in inputs], sum(output.value_sat for output in outputs)
    known = sum(value for value in spent if value is not None)
    for name, total in (("value", paid), ("valueIn", known)):
        if tx.get(name) is not None and decimal(tx[name]) != total:
            raise ProofFailed(f"{tx.what}: {tx[name].named} is {tx[name].value}, not {total}", hint=REJECTED)
    fee_sat = decimal(tx["fees"])
    if None not in spent:
        check_balance(tx.what, txid, spent=paid if is_coinbase else known, paid=paid, fee=fee_sat)


def _block(tx: Field) -> tuple[int | None, str | None, int | None]:
    """Return height, hash and time of the stated block, `None` each while unconfirmed.

    The time of an unconfirmed transaction is when this server first saw it: that is no block's.
    """
    height = tx["blockHeight"].integer(-1, MAX_HEIGHT)
    if tx["confirmations"].integer(0, MAX_HEIGHT) == 0:
        if height > 0 or tx.get("blockHash") is not None:
            raise tx["confirmations"].refuse("1 or more, in a block")
        return None, None, None
    if height < 0:
        raise tx["blockHeight"].refuse("a height, with confirmations")
    return height, tx["blockHash"].hexadecimal(size=32), tx["blockTime"].integer(0, U32)


def _spend(chain: str, outpoint: Outpoint, vout: Field) -> SpendRecord | None:
    """Return what is stated of an output; `None` where it is spent, but not told by whom."""
    spent, by = vout.get("spent"), vout.get("spentTxId")
    if spent is None or not spent.flag():
        if by is not None:
            raise by.refuse("nothing, while unspent")
        return SpendRecord(chain, outpoint, None, None)
    if by is None:
        return None
    return SpendRecord(chain, outpoint, by.hexadecimal(size=32), _number(vout, "spentIndex"))
