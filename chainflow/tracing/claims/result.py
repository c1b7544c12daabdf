"""`ClaimCheck`: somebody's list of hops, row by row, with what holds, what fails and what cannot be said."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from chainflow import cards
from chainflow.ledger.ledger import LEVELS
from chainflow.model import Recipe, digest_of
from chainflow.tracing.asset import amount_of
from chainflow.tracing.claims.judged import Judged
from chainflow.tracing.claims.rows import ClaimedHop
from chainflow.tracing.claims.seen import Finding
from chainflow.units import counted, format_time
from chainflow.writing import unarmed, write_whole

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["CANNOT", "FAILS", "HOLDS", "CheckedHop", "ClaimCheck", "checked"]

HOLDS, FAILS, CANNOT = "holds", "fails", "cannot be said"
_SHOWN = 50
_NAMES = (
    "row", "path", "hop", "verdict", "reasons", "says", "notes", "txid", "places", "payers", "payees",
    "claimed_amount", "amount_raw", "asset", "height", "time", "claimed_traced", "traced_raw", "fits",
    "level", "disputes", "goes_on_from", "claim",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckedHop:
    """One row with its verdict, and what the evidence shows beside what it claims.

    Attributes
    ----------
    hop : ClaimedHop
        As it was claimed.
    verdict : str
        "holds", "fails" or "cannot be said".
    findings : tuple of Finding
        What speaks against the row, and what is missing: (code, sentence, is_fault).
    notes : tuple of str
        What was allowed for: rounding, several outputs, a time without a zone.
    txid, places, payers, payees : str, tuple of str
        As in evidence; empty where it does not say.
    amount_raw, asset, amount : int or None, str, str
        What the payments come to, in base units and for people.
    traced_raw : int or None
        What the declared rule gives.
    fits : tuple of str
        The rules that give the traced amount of this row; asked where none is declared or the declared fails.
    level : int or None
        How well the transaction is known, see `LEVELS`; None where it is not held.
    goes_on_from : tuple of int
        The rows, by line, that it was taken to go on from; none where it begins a trail.
    """

    hop: ClaimedHop
    verdict: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    txid: str
    places: tuple[str, ...]
    payers: tuple[str, ...]
    payees: tuple[str, ...]
    amount_raw: int | None
    asset: str
    amount: str
    height: int | None
    seconds: int | None
    traced_raw: int | None
    fits: tuple[str, ...]
    level: int | None
    disputes: tuple[str, ...]
    goes_on_from: tuple[int, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes of what speaks against the row or is missing."""
        return tuple(dict.fromkeys(one.code for one in self.findings))

    @property
    def sentence(self) -> str:
        """The verdict for a reader: which row, what holds or not, and what the evidence shows."""
        why = "; ".join(one.sentence for one in self.findings if one.is_fault)
        missing = "; ".join(one.sentence for one in self.findings if not one.is_fault)
        parts = [f"{self.hop.title[:1].upper()}{self.hop.title[1:]}: {self.verdict}"]
        parts += [why] if why else []
        parts += [f"not known: {missing}" if why else missing] if missing else []
        shown = ": ".join(parts[:2]) + "".join(f". {part}" for part in parts[2:])
        if self.amount_raw is not None and self.verdict != CANNOT:
            shown += f". In evidence: {self.amount} to {', '.join(self.payees) or 'the fee'} in {self.txid}"
        known = "" if self.level is None else f" ({LEVELS[self.level]})"
        noted = "".join(f" Note: {note}." for note in self.notes)
        return f"{shown}{known}.{noted}"


@dataclass(frozen=True, repr=False, eq=False)
class ClaimCheck:
    """What became of somebody's list of hops and amounts. Get one from `check_claims`.

    Parameters
    ----------
    rows : tuple of CheckedHop
        In the order of the list; nothing is left out.
    policy : str
        The rule that was declared, "" where none was.
    unread : tuple of str
        Columns that were not read.
    recipe : Recipe
    ledger : Ledger
    """

    rows: tuple[CheckedHop, ...]
    policy: str
    unread: tuple[str, ...]
    recipe: Recipe
    ledger: Ledger = field(repr=False)

    @property
    def failed(self) -> tuple[CheckedHop, ...]:
        """The rows that the evidence, or the list itself, contradicts."""
        return tuple(row for row in self.rows if row.verdict == FAILS)

    @property
    def unknown(self) -> tuple[CheckedHop, ...]:
        """The rows of which the evidence does not say enough: neither right nor wrong."""
        return tuple(row for row in self.rows if row.verdict == CANNOT)

    @property
    def holds(self) -> bool:
        """Whether there are rows and every one of them holds."""
        return bool(self.rows) and all(row.verdict == HOLDS for row in self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """Verdict → rows."""
        return {
            verdict: sum(row.verdict == verdict for row in self.rows) for verdict in (HOLDS, FAILS, CANNOT)
        }

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """What was found, in words: the whole list, then each row that does not hold."""
        rest = (row.sentence for row in self.rows if row.verdict != HOLDS)
        return (self._whole(), *rest)

    def _whole(self) -> str:
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in self.counts.items())
        rule = f"under {self.policy}, which was declared" if self.policy else "no tracing rule was declared"
        unread = f" Columns not read: {', '.join(self.unread)}." if self.unread else ""
        first = [row.hop.line for row in self.rows if not row.goes_on_from and not row.hop.is_sum]
        shown = f"{', '.join(map(str, first[:8]))}{' and more' if len(first) > 8 else ''}"
        is_open = first and self.recipe.parameters.get("seeds") is None
        begun = f" No seeds were named: row {shown} was taken for a beginning." if is_open else ""
        return (
            f"{counted(len(self.rows), 'row')}: {counts}; {rule}. A row that cannot be said is not wrong: "
            f"the evidence does not reach that far.{begun}{unread}"
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the verdicts: equal for equal lists and evidence on every machine."""
        return digest_of([{name: str(cell) for name, cell in row.items()} for row in self._records()])

    def _records(self) -> Iterator[dict[str, object]]:
        for row in self.rows:
            hop = row.hop
            cells = (
                hop.line, hop.path, hop.hop, row.verdict, "; ".join(row.reasons),
                "; ".join(one.sentence for one in row.findings), "; ".join(row.notes), row.txid,
                "; ".join(row.places), "; ".join(row.payers), "; ".join(row.payees),
                None if hop.amount is None else str(hop.amount.number), row.amount_raw, row.asset, row.height,
                None if row.seconds is None else format_time(row.seconds),
                None if hop.tainted is None else str(hop.tainted.number), row.traced_raw,
                "; ".join(row.fits), row.level, "; ".join(row.disputes),
                "; ".join(map(str, row.goes_on_from)), hop.text,
            )  # fmt: skip
            yield dict(zip(_NAMES, cells, strict=True))

    def to_pandas(self) -> pd.DataFrame:
        """Return a row per claim: what it says beside what is in evidence; amounts are exact Python integers."""
        return pd.DataFrame(list(self._records()), columns=list(_NAMES), dtype=object)

    def to_csv(self) -> str:
        """Return `to_pandas` as CSV text in which no cell is taken for a formula."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_NAMES)
        for row in self._records():
            writer.writerow("" if cell is None else unarmed(str(cell)) for cell in row.values())
        return text.getvalue()

    def write(self, path: str | Path) -> Path:
        """Write `to_csv` to a file."""
        write_whole(path, self.to_csv().encode())
        return Path(path)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in self.counts.items())
        return f"<ClaimCheck {counted(len(self.rows), 'row')}: {counts}>"

    def _repr_html_(self) -> str:
        order = sorted(self.rows, key=lambda row: (FAILS, CANNOT, HOLDS).index(row.verdict))
        rows = [
            (
                row.hop.line,
                row.hop.path,
                "" if row.hop.hop is None else row.hop.hop,
                row.verdict,
                "; ".join(row.reasons),
                row.sentence,
            )
            for row in order[:_SHOWN]
        ]
        more = f"{len(self.rows) - len(rows):,} more. " if len(self.rows) > len(rows) else ""
        header = ("row", "path", "hop", "verdict", "why", "in words")
        return cards.card(repr(self)[1:-1], rows, header=header, note=f"{more}{self._whole()}")


def checked(judged: Judged, ledger: Ledger) -> CheckedHop:
    """Return what was found of a row as a result."""
    seen, payments = judged.seen, judged.payments
    assets = {payment.asset for payment in payments}
    findings = tuple(dict.fromkeys(judged.findings))
    verdict = FAILS if any(one.is_fault for one in findings) else CANNOT if findings else HOLDS
    is_one = len(assets) == 1
    asset = next(iter(assets)) if is_one else None
    amount = judged.value if is_one else None
    payers = {payer for payment in payments for payer in payment.payers} or (seen.payers if seen else ())
    return CheckedHop(
        hop=judged.hop,
        verdict=verdict,
        findings=findings,
        notes=tuple(dict.fromkeys(judged.notes)),
        txid="" if seen is None else seen.txid,
        places=tuple(payment.name for payment in payments),
        payers=tuple(sorted(payers)),
        payees=tuple(dict.fromkeys(payment.payee for payment in payments if payment.payee is not None)),
        amount_raw=amount,
        asset="" if asset is None else str(asset),
        amount="" if asset is None or amount is None else amount_of(ledger, asset, amount),
        height=None if seen is None else seen.height,
        seconds=None if seen is None else seen.seconds,
        traced_raw=judged.traced,
        fits=judged.fits,
        level=None if seen is None else seen.level,
        disputes=() if seen is None else seen.disputes,
        goes_on_from=tuple(sorted({one.hop.line for one in judged.before})),
    )
