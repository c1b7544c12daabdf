"""What a reply of the Etherscan family states: pages of lists, transactions, internal calls, the tip.

Pure: no clock, no network. Which of the explorers answered is not known here and need not be: the
differences are in the rows, and the reader goes by what is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainflow.errors import BadResponse, NotFound, ProofFailed, RateLimited
from chainflow.model import Fact, Listing, Tip
from chainflow.sources.accounts import decimal, evm_hash, joined, quantity
from chainflow.sources.etherscan import rows
from chainflow.sources.etherscan.proxy import info, receipt, transaction
from chainflow.sources.etherscan.words import INSTEAD, is_empty, not_ready, refused
from chainflow.sources.routes import Routes, answer_to
from chainflow.sources.strict import REJECTED, Field, excerpt

__all__ = ["ACTIONS", "REWARDS_PAGE", "WINDOW", "facts", "subject_of"]

WINDOW = 10_000
"""Rows asked for at once: the most that any of these explorers gives; many give fewer, unasked."""

REWARDS_PAGE = 1_000

ACTIONS = {
    "native": "txlist",
    "internal": "txlistinternal",
    "token": "tokentx",
    "nft": "tokennfttx",
    "token1155": "token1155tx",
    "withdrawals": "txsBeaconWithdrawal",
    "rewards": "getminedblocks",
}
"""List → what it is called in a question."""

_LISTS = {action: which for which, action in ACTIONS.items()}

_CUSTOMARY = frozenset({50, 100, 200, 250, 500, 1_000, 2_000, 2_500, 5_000, WINDOW})
"""Page sizes that servers cut to without a word; so many rows may not be all, whatever was asked for."""

_HEIGHT = 10**9


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the reply with this status and body to `path` states about `chain`.

    A page of a list states whole blocks: where more may follow, the rows of its last block are left to
    the next page, which begins with that block. So no row is stated twice and none is lost in between.
    Where one block fills a page, the same question is asked for what follows that many rows: it settles
    whether the block is whole.

    Returns
    -------
    tuple of Fact
        `Tip`; for a list `Listing` and its `TransferRecord`s and `TokenRecord`s; `TransferRecord`s for a
        transaction. "No transactions found" is a `Listing` of nothing that is complete.

    Raises
    ------
    RateLimited
        The server says, in HTTP 200, that we ask too much.
    NotFound
        It knows no such transaction, or has no receipt for it yet.
    BadResponse
        It is not ready ("have not been processed yet"), it refuses, or this is no answer.
    SchemaMismatch, ProofFailed
        One field is wrong; a row is of another address; the page is not sorted.
    BadInput
        `path` is no path of this family.

    References
    ----------
    https://docs.etherscan.io

    Examples
    --------
    >>> facts("eth", "/api?chainid=1&module=proxy&action=eth_blockNumber", 200, b'{"result": "0x10"}')
    (Tip(chain='eth', height=16),)
    """
    read, asked = _ROUTES.of(path)
    what = answer_to(path)
    if status == 429:
        raise RateLimited(f"{what} has status 429", hint=f"go on later, or {INSTEAD}")
    if status != 200:
        raise BadResponse(
            f"{what} has status {status} ({excerpt(body, limit=160)}); it was not used",
            hint="a refusal of the server or of a proxy before it; ask another source",
        )
    return tuple(read(chain, asked, Field.parse(body, what)))


def _tip(chain: str, _asked: Sequence[str], whole: Field) -> list[Fact]:
    return [Tip(chain, quantity(_called(whole), most=_HEIGHT))]


def _history(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    """Return one page of a list that goes by blocks, oldest first."""
    (action, address, begin, size), stated = asked, _listed(whole)
    heights = [decimal(row["blockNumber"], most=_HEIGHT) for row in stated]
    start = int(begin)
    # a later page begins with the block that the page before ended with: it cannot be without one
    if heights != sorted(heights) or (start and heights[:1] != [start]):
        raise ProofFailed(
            f"{whole.what} is not in the order of blocks from {start:,} on",
            hint=f"{REJECTED}; after a reorganisation, refresh",
        )
    which, cut = _LISTS[action], _may_be_cut(len(stated), int(size))
    following = ""
    reason = ""
    if cut and heights[0] < heights[-1]:
        following, reason = str(heights[-1]), f"{len(stated):,} rows came, more may follow"
        stated = stated[: heights.index(heights[-1])]
    elif cut and 2 * len(stated) <= WINDOW:
        following, reason = f"{heights[0]}+{len(stated)}", f"{len(stated):,} rows came, more may follow"
    elif cut:
        reason = f"truncated: block {heights[0]} alone fills a page ({len(stated):,} rows)"
    made = [rows.READERS[which](chain, address, row) for row in stated]
    txids = tuple(dict.fromkeys(row.txid for row in made))
    page = Listing(
        chain,
        address,
        begin if start else "",
        txids,
        complete=not reason,
        reason=reason,
        next=following,
        which=which,
    )
    return [page, *joined(made)]


def _rest(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    """Return whether a block that filled a page goes on behind it; its rows there are not taken.

    A server that ignores which page is asked for would have them counted twice.
    """
    action, address, begin, size = asked
    heights = [decimal(row["blockNumber"], most=_HEIGHT) for row in _listed(whole)]
    if heights != sorted(heights) or min(heights, default=int(begin)) < int(begin):
        raise ProofFailed(f"{whole.what} is not in the order of blocks from {int(begin):,} on", hint=REJECTED)
    following, reason = "", ""
    if heights[:1] == [int(begin)]:
        reason = f"truncated: block {begin} alone fills a page ({int(size):,} rows)"
    elif heights:
        following, reason = str(heights[0]), "more blocks follow"
    after = f"{begin}+{size}"
    return [Listing(chain, address, after, (), not reason, reason, following, _LISTS[action])]


def _rewards(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    """Return one page of the blocks that an address was paid for: by page number, newest first."""
    address, stated = asked[0], _listed(whole)
    made = [rows.READERS["rewards"](chain, address, row) for row in stated]
    page, size = int(asked[1]), int(asked[2])
    following, reason = "", ""
    if _may_be_cut(len(stated), size):
        reason = f"{len(stated):,} rows came, more may follow"
        following = str(page + 1) if (page + 1) * size <= WINDOW else ""
        reason = reason if following else f"truncated: only {WINDOW:,} rows can be asked for"
    txids = tuple(dict.fromkeys(row.txid for row in made))
    after = "" if page == 1 else asked[1]
    listing = Listing(chain, address, after, txids, not reason, reason, following, "rewards")
    return [listing, *joined(made)]


def _may_be_cut(count: int, size: int) -> bool:
    return count >= size or count in _CUSTOMARY


def _internal_of(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    """Return the internal calls of one transaction."""
    stated = _listed(whole)
    if _may_be_cut(len(stated), WINDOW):
        raise ProofFailed(
            f"{whole.what} has {len(stated):,} rows, perhaps not all internal calls",
            hint="ask a node that traces for this transaction",
        )
    return joined([rows.internal(chain, "", row, txid=asked[0]) for row in stated])


def _transaction(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    return transaction(chain, asked[0], _called(whole))


def _receipt(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    return receipt(chain, asked[0], _called(whole))


def _info(chain: str, asked: Sequence[str], whole: Field) -> list[Fact]:
    result = _result(whole)
    if evm_hash(result["hash"]) != asked[0]:
        raise ProofFailed(f"{whole.what} is another transaction", hint=REJECTED)
    return info(chain, asked[0], result)


def _result(whole: Field) -> Field:
    """Return what an answer holds, if it says that it is one."""
    status, words = whole["status"].text(), whole.words("message")
    result = whole.get("result")
    told = f"{words}: {result.value}" if result is not None and isinstance(result.value, str) else words
    if status == "2":
        raise not_ready(whole.what, told)
    if status == "0" and is_empty(words) and (result is None or result.value == []):
        return Field([], whole.what, "result")
    if status != "1":
        raise refused(whole.what, told)
    return whole["result"]


def _listed(whole: Field) -> list[Field]:
    return list(_result(whole).items())


def _called(whole: Field) -> Field:
    """Return what the node behind an explorer answered; refusals of the explorer have its own form."""
    if whole.get("status") is not None:
        return _result(whole)
    error = whole.get("error")
    if error is not None:
        words = error.value if isinstance(error.value, str) else error["message"].text()
        raise refused(whole.what, words)
    if whole["result"].value is None:
        raise NotFound(
            f"{whole.what} is that there is none",
            hint="unknown here, or not in a block yet; ask another source",
        )
    return whole["result"]


_ASKED = r"/api\?(?:chainid=[0-9]+&)?module="
_TXID = "(?P<subject>0x[0-9a-f]{64})"
_OF_ADDRESS = "address=(?P<subject>0x[0-9a-f]{40})"
_BY_BLOCKS = "|".join(action for which, action in ACTIONS.items() if which != "rewards")
_SIZE = "offset=([1-9][0-9]{0,4})"

_ROUTES = Routes(
    "Etherscan",
    {
        f"{_ASKED}proxy&action=eth_blockNumber": _tip,
        f"{_ASKED}block&action=eth_block_number": _tip,
        f"{_ASKED}account&action=({_BY_BLOCKS})&{_OF_ADDRESS}&startblock=([0-9]{{1,9}})"
        f"&endblock=[0-9]{{1,9}}&page=1&{_SIZE}&sort=asc": _history,
        f"{_ASKED}account&action=({_BY_BLOCKS})&{_OF_ADDRESS}&startblock=([0-9]{{1,9}})"
        f"&endblock=[0-9]{{1,9}}&page=2&{_SIZE}&sort=asc": _rest,
        f"{_ASKED}account&action=getminedblocks&{_OF_ADDRESS}&blocktype=blocks"
        f"&page=([1-9][0-9]{{0,3}})&{_SIZE}": _rewards,
        f"{_ASKED}account&action=txlistinternal&txhash={_TXID}": _internal_of,
        f"{_ASKED}proxy&action=eth_getTransactionByHash&txhash={_TXID}": _transaction,
        f"{_ASKED}proxy&action=eth_getTransactionReceipt&txhash={_TXID}": _receipt,
        f"{_ASKED}transaction&action=gettxinfo&txhash={_TXID}": _info,
    },
)
subject_of = _ROUTES.subject_of
