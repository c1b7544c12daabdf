"""Made-up conversions, and shifts between two chains of which the truth is known."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction

from chainflow.addresses import address_of
from chainflow.ledger import Ledger
from chainflow.model import TransferRecord, TxRecord
from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions import Conversion, FixedRates, Leg, Shifts, find_conversions
from tests.clustering.account_made import ETHER, pay, who
from tests.clustering.account_made import ledger as account_ledger
from tests.ledger.moves import move
from tests.made import ledger as utxo_ledger
from tests.made import origin, script, tx

BTC, ETH = Asset("btc", None), Asset("eth", None)
COIN = 10**8
RATE = Fraction(15 * ETHER, COIN)  # 15 ether for a bitcoin


def address(name: str) -> str:
    """Return the btc address that stands for a name."""
    return str(address_of(script(name), "btc"))


def leg(amount: int, *, number: int = 1, asset: Asset = ETH, place: str = "", to: str = "") -> Leg:
    return Leg(asset.chain, f"{'0x' if asset.chain == 'eth' else ''}{number:064x}", place, asset, to, amount)


def conversion(paid: int = 10, received: int = 7, **given: object) -> Conversion:
    said = {"kind": "bridge", "evidence": "id", "reason": "the same order", "source": "an exchange"} | given
    sides = (leg(paid, asset=BTC, place="0"), leg(received, number=2, asset=ETH))
    return Conversion(*sides, **said)  # type: ignore[arg-type]


def token_moved(sender: str, to: str, value: int, made: str, **given: object) -> TransferRecord:
    """Return a token's movement in the transaction `made`; "" as sender or recipient is nobody."""
    said = {"of": "USD", "place": "log:0", "height": 50, "position": 0} | given
    ends = {"sender": who(sender) if sender else None, "recipient": who(to) if to else None}
    return move(value, txid=made, contract=who(str(said.pop("of"))), **ends, **said)


@dataclass(frozen=True)
class Made:
    """Two ledgers, and which payout truly belongs to which deposit, by txid."""

    ledgers: tuple[Ledger, Ledger]
    truth: dict[str, str]
    services: dict[str, str]


def shifts_made(seed: int, *, shifts: int, background: int, hours: int) -> Made:
    """Return `shifts` real ones from btc to eth, among deposits and payouts whose other side is not held.

    Amounts are log-uniform between 0.01 and 10 coins, and a third are round to 0.1; the service keeps between
    0.2 and 0.8 %, and pays after 1 to 30 minutes.
    """
    draw = random.Random(seed)
    btc: list[TxRecord] = []
    eth: list[TransferRecord] = []
    truth: dict[str, str] = {}
    for number in range(shifts + 2 * background):
        second = draw.randrange(hours * 3600)
        coins = int(COIN * 10 ** draw.uniform(-2, 1))
        amount = max(COIN // 10, coins // (COIN // 10) * (COIN // 10)) if draw.random() < 1 / 3 else coins
        out = int(amount * RATE * (10_000 - draw.randrange(20, 81)) / 10_000)
        is_shift, is_deposit = number < shifts, number < shifts + background
        if is_deposit:
            btc.append(_deposit(number, amount, second // 600))
        if is_shift or not is_deposit:
            later = second // 600 * 600 + draw.randrange(60, 1801)
            eth.append(pay("shifter", f"user {number}", out, later // 12))
        if is_shift:
            truth[btc[-1].txid] = eth[-1].txid
    return Made(
        (utxo_ledger(*btc), account_ledger(eth)), truth, {address("shifter"): "S", who("shifter"): "S"}
    )


def _deposit(number: int, amount: int, block: int) -> TxRecord:
    # both made-up clocks begin at one moment: blocks of 600 and of 12 seconds
    spent = [origin(amount + 500, f"payer {number}", number=number + 1)]
    return tx(spent, [(amount, "shifter")], height=block, chain="btc")


def measured(made: Made, *, window_seconds: int, tolerance: str) -> tuple[int, int, int, int]:
    """Return of the true deposits: uniquely right, uniquely wrong, several candidates, none; and of all others.

    The fourth are deposits with no true payout that were given a unique one all the same.
    """
    rules = Shifts(
        made.services,
        FixedRates({(BTC, ETH): RATE}),
        window_seconds=window_seconds,
        tolerance=tolerance,
        fee="0.005",
    )
    found = find_conversions(made.ledgers, shifts=rules)
    by_deposit: dict[str, list[Conversion]] = {}
    for one in found:
        by_deposit.setdefault(one.paid.txid, []).append(one)
    right = wrong = several = stray = 0
    for txid, fits in by_deposit.items():
        is_right = fits[0].candidates == 1 and fits[0].received.txid == made.truth.get(txid)
        right += is_right
        wrong += fits[0].candidates == 1 and not is_right and txid in made.truth
        stray += fits[0].candidates == 1 and txid not in made.truth
        several += fits[0].candidates > 1 and txid in made.truth
    return right, wrong, several, stray
