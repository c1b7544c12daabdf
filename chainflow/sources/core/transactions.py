"""A transaction as a node writes it in JSON: read from its bytes, and its fields compared with them."""

from __future__ import annotations

from decimal import Decimal

from chainflow.errors import BadBytes, ProofFailed, SchemaMismatch
from chainflow.model import OutputRecord
from chainflow.sources.strict import REJECTED, Field, excerpt
from chainflow.sources.utxo import MAX_HEIGHT, U32, check_own_name
from chainflow.transactions import Transaction, TxInput
from chainflow.units import COIN, coins, max_money_sat
from chainflow.wire import parse_transaction

__all__ = ["amount", "script_field", "transaction"]

Spent = tuple[OutputRecord, ...] | None
"""What a transaction spends, in the order of its inputs; `None` where the node does not tell."""


def transaction(chain: str, tx: Field) -> tuple[Transaction, Spent]:
    """Return the transaction that a node's JSON holds as `hex`, and what it spends.

    Raises
    ------
    SchemaMismatch
        If a field is missing, of the wrong type or out of range; it is named.
    ProofFailed
        If the bytes hash to another txid, another field says otherwise than they do, or the stated fee
        is not what goes in minus what comes out.
    """
    raw = tx["hex"]
    try:
        built = parse_transaction(bytes.fromhex(raw.hexadecimal()))
    except BadBytes as error:
        raise SchemaMismatch(f"{tx.what}: {raw.named}: {error.message}", hint=REJECTED) from None
    _same(tx["txid"], built.txid)
    _same(tx["locktime"], built.locktime)
    if tx["version"].integer(-(2**31), U32) & U32 != built.version:
        raise _otherwise(tx["version"], built.version)
    if (wtxid := tx.get("hash")) is not None and wtxid.value != built.wtxid:
        raise ProofFailed(
            f"{tx.what}: {built.txid} comes without its witness, or with another one",
            hint="start the node without rpcserialversion=0",
        )
    vins, vouts = list(tx["vin"].items()), list(tx["vout"].items())
    if (len(vins), len(vouts)) != (len(built.inputs), len(built.outputs)):
        raise ProofFailed(
            f"{tx.what}: {built.txid} lists {len(vins)} inputs and {len(vouts)} outputs, its bytes hold "
            f"{len(built.inputs)} and {len(built.outputs)}",
            hint=REJECTED,
        )
    for vin, given in zip(vins, built.inputs, strict=True):
        _check_input(vin, given, is_coinbase=built.is_coinbase)
    for number, (vout, made) in enumerate(zip(vouts, built.outputs, strict=True)):
        _same(vout["n"], number)
        if _output(chain, vout) != OutputRecord(made.value_sat, made.script.hex()):
            raise _otherwise(vout["value"], f"{coins(made.value_sat)} to {made.script.hex()}")
    spent = None if built.is_coinbase else _spent(chain, tx, vins)
    _check_fee(chain, tx, built, spent)
    return built, spent


def amount(field: Field, chain: str) -> int:
    """Return an amount of coins, a number with at most eight decimals, in base units."""
    value, most = field.value, max_money_sat(chain)
    is_number = type(value) is int or (isinstance(value, Decimal) and value.is_finite())
    # the range first: `1E+999999` is a number, too
    if is_number and 0 <= value <= coins(most) and coins(sat := int(value * COIN)) == value:
        return sat
    raise field.refuse(f"0…{coins(most):f}, at most eight decimals")


def script_field(chain: str, script: Field) -> str:
    """Return the hex of a `scriptPubKey`, after comparing the stated address with it."""
    text = script["hex"].hexadecimal()
    listed = script.get("addresses")  # until version 21
    stated = list(listed.items()) if listed is not None else []
    if (one := script.get("address")) is not None:
        stated.append(one)
    for name in stated:
        check_own_name(name, text, chain)
    return text


def _output(chain: str, output: Field) -> OutputRecord:
    return OutputRecord(amount(output["value"], chain), script_field(chain, output["scriptPubKey"]))


def _check_input(vin: Field, given: TxInput, *, is_coinbase: bool) -> None:
    """Compare an input with its bytes."""
    _same(vin["sequence"], given.sequence)
    if is_coinbase:
        _same(vin["coinbase"], given.scriptsig.hex())
        return
    _same(vin["txid"], given.txid)
    _same(vin["vout"], given.vout)


def _spent(chain: str, tx: Field, vins: list[Field]) -> Spent:
    """Return the outputs spent, all of them or none: nodes from version 23 (25 for one transaction) tell."""
    told = [vin["prevout"] for vin in vins if vin.get("prevout") is not None]
    if not told:
        return None
    if len(told) < len(vins):
        message = f"{tx.what}: {tx['vin'].named} tells {len(told)} of {len(vins)} outputs spent"
        raise SchemaMismatch(message, hint=REJECTED)
    for prevout in told:
        prevout["generated"].flag()
        prevout["height"].integer(0, MAX_HEIGHT)
    return tuple(_output(chain, prevout) for prevout in told)


def _check_fee(chain: str, tx: Field, built: Transaction, spent: Spent) -> None:
    stated = tx.get("fee")
    if stated is None:
        return
    fee_sat = amount(stated, chain)
    if spent is None:
        return  # nothing to check it with, and the ledger works it out itself
    left = sum(output.value_sat for output in spent) - sum(output.value_sat for output in built.outputs)
    if fee_sat != left:
        message = f"{tx.what}: {built.txid} states a fee of {fee_sat:,}, but inputs − outputs is {left:,}"
        raise ProofFailed(message, hint=REJECTED)


def _same(field: Field, wanted: int | str) -> None:
    if type(field.value) is not type(wanted) or field.value != wanted:
        raise _otherwise(field, wanted)


def _otherwise(field: Field, wanted: object) -> ProofFailed:
    shown = excerpt(str(field.value).encode("utf-8", "replace"), limit=80)
    return ProofFailed(f"{field.what}: {field.named} is {shown}, but the bytes say {wanted}", hint=REJECTED)
