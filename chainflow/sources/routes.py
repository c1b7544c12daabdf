"""Which reader is for the answer to which path: one table for each family of sources."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from chainflow.errors import BadInput
from chainflow.model import Fact
from chainflow.sources.strict import Field

__all__ = ["HASH", "TXID", "Read", "Routes", "answer_to"]

HASH = "[0-9a-f]{64}"
TXID = f"(?P<subject>{HASH})"
"""Parts of patterns: a hash, and a txid that the host learns."""

Read = Callable[[str, Sequence[str], Field], list[Fact]]
"""Who reads JSON: from the chain, from what was asked (the groups of a pattern), from the whole answer."""

Reader = TypeVar("Reader")


def answer_to(path: str) -> str:
    """Return how a message names an answer.

    Examples
    --------
    >>> answer_to("/blocks/tip/height")
    'The answer to /blocks/tip/height'
    """
    return f"The answer to {path if len(path) < 150 else path[:149] + '…'}"


class Routes(Generic[Reader]):
    """The paths of a family, and who reads the answers to each.

    Parameters
    ----------
    source : str
        The class that makes the paths.
    table : mapping
        Pattern of a whole path → reader. The group `subject` is what the host learns from the path.
    hint : str
        What else there is to say to somebody whose path is none.

    Examples
    --------
    >>> routes = Routes("Explorer", {"/tip": "height", "/tx/(?P<subject>[0-9a-f]+)": "transaction"})
    >>> routes.of("/tx/ab"), routes.subject_of("/tx/ab"), routes.subject_of("/tip")
    (('transaction', ('ab',)), 'ab', '')
    """

    def __init__(self, source: str, table: Mapping[str, Reader], *, hint: str = "") -> None:
        self._source, self._hint = source, hint
        self._table = [(re.compile(pattern), read) for pattern, read in table.items()]

    def of(self, path: str) -> tuple[Reader, tuple[str, ...]]:
        """Return who reads the answers to `path`, and what it asks for: "" where that is left out.

        Raises
        ------
        BadInput
            If it is no path of this family.
        """
        read, found = self._match(path)
        return read, found.groups("")

    def subject_of(self, path: str) -> str:
        """Return the address or txids (several: with commas) that the host learns from `path`, "" for none.

        Raises
        ------
        BadInput
            If it is no path of this family.
        """
        _, found = self._match(path)
        return found.groupdict("").get("subject", "")

    def _match(self, path: str) -> tuple[Reader, re.Match[str]]:
        for pattern, read in self._table:
            if (found := pattern.fullmatch(path)) is not None:
                return read, found
        raise BadInput(
            f"not a path of the {self._source} family: {path[:150]!r}",
            hint=f"make paths with {self._source}.…_path(){self._hint}",
        )
