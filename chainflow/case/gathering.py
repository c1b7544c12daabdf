"""The verbs that bring evidence into a case: asking sources, reading files, comparing, proving."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Collection, Container, Sequence
from typing import Any, Literal, Unpack, overload

from chainflow.case.memory import Memory
from chainflow.crawl import (
    CrossCheck,
    Fetched,
    LimitOptions,
    Limits,
    Plan,
    Proved,
    Seeds,
    cross_check,
    fetch_into,
    prove,
)
from chainflow.formats import FileSource, add_file_to, open_file
from chainflow.model import canonical_json
from chainflow.progress import watched
from chainflow.proving import AmountProof, prove_amounts
from chainflow.sources import Source

__all__ = ["Gathering"]


class Gathering(Memory):
    """How evidence comes into a case; made as a `Case` is."""

    @overload
    def fetch(
        self,
        seeds: Seeds,
        *,
        stop: Container[str] = ...,
        dry_run: Literal[False] = ...,
        refresh: bool = ...,
        **limits: Unpack[LimitOptions],
    ) -> Fetched: ...
    @overload
    def fetch(
        self,
        seeds: Seeds,
        *,
        stop: Container[str] = ...,
        dry_run: Literal[True],
        refresh: bool = ...,
        **limits: Unpack[LimitOptions],
    ) -> Plan: ...
    def fetch(
        self,
        seeds: Seeds,
        *,
        stop: Container[str] = (),
        dry_run: bool = False,
        refresh: bool = False,
        **limits: Unpack[LimitOptions],
    ) -> Fetched | Plan:
        """Read the seeds' histories into the case; what is there already is not asked again.

        Every reply is on the disk before the next question. An interrupted fetch loses nothing: run it
        again and it goes on. With `dry_run=True` nothing is sent and the `Plan` says what would be.

        Parameters
        ----------
        seeds : str, Outpoint or collection of them
            Addresses, txids, outpoints.
        stop : container of str
            Addresses not to read, such as `case.tags.of("exchange")`.
        refresh : bool
            Ask again for what may have changed since.
        **limits
            hops, direction, follow, max_txs, budget, spends, counts, proofs: see `chainflow.crawl.Limits`.

        Raises
        ------
        OfflineMode
            If the case is offline and does not hold a seed.
        SourceError
            If the source does not answer, or answers with something that cannot be true.
        """
        options: dict[str, Any] = {"offline": self.offline, "refresh": refresh, "dry_run": dry_run}
        with watched("fetch") as report:
            return fetch_into(
                self.log,
                self._opened(seeds),
                seeds,
                limits=Limits(**limits),
                stop=stop,
                progress=report,
                **options,
            )

    def add_file(
        self,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        format: str | None = None,  # noqa: A002
        *,
        chain: str | None = None,
        **options: object,
    ) -> FileSource:
        """Read a file, or several that belong together, into the case; its bytes are kept as evidence.

        Look first: `cf.open_file(path, …).preview()` shows what is understood and which rows are not used.
        The same file read in the same way is written once.

        Parameters
        ----------
        path : path or sequence of paths
        format, chain, **options
            As for `cf.open_file`.

        Raises
        ------
        BadInput, BadResponse
            If it cannot be read, or needs a mapping that was not given; nothing is written then.
        """
        listed = [path] if isinstance(path, str | os.PathLike) else list(path)
        opened = open_file([pathlib.Path(one) for one in listed], format, chain, **options)
        add_file_to(self.log, opened)
        return opened

    def cross_check(
        self, source: str | Source, txids: Collection[str] | None = None, **options: Any
    ) -> CrossCheck:
        """Ask another source for transactions of this case and say where it says otherwise; see `crawl`.

        Differences become disputes, which every total leaves out and names.

        Parameters
        ----------
        source : str or Source
            Of another operator than the one that gave them.
        txids : collection of str, optional
            By default all transactions of the case.
        **options
            `budget`: the most requests.
        """
        with self._sources.other(source, self.ledger.chain) as opened, watched("cross-check") as report:
            return cross_check(self.log, opened, txids, progress=report, **options)

    def prove(self, txids: Collection[str] | None = None, **options: Any) -> Proved:
        """Ask for merkle branches and headers of confirmed transactions: they rise to level 3 or more.

        Parameters
        ----------
        txids : collection of str, optional
            By default all that are below level 3.
        **options
            `budget`: the most requests; `anchor=True`: ask for the headers up to a checkpoint, too (level 4).
        """
        (first, *_) = self._opened(sorted(txids) if txids else ())
        return prove(self.log, first, txids, **options)

    def prove_amounts(self, txids: Collection[str] | None = None) -> AmountProof:
        """Check claimed input amounts with Bitcoin Core's engine (extra `verify`); see `cf.prove_amounts`.

        An amount that is false becomes a dispute of this case: no total counts the transaction.
        """
        found = prove_amounts(self.ledger, txids)
        false = [list(row.values()) for row in found.disputes.to_pylist()]
        self._step(found.recipe, found.digest, [canonical_json(false).encode()] if false else [])
        self._ledgers = {}
        return found
