"""Every deliberate error of chainflow, each with a hint that says what to do next.

::

    ChainflowError
    ├── BadInput                 what the caller passed in cannot be used
    │   ├── AddressInvalid       a checksum, a length or a character is wrong
    │   ├── SeedUnknown          a seed is well formed but not in this ledger
    │   ├── TagFileRejected      a tag file cannot be read as a whole
    │   ├── LedgerFileRejected   a ledger file is malformed or its digest differs
    │   ├── ContradictoryDecisions  an analyst's decisions contradict each other, or what is certain
    │   └── BadBytes             a raw transaction, block or script is malformed
    ├── SourceError              a source did not give what was asked
    │   ├── SourceUnavailable    no answer after all tries
    │   │   └── RateLimited      it answered, every time, that we ask too much
    │   ├── NotFound             it says that this thing does not exist
    │   ├── BadResponse          the reply is not of the documented form
    │   │   └── SchemaMismatch   one field of it is not
    │   ├── ProofFailed          the reply contradicts itself: a hash or a sum is wrong
    │   ├── HostNotAllowed       this URL will not be asked
    │   ├── RedirectRefused      the reply sends us to another host
    │   ├── TLSError             the host's certificate was not accepted
    │   └── OfflineMode          the answer is not in the case and asking is switched off
    ├── CaseError                the case file
    │   ├── CaseBusy             another process is writing to it
    │   ├── CaseVersion          it was written by a newer chainflow
    │   ├── CaseCorrupt          what it holds does not match its own hashes
    │   ├── NotReproduced        a repeated step gave another result than the recorded one
    │   └── DiskFull             there is no room to write
    ├── SourcesDisagree          two statements about one fact differ
    ├── IncompleteData           the evidence does not reach as far as the question
    ├── PluginError              a plug-in is missing, or two carry one name
    └── MissingExtra             an optional dependency is not installed
"""

from __future__ import annotations

__all__ = [
    "AddressInvalid",
    "BadBytes",
    "BadInput",
    "BadResponse",
    "CaseBusy",
    "CaseCorrupt",
    "CaseError",
    "CaseVersion",
    "ChainflowError",
    "ContradictoryDecisions",
    "DiskFull",
    "HostNotAllowed",
    "IncompleteData",
    "LedgerFileRejected",
    "MissingExtra",
    "NotFound",
    "NotReproduced",
    "OfflineMode",
    "PluginError",
    "ProofFailed",
    "RateLimited",
    "RedirectRefused",
    "SchemaMismatch",
    "SeedUnknown",
    "SourceError",
    "SourceUnavailable",
    "SourcesDisagree",
    "TLSError",
    "TagFileRejected",
]


class ChainflowError(Exception):
    """Base of all deliberate errors; `str()` is at most three lines: what happened, what to do.

    Parameters
    ----------
    message : str
        What was wrong with which thing, and what is safe.
    hint : str
        What the reader can do next.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n→ {self.hint}" if self.hint else self.message


class BadInput(ChainflowError):
    """What the caller passed in cannot be used."""


class AddressInvalid(BadInput):
    """An address fails its checksum, or has a wrong length or character."""


class SeedUnknown(BadInput):
    """A seed is well formed but nothing in this ledger speaks of it."""


class TagFileRejected(BadInput):
    """A tag file cannot be read as a whole; no tag of it was used."""


class LedgerFileRejected(BadInput):
    """A ledger file is malformed or does not match its own digest."""


class ContradictoryDecisions(BadInput):
    """Two addresses are decided to be different, and others or the addresses themselves make them the same."""


class BadBytes(BadInput):
    """A raw transaction, block, header or script is malformed."""


class SourceError(ChainflowError):
    """A source did not give what was asked.

    `was_answered` says that a whole answer came and was refused, not that none came.
    """

    was_answered = False


class SourceUnavailable(SourceError):
    """A source gave no usable answer after all tries; what was saved before is safe."""


class RateLimited(SourceUnavailable):
    """A source answered every try with "too many requests"."""


class NotFound(SourceError):
    """A source says that the thing asked for does not exist there."""


class BadResponse(SourceError):
    """A reply is not of the documented form; it was kept for inspection and not used."""


class SchemaMismatch(BadResponse):
    """One field of a reply is missing, of the wrong type or out of range."""


class ProofFailed(SourceError):
    """A reply contradicts itself: a txid does not hash, or inputs − outputs ≠ fee."""


class HostNotAllowed(SourceError):
    """A URL is refused before anything is sent."""


class RedirectRefused(SourceError):
    """A reply redirects to another host; nothing was sent there."""


class TLSError(SourceError):
    """The host's certificate was not accepted; nothing was sent."""


class OfflineMode(SourceError):
    """The answer is not in the case and the network is switched off."""


class CaseError(ChainflowError):
    """Something is wrong with a case file."""


class CaseBusy(CaseError):
    """Another process holds the case's write lock."""


class CaseVersion(CaseError):
    """The case was written by a newer chainflow, or is not a case at all."""


class CaseCorrupt(CaseError):
    """What the case holds does not match its own hashes."""


class NotReproduced(CaseError):
    """A step with the same recipe as a recorded one gave another result."""


class DiskFull(CaseError):
    """There is no room left to write; everything acknowledged before is safe."""


class SourcesDisagree(ChainflowError):
    """Two statements about one fact differ; neither is used silently."""


class IncompleteData(ChainflowError):
    """The evidence does not reach as far as the question."""


class PluginError(ChainflowError):
    """A plug-in is missing, broken, or two of them carry one name."""


class MissingExtra(ChainflowError):
    """An optional dependency is not installed."""
