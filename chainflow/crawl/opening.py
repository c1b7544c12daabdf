"""Which sources are asked: those that were named, else the one asked last, of the chain that the seeds say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chainflow.crawl.fetching import Seeds, chain_of
from chainflow.errors import CaseError
from chainflow.sources import Source, SourceNames, names_of, open_sources
from chainflow.sources.pace import Rate, rates_of

__all__ = ["Rates", "Sources"]

Rates = Mapping[str, Rate] | str | os.PathLike[str] | None
"""How fast hosts may be asked: host → `Rate`, or a TOML file of it."""


class Sources:
    """The sources of one case: opened when they are first needed, closed if they were opened here.

    Parameters
    ----------
    named : str, Source or list of them, optional
    chain, proxy, rates
        Of those given as text; without `chain` each question's seeds say which it is.

    Raises
    ------
    BadInput, HostNotAllowed
        If a word names no source, or one that must not be asked.
    """

    def __init__(
        self, named: SourceNames | None, *, chain: str | None, proxy: str | None, rates: Rates
    ) -> None:
        self._named = [] if named is None else names_of(named)
        self._chain = chain
        self._how: dict[str, Any] = {"proxy": proxy, "rates": rates_of(rates)}
        self._opened = open_sources(self._named, chain=chain, **self._how) if self._named else ()

    def of(self, seeds: Seeds, last: Mapping[str, Any] | None) -> tuple[Source, ...]:
        """Return the sources to ask about these seeds; `last` is the request that was answered last.

        Raises
        ------
        CaseError
            If none was named and none was asked before.
        """
        if not self._opened and last is None:
            raise CaseError("the case was opened without a source", hint='Case(path, source="esplora")')
        if not self._opened and last is not None:  # the one asked before; offline it is only a name
            self._named = [last["source"]]
            self._opened = open_sources(self._named, chain=last["chain"], **self._how)
        elif self._chain is None:
            asked = {source.name for source in self._opened}
            known = last["chain"] if last and last["source"] in asked else None
            chain = chain_of(seeds) or known
            if chain is not None and any(source.chain != chain for source in self._opened):
                self.close()
                self._opened = open_sources(self._named, chain=chain, **self._how)
        return self._opened

    @contextmanager
    def other(self, source: str | Source, chain: str) -> Iterator[Source]:
        """Yield one more source of a chain, asked in the same way, for as long as it is needed."""
        (opened,) = open_sources(source, chain=chain, **self._how)
        try:
            yield opened
        finally:
            if opened is not source:
                opened.close()

    def close(self) -> None:
        """Close those that were opened here."""
        for given, source in zip(self._named, self._opened, strict=False):
            if given is not source:
                source.close()
