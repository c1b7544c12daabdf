"""What a reply of Blockscout's REST v2 states; pages go from new to old and carry their own cursor.

Pure: no clock, no network. Read are the names of fields that versions 5 to 12 use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlencode

from chainflow.errors import BadResponse, NotFound, ProofFailed, RateLimited
from chainflow.model import Fact, Listing, Tip
from chainflow.sources.accounts import evm_hash, joined
from chainflow.sources.blockscout import rows
from chainflow.sources.routes import Routes, answer_to
from chainflow.sources.strict import REJECTED, Field, excerpt

__all__ = ["LISTS", "facts", "is_cursor", "subject_of"]

LISTS = {
    "native": "transactions",
    "internal": "internal-transactions",
    "token": "token-transfers",
    "withdrawals": "withdrawals",
}
"""List → what it is called in a path."""

_NAMES = {name: which for which, name in LISTS.items()}
_PAIR = r"[a-z0-9_]{1,40}=[A-Za-z0-9_.~%+-]{0,100}"
_CURSOR = rf"{_PAIR}(?:&{_PAIR}){{0,11}}"
_SECRET = ("key", "apikey")
"""What older versions repeat of the question among the cursor's parts: the key, which no path may hold."""

_HEIGHT = 10**9


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the reply with this status and body to `path` states about `chain`.

    Returns
    -------
    tuple of Fact
        `Tip`; for a list `Listing` and its `TransferRecord`s and `TokenRecord`s; the same records for a
        transaction. A list is complete where its `next_page_params` are null.

    Raises
    ------
    NotFound
        The server knows no such transaction or address.
    RateLimited, BadResponse
        It asks for a pause, refuses (with its words), or this is no answer.
    SchemaMismatch, ProofFailed
        One field is wrong; a row is of another address; a page leads to itself.
    BadInput
        `path` is no path of this family.

    References
    ----------
    https://docs.blockscout.com

    Examples
    --------
    >>> facts("base", "/main-page/blocks", 200, b'[{"height": 17}, {"height": 16}]')
    (Tip(chain='base', height=17),)
    """
    read, asked = _ROUTES.of(path)
    what = answer_to(path)
    words = excerpt(body, limit=200)
    if status == 404:
        raise NotFound(f"{what} is “not found” ({words})", hint="is it of this chain? ask another source")
    if status == 429:
        raise RateLimited(f"{what} is that we ask too much ({words})", hint="go on later, or with a key")
    if status != 200:
        raise BadResponse(
            f"{what} has status {status} ({words}); it was not used",
            hint="422: this version does not take such a question; ask another source",
        )
    return tuple(read(chain, asked, Field.parse(body, what)))


def is_cursor(text: str) -> bool:
    """Return whether `text` can be the cursor of a page: names and values as in a query, or nothing."""
    return not text or re.fullmatch(_CURSOR, text) is not None


def _tip(chain: str, _asked: Sequence[str], whole: Field) -> list[Fact]:
    heights = [block["height"].integer(0, _HEIGHT) for block in whole.items()]
    if not heights:
        raise whole.refuse("the newest blocks")
    return [Tip(chain, max(heights))]


def _history(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    """Return one page of a list of an address."""
    address, which, after = asked[0], _NAMES[asked[1]], asked[2]
    made = [rows.READERS[which](chain, address, "", item) for item in whole["items"].items()]
    following = _cursor(whole)
    if following and (following == after or not made):
        raise ProofFailed(f"{whole.what} does not lead on to another page", hint=REJECTED)
    txids = tuple(dict.fromkeys(row.txid for row in made))
    reason = "the page names a next one" if following else ""
    page = Listing(chain, address, after, txids, not reason, reason, following, which)
    return [page, *joined(made)]


def _cursor(whole: Field) -> str:
    """Return the cursor that a page states, as a query with sorted names; "" at the end."""
    if whole["next_page_params"].value is None:
        return ""
    named = whole["next_page_params"]
    pairs = []
    for name in sorted(_names(named)):
        value = named.get(name)
        if value is None or name in _SECRET:
            continue
        if isinstance(value.value, bool) or not isinstance(value.value, (int, str)):
            raise value.refuse("a number or a text")
        pairs.append((name, str(value.value)))
    cursor = urlencode(pairs)
    if not cursor or not is_cursor(cursor):
        raise named.refuse("what leads to the next page")
    return cursor


def _names(named: Field) -> list[str]:
    if not isinstance(named.value, dict):
        raise named.refuse("an object or null")
    return list(named.value)


def _transaction(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    """Return a transaction: its value, its fee, and the tokens that moved unless only some are shown."""
    if evm_hash(whole["hash"]) != asked[0]:
        raise ProofFailed(f"{whole.what} is another transaction", hint=REJECTED)
    made = [rows.native(chain, "", asked[0], whole)]
    overflow, shown = whole.get("token_transfers_overflow"), whole.get("token_transfers")
    is_cut = overflow is not None and overflow.flag()
    if shown is not None and not is_cut:
        time = rows.time_of(whole)
        made += [rows.token(chain, "", asked[0], item, time=time) for item in shown.items()]
    return joined(made)


def _part(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    """Return the tokens that moved in a transaction, or its internal calls, if the answer holds all."""
    if whole["next_page_params"].value is not None:
        raise ProofFailed(
            f"{whole.what} holds only the first rows of a transaction that has more",
            hint="ask a node for this transaction",
        )
    read = rows.READERS[_NAMES[asked[1]]]
    return joined([read(chain, "", asked[0], item) for item in whole["items"].items()])


_TXID = "(?P<subject>0x[0-9a-f]{64})"
_ROUTES = Routes(
    "Blockscout",
    {
        "/main-page/blocks": _tip,
        rf"/addresses/(?P<subject>0x[0-9a-f]{{40}})/({'|'.join(_NAMES)})(?:\?({_CURSOR}))?": _history,
        rf"/transactions/{_TXID}": _transaction,
        rf"/transactions/{_TXID}/(token-transfers|internal-transactions)": _part,
    },
)
subject_of = _ROUTES.subject_of
