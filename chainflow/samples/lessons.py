"""Lessons: a made-up ledger, what is asked about it, and the truth to grade an answer by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import pyarrow as pa

from chainflow import cards, units
from chainflow.errors import BadInput, SeedUnknown
from chainflow.ledger import Ledger
from chainflow.model import Recipe
from chainflow.samples.make import Habits, Maker
from chainflow.samples.owners import compare_owners
from chainflow.tags import Tags

__all__ = ["Clusters", "Grade", "Lesson", "WrongLink", "peel_chain"]


class Clusters(Protocol):
    """What is graded: anything that names an address's cluster and lists its links, as `Clustering` does."""

    @property
    def links(self) -> pa.Table:
        """The links that were joined; columns as in `schema.LINKS`."""

    @property
    def recipe(self) -> Recipe:
        """How it was made."""

    def of(self, address: str) -> str:
        """Return the cluster of an address."""


class WrongLink(NamedTuple):
    """A link between addresses of two owners, with the rule and the transaction that made it."""

    a: str
    owner_a: str
    b: str
    owner_b: str
    rule: str
    txid: str


@dataclass(frozen=True, slots=True)
class Grade:
    """A clustering compared with the truth, over all pairs of addresses whose owner is known.

    Attributes
    ----------
    true, false, missed : int
        Pairs put together rightly, put together wrongly, and of one owner but not put together.
    unseen : int
        Addresses that the graded clustering does not know of.
    merged : tuple of tuples of str
        For each cluster with several owners: those owners.
    wrong_links : tuple of WrongLink
        What put them together.
    recipe : Recipe
    """

    true: int
    false: int
    missed: int
    unseen: int
    merged: tuple[tuple[str, ...], ...]
    wrong_links: tuple[WrongLink, ...]
    recipe: Recipe

    @property
    def precision(self) -> tuple[int, int]:
        """Of so many pairs put together (second number), so many are of one owner (first)."""
        return self.true, self.true + self.false

    @property
    def recall(self) -> tuple[int, int]:
        """Of so many pairs of one owner (second number), so many are put together (first)."""
        return self.true, self.true + self.missed

    @property
    def is_right(self) -> bool:
        """Whether nobody was put together with somebody else. It may still miss pairs."""
        return self.false == 0

    def __repr__(self) -> str:
        return (
            f"<Grade precision {_share(self.precision)}, recall {_share(self.recall)}, "
            f"{len(self.wrong_links):,} wrong link(s)>"
        )

    def _repr_html_(self) -> str:
        rows = [
            ("pairs put together that are of one owner (precision)", _share(self.precision)),
            ("pairs of one owner that were put together (recall)", _share(self.recall)),
            ("addresses that were not fetched", f"{self.unseen:,}"),
            *(("different owners in one cluster", ", ".join(owners)) for owners in self.merged),
        ]
        links = [
            (link.a, link.owner_a, link.b, link.owner_b, link.rule, link.txid) for link in self.wrong_links
        ]
        header = ("address", "owner", "address", "owner", "rule", "txid")
        return cards.card("Grade", rows) + (cards.card("Wrong links", links, header=header) if links else "")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A made-up case whose truth is known.

    Attributes
    ----------
    title, story, question : str
        What the trainee reads.
    ledger : Ledger
    seed : str
        The outpoint where the money in question starts.
    tags : Tags
        What others say about some addresses; it need not be true.
    truth : mapping of str to str
        Address → owner, for every address in the ledger.
    answers : mapping
        What a right analysis finds, by a short name: txids, outpoints, amounts in base units, counts.
    """

    title: str
    story: str
    question: str
    ledger: Ledger
    seed: str
    tags: Tags
    truth: Mapping[str, str]
    answers: Mapping[str, str | int]

    def grade(self, clustering: Clusters) -> Grade:
        """Compare a clustering with the truth, pair by pair.

        Addresses that the clustering's ledger lacks, because they were not fetched, count as put
        together with nothing.

        Raises
        ------
        BadInput
            If it has none of this lesson's addresses.
        """
        clusters = {address: _cluster_of(address, clustering) for address in self.truth}
        unseen = sum(cluster is None for cluster in clusters.values())
        if unseen == len(clusters):
            raise BadInput(
                "this clustering has none of the lesson's addresses", hint="cluster the lesson's own ledger"
            )
        found = {address: cluster or f"unseen {address}" for address, cluster in clusters.items()}
        cells = compare_owners(found, self.truth)
        return Grade(
            true=cells.true,
            false=cells.false,
            missed=cells.missed,
            unseen=unseen,
            merged=tuple(sorted(owners for _, owners in cells.merged)),
            wrong_links=self._wrong_links(clustering.links),
            recipe=Recipe(
                "grade", {"lesson": self.title}, inputs=[self.ledger.digest, clustering.recipe.digest]
            ),
        )

    def _wrong_links(self, links: pa.Table) -> tuple[WrongLink, ...]:
        wrong = []
        for link in links.select(["a", "b", "rule", "txid"]).to_pylist():
            owner_a, owner_b = self.truth.get(link["a"]), self.truth.get(link["b"])
            if owner_a is not None and owner_b is not None and owner_a != owner_b:
                wrong.append(WrongLink(link["a"], owner_a, link["b"], owner_b, link["rule"], link["txid"]))
        return tuple(sorted(set(wrong)))

    def __repr__(self) -> str:
        return f"<Lesson {self.title!r}: {self.ledger!r}, {len(set(self.truth.values())):,} owners>"

    def _repr_html_(self) -> str:
        rows = [
            ("story", self.story),
            ("question", self.question),
            ("seed", self.seed),
            ("ledger", self.ledger),
        ]
        note = "Made up: on btc-regtest, with addresses that no real wallet uses."
        return cards.card(self.title, rows, note=note)


def _cluster_of(address: str, clustering: Clusters) -> str | None:
    try:
        return clustering.of(address)
    except SeedUnknown:
        return None


def _share(fraction: tuple[int, int]) -> str:
    part, whole = fraction
    return f"{part:,} of {whole:,}" + (f" ({100 * part // whole} %)" if whole else " (no such pairs)")


def peel_chain(length: int = 6, seed: int = 4) -> Lesson:
    """Return a lesson in which one owner pays `length` people, one after another, out of one coin.

    Parameters
    ----------
    length : int
        The number of payments, 1 or more; the last one goes to an exchange with a tag.
    seed : int
        Another seed gives other addresses and amounts.

    Raises
    ------
    BadInput
        If `length` is less than 1.

    Examples
    --------
    >>> lesson = peel_chain(length=2)
    >>> lesson.answers["payments"], lesson.ledger.chain
    (2, 'btc-regtest')
    """
    if length < 1:
        raise BadInput(f"a peel chain of {length} payments", hint="length is 1 or more")
    exchange = Habits("p2sh", sequence=0xFFFFFFFF, sets_locktime=False)
    maker = Maker("Peel chain", seed, {"Exchange": exchange})
    mined = [maker.mine("Peeler") for _ in range(2)]
    maker.skip(100)
    first = maker.address("Peeler")
    coin = start = maker.pay(mined, {}, change=first)[first]
    paid, payee = 0, ""
    for number in range(length):
        payee = maker.address("Exchange" if number == length - 1 else f"Payee {number + 1}")
        amount = coin.value_sat // (8 + maker.draw(12)) // 10_000 * 10_000
        change = maker.address("Peeler")
        coin = maker.pay([coin], {payee: amount}, change=change)[change]
        paid += amount
    said = {"address": payee, "chain": "btc-regtest", "label": "Exchange", "category": "exchange"}
    said |= {"source": "made up for this lesson", "confidence": "service_data", "creator": "chainflow"}
    return Lesson(
        title=f"Peel chain of {length}",
        story=(
            f"Somebody joins two mined coins of {units.format_coins(mined[0].value_sat, 'btc-regtest')} and pays "
            f"{length} recipients out of them, one after another. Each time the rest goes to a new address."
        ),
        question="Which output of each transaction is the change, how much was paid away, and where is the rest?",
        ledger=maker.ledger(),
        seed=str(start.outpoint),
        tags=Tags.of_rows([said], strict=True),
        truth=dict(maker.owners),
        answers={
            "payments": length,
            "paid_sat": paid,
            "rest": str(coin.outpoint),
            "rest_sat": coin.value_sat,
        },
    )
