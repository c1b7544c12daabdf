"""A trace as a list of hops, in the columns that `check_claims` reads: what to hand to the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainflow.errors import BadInput
from chainflow.model import TransferKind
from chainflow.tracing.accounts.result import AccountTrace
from chainflow.tracing.walk import Move

if TYPE_CHECKING:
    from chainflow.tracing.result import Trace

__all__ = ["claims_of"]


def claims_of(trail: Trace) -> list[dict[str, str]]:
    """Return one row per move of a trace, in base units; by hop: each has a higher one than what pays it.

    Give `check_claims` the seeds and the policy of the trace with them. Legs on other chains are lists of
    their own.

    Raises
    ------
    BadInput
        If the trace goes backward: a list of hops says where money went.
    """
    if trail.direction != "forward":
        raise BadInput("a list of hops follows the money forward", hint='trace(…, direction="forward")')
    if isinstance(trail, AccountTrace):
        return _of_accounts(trail)
    hops: dict[str, int] = {}
    rows = []
    by_txid: dict[str, list[Move]] = {}
    for move in trail.moves:
        by_txid.setdefault(move.txid, []).append(move)
    for txid, moves in sorted(by_txid.items(), key=lambda item: _position(trail, item[0])):
        hops[txid] = 1 + max(hops.get(move.from_outpoint.txid, 0) for move in moves)
        for move in moves:
            place = "" if move.to_outpoint is None else str(move.to_outpoint.vout)
            rows.append(
                {
                    "hop": str(hops[txid]),
                    "chain": trail.chain,
                    "txid": txid,
                    "spends": str(move.from_outpoint),
                    "from": move.from_address,
                    "to": move.to_address or "fee",
                    "place": place,
                    "tainted_raw": str(move.tainted_sat),
                }
            )
    return sorted(rows, key=lambda row: int(row["hop"]))


def _position(trail: Trace, txid: str) -> int:
    return trail.ledger.index.row_of_tx[trail.chain, txid]


def _of_accounts(trail: AccountTrace) -> list[dict[str, str]]:
    hops: dict[object, int] = {}
    rows = []
    for move in sorted(trail.moves):
        asset, event = move.holding.asset, trail._walk.events[move.event]
        hop = 1 + hops.get(move.holding, 0)
        if move.to_address is not None:
            into = type(move.holding)(asset, move.to_address)
            hops[into] = max(hop, hops.get(into, 0))
        rows.append(
            {
                "hop": str(hop),
                "chain": trail.chain,
                "txid": move.txid,
                "from": move.from_address,
                "to": move.to_address or ("fee" if event.kind == TransferKind.FEE else "burn"),
                "place": event.place or ("native" if event.kind == TransferKind.NATIVE else ""),
                "asset": asset.contract or "native",
                "tainted_raw": str(move.tainted_raw),
            }
        )
    return sorted(rows, key=lambda row: int(row["hop"]))
