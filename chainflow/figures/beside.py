"""What must stand beside a picture: evidence of each transaction, coverage, balance, and a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from chainflow.figures.figure import Basis, Flow, Item, TxNote
from chainflow.figures.marks import end_mark
from chainflow.figures.text import day, legible, short_name, span
from chainflow.model import EndReason
from chainflow.units import counted, format_coins

if TYPE_CHECKING:
    from chainflow.ledger import Ledger
    from chainflow.tags import Tags
    from chainflow.tracing import Trace

__all__ = [
    "coverage_note",
    "coverage_of",
    "disputed_next",
    "ledger_notes",
    "ledger_summary",
    "seed_name",
    "sources_of",
    "trace_notes",
    "trace_summary",
    "verified",
]

_TOP = 3

EvidenceRow = tuple[int, str, str, str, int | None]


def ledger_notes(ledger: Ledger, txids: Iterable[str], tags: Tags | None) -> dict[str, TxNote]:
    """Return what the ledger knows of each transaction, with every reply behind it, in the given order."""
    replies: dict[str, list[EvidenceRow]] = {}
    for row in ledger.evidence.to_pylist():
        seen = (row["seq"], row["sha256"], legible(row["source"], limit=120), legible(row["url"], limit=500))
        replies.setdefault(row["txid"], []).append((*seen, _seconds(row["retrieved"])))
    names = ["txid", "time", "height", "level", "fee_sat", "n_inputs", "is_coinbase"]
    known = {row["txid"]: row for row in ledger.txs.select(names).to_pylist()}
    index = ledger.index
    notes = {}
    for txid in txids:
        row = known.get(txid, dict.fromkeys(names))
        payers = {
            index.label_of(spent) for tx in index.tx_rows(txid) for spent in index.inputs_of(tx).tolist()
        }
        stated = tags.by_address.get(txid, ()) if tags is not None else ()
        notes[txid] = TxNote(
            txid,
            _seconds(row["time"]),
            row["height"],
            row["level"],
            row["fee_sat"],
            len(payers) if txid in known else None,
            tuple(legible(f"{tag.label} ({tag.source})", limit=300) for tag in stated),
            tuple(replies.get(txid, ())),
        )
    return notes


def trace_notes(trace: Trace, txids: Iterable[str]) -> dict[str, TxNote]:
    """Return what a trace by itself knows of each transaction: time and block, no evidence."""
    columns = (trace.outputs[name].tolist() for name in ("txid", "time", "height"))
    known = {
        txid: (_seconds(time), None if pd.isna(height) else int(height))
        for txid, time, height in zip(*columns, strict=True)
    }
    return {txid: TxNote(txid, *known.get(txid, (None, None)), None, None, None, (), ()) for txid in txids}


def _seconds(time: datetime | None) -> int | None:
    return None if time is None or pd.isna(time) else int(time.timestamp())


def coverage_of(ledger: Ledger | None) -> dict[str, str]:
    """Return, per address, whether its history is complete, according to whom and as of which block."""
    told: dict[str, str] = {}
    rows = [] if ledger is None else ledger.coverage.to_dict("records")
    for row in rows:
        as_of = "" if pd.isna(row["as_of_height"]) else f" as of block {int(row['as_of_height']):,}"
        why = f": {legible(row['reason'], limit=120)}" if row["reason"] else ""
        sentence = f"{row['state']}{as_of}, says {legible(row['source'], limit=60)}{why}"
        # one complete answer is enough; the rows are sorted, so the choice does not depend on luck
        if row["address"] not in told or row["state"] == "complete":
            told[row["address"]] = sentence
    return told


def coverage_note(ledger: Ledger | None) -> str:
    """Return how many of the addresses that were asked for are complete, and what is in dispute."""
    if ledger is None:
        return "not given"
    states = [str(state) for state in ledger.coverage["state"]]
    partial = sum(state != "complete" for state in states)
    asked = (
        f"{len(states) - partial:,} of {len(states):,} asked addresses complete"
        if states
        else "no address was asked for"
    )
    return f"{asked}; {counted(ledger.disputes.num_rows, 'dispute') if ledger.disputes.num_rows else 'no disputes'}"


def sources_of(notes: Iterable[TxNote]) -> tuple[str, ...]:
    """Return each source with how many replies of it stand behind the picture, and from when to when."""
    found: dict[str, list[int | None]] = {}
    for note in notes:
        for _, _, source, _, retrieved in note.evidence:
            found.setdefault(source, []).append(retrieved)
    lines = []
    for source, times in sorted(found.items()):
        known = [time for time in times if time is not None]
        when = f", retrieved {span(min(known), max(known))}" if known else ""
        lines.append(f"{source} ({counted(len(times), 'statement')}{when})")
    return tuple(lines)


def verified(notes: Sequence[TxNote], *, of: str = "") -> str:
    """Return how many transactions of the picture (or those `of` something) were hashed again from their bytes."""
    if not notes:
        return "no transaction is shown: there is none to verify"
    if of:
        done = sum((note.level or 0) >= 2 for note in notes)
        return (
            f"no transaction is shown; {of}: {done:,} of {counted(len(notes), 'transaction')} verified (L2)"
        )
    if any(note.level is None for note in notes):
        return "not given: draw with ledger= to show it"
    done = sum((note.level or 0) >= 2 for note in notes)
    return f"{done:,} of {counted(len(notes), 'transaction')} verified (L2: txid recomputed from the bytes)"


def ledger_summary(
    items: Mapping[str, Item], flows: Sequence[Flow], notes: Sequence[TxNote], chain: str
) -> str:
    """Return who paid how much to whom and when: the largest flows of a ledger in one sentence."""
    paid = [
        flow
        for flow in flows
        if items[flow.source].name != items[flow.target].name
        and "transaction" not in (items[flow.source].kind, items[flow.target].kind)
    ]
    largest = sorted(paid, key=lambda flow: (-flow.value_sat, flow.id))[:_TOP]
    said = "; ".join(
        f"{'by a pro-rata share, ' if flow.basis is Basis.PRO_RATA else ''}{_called(items[flow.source])} paid "
        f"{format_coins(flow.value_sat, chain)} to {_called(items[flow.target])}, {span(flow.first, flow.last)}"
        for flow in largest
    )
    count = counted(len(notes), "transaction")
    return (
        f"{count}, {_span_of(notes)} UTC; largest: {said}."
        if said
        else f"{count}, {_span_of(notes)} UTC; nobody paid anybody else."
    )


def _called(item: Item) -> str:
    """Return an item as a sentence names it: what only a tag says of it is quoted, as a tag."""
    short = short_name(item.name)
    tagged = f"tagged “{item.label}”" if item.tags else ""
    if item.kind == "cluster":
        of = counted(len(item.addresses), "address")
        return f"the cluster of {of}{tagged and f', one {tagged}'} ({short})"
    return f"the address {tagged} ({short})" if item.kind == "address" and tagged else item.label


def seed_name(seed: str) -> str:
    """Return a seed as a title says it: an address, txid or outpoint, shortened."""
    name, colon, vout = seed.rpartition(":")
    return f"{short_name(name)}:{vout}" if colon and vout.isdigit() else short_name(seed)


def trace_summary(
    trace: Trace, items: Mapping[str, Item], notes: Sequence[TxNote], ledger: Ledger | None
) -> str:
    """Return what was followed from where, and where most of it ended, in one sentence."""
    ends = [(end.value_sat, end.reason, _called(item)) for item in items.values() for end in item.ends]
    largest = sorted(ends, key=lambda end: (-end[0], end[1], end[2]))[:_TOP]
    said = "; ".join(
        f"{format_coins(value, trace.chain)} {end_mark(reason).word}, at {place}"
        for value, reason, place in largest
    )
    said += f"; and {counted(len(ends) - _TOP, 'more end')}" if len(ends) > _TOP else ""
    verb = "followed forward" if trace.direction == "forward" else "followed back"
    amount = format_coins(trace.seed_sat, trace.chain)
    start = f"{amount} of {counted(len(trace.seeds), 'seed')}, {verb} by {trace.policy}"
    stopped = _not_followed(trace, ledger)
    if not notes:
        is_open = set(trace.ends["reason"]) <= {EndReason.UNSPENT.value, EndReason.UNKNOWN.value}
        still = "no transaction in evidence moved it" if is_open else "nothing was followed from there"
        return f"{start}: {stopped or still}; {said}."
    through = f"{start} through {counted(len(notes), 'transaction')} ({_span_of(notes)} UTC): {said}"
    return f"{through}; {stopped}." if stopped else f"{through}."


def disputed_next(trace: Trace, ledger: Ledger) -> tuple[str, ...]:
    """Return the disputed transactions at which a trace stopped: what spends (or made) its disputed ends."""
    ends = trace.ends[trace.ends["reason"] == EndReason.DISPUTED.value]
    if trace.direction == "backward":
        return tuple(sorted(set(ends["txid"])))
    names = ("chain", "txid", "vout", "spent_by")
    columns = (ledger.outputs[name].to_pylist() for name in names)
    spent = {(chain, txid, vout): by for chain, txid, vout, by in zip(*columns, strict=True)}
    places = zip(ends["txid"].tolist(), ends["vout"].tolist(), strict=True)
    found = {spent.get((trace.chain, txid, vout)) for txid, vout in places}
    return tuple(sorted(txid for txid in found if txid is not None))


def _not_followed(trace: Trace, ledger: Ledger | None) -> str:
    """Return which transactions a trace did not follow because sources disagree about them, "" if none."""
    if EndReason.DISPUTED.value not in set(trace.ends["reason"]):
        return ""
    txids = () if ledger is None else disputed_next(trace, ledger)
    names = ", ".join(short_name(txid) for txid in txids[:_TOP])
    names += f" and {len(txids) - _TOP:,} more" if len(txids) > _TOP else ""
    which = "transactions" if len(txids) > 1 else "transaction"
    verbs = "are in dispute and were" if len(txids) > 1 else "is in dispute and was"
    return f"the next {which}{names and f' ({names})'} {verbs} not followed"


def _span_of(notes: Sequence[TxNote]) -> str:
    times = [note.time for note in notes if note.time is not None]
    return span(min(times), max(times)) if times else day(None)
