"""Simulated wallets: a made-up chain on which every address's owner and role are known, to count errors on.

People with ten kinds of wallet software pay each other, a merchant and an exchange; some mix. Pure Python:
the same seed makes the same bytes on every machine. How often a rule is wrong *here* says how it fares
against these habits and this mixture of them, not how often it is wrong on a real chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chainflow import cards
from chainflow.ledger import Ledger
from chainflow.samples import rounds as joint
from chainflow.samples.owners import Truth
from chainflow.samples.rounds import POOL_SAT
from chainflow.samples.town import SOFTWARE, Town

__all__ = ["Simulation", "simulated_wallets", "truth_of"]

EXCHANGE, MERCHANT, PEELER, MINER, POOL = "Exchange", "Merchant", "Peeler", "Miner", "Mixing service"
_SERVICES = {EXCHANGE: "service", MERCHANT: "light", PEELER: "light", MINER: "legacy", POOL: "node"}
_KINDS = tuple(name for name in SOFTWARE if name != "service")
_MIXERS = ("node", "light")  # P2WPKH, version 2: what mixing wallets ask for


@dataclass(frozen=True, slots=True, repr=False)
class Simulation:
    """A made-up chain with its truth.

    Attributes
    ----------
    ledger : Ledger
    truth : Truth
        Owner and role (`receive`, `change`, `deposit`, `hot`) of every address.
    joint : mapping of str to str
        Txid → kind of every transaction that several owners made: `joinmarket`, `wabisabi`, `whirlpool`,
        `payjoin`.
    """

    ledger: Ledger
    truth: Truth
    joint: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<Simulation {self.ledger!r}, {self.truth!r}, {len(self.joint):,} made by several owners>"

    def _repr_html_(self) -> str:
        rows = [("ledger", self.ledger), ("truth", self.truth), ("made by several owners", len(self.joint))]
        return cards.card("Simulated wallets", rows, note="Made up: on btc-regtest, nobody's real habits.")


def simulated_wallets(seed: int = 1, *, rounds: int = 24) -> Simulation:
    """Return a simulated chain of 20 people, an exchange, a merchant, a miner, a peeler, a mixing service.

    Parameters
    ----------
    seed : int
        Another seed gives other addresses, amounts, partners and fees, the same kinds of wallet.
    rounds : int
        How often everybody does something; 24 make about 600 transactions.

    Examples
    --------
    >>> simulation = simulated_wallets(rounds=2)
    >>> len(set(simulation.truth.owners.values())), simulation.ledger.chain
    (25, 'btc-regtest')
    """
    people = {f"{kind} {n}": kind for kind in _KINDS for n in range(1, 4 if kind in _MIXERS else 3)}
    town = Town("Simulated wallets", seed, people | _SERVICES)
    story = _Story(town, tuple(people))
    story.begin()
    for number in range(rounds):
        story.play(number)
    ledger = town.maker.ledger()
    truth = truth_of(town, ledger, f"simulated wallets, seed {seed}, {rounds} rounds")
    return Simulation(ledger, truth, dict(sorted(story.joint.items())))


def truth_of(town: Town, ledger: Ledger, population: str) -> Truth:
    """Return owner and role of every address that a ledger of this town uses."""
    said = {address: name.partition("/") for address, name in town.maker.owners.items()}
    used = [address for address in ledger.outputs["address"].unique().to_pylist() if address in said]
    return Truth(
        owners={address: said[address][0] for address in sorted(used)},
        roles={address: said[address][2] for address in sorted(used)},
        population=population,
        date=ledger.txs["time"].to_pylist()[-1].date().isoformat(),
    )


@dataclass(slots=True)
class _Story:
    town: Town
    people: tuple[str, ...]
    hot: str = ""
    deposits: dict[str, str] = field(default_factory=dict)
    joint: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Mine, sell to the exchange, and pay out first coins to everybody."""
        town = self.town
        for _ in range(12):
            town.mine(MINER)
        town.maker.skip(100)
        self.hot = town.address(EXCHANGE, "hot")
        self.deposits = {person: town.address(EXCHANGE, "deposit") for person in self.people}
        town.merge(MINER, self.hot)
        for _ in range(3):
            self._pay_out((*self.people, PEELER, MERCHANT), 10_000_000, 80_000_000)
        # what a mix needs that has been through one before
        town.pay(EXCHANGE, {town.address(POOL, "mix"): POOL_SAT})

    def play(self, number: int) -> None:
        """Let everybody do something once, and those who mix do so in turns."""
        town = self.town
        for person in self.people:
            self._act(person)
        town.pay(PEELER, {town.receiving(self._other(PEELER)): town.amount(400_000, 4_000_000)})
        if number % 3 == 2:
            self._pay_out(self.people[number % 5 :: 2], 4_000_000, 40_000_000)
        if number % 4 == 1:
            self._note(
                joint.payjoin(town, self._mixer(), MERCHANT, town.amount(100_000, 3_000_000)), "payjoin"
            )
        if number % 4 == 3:
            deposited = [coin for coin in town.purses[EXCHANGE] if coin.address != self.hot]
            town.merge(EXCHANGE, self.hot, coins=deposited)
        if number % 5 == 2:
            self._note(
                joint.joinmarket(town, self._mixers(5), town.amount(4_000_000, 9_000_000)), "joinmarket"
            )
        if number % 6 == 4:
            mixers = self._mixers(6)
            for _ in range(3):
                self._pay_out(mixers, 6_000_000, 40_000_000)
            self._note(joint.wabisabi(town, mixers, inputs=4), "wabisabi")
        if number % 3 == 1:
            self._mix_in_a_pool()
        if number % 8 == 7:
            town.merge(MERCHANT, town.address(MERCHANT))

    def _act(self, person: str) -> None:
        town, choice = self.town, self.town.draw(0, 11)
        small, large = town.amount(50_000, 3_000_000), town.amount(1_000_000, 50_000_000)
        if choice < 2:
            town.pay(person, {town.address(MERCHANT): small})
        elif choice < 4:
            town.pay(person, {self.deposits[person]: large})
        elif choice == 4:
            town.merge(person, town.address(person), coins=town.purses[person][:3])
        elif choice == 5:
            town.pay(person, {town.receiving(self._other(person)): small, town.address(MERCHANT): large})
        else:
            town.pay(person, {town.receiving(self._other(person)): large})

    def _mix_in_a_pool(self) -> None:
        owners = self._mixers(4)
        for owner in owners:
            joint.pool_entry(self.town, owner, POOL)
        self._note(joint.whirlpool(self.town, (POOL, *owners)), "whirlpool")

    def _pay_out(self, people: Sequence[str], low: int, high: int) -> None:
        payments = {self.town.receiving(person): self.town.amount(low, high) for person in people}
        hot = [coin for coin in self.town.purses[EXCHANGE] if coin.address == self.hot]
        self.town.pay(EXCHANGE, payments, coins=hot)

    def _note(self, txid: str, kind: str) -> None:
        if txid:
            self.joint[txid] = kind

    def _other(self, person: str) -> str:
        others = [other for other in self.people if other != person]
        return others[self.town.draw(0, len(others) - 1)]

    def _mixers(self, count: int) -> list[str]:
        mixers = [person for person in self.people if person.split()[0] in _MIXERS]
        first = self.town.draw(0, len(mixers) - 1)
        return (mixers[first:] + mixers[:first])[:count]

    def _mixer(self) -> str:
        return self._mixers(1)[0]
