"""`bounds`: the least and the most that can have reached a target, under every rule that conserves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chainflow import registry
from chainflow.errors import BadInput, SeedUnknown
from chainflow.model import EndReason, Recipe
from chainflow.tags import Tags
from chainflow.tracing.asset import Asset
from chainflow.tracing.bounded import ALONE, Bounds, Limits, Reading
from chainflow.tracing.follow import trace
from chainflow.tracing.paths.graph import ELSEWHERE, STOPPED, TARGET, FlowGraph
from chainflow.tracing.paths.network import Network
from chainflow.tracing.paths.question import Question, ask, stops_as_given
from chainflow.tracing.paths.unknown import widened, with_leaks
from chainflow.tracing.policies import (
    AccountPoison,
    AccountPolicy,
    Coin,
    Poison,
    Policy,
    account_policy_named,
    policy_named,
)
from chainflow.tracing.seeds import Claim, Seeds, as_given, labelled
from chainflow.tracing.stops import Owners, addresses_on

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["Bounds", "Limits", "Reading", "bounds"]

_NO_LIMIT = 10**9


def bounds(
    ledger: Ledger,
    seeds: Seeds,
    target: str | Collection[str],
    *,
    policies: Collection[str] | None = None,
    clusterings: Mapping[str, Owners] | None = None,
    stop: Tags | Collection[str] | None = None,
    coinjoins: Collection[str] | None = None,
    contracts: Collection[str] | None = None,
    asset: Asset | str | None = None,
) -> Bounds:
    """Return the least and the most of the seeds that can have reached the target, and what each policy says.

    Parameters
    ----------
    ledger : Ledger
    seeds : str, Outpoint, Claim, a collection of them, or a mapping of label to these
        As in `trace`, parts included; the bounds are those of all labels together.
    target : str or collection of str
        Addresses. What comes to one of them is followed no further.
    policies : collection of str, optional
        By default every installed one; an annex to a trace by one policy, never a choice among results.
    clusterings : mapping of str to Clustering, optional
        Name → a clustering: the target is then the whole cluster of its addresses.
    stop, coinjoins, contracts
        As in `trace`.
    asset : Asset or str, optional
        Of an account chain: a contract or "native"; needed where the seeds moved several.

    Notes
    -----
    The most is the greatest flow from the seeds to the target. The least is what the seeds hold, less the
    greatest flow from them to everything else. Both are reached by some rule: what enters a transaction (or
    the moment of an account) always fits into what leaves it, so a greatest flow to the one side can be
    completed to one of all that the seeds hold without taking anything away. What ended at a stop (a service,
    mixer, bridge, CoinJoin, a contract that is not decoded, a token that was burnt) can have come to the target
    by ways that no transfer of this asset shows: that is counted by itself.

    Raises
    ------
    SeedUnknown, AddressInvalid
        If a seed or the target is not in this ledger, or is none.
    BadInput
        If a policy does not exist, seeds are on several chains or moved several assets, or an amount is
        claimed of several places, or of less than it.

    Examples
    --------
    >>> from chainflow import samples
    >>> lesson = samples.peel_chain(length=2)
    >>> payee = lesson.ledger.to_pandas()["address"].iloc[-1]
    >>> found = bounds(lesson.ledger, lesson.seed, payee, policies=["fifo"])
    >>> found.least <= found.by_policy[0].reached <= found.most
    True
    """
    claims = labelled(seeds)
    question = _asked(
        ledger, claims, {"stop": stop, "coinjoins": coinjoins, "contracts": contracts, "asset": asset}
    )
    network = question.network
    addresses = addresses_on(network.chain, target)
    goals = {ALONE: addresses, **_clusters(addresses, clusterings or {})}
    if not _arcs_to(network, addresses):
        raise SeedUnknown(
            f"{', '.join(sorted(addresses)) or 'no target'} received nothing in this ledger",
            hint="fetch the target first; this says nothing about the chain itself",
        )
    options: dict[str, Any] = {"stop": stop, "coinjoins": coinjoins, "contracts": contracts}
    aimed = question.between(question.sources, _arcs_to(network, addresses))
    names = _policy_names(network) if policies is None else sorted(policies)
    chosen = {
        "seeds": as_given(claims),
        "target": sorted(addresses),
        "policies": names,
        "clusterings": {name: sorted(goals[name]) for name in sorted(clusterings or {})},
        **stops_as_given(stop, coinjoins, contracts),
        "asset": network.asset,
    }
    options["targets"] = sorted(addresses)
    return Bounds(
        sum(map(question.claimed, question.sources)),
        tuple(_reading(ledger, aimed, claims, name, options) for name in names),
        {name: _limits(question, goal) for name, goal in goals.items()},
        network,
        ledger.as_of,
        Recipe("bounds", chosen, inputs=[ledger.digest]),
    )


def _asked(ledger: Ledger, claims: Mapping[str, tuple[Claim, ...]], options: dict[str, Any]) -> Question:
    """Return the question from the seeds, with what is claimed of each where that is a part."""
    every = [claim for some in claims.values() for claim in some]
    question = ask(ledger, {claim.where for claim in every}, None, **options)
    arcs, parts, whole = question.network.arcs, dict[int, int](), set[int]()
    for claim in every:
        numbers = question.network.find(claim.where).arcs
        if claim.amount is None:
            whole |= numbers
            continue
        if len(numbers) != 1 or claim.amount > max(arcs[number].amount for number in numbers):
            raise BadInput(
                f"{claim.amount:,} cannot be claimed of {claim.where}",
                hint="name one output or transfer that brought as much: txid:vout=BASE_UNITS",
            )
        (number,) = numbers
        parts[number] = min(parts.get(number, 0) + claim.amount, arcs[number].amount)
    return replace(question, parts={number: part for number, part in parts.items() if number not in whole})


def _policy_names(network: Network) -> list[str]:
    group = "chainflow.policies" if network.is_outputs else "chainflow.account_policies"
    return list(registry.plugins(group))


def _clusters(addresses: frozenset[str], clusterings: Mapping[str, Owners]) -> dict[str, frozenset[str]]:
    """Return the target under each clustering: every cluster that one of its addresses is in."""
    return {
        name: addresses.union(*(owners.members(owners.of(address)) for address in sorted(addresses)))
        for name, owners in sorted(clusterings.items())
    }


def _arcs_to(network: Network, addresses: Collection[str]) -> frozenset[int]:
    """Return the arcs that bring value to addresses; what an account only holds is not brought."""
    numbers = enumerate(network.arcs)
    return frozenset(number for number, arc in numbers if arc.payee in addresses and arc.payer != arc.payee)


def _limits(question: Question, addresses: frozenset[str]) -> Limits:
    """Return the least and the most for one target; a seed that is at the target has arrived."""
    aimed = question.between(question.sources, _arcs_to(question.network, addresses))
    graph = FlowGraph.of(aimed)
    is_known = all(question.network.is_known.get(address, False) for address in addresses)
    return Limits(
        addresses=len(addresses),
        least=graph.total - graph.most(ELSEWHERE),
        most=graph.most(TARGET),
        open_least=graph.total - with_leaks(graph, aimed).most(ELSEWHERE),
        open_most=widened(aimed, is_target_known=is_known).most(TARGET),
        stopped=graph.most(STOPPED),
    )


def _reading(
    ledger: Ledger,
    question: Question,
    claims: Mapping[str, tuple[Claim, ...]],
    name: str,
    options: dict[str, Any],
) -> Reading:
    """Trace the seeds by one policy up to the target; what is there from the start is only counted."""
    network = question.network
    rule: Policy | AccountPolicy
    if network.is_outputs:
        rule = policy_named(name)
        why = _no_amount(rule)
    else:
        rule = account_policy_named(name)
        why = _no_amount(rule) or _no_payment(rule)
    if why:
        return Reading(name, None, why)
    there = question.sources & question.targets
    if not network.is_outputs:
        if there:
            raise BadInput(
                "a seed is a receipt of the target itself",
                hint="take it out of the seeds, or name no policies",
            )
        options = options | {"asset": Asset.parse(network.asset).contract or "native"}
    begun = sum(map(question.claimed, there))
    rest = [
        Claim(network.arcs[one].place, question.parts.get(one)) for one in sorted(question.sources - there)
    ]
    if not rest:
        return Reading(name, begun, "")
    trail = trace(ledger, rest if there else claims, rule, max_txs=_NO_LIMIT, **options)
    if not there:
        return Reading(name, trail.balance.get(EndReason.REACHED.value, 0), "")
    met = trail.ends[trail.ends["reason"] == EndReason.REACHED.value]
    places = {network.arcs[number].place for number in there}
    columns = (met[column].tolist() for column in ("txid", "vout", "tainted_sat"))
    reached = sum(
        tainted for txid, vout, tainted in zip(*columns, strict=True) if f"{txid}:{vout}" not in places
    )
    return Reading(name, begun + reached, "")


def _no_amount(rule: Policy | AccountPolicy) -> str:
    """Return why what a rule says cannot be compared with the bounds; "" where it can."""
    if isinstance(rule, Poison | AccountPoison):
        return "counts value more than once"
    return "" if rule.conserves else "does not conserve value"


def _no_payment(rule: AccountPolicy) -> str:
    """Return that a rule follows no payment, tried on one base unit; "" where it does."""
    book = rule.open()
    book.receive(Coin.of(1, {0: 1}))
    book.pay(1)
    return "follows no payment" if book.lost else ""
