"""Screening: a list of addresses against one body of evidence and tags; one row each, nothing is asked."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from chainflow import cards, patterns
from chainflow.attribution.answers import COLUMNS, Answers
from chainflow.attribution.holders import Holders, Owners, owners_digest
from chainflow.attribution.listings import day_of, lists_given
from chainflow.attribution.questions import Question
from chainflow.attribution.targets import Evidence, ends_at
from chainflow.errors import BadInput
from chainflow.model import Recipe, digest_of
from chainflow.networks import is_account_chain
from chainflow.progress import Progress
from chainflow.tags import Tags
from chainflow.tracing import AccountPolicy, Policy
from chainflow.tracing.policies import account_policy_named, policy_named
from chainflow.tracing.stops import Limits
from chainflow.units import counted
from chainflow.writing import unarmed

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["Prepared", "Screening", "prepared", "screen"]


@dataclass(frozen=True, repr=False, eq=False)
class Screening:
    """What evidence and tags say of each address of a list. Get one from `screen`.

    Parameters
    ----------
    rows : tuple of tuple of str
        One per question, in its order; columns as `COLUMNS`. An empty cell was not applicable; what was
        looked for and not found is said in words.
    lists : tuple of str
        The sanctions lists that were looked at, with their dates and how many addresses each has.
    as_of : datetime.date or None
        The day asked about; `None`: the lists as they are.
    policy : str
    recipe : Recipe
    """

    rows: tuple[tuple[str, ...], ...]
    lists: tuple[str, ...]
    as_of: date | None
    policy: str
    recipe: Recipe

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a frame of texts."""
        return pd.DataFrame(self.rows, columns=list(COLUMNS), dtype=object)

    def to_csv(self) -> str:
        """Return the rows as CSV; no cell begins as a spreadsheet's formula does."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*map(unarmed, row)] for row in self.rows)
        return text.getvalue()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the rows: equal for equal results on every machine."""
        return digest_of([list(row) for row in self.rows])

    def at(self, column: str, answer: str) -> list[tuple[str, ...]]:
        """Return the rows whose cell in a column is `answer`."""
        place = COLUMNS.index(column)
        return [row for row in self.rows if row[place] == answer]

    @property
    def faulty(self) -> list[tuple[str, ...]]:
        """The rows that could not be answered, wholly or in part: see their column `error`."""
        place = COLUMNS.index("error")
        return [row for row in self.rows if row[place]]

    @property
    def note(self) -> str:
        """What has to be said beside the rows."""
        day = "the lists as they are" if self.as_of is None else f"as of {self.as_of}"
        lists = "; ".join(self.lists) or "none"
        return (
            f"Sanctions: {day}. Lists: {lists}. Exposure by {self.policy}, a convention and not a fact of the chain. "
            f"Nobody was asked: what is not in evidence was not looked at. Recipe {self.recipe.digest[:16]}."
        )

    def __repr__(self) -> str:
        absent = len(self.at("in_evidence", "no"))
        parts = f"{counted(len(self.rows), 'row')}, {absent:,} not in evidence, {len(self.faulty):,} with an error"
        return f"<Screening of {parts}>"

    def _repr_html_(self) -> str:
        shown = ("given", "in_evidence", "coverage", "tag_category", "sanctioned", "error")
        places = [COLUMNS.index(name) for name in shown]
        rows = [[row[place] for place in places] for row in self.rows[:20]]
        more = f"{len(self.rows) - 20:,} more rows: to_pandas(). " if len(self.rows) > 20 else ""
        return cards.card(repr(self), rows, header=shown, note=more + self.note)


@dataclass(frozen=True)
class Prepared:
    """A screening before its first row: what answers, and the recipe of the whole."""

    questions: tuple[Question, ...]
    answers: Answers
    lists: tuple[str, ...]
    as_of: date | None
    policy: str
    recipe: Recipe

    def done(self, rows: Iterable[tuple[str, ...]]) -> Screening:
        """Return the screening that these rows are."""
        return Screening(tuple(rows), self.lists, self.as_of, self.policy, self.recipe)


def screen(
    ledger: Ledger,
    addresses: Iterable[str | Question],
    tags: Tags,
    *,
    as_of: str | date | None = None,
    owners: Owners | None = None,
    policy: str | Policy | AccountPolicy = "haircut",
    progress: Progress | None = None,
    **options: Any,
) -> Screening:
    """Say of each address of a list what the evidence and the tags at hand tell; nothing is asked of anybody.

    Parameters
    ----------
    ledger : Ledger
    addresses : iterable of str or Question
        In this order, repeats included. What is no address is a row with its error.
    tags : Tags
    as_of : str or datetime.date, optional
        Was it on the list on that day; by default by the lists as they are. Exposure to sanctioned
        addresses is told twice: as of this day, and as of the day of each transaction.
    owners : Clustering, optional
        Each address then stands for its whole cluster.
    policy : str, Policy or AccountPolicy
        As for `exposure_of`, and why.
    progress : callable, optional
        Called with how many rows are done and left.
    **options
        `stop`, and as for `trace`: `max_hops`, `dust_sat`, …

    Raises
    ------
    BadInput
        If the day is none, or an option cannot be.
    """
    ready = prepared(ledger, addresses, tags, as_of=as_of, owners=owners, policy=policy, **options)
    rows = []
    for done, question in enumerate(ready.questions):
        if progress is not None:
            progress(done, len(ready.questions) - done, question.given)
        rows.append(ready.answers.row(question))
    return ready.done(rows)


def prepared(
    ledger: Ledger,
    addresses: Iterable[str | Question],
    tags: Tags,
    *,
    as_of: str | date | None = None,
    owners: Owners | None = None,
    policy: str | Policy | AccountPolicy = "haircut",
    **options: Any,
) -> Prepared:
    """Return a screening ready for its first row; parameters as for `screen`."""
    listed = [addresses] if isinstance(addresses, str) else list(addresses)
    questions = tuple(
        one if isinstance(one, Question) else Question(line, _text(one))
        for line, one in enumerate(listed, start=1)
    )
    day, holders = day_of(as_of), Holders(tags, owners)
    chosen = {"coinjoins": patterns.coinjoins(ledger), "stop": ends_at(holders, ledger), **options}
    lists = lists_given(tags)
    answers = Answers(Evidence(ledger), holders, day, {**chosen, "policy": policy}, has_lists=bool(lists))
    name = policy if isinstance(policy, str) else policy.name
    parameters = {
        "addresses": digest_of([list(question) for question in questions]),
        "as_of": None if day is None else day.isoformat(),
        "policy": name,
        "owners": owners_digest(owners, sorted({*ledger.index.labels, *ledger.accounts})),
        "options": {key: _plain(value) for key, value in sorted(options.items())},
    }
    _refuse_impossible(ledger, policy, options)
    recipe = Recipe("screen", parameters, inputs=[ledger.digest, tags.digest])
    return Prepared(questions, answers, lists, day, name, recipe)


def _refuse_impossible(
    ledger: Ledger, policy: str | Policy | AccountPolicy, options: Mapping[str, Any]
) -> None:
    """Refuse at once what no row could be answered with.

    Raises
    ------
    BadInput
        If the policy is none, or of none of the ledger's chains; if a limit cannot be.
    """
    Limits(**{name: value for name, value in options.items() if name in _LIMITS and value is not None})
    kinds = {is_account_chain(chain) for chain in ledger.chains} or {False, True}
    refusals = []
    for is_account in sorted(kinds):
        try:
            (account_policy_named if is_account else policy_named)(policy)  # type: ignore[arg-type]
        except BadInput as error:
            refusals.append(error)
    if len(refusals) == len(kinds):
        raise refusals[0]


_LIMITS = frozenset({"max_hops", "max_txs", "dust_sat", "min_purity_ppm", "max_cluster"})


def _text(given: str) -> str:
    """Return what was given as text that can be written: half of a character pair as its code."""
    return given.strip().encode("utf-8", "backslashreplace").decode()


def _plain(value: Any) -> object:
    """Return an option as a recipe states it."""
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if hasattr(value, "digest"):
        return value.digest
    if isinstance(value, Collection) and not isinstance(value, str | Mapping):
        return sorted(map(str, value))
    if value is None or isinstance(value, str | int):
        return value
    raise BadInput(
        f"an option of a screening cannot be {value!r:.60}", hint="numbers, texts, or lists of them"
    )
