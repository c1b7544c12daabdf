"""What the readers of UTXO explorers share: bytes that hash, sums that balance, names of scripts, refusals.

Pure: no clock, no network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NoReturn

from chainflow.addresses import address_of, decode, derive, is_address, script_type
from chainflow.errors import BadBytes, BadInput, BadResponse, NotFound, ProofFailed, RateLimited
from chainflow.model import InputRecord, Listing, Outpoint, OutputRecord, SpendRecord, TxRecord, is_txid
from chainflow.sources.strict import REJECTED, Field, excerpt
from chainflow.transactions import Transaction
from chainflow.units import max_money_sat
from chainflow.wire import parse_transaction

__all__ = [
    "MAX_COUNT",
    "MAX_HEIGHT",
    "U32",
    "check_address",
    "check_asked",
    "check_balance",
    "check_count",
    "check_name",
    "check_once",
    "check_own_name",
    "check_spends",
    "check_touches",
    "check_txid",
    "checked_offset",
    "checked_txid",
    "decline",
    "names_of",
    "offset_page",
    "record_of",
    "scripts_of",
    "touches",
    "transaction_of",
    "utc_seconds",
]

U32 = 2**32 - 1
MAX_HEIGHT = 2**31 - 1
MAX_COUNT = 10**12

_LIMIT = re.compile(
    r"too many requests|limits? (is |was )?(reached|exceeded)|maximum concurrent|blacklisted", re.IGNORECASE
)


def checked_txid(txid: str) -> str:
    """Return a txid that may stand in a path.

    Raises
    ------
    BadInput
        If it is none.
    """
    if not is_txid(txid):
        raise BadInput(f"not a txid: {txid[:80]!r}", hint="64 lower-case hex digits")
    return txid


def checked_offset(after: str) -> int:
    """Return the number that a cursor is: how many rows came before, or a height; 0 for the first page.

    Raises
    ------
    BadInput
        If it is none.
    """
    if not re.fullmatch(r"[0-9]{0,10}", after, re.ASCII):
        raise BadInput(f"not a cursor: {after[:80]!r}", hint="take it from Listing.next")
    return int(after or "0")


def decline(what: str, status: int, body: bytes, *, limits: Collection[int] = (429,)) -> NoReturn:
    """Raise what a status other than 200 means, or a body that is no answer.

    Parameters
    ----------
    limits : collection of int
        The statuses by which this explorer says that too much was asked.

    Raises
    ------
    RateLimited
        By the status or the words; never an answer, so it must not be kept as one.
    NotFound
        A 404 that is no web page: a dead route answers with one, too.
    BadResponse
        Anything else.
    """
    words = excerpt(body, limit=200)
    if status in limits or (status != 404 and _LIMIT.search(words)):
        raise RateLimited(f"{what} says that too much was asked ({status}: {words})", hint="go on later")
    if status == 404 and body.strip() and not body.lstrip().startswith(b"<"):
        raise NotFound(f"{what} is “not found” ({words})", hint="is it of this chain? ask another source")
    raise BadResponse(
        f"{what} has status {status} ({words}); it was not used",
        hint="a refusal of the server or of a proxy before it; ask another source",
    )


def transaction_of(text: str, txid: str, *, what: str) -> Transaction:
    """Return the transaction that these hex digits are, after hashing it.

    Raises
    ------
    BadResponse
        If they are no transaction of a form that is read here.
    ProofFailed
        If it is another one than `txid`.
    """
    try:
        built = parse_transaction(bytes.fromhex(text))
    except (BadBytes, ValueError) as error:
        why = error.message if isinstance(error, BadBytes) else "not hex digits"
        raise BadResponse(f"{what} gives no bytes of {txid}: {why}", hint=REJECTED) from None
    check_txid(built, txid, what=what)
    return built


def check_txid(built: Transaction, txid: str, *, what: str) -> None:
    """Check that a transaction hashes to the txid under which it was stated."""
    if built.txid != txid:
        raise ProofFailed(
            f"{what}: the transaction stated as {txid} hashes to {built.txid}; its content was altered",
            hint=REJECTED,
        )


def record_of(
    chain: str, built: Transaction, prevouts: Sequence[OutputRecord | None] | None = None, *, what: str
) -> TxRecord:
    """Return the record of a transaction that was rebuilt or read from bytes, without its block.

    Parameters
    ----------
    prevouts : sequence of OutputRecord or None, optional
        The outputs that its inputs spend, in their order; `None` where they are not known.
    """
    most = max_money_sat(chain)
    if any(output.value_sat > most for output in built.outputs):
        raise ProofFailed(f"{what}: {built.txid} pays more than all coins of {chain}", hint=REJECTED)
    known = [None] * len(built.inputs) if prevouts is None else prevouts
    inputs = [
        InputRecord(Outpoint(spent.txid, spent.vout), prevout, spent.sequence)
        for spent, prevout in zip(built.inputs, known, strict=True)
    ]
    return TxRecord(
        chain,
        built.txid,
        () if built.is_coinbase else tuple(inputs),
        tuple(OutputRecord(output.value_sat, output.script.hex()) for output in built.outputs),
        is_coinbase=built.is_coinbase,
        raw=built.serialize(),
        is_placed=False,
    )


def check_balance(what: str, txid: str, *, spent: int, paid: int, fee: int) -> None:
    """Check that inputs minus outputs is the stated fee: a list that was cut does not balance."""
    if spent - paid != fee:
        raise ProofFailed(
            f"{what}: {txid} states a fee of {fee:,}, but inputs − outputs is {spent - paid:,}",
            hint=REJECTED,
        )


def check_count(tx: Field, name: str, stated: str, *, txid: str) -> None:
    """Check that the list `name` is as long as the field `stated` says: zero-valued rows balance, too."""
    count, found = tx[stated].integer(0, MAX_COUNT), len(list(tx[name].items()))
    if count != found:
        raise ProofFailed(
            f"{tx.what}: {txid} has {count:,} {name} by {tx[stated].named}, but {found:,} are listed",
            hint=REJECTED,
        )


def check_address(stated: Field, address: str, chain: str) -> None:
    """Check that an answer is about the address that was asked for, however it writes it."""
    shown = stated.text()
    if not is_address(shown, chain=chain) or decode(shown, chain=chain) != decode(address, chain=chain):
        raise ProofFailed(
            f"{stated.what} is about another address ({excerpt(shown.encode(), limit=100)})", hint=REJECTED
        )


def check_name(stated: Field | None, script: str, chain: str) -> None:
    """Check an address that is stated beside a script; a text that is no address at all says nothing.

    Explorers show bare keys (`p2pk`, `multisig`) under the p2pkh address of the key, which is another
    script: the graph is keyed by script, so that this is only a name.
    """
    if stated is None or not is_address(stated.text()):
        return
    shown = stated.text()
    if not is_address(shown, chain=chain) or decode(shown, chain=chain).script not in names_of(script, chain):
        own = address_of(bytes.fromhex(script), chain)
        raise ProofFailed(
            f"{stated.what}: {stated.named} is {excerpt(shown.encode(), limit=100)}, "
            f"but the script's address is {own}",
            hint=REJECTED,
        )


def check_own_name(stated: Field, script: str, chain: str) -> None:
    """Check an address that is stated beside each script that has one: it must be the script's own.

    Old nodes name the keys of bare multisig and p2pk, and a newer server may know newer forms.
    """
    shown, raw = stated.text(), bytes.fromhex(script)
    own, others = address_of(raw, chain), _chains_of_name(shown, raw)
    if own is None and (script_type(raw) in ("p2pk", "multisig") or not is_address(shown)):
        return
    if own is not None and (shown == own or chain in others):
        return
    wrong_chain = f"; perhaps it speaks of {others[0]}: pass chain={others[0]!r}" if others else ""
    raise ProofFailed(
        f"{stated.what}: {stated.named} is {excerpt(shown.encode('utf-8', 'replace'), limit=100)}, "
        f"but the script's address is {own}",
        hint=REJECTED + wrong_chain,
    )


def _chains_of_name(address: str, script: bytes) -> tuple[str, ...]:
    """Return the chains on which an address names exactly this script."""
    if not is_address(address):
        return ()
    return tuple(other for other in decode(address).chains if decode(address, chain=other).script == script)


def names_of(script: str, chain: str) -> frozenset[bytes]:
    """Return the scripts whose address an explorer may show for `script`: its own, and its keys' p2pkh."""
    raw = bytes.fromhex(script)
    keys = _keys_of(raw) if script_type(raw) in ("p2pk", "multisig") else ()
    hashed = [decode(derive(key, "p2pkh", chain), chain=chain).script for key in keys]
    return frozenset((raw, *hashed))


def _keys_of(script: bytes) -> Iterator[bytes]:
    """Yield the keys of a p2pk or bare multisig script: everything that it pushes."""
    offset = 0
    while offset < len(script):
        size = script[offset]
        if size in (33, 65):
            yield script[offset + 1 : offset + 1 + size]
            offset += size
        offset += 1


def scripts_of(record: TxRecord) -> set[str]:
    """Return every script that a transaction pays or spends from, as far as these are known."""
    spent = {given.prevout.script for given in record.inputs if given.prevout is not None}
    return spent | {output.script for output in record.outputs}


def touches(scripts: Collection[str], wanted: bytes, chain: str) -> bool:
    """Return whether one of the scripts is `wanted`, or may be shown under its address."""
    return any(wanted in names_of(script, chain) for script in scripts)


def check_touches(what: str, txid: str, scripts: Collection[str], wanted: bytes, chain: str) -> None:
    """Check that one of a transaction's scripts is `wanted`, or may be shown under its address."""
    if not touches(scripts, wanted, chain):
        raise ProofFailed(f"{what} lists {txid}, which does not touch it", hint=REJECTED)


def check_asked(what: str, txid: str, asked: str) -> None:
    """Check that an answer is about the transaction that was asked for."""
    if txid != asked:
        raise ProofFailed(f"{what} is another transaction, {txid}", hint=REJECTED)


def check_spends(what: str, spends: Sequence[SpendRecord]) -> None:
    """Check that each input spends one output, and that no transaction spends itself."""
    taken: dict[tuple[str, int], Outpoint] = {}
    for spend in spends:
        if spend.spent_by is None:
            continue
        earlier = spend.outpoint
        if spend.spent_vin is not None:
            earlier = taken.setdefault((spend.spent_by, spend.spent_vin), spend.outpoint)
        if earlier != spend.outpoint or spend.spent_by == spend.outpoint.txid:
            raise ProofFailed(
                f"{what}: {spend.outpoint} cannot be spent by input {spend.spent_vin} of {spend.spent_by}",
                hint=REJECTED,
            )


def utc_seconds(stated: Field, form: re.Pattern[str], *, such_as: str) -> int:
    """Return a time in UTC as Unix seconds; the first group of `form` is its date and time in ISO form."""
    found = form.fullmatch(stated.text())
    try:
        seconds = int(datetime.fromisoformat(f"{found[1]}+00:00").timestamp()) if found else -1
    except ValueError:  # such as 30 February
        seconds = -1
    if not 0 <= seconds <= U32:
        raise stated.refuse(f"a time such as {such_as}")
    return seconds


def check_once(what: str, txids: Sequence[str]) -> None:
    """Check that a page lists each transaction once."""
    repeated = [txid for txid, times in Counter(txids).items() if times > 1]
    if repeated:
        raise ProofFailed(f"{what} lists {repeated[0]} again", hint=REJECTED)


def offset_page(
    chain: str, address: str, after: str, txids: Sequence[str], *, claimed: int, what: str
) -> Listing:
    """Return a page that was asked by offset, from a reply that also says how many rows there are.

    It is the last only if it ends exactly there, or lists nothing beyond it. A page that is empty before
    the claimed end is a refusal, and one that goes beyond it asks for another: a claim may be old.
    """
    check_once(what, txids)
    offset = checked_offset(after)
    reached = offset + len(txids)
    if reached == claimed or (not txids and offset > claimed):
        return Listing(chain, address, after, tuple(txids), complete=True)
    if not txids:
        reason = f"truncated: {offset:,} of {claimed:,} transactions, then an empty page"
        return Listing(chain, address, after, (), complete=False, reason=reason)
    reason = f"{reached:,} of {claimed:,} transactions up to this page"
    return Listing(chain, address, after, tuple(txids), complete=False, reason=reason, next=str(reached))
