"""One CoinJoin day: a small made-up chain on which joint transactions of one day merge many wallets."""

from __future__ import annotations

from dataclasses import dataclass

from chainflow import cards
from chainflow.samples import rounds as joint
from chainflow.samples.rounds import POOL_SAT
from chainflow.samples.town import Town
from chainflow.samples.wallets import Simulation, truth_of

__all__ = ["CoinJoinDay", "coinjoin_day"]

MIXERS = ("Ann", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gita", "Hugo", "Ida", "Jan")
EXCHANGE, SHOP, MINER, POOL = "Exchange", "Shop", "Miner", "Mixing service"
_OTHERS = {
    "Kim": "legacy",
    "Lou": "taproot",
    EXCHANGE: "service",
    SHOP: "node",
    MINER: "legacy",
    POOL: "node",
}
_ROUND = MIXERS[3:9]
"""Who takes part in the largest of the mixes."""
_DAY = 144
"""Blocks in a day."""

_WEEKS = 18
"""How often everybody is paid and pays somebody before the day."""


@dataclass(frozen=True, slots=True, repr=False)
class CoinJoinDay(Simulation):
    """A made-up chain with its truth, and the heights between which the owners acted together.

    Attributes
    ----------
    before, after : int
        The last block before the day, and the last of the day.
    """

    before: int
    after: int

    def __repr__(self) -> str:
        return f"<CoinJoinDay {self.ledger!r}, {self.truth!r}, blocks {self.before + 1:,} to {self.after:,}>"

    def _repr_html_(self) -> str:
        kinds = list(self.joint.values())
        several = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
        rows = [
            ("transactions", f"{len(self.ledger):,}"),
            ("addresses", f"{len(self.truth):,} of {len(set(self.truth.owners.values()))} owners"),
            ("the day", f"blocks {self.before + 1:,} to {self.after:,}"),
            ("made by several owners", several),
        ]
        return cards.card("One CoinJoin day", rows, note="Made up: on btc-regtest, nobody's real habits.")


def coinjoin_day(seed: int = 1) -> CoinJoinDay:
    """Return a simulated chain of ten people who mix on one day, two who do not, an exchange and a shop.

    Each of the ten is paid at one address of their own, over and over, and spends from it together with
    change: by the day common input knows most of each wallet. On the day the ten make three CoinJoins that
    overlap and one in a pool, and one of them pays the shop by PayJoin. Then life goes on.

    Parameters
    ----------
    seed : int
        Another seed gives other addresses, amounts and fees, the same story.

    Examples
    --------
    >>> day = coinjoin_day()
    >>> day.ledger.chain, sorted(set(day.joint.values()))
    ('btc-regtest', ['joinmarket', 'payjoin', 'wabisabi', 'whirlpool'])
    """
    town = Town("One CoinJoin day", seed, dict.fromkeys(MIXERS, "light") | _OTHERS)
    story = _Story(town)
    story.begin()
    for number in range(_WEEKS):
        story.live(number)
    story.prepare()
    town.maker.skip(_DAY)
    before = town.maker.height
    town.maker.skip(1)
    found = story.mix()
    after = town.maker.height
    town.maker.skip(_DAY)
    for number in range(4):
        story.live(number)
    ledger = town.maker.ledger()
    truth = truth_of(town, ledger, f"one CoinJoin day, seed {seed}")
    return CoinJoinDay(ledger, truth, found, before, after)


class _Story:
    def __init__(self, town: Town) -> None:
        self.town = town
        self.people = (*MIXERS, "Kim", "Lou")
        self.homes = {person: town.address(person) for person in self.people}
        self.deposits = {person: town.address(EXCHANGE, "deposit") for person in self.people}
        self.hot = town.address(EXCHANGE, "hot")

    def begin(self) -> None:
        """Mine, sell to the exchange, and pay first wages."""
        for _ in range(8):
            self.town.mine(MINER)
        self.town.maker.skip(100)
        self.town.merge(MINER, self.hot)
        # what a mix needs that has been through one before
        self.town.pay(EXCHANGE, {self.town.address(POOL, "mix"): POOL_SAT})
        self.pay_wages(6_000_000, 30_000_000)

    def pay_wages(self, low: int, high: int) -> None:
        """Pay everybody at the address that is theirs."""
        self._pay_out({home: self.town.amount(low, high) for home in self.homes.values()})

    def _pay_out(self, payments: dict[str, int]) -> None:
        hot = [coin for coin in self.town.purses[EXCHANGE] if coin.address == self.hot]
        self.town.pay(EXCHANGE, payments, coins=hot)

    def live(self, number: int) -> None:
        """Let everybody pay somebody, mostly with more than one coin; the exchange gathers its deposits."""
        town = self.town
        self.pay_wages(6_000_000, 30_000_000)
        for place, person in enumerate(self.people):
            other = self.homes[self.people[(place + number + 1) % len(self.people)]]
            to = (town.address(SHOP), self.deposits[person], other)[(place + number) % 3]
            self._pay(person, to)
        if number % 3 == 2:
            town.merge(EXCHANGE, self.hot, coins=[c for c in town.purses[EXCHANGE] if c.address != self.hot])

    def _pay(self, person: str, to: str) -> None:
        """Pay a little from the smallest coin, or more than the larger of two coins is worth."""
        town = self.town
        coins = sorted(town.purses[person], key=lambda coin: (coin.value_sat, coin.txid, coin.outpoint.vout))
        wages = [coin for coin in reversed(coins) if coin.address == self.homes[person]]
        change = [coin for coin in reversed(coins) if coin not in wages and coin.value_sat > 3_000_000]
        pair = [*wages[:1], *change[:1], *wages[1:]][:2]
        if len(pair) < 2 or town.draw(1, 4) == 1:
            town.pay(person, {to: town.amount(50_000, 1_500_000)}, coins=coins[:1])
            return
        small, large = sorted(coin.value_sat for coin in pair)
        town.pay(person, {to: large + town.draw(small // 5, small // 2)}, coins=pair)

    def prepare(self) -> None:
        """Let everybody gather their change, and give those who will mix coins that suit."""
        town = self.town
        self.pay_wages(6_000_000, 30_000_000)
        for person in self.people:
            town.merge(person, self.homes[person])
        for _ in range(3):
            self.pay_wages(14_000_000, 16_000_000)
            self._pay_out({town.address(person): town.draw(3_000_000, 4_900_000) for person in _ROUND})

    def mix(self) -> dict[str, str]:
        """Play the day: txid → kind of every transaction of several owners."""
        town, found = self.town, dict[str, str]()
        found[joint.joinmarket(town, MIXERS[:5], 5_000_000)] = "joinmarket"
        found[joint.wabisabi(town, _ROUND, inputs=4)] = "wabisabi"
        found[joint.joinmarket(town, (*MIXERS[:2], *MIXERS[7:]), 12_000_000)] = "joinmarket"
        for owner in MIXERS[:4]:
            joint.pool_entry(town, owner, POOL)
        found[joint.whirlpool(town, (POOL, *MIXERS[:4]))] = "whirlpool"
        found[joint.payjoin(town, MIXERS[-1], SHOP, 13_000_000)] = "payjoin"
        return found
