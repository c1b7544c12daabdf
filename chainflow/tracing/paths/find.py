"""`paths` and `to_nearest`: the best ways that value can have gone from one set to another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from chainflow import units
from chainflow.errors import BadInput
from chainflow.model import Recipe
from chainflow.tags import Tags
from chainflow.tracing.asset import Asset
from chainflow.tracing.paths.question import Question, SomePlaces, ask
from chainflow.tracing.paths.result import Branch, NoPath, Path, Paths, step_of, steps_of
from chainflow.tracing.paths.search import MEASURES, Label, best_paths, duration, reach

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["paths", "to_nearest"]


def paths(
    ledger: Ledger,
    sources: SomePlaces,
    targets: SomePlaces,
    *,
    by: str = "fewest",
    k: int = 1,
    stop: Tags | Collection[str] | None = None,
    coinjoins: Collection[str] | None = None,
    contracts: Collection[str] | None = None,
    after: int | None = None,
    asset: Asset | str | None = None,
) -> Paths | NoPath:
    """Return the best paths along which value can have gone from the sources to the targets.

    A path runs forward in time, leaves the sources once and ends at the first target that it meets. It
    says what can have moved: which unit paid which is not on any chain.

    Parameters
    ----------
    ledger : Ledger
    sources, targets : str, Outpoint or a collection of them
        Addresses, txids or `txid:vout` (of accounts `txid:log:12`). What is a source is no target.
    by : {"fewest", "fastest", "largest"}
        Fewest transactions (of equals the larger amount); least block time from the first transaction
        to the last; the largest amount that can have gone along one path. Ties: the ledger's order.
    k : int
        So many distinct paths at most.
    stop, coinjoins, contracts
        As in `trace`: where value may arrive but not leave, and what no rule sees through.
    after : int, optional
        Only what moves in this block or later.
    asset : Asset or str, optional
        Of an account chain; needed where the sources moved several.

    Returns
    -------
    Paths or NoPath
        `NoPath` is false in a condition; it says what was reached and where the evidence ends.

    Raises
    ------
    SeedUnknown, AddressInvalid
        If a name is not in this ledger, or is none.
    BadInput
        If a set is empty, all targets are sources, several chains or assets are asked about, or `by` or `k`
        is none.

    Examples
    --------
    >>> from chainflow import samples
    >>> lesson = samples.peel_chain(length=2)
    >>> last = lesson.ledger.txs["txid"].to_pylist()[-1]
    >>> paths(lesson.ledger, lesson.seed, last)[0].transactions
    2
    """
    _check(by, k)
    question = ask(
        ledger,
        sources,
        targets,
        stop=stop,
        coinjoins=coinjoins,
        contracts=contracts,
        after=after,
        asset=asset,
    )
    said = _said(stop) if isinstance(stop, Tags) else {}
    recipe = Recipe("paths", {**question.asked, "by": by, "k": k}, inputs=[ledger.digest])
    return _answer(ledger, question, by, k, said, recipe)


def to_nearest(
    ledger: Ledger,
    sources: SomePlaces,
    tags: Tags,
    *,
    by: str = "fewest",
    k: int = 1,
    coinjoins: Collection[str] | None = None,
    contracts: Collection[str] | None = None,
    after: int | None = None,
    asset: Asset | str | None = None,
) -> Paths | NoPath:
    """Return the paths to the nearest tagged addresses, with who says what those are.

    Parameters as those of `paths`; `tags` are the places to look for, such as `tags.services`. Of a
    service that nobody tagged nothing can be said: the nearest is the nearest known one.

    Raises
    ------
    SeedUnknown, AddressInvalid, BadInput
        As `paths`.
    """
    _check(by, k)
    question = ask(
        ledger, sources, None, stop=None, coinjoins=coinjoins, contracts=contracts, after=after, asset=asset
    )
    arcs = question.network.arcs
    tagged = tags.addresses
    targets = frozenset(
        number for number, arc in enumerate(arcs) if arc.payee in tagged and arc.payer != arc.payee
    )
    chosen = {**question.asked, "tags": tags.digest, "by": by, "k": k}
    recipe = Recipe("paths to nearest", chosen, inputs=[ledger.digest])
    asked = question.between(question.sources, targets - question.sources)
    return _answer(ledger, asked, by, k, _said(tags), recipe)


def _check(by: str, k: int) -> None:
    if by not in MEASURES:
        raise BadInput(f"no measure of paths {by!r}", hint=f"one of {', '.join(MEASURES)}")
    units.whole_number(k, "paths", least=1, most=10_000)


def _said(tags: Tags) -> dict[str, tuple[str, str]]:
    best = {address: tags.best(address) for address in sorted(tags.addresses)}
    return {address: (tag.label, tag.source) for address, tag in best.items() if tag is not None}


def _answer(
    ledger: Ledger, question: Question, by: str, k: int, said: Mapping[str, tuple[str, str]], recipe: Recipe
) -> Paths | NoPath:
    network = question.network
    labels = best_paths(question, by, k)
    if not labels:
        found = [
            Branch(step_of(network, one.arc), None if one.end is None else one.end.value)
            for one in reach(question)
            if one.end is not None or network.arcs[one.arc].tx >= 0 or network.is_outputs
        ]
        return NoPath(tuple(found), network, ledger.as_of, recipe)
    met = tuple(_path(question, label) for label in labels)
    payees = {step.payee for path in met for _, step in path.steps}
    named = {address: words for address, words in said.items() if address in payees}
    return Paths(met, by, named, network, ledger.as_of, recipe)


def _path(question: Question, label: Label) -> Path:
    steps = tuple(steps_of(question.network, label.arcs(), question.sources))
    return Path(steps, label.steps, label.amount, duration(question, label))
