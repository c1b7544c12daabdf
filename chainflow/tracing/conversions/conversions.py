"""`Conversions`: an immutable, sorted set of conversions, with the rows that were not used."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Self

from chainflow import cards
from chainflow.errors import BadInput
from chainflow.model import Recipe, digest_of
from chainflow.tags.rows import located
from chainflow.tags.tag import Rejected
from chainflow.tracing.conversions.conversion import Conversion, Leg
from chainflow.tracing.conversions.rows import COLUMNS, Row, conversion_of, read_rows, row_of
from chainflow.units import counted
from chainflow.writing import write_whole

if TYPE_CHECKING:
    import pandas as pd

    from chainflow.ledger.ledger import Ledger
    from chainflow.tracing.conversions.checking import Checked

__all__ = ["Conversions"]

Key = tuple[str, str, str]
"""(chain, txid, place)"""


@dataclass(frozen=True, repr=False)  # no slots: `cached_property` keeps its value in the instance's dict
class Conversions:
    """Conversions from files, from rules, or both; sorted, each once. `+` puts two sets together.

    Parameters
    ----------
    conversions : tuple of Conversion
    rejected : tuple of Rejected
        Rows of files that were not used, each with its reason.
    notes : tuple of str
        What a search did not see, or could not use.
    recipe : Recipe
    """

    conversions: tuple[Conversion, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()
    recipe: Recipe = field(default_factory=lambda: Recipe("conversions", {}))

    def __post_init__(self) -> None:
        ordered = sorted(self.conversions, key=attrgetter("order"))
        distinct = tuple(next(same) for _, same in groupby(ordered, key=attrgetter("order")))
        rejected = tuple(sorted(set(self.rejected), key=attrgetter("file", "line", "text")))
        for name, value in (("conversions", distinct), ("rejected", rejected), ("notes", tuple(self.notes))):
            object.__setattr__(self, name, value)

    @classmethod
    def read(cls, *paths: str | Path, strict: bool = False) -> Self:
        """Read files of conversions that somebody asserts (`.csv`, `.json`, either with `.gz`).

        Columns: `COLUMNS` in `chainflow.tracing.conversions.rows`, explained in docs/concepts/conversions.md.

        Parameters
        ----------
        strict : bool
            Raise at the first row that cannot be used; otherwise it is listed in `rejected`.

        Raises
        ------
        BadInput
            If a file as a whole cannot be read, or, when strict, at a bad row.
        """
        found: list[Conversion] = []
        rejected: list[Rejected] = []
        files = []
        for path in map(Path, paths):
            rows, faults, sha256 = read_rows(path)
            good, bad = _used(rows, file=path.name)
            bad = sorted([*bad, *faults], key=attrgetter("line"))
            if strict and bad:
                raise located(bad[0])
            found += good
            rejected += bad
            files.append({"name": path.name, "sha256": sha256})
        return cls(tuple(found), tuple(rejected), recipe=Recipe("conversions", {"files": files}))

    @classmethod
    def of_rows(cls, rows: Iterable[Row], *, strict: bool = False) -> Self:
        """Return conversions from mappings with the columns of a file; `line` is the row's number."""
        good, bad = _used(enumerate(rows, start=1), file="")
        if strict and bad:
            raise located(bad[0])
        return cls(tuple(good), tuple(bad))

    def write(self, path: str | Path) -> Path:
        """Write a file that `read` accepts: JSON where the name ends so, CSV otherwise."""
        target, rows = Path(path), [row_of(one) for one in self.conversions]
        if target.suffix == ".json":
            body = self.to_json()
        else:
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            body = text.getvalue()
        write_whole(target, body.encode())
        return target

    def to_json(self) -> str:
        """Return the conversions as one JSON text that `from_json` reads back."""
        return json.dumps([row_of(one) for one in self.conversions], indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls(tuple(map(conversion_of, json.loads(text))))

    def checked(self, *ledgers: Ledger) -> Checked:
        """Return which conversions these ledgers bear out, and which they do not, each with its reason.

        See `chainflow.tracing.conversions.checking`.
        """
        from chainflow.tracing.conversions.checking import check

        return check(self, ledgers)

    def choose(self, conversion: Conversion, *, by: str) -> Conversions:
        """Return the set with one of several candidates decided for; who decided is kept with it.

        Raises
        ------
        BadInput
            If it is not in this set, or nobody is named.
        """
        if conversion not in self.conversions or not by.strip():
            raise BadInput(
                "no such conversion" if by.strip() else "nobody decided",
                hint="pass one of .conversions, and by= the name of who decides",
            )
        others = tuple(one for one in self.conversions if one != conversion)
        chosen = replace(conversion, chosen_by=by.strip())
        return replace(self, conversions=(*others, chosen), recipe=_grown(self.recipe, "chosen", self.digest))

    def only(self, conversions: Iterable[Conversion]) -> Conversions:
        """Return the set with these conversions alone; what was rejected and noted stays."""
        return replace(self, conversions=tuple(conversions))

    @cached_property
    def followed(self) -> Conversions:
        """Those that a trace may go through: the only candidate, or chosen by name."""
        return self.only(one for one in self.conversions if one.is_followed)

    @cached_property
    def by_paid(self) -> Mapping[Key, tuple[Conversion, ...]]:
        """(chain, txid, place) of each movement that pays → its conversions. Compare the asset too."""
        return _indexed(self.conversions, [one.paid for one in self.conversions])

    @cached_property
    def by_received(self) -> Mapping[Key, tuple[Conversion, ...]]:
        """(chain, txid, place) of each movement that is received → its conversions. Compare the asset too."""
        return _indexed(self.conversions, [one.received for one in self.conversions])

    @property
    def digest(self) -> str:
        """The SHA-256 of what the conversions state: equal on every machine."""
        return digest_of([row_of(one) for one in self.conversions])

    def __len__(self) -> int:
        return len(self.conversions)

    def __iter__(self) -> Iterator[Conversion]:
        return iter(self.conversions)

    def __add__(self, other: Conversions) -> Conversions:
        if not isinstance(other, Conversions):
            return NotImplemented
        both = [self.digest, other.digest]
        return Conversions(
            self.conversions + other.conversions,
            self.rejected + other.rejected,
            self.notes + other.notes,
            Recipe("conversions", {"of": [self.recipe.as_dict(), other.recipe.as_dict()]}, both),
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return a row per conversion with the columns of a file; amounts are exact Python integers."""
        import pandas as pd

        table = pd.DataFrame([row_of(one) for one in self.conversions], columns=list(COLUMNS))
        for name in ("paid_amount_raw", "received_amount_raw", "candidates"):
            table[name] = pd.Series([int(text) for text in table[name]], dtype=object)
        return table

    def __repr__(self) -> str:
        parts = [counted(len(self), "conversion"), f"{len(self.followed):,} that a trace may go through"]
        if self.rejected:
            parts.append(f"{counted(len(self.rejected), 'row')} rejected")
        return f"<Conversions {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        header = ("kind", "paid", "received", "evidence", "fit", "says")
        rows = [
            (one.kind, one.paid, one.received, one.evidence, one.candidates, one.source)
            for one in self.conversions[:10]
        ]
        more = f"{len(self) - len(rows):,} more. " if len(self) > len(rows) else ""
        note = f"{more}{' '.join(self.notes)} Digest {self.digest[:16]}."
        return cards.card(repr(self)[1:-1], rows, header=header, note=note)


def _used(rows: Iterable[tuple[int, Row]], *, file: str) -> tuple[list[Conversion], list[Rejected]]:
    good: list[Conversion] = []
    bad: list[Rejected] = []
    for line, row in rows:
        try:
            good.append(conversion_of(row))
        except BadInput as error:
            bad.append(Rejected.of(", ".join(map(str, row.values())), error, file=file, line=line))
    return good, bad


def _indexed(
    conversions: Collection[Conversion], legs: Collection[Leg]
) -> Mapping[Key, tuple[Conversion, ...]]:
    found: dict[Key, list[Conversion]] = {}
    for conversion, leg in zip(conversions, legs, strict=True):
        for key in dict.fromkeys(leg.keys):
            found.setdefault(key, []).append(conversion)
    return {key: tuple(held) for key, held in found.items()}


def _grown(recipe: Recipe, word: str, digest: str) -> Recipe:
    """Return the recipe of a set that was made from another."""
    return Recipe("conversions", {word: recipe.as_dict()}, [digest])
