"""`Findings`: what patterns were found in a ledger, and what was not looked at; `find` looks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property

import pandas as pd

from chainflow import cards
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.model import Recipe, digest_of
from chainflow.networks import is_account_chain
from chainflow.typologies.hits import Hit
from chainflow.typologies.kinds import KINDS, PATTERNS
from chainflow.typologies.measured import base_rates
from chainflow.typologies.parameters import Parameters
from chainflow.typologies.payments import Owners, Payments
from chainflow.typologies.search import Search
from chainflow.units import format_time

__all__ = ["Findings", "find", "hits_in", "owners_digest"]

_SHOWN = 10


@dataclass(frozen=True, repr=False, eq=False)
class Findings:
    """The patterns found in a ledger: shapes of payments, each with what speaks against it and its base rate.

    A hit sets no category, says nothing of a purpose and is no score; hits are not added up.

    Parameters
    ----------
    hits : tuple of Hit
        By pattern in the order of `KINDS`, then by chain, height and txids.
    kinds : tuple of str
        What was looked for.
    not_looked_for : mapping of str to str
        Pattern → what it lacked.
    cut : mapping of str to int
        Where a search was ended by a bound → how often: there may be more than was found.
    left_out : mapping of str to int
        What is not in the table of payments, and how often.
    transactions : int
        How many were looked at.
    recipe : Recipe
    """

    hits: tuple[Hit, ...]
    kinds: tuple[str, ...]
    not_looked_for: Mapping[str, str]
    cut: Mapping[str, int]
    left_out: Mapping[str, int]
    transactions: int
    recipe: Recipe

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def of(self, *kinds: str) -> tuple[Hit, ...]:
        """Return the hits of some patterns.

        Raises
        ------
        BadInput
            For a name that is no pattern.
        """
        wanted = _kinds(kinds)
        return tuple(hit for hit in self.hits if hit.kind in wanted)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Pattern → hits, for all that were looked for."""
        found = Counter(hit.kind for hit in self.hits)
        return {kind: found[kind] for kind in self.kinds if kind not in self.not_looked_for}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was found and what was not looked at: equal for equal results on every machine."""
        rest = {"cut": dict(self.cut), "left_out": dict(self.left_out), "of": self.transactions}
        return digest_of([[hit.as_dict() for hit in self.hits], self.counts, rest])

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per hit; roles, amounts and txids are tuples or mappings, times aware UTC."""
        names = [field.name for field in fields(Hit) if field.name not in ("rates", "parameters")]
        rows = [{name: getattr(hit, name) for name in names} for hit in self.hits]
        frame = pd.DataFrame(rows, columns=names)
        for name in ("first_time", "last_time"):
            frame[name] = pd.to_datetime(frame[name].astype("int64"), unit="s", utc=True)
        frame["base_rate"] = [hit.base_rate for hit in self.hits]
        return frame

    def __repr__(self) -> str:
        found = ", ".join(f"{count:,} {kind}" for kind, count in self.counts.items() if count)
        ended = "; a search was cut by a bound" if self.cut else ""
        return f"<Findings {len(self):,} in {self.transactions:,} transactions{': ' if found else ''}{found}{ended}>"

    def _repr_html_(self) -> str:
        rows = [
            (kind, PATTERNS[kind].title, f"{count:,}", _rates(kind)) for kind, count in self.counts.items()
        ]
        rows += [
            (kind, PATTERNS[kind].title, f"not looked for: {why}", "")
            for kind, why in self.not_looked_for.items()
        ]
        rest = {**self.cut, **self.left_out}
        note = (
            f"{self.transactions:,} transactions. Shapes of payments: they name no purpose and no crime, and prove "
            "nothing; the base rate says how often ordinary traffic has them. Cut or left out: "
            f"{'; '.join(f'{why} ({count:,})' for why, count in rest.items()) or 'nothing'}. "
            f"Recipe {self.recipe.digest[:16]}."
        )
        header = ("pattern", "what it is", "found", "base rate with default parameters")
        return (
            cards.card("Patterns over several transactions", rows, header=header, note=note) + self._first()
        )

    def _first(self) -> str:
        shown = self.hits[:_SHOWN]
        if not shown:
            return ""
        rows = [
            (hit.kind, format_time(hit.first_time), hit.reading, "; ".join(hit.against), hit.base_rate)
            for hit in shown
        ]
        more = f": the first {len(shown)} of {len(self):,}" if len(self) > len(shown) else ""
        header = ("pattern", "from", "what the chain shows", "what speaks against", "base rate")
        return cards.card(f"Hits{more}", rows, header=header, note="All of them: .to_pandas().")


def _rates(kind: str) -> str:
    return "; ".join(rate.text for rate in base_rates(kind)) or "not measured"


def find(
    ledger: Ledger,
    kinds: Collection[str] | None = None,
    owners: Owners | None = None,
    *,
    coinjoins: Collection[str] | None = None,
    **parameters: object,
) -> Findings:
    """Return where a ledger has patterns of several transactions: shapes, never purposes.

    Parameters
    ----------
    kinds : collection of str, optional
        Which of `KINDS`; by default all.
    owners : Owners, optional
        Payers and payees are then clusters, which rest on their rules being right.
    coinjoins : collection of str, optional
        Transactions to leave out: by default all that look like CoinJoins.
    **parameters
        See `Parameters`. `structuring` needs `threshold=`, `deposit-sweep` needs `exchanges=`.

    Raises
    ------
    BadInput
        For a name that is no pattern or no parameter, or a number out of range.

    References
    ----------
    P-1 … P-11 in `docs/typologies/README.md`; names after Altman et al. 2023, arXiv 2306.16424.

    Examples
    --------
    >>> from chainflow import samples
    >>> find(samples.load("colonial"), ["consolidation"])
    <Findings 1 in 10 transactions: 1 consolidation>
    """
    wanted, chosen = _kinds(KINDS if kinds is None else kinds), Parameters.read(parameters)
    search = Search(Payments.of(ledger, owners, coinjoins=coinjoins), chosen)
    lacking = {kind: f"needs {PATTERNS[kind].needs}=" for kind in wanted if _lacks(kind, chosen)}
    is_default = owners is None and coinjoins is None
    found = [
        hit for kind in wanted if kind not in lacking for hit in hits_in(search, kind, is_default=is_default)
    ]
    recipe = Recipe(
        "typologies.find",
        {
            "kinds": list(wanted),
            "owners": None if owners is None else owners_digest(search.payments, owners),
            "coinjoins": None if coinjoins is None else sorted(coinjoins),
            **chosen.of(field.name for field in fields(chosen)),
        },
        inputs=[ledger.digest],
    )
    cut, left_out = dict(sorted(search.cut.items())), search.payments.left_out
    return Findings(tuple(found), wanted, lacking, cut, left_out, len(search.payments.places), recipe)


def hits_in(search: Search, kind: str, *, is_default: bool = True) -> list[Hit]:
    """Return the hits of one pattern in order, with their parameters and their base rate.

    Parameters
    ----------
    is_default : bool
        Whether the payments were made as for the base rates: by address, CoinJoins left out.
    """
    pattern = PATTERNS[kind]
    chosen = search.parameters.of(pattern.parameters)
    measured = is_default and chosen == Parameters().of(pattern.parameters)
    rates = base_rates(kind) if measured else ()
    found = [
        replace(hit, parameters=chosen, rates=() if is_account_chain(hit.chain) else rates)
        for hit in pattern.search(search)
    ]
    return sorted(found, key=lambda hit: (hit.chain, hit.first_height, hit.txids, hit.reading))


def owners_digest(payments: Payments, owners: Owners) -> str:
    """Return a digest of all that the payments took from `owners`, whatever object that is."""
    index, ledger = payments.ledger.index, payments.ledger
    found = {}
    for label in sorted({*index.labels, *ledger.accounts}):
        try:
            found[label] = owners.of(label)
        except BadInput:
            found[label] = label
    return digest_of(found)


def _lacks(kind: str, chosen: Parameters) -> bool:
    needed = PATTERNS[kind].needs
    return bool(needed) and not getattr(chosen, needed)


def _kinds(names: Collection[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise BadInput(f"a list of patterns is wanted, not one text: {names[:40]!r}", hint="put it in a list")
    wanted = set(names)
    strange = sorted(wanted - set(KINDS))
    if strange:
        raise BadInput(f"no pattern {strange[0]!r}", hint=f"one of {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in wanted)
