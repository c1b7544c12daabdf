"""What the report says of disputes: both statements in the words of people, and who stated which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from chainflow import addresses, units
from chainflow.ledger import Ledger
from chainflow.ledger.counting import What
from chainflow.ledger.placing import Place
from chainflow.model import (
    Evidence,
    Fact,
    OutputRecord,
    SpendRecord,
    TokenRecord,
    TransferKind,
    TransferRecord,
    TxOutline,
    TxRecord,
    digest_of,
)
from chainflow.report.accounts import tokens_of, transfer_cells
from chainflow.transfers import OF_FAILED

__all__ = ["Disputed", "Statement", "Statements", "dispute_rows", "of_disputes", "stated_txs", "who"]

Statements = Sequence[tuple[Fact, Evidence]]

_Said = dict[tuple[str, str, str, str], tuple[str, dict[Evidence, None]]]
"""(chain, transaction or token, field, the ledger's word) → the word for people, and who stated it."""


class Disputed(NamedTuple):
    """A row of the table of disputes; `believed` is "neither" or says which and why."""

    subject: str
    field: str
    one: str
    one_by: str
    other: str
    other_by: str
    why: str
    is_excluded: bool


class Statement(NamedTuple):
    """What one reply, or several alike, state of one transaction."""

    by: str
    cells: dict[str, Any]


def of_disputes(ledger: Ledger, statements: Iterable[tuple[Fact, Evidence]]) -> list[tuple[Fact, Evidence]]:
    """Return those statements that are about what is in dispute."""
    columns = (ledger.disputes[name].to_pylist() for name in ("chain", "txid"))
    wanted = set(zip(*columns, strict=True))
    if not wanted:
        return []
    return [(fact, origin) for fact, origin in statements if (fact.chain, _subject(fact)) in wanted]


def _subject(fact: Fact) -> str:
    if isinstance(fact, SpendRecord):
        return fact.outpoint.txid
    if isinstance(fact, TokenRecord):
        return fact.contract
    return fact.txid if isinstance(fact, TxRecord | TxOutline | TransferRecord) else ""


def who(origins: Iterable[Evidence]) -> str:
    """Return who made a statement, with the numbers of the log entries: files by their names."""
    by: dict[str, list[int]] = {}
    for origin in origins:
        by.setdefault(origin.source, []).append(origin.seq)
    return "; ".join(
        f"{source} (log {', '.join(map(str, sorted(set(numbers))))})" for source, numbers in by.items()
    )


def dispute_rows(ledger: Ledger, statements: Statements) -> Iterator[Disputed]:
    """Yield the disputes; of a statement that no reply makes word for word nobody is named."""
    said = _said(ledger, statements)
    for row in ledger.disputes.to_pylist():
        key = (row["chain"], row["txid"], row["field"])
        sides = [said.get((*key, row[name]), (_plain(row["field"], row[name]), {})) for name in _SIDES]
        (one, first), (other, second) = sides
        yield Disputed(
            row["txid"],
            _field(row["field"]),
            one,
            who(first),
            other,
            who(second),
            row["why"],
            row["is_excluded"],
        )


_SIDES = ("used", "refused")


def _field(name: str) -> str:
    kind, found, _ = name.partition(" outcome of ")
    return f"{kind} outcome" if found else name


def _plain(field: str, text: str) -> str:
    return units.format_time(int(text)) if field == "time" and text.isdigit() else text or "not told"


def _said(ledger: Ledger, statements: Statements) -> _Said:
    found: _Said = {}
    tokens = tokens_of(ledger)
    for fact, origin in statements:
        for field, text, shown in _words(fact, tokens):
            key = (fact.chain, _subject(fact), field, text)
            found.setdefault(key, (shown, {}))[1][origin] = None
    return found


def _words(fact: Fact, tokens: Mapping[tuple[str, str], dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield (field of a dispute, how the ledger words it, how people do) for all that a fact states."""
    match fact:
        case TxRecord():
            points = tuple(given.outpoint for given in fact.inputs)
            shown = f"{len(points):,} in; out: {_outputs(fact.outputs, fact.chain)}"
            # as the ledger words contents, which are too long for a column: by their digest
            yield "inputs and outputs", digest_of([str(fact.outputs), str(points)]), shown
            yield "outputs", digest_of(str(fact.outputs)), shown
            for given in fact.inputs:
                if given.prevout is not None:
                    words = _output(given.prevout, fact.chain)
                    yield f"prevout {given.outpoint}", str(given.prevout), words
        case TxOutline() if fact.outputs is not None:
            yield "outputs", digest_of(str(fact.outputs)), _outputs(fact.outputs, fact.chain)
        case TransferRecord():
            yield from _transfer_words(fact, tokens)
        case TokenRecord():
            for name in ("symbol", "name", "decimals"):
                yield f"{name} of the token", str(getattr(fact, name)), str(getattr(fact, name))
    if isinstance(fact, TxRecord | TxOutline | TransferRecord):
        place = Place(fact.height, fact.block_hash, fact.time, fact.position)
        height = "" if place.height is None else f"block {place.height:,}"
        yield (
            "block",
            str(place),
            f"{height} ({place.block_hash})" if place.block_hash else height or str(place),
        )
        yield "time", str(place.time), units.format_time(place.time)
        yield "position", str(place.position), str(place.position)


def _transfer_words(
    fact: TransferRecord, tokens: Mapping[tuple[str, str], dict[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    what = What(*(getattr(fact, name) for name in What._fields))
    cells = transfer_cells(_row(fact), tokens)
    parties = f"from {fact.sender or 'nobody'} to {fact.recipient or 'nobody'}"
    yield str(fact.kind), str(what), f"{cells['amount']} {parties}"
    is_of_failed = fact.kind is TransferKind.FEE and OF_FAILED in fact.marks
    if is_of_failed or fact.ok is not None:
        outcome = "failed" if is_of_failed or fact.ok is False else "succeeded"
        if fact.kind is not TransferKind.FEE or is_of_failed:
            yield "outcome", outcome, outcome
        yield f"{fact.kind} outcome of {what}", outcome, outcome


def _row(fact: TransferRecord) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in ("chain", "contract", "token_id", "stated_raw", "ok")}


def _output(output: OutputRecord, chain: str) -> str:
    script = bytes.fromhex(output.script)
    address = addresses.address_of(script, chain) or f"script:{output.script}"
    return f"{units.format_coins(output.value_sat, chain)} to {address}"


_MOST = 5
"""Outputs of one statement that are written out."""


def _outputs(outputs: Sequence[OutputRecord], chain: str) -> str:
    more = f" and {len(outputs) - _MOST:,} more" if len(outputs) > _MOST else ""
    return ", ".join(_output(output, chain) for output in outputs[:_MOST]) + more


def stated_txs(ledger: Ledger, statements: Statements) -> dict[tuple[str, str], list[Statement]]:
    """Map each disputed transaction to what every reply states of it, each row one statement, never a mixture."""
    tokens = tokens_of(ledger)
    rows: dict[tuple[str, str], dict[tuple[Any, ...], tuple[dict[str, Any], dict[Evidence, None]]]] = {}
    for fact, origin in statements:
        if (
            isinstance(fact, TxRecord | TxOutline | TransferRecord)
            and (fact.chain, fact.txid) in ledger.disputed
        ):
            cells = _transfer(fact, tokens) if isinstance(fact, TransferRecord) else _tx(fact)
            of = rows.setdefault((fact.chain, fact.txid), {})
            of.setdefault(tuple(cells.values()), (cells, {}))[1][origin] = None
    return {key: [Statement(who(by), cells) for cells, by in of.values()] for key, of in rows.items()}


def _block(fact: TxRecord | TxOutline | TransferRecord) -> dict[str, Any]:
    told = fact.block_hash or "not told"
    is_open = not isinstance(fact, TransferRecord) and fact.is_placed and fact.height is None
    height = "unconfirmed" if is_open else told if fact.height is None else f"{fact.height}"
    return {"block": height, "time": units.format_time(fact.time)}


def _tx(fact: TxRecord | TxOutline) -> dict[str, Any]:
    outputs = fact.outputs
    paid = None if outputs is None else sum(output.value_sat for output in outputs)
    if isinstance(fact, TxRecord):
        spent = [None if given.prevout is None else given.prevout.value_sat for given in fact.inputs]
    else:
        spent = [None] if fact.prevouts is None else [output.value_sat for output in fact.prevouts]
    known = [value for value in spent if value is not None]
    is_known = paid is not None and len(known) == len(spent) and known
    return {
        "kind": "tx",
        **_block(fact),
        "paid": "not told" if paid is None else units.format_coins(paid, fact.chain),
        "fee": units.format_coins(sum(known) - (paid or 0), fact.chain) if is_known else "not told",
    }


def _transfer(fact: TransferRecord, tokens: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    shown = transfer_cells(_row(fact), tokens)
    return {
        "kind": str(fact.kind),
        **_block(fact),
        "sender": fact.sender or "nobody",
        "recipient": fact.recipient or "nobody",
        "amount": shown["amount"],
        "asset": shown["asset"],
        "notes": "; ".join(filter(None, (shown["outcome"], *fact.marks))),
    }
