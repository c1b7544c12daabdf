"""Facts as canonical JSON rows and back: what the derived table of a case holds for each reply."""

from __future__ import annotations

from typing import Any

from chainflow.model import (
    AddressClaim,
    Fact,
    InputRecord,
    Listing,
    Outpoint,
    OutputRecord,
    SpendRecord,
    Tip,
    TxRecord,
)

__all__ = ["FactRow", "decode", "encode"]

FactRow = tuple[str, str, str, dict[str, Any]]
"""(kind, chain, subject, content): the subject is a txid, an outpoint or an address."""


def encode(fact: Fact) -> FactRow:
    """Return a fact as its kind, chain, subject and JSON-able content."""
    match fact:
        case TxRecord():
            return "tx", fact.chain, fact.txid, _encode_tx(fact)
        case SpendRecord():
            return "spend", fact.chain, str(fact.outpoint), {"by": fact.spent_by, "vin": fact.spent_vin}
        case AddressClaim():
            content = {"tx_count": fact.tx_count, "unconfirmed": fact.unconfirmed}
            return "claim", fact.chain, fact.address, content
        case Listing():
            page = {"after": fact.after, "txids": list(fact.txids)}
            return (
                "listing",
                fact.chain,
                fact.address,
                {**page, "complete": fact.complete, "reason": fact.reason},
            )
        case Tip():
            return "tip", fact.chain, "", {"height": fact.height}


def decode(row: FactRow) -> Fact:
    """Return the fact of a row made by `encode`."""
    kind, chain, subject, content = row
    match kind:
        case "tx":
            return _decode_tx(chain, subject, content)
        case "spend":
            return SpendRecord(chain, Outpoint.parse(subject), content["by"], content["vin"])
        case "claim":
            return AddressClaim(chain, subject, content["tx_count"], content["unconfirmed"])
        case "listing":
            end = (content["complete"], content["reason"])
            return Listing(chain, subject, content["after"], tuple(content["txids"]), *end)
        case "tip":
            return Tip(chain, content["height"])
        case _:
            raise ValueError(f"no such kind of fact: {kind}")


def _encode_tx(tx: TxRecord) -> dict[str, Any]:
    inputs = [
        [i.outpoint.txid, i.outpoint.vout, i.sequence, *(_pair(i.prevout) if i.prevout else (None, None))]
        for i in tx.inputs
    ]
    return {
        "inputs": inputs,
        "outputs": [_pair(output) for output in tx.outputs],
        "coinbase": tx.is_coinbase,
        "block": [tx.height, tx.block_hash, tx.time, tx.position],
        "raw": None if tx.raw is None else tx.raw.hex(),
    }


def _pair(output: OutputRecord) -> tuple[int, str]:
    return output.value_sat, output.script


def _decode_tx(chain: str, txid: str, content: dict[str, Any]) -> TxRecord:
    height, block_hash, time, position = content["block"]
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
    )
