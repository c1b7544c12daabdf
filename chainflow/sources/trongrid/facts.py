"""What a reply of TronGrid or of a Tron node states: its pages, its limits, and which question it answers.

Pure: no clock, no network. What one row states is `chainflow.sources.trongrid.rows`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from chainflow.errors import BadResponse, NotFound, ProofFailed, RateLimited
from chainflow.model import Fact, Listing, Tip, TransferRecord, TxOutline
from chainflow.sources.routes import TXID, Read, Routes, answer_to
from chainflow.sources.strict import REJECTED, Field, excerpt
from chainflow.sources.trongrid.frame import frame_of
from chainflow.sources.trongrid.rows import (
    Row,
    internal_row,
    internal_rows,
    log_rows,
    native_row,
    token_row,
    transaction,
)
from chainflow.sources.utxo import check_asked

__all__ = ["LISTS", "check_limit", "facts", "subject_of"]

_FILTERS = "limit=200&only_confirmed=true&order_by=block_timestamp,asc"
LISTS: Final[Mapping[str, str]] = {
    "native": f"transactions?{_FILTERS}",
    "token": f"transactions/trc20?{_FILTERS}&get_detail=true",
    "internal": f"internal-transactions?{_FILTERS}",
}
"""The lists of an address, by name; the filters must not change from page to page."""

_SLOWER = "wait half a minute, or pass a key: headers={'TRON-PRO-API-KEY': '…'}; what was saved is safe"
_ADDRESS = "(?P<subject>T[1-9A-HJ-NP-Za-km-z]{33})"
_LIMIT_WORDS = re.compile(
    r"frequency|lack of computing resources|suspended|too many|rate limit", re.IGNORECASE
)
_BUSY = (403, 429, 503)


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the reply with this status and body to `path` states about `chain`.

    A transaction is taken only if its signed bytes hash to its txid and say the same as its JSON. That it
    succeeded, what it paid, its block and its token movements inside contracts are the server's word.

    Parameters
    ----------
    chain : str
        `tron`.
    path : str
        As asked, relative to the base URL.
    status : int
    body : bytes

    Returns
    -------
    tuple of Fact
        `Tip`; `Listing` with `TransferRecord`s and `TokenRecord`s for a page; `TransferRecord`s for a
        transaction; a `TxOutline` (its block) and `TransferRecord`s for what came of one.

    Raises
    ------
    RateLimited
        The server says, in whatever way, that it is asked too much.
    NotFound
        It says that there is no such transaction.
    BadResponse, SchemaMismatch
        The reply is no answer to this question, or a field of it cannot be.
    ProofFailed
        The reply contradicts itself, its bytes, or the question.
    BadInput
        `path` is no path of this family.

    References
    ----------
    https://developers.tron.network/reference/trongrid-v1-api

    Examples
    --------
    >>> body = b'{"block_header": {"raw_data": {"number": 69316644}}}'
    >>> facts("tron", "/wallet/getnowblock", 200, body)
    (Tip(chain='tron', height=69316644),)
    """
    read, asked = _ROUTES.of(path)
    what = answer_to(path)
    check_limit(status, body, what=what)
    if status == 404:
        raise NotFound(f"{what} is “not found” ({excerpt(body)})", hint="is it of this chain?")
    if status != 200:
        raise BadResponse(
            f"{what} has status {status} ({excerpt(body, limit=160)}); it was not used",
            hint="a refusal of the server or of a proxy before it; ask another source",
        )
    whole = Field.parse(body, what)
    _check_success(whole)
    return tuple(read(chain, asked, whole))


def check_limit(status: int, body: bytes, *, what: str) -> None:
    """Refuse a reply that says "too much" in one of Tron's ways.

    Raises
    ------
    RateLimited
        For status 403, 429, 503, and for an error in a 200 that speaks of a limit.
    """
    words = excerpt(body, limit=160)
    is_error = len(body) < 1000 and re.search(rb'"(Error|error)"', body) is not None
    if status in _BUSY or (is_error and _LIMIT_WORDS.search(words)):
        raise RateLimited(f"{what}: asked too much (status {status}, {words})", hint=_SLOWER)


def _check_success(whole: Field) -> None:
    """Refuse an error that comes with status 200."""
    if not isinstance(whole.value, dict):
        raise whole.refuse("an object")
    words = whole.value.get("Error", whole.value.get("error"))
    if words is not None or whole.value.get("success", True) is not True:
        told = excerpt(str(words or "success is not true").encode("utf-8", "replace"), limit=160)
        raise BadResponse(f"{whole.what} is an error ({told}); it was not used", hint="ask another source")


def _tip(chain: str, _asked: Sequence[str], whole: Field) -> list[Fact]:
    return [Tip(chain, whole["block_header"]["raw_data"]["number"].integer(0, 2**40))]


def _transaction(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    _check_found(whole)
    row = transaction(chain, whole)
    check_asked(whole.what, row.txid, asked[0])
    return list(row.whole)


def _outcome(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    """Return what came of a transaction: its block, what its contracts paid, what tokens report."""
    _check_found(whole)
    txid = whole["id"].hexadecimal(size=32)
    check_asked(whole.what, txid, asked[0])
    result = whole["receipt"].get("result")
    failed = whole.get("result") is not None or (result is not None and result.text() != "SUCCESS")
    frame = frame_of(chain, txid, whole, ok=not failed, time="blockTimeStamp")
    inside = whole.get("internal_transactions")
    return [
        TxOutline(chain, txid, is_placed=True, height=frame.height, time=frame.time),
        *(internal_rows(frame, inside) if inside is not None else ()),
        *log_rows(frame, whole.get("log")),
    ]


def _check_found(whole: Field) -> None:
    if whole.value == {}:
        raise NotFound(f"{whole.what} is empty: there is no such transaction", hint="is it of this chain?")


def _page(which: str, read: Callable[[str, str, Field], Row]) -> Read:
    """Return the reader of a list's pages, of which `read` reads one row."""

    def page(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
        address, after = asked[0], unquote(asked[1])
        rows = [read(chain, address, field) for field in whole["data"].items()]
        follows, reason = _next_page(whole, after, len(rows))
        unread = [f"{row.unread} ({row.txid})" for row in rows if row.unread]
        if unread:
            reason = "; ".join((*filter(None, [reason]), f"not read: {unread[0]}", f"{len(unread)} in all"))
        found = _gathered(rows, whole, is_once=which == "native")
        txids = tuple(dict.fromkeys(row.txid for row in rows))
        return [Listing(chain, address, after, txids, not reason, reason, follows, which), *found]

    return page


def _gathered(rows: Sequence[Row], page: Field, *, is_once: bool) -> list[Fact]:
    """Return the facts of a page's rows; what a transaction does as a whole counts once.

    Movements that are equal and without a place stay as many as they are: they may be two.
    """
    wholes: dict[str, tuple[Fact, ...]] = {}
    for row in rows:
        if row.whole and wholes.setdefault(row.txid, row.whole) is not row.whole:
            if is_once:
                raise ProofFailed(f"{page.what} lists {row.txid} again", hint=REJECTED)
            if wholes[row.txid] != row.whole:
                raise ProofFailed(f"{page.what} states {row.txid} in two ways", hint=REJECTED)
    found = [fact for whole in wholes.values() for fact in whole]
    known = set(found)
    for fact in (fact for row in rows for fact in row.added):
        if fact not in known or (isinstance(fact, TransferRecord) and not fact.place):
            found.append(fact)
            known.add(fact)
    return found


def _next_page(whole: Field, after: str, count: int) -> tuple[str, str]:
    """Return the cursor of the page that follows, and why this one is not the last; "" and "" if it is."""
    meta = whole.get("meta")
    if meta is None:
        return "", "the reply does not say whether more rows follow"
    size = meta.get("page_size")
    if size is not None and size.integer(0, 10**6) != count:
        raise ProofFailed(f"{whole.what} says it has {size.value} rows, and has {count}", hint=REJECTED)
    follows = meta.get("fingerprint")
    if follows is None or follows.text() == "":
        return "", ""
    if follows.text() == after:
        raise ProofFailed(f"{whole.what} leads to itself", hint=REJECTED)
    return follows.text(), "a next page follows"


_LISTED: Mapping[str, Callable[[str, str, Field], Row]] = {
    "native": native_row,
    "token": token_row,
    "internal": internal_row,
}
_ROUTES = Routes(
    "TronGrid",
    {
        r"/wallet/getnowblock": _tip,
        rf"/wallet/gettransactionbyid\?value={TXID}": _transaction,
        rf"/wallet/gettransactioninfobyid\?value={TXID}": _outcome,
        **{
            rf"/v1/accounts/{_ADDRESS}/{re.escape(path)}(?:&fingerprint=([^&]+))?": _page(
                which, _LISTED[which]
            )
            for which, path in LISTS.items()
        },
    },
)
subject_of = _ROUTES.subject_of
