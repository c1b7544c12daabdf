"""A maker of transactions that never were: their txids hash, their values balance, their owners are known.

All of it is on the chain `btc-regtest`, whose addresses no real wallet uses. Signatures and keys have the
right form and nothing behind them: no node would accept such a transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chainflow.addresses import address_of
from chainflow.errors import BadInput
from chainflow.ledger import Ledger, build
from chainflow.ledger.store import record_of
from chainflow.model import (
    AddressClaim,
    Evidence,
    Fact,
    Listing,
    Outpoint,
    OutputRecord,
    Recipe,
    SpendRecord,
    Tip,
    TxRecord,
)
from chainflow.scripts import make_script
from chainflow.units import COIN
from chainflow.wire import Transaction, TxInput, TxOutput

__all__ = ["CHAIN", "Coin", "Habits", "Maker"]

CHAIN = "btc-regtest"
"""The chain of everything made up here."""

_FIRST_TIME = 1_736_121_600  # 2025-01-06 00:00 UTC
_BLOCK_SECONDS = 600
_SIZES = {"p2pkh": 20, "p2sh": 20, "p2wpkh": 20, "p2tr": 32}
_NULL = TxInput("00" * 32, 0xFFFFFFFF, b"", 0xFFFFFFFF)


class Habits(NamedTuple):
    """What an owner's wallet does the same way in each transaction."""

    script_type: str = "p2wpkh"
    version: int = 2
    sequence: int = 0xFFFFFFFD
    sets_locktime: bool = True


class Coin(NamedTuple):
    """One unspent output, and whose it is."""

    outpoint: Outpoint
    value_sat: int
    address: str

    @property
    def txid(self) -> str:
        """The transaction that made it."""
        return self.outpoint.txid


@dataclass(slots=True)
class Maker:
    """A made-up chain while it grows: the same calls with the same seed make the same bytes.

    Parameters
    ----------
    title : str
        Names the chain in its evidence.
    seed : int
        Another seed gives other addresses, txids, fees and waiting times.
    habits : mapping of str to Habits
        By owner; an owner that is not named has the default habits.

    Attributes
    ----------
    owners : dict
        Address → owner: the truth.
    height : int
        Of the newest block so far.

    Examples
    --------
    >>> maker = Maker("two payments", seed=1)
    >>> mined = maker.mine("Ann")
    >>> maker.skip(100)
    >>> ben, change = maker.address("Ben"), maker.address("Ann")
    >>> paid = maker.pay([mined], {ben: 1_000_000}, change=change)
    >>> ben[:5], paid[ben].value_sat, maker.ledger().verified
    ('bcrt1', 1000000, (2, 2))
    """

    title: str
    seed: int
    habits: Mapping[str, Habits] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict, init=False)
    height: int = field(default=0, init=False)
    _position: int = field(default=0, init=False)
    _drawn: int = field(default=0, init=False)
    _scripts: dict[str, bytes] = field(default_factory=dict, init=False)
    _records: list[TxRecord] = field(default_factory=list, init=False)
    _spent: set[Outpoint] = field(default_factory=set, init=False)

    def address(self, owner: str) -> str:
        """Return a new address of `owner`."""
        kind = self.habits.get(owner, Habits()).script_type
        if kind not in _SIZES:
            raise BadInput(f"nobody can pay from {kind!r} here", hint=f"use one of {', '.join(_SIZES)}")
        payload = self._bytes(f"address {len(self.owners)} of {owner}")[: _SIZES[kind]]
        script = make_script(kind, payload)
        address = address_of(script, CHAIN) or ""  # each of these types has one
        self.owners[address], self._scripts[address] = owner, script
        return address

    def skip(self, blocks: int) -> None:
        """Let blocks pass in which nothing of this story happens."""
        self.height, self._position = self.height + blocks, 0

    def draw(self, below: int) -> int:
        """Return the next made-up whole number from 0 to `below` − 1."""
        self._drawn += 1
        return int.from_bytes(self._bytes(f"draw {self._drawn}")) % below

    def mine(self, owner: str, value_sat: int = 50 * COIN) -> Coin:
        """Return the coin that the next block's coinbase creates for `owner`."""
        self.skip(1)
        address = self.address(owner)
        words = b"made up by chainflow"
        # BIP34: the height in it makes each coinbase's txid another one
        scriptsig = b"\x03" + self.height.to_bytes(3, "little") + bytes((len(words),)) + words
        output = TxOutput(value_sat, self._scripts[address])
        tx = Transaction(1, (_NULL._replace(scriptsig=scriptsig),), (output,))
        return self._record(tx, (), {address: 0})[address]

    def pay(
        self,
        coins: Sequence[Coin],
        payments: Mapping[str, int],
        *,
        change: str = "",
        wait: int | None = None,
        note: str = "",
    ) -> dict[str, Coin]:
        """Spend `coins` in one transaction and return the coins it makes, by address.

        Parameters
        ----------
        coins : sequence of Coin
            In input order; the first one's owner decides how the transaction is written.
        payments : mapping of str to int
            Address → base units, in output order.
        change : str
            The address that takes what is left after a fee of this day's rate, at a random place
            among the outputs. Without it, all that is left is the fee.
        wait : int, optional
            Blocks to let pass first; 0 is the same block. A random number of up to 24 by default.
        note : str
            Text for an OP_RETURN output.

        Raises
        ------
        BadInput
            If a coin was spent before, or more is paid than spent.
        """
        self._take(coins)
        if wait != 0:
            self.skip(1 + self.draw(24) if wait is None else wait)
        outputs = list(payments.items())
        left = sum(coin.value_sat for coin in coins) - sum(payments.values())
        if change:
            left -= (2 + self.draw(30)) * (11 + 68 * len(coins) + 31 * (len(outputs) + 1))
            outputs.insert(self.draw(len(outputs) + 1), (change, left))
        if left < 0 or len(dict(outputs)) < len(outputs):
            raise BadInput("more is paid than spent, or twice to one address", hint="compare the sums")
        scripts = [TxOutput(value_sat, self._scripts[address]) for address, value_sat in outputs]
        if note:
            words = note.encode()
            scripts.append(TxOutput(0, b"\x6a" + bytes((len(words),)) + words))
        habits = self.habits.get(self.owners[coins[0].address], Habits())
        locktime = self.height - 1 if habits.sets_locktime else 0
        inputs = tuple(self._input(coin) for coin in coins)
        tx = Transaction(habits.version, inputs, tuple(scripts), locktime)
        return self._record(tx, coins, {address: vout for vout, (address, _) in enumerate(outputs)})

    def ledger(self) -> Ledger:
        """Return everything made so far, each address with its whole history as of a day later."""
        name = f"{self.title}, seed {self.seed}"
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        made = Evidence(0, sha256, f"made-up:{name}", "", None)
        recipe = Recipe("sample", {"title": self.title, "seed": self.seed}, inputs=[sha256])
        return build(((fact, made) for fact in self._facts()), recipe=recipe)

    def _facts(self) -> Iterator[Fact]:
        yield Tip(CHAIN, self.height + 144)
        yield from self._records
        for record in self._records:
            for vout, output in enumerate(record.outputs):
                if output.script.startswith("6a"):  # no address to speak for it, and nobody can spend it
                    yield SpendRecord(CHAIN, Outpoint(record.txid, vout), None, None)
        touched: dict[str, list[str]] = {address: [] for address in self.owners}
        by_script = {script.hex(): address for address, script in self._scripts.items()}
        for record in reversed(self._records):
            spent = [given.prevout.script for given in record.inputs if given.prevout is not None]
            for script in dict.fromkeys([*spent, *(output.script for output in record.outputs)]):
                if script in by_script:
                    touched[by_script[script]].append(record.txid)
        for address, txids in touched.items():
            yield AddressClaim(CHAIN, address, len(txids))
            yield Listing(CHAIN, address, "", tuple(txids), complete=True)

    def _take(self, coins: Sequence[Coin]) -> None:
        for coin in coins:
            if coin.outpoint in self._spent:
                raise BadInput(f"{coin.outpoint} is spent already", hint="spend the coin that this made")
            self._spent.add(coin.outpoint)

    def _input(self, coin: Coin) -> TxInput:
        habits = self.habits.get(self.owners[coin.address], Habits())
        seen = self._bytes(f"spend {coin.outpoint}"), self._bytes(f"sign {coin.outpoint}")
        r, s = (bytes((0x40 | raw[0] & 0x3F,)) + raw[1:] for raw in seen)  # positive, and of 32 bytes
        signature = b"\x30\x44\x02\x20" + r + b"\x02\x20" + s + b"\x01"
        key = b"\x02" + self._bytes(f"key of {coin.address}")
        nested = b"\x16\x00\x14" + self._bytes(f"program of {coin.address}")[:20]
        shown: dict[str, tuple[bytes, tuple[bytes, ...]]] = {
            "p2pkh": (bytes((len(signature),)) + signature + bytes((len(key),)) + key, ()),
            "p2sh": (nested, (signature, key)),
            "p2tr": (b"", (r + s,)),
        }
        scriptsig, witness = shown.get(habits.script_type, (b"", (signature, key)))
        return TxInput(coin.txid, coin.outpoint.vout, scriptsig, habits.sequence, witness)

    def _record(self, tx: Transaction, coins: Sequence[Coin], places: Mapping[str, int]) -> dict[str, Coin]:
        if not tx.is_coinbase:
            self._position += 1 + self.draw(40)
        time = _FIRST_TIME + _BLOCK_SECONDS * self.height + self._bytes(f"time {self.height}")[0]
        block = (self.height, self._bytes(f"block {self.height}").hex(), time, self._position)
        prevouts = [OutputRecord(coin.value_sat, self._scripts[coin.address].hex()) for coin in coins]
        self._records.append(record_of(tx.serialize(), list(prevouts), chain=CHAIN, block=block))
        return {
            address: Coin(Outpoint(tx.txid, vout), tx.outputs[vout].value_sat, address)
            for address, vout in places.items()
        }

    def _bytes(self, use: str) -> bytes:
        """Return 32 bytes that only the title, the seed and the use decide, on every machine."""
        return hashlib.sha256(f"{self.title}\n{self.seed}\n{use}".encode()).digest()
