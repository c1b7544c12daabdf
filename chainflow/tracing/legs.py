"""The parts of a trace, one per chain, and how conversions lead from one to the next."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chainflow import patterns
from chainflow.errors import BadInput, ChainflowError, SeedUnknown
from chainflow.model import EndReason
from chainflow.networks import is_account_chain
from chainflow.progress import watched
from chainflow.tags import Tags
from chainflow.tracing.accounts.back import AccountBack
from chainflow.tracing.accounts.events import Events, Holding
from chainflow.tracing.accounts.walk import AccountWalk
from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions import Conversions
from chainflow.tracing.crossing import Crossing, Walked
from chainflow.tracing.policies import AccountPolicy, Policy, account_policy_named, policy_named
from chainflow.tracing.policies.ordered import Seniority
from chainflow.tracing.register import Register
from chainflow.tracing.route import Route
from chainflow.tracing.seeds import Claim, split_name
from chainflow.tracing.stops import StopOptions, Stops, addresses_on
from chainflow.tracing.walk import Walk

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["Books", "Run", "Walked", "books_of"]

Books = Mapping[Asset, Mapping[str, Mapping[str, int]]]
"""Asset → label → reason → base units."""

_LARGE = 20_000
"""Transactions and transfers of a ledger from which on a trace says how far it is."""

_HASH = re.compile(r"0[xX][0-9a-fA-F]{64}")


@dataclass(slots=True)
class Run:
    """One trace while it is made: what was asked, and a walk per chain.

    Attributes
    ----------
    claims : mapping of str to sequence of Claim
        Label → what it claims.
    policy : str, Policy or AccountPolicy
    crossing : Crossing
        The conversions, and what they brought so far.
    begin : int or None
        When the seeds were paid, Unix seconds; `None`: not known.
    """

    ledger: Ledger
    claims: Mapping[str, Sequence[Claim]]
    policy: str | Policy | AccountPolicy
    forward: bool
    stop: Tags | Collection[str] | None
    options: StopOptions
    assets: frozenset[str | None] | None = None
    conversions: Conversions | None = None
    chain: str | None = None
    walks: dict[str, Walked] = field(default_factory=dict)
    begin: int | None = None
    _events: dict[str, Events] = field(default_factory=dict)
    crossing: Crossing = field(init=False)

    def __post_init__(self) -> None:
        self.crossing = Crossing(self.ledger, self.events_on, self.conversions, forward=self.forward)

    @property
    def labels(self) -> list[str]:
        """The labels; their places here are the numbers that coins carry."""
        return list(self.claims)

    def follow(self) -> str:
        """Walk every chain that value reaches, until conversions bring nothing new; return the seeds' chain.

        A conversion brings value only forward in time, so each round settles at least one more of them.
        """
        first = self._first_chain()
        due = {first}
        for _ in range(2 + len(self.crossing)):
            for chain in sorted(due):
                self.walks[chain] = self._walk(chain, is_first=chain == first)
            due = self.crossing.update(self.walks)
            if not due:
                return first
        raise ChainflowError(
            "conversions feed each other without end",
            hint="an error in chainflow: nothing of this trace was used",
        )

    # --- where the seeds are ----------------------------------------------------------------------

    def _first_chain(self) -> str:
        chains = {chain for some in self.claims.values() for one in some for chain in self._chains(one.where)}
        if self.chain is not None:
            chains &= {self.chain}
        if not chains:
            raise SeedUnknown(
                f"the seeds are not on {self.chain} in this ledger", hint="name another chain, or fetch"
            )
        if len(chains) > 1:
            raise BadInput(
                f"the seeds are on {' and '.join(sorted(chains))}",
                hint="name one: chain=, or one trace for each",
            )
        return next(iter(chains))

    def _chains(self, where: str) -> set[str]:
        """Return the chains that a seed is on."""
        if self.ledger.is_account(split_name(where)[0]):
            found = {
                chain
                for chain in self.ledger.chains
                if is_account_chain(chain) and self.events_on(chain).knows(where)
            }
            if found:
                return found
        if _HASH.fullmatch(where.partition(":")[0]):
            raise SeedUnknown(
                f"{where} is not in this ledger ({self.ledger.transfers.num_rows:,} transfers)",
                hint="fetch it first; this says nothing about whether it exists on the chain",
            )
        return {self.ledger.index.output_chains[row] for row in self.ledger.index.resolve([where])}

    def events_on(self, chain: str) -> Events:
        """Return the events of an account chain."""
        if chain not in self._events:
            self._events[chain] = Events(self.ledger, chain)
        return self._events[chain]

    # --- one chain --------------------------------------------------------------------------------

    def _walk(self, chain: str, *, is_first: bool) -> Walked:
        stops = Stops.of(chain, self.stop, self.options)
        walk = (
            self._account_walk(chain, stops, is_first=is_first)
            if is_account_chain(chain)
            else self._output_walk(chain, stops, is_first=is_first)
        )
        is_large = len(self.ledger) + self.ledger.transfers.num_rows > _LARGE
        with watched("trace") if is_large else nullcontext(walk.report) as walk.report:
            walk.run()
        return walk

    def _output_walk(self, chain: str, stops: Stops, *, is_first: bool) -> Walk:
        rule = policy_named(self.policy)  # type: ignore[arg-type]
        if isinstance(rule, Seniority):
            rule = rule.numbered(self.labels)
        claims: dict[int, list[tuple[int, int | None]]] = {}
        for number, claim in self._seeds() if is_first else ():
            for row in self._rows(claim):
                claims.setdefault(row, []).append((number, claim.amount))
        route = Route(self.ledger, forward=self.forward)
        self.begin = route.begin(claims) if is_first else self.begin
        given = self.options.get("coinjoins")
        mixed = patterns.coinjoins(self.ledger) if given is None else frozenset(map(str, given))
        return Walk(
            route,
            Register(claims, self.crossing.brought_to(chain)),
            rule,
            asset=Asset(chain, None),
            stops=stops,
            coinjoins=mixed,
            converted=self.crossing.left_on(chain),
            begin=self.begin,
        )

    def _account_walk(self, chain: str, stops: Stops, *, is_first: bool) -> AccountWalk | AccountBack:
        rule, events = account_policy_named(self.policy), self.events_on(chain)  # type: ignore[arg-type]
        by_event: dict[int, list[tuple[int, int | None]]] = {}
        by_opening: dict[Holding, list[tuple[int, int | None]]] = {}
        for number, claim in self._seeds() if is_first else ():
            numbers, openings = events.named(claim, self.assets)
            for one in numbers:
                by_event.setdefault(one, []).append((number, claim.amount))
            for held in openings:
                by_opening.setdefault(held, []).append((number, claim.amount))
        times = [time for one in by_event if (time := events[one].time) is not None]
        if is_first and times:
            self.begin = min(times) if self.forward else max(times)
        given = self.options.get("contracts")
        contracts = events.contracts if given is None else addresses_on(chain, given)
        make = AccountWalk if self.forward else AccountBack
        return make(
            events,
            Register(by_event, self.crossing.brought_to(chain)),
            by_opening,
            rule,
            stops=stops,
            contracts=contracts,
            converted=self.crossing.left_on(chain),
            begin=self.begin,
        )

    def _seeds(self) -> Iterator[tuple[int, Claim]]:
        for number, label in enumerate(self.claims):
            for claim in self.claims[label]:
                yield number, claim

    def _rows(self, claim: Claim) -> list[int]:
        rows = self.ledger.index.resolve([claim.where])
        if claim.amount is not None and len(rows) != 1:
            raise BadInput(
                f"{claim.where} names {len(rows):,} outputs, an amount goes with one", hint="name txid:vout"
            )
        if claim.amount is not None and claim.amount > self.ledger.index.value[rows[0]]:
            raise BadInput(
                f"{claim.where} holds {int(self.ledger.index.value[rows[0]]):,}, {claim.amount:,} is claimed of it",
                hint="claim at most what it holds, in base units",
            )
        return rows


def books_of(walk: Walked, labels: Sequence[str]) -> tuple[Books, dict[Asset, dict[str, int]]]:
    """Return what ended per asset, label and reason, and what was claimed, after checking one against the other.

    Raises
    ------
    ChainflowError
        If a rule that conserves did not.
    """
    claimed, ended = walk.register.claimed, ended_of(walk)
    books: dict[Asset, dict[str, dict[str, int]]] = {}
    opened: dict[Asset, dict[str, int]] = {}
    for asset, number in sorted({*claimed, *ended}, key=lambda key: (str(key[0]), key[1])):
        total, reasons = claimed.get((asset, number), 0), ended.get((asset, number), {})
        missing = total - sum(reasons.values())
        if missing and walk.policy.conserves:
            raise ChainflowError(
                f"the balance of {labels[number]} is off by {missing} base units under {walk.policy.name!r}",
                hint="this is an error in chainflow or in the policy; nothing of this trace was used",
            )
        if missing:
            reasons[EndReason.POISON] = missing
        listed = {reason.value: reasons[reason] for reason in EndReason if reasons.get(reason)}
        books.setdefault(asset, {})[labels[number]] = listed
        opened.setdefault(asset, {})[labels[number]] = total
    return books, opened


def ended_of(walk: Walked) -> dict[tuple[Asset, int], dict[EndReason, int]]:
    """Return (asset, label) → reason → base units that ended so."""
    ended: dict[tuple[Asset, int], dict[EndReason, int]] = {}
    for asset, mark in walk.ended():
        for label, amount in mark.shares:
            if mark.reason is not None:
                reasons = ended.setdefault((asset, label), {})
                reasons[mark.reason] = reasons.get(mark.reason, 0) + amount
    return ended
