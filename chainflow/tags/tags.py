"""`Tags`: an immutable, sorted set of tags with the rows that were not used and the files they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from chainflow.cards import card
from chainflow.errors import AddressInvalid
from chainflow.model import Recipe, digest_of, is_txid
from chainflow.tags.actors import with_actors
from chainflow.tags.conflicts import Conflict, find_conflicts, rank
from chainflow.tags.files import read_files
from chainflow.tags.rows import check, located, read_address
from chainflow.tags.stored import Parts, dump_parts, load_parts
from chainflow.tags.tag import Actor, Rejected, Tag, TagFile
from chainflow.tags.tagpack import write_tagpack
from chainflow.tags.taxonomy import CONCEPTS, members
from chainflow.writing import write_whole

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Tags"]

_CLAIM = tuple(f.name for f in fields(Tag) if f.name not in ("file", "line"))
_claim_of = attrgetter(*_CLAIM)
_order_of = attrgetter(*_CLAIM, "file", "line")


@dataclass(frozen=True, slots=True, repr=False)
class Tags:
    """Tags from any number of files, sorted; `Tags()` is empty.

    Two rows that state the same, word for word, are one tag, wherever they stand.

    Parameters
    ----------
    tags : tuple of Tag
    rejected : tuple of Rejected
        Rows that were not used.
    files : tuple of TagFile
        What was read, with the SHA-256 of each file.
    actors : tuple of Actor
        What actor packs say; tags that name such an actor carry its name and categories.
    """

    tags: tuple[Tag, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    files: tuple[TagFile, ...] = ()
    actors: tuple[Actor, ...] = ()
    by_address: Mapping[str, tuple[Tag, ...]] = field(init=False, compare=False)
    """Tags by address, or by txid for those on a transaction: for looking up many at once."""

    def __post_init__(self) -> None:
        ordered = sorted(with_actors(self.tags, self.actors), key=_order_of)
        distinct = tuple(next(same) for _, same in groupby(ordered, key=_claim_of))
        found: dict[str, list[Tag]] = {}
        for tag in distinct:
            found.setdefault(tag.address or tag.txid, []).append(tag)
        rejected = sorted(set(self.rejected), key=attrgetter("file", "line", "text"))
        for name, value in (
            ("tags", distinct),
            ("rejected", tuple(rejected)),
            ("files", tuple(sorted(set(self.files)))),
            ("actors", tuple(sorted(set(self.actors)))),
            ("by_address", MappingProxyType({subject: tuple(held) for subject, held in found.items()})),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def read(cls, *paths: str | Path, strict: bool = False, source: str = "") -> Self:
        """Read tag files of any known kind.

        Parameters
        ----------
        *paths : str or Path
            TagPack and ActorPack (`.yaml`), OFAC's XML and lists named `sanctioned_addresses_TICKER.txt`
            or `.json`, `.csv`, JSON label dumps; any of them with `.gz`. A folder means the known files in it
            (of JSON files only OFAC's lists).
        strict : bool
            Raise at the first row that cannot be used; otherwise it is listed in `rejected`.
        source : str
            Who says so, for files whose form has no place for it.

        Raises
        ------
        TagFileRejected
            If a file as a whole cannot be read.
        BadInput
            If a path does not exist, a file does not say who says so, or, when strict, at a bad row.
        """
        return cls(*read_files(paths, strict=strict, source=source))

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, object]], *, strict: bool = False) -> Self:
        """Return tags from mappings with the fields of `Tag`; `line` is the row's number.

        Examples
        --------
        >>> row = {"address": "1Archive1n2C579dMsAu3iC6tWzuQJz8dN", "label": "Internet Archive",
        ...        "category": "organization", "source": "https://archive.org/donate/cryptocurrency"}
        >>> Tags.of_rows([row])
        1 tag on 1 address
        """
        tags, rejected = check(enumerate(rows, start=1), file="")
        if strict and rejected:
            raise located(rejected[0])
        return cls(tuple(tags), tuple(rejected))

    def __reduce__(self) -> tuple[type[Tags], tuple[object, ...]]:
        return Tags, (self.tags, self.rejected, self.files, self.actors)  # the index is made anew

    def __len__(self) -> int:
        return len(self.tags)

    def __iter__(self) -> Iterator[Tag]:
        return iter(self.tags)

    def __contains__(self, address: object) -> bool:
        try:
            return isinstance(address, str) and bool(self.at(address))
        except AddressInvalid:
            return False

    def __add__(self, other: Tags) -> Tags:
        if not isinstance(other, Tags):
            return NotImplemented
        return Tags(
            self.tags + other.tags,
            self.rejected + other.rejected,
            self.files + other.files,
            self.actors + other.actors,
        )

    def at(self, address: str, *, chain: str | None = None) -> tuple[Tag, ...]:
        """Return the tags on an address or a txid, sorted.

        Where several chains share the form of an address (`1…`, `3…`), it is the likeliest chain's: name
        another one. An address of the EVM form is found on each EVM chain unless one is named.

        Raises
        ------
        AddressInvalid
            If the text is no address: a typing error is not "no tag". To look up many, see `by_address`.
        """
        found = self.by_address.get(address)
        if found is None and not is_txid(address):
            found = self.by_address.get(read_address(address, chain=chain or "").address)
        return tuple(tag for tag in found or () if chain is None or tag.chain == chain)

    def best(self, address: str, *, chain: str | None = None) -> Tag | None:
        """Return the tag to show first: highest confidence score, then the newest, then by source.

        A stated confidence comes before none; sources and, last, labels go in alphabetical order. The
        others are no less stated: see `at` and `conflicts`.
        """
        return min(self.at(address, chain=chain), key=rank, default=None)

    def of(self, *categories: str) -> Tags:
        """Return the tags that state one of the categories or something below it in the taxonomy.

        Raises
        ------
        BadInput
            For a category that neither the taxonomy knows nor any of these tags states.
        """
        wanted = members(categories, stated=self.unmapped)
        kept = tuple(tag for tag in self.tags if not wanted.isdisjoint(tag.categories))
        return Tags(kept, files=self.files, actors=self.actors)

    @property
    def services(self) -> Tags:
        """The tags of services: where a trace of one owner's money ends."""
        return self.of("service")

    @property
    def addresses(self) -> frozenset[str]:
        """Every address with a tag."""
        return frozenset(tag.address for tag in self.tags if tag.address)

    @property
    def unmapped(self) -> dict[str, int]:
        """The categories kept as stated because the taxonomy does not know them, and how many tags state each."""
        stated = Counter(word for tag in self.tags for word in tag.categories if word not in CONCEPTS)
        return dict(sorted(stated.items()))

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Where tags on one address of one chain name different actors, labels or categories.

        Labels differ when they are not spelt the same, unless both tags name the same actor. Categories
        differ when neither is a kind of the other; being on a sanctions list contradicts nothing.
        """
        groups = (list(same) for _, same in groupby(self.tags, key=attrgetter("address", "chain", "txid")))
        return tuple(find_conflicts(groups))

    @property
    def digest(self) -> str:
        """The SHA-256 of what the tags state, whatever the files were called."""
        return digest_of([_claim_of(tag) for tag in self.tags])

    @property
    def recipe(self) -> Recipe:
        """Which files these tags are from (name and SHA-256) and the digest of what they state."""
        files = [{"name": file.name, "sha256": file.sha256} for file in self.files]
        return Recipe("tags", {"files": files, "tags": len(self), "digest": self.digest})

    def to_json(self) -> str:
        """Return everything as canonical JSON."""
        return dump_parts(Parts(self.tags, self.rejected, self.files, self.actors))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises
        ------
        BadInput
            If the text is anything else.
        """
        return cls(*load_parts(text))

    def write(self, path: str | Path, *, title: str = "Tags written by chainflow") -> Path:
        """Write the tags as one GraphSense TagPack; what actor packs say is not part of it."""
        target = Path(path)
        write_whole(target, write_tagpack(self.tags, title=title).encode())
        return target

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per tag, sorted; `confidence_score` is missing where none is stated."""
        import pandas as pd

        names = [f.name for f in fields(Tag)]
        columns = {name: [getattr(tag, name) for tag in self.tags] for name in names}
        columns |= {
            name: [", ".join(words) for words in columns[name]] for name in ("concepts", "actor_categories")
        }
        scores = pd.Series([tag.confidence_score for tag in self.tags], dtype="Int64")
        table = pd.DataFrame({**columns, "confidence_score": scores})
        place = names.index("confidence") + 1
        return table[[*names[:place], "confidence_score", *names[place:]]]

    def __repr__(self) -> str:
        transactions = len({tag.txid for tag in self.tags if tag.txid})
        text = f"{_count(len(self), 'tag')} on {_count(len(self.addresses), 'address', 'addresses')}"
        text += f" and {_count(transactions, 'transaction')}" if transactions else ""
        text += f" from {_count(len(self.files), 'file')}" if self.files else ""
        notes = (
            (len(self.rejected), "row", "rejected"),
            (len(self.conflicts), "conflict", ""),
            (len(self.unmapped), "unknown category", "kept as stated"),
        )
        for number, noun, what in notes:
            plural = "unknown categories" if noun == "unknown category" else ""
            text += f"; {_count(number, noun, plural)} {what}".rstrip() if number else ""
        return text

    def _repr_html_(self) -> str:
        shown = [
            (tag.address or tag.txid, tag.label, ", ".join(tag.categories), tag.source)
            for tag in self.tags[:10]
        ]
        more = f"{len(self) - len(shown):,} more. " if len(self) > len(shown) else ""
        note = (
            f"{more}Asserted by the sources named, not by the chain. See .rejected, .conflicts, .to_pandas()."
        )
        return card(repr(self), shown, header=("on", "label", "category", "source"), note=note)


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
