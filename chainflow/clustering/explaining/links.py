"""One link of an explanation: which rule said it, from which transactions, what speaks for and against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainflow.clustering.change.votes import RULED_OUT, SUPPORTED
from chainflow.clustering.decisions import DECISION
from chainflow.clustering.error_rates.figure import NO_GUESS, NOT_MEASURED, ErrorFigure
from chainflow.clustering.error_rates.measured import counts_of, figures_of
from chainflow.clustering.rules import Kind, about
from chainflow.patterns import FAMILIES
from chainflow.units import counted

if TYPE_CHECKING:
    from chainflow.clustering.clustering import Clustering

__all__ = ["Link", "link_of"]


_LISTED = 3
_WEAKNESSES = {
    Kind.ASSERTED: "a person's word, not an observation",
    Kind.CHANGE: "it rests on which output is change",
    Kind.ACCOUNT: "it rests on behaviour",
    Kind.CO_SPEND: "the fewest transactions show it",
    Kind.EXACT: "all are exact",
}
_WEAK_TO_STRONG = (Kind.ASSERTED, Kind.CHANGE, Kind.ACCOUNT, Kind.CO_SPEND, Kind.EXACT)


@dataclass(frozen=True, slots=True)
class Link:
    """One step of an explanation: a statement that two addresses share an owner.

    Attributes
    ----------
    kind : Kind
        What it rests on.
    txids : tuple of str
        Every transaction that by itself makes this rule join `a` and `b`, in spending order; none for an
        analyst's decision.
    inputs : int
        Number of inputs of the first of them.
    height : int or None
        Block of the first of them; `None` while unconfirmed.
    reading : str
        The words between the two addresses.
    figures : tuple of ErrorFigure
        How often the rule was wrong, and where that was counted; empty: not measured.
    speaks_for, speaks_against : tuple of str
        What else supports the link or contests it: other rules, the votes of change rules, patterns.
    votes : tuple of (str, int)
        Of a change link: every other change rule and its vote on that output, in the first transaction;
        1 for it, 0 cannot rule it out, -1 against it, -2 does not apply.
    veto : str
        What the patterns that may refuse such a link said of its transactions, and who could not be asked.
    """

    rule: str
    version: str
    kind: Kind
    a: str
    b: str
    txids: tuple[str, ...]
    inputs: int
    height: int | None
    reading: str
    figures: tuple[ErrorFigure, ...]
    speaks_for: tuple[str, ...]
    speaks_against: tuple[str, ...]
    veto: str
    votes: tuple[tuple[str, int], ...] = ()

    @property
    def txid(self) -> str:
        """The first transaction that shows the link, "" for a decision."""
        return self.txids[0] if self.txids else ""

    @property
    def support(self) -> int:
        """How many transactions show the link, each by itself."""
        return len(self.txids)

    @property
    def block(self) -> str:
        """The block of the first transaction, in words; "" of a decision."""
        if self.kind is Kind.ASSERTED:
            return ""
        return "unconfirmed" if self.height is None else f"{self.height:,}"

    @property
    def error(self) -> str:
        """The error figure in words, or "not measured"; what is no inference has none."""
        if self.kind is Kind.EXACT:
            return NO_GUESS
        if self.kind is Kind.ASSERTED:
            return "asserted by a person, no figure"
        return "; ".join(figure.text for figure in self.figures) or NOT_MEASURED

    @property
    def counts(self) -> str:
        """The error figure as wrong / counted, population by population; the words are in `error`."""
        return counts_of(self.kind, self.figures)

    @property
    def weakness(self) -> tuple[int, int, int, int, float, str]:
        """Sorts the weakest first.

        An assertion, then change, account, common input, exact; of one kind those that are contested, then
        those with fewer transactions, more inputs, the later ones; at last by txid.
        """
        height = float("inf") if self.height is None else float(self.height)
        contested = 0 if self.speaks_against else 1
        return (_WEAK_TO_STRONG.index(self.kind), contested, self.support, -self.inputs, -height, self.txid)

    @property
    def _inputs(self) -> str:
        """The number of inputs, after a comma; an account's transaction has none to speak of."""
        return "" if self.kind is Kind.ACCOUNT else f", {counted(self.inputs, 'input')}"

    @property
    def why_weak(self) -> str:
        """What makes it the weakest of a chain, in words."""
        if self.speaks_against and self.kind is not Kind.ASSERTED:
            return "something speaks against it"
        if self.kind is Kind.CO_SPEND and self.support == 1:
            return "a single transaction shows it"
        return _WEAKNESSES[self.kind]

    @property
    def sentence(self) -> str:
        """The link in words: what was observed, what speaks for and against it, what is inferred."""
        pair = f"{self.a} and {self.b} {self.reading}"
        if self.kind is Kind.ASSERTED:
            return f"{pair}."
        more = f" and {self.support - _LISTED:,} more" if self.support > _LISTED else ""
        block = self.block if self.height is None else f"block {self.block}"
        first = "the first: " if self.support > 1 else ""
        said = [
            f"{pair} in {counted(self.support, 'transaction')}: "
            f"{', '.join(self.txids[:_LISTED])}{more} ({first}{block}{self._inputs})."
        ]
        for word, reasons in (("For it", self.speaks_for), ("Against it", self.speaks_against)):
            said += [f"{word}: {'; '.join(reasons)}."] if reasons else []
        said += [self.veto] if self.veto else []
        return " ".join([*said, self._inference])

    @property
    def _inference(self) -> str:
        if self.kind is Kind.EXACT:
            return "Both are forms of one key or script: nothing is inferred."
        return f"From this the rule {self.rule} infers one owner."


def link_of(owners: Clustering, place: int, statement: int, other: int) -> Link:
    """Return the link that a step of a path is, with all transactions that make the same statement."""
    web = owners.web
    name = web.rule[statement]
    ends = owners.places.name(place), owners.places.name(other)
    if name == DECISION:
        return _asserted(owners, *ends)
    both = sorted(set(web.statements(place)) & set(web.statements(other)))
    txs = list(dict.fromkeys(int(web.tx[shared]) for shared in both if web.rule[shared] == name))
    txids = tuple(owners.txid_of(tx) for tx in txs)
    rule = owners.rule(name)
    said = about(rule)
    joined, height = owners.size_and_height(txs[0])
    others = {web.rule[shared] for shared in both} - {name}
    speaks_for = [f"the rule {also} says it too" for also in sorted(others)]
    speaks_against: list[str] = []
    votes = _votes(owners, txids[0], ends, besides=name) if said.kind is Kind.CHANGE else ()
    speaks_for += _ayes(votes)
    speaks_against += _noes(votes)
    speaks_against += _contested(owners, said.kind, txids)
    return Link(
        name,
        rule.version,
        said.kind,
        *ends,
        txids,
        joined,
        height,
        said.reading or f"were linked by the rule {name}",
        figures_of(rule, owners.terms.veto_kind),
        tuple(speaks_for),
        tuple(speaks_against),
        _checked(owners, said.kind, len(txids)),
        votes,
    )


def _asserted(owners: Clustering, a: str, b: str) -> Link:
    found = next(d for d in reversed(owners.decisions) if d.pair == tuple(sorted((a, b))))
    who = f" by {found.who}" if found.who else ""
    when = f" on {found.when[:10]}" if found.when else ""
    reading = f"were decided to have one owner{who}{when}, because: {found.because}"
    return Link(DECISION, "", Kind.ASSERTED, a, b, (), 0, None, reading, (), (), (), "")


def _votes(
    owners: Clustering, txid: str, ends: tuple[str, str], *, besides: str
) -> tuple[tuple[str, int], ...]:
    """Return the vote of each other change rule on the output that a change link calls change.

    Of a link's two ends that is the one which is not the payer, the first known input.
    """
    rows = [row for row in owners.votes_on(txid) if row["label"] in ends]
    if len({row["label"] for row in rows}) > 1:
        payer = _payer(owners, txid)
        rows = [row for row in rows if not row["label"].endswith(payer)]
    votes: dict[str, int] = {}
    for row in rows:
        for name, vote in row["votes"].items():
            votes[name] = max(vote, votes.get(name, vote))
    return tuple((name, vote) for name, vote in votes.items() if name != besides)


def _payer(owners: Clustering, txid: str) -> str:
    """Return the address of the first known input: where change links begin."""
    index = owners.ledger.index
    return next((index.label_of(int(row)) for tx in index.tx_rows(txid) for row in index.inputs_of(tx)), "?")


def _ayes(votes: tuple[tuple[str, int], ...]) -> list[str]:
    """Return how many change rules agree; several look at one and the same thing, so none is named."""
    count = sum(vote == SUPPORTED for _, vote in votes)
    verb = "agrees" if count == 1 else "agree"
    return [f"{counted(count, 'other change rule')} {verb}, not independently"] if count else []


def _noes(votes: tuple[tuple[str, int], ...]) -> list[str]:
    names = [name for name, vote in votes if vote == RULED_OUT]
    return [f"{counted(len(names), 'change rule')} would exclude it ({', '.join(names)})"] if names else []


def _contested(owners: Clustering, kind: Kind, txids: tuple[str, ...]) -> list[str]:
    """Return what makes a link contestable though nothing vetoes it: PayJoin suspects, mixes let through."""
    if kind not in (Kind.CO_SPEND, Kind.CHANGE):
        return []
    said = [owners.shapes[txid] for txid in txids if txid in owners.shapes]
    return [
        f"{verdict.txid} is contestable, it has the shape of {verdict.family}: {'; '.join(verdict.reasons)}"
        for verdict in said
        if verdict.family in (*FAMILIES, "payjoin")
    ][:_LISTED]


def _checked(owners: Clustering, kind: Kind, support: int) -> str:
    """Return what was checked of a link, and what could not be."""
    unasked = owners.ballots.unasked if kind is Kind.CHANGE else ()
    untold = f"Change rules that could not be asked: {', '.join(unasked)}." if unasked else ""
    return " ".join(filter(None, [_veto_said(owners, kind, support), untold]))


def _veto_said(owners: Clustering, kind: Kind, support: int) -> str:
    """Return what the veto says of the transactions of a link."""
    if kind in (Kind.EXACT, Kind.ASSERTED, Kind.ACCOUNT):
        return ""
    veto = owners.recipe.parameters["veto"]
    them = "it" if support == 1 else "any of them"
    if isinstance(veto, Mapping):
        asked = veto["parameters"]["families"]
        only = "" if asked == list(FAMILIES) else f" (asked only: {', '.join(asked)})"
        also = " nor PayJoin or batch payout" if kind is Kind.CHANGE else ""
        return f"No CoinJoin family{also} matched {them}{only}."
    if not veto:
        return "CoinJoins were not excluded."
    return f"The veto, a list of {counted(len(veto), 'transaction')}, does not name {them}."
