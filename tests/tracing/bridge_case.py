"""A made-up case of the shape of a published one, as the CSV exports of an explorer's website tell it.

The addresses are those of public lists and the first two payments are as published: on 23 March 2022, 173,600 ETH
and 25.5 million USDC left the Ronin bridge. **Every payment after these two is made up**: it shows how such a case
is worked, and says nothing about what the holders of these addresses did.
"""

from __future__ import annotations

import pathlib
from typing import NamedTuple

BRIDGE = "0x1a2a1c938ce3ec39b6d47113c7955baa9dd454f2"
THIEF = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
WALLETS = (
    "0x29fc9b71492ec63696cf9cd56e9832a42b0dced0",
    "0x7e3167771bf23ac10930803589d1424903b36584",
    "0x4fe666ecc5263f5dbb34adb8bc1c8cbb9bbcd1cc",
)
POOL = "0xa160cdab225685da1d56aa342ad8841c3b53f291"
EXCHANGE, FUNDER = f"0x{'e' * 40}", f"0x{'f' * 40}"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
ETH_OUT = "0xc28fad5e8d5e0ce6a2eaf67b6687be5d58113e16be590824d6cfa1a94467d0b7"
USDC_OUT = "0xed2c72ef1a552ddaec6dd1f5cddf0b59a8f37f82bdda5257d9c7c37db7bb9b08"
ETHER, FEE = 10**18, 2_625_000_000_000_000
"""One coin in wei, and the fee of each made-up transaction."""

SENT = (90_000, 60_000, 23_599)
"""Ether that each numbered wallet got in the made-up part."""
DEPOSITS = (9, 6, 3)
"""Deposits of 100 ether that each made into the pool."""

TAGS = [
    {
        "address": POOL,
        "chain": "eth",
        "label": "a mixer's pool",
        "source": "a list",
        "category": "mixing_service",
    },
    {"address": EXCHANGE, "chain": "eth", "label": "an exchange", "source": "a list", "category": "exchange"},
]


def made(number: int) -> str:
    """Return the id of a made-up transaction."""
    return f"0x{number:064x}"


SWAP_OUT, SWAP_IN = made(901), made(902)
"""20 million USDC go to the exchange, and 6,000 ether come back from it."""


class Row(NamedTuple):
    """One payment of an export; `coins` are as the website prints them."""

    txid: str
    minute: int
    sender: str
    recipient: str
    coins: str
    has_failed: bool = False


def native_rows() -> list[Row]:
    """Return the made-up payments of ether: who was paid first by somebody else, who passed on what to whom."""
    calls = [Row(ETH_OUT, 0, THIEF, BRIDGE, "0"), Row(USDC_OUT, 1, THIEF, BRIDGE, "0")]
    rows = [Row(made(1), -60, FUNDER, THIEF, "5"), *calls]
    number = 2
    for at, (wallet, coins) in enumerate(zip(WALLETS, SENT, strict=True)):
        rows.append(Row(made(number), 100 + at, THIEF, wallet, str(coins)))
        number += 1
    for at, (wallet, count) in enumerate(zip(WALLETS, DEPOSITS, strict=True)):
        for one in range(count):
            rows.append(Row(made(number), 200 + 20 * at + one, wallet, POOL, "100"))
            number += 1
    rows.append(Row(made(number), 300, WALLETS[0], POOL, "100", has_failed=True))
    return [*rows, Row(SWAP_IN, 160, EXCHANGE, WALLETS[1], "6000")]


def token_rows() -> list[Row]:
    """Return the payments of USDC: the published one and two made-up ones."""
    return [
        Row(USDC_OUT, 1, BRIDGE, THIEF, "25500000"),
        Row(made(900), 120, THIEF, WALLETS[1], "20000000.000001"),
        Row(SWAP_OUT, 150, WALLETS[1], EXCHANGE, "20000000"),
    ]


def conversion_csv() -> str:
    """Return the exchange of dollars for ether as an analyst states it."""
    names = "kind,evidence,reason,source," + ",".join(
        f"{side}_{name}"
        for side in ("paid", "received")
        for name in ("chain", "txid", "asset", "address", "amount_raw")
    )
    paid = ("eth", SWAP_OUT, f"eth:{USDC}", EXCHANGE, str(20_000_000 * 10**6))
    received = ("eth", SWAP_IN, "eth", WALLETS[1], str(6_000 * ETHER))
    return f"{names}\nswap,id,the exchange's order book,the exchange,{','.join((*paid, *received))}\n"


def write_exports(folder: pathlib.Path) -> list[pathlib.Path]:
    """Write the three exports (transactions, internal, tokens) and return their paths."""
    native = _HEAD + "".join(_native(row) for row in native_rows())
    inside = _INSIDE + _line(
        ETH_OUT, *_when(0), THIEF, BRIDGE, "0", BRIDGE, THIEF, "", "173600", "0", "0", "0", "0", "", "call"
    )
    tokens = _TOKEN + "".join(
        _line(
            row.txid, *_when(row.minute), row.sender, row.recipient, row.coins, "$1", USDC, "USD Coin", "USDC"
        )
        for row in token_rows()
    )
    paths = []
    for name, text in (("native.csv", native), ("internal.csv", inside), ("tokens.csv", tokens)):
        paths.append(folder / name)
        paths[-1].write_text(text, encoding="utf-8")
    return paths


_HEAD = (
    '"Transaction Hash","Blockno","UnixTimestamp","DateTime (UTC)","From","To","ContractAddress","Value_IN(ETH)",'
    '"Value_OUT(ETH)","CurrentValue @ $2500.00/Eth","TxnFee(ETH)","TxnFee(USD)","Historical $Price/Eth","Status",'
    '"ErrCode","Method"\n'
)
_INSIDE = (
    '"Transaction Hash","Blockno","UnixTimestamp","DateTime (UTC)","ParentTxFrom","ParentTxTo","ParentTxETH_Value",'
    '"From","TxTo","ContractAddress","Value_IN(ETH)","Value_OUT(ETH)","CurrentValue @ $1/Eth","Historical $Price/Eth",'
    '"Status","ErrCode","Type"\n'
)
_TOKEN = (
    '"Transaction Hash","Blockno","UnixTimestamp","DateTime (UTC)","From","To","TokenValue","USDValueDayOfTx",'
    '"ContractAddress","TokenName","TokenSymbol"\n'
)


def _when(minute: int) -> tuple[str, str, str]:
    """Return block, time and printed time, a made-up number of minutes after the first payment."""
    seconds = 1_648_042_149 + 60 * minute
    hour, second = divmod(seconds - 1_647_993_600, 3600)
    day, hour = divmod(hour, 24)
    printed = f"2022-03-{23 + day:02} {hour:02}:{second // 60:02}:{second % 60:02}"
    return str(14_442_835 + 5 * minute), str(seconds), printed


def _native(row: Row) -> str:
    status = "Error(0)" if row.has_failed else ""
    return _line(
        row.txid, *_when(row.minute), row.sender, row.recipient, "", "0", row.coins, "0", "0.002625", "0", "0", status,
        "", "Transfer",
    )  # fmt: skip


def _line(*cells: str) -> str:
    return ",".join(f'"{cell}"' for cell in cells) + "\n"
