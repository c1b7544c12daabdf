"""How the shell prints a trace: what was asked, where it ended, the balance, conversions, and explanations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chainflow.console import print_records, print_table, print_text
from chainflow.units import counted

if TYPE_CHECKING:
    from chainflow.case import Case
    from chainflow.tracing import Trace
    from chainflow.tracing.explained import Explained

__all__ = ["policy_sentence", "print_trace"]


def print_trace(case: Case, trail: Trace, ways: Sequence[Explained], *, top: int, is_default: bool) -> None:
    """Print a trace with its explanations; `is_default`: nobody chose the policy."""
    print_text(_sentence(trail))
    print_text(policy_sentence(case, trail, is_default=is_default))
    for leg in (trail, *trail.legs):
        _print_leg(leg, top, on=f" on {leg.chain}" if trail.legs else "")
    _print_conversions(trail, top)
    for way in ways:
        _print_way(trail, way)
    _print_exposure(case, trail)
    grown = getattr(trail, "growth", None)
    if grown is not None:
        print_text(str(grown))


def _sentence(trail: Trace) -> str:
    """Return how much was followed, which way, from where."""
    way = "Followed forward from" if trail.direction == "forward" else "Followed back to"
    sums = ", ".join(trail.money(sum(claimed.values()), asset) for asset, claimed in trail.opened.items())
    return f"{way} {counted(len(trail.seeds), 'seed')} on {trail.chain}: {sums or 'nothing'}."


def policy_sentence(case: Case, trail: Trace, *, is_default: bool) -> str:
    """Return which rule was used, who chose it, and what the log shows of when: no more than that."""
    from chainflow.report import declared_of

    by = ", by default (no --policy was given)" if is_default else ""
    runs = case.log.events("trace.run")
    run = next((one for one in runs if one.content["recipe_digest"] == trail.recipe.digest), None)
    shown = "This run is not in the log." if run is None else declared_of(case.log, run).sentence
    return f"Policy {trail.policy}{by}: a convention, not a fact of the chain. {shown}"


def _print_conversions(trail: Trace, top: int) -> None:
    """Print the conversions that value went through, and those that were not followed, with why."""
    tables = (
        ("Conversions", trail.crossed),
        ("Conversions that were not followed", trail.not_followed),
    )
    names = ["kind", "evidence", "fit", "seed", "paid", "paid, traced", "received", "received, traced", "why"]
    for title, crossed in tables:
        rows = [_conversion_row(trail, one) for one in crossed]
        if rows:
            print_records(f"{title} ({min(top, len(rows))} of {len(rows):,})", names, rows[:top])


def _conversion_row(trail: Trace, one: Any) -> tuple[str, ...]:
    said, paid, received = one.conversion, one.conversion.paid, one.conversion.received
    label = "" if one.label is None else trail.seeds[one.label]
    return (
        *(said.kind, said.evidence, f"{said.candidates:,}", label),
        *(str(paid), trail.money(one.paid_raw, paid.asset)),
        *(str(received), trail.money(one.received_raw, received.asset), one.why),
    )


def _print_ends(leg: Trace, top: int, *, on: str) -> str:
    """Print where a trace ended on one chain, the largest sums first; return what its column of ends is called."""
    sums: dict[tuple[str, str, str], list[Any]] = {}
    for end in leg.end_rows():
        found = sums.setdefault((str(end.asset), end.address or "(nobody)", end.reason), [end, 0, 0])
        found[1:] = found[1] + end.tainted_raw, found[2] + 1
    ranked = sorted(sums.items(), key=lambda entry: (entry[0][0], -entry[1][1], entry[0]))
    rows = [
        (reason, address, leg.money(amount, end.asset), f"{count:,}", end.tag)
        for (_, address, reason), (end, amount, count) in ranked[:top]
    ]
    forward = leg.direction == "forward"
    ended, title = ("ended as", "Where it ended") if forward else ("came from", "Where it came from")
    print_table(
        f"{title}{on} ({len(rows)} of {len(ranked)})", [ended, "address", "value", "times", "tag"], rows
    )
    return ended


def _print_leg(leg: Trace, top: int, *, on: str) -> None:
    """Print where a trace ended on one chain, its closing balance, and what is not known of it."""
    from chainflow.report.traces import collision_lines, granted_rows, lost_parts

    ended = _print_ends(leg, top, on=on)
    closing = leg.closing()
    for asset in closing.totals:
        title = f"Closing balance of {asset}" if on or len(closing.totals) > 1 else "Closing balance"
        print_table(title, ["line", ended, "value", "share"], list(closing.rows(asset)))
    refusals = collision_lines(leg)
    for line in refusals[:top]:
        print_text(line)
    if len(refusals) > top:
        print_text(f"… and {len(refusals) - top:,} more that could not be claimed twice")
    for amount, where in lost_parts(leg):
        print_text(f"Lost sight of {amount} {where}.")
    if taken := granted_rows(leg):
        header = [
            "account",
            "value held before the evidence, at least",
            "known",
            "neighbours without an order",
        ]
        print_table("Taken for granted, not traced unless it was claimed", header, taken)


def _print_way(trail: Trace, way: Explained) -> None:
    """Print how traced value came to one place."""
    for line in way.sentences:
        print_text(line)
    for number, step in enumerate(way.steps, start=1):
        rows = [
            (
                entry.side,
                entry.place,
                entry.address,
                trail.money(entry.value_raw, way.asset),
                trail.money(entry.tainted_raw, way.asset),
            )
            for entry in step.folded()
        ]
        for incoming, name in ((True, "= in"), (False, "= out")):
            value, traced = step.total(incoming=incoming)
            rows.append((name, "", "", trail.money(value, way.asset), trail.money(traced, way.asset)))
        print_table(
            f"{number}. {step.title}", ["side", "output or transfer", "address", "value", "traced"], rows
        )


def _print_exposure(case: Case, trail: Trace) -> None:
    """Print where a trace ended by what tags say, asset by asset."""
    whole = case.exposure(trail)
    ended = "ended as" if trail.direction == "forward" else "came from"
    for found in (whole, *whole.legs):
        for asset in found.trace.assets:
            rows = [(line.category, line.reason, line.amount, line.share) for line in found.lines(asset)]
            is_only = not whole.legs and len(trail.assets) == 1
            title = "Exposure by tag category" + ("" if is_only else f", {asset}")
            print_table(title, ["category", ended, "value", "share"], rows)
            if note := found.base_note(asset):
                print_text(note)
