"""`trace`: follow value from seeds through a ledger, forward or backward, under one declared policy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, cast

from chainflow import patterns, registry
from chainflow.addresses import label_on
from chainflow.errors import BadInput, ChainflowError
from chainflow.model import EndReason, Outpoint, Recipe
from chainflow.tags import Tags
from chainflow.tracing.result import Trace, frame_of
from chainflow.tracing.route import Route
from chainflow.tracing.walk import Policy, Stops, Walk

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["policy_named", "trace"]

POLICIES = "chainflow.policies"


def trace(
    ledger: Ledger,
    seeds: str | Outpoint | Collection[str | Outpoint],
    policy: str | Policy = "fifo",
    *,
    direction: str = "forward",
    stop: Tags | Collection[str] | None = None,
    coinjoins: Collection[str] | None = None,
    max_hops: int | None = None,
    max_txs: int = 100_000,
    dust_sat: int = 0,
) -> Trace:
    """Follow the value of `seeds` and say of every base unit where it ended and why.

    Parameters
    ----------
    ledger : Ledger
    seeds : str, Outpoint or a collection of them
        An address (all outputs it received in this ledger), a txid (all its outputs) or `txid:vout`.
        Each base unit is claimed once: a seed that already received taint is only topped up.
    policy : str or Policy
        The rule that says which part of an output comes from which input: "fifo", "haircut", "poison",
        the name of a plug-in, or a `Policy`. Choose it before looking at a result.
    direction : {"forward", "backward"}
        Where the value went, or where it came from.
    stop : Tags or collection of str, optional
        Addresses whose holder pools the money of many: nothing inside can be followed. A seed is never
        stopped by its own address.
    coinjoins : collection of str, optional
        Txids that no rule can see through, by default what `patterns.coinjoins` finds, ambiguous ones
        included; `()` walks through all.
    max_hops, max_txs : int
        End after so many transactions on a path; and walk through so many altogether, in the chain's
        order.
    dust_sat : int
        End where less than this arrived.

    Returns
    -------
    Trace
        Each branch ends with the first reason that holds: service, burnt, unspent, coinbase, unknown
        (not in evidence), dust, coinjoin, limit; forward, a transaction's fee is an end too. What ended
        counts as clean in the transaction that spends it.

    Raises
    ------
    SeedUnknown, AddressInvalid
        If a seed is not in this ledger, or is none of the three.
    BadInput
        If the policy or direction does not exist, a limit is negative, or seeds are on several chains or
        are accounts, which this version does not trace.
    PluginError
        If the policy's answer does not add up.

    Examples
    --------
    >>> from chainflow import samples
    >>> lesson = samples.peel_chain(length=2)
    >>> trail = trace(lesson.ledger, lesson.seed)
    >>> sum(trail.balance.values()) == trail.seed_sat
    True
    """
    if direction not in ("forward", "backward"):
        raise BadInput(f"no direction {direction!r}", hint="forward or backward")
    if min(max_txs, dust_sat, max_hops or 0) < 0:
        raise BadInput("a limit of a trace is negative", hint="leave max_hops out for no limit")
    rule, names = policy_named(policy), tuple(sorted({str(seed) for seed in _collection(seeds)}))
    ledger.refuse_accounts("tracing", names)
    rows = _claims(ledger, names)
    chain = _chain(ledger, rows)
    services = (
        stop.addresses
        if isinstance(stop, Tags)
        else frozenset(label_on(str(given), chain) for given in _collection(stop or ()))
    )
    mixed = patterns.coinjoins(ledger) if coinjoins is None else frozenset(map(str, _collection(coinjoins)))
    stops = Stops(services, mixed, max_hops=max_hops, max_txs=max_txs, dust_sat=dust_sat)
    walk = Walk(Route(ledger, forward=direction == "forward"), rows, rule, stops=stops)
    walk.run()
    chosen = {
        "policy": rule.name,
        "direction": direction,
        "seeds": list(names),
        "stop": stop.digest if isinstance(stop, Tags) else sorted(services),
        "coinjoins": None if coinjoins is None else sorted(mixed),
        "max_hops": max_hops,
        "max_txs": max_txs,
        "dust_sat": dust_sat,
    }
    labels = _labels(ledger, walk, stop)
    return Trace(
        outputs=frame_of(ledger, walk.marks, labels, is_ends=False),
        ends=frame_of(ledger, walk.ends, labels, is_ends=True),
        by_seed=_books(walk, names, rule),
        policy=rule.name,
        direction=direction,
        chain=chain,
        seeds=names,
        as_of=ledger.as_of,
        recipe=Recipe("trace", chosen, inputs=[ledger.digest]),
        _walk=walk,
    )


def _collection(given: str | Outpoint | Collection[str | Outpoint]) -> Collection[str | Outpoint]:
    return (given,) if isinstance(given, str | Outpoint) else given


def policy_named(policy: str | Policy) -> Policy:
    """Return the policy that a name stands for; an object is returned as it is.

    Raises
    ------
    BadInput
        If no installed policy has that name; the hint lists them.
    """
    if not isinstance(policy, str):
        return policy
    known = registry.plugins(POLICIES)
    if policy not in known:
        raise BadInput(f"no policy {policy!r}", hint=f"known are {', '.join(known)}")
    return cast(Callable[[], Policy], known[policy]())()


def _claims(ledger: Ledger, names: tuple[str, ...]) -> dict[int, int]:
    """Return output row → number of the seed that names it, the first of them where several do."""
    rows: dict[int, int] = {}
    for number, name in enumerate(names):
        for row in ledger.index.resolve([name]):
            rows.setdefault(row, number)
    if not rows:
        raise BadInput("a trace needs a seed", hint="an address, a txid or txid:vout")
    return rows


def _chain(ledger: Ledger, rows: Mapping[int, int]) -> str:
    chains = sorted({ledger.index.output_chains[row] for row in rows})
    if len(chains) > 1:
        raise BadInput(f"the seeds are on {' and '.join(chains)}", hint="build one ledger for each chain")
    return chains[0]


def _labels(ledger: Ledger, walk: Walk, stop: Tags | Collection[str] | None) -> dict[str, str]:
    """Return what the stop list says of the addresses that were reached."""
    if not isinstance(stop, Tags):
        return {}
    reached = {ledger.index.label_of(mark.row) for mark in walk.marks} & stop.addresses
    best = {address: stop.best(address) for address in sorted(reached)}
    return {address: tag.label for address, tag in best.items() if tag is not None}


def _books(walk: Walk, names: tuple[str, ...], rule: Policy) -> dict[str, dict[str, int]]:
    """Return what ended for which reason, per seed, after checking it against what each seed claimed."""
    books = {}
    for number, name in enumerate(names):
        claimed, ended = walk.claimed.get(number, 0), dict(walk.ended.get(number, {}))
        missing = claimed - sum(ended.values())
        if missing and rule.conserves:
            raise ChainflowError(
                f"the balance of {name} is off by {missing} base units under {rule.name!r}",
                hint="this is an error in chainflow or in the policy; nothing of this trace was used",
            )
        if missing:
            ended[EndReason.POISON] = missing
        books[name] = {reason.value: ended[reason] for reason in EndReason if ended.get(reason)}
    return books
