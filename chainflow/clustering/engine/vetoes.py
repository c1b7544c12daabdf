"""Which transactions' links do not count, by the kind of rule that proposes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainflow.clustering.engine.claims import Bools, Ints
from chainflow.clustering.engine.terms import JOINING
from chainflow.clustering.rules import Kind
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.model import is_txid
from chainflow.patterns import CoinJoins, Verdict, coinjoins, shapes

__all__ = ["BY_NAME", "Vetoes", "vetoes", "vetoes_again"]

BY_NAME = "veto"
"""What refused a link whose transaction the caller named."""

_NOT_CHANGE = ("payjoin", "batch-payout")
"""Shapes whose outputs do not show which is change (CH-20); they veto no common input."""

Reasons = Mapping[str, tuple[str, str]]
"""Txid → (what refused it, why)."""


@dataclass(frozen=True, slots=True)
class Vetoes:
    """The transactions whose links do not count; a kind that is not named is never vetoed.

    Attributes
    ----------
    by_kind : dict of Kind to dict
        Txid → (family of the pattern, reasons).
    recipe : JSON-able
        How they were found: as a recipe keeps it, and `vetoes_again` reads it.
    """

    by_kind: Mapping[Kind, Reasons]
    recipe: object

    def refused(self, links: pa.Table, ranks: Ints) -> Bools:
        """Return which links are refused; `ranks` has the place of each link's kind in `JOINING`."""
        refused = np.zeros(links.num_rows, dtype=np.bool_)
        for kind, reasons in self.by_kind.items():
            if reasons:
                named = pc.is_in(links["txid"], value_set=pa.array(sorted(reasons), pa.string()))
                refused |= named.to_numpy() & (ranks == JOINING.index(kind))
        return refused

    def why(self, txid: str, kind: Kind) -> tuple[str, str]:
        """Return what refused the links of a transaction, and why."""
        return self.by_kind[kind][txid]


def vetoes(ledger: Ledger, veto: Collection[str] | None, *, has_change: bool) -> Vetoes:
    """Return the vetoes that a caller asks for.

    Parameters
    ----------
    veto : collection of str or None
        `None`: CoinJoins for common input, and for change also PayJoin suspects and batch payouts
        (CH-20). Otherwise exactly these txids for both; of a result of `patterns.coinjoins` the
        reasons are kept.
    has_change : bool
        Whether any rule is a change rule.

    Raises
    ------
    BadInput
        If one of them is no txid.
    """
    if veto is None:
        mixes = coinjoins(ledger)
        found = _reasons(mixes)
        recipe = {**mixes.recipe.as_dict(), "change": list(_NOT_CHANGE)}
        if not has_change:
            return Vetoes({Kind.CO_SPEND: found}, recipe)
        also = {txid: verdict for txid, verdict in shapes(ledger).items() if verdict.family in _NOT_CHANGE}
        both = {Kind.CO_SPEND: found, Kind.CHANGE: {**_reasons(also), **found}}
        return Vetoes(both, recipe)
    if isinstance(veto, CoinJoins):
        return Vetoes(
            dict.fromkeys((Kind.CO_SPEND, Kind.CHANGE), _reasons(veto)), dict(veto.recipe.as_dict())
        )
    txids = _txids(veto)
    named = dict.fromkeys(txids, (BY_NAME, "named in the veto"))
    return Vetoes(dict.fromkeys((Kind.CO_SPEND, Kind.CHANGE), named), list(txids))


def vetoes_again(ledger: Ledger, recorded: object) -> Collection[str] | None:
    """Return the argument `veto` of `cluster` that a recipe recorded.

    Raises
    ------
    BadInput
        If it is of another form.
    """
    if isinstance(recorded, Mapping):
        asked = recorded["parameters"]["families"]
        return None if "change" in recorded else coinjoins(ledger, families=asked)
    if isinstance(recorded, list | tuple):
        return _txids(recorded)
    raise BadInput(f"not a recorded veto: {recorded!r}", hint="it is a mapping or a list of txids")


def _reasons(verdicts: Mapping[str, Verdict]) -> dict[str, tuple[str, str]]:
    return {txid: (v.family, "; ".join(v.reasons)) for txid, v in verdicts.items()}


def _txids(veto: object) -> tuple[str, ...]:
    found = set[str]()
    if isinstance(veto, str) or not isinstance(veto, Iterable):
        raise BadInput(f"not a collection of txids: {veto!r}", hint="() is no veto, None the default one")
    for txid in veto:
        if not isinstance(txid, str) or not is_txid(txid):
            raise BadInput(f"not a txid in the veto: {txid!r}", hint="give 64 lower-case hex digits each")
        found.add(txid)
    return tuple(sorted(found))
