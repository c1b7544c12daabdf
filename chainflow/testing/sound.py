"""What is true of every fact that any source may state, whatever the reply: the rules, one by one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from chainflow.errors import ChainflowError
from chainflow.evidence.facts import decode, encode
from chainflow.model import (
    Fact,
    Listing,
    SpendRecord,
    TransferKind,
    TransferRecord,
    TxOutline,
    TxRecord,
    canonical_json,
)
from chainflow.networks import EVM
from chainflow.units import max_money_sat
from chainflow.wire import parse_transaction

__all__ = ["measured", "unsound"]


def unsound(chain: str, facts: Iterable[object]) -> Iterator[str]:
    """Yield what no fact may be: each text names the fact and what is wrong with it."""
    for fact in facts:
        if not isinstance(fact, Fact):
            yield f"{type(fact).__name__} is no fact"
            continue
        name = f"{type(fact).__name__} {getattr(fact, 'txid', '') or getattr(fact, 'address', '')}".strip()
        if fact.chain != chain:
            yield f"{name} is of {fact.chain}, not of {chain}"
        yield from (f"{name}: {why}" for why in _not_kept(fact))
        match fact:
            case TxRecord():
                yield from (f"{name}: {why}" for why in _wrong_transaction(fact))
            case TransferRecord():
                yield from (f"{name}: {why}" for why in _wrong_transfer(fact))
            case Listing():
                yield from (f"{name}: {why}" for why in _wrong_listing(fact))


def _not_kept(fact: Fact) -> Iterator[str]:
    """Yield where a fact would not come out of a case as it went in."""
    try:
        kind, chain, subject, content = encode(fact)
        again = decode((kind, chain, subject, json.loads(canonical_json(content), parse_float=_no_float)))
    except (ValueError, TypeError, KeyError, AttributeError, ChainflowError) as error:
        yield f"it cannot be kept in a case: {type(error).__name__}: {error}"
        return
    if again != fact:
        yield "it comes out of a case as another fact"


def _no_float(text: str) -> Any:
    raise ValueError(f"a float: {text}")


def _wrong_transaction(tx: TxRecord) -> Iterator[str]:
    most = max_money_sat(tx.chain)
    spent = [given.prevout for given in tx.inputs if given.prevout is not None]
    if wrong := [out.value_sat for out in (*tx.outputs, *spent) if not 0 <= out.value_sat <= most]:
        yield f"an amount that there cannot be: {wrong[0]:,}"
    if tx.fee_sat is not None and tx.fee_sat < 0:
        yield f"it pays {-tx.fee_sat:,} more than it spends"
    if tx.is_coinbase and tx.inputs:
        yield "a coinbase that spends something"
    if tx.raw is None:
        return
    built = parse_transaction(tx.raw)
    if built.txid != tx.txid:
        yield f"its bytes hash to {built.txid}"
    if [(out.value_sat, out.script.hex()) for out in built.outputs] != [
        (out.value_sat, out.script) for out in tx.outputs
    ]:
        yield "its outputs are not those of its bytes"
    stated = [(given.outpoint.txid, given.outpoint.vout) for given in tx.inputs]
    if not tx.is_coinbase and stated != [(given.txid, given.vout) for given in built.inputs]:
        yield "its inputs are not those of its bytes"


def _wrong_transfer(move: TransferRecord) -> Iterator[str]:
    if type(move.value_raw) is not int or type(move.stated_raw) is not int:
        yield "an amount that is no whole number"
        return
    if move.value_raw < 0 or move.stated_raw < 0:
        yield "a negative amount"
    if move.ok is False and move.value_raw != 0:
        yield "it failed and moved something"
    if move.ok is not False and move.value_raw != move.stated_raw:
        yield "it moved another amount than is stated, and did not fail"
    if move.kind == TransferKind.FEE and move.recipient is not None:
        yield "a fee that is paid to somebody"
    names = (move.contract, move.sender, move.recipient)
    if move.chain in EVM and any(name is not None and name != name.lower() for name in names):
        yield "an address that is not in lower case"


def _wrong_listing(page: Listing) -> Iterator[str]:
    if page.complete == bool(page.reason):
        yield "a page is complete, or has a reason why not"
    if page.next and page.next == page.after:
        yield "the cursor of the next page leads back to this one"
    if len(set(page.txids)) < len(page.txids):
        yield "a transaction is listed twice"


def measured(facts: Iterable[Fact]) -> dict[str, Counter[tuple[object, ...]]]:
    """Return what must never be another because a reply was damaged: amounts, txids, completeness."""
    found: dict[str, Counter[tuple[object, ...]]] = {
        name: Counter() for name in ("amounts", "txids", "complete", "other")
    }
    for fact in facts:
        txid = getattr(fact, "txid", None)
        found["other"][fact,] += 1
        if txid is not None:
            found["txids"][txid,] += 1
        match fact:
            case TxRecord():
                spent = tuple(None if one.prevout is None else one.prevout.value_sat for one in fact.inputs)
                found["amounts"][txid, spent, tuple(made.value_sat for made in fact.outputs)] += 1
            case TxOutline():
                for which, outs in (("spent", fact.prevouts), ("made", fact.outputs)):
                    values = None if outs is None else tuple(output.value_sat for output in outs)
                    found["amounts"][txid, which, values] += 1
            case TransferRecord():
                moved = (fact.kind, fact.contract, fact.token_id, fact.sender, fact.recipient)
                found["amounts"][txid, moved, fact.value_raw, fact.stated_raw] += 1
            case SpendRecord():
                found["txids"][fact.outpoint, fact.spent_by, fact.spent_vin] += 1
            case Listing():
                found["txids"].update((fact.which, listed) for listed in fact.txids)
                found["complete"][fact.address, fact.which, fact.after, fact.complete] += 1
    return found
