"""Why two addresses are together: the chain of fewest transactions between them, in words a judge can read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pandas as pd

from chainflow import cards
from chainflow.clustering.explaining.apart import Apart, why_apart
from chainflow.clustering.explaining.links import Link, link_of
from chainflow.clustering.rules import Kind
from chainflow.units import counted

if TYPE_CHECKING:
    from chainflow.clustering.clustering import Clustering

__all__ = ["Explanation", "WhatIf", "explain_pair"]


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would become of a pair if one thing did not count.

    Attributes
    ----------
    left_out : str
        What, in words.
    txids : tuple of str
        The transactions left out; none for a decision.
    joined : bool
        Whether other links still join the two.
    steps : int
        Links on the shortest chain that is left; 0 where they fall apart.
    sizes : tuple of int
        Addresses in the cluster of each of the two, when they fall apart; the size of the one otherwise.
    """

    left_out: str
    txids: tuple[str, ...]
    joined: bool
    steps: int
    sizes: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """The answer in words."""
        if self.joined:
            return f"Without {self.left_out} they would still be together, through {counted(self.steps, 'step')}."
        one, other = self.sizes
        return (
            f"Without {self.left_out} they would be apart, in clusters of {counted(one, 'address')} and "
            f"{counted(other, 'address')}."
        )


@dataclass(frozen=True)
class Explanation:
    """Why two addresses are in one cluster, or why not.

    Attributes
    ----------
    joined : bool
        Whether they are in one cluster. Apart is not "different owners": it is no evidence for one.
    chain : tuple of Link
        The chain of fewest transactions from `a` to `b`; empty when apart, or when both are one address.
    apart : Apart or None
        Where they are apart: what would have joined them, and what speaks for different owners.
    owners : Clustering
        What is explained.
    """

    a: str
    b: str
    joined: bool
    chain: tuple[Link, ...]
    apart: Apart | None
    owners: Clustering = field(repr=False, compare=False)

    @property
    def links(self) -> tuple[Link, ...]:
        """The links of the chain, the weakest first (see `Link.weakness`)."""
        return tuple(sorted(self.chain, key=lambda link: link.weakness))

    @property
    def weakest(self) -> Link | None:
        """The link to question first; `None` where there is none."""
        return self.links[0] if self.chain else None

    @property
    def refused(self) -> tuple[object, ...]:
        """Where they are apart: the links that were refused and would have joined them."""
        return () if self.apart is None else self.apart.refused

    def what_if(self, txid: str | None = None) -> tuple[WhatIf, ...]:
        """Return what would become of the pair if a transaction did not count.

        Parameters
        ----------
        txid : str, optional
            By default the links of the chain one after another, the weakest first: each with all the
            transactions that show it, a decision by itself.
        """
        if txid is not None:
            return (self._told(self.owners.without([txid]), txid, (txid,)),)
        once = {link.txids or (link.a, link.b): link for link in reversed(self.links)}
        return tuple(self._without(link) for link in reversed(once.values()))

    def _without(self, link: Link) -> WhatIf:
        if link.kind is Kind.ASSERTED:
            left = _undecided(self.owners, link)
            return self._told(left, f"the decision on {link.a} and {link.b}", ())
        named = link.txid if link.support == 1 else f"the {link.support:,} transactions that show step "
        if link.support > 1:
            named += f"{self.chain.index(link) + 1}"
        return self._told(self.owners.without(link.txids), named, link.txids)

    def _told(self, left: Clustering, left_out: str, txids: tuple[str, ...]) -> WhatIf:
        again = left.explain(self.a, self.b)
        names = list(dict.fromkeys((left.of(self.a), left.of(self.b))))
        sizes = tuple(len(left.members(name)) for name in names)
        return WhatIf(left_out, txids, again.joined, len(again.chain), sizes)

    @property
    def reason(self) -> str:
        """The explanation in words, without error figures."""
        return " ".join(self._said([link.sentence for link in self.chain]))

    @property
    def sentence(self) -> str:
        """The whole explanation in words, with the error figure of each rule where it is first used."""
        return " ".join(self.lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """The sentence in parts: what is asked, one step after another, and the weakest at last."""
        told: dict[str, int] = {}
        steps = []
        for step, link in enumerate(self.chain, 1):
            figure = f"Error figure: {link.error}."
            if link.kind is Kind.ASSERTED:
                figure = ""
            elif link.rule in told:
                figure = f"Error figure as in step {told[link.rule]}."
            told.setdefault(link.rule, step)
            steps.append(f"{link.sentence} {figure}".rstrip())
        return self._said(steps)

    def _said(self, steps: list[str]) -> tuple[str, ...]:
        if self.a == self.b:
            return (f"{self.a} is one address: there is nothing to join.",)
        if self.apart is not None:
            return (self.apart.sentence,)
        if len(steps) == 1:
            return (steps[0],)
        return (self._head, *(f"({step}) {said}" for step, said in enumerate(steps, 1)), self._tail)

    @property
    def _head(self) -> str:
        return f"{self.a} and {self.b} are in one cluster through {len(self.chain)} steps."

    @property
    def _tail(self) -> str:
        weakest = self.links[0]
        return f"The weakest is step {self.chain.index(weakest) + 1}: {weakest.why_weak}."

    def to_pandas(self) -> pd.DataFrame:
        """Return the chain in path order, one row per link."""
        columns = [
            *("rule", "version", "kind", "a", "b", "txid", "support", "inputs", "height", "error"),
            *("speaks_for", "speaks_against", "veto"),
        ]
        rows = [
            ["; ".join(cell) if isinstance(cell := getattr(link, name), tuple) else cell for name in columns]
            for link in self.chain
        ]
        return pd.DataFrame(rows, columns=columns).astype({"height": "Int64"})

    def __repr__(self) -> str:
        return f"<Explanation {self.sentence}>"

    def _repr_html_(self) -> str:
        if self.apart is not None:
            return self.apart._repr_html_()
        steps = "".join(self._card(step, link) for step, link in enumerate(self.chain, 1))
        if len(self.chain) < 2:
            return steps or cards.card("Together", [], note=self.reason)
        return cards.card("Together", [], note=f"{self._head} {self._tail}") + steps

    def _card(self, step: int, link: Link) -> str:
        mark = ", the weakest" if link == self.weakest and len(self.chain) > 1 else ""
        rows = [
            ("addresses", f"{link.a}, {link.b}"),
            ("what is said", f"they {link.reading}"),
            ("transactions", ", ".join(link.txids) or "none: asserted"),
            ("first in block", link.block),
            ("for it", "; ".join(link.speaks_for)),
            ("against it", "; ".join(link.speaks_against)),
            ("checked", link.veto),
            ("error figure", link.error),
        ]
        told = [(name, text) for name, text in rows if text]
        return cards.card(
            f"Step {step} of {len(self.chain)}{mark}: {link.rule} {link.version} ({link.kind})", told
        )


def explain_pair(owners: Clustering, a: str, b: str) -> Explanation:
    """Return why two addresses are in one cluster, or why not; see `Clustering.explain`."""
    start, end = owners.places.find(a), owners.places.find(b)
    a, b = owners.places.name(start), owners.places.name(end)
    path = owners.web.path(start, end)
    if path is None:
        return Explanation(a, b, False, (), why_apart(owners, start, end), owners)
    return Explanation(a, b, True, tuple(link_of(owners, *step) for step in path), None, owners)


def _undecided(owners: Clustering, link: Link) -> Clustering:
    """Return the clustering without the decision that a link is."""
    from chainflow.clustering.engine.join import proposals, settle

    pair = tuple(sorted((link.a, link.b)))
    terms = replace(owners.terms, decisions=tuple(d for d in owners.decisions if d.pair != pair))
    claims = owners.places.claims(proposals(owners.ledger, terms.rules))
    return settle(owners.ledger, owners.places, claims, terms)
