"""A town of wallets on a made-up chain: each owner's coins, and how its software selects and orders them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chainflow.addresses import script_of
from chainflow.errors import BadInput
from chainflow.samples.make import CHAIN, Coin, Habits, Maker

__all__ = ["SOFTWARE", "Software", "Town"]

_FINAL, _NO_RBF = 0xFFFFFFFF, 0xFFFFFFFE
_DUST_SAT = 1_000


class Software(NamedTuple):
    """How one kind of wallet writes its transactions.

    Attributes
    ----------
    habits : Habits
        Address type, version, sequence and whether a locktime is set against fee sniping.
    place : str
        Where change goes among the outputs: `first`, `last`, `random` or `bip69` (all sorted).
    change : str
        `fresh`, or `spent`: back to the address of the first coin spent.
    change_type : str
        Address type of change where it is another than that of payments.
    select : str
        Which coins are spent: `oldest` or `largest` first, or the `smallest` that is enough.
    gives_one_address : bool
        Whether everybody is given the same address to pay to.
    """

    habits: Habits
    place: str
    change: str = "fresh"
    change_type: str = ""
    select: str = "oldest"
    gives_one_address: bool = False


SOFTWARE: Mapping[str, Software] = {
    "node": Software(Habits("p2wpkh"), "random", select="smallest"),
    "light": Software(Habits("p2wpkh"), "bip69"),
    "legacy": Software(Habits("p2pkh", 1, _FINAL, sets_locktime=False), "first", gives_one_address=True),
    "script": Software(Habits("p2pkh", 2, _FINAL, sets_locktime=False), "last", select="largest"),
    "nested": Software(Habits("p2sh", 2, _NO_RBF), "random"),
    "phone": Software(
        Habits("p2sh", 1, _FINAL, sets_locktime=False), "bip69", select="largest", gives_one_address=True
    ),
    "taproot": Software(Habits("p2tr"), "random", select="smallest", gives_one_address=True),
    "reusing": Software(Habits("p2wpkh", 1, _FINAL, sets_locktime=False), "last", "spent"),
    "moving": Software(Habits("p2pkh", 2, _NO_RBF), "random", change_type="p2wpkh", gives_one_address=True),
    "service": Software(Habits("p2sh", 2, _FINAL, sets_locktime=False), "last", "spent"),
}
"""Kinds of wallet: made up after what fingerprints of wallets are told apart by; none is a real program."""


@dataclass(slots=True)
class Town:
    """Owners, what software each uses, and the coins each holds while the story goes on.

    Parameters
    ----------
    title, seed : str, int
        As of a `Maker`.
    software : mapping of str to str
        Owner → key of `SOFTWARE`.
    """

    title: str
    seed: int
    software: Mapping[str, str]
    maker: Maker = field(init=False)
    purses: dict[str, list[Coin]] = field(init=False)
    given: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        habits: dict[str, Habits] = {}
        for owner, name in self.software.items():
            kind = SOFTWARE[name]
            of_change = kind.habits._replace(script_type=kind.change_type or kind.habits.script_type)
            habits |= {f"{owner}/{role}": kind.habits for role in ("receive", "deposit", "hot", "mix")}
            habits[f"{owner}/change"] = of_change
        self.maker = Maker(self.title, self.seed, habits)
        self.purses = {owner: [] for owner in self.software}

    def address(self, owner: str, role: str = "receive") -> str:
        """Return a new address of `owner`, made for `role`."""
        if owner not in self.software:
            raise BadInput(f"nobody called {owner!r} lives here", hint="name an owner of this town")
        return self.maker.address(f"{owner}/{role}")

    def receiving(self, owner: str) -> str:
        """Return the address that `owner` gives to who wants to pay."""
        if not SOFTWARE[self.software[owner]].gives_one_address:
            return self.address(owner)
        if owner not in self.given:
            self.given[owner] = self.address(owner)
        return self.given[owner]

    def owner_of(self, address: str) -> str:
        """Return whose an address is."""
        return self.maker.owners[address].partition("/")[0]

    def draw(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        return low + self.maker.draw(high - low + 1)

    def amount(self, low: int, high: int) -> int:
        """Return an amount as people choose them: round in three of five cases, as if converted else."""
        drawn, figures = self.draw(low, high), self.draw(1, 5)
        if figures > 3:
            return drawn
        unit = int(10 ** max(len(str(drawn)) - figures, 0))
        return max(drawn // unit * unit, _DUST_SAT)

    def mine(self, owner: str) -> None:
        """Give `owner` the coin of a new block."""
        self.purses[owner].append(self.maker.mine(f"{owner}/receive"))

    def pay(self, owner: str, payments: Mapping[str, int], *, coins: Sequence[Coin] = ()) -> str:
        """Pay as this owner's software does and return the txid; "" where there is not enough.

        Parameters
        ----------
        coins : sequence of Coin, optional
            What to spend; by default as the software selects.
        """
        kind = SOFTWARE[self.software[owner]]
        rate = self.draw(2, 30)
        due = sum(payments.values())
        chosen = list(coins) or self._select(owner, due, rate * self._size(8, len(payments) + 1))
        rest = (
            sum(coin.value_sat for coin in chosen) - due - rate * self._size(len(chosen), len(payments) + 1)
        )
        if not chosen or rest < 0:
            return ""
        outputs = list(payments.items())
        if rest >= _DUST_SAT:
            change = chosen[0].address if kind.change == "spent" else self.address(owner, "change")
            place = {"first": 0, "last": len(outputs)}.get(kind.place, self.draw(0, len(outputs)))
            outputs.insert(place, (change, rest))
        if kind.place == "bip69":
            chosen.sort(key=lambda coin: (coin.txid, coin.outpoint.vout))
            outputs.sort(key=lambda output: (output[1], script_of(output[0], chain=CHAIN)))
        return self.write(chosen, outputs)

    def merge(self, owner: str, to: str, *, coins: Sequence[Coin] = ()) -> str:
        """Spend coins (by default all) of `owner` to one address and return the txid; "" for fewer than two."""
        chosen = list(coins) or list(self.purses[owner])
        left = sum(coin.value_sat for coin in chosen) - self.draw(2, 9) * self._size(len(chosen), 1)
        return self.write(chosen, [(to, left)]) if len(chosen) > 1 and left >= _DUST_SAT else ""

    def write(self, coins: Sequence[Coin], outputs: Iterable[tuple[str, int]], *, note: str = "") -> str:
        """Spend coins of any owners and return the txid; each output goes to its owner's purse."""
        for coin in coins:
            self.purses[self.owner_of(coin.address)].remove(coin)
        made = self.maker.pay(coins, dict(outputs), wait=self.draw(0, 2), note=note)
        for address, coin in made.items():
            self.purses[self.owner_of(address)].append(coin)
        return next(iter(made.values())).txid

    def shuffled(self, several: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        """Return outputs in a made-up order."""
        return sorted(several, key=lambda _: self.maker.draw(2**32))

    def _select(self, owner: str, due: int, fee: int) -> list[Coin]:
        purse, kind = self.purses[owner], SOFTWARE[self.software[owner]]
        enough = sorted((coin for coin in purse if coin.value_sat >= due + fee), key=_by_value)
        if kind.select == "smallest" and enough:
            return [enough[0]]
        ordered = purse if kind.select == "oldest" else sorted(purse, key=_by_value, reverse=True)
        chosen: list[Coin] = []
        for coin in ordered:
            chosen.append(coin)
            if sum(one.value_sat for one in chosen) >= due + fee:
                return chosen
        return []

    @staticmethod
    def _size(inputs: int, outputs: int) -> int:
        return 11 + 68 * inputs + 31 * outputs


def _by_value(coin: Coin) -> tuple[int, str, int]:
    return coin.value_sat, coin.txid, coin.outpoint.vout
