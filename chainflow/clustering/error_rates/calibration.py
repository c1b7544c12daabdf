"""Change rules measured on the case's own transactions: on change that common spending revealed later (CH-18)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from chainflow import cards, units
from chainflow.clustering.change.payments import Bools, Ints, Payments
from chainflow.clustering.change.votes import Change, Composed
from chainflow.clustering.engine.claims import Claims
from chainflow.clustering.engine.common import common_input
from chainflow.clustering.engine.places import places_of
from chainflow.clustering.engine.union import Forest, roots_of
from chainflow.clustering.engine.vetoes import vetoes
from chainflow.clustering.error_rates.figure import NOT_MEASURED, ErrorFigure, wilson
from chainflow.clustering.rules import Heuristic, Kind, chosen, described, installed
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.model import Recipe

__all__ = ["Calibration", "Calls", "calibrate"]

_CIRCULAR = {"cluster-change": "it looks at the same evidence, and would be right by definition"}
"""Rules that, alone or as a part of another, cannot be measured so, and why."""
_NOTHING_TO_FIND = {"self-change": "change to an input's own address is known at once: none is counted here"}
"""Rules that can call nothing of what is counted, and why."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What one rule said of the transactions whose change is known.

    Attributes
    ----------
    rule, version : str
    right, wrong, silent : int
        It called the change, it called the payment, it called neither.
    """

    rule: str
    version: str
    right: int
    wrong: int
    silent: int


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """How often each change rule was wrong on a ledger's own later-revealed change.

    Attributes
    ----------
    revealed : pyarrow.Table
        The transactions counted: `chain`, `txid`, `change` and `payment` (their vouts), in spending order.
    calls : tuple of Calls
        By rule, in the order asked; a rule that cannot be measured so has none.
    unmeasured : tuple of (rule, version)
        Rules that cannot be measured so; `why_not` says why.
    date : str
        Of the newest block with a time; "" where none has one.
    why_not : mapping of str to str
        Rule → why it is not measured; also installed rules that could not be loaded.
    """

    revealed: pa.Table
    calls: tuple[Calls, ...]
    unmeasured: tuple[tuple[str, str], ...]
    date: str
    recipe: Recipe
    why_not: Mapping[str, str] = field(default_factory=dict)

    @property
    def population(self) -> str:
        """What was counted, in a few words."""
        found = units.counted(self.revealed.num_rows, "payment")
        return f"{found} of this ledger whose change was revealed later"

    @property
    def figures(self) -> tuple[ErrorFigure, ...]:
        """An error figure of tier `case` for each rule; `of` is 0 where it called nothing, or cannot be measured."""
        counted = [(one.rule, one.version, one.wrong, one.right + one.wrong) for one in self.calls]
        unmeasured = [(rule, version, 0, 0) for rule, version in self.unmeasured]
        how = f"calibrate(ledger), of the ledger {self.recipe.inputs[0][:16]}"
        where = ("outputs called change", self.population, self.date, how, "case")
        return tuple(ErrorFigure(*figure, *where) for figure in (*counted, *unmeasured))

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per rule: how often right, wrong and silent.

        Columns `rule`, `version`, `right`, `wrong`, `silent`; `wrong_share`, `wrong_low`, `wrong_high` of its
        calls; `called_share`, `called_low`, `called_high` of all payments counted; `error` in words. Numbers
        are missing where nothing was counted.
        """
        rows: list[tuple[object, ...]] = []
        for one in self.calls:
            called = one.right + one.wrong
            shares = (*_share(one.wrong, called), *_share(called, called + one.silent))
            rows.append((one.rule, one.version, one.right, one.wrong, one.silent, *shares, _said(one)))
        for rule, version in self.unmeasured:
            rows.append((rule, version, *[None] * 9, self._why(rule)))
        numbers, names = (
            ["right", "wrong", "silent"],
            [f"{what}_{end}" for what in ("wrong", "called") for end in ("share", "low", "high")],
        )
        frame = pd.DataFrame(rows, columns=["rule", "version", *numbers, *names, "error"])
        return frame.astype({**dict.fromkeys(numbers, "Int64"), **dict.fromkeys(names, "Float64")})

    def _why(self, rule: str) -> str:
        return ": ".join(filter(None, [NOT_MEASURED, self.why_not.get(rule)]))

    def __repr__(self) -> str:
        return f"<Calibration of {len(self.calls):,} change rules on {self.population}>"

    def _repr_html_(self) -> str:
        rows: list[tuple[object, ...]] = []
        for one in self.calls:
            rows.append((one.rule, one.right, one.wrong, one.silent, _said(one)))
        rows += [(rule, "", "", "", self._why(rule)) for rule in {**dict(self.unmeasured), **self.why_not}]
        note = f"Population: {self.population}. Only wallets that merge their coins later are seen."
        header = ("rule", "right", "wrong", "silent", "wrong of its calls (95 %)")
        return cards.card("Change rules on this case", rows, header=header, note=note)


def calibrate(ledger: Ledger, rules: Collection[str | Heuristic] | None = None) -> Calibration:
    """Return how often change rules are wrong on change that this ledger itself reveals later.

    A transaction counts if it has exactly two spendable outputs, and exactly one of their addresses joins
    the common-input cluster of its inputs, by transactions *after* it, CoinJoins left out and no change link
    used. That output is its change, the other a payment. A rule is right if it calls the change, wrong if it
    calls the payment, silent if it calls neither. Transactions whose change links are vetoed are left out.

    Only wallets that merge their coins later are seen, only change that was spent, and only as far as this
    ledger reaches: who never merges, or pays with more outputs, may fare otherwise. Where several owners
    spend together unnoticed, a payment is taken for change. A rule that looks at common input itself is not
    measured, and one that finds reused addresses alone has nothing to find.

    Parameters
    ----------
    rules : collection of str or Heuristic, optional
        Change rules; by default all that are installed.

    Raises
    ------
    BadInput
        If a rule is no change rule, or there are accounts only.
    PluginError
        If a rule is not installed.

    References
    ----------
    Möser and Narayanan, "Resurrecting Address Clustering in Bitcoin", 2021, arXiv 2107.05749: the idea; the
    selection of transactions here is chainflow's own.
    """
    ledger.refuse_accounts("calibration")
    known = installed(Kind.CHANGE)
    asked = [rule for rule in known.rules if isinstance(rule, Change)] if rules is None else chosen(rules)
    why_not = (
        {}
        if rules is not None
        else {**known.unusable, **dict.fromkeys(known.untold, "it needs to be told something")}
    )
    payments = Payments.of(ledger)
    change, payment = _revealed(payments)
    calls, unmeasured = [], []
    for rule in asked:
        if not isinstance(rule, Change):
            raise BadInput(
                f"{rule.name} is no change rule", hint="calibrate measures rules that vote on outputs"
            )
        if why := _not_measurable(rule):
            unmeasured.append((rule.name, rule.version))
            why_not[rule.name] = why
            continue
        called = rule.candidates(payments)
        right, wrong = int(called[change].sum()), int(called[payment].sum())
        calls.append(Calls(rule.name, rule.version, right, wrong, len(change) - right - wrong))
    recipe = Recipe("calibrate", {"rules": [described(rule) for rule in asked]}, inputs=[ledger.digest])
    table = _table(payments, change, payment)
    return Calibration(table, tuple(calls), tuple(unmeasured), _newest(ledger), recipe, why_not)


def _not_measurable(rule: Change) -> str:
    """Return why a rule cannot be measured on change that common input reveals; "" where it can."""
    names = sorted(set(_names(rule)))
    circular = [_CIRCULAR[name] for name in names if name in _CIRCULAR]
    nothing = [_NOTHING_TO_FIND.get(name, "") for name in names]
    return circular[0] if circular else nothing[0] if all(nothing) else ""


def _names(rule: Change) -> Iterable[str]:
    """Yield the names of the rules that a rule is put together from."""
    if not isinstance(rule, Composed):
        yield rule.name
        return
    for part in rule.of:
        yield from _names(part)


def _said(one: Calls) -> str:
    """Return how often a rule was wrong when it called, in words."""
    called = one.right + one.wrong
    low, high = wilson(one.wrong, called)
    return f"{low:.2%} to {high:.2%}" if called else NOT_MEASURED


def _revealed(payments: Payments) -> tuple[Ints, Ints]:
    """Return the candidates that are known change, and beside each the candidate that is the payment."""
    ledger, index = payments.ledger, payments.ledger.index
    places = places_of(ledger)
    place_of, claims = places.of_scripts(ledger), common_input(payments, places)
    pairs = _pairs(payments, vetoes(ledger, None, has_change=True).by_kind[Kind.CHANGE])
    payer = place_of[index.script_of[index.in_rows[index.in_ptr[payments.tx[pairs[:, 0]]]]]]
    paid = place_of[payments.script[pairs]]
    root = roots_of(len(places), claims.a, claims.b)
    joins = root[paid] == root[payer][:, np.newaxis]
    once = np.flatnonzero(joins.sum(axis=1) == 1)
    which = joins[once].argmax(axis=1)
    change, payment = pairs[once, which], pairs[once, 1 - which]
    is_new = ~_joined_before(claims, payments.tx[change], payer[once], paid[once, which])
    return change[is_new], payment[is_new]


def _pairs(payments: Payments, refused: Collection[str]) -> Ints:
    """Return the two candidates of each transaction that has two, some input in evidence and no veto."""
    is_asked = (payments.n_candidates == 2) & (payments.n_known_inputs > 0)
    is_asked &= np.array([txid not in refused for txid in payments.ledger.index.txids], dtype=np.bool_)
    # candidates are by transaction: the two of one stand side by side
    return np.flatnonzero(is_asked[payments.tx]).reshape(-1, 2)


def _joined_before(claims: Claims, tx: Ints, one: Ints, other: Ints) -> Bools:
    """Return for each pair of places whether claims up to its transaction join it; `tx` is ascending."""
    forest = Forest(int(max(claims.a.max(initial=0), claims.b.max(initial=0), *one, *other, 0)) + 1)
    order = np.argsort(claims.tx, kind="stable")
    ends = np.searchsorted(claims.tx[order], tx, side="right").tolist()
    a, b = claims.a[order].tolist(), claims.b[order].tolist()
    found, done = [], 0
    for end, first, second in zip(ends, one.tolist(), other.tolist(), strict=True):
        for row in range(done, end):
            low, high = forest.find(a[row]), forest.find(b[row])
            if low != high:
                forest.join(low, high)
        done = end
        found.append(forest.find(first) == forest.find(second))
    return np.array(found, dtype=np.bool_)


def _table(payments: Payments, change: Ints, payment: Ints) -> pa.Table:
    index = payments.ledger.index
    tx = payments.tx[change].tolist()
    return pa.table(
        {
            "chain": pa.array([index.chains[row] for row in tx], pa.string()),
            "txid": pa.array([index.txids[row] for row in tx], pa.string()),
            "change": index.vout[payments.rows[change]],
            "payment": index.vout[payments.rows[payment]],
        }
    )


def _newest(ledger: Ledger) -> str:
    newest = pc.max(ledger.txs["time"]).as_py()
    return newest.date().isoformat() if newest is not None else ""


def _share(count: int, of: int) -> tuple[float | None, float | None, float | None]:
    return (count / of, *wilson(count, of)) if of else (None, None, None)
