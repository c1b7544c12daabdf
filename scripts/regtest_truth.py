"""Make the shipped regtest truth again: twelve wallets of a real node pay each other, and we know whose is whose.

`python scripts/regtest_truth.py [FOLDER]` starts Debian's litecoind on 127.0.0.1 with a private chain, plays
about 150 blocks and writes `ledger.json`, `owners.csv`, `tags.yaml` and `README.md`. The node draws its keys
itself: a second run plays the same story with other addresses and txids, so no two runs are byte-identical.
"""

from __future__ import annotations

import csv
import io
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from servers import ADVICE_LITECOIND, ensure_litecoind  # noqa: E402

from chainflow.ledger import Ledger, build, store  # noqa: E402
from chainflow.ledger.store import record_of  # noqa: E402
from chainflow.model import Evidence, Fact, Outpoint, OutputRecord, Recipe, SpendRecord, Tip  # noqa: E402
from chainflow.tags import Tags  # noqa: E402
from tests.servers.nodes import Litecoind, RpcError  # noqa: E402

CHAIN = "ltc-regtest"
SEED = 7
ROUNDS = 66

# owner: (address type, how it pays); "node" leaves all to the node, "raw" writes the transaction itself
WALLETS = {
    "Ada": ("bech32", "node"),
    "Bela": ("bech32", "node"),
    "Cleo": ("p2sh-segwit", "node"),
    "Dov": ("legacy", "node"),
    "Enzo": ("legacy", "raw, change last"),
    "Fay": ("p2sh-segwit", "raw, change first"),
    "Gus": ("bech32", "raw, change back to the spent address"),
    "Hana": ("bech32", "raw, change last"),
    "Peeler": ("bech32", "raw, change last"),
    "Shop": ("p2sh-segwit", "node"),
    "Exchange": ("bech32", "node"),
    "Miner": ("bech32", "node"),
}
PEOPLE = ("Ada", "Bela", "Cleo", "Dov", "Enzo", "Fay", "Gus", "Hana")
MIXERS = ("Ada", "Bela", "Hana", "Gus")
ONE_ADDRESS = ("Bela", "Cleo", "Dov", "Enzo", "Fay", "Gus")  # they give everybody the same address


class Town:
    """The wallets of one node, and the blocks they make."""

    def __init__(self, node: Litecoind) -> None:
        self.node, self.random = node, random.Random(SEED)
        for owner in WALLETS:
            node("createwallet", owner)
        self.mining = self.address("Miner")
        self.hot, self.till = self.address("Exchange"), self.address("Shop")
        self.deposits = {owner: self.address("Exchange") for owner in PEOPLE}
        self.given = {owner: self.address(owner) for owner in ONE_ADDRESS}

    def address(self, owner: str) -> str:
        """Return a new address for others to pay to."""
        return str(self.node("getnewaddress", "", WALLETS[owner][0], wallet=owner))

    def receiving(self, owner: str) -> str:
        """Return the address that an owner gives to who wants to pay."""
        return self.given.get(owner) or self.address(owner)

    def mine(self, blocks: int = 1) -> None:
        self.node("generatetoaddress", blocks, self.mining)

    def amount(self, low: float, high: float) -> Decimal:
        """Return an amount as people choose them: sometimes round, sometimes a price in another currency."""
        drawn = Decimal(self.random.uniform(low, high))
        figures = self.random.choice((1, 2, 3, 8, 8))
        return round(drawn, 8 if figures == 8 else figures - 1 - drawn.adjusted())

    def pay(self, owner: str, payments: dict[str, Decimal]) -> None:
        """Pay as this owner's wallet does; one that has not enough lets it be."""
        try:
            if WALLETS[owner][1] == "node":
                self.node("sendmany", "", payments, wallet=owner)
            else:
                self._pay_raw(owner, payments)
        except RpcError as error:
            if "nsufficient" not in str(error):
                raise

    def _pay_raw(self, owner: str, payments: dict[str, Decimal]) -> None:
        kind, habit = WALLETS[owner]
        is_first = habit == "raw, change first"
        lock = self.node("getblockcount") if is_first else 0
        raw = self.node("createrawtransaction", [], [{a: v} for a, v in payments.items()], lock, is_first)
        choice: dict[str, object] = {"changePosition": 0 if is_first else len(payments)}
        if "back" in habit:
            choice["changeAddress"] = self.coins(owner)[0]["address"]
        else:
            choice["change_type"] = kind
        self.send(self.node("fundrawtransaction", raw, choice, wallet=owner)["hex"], [owner])

    def coins(self, owner: str) -> list[dict[str, Any]]:
        """Return what a wallet can spend, the largest first."""
        held = self.node("listunspent", 1, wallet=owner)
        return sorted(held, key=lambda coin: (-coin["amount"], coin["txid"], coin["vout"]))

    def send(self, raw: str, owners: list[str]) -> None:
        """Let each owner sign, and send."""
        for owner in owners:
            raw = self.node("signrawtransactionwithwallet", raw, wallet=owner)["hex"]
        self.node("sendrawtransaction", raw)

    def sweep(self, owner: str, to: str, *, most: int = 8) -> None:
        """Spend all small coins of an owner together."""
        coins = self.coins(owner)[:most]
        if len(coins) > 1:
            left = sum(coin["amount"] for coin in coins) - Decimal("0.001")
            spent = [{"txid": coin["txid"], "vout": coin["vout"]} for coin in coins]
            self.send(self.node("createrawtransaction", spent, [{to: left}]), [owner])

    def mix(self) -> None:
        """Let four owners make one transaction, as JoinMarket does: equal outputs, and each its change."""
        share, parties = Decimal("0.05"), [(owner, self.coins(owner)[0]) for owner in MIXERS]
        outputs: list[dict[str, Decimal]] = []
        for owner, coin in parties:
            change = self.node("getrawchangeaddress", "bech32", wallet=owner)
            outputs += [{self.address(owner): share}, {change: coin["amount"] - share - Decimal("0.0001")}]
        self.random.shuffle(outputs)
        spent = [{"txid": coin["txid"], "vout": coin["vout"]} for _, coin in parties]
        self.send(self.node("createrawtransaction", spent, outputs), list(MIXERS))


def play(town: Town) -> None:
    """Play the story: coins are mined and handed out, people pay and deposit, two rounds are mixed."""
    town.mine(101)
    for _ in range(2):
        payments = {town.receiving(owner): town.amount(0.3, 1.2) for owner in PEOPLE}
        town.pay("Miner", payments | {town.address("Peeler"): Decimal("4.5")})
        town.mine()
    for number in range(ROUNDS):
        for owner in town.random.sample(PEOPLE, 3):
            _spend(town, owner)
        town.pay("Peeler", {town.receiving(town.random.choice(PEOPLE)): town.amount(0.01, 0.09)})
        if number % 9 == 8:
            town.sweep("Exchange", town.hot)
        if number % 6 == 5:
            town.pay(
                "Exchange",
                {town.receiving(owner): town.amount(0.02, 0.3) for owner in town.random.sample(PEOPLE, 5)},
            )
        if number % 13 == 12:
            town.sweep("Shop", town.till)
        town.mine()
        if number in (15, 35):
            town.mix()
            town.mine()


def _spend(town: Town, owner: str) -> None:
    """Pay somebody, the shop, or one's own deposit address at the exchange."""
    choice = town.random.random()
    if choice < 0.15:
        town.pay(owner, {town.till: town.amount(0.002, 0.05)})
    elif choice < 0.3:
        town.pay(owner, {town.deposits[owner]: town.amount(0.02, 0.15)})
    elif choice < 0.45:
        town.sweep(owner, town.address(owner), most=3)
    else:
        other = town.random.choice([other for other in PEOPLE if other != owner])
        town.pay(owner, {town.receiving(other): town.amount(0.05, 0.5)})


def ledger_of(node: Litecoind) -> Ledger:
    """Return the whole chain: every transaction's bytes, and what is unspent at its tip."""
    made = Evidence(0, "00" * 32, "litecoind:regtest", "", None)
    return build(
        ((fact, made) for fact in _facts(node)), recipe=Recipe("regtest", {"seed": SEED, "rounds": ROUNDS})
    )


def _facts(node: Litecoind) -> Iterator[Fact]:
    unspent: dict[Outpoint, OutputRecord] = {}
    tip = node("getblockcount")
    yield Tip(CHAIN, tip)
    for height in range(1, tip + 1):
        block = node("getblock", node("getblockhash", height), 2)
        for position, tx in enumerate(block["tx"]):
            spent = [Outpoint(given["txid"], given["vout"]) for given in tx["vin"] if "txid" in given]
            place = (height, block["hash"], block["time"], position)
            prevouts: list[OutputRecord | None] = [unspent.pop(outpoint) for outpoint in spent]
            record = record_of(bytes.fromhex(tx["hex"]), prevouts, chain=CHAIN, txid=tx["txid"], block=place)
            unspent |= {Outpoint(record.txid, vout): output for vout, output in enumerate(record.outputs)}
            yield record
    for outpoint in sorted(unspent):
        yield SpendRecord(CHAIN, outpoint, None, None)


def owners_of(node: Litecoind, ledger: Ledger) -> dict[str, tuple[str, str]]:
    """Return address → (owner, `receive` or `change`), as the wallets themselves say."""
    found: dict[str, tuple[str, str]] = {}
    for address in sorted({address for address in ledger.outputs["address"].to_pylist() if address}):
        for owner in WALLETS:
            said = node("getaddressinfo", address, wallet=owner)
            if said["ismine"]:
                # BIP32: wallets of this node keep change under m/0'/1'
                is_change = said.get("hdkeypath", "").startswith("m/0'/1'")
                found[address] = (owner, "change" if is_change else "receive")
    return found


README = """# A regtest run: twelve wallets of a real node

{count} transactions in {blocks} blocks of a private chain of Litecoin Core ({version}), {addresses} addresses of
twelve wallets, played on {date} by `scripts/regtest_truth.py`. Wallets of several address types pay each other, a
shop and an exchange; six give everybody the same address, one peels a coin, some write their transactions
themselves, four mix twice.

| file | what |
|---|---|
| `ledger.json` | every transaction, as bytes that hash, and what is unspent at the tip |
| `owners.csv` | whose each address is (`owner`) and whether its wallet made it to be paid or for change (`role`) |
| `tags.yaml` | two tags, of the exchange and of the shop |

Signatures are real, coins are not: the chain `ltc-regtest` exists on one machine only. The node draws its keys
at random, so another run has other addresses and txids; its figures differ a little.
"""


def write(node: Litecoind, town: Town, folder: Path) -> None:
    """Write the ledger, the owners, two tags and a page about them."""
    ledger = ledger_of(node)
    owners = owners_of(node, ledger)
    date = datetime.fromtimestamp(ledger.txs["time"].to_pylist()[-1].timestamp(), UTC).date().isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    about = f"Twelve wallets of Litecoin Core on a private chain, played on {date}; truth in owners.csv."
    store.write(ledger, folder / "ledger.json", title="Regtest run", about=about)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("address", "owner", "role"))
    rows.writerows((address, *said) for address, said in owners.items())
    (folder / "owners.csv").write_text(text.getvalue(), encoding="utf-8", newline="\n")
    Tags.of_rows(_tags(town, date), strict=True).write(folder / "tags.yaml", title="Regtest run")
    page = README.format(
        count=len(ledger),
        blocks=node("getblockcount"),
        version=node("getnetworkinfo")["subversion"].strip("/"),
        addresses=len(owners),
        date=date,
    )
    (folder / "README.md").write_text(page, encoding="utf-8", newline="\n")


def _tags(town: Town, date: str) -> list[dict[str, str]]:
    same = {"chain": CHAIN, "source": "scripts/regtest_truth.py", "creator": "chainflow"}
    same |= {"confidence": "ownership", "date": date}
    return [
        {**same, "address": town.hot, "label": "Exchange, hot wallet", "category": "exchange"},
        {**same, "address": town.till, "label": "Shop, till", "category": "shop"},
    ]


def main(folder: Path) -> int:
    """Start the node, play, write."""
    path = ensure_litecoind()
    if path is None:
        print(ADVICE_LITECOIND)
        return 1
    with tempfile.TemporaryDirectory() as place:
        node = Litecoind(path, Path(place))
        try:
            town = Town(node)
            play(town)
            write(node, town, folder)
        finally:
            node.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "sample_data" / "regtest"))
