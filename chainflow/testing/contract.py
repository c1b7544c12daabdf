"""check_source(): what any source must do with good replies, with refusals, and with damaged replies."""

from __future__ import annotations

import inspect
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from chainflow import cards
from chainflow.errors import BadInput, ChainflowError, NotFound, SourceError
from chainflow.model import AddressClaim, Fact, Listing
from chainflow.sources import Source
from chainflow.testing.damage import damages
from chainflow.testing.sound import measured, unsound

__all__ = ["ContractReport", "Exchange", "check_source"]

T = TypeVar("T")

Exchange = tuple[str, int, bytes]
"""One recorded or made-up reply: the path that was asked, the status, the body."""

_MEMBERS = sorted(name for name in dir(Source) if not name.startswith("_"))
_MOST_PROBLEMS = 200
_MOST_SAMPLED = 5
_LINES = 3
_TEN_YEARS = 315_576_000
_HTML = b"<html><body>Something went wrong</body></html>"
_REFUSALS = tuple((status, body) for status in (400, 404, 429, 500, 503) for body in (b"", _HTML))
_HOSTILE = ("../../secret", "a b", "x?apikey=1", "é" * 34, "1" * 3_000, "")
_NO_PATH = ("/no/such/question", "/", "", "/../x", "/no/[1]", "/api?x=%00")


@dataclass(frozen=True, slots=True)
class ContractReport:
    """What `check_source` found.

    Attributes
    ----------
    source : str
    replies, facts : int
        Replies that were read, and what they state.
    damaged, refused, unchanged : int
        Damaged replies that were tried; those that were refused, and those that changed no fact.
    believed : mapping
        What was changed in a plausible way and taken for true → how often, and where: `amounts`, `txids`,
        `complete`, `other`. Without a hash or a sum over it nothing in one reply can tell; look whether
        each is of that kind.
    problems : tuple of str
        What the contract forbids; empty if it is kept.
    """

    source: str
    replies: int
    facts: int
    damaged: int
    refused: int
    unchanged: int
    believed: dict[str, Counter[str]]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the contract is kept."""
        return not self.problems

    def rows(self) -> list[tuple[str, str]]:
        """Return the counts as (what, how many) for people."""
        believed = [
            (f"believed, {name}", f"{places.total():,}, such as {places.most_common(1)[0][0]}")
            for name, places in self.believed.items()
        ]
        return [
            ("replies read", f"{self.replies:,} with {self.facts:,} facts"),
            (
                "damaged replies",
                f"{self.damaged:,}: {self.refused:,} refused, {self.unchanged:,} without effect",
            ),
            *believed,
            *(("problem", text) for text in self.problems),
        ]

    def __str__(self) -> str:
        title = f"{self.source}: {'contract kept' if self.ok else f'{len(self.problems)} PROBLEM(S)'}"
        return "\n".join([title, *(f"  {what}: {told}" for what, told in self.rows())])

    def _repr_html_(self) -> str:
        return cards.card(f"Contract of {self.source}", self.rows())


def check_source(
    source: Source, exchanges: Iterable[Exchange], *, broken: bool = True, most: int = 2_000
) -> ContractReport:
    """Check a source against the contract of all sources; the network is not touched.

    Parameters
    ----------
    source : Source
    exchanges : iterable of (path, status, body)
        Replies that the source reads, and refusals: at least one of each kind that there is, small ones.
    broken : bool
        Damage each reply in many ways too.
    most : int
        Damages inside the JSON of one reply; of more there could be, a fixed sample is taken.

    Returns
    -------
    ContractReport
        `ok`, or `problems`: never raises because of what a source does.

    Examples
    --------
    >>> from chainflow.sources import open_source
    >>> report = check_source(open_source("esplora"), [("/blocks/tip/height", 200, b"698767")])
    >>> report.ok, report.facts
    (True, 1)
    """
    check = _Check(source)
    if missing := [name for name in _MEMBERS if not hasattr(source, name)]:
        check.note("members", f"it lacks {', '.join(missing)} of chainflow.sources.Source")
        return check.report()
    check.members()
    read = [(path, status, body, check.reply(path, status, body)) for path, status, body in exchanges]
    check.paths([fact for *_, facts in read for fact in facts or ()])
    check.cursors([fact for *_, facts in read for fact in facts or () if isinstance(fact, Listing)])
    for path, status, body, facts in read:
        check.refusals(path)
        for damage in damages(body, most=most) if broken else ():
            check.damaged(path, status, damage.body, damage.name, facts, is_plausible=damage.is_plausible)
    return check.report()


@dataclass(slots=True)
class _Check:
    """The findings about one source, while they are made; a problem is noted once."""

    source: Source
    problems: dict[str, None] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    believed: dict[str, Counter[str]] = field(default_factory=dict)

    def report(self) -> ContractReport:
        """Return what was found."""
        name = str(getattr(self.source, "name", type(self.source).__name__))
        return ContractReport(
            name,
            replies=self.counts["replies"],
            facts=self.counts["facts"],
            damaged=self.counts["damaged"],
            refused=self.counts["refused"],
            unchanged=self.counts["unchanged"],
            believed=self.believed,
            problems=tuple(self.problems)[:_MOST_PROBLEMS],
        )

    def note(self, where: str, what: str) -> None:
        """Take down a problem."""
        self.problems[f"{where[:120]}: {what[:300]}"] = None

    # --- the members ------------------------------------------------------------------------------

    def members(self) -> None:
        """Check what a source says of itself."""
        source = self.source
        if not isinstance(inspect.getattr_static(type(source), "read", None), staticmethod):
            self.note("read", "is no static method: an archived reply is read without a source")
        if not source.name.startswith(f"{source.family}:"):
            self.note("name", f"{source.name} does not begin with the family {source.family}")
        if not source.lists or min(source.most_txids, source.most_spends) < 1:
            self.note("lists, most_txids, most_spends", "at least one each")
        for path in _NO_PATH:
            facts = self._outcome(path, 200, b"{}")
            if not isinstance(facts, ChainflowError) and path not in (source.tip_path(), "/"):
                self.note(f"path {path!r}", "is none of this family, and was read")

    def paths(self, facts: Sequence[Fact]) -> None:
        """Check every maker of paths with addresses and txids that the replies named."""
        source = self.source
        addresses = {fact.address: None for fact in facts if isinstance(fact, AddressClaim | Listing)}
        named = {txid: None for fact in facts if (txid := getattr(fact, "txid", ""))[:6] != "block:" and txid}
        self._one("tip_path", source.tip_path)
        self._several("block_paths", partial(source.block_paths, 1))
        for address in list(addresses)[:_MOST_SAMPLED]:
            self._one("address_path", partial(source.address_path, address), address)
            for which in source.lists:
                self._one("history_path", partial(source.history_path, address, which=which), address)
        for txid in list(named)[:_MOST_SAMPLED]:
            self._several("tx_paths", partial(source.tx_paths, [txid]), txid)
            self._one("outspends_path", partial(source.outspends_path, [txid]), txid)
            self._several("proof_paths", partial(source.proof_paths, [(txid, 1, "00" * 32)]))
        self._several("header_paths", partial(source.header_paths, 1, 3, "00" * 32))
        for text in _HOSTILE:
            self._refuses("history_path", partial(source.history_path, text))
            self._refuses("tx_paths", partial(source.tx_paths, [text]))

    def _one(self, name: str, make: Callable[[], str | None], subject: str = "") -> None:
        path = self._made(name, make)
        if path is not None:
            self._path(name, path, subject)

    def _several(self, name: str, make: Callable[[], Sequence[str]], subject: str = "") -> None:
        paths = self._made(name, make)
        if isinstance(paths, tuple):
            for path in paths:
                self._path(name, path, subject)
        elif paths is not None:
            self.note(name, f"returns {type(paths).__name__}, not a tuple")

    def _made(self, name: str, make: Callable[[], T]) -> T | None:
        try:
            first, second = make(), make()
        except BadInput:
            return None  # this source does not know such addresses, transactions or heights
        except Exception as error:  # noqa: BLE001  # any other is the finding
            self.note(name, f"raises {_told(error)}")
            return None
        if first != second:
            self.note(name, "does not return the same twice")
        return first

    def _path(self, name: str, path: object, subject: str) -> None:
        if not isinstance(path, str) or not path.startswith("/"):
            self.note(name, f"makes {path!r}: a path begins with /")
            return
        learnt = self._made("subject_of", partial(self.source.subject_of, path))
        if not isinstance(learnt, str):
            self.note("subject_of", f"does not know {path}, which {name} made")
        elif subject and subject.lower() not in learnt.lower().split(","):
            self.note("subject_of", f"says that {path[:60]} tells the host {learnt[:60]!r}, not {subject}")

    def _refuses(self, name: str, make: Callable[[], object]) -> None:
        """Check that a text that is no name makes no path: a path is sent as it is."""
        try:
            made = make()
        except ChainflowError:
            return
        except Exception as error:  # noqa: BLE001  # any other is the finding
            self.note(name, f"raises {_told(error)} for a text that is no name")
            return
        if made:
            self.note(name, f"makes {str(made)[:60]!r} of a text that is no name")

    # --- replies ----------------------------------------------------------------------------------

    def reply(self, path: str, status: int, body: bytes) -> tuple[Fact, ...] | None:
        """Check what a good reply states, `None` where it is refused."""
        facts = self._outcome(path, status, body)
        with _another_day():
            again = self._outcome(path, status, body)
        if isinstance(facts, ChainflowError):
            if type(again) is not type(facts):
                self.note(path, "is refused once and not the other time")
            return None
        if again != facts or self.source.read(self.source.chain, path, status, body) != facts:
            self.note(path, "does not state the same twice: reading is pure, without a clock")
        self.counts["replies"] += 1
        self.counts["facts"] += len(facts)
        for why in unsound(self.source.chain, facts):
            self.note(path, why)
        pages = [fact for fact in facts if isinstance(fact, Listing)]
        if len({(page.address, page.which, page.after) for page in pages}) > 1:
            self.note(path, "states several pages")
        for page in pages:
            if page.which not in ("", *self.source.lists):
                self.note(path, f"states a list {page.which!r} that is not in lists")
            if page.next:
                self._one(
                    "history_path",
                    partial(self.source.history_path, page.address, page.next, which=page.which),
                )
        if self._made("subject_of", partial(self.source.subject_of, path)) is None:
            self.note(path, "subject_of does not know it")
        return facts

    def cursors(self, pages: Sequence[Listing]) -> None:
        """Check that no cursor leads back to a page before."""
        after = {(page.address, page.which, page.after): page.next for page in pages}
        for (address, which, start), cursor in after.items():
            seen = {start}
            follow = cursor
            while follow and (address, which, follow) in after:
                if follow in seen:
                    self.note(f"history of {address}", f"the cursor {follow!r} leads in a circle")
                    break
                seen.add(follow)
                follow = after[address, which, follow]

    def refusals(self, path: str) -> None:
        """Check that what is no answer gives a typed error, or a list that says that it is refused."""
        for status, body in _REFUSALS:
            facts = self._outcome(path, status, body)
            if isinstance(facts, tuple) and any(not _is_refusal(fact) for fact in facts):
                self.note(path, f"status {status} with {body[:6]!r} is taken for an answer")

    def damaged(
        self,
        path: str,
        status: int,
        body: bytes,
        name: str,
        facts: tuple[Fact, ...] | None,
        *,
        is_plausible: bool,
    ) -> None:
        """Check that a damaged reply is refused, or states the same, or what nobody could know."""
        self.counts["damaged"] += 1
        found = self._outcome(path, status, body, name)
        if isinstance(found, ChainflowError):
            self.counts["refused"] += 1
            return
        if found == (facts or ()):
            self.counts["unchanged"] += 1
            return
        for why in unsound(self.source.chain, found):
            self.note(path, f"{name}: {why}")
        old, new = measured(facts or ()), measured(found)
        changed = [what for what in old if old[what] != new[what]]
        for what in changed:
            self.believed.setdefault(what, Counter())[name] += 1
            if not is_plausible and what != "other":
                lost, won = old[what] - new[what], new[what] - old[what]
                self.note(path, f"{name}: other {what}: {list(won)[:1]} in place of {list(lost)[:1]}")

    def _outcome(
        self, path: str, status: int, body: bytes, name: str = ""
    ) -> tuple[Fact, ...] | ChainflowError:
        """Return the facts of a reply, or the error that refuses it; any other error is a problem."""
        where = f"{path[:80]} ({name or f'status {status}'})"
        try:
            found = self.source.facts(path, status, body)
        except (SourceError, BadInput) as error:
            if len(str(error).splitlines()) > _LINES or not error.hint:
                self.note(where, "an error has at most three lines and a hint")
            if isinstance(error, BadInput) and path not in _NO_PATH:
                self.note(where, f"raises {_told(error)}: what a reply says is no input of the caller")
            return error
        except Exception as error:  # noqa: BLE001  # any other is the finding
            self.note(where, f"raises {_told(error)}")
            return NotFound("")
        if type(found) is not tuple:
            self.note(where, f"gives {type(found).__name__}, not a tuple")
        return tuple(found)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]


def _is_refusal(fact: Fact) -> bool:
    return isinstance(fact, Listing) and fact.is_refused and bool(fact.reason)


@contextmanager
def _another_day() -> Iterator[None]:
    """Let Python's clock be ten years ahead: a reader that looks at it states something else."""
    now = time.time
    time.time = lambda: now() + _TEN_YEARS
    try:
        yield
    finally:
        time.time = now
