"""Taint over a whole chain of numbered transactions: the fast twins of the rules in `tracing.policies`.

For chains, not for cases: seeds are output rows and the answer is arrays. A case is traced by
`tracing.trace`, which can say why; amounts are the same to the base unit.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from chainflow.errors import BadInput, MissingExtra
from chainflow.model import EndReason
from chainflow.tracing.policies import Policy, Seniority, policy_named
from chainflow.tracing.whole_chain.columns import LAST, Columns, Ints, Small
from chainflow.tracing.whole_chain.result import Pieces, Taint

__all__ = ["Tracer", "taint"]

_POLICIES = ("haircut", "poison", "tiho", "tilo", "fifo", "lifo", "seniority")
_SHARES = _POLICIES[:4]
_ORDERS = ("largest", "chain")
_OURS = "chainflow.tracing.policies."
_REASONS = (EndReason.UNSPENT, EndReason.FEE, EndReason.DUST, EndReason.LIMIT)
_LIMIT = 4
"""Where the kernels' sums say what the limit ended."""
_FIRST = np.zeros(1, np.int32)
_FIRST.flags.writeable = False
_ROOM = 1 << 16
_PIECES = 3
_AT_ONCE = 1 << 28


class _Kernels(NamedTuple):
    """The modules that need numba."""

    shares: ModuleType
    lines: ModuleType
    waiting: ModuleType
    largest: ModuleType


class _Found(NamedTuple):
    """Buffers that a kernel fills; the last three only where units are followed."""

    rows: Small
    amounts: Ints
    begins: Ints
    labels: Small
    lengths: Ints

    def grown(self, rows: int, pieces: int) -> _Found:
        """Return buffers with at least so much room and what these hold."""
        sizes = (rows, rows, rows + 1, pieces, pieces)
        return _Found(*(_longer(array, size) for array, size in zip(self, sizes, strict=True)))


class _Shares(NamedTuple):
    """What `shares` keeps between traces: all 0."""

    tainted: Ints
    words: Ints
    starts: Ints
    parts: Ints


class _Lines(NamedTuple):
    """What `lines` keeps between traces: nothing waits, nothing was reached; the rest is scratch paper."""

    words: Ints
    starts: Ints
    reached: Ints
    places: Ints
    line: Ints


class _Run(NamedTuple):
    """One question: output rows (`LAST` after the last), their labels, floor, limit, order, choice."""

    rows: Ints
    labels: Small
    floor: int
    most: int
    order: str
    chosen: Ints = np.array([LAST])


class Tracer:
    """Traces over one chain; what it needs beside the columns is kept, so that the next trace starts at once.

    Reading the columns once, it takes 8 bytes per transaction, and as much again for the first trace of
    shares; following units takes a quarter of a byte per output and an eighth per transaction.

    Parameters
    ----------
    columns : Columns
        In memory or memory-mapped. A transaction without inputs is a coinbase.

    Raises
    ------
    BadInput
        If the columns contradict each other, or the inputs of a transaction hold 2⁵² base units or more.
    MissingExtra
        If numba is not installed.
    """

    def __init__(self, columns: Columns) -> None:
        self._kernels = _load()
        self.columns = Columns(*(np.ascontiguousarray(np.asarray(column)) for column in columns))
        self._txs, self._outputs = max(len(columns.in_ptr) - 1, 0), len(columns.value)
        _check_lengths(self.columns)
        self._whole = np.zeros(self._txs, np.int64)
        bad = self._kernels.shares.read_inputs(self.columns, self._whole)
        if bad >= 0:
            raise BadInput(
                f"the columns contradict each other at transaction {bad:,}",
                hint="make them anew; for inputs of 2⁵² base units and more use the readable rules",
            )
        self._shares: _Shares | None = None
        self._lines: _Lines | None = None
        self._found = _buffers(self.columns.source.dtype)

    def taint(
        self,
        seeds: int | Collection[int] | Ints,
        *,
        policy: str | Policy = "haircut",
        labels: Sequence[int] | None = None,
        floor: int = 0,
        max_txs: int | None = None,
        order: str = "largest",
    ) -> Taint:
        """Return where the seeds went: every transaction once, in order, in whole base units.

        A seed is claimed whole; what of it is tainted already keeps its label, so nothing counts twice.

        Parameters
        ----------
        seeds : int or collection of int
            Output rows, each once.
        policy : str or Policy
            haircut, poison, tiho, tilo, fifo, lifo or seniority. The last three keep labels.
        labels : sequence of int, optional
            One for each seed, from 0; by default seeds are numbered as they are given.
        floor : int
            Less than so many base units end where they arrive.
        max_txs : int, optional
            Visit no more transactions: what waits at the others has ended.
        order : str
            If there are more, which are visited: "largest", as in `tracing.trace`, always the one next at
            which the most taint waits (ties to the earlier); "chain", the first.

        Raises
        ------
        BadInput
            If a seed is not an output or is given twice, labels do not fit, the policy has no fast twin, or
            there is no such order.
        """
        if order not in _ORDERS:
            raise BadInput(f"there is no order {order!r}", hint=f"one of {', '.join(_ORDERS)}")
        name, ranking = _policy(policy)
        run = self._run(seeds, labels, floor, max_txs, order)
        found, sums = self._walk(name, run, ranking)
        if sums[_LIMIT] and order == "largest":
            run = run._replace(chosen=self._choose(name, run, ranking))
            found, sums = self._walk(name, run, ranking)
        balance = dict(zip(_REASONS, sums[1:5].tolist(), strict=True))
        if name != "poison" and sum(balance.values()) != sums[0]:
            raise BadInput(
                f"{sums[0]:,} base units were claimed and {sum(balance.values()):,} accounted for",
                hint="nothing of this trace was used; an output is spent twice in these columns",
            )
        return self._result(policy if isinstance(policy, str) else policy.name, run, found, sums, balance)

    def _walk(self, name: str, run: _Run, ranking: Sequence[int]) -> tuple[_Found, Ints]:
        """Return the buffers that hold the answer, and the sums."""
        sums = np.zeros(10, np.int64)
        try:
            if name in _SHARES:
                return self._share(name, run, sums), sums
            return self._lay(name, run, ranking, sums), sums
        except BaseException:
            self._shares = self._lines = None  # half a trace is in them
            raise

    def _choose(self, name: str, run: _Run, ranking: Sequence[int]) -> Ints:
        """Return which transactions to visit, after a walk that found too many."""
        kernels, state = self._kernels, self._shares
        chosen: Ints
        if state is not None and name in _SHARES:
            self._shares = None  # half a choice is in them if it fails
            ask = (kernels.shares.RULES[name], self.columns, self._whole, run.rows, run.floor, run.most)
            chosen = kernels.largest.choose_shares(*ask, state.tainted, state.parts)
            self._shares = state
        elif self._lines is not None:
            known = (
                kernels.lines.RULES[name],
                self.columns,
                run.rows,
                run.labels,
                _ranks(run.labels, ranking),
            )
            chosen = kernels.largest.choose_lines(*known, run.floor, run.most, self._lines.places)
        return chosen

    def _run(
        self,
        seeds: int | Collection[int] | Ints,
        labels: Sequence[int] | None,
        floor: int,
        max_txs: int | None,
        order: str,
    ) -> _Run:
        if floor < 0 or (max_txs is not None and max_txs < 0):
            raise BadInput("a floor or a limit below 0", hint="leave it out to trace everything")
        most = LAST if max_txs is None else min(max_txs, LAST)
        if isinstance(seeds, int) and labels is None and 0 <= seeds < self._outputs:  # often: without detours
            return _Run(np.array([seeds, LAST]), _FIRST, min(floor, LAST), most, order)
        rows = np.array([seeds] if isinstance(seeds, int) else [*seeds] if isinstance(seeds, set) else seeds)
        if len(rows) and (rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= self._outputs):
            raise BadInput(
                "a seed is not an output row", hint=f"whole numbers from 0 to {self._outputs - 1:,}"
            )
        numbers = np.arange(len(rows)) if labels is None else np.asarray(labels)
        if len(numbers) != len(rows) or (len(rows) and (numbers.min() < 0 or numbers.max() >= 2**31)):
            raise BadInput("the labels do not fit the seeds", hint="one whole number from 0 for each seed")
        ascending = np.argsort(rows, kind="stable")
        ended = np.append(rows[ascending], LAST).astype(np.int64)
        if (ended[1:] == ended[:-1]).any():
            raise BadInput("a seed is given twice", hint="give each output row once, under one label")
        return _Run(ended, numbers[ascending].astype(np.int32), min(floor, LAST), most, order)

    def _share(self, name: str, run: _Run, sums: Ints) -> _Found:
        shares, waiting = self._kernels.shares, self._kernels.waiting
        if self._shares is None:
            tainted = np.empty(self._txs + 2, np.int64)  # not `zeros`: numpy asks for large pages only here
            tainted.fill(0)
            words, starts = waiting.make_waiting((self._txs >> shares.BLOCK) + 1)
            parts = np.zeros(_widest(self.columns.out_ptr), np.int64)
            self._shares = _Shares(tainted, words, starts, parts)
        state = self._shares
        found = self._found
        ask = (
            shares.RULES[name],
            self.columns,
            self._whole,
            run.rows,
            run.chosen,
            run.floor,
            run.most,
            state,
        )
        while shares.spread(*ask, found[:2], sums) >= 0:
            found = found.grown(_more(found.rows, self._outputs + 1), 0)
        return found

    def _lay(self, name: str, run: _Run, order: Sequence[int], sums: Ints) -> _Found:
        lines, waiting = self._kernels.lines, self._kernels.waiting
        if self._lines is None:
            words, starts = waiting.make_waiting(self._txs)
            reached = np.zeros(2 * (self._outputs // 64 + 1), np.int64)
            places = np.zeros(_widest(self.columns.in_ptr), np.int64)
            self._lines = _Lines(words, starts, reached, places, np.zeros((2, _ROOM), np.int64))
        state = self._lines
        found = self._found
        ask = (lines.RULES[name], self.columns, run.rows, run.labels, _ranks(run.labels, order), run.chosen)
        while (full := lines.lay(*ask, run.floor, run.most, state, found, sums)) >= 0:
            needs = lines.pieces_of(full, self.columns, run.floor, state, found)
            if needs > state.line.shape[1]:
                state = self._lines = state._replace(line=np.zeros((2, 2 * needs), np.int64))
            pieces = _more(found.labels, _PIECES * self._outputs) + needs
            found = found.grown(_more(found.rows, self._outputs), pieces)
        lines.forget(found.rows[: sums[6]], state.reached)
        return found

    def _result(
        self, policy: str, run: _Run, found: _Found, sums: Ints, balance: dict[EndReason, int]
    ) -> Taint:
        claimed, visited, count, end = (int(sums[place]) for place in (0, 5, 6, 8))
        sizes = (count, count, count + 1, end, end)[: 5 if policy.partition("[")[0] in _POLICIES[4:] else 2]
        copy = found is self._found  # these buffers are filled again
        rows, amounts, *pieces = (_cut(*one, copy=copy) for one in zip(found, sizes, strict=False))
        limits: dict[str, Any] = {"floor": run.floor, "max_txs": None, "order": run.order}
        if run.most != LAST:
            limits["max_txs"] = run.most
        asked = (run.rows[:-1], run.labels, limits)
        kept = Pieces(*pieces) if pieces else None
        return Taint(policy, rows, amounts, balance, claimed, visited, kept, self.columns, asked)


def taint(columns: Columns, seeds: int | Collection[int] | Ints, **options: Any) -> Taint:
    """Return where the seeds went; options and errors are those of `Tracer.taint`.

    To ask more than once, keep a `Tracer`: reading the columns takes longer than most traces.

    Examples
    --------
    >>> columns = Columns(*(np.array(one) for one in ([0, 0, 1], [0], [0, 1, 3], [9, 4, 4], [1, -1, -1])))
    >>> found = taint(columns, 0, policy="fifo")
    >>> found.rows.tolist(), found.amounts.tolist(), found.balance[EndReason.FEE]
    ([0, 1, 2], [9, 4, 4], 1)
    """
    return Tracer(columns).taint(seeds, **options)


def _load() -> _Kernels:
    try:
        return _Kernels(*(importlib.import_module(f"{__package__}.{name}") for name in _Kernels._fields))
    except ImportError:
        raise MissingExtra(
            "taint over a whole chain needs numba",
            hint="pip install 'chainflow[fast]', or trace a ledger with `trace`: the same amounts",
        ) from None


def _check_lengths(columns: Columns) -> None:
    """Refuse columns that are not whole numbers or do not belong together."""
    in_ptr, source, out_ptr, value, spent_by = columns
    if any(column.dtype.kind != "i" for column in columns):
        raise BadInput("a column does not hold signed whole numbers", hint="int64 or int32; see `Columns`")
    is_fit = len(in_ptr) == len(out_ptr) > 0 and len(value) == len(spent_by)
    if not is_fit or in_ptr[-1] != len(source) or out_ptr[-1] != len(value):
        raise BadInput("the columns are of lengths that do not belong together", hint="see `Columns`")


def _policy(policy: str | Policy) -> tuple[str, Sequence[int]]:
    """Return the plain name of a policy, and the order of labels that it was given."""
    if isinstance(policy, str) and policy in _POLICIES:
        return policy, ()
    rule = policy_named(policy)
    name = rule.name.partition("[")[0]
    if name not in _POLICIES or not type(rule).__module__.startswith(_OURS):
        raise BadInput(
            f"{rule.name!r} has no fast twin", hint=f"one of {', '.join(_POLICIES)}; or use `trace`"
        )
    order = rule.numbers if isinstance(rule, Seniority) else ()
    if order is None and isinstance(rule, Seniority) and rule.order:
        raise BadInput(f"{rule.name} does not know the labels by number", hint="use what numbered() returns")
    return name, order or ()


def _ranks(labels: Small, order: Sequence[int]) -> Ints:
    """Return per label when it is served: first those in order, then the others by number."""
    ranks = np.arange(len(order), len(order) + int(labels.max(initial=0)) + 1)
    for place, label in enumerate(order):
        if label < len(ranks):
            ranks[label] = place
    return ranks


def _buffers(row: np.dtype[Any]) -> _Found:
    found = _Found(*(np.empty(_ROOM, kind) for kind in (row, np.int64, np.int64, np.int32, np.int64)))
    found.begins[0] = 0
    return found


def _more(buffer: Ints | Small, likely: int) -> int:
    """Return how long a buffer that is full should be: memory that is never written is never taken."""
    return max(2 * len(buffer), min(likely, _AT_ONCE))


def _cut(array: Any, size: int, *, copy: bool) -> Any:
    """Return what is filled, read-only."""
    part = array[:size].copy() if copy else array[:size]
    part.flags.writeable = False
    return part


def _longer(array: Any, size: int) -> Any:
    if size <= len(array):
        return array
    longer = np.empty(size, array.dtype)
    longer[: len(array)] = array
    return longer


def _widest(pointer: Ints) -> int:
    return int(np.diff(pointer).max(initial=1))
