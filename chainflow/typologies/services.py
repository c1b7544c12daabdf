"""Deposit addresses that are swept to an exchange (E-1), and look-alike addresses in a history (E-12)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from chainflow.clustering.accounts import DepositReuse, TokenDeposit
from chainflow.clustering.accounts.moves import Bools, Moves, labels_of
from chainflow.tracing.asset import Asset
from chainflow.typologies.hits import Amount, Hit, hit_of, said_amount
from chainflow.typologies.search import Search
from chainflow.units import counted

__all__ = ["address_poisonings", "deposit_sweeps"]

_DUST = 1000
"""A payment of less than this part of the largest genuine one is dust."""


def deposit_sweeps(search: Search) -> Iterator[Hit]:
    """Yield addresses whose receipts are passed on to one of the `exchanges` given.

    On chains of accounts by the rules `deposit-reuse` and `token-deposit`. On chains of outputs: a transaction
    that spends two or more addresses, none of them an exchange's, and pays nobody but exchanges.
    """
    if not search.parameters.exchanges:
        return
    yield from _swept_coins(search)
    if search.payments.ledger.transfers.num_rows:
        yield from _swept_accounts(search)


def _swept_coins(search: Search) -> Iterator[Hit]:
    ledger, known = search.payments.ledger, labels_of(list(search.parameters.exchanges))
    index = ledger.index
    for (chain, txid), number in search.payments.tx_numbers.items():
        row = index.row_of_tx.get((chain, txid), -1)
        if row < 0 or index.is_coinbase[row]:
            continue
        spent, made = index.inputs_of(row).tolist(), index.outputs_of(row).tolist()
        payers = {index.label_of(output) for output in spent}
        payees = {index.label_of(output) for output in made if int(index.value[output])}
        if len(spent) < index.n_inputs[row] or len(payers) < 2 or payers & known or not payees <= known:
            continue
        asset, value = Asset(chain, None), sum(int(index.value[output]) for output in made)
        yield hit_of(
            search.payments,
            "deposit-sweep",
            [number],
            roles={"deposits": sorted(payers), "exchange": sorted(payees)},
            amounts=[Amount("swept", value, str(asset))],
            reading=(
                f"{len(payers):,} addresses were emptied together into {len(payees):,} of the exchange addresses "
                f"given, {said_amount(value, asset)}, {{span}}."
            ),
            against=["a customer who gathers coins to deposit them does the same"],
        )


def _swept_accounts(search: Search) -> Iterator[Hit]:
    exchanges, numbers = search.parameters.exchanges, search.payments.tx_numbers
    found: dict[tuple[str, str, str, str | None], list[dict[str, str]]] = {}
    for rule in (DepositReuse(exchanges), TokenDeposit(exchanges)):
        for match in rule.matches(search.payments.ledger).to_pylist():
            key = (match["chain"], match["deposit"], match["exchange"], match["contract"])
            found.setdefault(key, []).append(match)
    for (chain, deposit, exchange, contract), matches in sorted(found.items(), key=str):
        swept = {one["forward_txid"]: int(one["value_raw"]) - int(one["difference_raw"]) for one in matches}
        txids = {one[name] for one in matches for name in ("user_txid", "forward_txid")}
        users = sorted({one["user"] for one in matches})
        asset, value = Asset(chain, contract), sum(swept.values())
        yield hit_of(
            search.payments,
            "deposit-sweep",
            [numbers[chain, txid] for txid in txids if (chain, txid) in numbers],
            roles={"users": users, "deposits": [deposit], "exchange": [exchange]},
            amounts=[Amount("swept", value, str(asset))],
            reading=(
                f"{deposit} passed {said_amount(value, asset)} of {counted(len(users), 'payer')} on to {exchange} in "
                f"{counted(len(swept), 'transaction')}, {{span}}."
            ),
            against=["an ordinary account that sends what it gets to an exchange does the same"],
        )


class _Seen(Moves):
    """All transfers that a history shows, those of nothing and those that are marked included."""

    @cached_property
    def is_sure(self) -> Bools:
        """Whether it stands in a known block and did not fail."""
        return np.array((self.outcome != 0) & (self.height >= 0), dtype=np.bool_)


def address_poisonings(search: Search) -> Iterator[Hit]:
    """Yield accounts in whose history a look-alike of a known counterparty stands with nothing, dust or another token.

    Look-alikes share the first four and the last four characters (`Moves.is_bait`). Dust is less than a
    thousandth of the largest amount of that token between the account and the counterparty it resembles.
    What the account paid a look-alike otherwise is told beside it.
    """
    if not search.payments.ledger.transfers.num_rows:
        return
    moves = _Seen.of(search.payments.ledger)
    for (own, fake, real), rows in _look_alikes(moves).items():
        genuine = _largest(moves, own, real)
        bait = [row for row in rows if _is_small(moves, row, genuine)]
        paid = [row for row in rows if row not in bait and moves.sender[row] == own]
        bait = [row for row in bait if moves.time[row] >= 0]
        if bait:
            yield _poisoning(search, moves, (own, fake, real), bait, paid)


def _look_alikes(moves: Moves) -> dict[tuple[int, int, int], list[int]]:
    """Return (account, look-alike, the counterparty it looks like) → the transfers with the look-alike."""
    shapes = [address.removeprefix("0x").removeprefix("T") for _, address in moves.names]
    is_bait, first = moves.is_bait, dict[tuple[int, str], int]()
    found: dict[tuple[int, int, int], list[int]] = {}
    for row in np.flatnonzero(moves.is_sure & (moves.sender >= 0) & (moves.recipient >= 0)).tolist():
        ends = int(moves.sender[row]), int(moves.recipient[row])
        for own, other in (ends, ends[::-1]):
            text = shapes[other]
            real = first.setdefault((own, f"{text[:4]}{text[-4:]}"), other)
            if is_bait[row] and real != other:
                found.setdefault((own, other, real), []).append(row)
    return found


def _largest(moves: Moves, own: int, real: int) -> dict[int, int]:
    """Return the largest amount that moved between two accounts, by token."""
    found: dict[int, int] = {}
    there = (moves.sender == own) & (moves.recipient == real)
    for row in np.flatnonzero(there | ((moves.sender == real) & (moves.recipient == own))).tolist():
        contract = int(moves.contract[row])
        found[contract] = max(found.get(contract, 0), int(moves.value[row]))
    return found


def _is_small(moves: Moves, row: int, genuine: dict[int, int]) -> bool:
    known = genuine.get(int(moves.contract[row]), 0)
    return not known or int(moves.value[row]) * _DUST < known


def _poisoning(
    search: Search, moves: Moves, parties: tuple[int, int, int], bait: list[int], paid: list[int]
) -> Hit:
    own, fake, real = (moves.names[party][1] for party in parties)
    sums: dict[str, int] = {}
    for row in paid:
        contract = moves.names[moves.contract[row]][1] if moves.contract[row] >= 0 else None
        asset = str(Asset(moves.names[parties[0]][0], contract))
        sums[asset] = sums.get(asset, 0) + int(moves.value[row])
    more = f" It paid {fake} in {counted(len(paid), 'other transfer')}." if paid else ""
    return hit_of(
        search.payments,
        "address-poisoning",
        [
            search.payments.tx_numbers[moves.txids[moves.tx[row]]]
            for row in (*bait, *paid)
            if moves.time[row] >= 0
        ],
        roles={"account": [own], "look-alike": [fake], "resembles": [real]},
        amounts=[Amount("paid to the look-alike", value, asset) for asset, value in sorted(sums.items())],
        reading=(
            f"{counted(len(bait), 'transfer')} of nothing, dust or another token between {own} and {fake}, which "
            f"looks like {real}, {{span}}.{more}"
        ),
        against=[
            "addresses that one owner chose to look alike, and numbered contracts, do this by themselves",
            "a token's contract can write anybody's name in its log: the account named need not have acted",
        ],
    )
