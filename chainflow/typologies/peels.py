"""Peel chains: a large coin goes on and on, and each transaction splits a small amount off (P-1)."""

from __future__ import annotations

from collections.abc import Iterator

from chainflow.clustering.change.prints import STATIC, Prints
from chainflow.tracing.asset import Asset
from chainflow.typologies.hits import Amount, Hit, hit_of, said_amount
from chainflow.typologies.search import Search

__all__ = ["peel_chains"]


def peel_chains(search: Search) -> Iterator[Hit]:
    """Yield the longest paths of transactions with one input and two outputs whose larger output goes on.

    Each output of the carried coin is at least `peel_ratio` times the other, and spent by the next. On chains
    of outputs only. One transaction has one place in one chain: the search is linear.

    References
    ----------
    Meiklejohn et al. 2013, A fistful of bitcoins, IMC 2013.
    """
    after = _carried(search)
    followed = set(after.values())
    for first in sorted(set(after) - followed):
        path = [first]
        while (following := after[path[-1]]) in after:
            path.append(following)
        if len(path) >= search.parameters.peel_hops:
            yield _hit(search, path)


def _carried(search: Search) -> dict[int, int]:
    """Return transaction row → the one that spends its larger output (−1: none held), for those that look so."""
    ledger, ratio = search.payments.ledger, search.parameters.peel_ratio
    index, found = ledger.index, dict[int, int]()
    held = search.payments.tx_numbers
    op_return = [kind == "op_return" for kind in ledger.outputs["script_type"].to_pylist()]
    for row in range(index.n_txs):
        if index.n_inputs[row] != 1 or index.is_coinbase[row]:
            continue
        made = index.outputs_of(row).tolist()
        if len(made) != 2 or any(op_return[output] for output in made):
            continue
        small, large = sorted(made, key=lambda output: int(index.value[output]))
        is_peel = 0 < ratio * int(index.value[small]) <= int(index.value[large])
        if is_peel and (index.chains[row], index.txids[row]) in held:
            found[row] = int(index.spent_by[large])
    return found


def _hit(search: Search, path: list[int]) -> Hit:
    index = search.payments.ledger.index
    pairs = [sorted(index.outputs_of(row).tolist(), key=lambda one: int(index.value[one])) for row in path]
    chain, start = index.chains[path[0]], index.inputs_of(path[0]).tolist()
    asset, left = Asset(chain, None), int(index.value[pairs[-1][1]])
    peeled = sum(int(index.value[small]) for small, _ in pairs)
    began = [Amount("at the start", int(index.value[output]), str(asset)) for output in start]
    return hit_of(
        search.payments,
        "peel-chain",
        [search.payments.tx_numbers[chain, index.txids[row]] for row in path],
        roles={
            "start": map(index.label_of, start),
            "peeled to": (index.label_of(small) for small, _ in pairs),
            "carried by": (index.label_of(large) for _, large in pairs),
        },
        amounts=[*began, Amount("peeled", peeled, str(asset)), Amount("carried on", left, str(asset))],
        reading=(
            f"{len(path):,} transactions in a row, {{span}}, split off {said_amount(peeled, asset)} in as many "
            f"small outputs and carried {said_amount(left, asset)} on."
        ),
        against=[
            "every wallet that pays small sums out of one large coin makes such a chain",
            *_changes(search, path),
        ],
    )


def _changes(search: Search, path: list[int]) -> Iterator[str]:
    """Yield which traits of the software differ along the path: then it need not be one wallet."""
    prints = Prints.of(search.payments.ledger)
    for trait in STATIC:
        shown = {int(value) for value in getattr(prints, trait)[path] if value >= 0}
        if len(shown) > 1:
            yield f"the transactions differ in a trait of the software that made them: {trait}"
