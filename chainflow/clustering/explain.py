"""Why two addresses are together: the chain of fewest transactions between them, in words a judge can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from chainflow import cards
from chainflow.patterns import FAMILIES

if TYPE_CHECKING:
    from chainflow.clustering.clustering import Clustering

__all__ = ["Explanation", "Link", "Refusal", "explain_pair"]

_READINGS = {"multi-input": "were spent together"}
_LISTED = 3


@dataclass(frozen=True, slots=True)
class Link:
    """One step of an explanation: a rule's statement that two addresses share an owner.

    Attributes
    ----------
    txids : tuple of str
        Every transaction that by itself makes this rule join `a` and `b`, in spending order.
    inputs : int
        Number of inputs of the first of them.
    height : int or None
        Block of the first of them; `None` while unconfirmed.
    error : str
        How often the rule is wrong, with what it was counted on, or "not measured".
    """

    rule: str
    version: str
    a: str
    b: str
    txids: tuple[str, ...]
    inputs: int
    height: int | None
    error: str = "not measured"

    @property
    def txid(self) -> str:
        """The first transaction that shows the link."""
        return self.txids[0]

    @property
    def support(self) -> int:
        """How many transactions show the link, each by itself."""
        return len(self.txids)

    @property
    def weakness(self) -> tuple[int, int, float, str]:
        """Sorts the weakest first: fewer transactions, then more inputs, then later, then by txid."""
        return (self.support, -self.inputs, -float("inf" if self.height is None else self.height), self.txid)

    @property
    def sentence(self) -> str:
        """The link in words."""
        reading = _READINGS.get(self.rule, f"were linked by the rule {self.rule}")
        more = f" and {self.support - _LISTED:,} more" if self.support > _LISTED else ""
        block = "unconfirmed" if self.height is None else f"block {self.height:,}"
        first = "the first: " if self.support > 1 else ""
        return (
            f"{self.a} and {self.b} {reading} in {_count(self.support, 'transaction')}: "
            f"{', '.join(self.txids[:_LISTED])}{more} ({first}{block}, {_count(self.inputs, 'input')})."
        )


class Refusal(NamedTuple):
    """A transaction whose links did not count, and which pattern refused them."""

    txid: str
    pattern: str
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two addresses are in one cluster, or why not.

    Attributes
    ----------
    joined : bool
        Whether they are in one cluster. Apart is not "different owners": it is no evidence for one.
    chain : tuple of Link
        The chain of fewest transactions from `a` to `b`; empty when apart, or when both are one address.
    refused : tuple of Refusal
        Where they are apart: the vetoed transactions without which they would have been joined.
    veto : str
        What the veto says of the transactions in the chain, "" where there is none.
    """

    a: str
    b: str
    joined: bool
    chain: tuple[Link, ...]
    refused: tuple[Refusal, ...]
    veto: str

    @property
    def links(self) -> tuple[Link, ...]:
        """The links of the chain, the weakest first (see `Link.weakness`)."""
        return tuple(sorted(self.chain, key=lambda link: link.weakness))

    @property
    def sentence(self) -> str:
        """The whole explanation in words."""
        if self.a == self.b:
            return f"{self.a} is one address: there is nothing to join."
        if not self.joined:
            return " ".join([f"{self.a} and {self.b} are kept apart: {self._why_apart()}", _APART])
        errors = {link.rule: f"Error figure of the rule {link.rule}: {link.error}." for link in self.chain}
        end = " ".join([self.veto, *errors.values()])
        if len(self.chain) == 1:
            return f"{self.chain[0].sentence} {end}"
        steps = " ".join(f"({step}) {link.sentence}" for step, link in enumerate(self.chain, 1))
        weakest = self.chain.index(self.links[0]) + 1
        head = f"{self.a} and {self.b} are in one cluster through {len(self.chain)} steps."
        return f"{head} {steps} The weakest is step {weakest}. {end}"

    def _why_apart(self) -> str:
        if not self.refused:
            return "no chain of links joins them in this ledger."
        why = " ".join(f"{r.txid} ({r.pattern}: {r.reason})." for r in self.refused)
        return f"only transactions whose links do not count would join them: {why}"

    def to_pandas(self) -> pd.DataFrame:
        """Return the chain in path order, one row per link."""
        columns = ["rule", "version", "a", "b", "txid", "support", "inputs", "height", "error"]
        rows = [[getattr(link, name) for name in columns] for link in self.chain]
        return pd.DataFrame(rows, columns=columns).astype({"height": "Int64"})

    def __repr__(self) -> str:
        return f"<Explanation {self.sentence}>"

    def _repr_html_(self) -> str:
        header = ("", "a", "b", "transactions", "inputs", "block", "rule")
        rows = [
            (
                "weakest" if link == self.links[0] else "",
                *(link.a, link.b, ", ".join(link.txids), link.inputs),
                *(
                    "unconfirmed" if link.height is None else f"{link.height:,}",
                    f"{link.rule} {link.version}",
                ),
            )
            for link in self.chain
        ]
        title = "Together" if self.joined else "Kept apart"
        return cards.card(title, rows, header=header if rows else (), note=self.sentence)


_APART = "That is no evidence that they have different owners."


def explain_pair(owners: Clustering, a: str, b: str) -> Explanation:
    """Return why two addresses are in one cluster, or why not; see `Clustering.explain`."""
    start, end = owners.places.find(a), owners.places.find(b)
    a, b = owners.places.name(start), owners.places.name(end)
    path = owners.web.path(start, end)
    if path is None:
        return Explanation(a, b, False, (), _refusals(owners, start, end), "")
    chain = tuple(_link(owners, *step) for step in path)
    return Explanation(a, b, True, chain, (), _veto_said(owners, len(chain)))


def _link(owners: Clustering, place: int, statement: int, other: int) -> Link:
    web, ledger = owners.web, owners.ledger
    rule = web.rule[statement]
    both = sorted(set(web.statements(place)) & set(web.statements(other)))
    txs = list(dict.fromkeys(int(web.tx[shared]) for shared in both if web.rule[shared] == rule))
    return Link(
        rule=rule,
        version=next(r["version"] for r in owners.recipe.parameters["rules"] if r["name"] == rule),
        a=owners.places.name(place),
        b=owners.places.name(other),
        txids=tuple(ledger.index.txids[tx] for tx in txs),
        inputs=ledger.txs["n_inputs"][txs[0]].as_py(),
        height=ledger.txs["height"][txs[0]].as_py(),
    )


def _refusals(owners: Clustering, start: int, end: int) -> tuple[Refusal, ...]:
    """Return the vetoed transactions on the shortest chain that there would be without the veto."""
    web = owners.web_without_veto
    columns = [owners.vetoed[name].to_pylist() for name in Refusal._fields]
    refused = {row[0]: Refusal(*row) for row in zip(*columns, strict=True)}
    txids = [
        owners.ledger.index.txids[int(web.tx[statement])] for _, statement, _ in web.path(start, end) or ()
    ]
    return tuple(refused[txid] for txid in dict.fromkeys(txids) if txid in refused)


def _veto_said(owners: Clustering, steps: int) -> str:
    """Return what the veto says of the transactions of a chain."""
    veto = owners.recipe.parameters["veto"]
    them = "it" if steps == 1 else "any of them"
    if isinstance(veto, dict):
        asked = veto["parameters"]["families"]
        only = "" if asked == list(FAMILIES) else f" (asked only: {', '.join(asked)})"
        return f"No CoinJoin family matched {them}{only}."
    if not veto:
        return "CoinJoins were not excluded."
    return f"The veto, a list of {_count(len(veto), 'transaction')}, does not name {them}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
