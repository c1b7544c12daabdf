"""What each address has, per asset, and how far that is known; sums of exact integers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from chainflow.ledger.coverage import HISTORY
from chainflow.model import SpendState, TransferKind
from chainflow.networks import is_account_chain, network_of
from chainflow.units import ticker

if TYPE_CHECKING:
    from chainflow.ledger.ledger import Ledger

__all__ = ["NOT_ASKED", "balances", "tokens_of"]

Holding = tuple[str, str, str | None]
"""(chain, address, contract)"""

NOT_ASKED = "history not asked"
"""How far a row is known where no source was asked for the list that it would be in."""

_CREDITED = {
    "eth": ("withdrawals", "rewards"),
    "eth-sepolia": ("withdrawals", "rewards"),
    "gnosis": ("rewards",),
}
"""Chains whose blocks give coins to addresses without a transaction → the lists that hold it."""

_EXACT = Context(prec=120)


class _Part(NamedTuple):
    """What one output or transfer adds to one row."""

    received: int = 0
    sent: int = 0
    fee: int = 0
    unknown: int = 0
    txid: str = ""  # where what is known of the transaction matters
    is_disputed: bool = False
    is_single: bool = False  # a piece that is one of its kind


@dataclass(slots=True)
class _Sums:
    received: int = 0
    sent: int = 0
    fee: int = 0
    unknown: int = 0
    disputed: set[str] = field(default_factory=set)
    txids: set[str] = field(default_factory=set)
    is_single: bool = False


def balances(ledger: Ledger) -> pd.DataFrame:
    """Return the sums of every address; see `Ledger.balances`."""
    sums: dict[Holding, _Sums] = {}
    for place, part in _utxo(ledger):
        _add(sums.setdefault(place, _Sums()), part)
    for place, part in _accounts(ledger):
        _add(sums.setdefault(place, _Sums()), part)
    tokens, asked = tokens_of(ledger), _Asked.of(ledger)
    rows = [
        _row(place, one, tokens, asked.known(place, one))
        for place, one in sorted(sums.items(), key=lambda item: (item[0][0], item[0][1], item[0][2] or ""))
    ]
    names = [
        "chain",
        "address",
        "contract",
        "received_raw",
        "sent_raw",
        "fee_raw",
        "balance_raw",
        "unknown_raw",
        "symbol",
        "decimals",
        "balance",
        "disputed_txs",
        "known",
    ]
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    frame.attrs["disputed"] = sorted(txid for _, txid in ledger.disputed)
    return frame


def _add(total: _Sums, part: _Part) -> None:
    total.received += part.received
    total.sent += part.sent
    total.fee += part.fee
    total.unknown += part.unknown
    if part.txid:
        (total.disputed if part.is_disputed else total.txids).add(part.txid)
    total.is_single |= part.is_single


def _row(
    place: Holding, one: _Sums, tokens: dict[tuple[str, str], tuple[str, int | None]], known: str
) -> tuple[object, ...]:
    chain, _, contract = place
    left = one.received - one.sent - one.fee
    symbol, decimals = tokens.get((chain, contract), ("", None)) if contract else _coin(chain)
    decimals = None if one.is_single else decimals
    coins = None if decimals is None else _EXACT.scaleb(Decimal(left), -decimals)
    told = (symbol, decimals, coins, len(one.disputed), known)
    return (*place, one.received, one.sent, one.fee, left, one.unknown, *told)


def _coin(chain: str) -> tuple[str, int | None]:
    own = network_of(chain)
    return ticker(chain), 8 if own is None else own.decimals


def tokens_of(ledger: Ledger) -> dict[tuple[str, str], tuple[str, int | None]]:
    """Map (chain, contract) to what a token calls itself and its decimals, `None` where in dispute."""
    rows = ledger.disputes.select(["chain", "txid", "field"]).to_pylist()
    doubtful = {(row["chain"], row["txid"]) for row in rows if row["field"] == "decimals of the token"}
    return {
        key: (row["symbol"], None if key in doubtful else row["decimals"])
        for row in ledger.tokens.to_pylist()
        for key in [(row["chain"], row["contract"])]
    }


@dataclass(slots=True)
class _Asked:
    """What was asked: by (chain, address) each list with why it is not whole, "" where it is."""

    lists: dict[tuple[str, str], dict[str, str]]

    @classmethod
    def of(cls, ledger: Ledger) -> _Asked:
        """Return it from the coverage; of several sources the one that gave a list whole counts."""
        lists: dict[tuple[str, str], dict[str, str]] = {}
        for row in ledger.coverage_table.to_pylist():
            reason = "" if row["state"] == "complete" else row["reason"] or "not whole"
            for name in _told_by(row["source"].partition(":")[0], row["list"]):
                held = lists.setdefault((row["chain"], row["address"]), {})
                held[name] = reason and held.get(name, reason)
        return cls(lists)

    def known(self, place: Holding, one: _Sums) -> str:
        """Return how far the sums of one row are known: `complete`, `partial: why`, or not asked."""
        chain, address, contract = place
        lists = self.lists.get((chain, address), {})
        needed = _needed(chain, contract, is_single=one.is_single)
        if not any(name in lists for name in needed):
            return NOT_ASKED
        why = [f"{name} not asked" for name in needed if name not in lists]
        why += [f"{name}: {lists[name]}" for name in needed if lists.get(name)]
        if contract is None:  # a node tells the calls inside a transaction for each transaction apart
            dark = sum(bool(self.lists.get((chain, txid), {}).get("internal")) for txid in one.txids)
            why += [f"calls inside {dark:,} transaction(s) not told"] if dark else []
        why += [f"{len(one.disputed):,} transaction(s) in dispute left out"] if one.disputed else []
        return f"partial: {'; '.join(why)}" if why else "complete"


def _told_by(family: str, name: str) -> tuple[str, ...]:
    """Return the lists that one list of a source stands for."""
    if family == "evm" and name == "native":  # a node finds transactions by all that happened inside
        return (name, "internal")
    if family != "etherscan" and name == "token":  # only that family lists pieces of one kind apart
        return (name, "nft", "token1155")
    return (name,)


def _needed(chain: str, contract: str | None, *, is_single: bool) -> tuple[str, ...]:
    """Return the lists in which everything stands that changes a balance."""
    if not is_account_chain(chain):
        return (HISTORY,)
    if contract is None:
        return ("native", "internal", *_CREDITED.get(chain, ()))
    return ("nft", "token1155") if is_single else ("token",)


def _utxo(ledger: Ledger) -> Iterator[tuple[Holding, _Part]]:
    """Yield what each output adds: a fee is paid by nobody in particular on a UTXO chain, it is in `sent`.

    Of an output whose spender is in dispute it is not known whether it is still there.
    """
    index, disputed = ledger.index, ledger.disputed
    spenders = ledger.outputs["spent_by"].to_pylist()
    for row in range(index.n_outputs):
        chain, value = index.output_chains[row], int(index.value[row])
        place = (chain, index.label_of(row), None)
        if (chain, index.outpoint_txids[row]) in disputed:
            yield place, _Part(txid=index.outpoint_txids[row], is_disputed=True)
            continue
        state = SpendState.UNKNOWN if (chain, spenders[row]) in disputed else index.states[row]
        spent = value if state == SpendState.SPENT else 0
        unknown = value if state == SpendState.UNKNOWN else 0
        is_doubted = (chain, spenders[row]) in disputed
        yield place, _Part(value, spent, 0, unknown, spenders[row] if is_doubted else "", is_doubted)


def _accounts(ledger: Ledger) -> Iterator[tuple[Holding, _Part]]:
    """Yield what each transfer adds to its two ends; of an outcome that nobody told the amount is unknown."""
    names = ("chain", "txid", "kind", "contract", "token_id", "sender", "recipient", "value_raw", "ok")
    columns = (ledger.transfers[name].to_pylist() for name in names)
    for chain, txid, kind, contract, token_id, sender, recipient, digits, ok in zip(*columns, strict=True):
        is_single = token_id is not None
        if (chain, txid) in ledger.disputed:
            for party in {sender, recipient} - {None}:
                yield (chain, party, contract), _Part(txid=txid, is_disputed=True, is_single=is_single)
            continue
        value = int(digits)
        unknown = 0 if ok else value
        told: dict[str, Any] = {"unknown": unknown, "txid": txid, "is_single": is_single}
        if sender is not None:
            is_fee = kind == TransferKind.FEE
            paid = (0, 0, value) if is_fee else (0, value, 0)
            yield (chain, sender, contract), _Part(*paid, **told)
        if recipient is not None:
            yield (chain, recipient, contract), _Part(received=value, **told)
