"""`trace`: follow value from seeds, forward or backward, over outputs or accounts, under one declared policy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chainflow.errors import BadInput
from chainflow.model import Recipe, is_txid
from chainflow.tags import Tags
from chainflow.tracing.accounts.result import AccountTrace, account_frame
from chainflow.tracing.asset import Asset, cased
from chainflow.tracing.conversions import Conversions
from chainflow.tracing.crossing import Crossed
from chainflow.tracing.legs import Run, Walked, books_of
from chainflow.tracing.policies import AccountPolicy, Policy, declared_name
from chainflow.tracing.result import Trace, frame_of
from chainflow.tracing.seeds import Seeds, as_given, labelled
from chainflow.tracing.stops import DEFAULT_TXS, Owners, StopOptions, collection
from chainflow.tracing.walk import Walk

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["trace"]


def trace(
    ledger: Ledger,
    seeds: Seeds,
    policy: str | Policy | AccountPolicy = "fifo",
    *,
    direction: str = "forward",
    stop: Tags | Collection[str] | None = None,
    targets: Collection[str] = (),
    coinjoins: Collection[str] | None = None,
    contracts: Collection[str] | None = None,
    conversions: Conversions | None = None,
    asset: str | Collection[str] | None = None,
    chain: str | None = None,
    owners: Owners | None = None,
    max_cluster: int | None = None,
    max_hops: int | None = None,
    max_txs: int = DEFAULT_TXS,
    dust_sat: int = 0,
    min_purity_ppm: int = 0,
    within: timedelta | int | None = None,
) -> Trace:
    """Follow the value of `seeds` and say of every base unit where it ended and why.

    Parameters
    ----------
    ledger : Ledger
    seeds : str, Outpoint, Claim, a collection of them, or a mapping of label to these
        An address (all that it received in this ledger), a txid (all its outputs or transfers), `txid:vout`,
        on account chains `txid:log:12`; `…=BASE_UNITS` claims a part. Each base unit is claimed once: a seed
        that already received taint is only topped up, and `collisions` says whose claim came first.
    policy : str, Policy or AccountPolicy
        The rule that says which part of what is paid comes from what: its name, or an object. Choose it
        before looking at a result. A name stands for the rule of outputs and for that of accounts.
    direction : {"forward", "backward"}
        Where the value went, or where it came from.
    stop : Tags or collection of str, optional
        Addresses whose holder pools the money of many: nothing inside can be followed. Of tags, mixers and
        bridges end a branch under their own names. A seed is never stopped by its own address.
    targets : collection of str
        Addresses of interest: what comes to them ends as reached.
    coinjoins : collection of str, optional
        Txids that no rule can see through, by default what `patterns.coinjoins` finds, ambiguous ones
        included; `()` walks through all.
    contracts : collection of str, optional
        Accounts whose code decides what becomes of what they get, by default those that the evidence shows
        to be contracts; `()` treats them as accounts of people.
    conversions : Conversions, optional
        Where value came back as another asset, or on another chain of this ledger. The parts on other
        chains are `legs` of the result.
    asset : str or collection of str, optional
        Of accounts only: contracts, or "native"; by default every asset that the seeds received.
    chain : str, optional
        Where a seed is an address that several chains of this ledger know.
    owners, max_cluster : Clustering, int, optional
        End at addresses in clusters of more addresses than that: probably a service without a tag.
    max_hops, max_txs : int
        End after so many transactions on a path; and walk through so many altogether, those first that the
        most taint comes to.
    dust_sat, min_purity_ppm : int
        End where less than this arrived: in base units, and in parts per million of what it is in.
    within : timedelta or int, optional
        End at transactions later than this (in seconds) after the first seed; backward, earlier.

    Returns
    -------
    Trace
        An `AccountTrace` where the seeds are on an account chain. Each branch ends with the first reason
        that holds (`EndReason`), and `closing()` accounts for every base unit; forward, a transaction's fee
        is an end too. What ended counts as clean in the transaction that spends it.

    Raises
    ------
    SeedUnknown, AddressInvalid
        If a seed is not in this ledger, or is none of these.
    BadInput
        If the policy or direction does not exist, a limit or an amount cannot be, or seeds are on several
        chains.
    PluginError
        If the policy's answer does not add up.

    References
    ----------
    That value moves only forward in (height, position, log index), that every unit counts once and that a
    branch records what stopped it: rules T-13, R-2 and R-4 of docs/concepts/tracing.md.

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
    if not isinstance(conversions, Conversions | None):
        raise BadInput(
            "conversions come as a set", hint="cf.Conversions.read(file), or cf.find_conversions(ledger)"
        )
    options: StopOptions = {
        "targets": targets,
        "coinjoins": None if coinjoins is None else _txids(coinjoins),
        "contracts": None if contracts is None else [*collection(contracts)],
        "owners": owners,
        "max_cluster": max_cluster,
        "max_hops": max_hops,
        "max_txs": max_txs,
        "dust_sat": dust_sat,
        "min_purity_ppm": min_purity_ppm,
        "within": within,
    }
    assets = (
        None
        if asset is None
        else frozenset(None if one == "native" else one for one in map(cased, collection(asset)))
    )
    run = Run(
        ledger, labelled(seeds), policy, direction == "forward", stop, options, assets, conversions, chain
    )
    first = run.follow()
    recipe = Recipe("trace", _chosen(run, direction), inputs=_inputs(run))
    crossed = {
        "crossed": tuple(run.crossing.crossed(run.walks)),
        "not_followed": tuple(run.crossing.undecided(run.walks)),
    }
    legs = {chain: _trace_of(run, chain, recipe, direction, crossed) for chain in run.walks}
    return replace(legs.pop(first), legs=tuple(leg for _, leg in sorted(legs.items())))


def _txids(given: Collection[str]) -> list[str]:
    """Return txids in lower case; one that is none would silently switch a stop off."""
    found = [str(one).lower() for one in collection(given)]
    for one in found:
        if not is_txid(one.removeprefix("0x")):
            raise BadInput(f"no txid of a CoinJoin: {one!r}", hint="64 hex digits; () walks through all")
    return found


def _chosen(run: Run, direction: str) -> dict[str, Any]:
    """Return what was asked, as the recipe states it; what was left at its default is left out."""
    stop, options = run.stop, run.options
    within = options.get("within")
    chosen: dict[str, Any] = {
        "policy": declared_name(run.policy),
        "direction": direction,
        "seeds": as_given(run.claims),  # type: ignore[arg-type]
        "stop": stop.digest if isinstance(stop, Tags) else sorted(map(str, collection(stop or ()))),
        "coinjoins": options.get("coinjoins"),
        "max_hops": options.get("max_hops"),
        "max_txs": options.get("max_txs"),
        "dust_sat": options.get("dust_sat"),
    }
    more: dict[str, Any] = {
        "targets": sorted(map(str, collection(options.get("targets", ())))),
        "contracts": options.get("contracts"),
        "asset": None if run.assets is None else sorted(one or "native" for one in run.assets),
        "max_cluster": options.get("max_cluster"),
        "min_purity_ppm": options.get("min_purity_ppm"),
        "within": int(within.total_seconds()) if isinstance(within, timedelta) else within,
        "conversions": None if run.conversions is None else run.conversions.digest,
        "chain": run.chain,
    }
    if chosen["coinjoins"] is not None:
        chosen["coinjoins"] = sorted(chosen["coinjoins"])
    if more["contracts"] is not None:  # none at all is a choice, too
        chosen["contracts"] = sorted(map(str, more.pop("contracts")))
    return {**chosen, **{name: value for name, value in more.items() if _is_chosen(name, value)}}


def _is_chosen(name: str, value: object) -> bool:
    """Return whether an option that is seldom chosen was: a limit of nothing is one, an empty list is none."""
    is_default = value == [] if name == "targets" else name == "min_purity_ppm" and value == 0
    return value is not None and not is_default


def _inputs(run: Run) -> list[str]:
    """Return the digests of what a trace was made from."""
    owners = run.options.get("owners")
    made = getattr(owners, "recipe", None)
    return [run.ledger.digest, *([] if made is None else [made.digest])]


def _trace_of(
    run: Run, chain: str, recipe: Recipe, direction: str, crossed: Mapping[str, tuple[Crossed, ...]]
) -> Trace:
    """Return what was found on one chain."""
    walk = run.walks[chain]
    books, opened = books_of(walk, run.labels)
    labels = _tagged(walk, run.stop)
    made: dict[str, Any] = {
        "books": books,
        "opened": opened,
        "converted_in": _converted_in(run, walk),
        "policy": walk.policy.name,
        "direction": direction,
        "chain": chain,
        "seeds": tuple(run.labels),
        "as_of": run.ledger.as_of,
        "recipe": recipe,
        "legs": (),
        "_walk": walk,
        "ledger": run.ledger,
        **crossed,
    }
    if isinstance(walk, Walk):
        outputs = frame_of(run.ledger, walk.marks, labels, is_ends=False)
        ends = frame_of(run.ledger, walk.ends, labels, is_ends=True)
        return Trace(outputs=outputs, ends=ends, **made)
    receipts = account_frame(walk.events, walk.marks, labels, is_ends=False)
    ends = account_frame(walk.events, walk.ends, labels, is_ends=True)
    return AccountTrace(outputs=receipts, ends=ends, **made)


def _converted_in(run: Run, walk: Walked) -> Mapping[Asset, Mapping[str, int]]:
    """Return what conversions brought that was not claimed before, per asset and label."""
    found: dict[Asset, dict[str, int]] = {}
    for (asset, label), amount in walk.register.came.items():
        found.setdefault(asset, {})[run.labels[label]] = amount
    return found


def _tagged(walk: Walked, stop: Tags | Collection[str] | None) -> dict[str, str]:
    """Return what the stop list says of the addresses that were reached."""
    if not isinstance(stop, Tags):
        return {}
    if isinstance(walk, Walk):
        reached = {walk.route.index.label_of(mark.row) for mark in walk.marks}
    else:
        reached = {mark.address for mark in (*walk.marks, *walk.ends) if mark.address is not None}
    best = {address: stop.best(address) for address in sorted(reached & stop.addresses)}
    return {address: tag.label for address, tag in best.items() if tag is not None}
