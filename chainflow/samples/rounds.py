"""Transactions of several owners, made up after what the software that makes them does: who joins whom is known."""

from __future__ import annotations

from collections.abc import Sequence

from chainflow.samples.make import Coin
from chainflow.samples.town import Town

__all__ = ["POOL_SAT", "joinmarket", "payjoin", "pool_entry", "wabisabi", "whirlpool"]

_MAKER_FEE_SAT = 2_000
POOL_SAT = 1_000_000
"""What a coin of the pool is worth."""
_POOL_FEE_SAT, _MINER_SAT = 50_000, 300
_DENOMINATIONS = tuple(figure * 10**power for power in (7, 6, 5, 4) for figure in (5, 2, 1))


def joinmarket(town: Town, owners: Sequence[str], value: int) -> str:
    """Join one coin of each owner: equal outputs, each its change; the first pays the others and the miner."""
    coins = {owner: _enough(town, owner, value + 100_000) for owner in owners}
    spent = [coin for coin in coins.values() if coin is not None]
    if len(spent) < len(owners):
        return ""
    outputs = []
    for number, coin in enumerate(spent):
        owner = owners[number]
        fee = 15_000 + _MAKER_FEE_SAT * (len(owners) - 1) if number == 0 else -_MAKER_FEE_SAT
        outputs += [
            (town.address(owner, "mix"), value),
            (town.address(owner, "change"), coin.value_sat - value - fee),
        ]
    return town.write(spent, town.shuffled(outputs))


def pool_entry(town: Town, owner: str, coordinator: str, *, shares: int = 2) -> str:
    """Split a coin into shares for a Whirlpool pool, with the pool's fee and change: a Tx0, of one owner."""
    due = shares * (POOL_SAT + _MINER_SAT) + _POOL_FEE_SAT
    coin = _enough(town, owner, due + 60_000)
    if coin is None:
        return ""
    outputs = [(town.address(owner, "mix"), POOL_SAT + _MINER_SAT) for _ in range(shares)]
    outputs.append((town.address(coordinator), _POOL_FEE_SAT))
    outputs.append((town.address(owner, "change"), coin.value_sat - due - 5_000))
    return town.write([coin], outputs, note=f"made up: entry {town.draw(10**6, 10**7)}")


def whirlpool(town: Town, owners: Sequence[str]) -> str:
    """Mix five coins of five owners into five of the pool's value; one or more came out of it before."""
    shares = (POOL_SAT, POOL_SAT + _MINER_SAT)
    spent = []
    for owner in owners:
        held = [coin for coin in town.purses[owner] if coin.value_sat in shares]
        # one who remixes, at least, and up to four who are new: the new ones pay the miner
        spent += sorted(held, key=lambda coin: (coin.value_sat, coin.txid, coin.outpoint.vout))[:1]
    new = sum(coin.value_sat != POOL_SAT for coin in spent)
    if len(spent) != 5 or not 1 <= new <= 4:
        return ""
    return town.write(
        spent, town.shuffled((town.address(town.owner_of(c.address), "mix"), POOL_SAT) for c in spent)
    )


def wabisabi(town: Town, owners: Sequence[str], *, inputs: int = 3) -> str:
    """Join up to `inputs` coins of each owner, paid out in standard amounts and one odd rest each."""
    spent: list[Coin] = []
    outputs: list[tuple[str, int]] = []
    for owner in owners:
        coins = sorted(town.purses[owner], key=lambda c: (c.value_sat, c.txid, c.outpoint.vout))[:inputs]
        left = sum(coin.value_sat for coin in coins) - 3_000 * len(coins)
        spent += coins
        for value in _DENOMINATIONS:
            for _ in range(min(left // value, 4)):
                outputs.append((town.address(owner, "mix"), value))
                left -= value
        if left >= 5_000:
            outputs.append((town.address(owner, "change"), left))
    spent.sort(key=lambda coin: (-coin.value_sat, coin.txid))
    return town.write(spent, sorted(outputs, key=lambda output: -output[1])) if len(spent) >= 20 else ""


def payjoin(town: Town, payer: str, payee: str, value: int) -> str:
    """Pay with a coin of the payee among the inputs (BIP78): two owners, two outputs."""
    coin, own = _enough(town, payer, value + 20_000), _enough(town, payee, 10_000)
    if coin is None or own is None:
        return ""
    rest = coin.value_sat - value - 6_000
    outputs = [(town.address(payee), own.value_sat + value), (town.address(payer, "change"), rest)]
    return town.write([coin, own], town.shuffled(outputs))


def _enough(town: Town, owner: str, value: int) -> Coin | None:
    """Return the smallest coin of an owner that is worth `value` or more."""
    held = [coin for coin in town.purses[owner] if coin.value_sat >= value]
    return min(held, key=lambda coin: (coin.value_sat, coin.txid, coin.outpoint.vout), default=None)
