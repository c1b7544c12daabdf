"""What a reply of a Blockbook explorer (API v2) states: read strictly, recomputed where it can be, or refused.

Pure: no clock, no network. A reply is a function of (chain, path, status, body), so that a case can be
verified years later from the archived bodies alone. One transaction is read by `.transactions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from chainflow.errors import (
    BadResponse,
    NotFound,
    ProofFailed,
    SchemaMismatch,
    SourceUnavailable,
)
from chainflow.model import AddressClaim, Fact, Listing, SpendRecord, Tip
from chainflow.sources.blockbook.transactions import Transaction, read_transaction
from chainflow.sources.routes import TXID, Routes, answer_to
from chainflow.sources.shown import address_asked
from chainflow.sources.strict import REJECTED, Field, excerpt
from chainflow.sources.utxo import (
    MAX_COUNT,
    MAX_HEIGHT,
    check_asked,
    check_once,
    check_spends,
    check_touches,
    decline,
)

__all__ = ["PAGE", "facts", "subject_of"]

PAGE = 1000
"""Transactions on a full page of an address's history: the most that Blockbook gives."""

_DECIMALS = 8

_OF_ACCOUNTS = ("nonce", "nonTokenTxs", "ethereumSpecific", "tokenTransfers", "chainExtraData")
_OF_V1 = ("addrStr", "txApperances", "valueOut", "blockheight")
"""Fields by which the answers of account chains, and of the API's first version, are known."""

_ASK_OTHERS = "Ethereum's and Tron's chains are read from evm:, blockscout:, etherscan: or trongrid:"


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return what the reply with this status and body to `path` states about `chain`.

    A transaction that comes with its bytes is taken only if they hash to its txid and hold what is stated;
    the address of what an input spends only if the input does not show another. Without readable bytes it
    is hearsay. Either way inputs minus outputs is the stated fee, and every transaction on a history page
    touches the address. That the block is right, and the amounts of spent outputs, no reply can prove.

    Parameters
    ----------
    chain : str
        Such as `btc` or `doge`: fixes the address form and the largest amount.
    path : str
        As asked, relative to the base URL.
    status : int
    body : bytes

    Returns
    -------
    tuple of Fact
        `Tip` for the server's state; `AddressClaim` for an address; the same with a `Listing`, its
        `TxRecord`s and `SpendRecord`s for a history page; `TxRecord` and `SpendRecord`s for a transaction.

    Raises
    ------
    NotFound
        The server says that there is no such thing.
    SourceUnavailable, RateLimited
        The server's own node failed, or too much is asked of it: no answer yet.
    BadResponse
        The reply is no answer to this question: a web page, cut-off JSON, another status; or the server is
        still building its index.
    SchemaMismatch
        A field is missing, of the wrong type or out of range; also where the server speaks of accounts
        (Ethereum, Tron), or in the old form v1.
    ProofFailed
        The reply contradicts itself or arithmetic.
    BadInput
        `path` is no path of this family.

    References
    ----------
    https://github.com/trezor/blockbook/blob/master/docs/api.md

    Examples
    --------
    >>> facts("ltc", "/", 200, b'{"blockbook": {"bestHeight": 2990001, "decimals": 8}}')
    (Tip(chain='ltc', height=2990001),)
    """
    read, asked = _ROUTES.of(path)
    what = answer_to(path)
    if status != 200:
        _declined(what, status, body)
    answer = Field.parse(body, what)
    _check_form(answer)
    return tuple(read(chain, asked, answer))


def _declined(what: str, status: int, body: bytes) -> NoReturn:
    """Raise what another status than 200 means; “not found” comes as 400."""
    words = excerpt(body, limit=200)
    if status == 400 and "not found (" in words:
        # it says “not found” of all that its node did not give, and in brackets what really happened
        raise SourceUnavailable(f"{what}: the server's own node failed ({words})", hint="go on later")
    if status == 400 and 'not found"' in words:
        raise NotFound(f"{what} is “not found” ({words})", hint="is it of this chain? ask another source")
    decline(what, status, body)


def _check_form(answer: Field) -> None:
    """Refuse what speaks of accounts, or in v1 of amounts in coins."""
    listed = answer.get("transactions")
    rows = [] if listed is None else [row for row in listed.items() if isinstance(row.value, dict)]
    for item in (answer, *rows):
        for name in _OF_ACCOUNTS:
            if item.get(name) is not None:
                message = f"{item.what} speaks of accounts, not of outputs: it has {item[name].named}"
                raise SchemaMismatch(message, hint=_ASK_OTHERS)
        for name in _OF_V1:
            if item.get(name) is not None:
                message = (
                    f"{item.what} is in the old form v1, with amounts in coins: it has {item[name].named}"
                )
                raise SchemaMismatch(message, hint="give the base URL that ends in /api/v2")


def _tip(chain: str, _asked: Sequence[str], answer: Field) -> list[Fact]:
    state = answer["blockbook"]
    if state["decimals"].integer(0, 30) != _DECIMALS:
        message = (
            f"{state.what} speaks of accounts, not of outputs: it has {state['decimals'].value} decimals"
        )
        raise SchemaMismatch(message, hint=_ASK_OTHERS)
    height = state["bestHeight"].integer(0, MAX_HEIGHT)
    is_building = state.get("initialSync")
    if is_building is not None and is_building.flag():
        raise BadResponse(
            f"{state.what}: the server is still building its index and has come to block {height:,}",
            hint="its histories are not complete yet; go on later, or ask another source",
        )
    return [Tip(chain, height)]


def _claim(chain: str, asked: Sequence[str], answer: Field) -> list[Fact]:
    address = address_asked(answer, asked[0], chain).address
    count, unconfirmed = (answer[name].integer(0, MAX_COUNT) for name in ("txs", "unconfirmedTxs"))
    return [AddressClaim(chain, address, count, unconfirmed)]


def _history(chain: str, asked: Sequence[str], answer: Field) -> list[Fact]:
    """Read one page. Asked for a page beyond the last, Blockbook gives the last one again: nothing new."""
    (claim,), number = _claim(chain, asked, answer), int(asked[1])
    wanted, after = address_asked(answer, asked[0], chain), "" if number == 1 else str(number)
    page, pages = answer["page"].integer(1, MAX_COUNT), answer["totalPages"].integer(1, MAX_COUNT)
    if page == pages < number:
        return [claim, Listing(chain, wanted.address, after, (), complete=True)]
    if page != number or pages < page:
        raise ProofFailed(f"{answer.what} is page {page} of {pages}, not {number}", hint=REJECTED)
    listed = answer.get("transactions")
    if listed is None and (answer["txs"].value or answer["unconfirmedTxs"].value):
        listed = answer["transactions"]  # left out only where there is nothing to list
    read = [] if listed is None else [read_transaction(chain, row) for row in listed.items()]
    txids = tuple(one.txid for one in read)
    check_once(answer.what, txids)
    for one in read:
        check_touches(answer.what, one.txid, one.touched, wanted.script, chain)
    hiding = sum(one.record is None for one in read)
    reason = "" if number == pages else f"page {number} of {pages}, older ones follow"
    if hiding:
        reason = (
            f"truncated: {hiding} transactions on page {number} of {pages} hide amounts and cannot be read"
        )
    following = "" if number == pages else str(number + 1)
    listing = Listing(chain, wanted.address, after, txids, complete=not reason, reason=reason, next=following)
    return [claim, listing, *(one.record for one in read if one.record), *_spends(answer.what, read)]


def _one_transaction(chain: str, asked: Sequence[str], answer: Field) -> list[Fact]:
    one = read_transaction(chain, answer)
    check_asked(answer.what, one.txid, asked[0])
    if one.record is None:
        raise ProofFailed(
            f"{answer.what}: {one.txid} hides amounts: what is visible of it does not add up",
            hint="its visible part is in the archived reply; the rest nobody can follow",
        )
    return [one.record, *_spends(answer.what, [one])]


def _spends(what: str, read: Sequence[Transaction]) -> list[SpendRecord]:
    """Return what is stated of outputs, compared with who spends them among the transactions beside.

    Blockbook calls an output spent only once a block holds the spender: an unconfirmed one beside it, which
    spends the output, says more than that “unspent”.
    """
    spenders = {given.outpoint: one.txid for one in read if one.record for given in one.record.inputs}
    spends = [spend for one in read for spend in one.spends]
    for spend in spends:
        known = spenders.get(spend.outpoint)
        if spend.spent_by is not None and known not in (None, spend.spent_by):
            raise ProofFailed(
                f"{what}: {spend.outpoint} is stated as spent by {spend.spent_by}, but {known} spends it",
                hint=REJECTED,
            )
    check_spends(what, spends)
    return [spend for spend in spends if spend.spent_by is not None or spend.outpoint not in spenders]


_ADDRESS = "/address/(?P<subject>[0-9A-Za-z:]+)"
_ROUTES = Routes(
    "Blockbook",
    {
        r"/": _tip,
        rf"{_ADDRESS}\?details=basic": _claim,
        rf"{_ADDRESS}\?details=txs&page=([1-9][0-9]{{0,8}})&pageSize={PAGE}": _history,
        rf"/tx/{TXID}(?:\?spending=true)?": _one_transaction,
    },
)
subject_of = _ROUTES.subject_of
