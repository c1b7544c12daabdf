"""Facts as canonical JSON rows and back: what the derived table of a case holds for each reply."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from chainflow.model import (
    AddressClaim,
    BlockHash,
    Fact,
    HeaderRecord,
    InclusionRecord,
    InputRecord,
    Listing,
    Outpoint,
    OutputRecord,
    SpendRecord,
    Tip,
    TokenRecord,
    TransferKind,
    TransferRecord,
    TxOutline,
    TxRecord,
)

__all__ = ["FactRow", "decode", "encode"]

FactRow = tuple[str, str, str, dict[str, Any]]
"""(kind, chain, subject, content): the subject is a txid, an outpoint or an address."""

_PLAIN: dict[str, tuple[type[Any], str]] = {
    "claim": (AddressClaim, "address"),
    "listing": (Listing, "address"),
    "tip": (Tip, ""),
    "outline": (TxOutline, "txid"),
    "inclusion": (InclusionRecord, "txid"),
    "block": (BlockHash, "block_hash"),
    "header": (HeaderRecord, ""),
    "transfer": (TransferRecord, "txid"),
    "token": (TokenRecord, "contract"),
}
"""Kind → the record, and which of its fields is the subject; the others are the content as they are."""

_KINDS = {record: kind for kind, (record, _) in _PLAIN.items()}


def encode(fact: Fact) -> FactRow:
    """Return a fact as its kind, chain, subject and JSON-able content."""
    if isinstance(fact, TxRecord):
        return "tx", fact.chain, fact.txid, _encode_tx(fact)
    if isinstance(fact, SpendRecord):
        return "spend", fact.chain, str(fact.outpoint), {"by": fact.spent_by, "vin": fact.spent_vin}
    kind = _KINDS[type(fact)]
    subject = _PLAIN[kind][1]
    content = {
        field.name: _PACKED.get(field.name, _same)(getattr(fact, field.name))
        for field in dataclasses.fields(fact)
        if field.name not in ("chain", subject)
    }
    return kind, fact.chain, getattr(fact, subject) if subject else "", content


def decode(row: FactRow) -> Fact:
    """Return the fact of a row made by `encode`.

    Raises
    ------
    BadInput, ValueError, TypeError, KeyError
        If the row was not made by it.
    """
    kind, chain, subject, content = row
    if kind == "tx":
        return _decode_tx(chain, subject, content)
    if kind == "spend":
        return SpendRecord(chain, Outpoint.parse(subject), content["by"], content["vin"])
    if kind not in _PLAIN:
        raise ValueError(f"no such kind of fact: {kind}")
    record, name = _PLAIN[kind]
    fields = {key: _UNPACKED.get(key, _same)(value) for key, value in content.items()}
    made: Fact = record(chain=chain, **({name: subject} if name else {}), **fields)
    return made


def _same(value: Any) -> Any:
    return value


def _packed_outputs(outputs: tuple[OutputRecord, ...] | None) -> list[tuple[int, str]] | None:
    return None if outputs is None else [_pair(output) for output in outputs]


def _unpacked_outputs(pairs: list[tuple[int, str]] | None) -> tuple[OutputRecord, ...] | None:
    return None if pairs is None else tuple(OutputRecord(value, script) for value, script in pairs)


_PACKED: dict[str, Callable[[Any], Any]] = {
    "prevouts": _packed_outputs,
    "outputs": _packed_outputs,
    "value_raw": str,  # beyond 2**63: other readers of JSON would round it
    "stated_raw": str,
    "token_id": lambda value: None if value is None else str(value),
    "txids": list,
    "branch": list,
    "marks": list,
}
_UNPACKED: dict[str, Callable[[Any], Any]] = {
    "prevouts": _unpacked_outputs,
    "outputs": _unpacked_outputs,
    "value_raw": int,
    "stated_raw": int,
    "token_id": lambda value: None if value is None else int(value),
    "kind": TransferKind,
    "txids": tuple,
    "branch": tuple,
    "marks": tuple,
}


def _encode_tx(tx: TxRecord) -> dict[str, Any]:
    inputs = [
        [i.outpoint.txid, i.outpoint.vout, i.sequence, *(_pair(i.prevout) if i.prevout else (None, None))]
        for i in tx.inputs
    ]
    return {
        "inputs": inputs,
        "outputs": [_pair(output) for output in tx.outputs],
        "coinbase": tx.is_coinbase,
        "block": [tx.height, tx.block_hash, tx.time, tx.position, tx.is_placed, tx.is_included],
        "raw": None if tx.raw is None else tx.raw.hex(),
    }


def _pair(output: OutputRecord) -> tuple[int, str]:
    return output.value_sat, output.script


def _decode_tx(chain: str, txid: str, content: dict[str, Any]) -> TxRecord:
    height, block_hash, time, position, is_placed, is_included = content["block"]
    return TxRecord(
        chain=chain,
        txid=txid,
        inputs=tuple(
            InputRecord(
                Outpoint(parent, vout), None if value is None else OutputRecord(value, script), sequence
            )
            for parent, vout, sequence, value, script in content["inputs"]
        ),
        outputs=tuple(OutputRecord(value, script) for value, script in content["outputs"]),
        is_coinbase=content["coinbase"],
        height=height,
        block_hash=block_hash,
        time=time,
        position=position,
        raw=None if content["raw"] is None else bytes.fromhex(content["raw"]),
        is_placed=is_placed,
        is_included=is_included,
    )
