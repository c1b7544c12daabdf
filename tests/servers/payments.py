"""A small economy on a private chain: wallets that pay each other, and the node's own account of it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .nodes import Litecoind, RpcError

COIN = 100_000_000
WALLETS = ("anna", "ben", "cleo", "dora", "emil")
KINDS = ("legacy", "p2sh-segwit", "bech32")


@dataclass(frozen=True)
class Economy:
    """What happened.

    Attributes
    ----------
    addresses : mapping
        Wallet → every address of it that was ever paid, the miner's too.
    note : str
        A transaction with an OP_RETURN output.
    consolidation : str
        One that spends many outputs of one wallet.
    unconfirmed : str
        One that no block holds.
    """

    node: Litecoind
    addresses: Mapping[str, tuple[str, ...]]
    note: str
    consolidation: str
    unconfirmed: str

    @property
    def everyone(self) -> tuple[str, ...]:
        return tuple(address for mine in self.addresses.values() for address in mine)

    def unspent(self, wallet: str) -> dict[tuple[str, int], int]:
        """Return what the wallet itself says that it can spend, unconfirmed included: outpoint → litoshi."""
        coins = self.node("listunspent", 0, 9_999_999, [], True, wallet=wallet)
        return {(coin["txid"], coin["vout"]): litoshi(coin["amount"]) for coin in coins}


def litoshi(amount: Decimal | int) -> int:
    return int(Decimal(amount) * COIN)


def make_economy(node: Litecoind, *, seed: int = 7) -> Economy:
    """Fund five wallets, let them pay each other with change, and end with special transactions."""
    chance = random.Random(seed)
    for wallet in ("miner", *WALLETS):
        node("createwallet", wallet)
    mine = node("getnewaddress", "", "bech32", wallet="miner")
    node("generatetoaddress", 110, mine)
    for wallet in WALLETS:
        parts = {_address(node, wallet, chance): str(chance.randint(1, 9)) for _ in range(4)}
        node("sendmany", "", parts, wallet="miner")
    node("generatetoaddress", 1, mine)
    for _ in range(4):
        for _ in range(10):
            payer, payee = chance.sample(WALLETS, 2)
            _pay(node, payer, payee, chance)
        node("generatetoaddress", 1, mine)
    note = _note(node, "cleo", chance)
    everything = node("getbalance", wallet="dora")
    there = _address(node, "emil", chance)
    consolidation = node("sendtoaddress", there, str(everything), "", "", True, wallet="dora")
    node("generatetoaddress", 1, mine)
    unconfirmed = node("sendtoaddress", _address(node, "ben", chance), "0.12345678", wallet="anna")
    return Economy(node, _addresses(node), note, consolidation, unconfirmed)


def _address(node: Litecoind, wallet: str, chance: random.Random) -> str:
    return str(node("getnewaddress", "", chance.choice(KINDS), wallet=wallet))


def _pay(node: Litecoind, payer: str, payee: str, chance: random.Random) -> None:
    """Pay a part of what is there; a payer without enough pays nothing."""
    share = Decimal(chance.randint(20, 90)) / 100
    amount = (node("getbalance", wallet=payer) * share).quantize(Decimal(1).scaleb(-chance.choice((1, 2, 8))))
    if amount < Decimal("0.1"):
        return
    try:
        node("sendtoaddress", _address(node, payee, chance), str(amount), wallet=payer)
    except RpcError as error:
        if "nsufficient" not in str(error):
            raise


def _note(node: Litecoind, wallet: str, chance: random.Random) -> str:
    """Send a transaction that carries a text."""
    outputs: list[dict[str, Any]] = [{"data": b"chainflow".hex()}, {_address(node, "anna", chance): "0.0001"}]
    funded = node("fundrawtransaction", node("createrawtransaction", [], outputs), wallet=wallet)
    signed = node("signrawtransactionwithwallet", funded["hex"], wallet=wallet)
    return str(node("sendrawtransaction", signed["hex"]))


def _addresses(node: Litecoind) -> dict[str, tuple[str, ...]]:
    """Return each wallet's addresses that appear on the chain or in the pool, as the node decodes them."""
    seen: set[str] = set()
    for height in range(node("getblockcount") + 1):
        block = node("getblock", node("getblockhash", height), 2)
        seen.update(_paid(block["tx"]))
    seen.update(_paid([node("getrawtransaction", txid, True) for txid in node("getrawmempool")]))
    return {
        wallet: tuple(sorted(a for a in seen if node("getaddressinfo", a, wallet=wallet)["ismine"]))
        for wallet in ("miner", *WALLETS)
    }


def _paid(txs: Sequence[Mapping[str, Any]]) -> set[str]:
    return {
        address
        for tx in txs
        for output in tx["vout"]
        for address in output["scriptPubKey"].get("addresses", ())
    }
