"""What this family's servers say in words, inside HTTP 200: nothing found, not yet, too much, no."""

from __future__ import annotations

import re

from chainflow.errors import BadResponse, NotFound, RateLimited, SourceError
from chainflow.sources.strict import excerpt

__all__ = ["INSTEAD", "is_empty", "is_momentary_limit", "not_ready", "refused"]

INSTEAD = "ask api.etherscan.io with a key, then api.blockscout.com, then api.routescan.io (the same family)"

_EMPTY = re.compile(
    r"no (?:[a-z0-9-]+ ){0,2}(?:transactions|transfers|records|withdrawals|blocks|logs) found\.?",
    re.IGNORECASE,
)
_MOMENTARY = re.compile(
    rb"per sec|max rate limit|too many requests|temporarily unavailable|slow down", re.IGNORECASE
)
_LIMIT = re.compile(
    r"rate limit|too many|calls per|per sec|temporarily unavailable|daily limit|quota|slow down",
    re.IGNORECASE,
)
_NOT_READY = re.compile(
    r"not (?:been |yet been )?(?:yet )?processed|not yet (?:been )?indexed", re.IGNORECASE
)
_KEY = re.compile(r"api ?key", re.IGNORECASE)
_PLAN = re.compile(r"not supported|unsupported|upgrade your api plan|api pro", re.IGNORECASE)
_WINDOW = re.compile(r"result window is too large", re.IGNORECASE)
_OLD = re.compile(r"deprecated|\bv1\b", re.IGNORECASE)
_ABSENT = re.compile(r"transaction not found", re.IGNORECASE)

_KEY_LIKE = re.compile(r"(?<![0-9A-Za-z_-])(?!0x)(?=[0-9A-Za-z_-]*[0-9])[0-9A-Za-z_-]{20,}")
"""A key that a server echoes; hashes and addresses begin with 0x."""

_MOST_LIMIT_BYTES = 2_000


def is_empty(message: str) -> bool:
    """Return whether a message says that there is nothing to list: a finding, no failure.

    Examples
    --------
    >>> is_empty("No transactions found"), is_empty("No internal transactions found"), is_empty("NOTOK")
    (True, True, False)
    """
    return _EMPTY.fullmatch(message.strip()) is not None


def is_momentary_limit(body: bytes) -> bool:
    """Return whether a body says that we ask too fast, not that the day's allowance is used up."""
    if len(body) > _MOST_LIMIT_BYTES or b"daily" in body.lower():
        return False
    return b'"status":"0"' in body.replace(b" ", b"") and _MOMENTARY.search(body) is not None


def not_ready(what: str, words: str) -> BadResponse:
    """Return the error for an answer that the source itself calls unfinished."""
    return BadResponse(
        f"{what} is not ready: the source has not read these blocks to the end ({_shown(words)})",
        hint="it is no finding that there is nothing; ask later, or another source",
    )


def refused(what: str, words: str) -> SourceError:
    """Return the error that a refusal in words means; no key that it may echo is repeated."""
    shown = _shown(words)
    if _NOT_READY.search(words):
        return not_ready(what, words)
    if _ABSENT.search(words):
        return NotFound(f"{what} is “not found” ({shown})", hint="is it of this chain? ask another source")
    if _LIMIT.search(words):
        return RateLimited(f"{what} is that we ask too much ({shown})", hint=f"go on later, or {INSTEAD}")
    if _OLD.search(words):
        return BadResponse(
            f"{what} is that this API was switched off ({shown})",
            hint=f"https://api.etherscan.io/v2; {INSTEAD}",
        )
    if _PLAN.search(words):
        return BadResponse(f"{what} is that this chain is not served ({shown})", hint=INSTEAD)
    if _WINDOW.search(words):
        return BadResponse(
            f"{what} is that the page reaches too far ({shown})",
            hint="page by Listing.next: it goes by blocks",
        )
    if _KEY.search(words):
        return BadResponse(
            f"{what} is that the key is missing or wrong ({shown})",
            hint="name the source as etherscan:https://api.etherscan.io/v2/api?apikey=KEY; " + INSTEAD,
        )
    return BadResponse(f"{what} is a refusal ({shown}); it was not used", hint=INSTEAD)


def _shown(words: str) -> str:
    return excerpt(_KEY_LIKE.sub("REDACTED", words).encode("utf-8", "replace"), limit=160)
