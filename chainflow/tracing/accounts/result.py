"""`AccountTrace`: a trace over accounts, per asset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import networkx as nx
import pandas as pd
import pyarrow as pa

from chainflow import schema, units
from chainflow.model import EndReason, digest_of
from chainflow.tracing.accounts.explained import explain_accounts
from chainflow.tracing.accounts.walk import NOWHERE, AccountMark, AccountMove
from chainflow.tracing.asset import Asset
from chainflow.tracing.explained import Explained
from chainflow.tracing.result import End, Trace

if TYPE_CHECKING:
    from chainflow.tracing.accounts.events import Events

__all__ = ["AccountTrace", "account_frame"]


class AccountTrace(Trace):
    """Where value went or came from over accounts; see `Trace` for what it holds.

    `outputs` has a row per receipt that taint came to, `ends` one per place where it ended; columns as
    `schema.ACCOUNT_TRACE`, amounts exact integers of any size. A row without a txid is what an account
    held: at the end of the evidence, or before it begins.
    """

    @cached_property
    def moves(self) -> tuple[AccountMove, ...]:  # type: ignore[override]
        """What each transfer took of the traced value, in the order of the walk."""
        return tuple(self._walk.moves)

    @cached_property
    def openings(self) -> pd.DataFrame:
        """What the trace took for granted of each account that it went through or stands at.

        `opening_raw`: the least that the account must have held before the evidence begins, which counts as
        clean unless the account is a seed; `known`: how far its history is known; `unordered`: neighbours
        in one block whose order no source told; `untold`: transfers counted as moved of which no source told
        whether they succeeded.
        """
        events: Events = self._walk.events
        met = {move.holding for move in self.moves} | set(getattr(self._walk, "tracked", ()))
        rows = [
            (
                str(one.asset),
                one.address,
                events.opening(one),
                events.known[one],
                events.same_block(events.of[one]),
                sum(events[number].ok is None for number in events.of[one]),
            )
            for one in sorted(met, key=str)
        ]
        names = ["asset", "address", "opening_raw", "known", "unordered", "untold"]
        return pd.DataFrame(rows, columns=names, dtype=object)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was found: equal for equal results on every machine."""
        found: dict[str, object] = {"books": {str(asset): book for asset, book in self.books.items()}}
        if self.legs:
            found["legs"] = [leg.digest for leg in self.legs]
        for name, frame in (("outputs", self.outputs), ("ends", self.ends)):
            plain = frame.drop(columns="time").astype(object)
            found[name] = plain.where(plain.notna(), None).to_dict("list")
        return digest_of(found)

    def to_networkx(self) -> nx.MultiDiGraph[str]:
        """Return the accounts and, per transaction and asset, what moved between them: `tainted_raw`."""
        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        graph.add_nodes_from(self.outputs["address"].dropna())
        for move in self.moves:
            payee = EndReason.FEE.value if move.to_address is None else move.to_address
            edge = (move.from_address, payee, f"{move.txid} {move.holding.asset}")
            if graph.has_edge(*edge):
                graph.edges[edge]["tainted_raw"] += move.tainted_raw
            else:
                asset = str(move.holding.asset)
                graph.add_edge(*edge, tainted_raw=move.tainted_raw, txid=move.txid, asset=asset)
        return graph

    def end_rows(self) -> Iterator[End]:
        """Yield where it ended: one row per end, fees and burns with the address `None`."""
        names = ("contract", "token_id", "address", "reason", "tainted_raw", "hop", "tag")
        plain = self.ends.astype(object)
        rows = plain.where(plain.notna(), None)[list(names)].itertuples(index=False)
        for contract, token_id, address, reason, tainted, hop, tag in rows:
            yield End(Asset(self.chain, contract, token_id), address, reason, tainted, hop, tag)

    def explain(self, place: str) -> Explained:
        """Say how traced value came to an account or a transfer: the books of the accounts on the way."""
        return explain_accounts(self, place)

    @property
    def _reached(self) -> str:
        return units.counted(len(self.outputs), "receipt")

    def _place(self, mark: Any) -> int:
        return int(mark.event)

    def _name(self, row: int) -> str:
        return "held before the evidence" if row == NOWHERE else str(self._walk.events[row].name)


def account_frame(
    events: Events, marks: Sequence[AccountMark], labels: Mapping[str, str], *, is_ends: bool
) -> pd.DataFrame:
    """Return marks as a frame with the columns of `schema.ACCOUNT_TRACE`; `reason` only where `is_ends`."""
    found = [None if mark.event == NOWHERE else events[mark.event] for mark in marks]
    columns = {
        "chain": [events.chain] * len(marks),
        "txid": [None if one is None else one.txid for one in found],
        "place": [None if one is None else one.place for one in found],
        "contract": [mark.holding.asset.contract for mark in marks],
        "token_id": [mark.holding.asset.token_id for mark in marks],
        "address": [mark.address for mark in marks],
        "value_raw": [str(mark.value_raw) for mark in marks],
        "tainted_raw": [str(mark.tainted_raw) for mark in marks],
        "hop": [mark.hop for mark in marks],
        "height": [None if one is None else one.height for one in found],
        "time": [None if one is None else one.time for one in found],
        "reason": [None if mark.reason is None else mark.reason.value for mark in marks],
        "tag": ["" if mark.address is None else labels.get(mark.address, "") for mark in marks],
    }
    table = pa.table(columns, schema=schema.ACCOUNT_TRACE)
    frame: pd.DataFrame = (table if is_ends else table.drop_columns(["reason"])).to_pandas(
        types_mapper=pd.ArrowDtype
    )
    for name in ("value_raw", "tainted_raw"):
        frame[name] = pd.Series([int(digits) for digits in frame[name]], dtype=object)
    return frame
