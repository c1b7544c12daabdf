"""CSV exports of Arkham's explorer: transfers on many chains, with names that Arkham gives to addresses.

Three things are kept apart. Transfers on account chains are facts as stated. Amounts went through a
float, so those it cannot hold exactly are marked. Names are claims by Arkham: they never become facts, and
are handed over as rows for tags. Rows of Bitcoin-like chains name no outpoints: they say which
transaction is in which block, and which transactions to fetch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from chainflow.errors import BadInput
from chainflow.formats.accounts import Place, hash_on, party, raw_of
from chainflow.formats.cells import Row
from chainflow.formats.reading import Reading, choose
from chainflow.formats.shape import Format, Parsed, options_of
from chainflow.formats.tables import Layout, columns_of, tables_of
from chainflow.model import Fact, TokenRecord, TransferKind, TxOutline
from chainflow.networks import EVM, is_account_chain
from chainflow.sources.accounts import transfer
from chainflow.transfers import ROUNDED

__all__ = ["CHAINS", "ArkhamCsv"]

CHAINS: Mapping[str, str] = {
    "bitcoin": "btc",
    "litecoin": "ltc",
    "dogecoin": "doge",
    "bitcoin_cash": "bch",
    "zcash": "zec",
    "ethereum": "eth",
    "bsc": "bnb",
    "arbitrum_one": "arbitrum",
    "optimism": "op",
    "avalanche": "avax",
    "tron": "tron",
    **{chain: chain for chain in EVM if chain not in ("eth", "bnb", "op", "avax")},
}
"""Arkham's names of chains → ours."""

_LAYOUT = Layout(by_line=True)  # names with quotation marks stand there as they are
_EXACT = 10**15
"""Below this many base units a float of 53 bits tells every amount from its neighbours."""

_OF_ADDRESS = re.compile(r"\s*\((?:0x)?[0-9A-Za-z]{3,6}\)\s*$")
_MEANINGS = {
    "transactionHash": "txid",
    "fromAddress": "sender",
    "toAddress": "recipient",
    "fromIsContract": "whether the transfer was made inside a transaction",
    "tokenAddress": "contract of the token; empty: the chain's coin",
    "blockTimestamp": "time of the block",
    "blockNumber": "height of the block",
    "blockHash": "hash of the block",
    "tokenName": "what the token calls itself",
    "tokenSymbol": "what the token calls itself",
    "tokenDecimals": "decimals",
    "unitValue": "amount in coins, through a float",
    "chain": "chain",
    "fromLabel": "a claim by Arkham: kept apart, for tags",
    "toLabel": "a claim by Arkham: kept apart, for tags",
}


class ArkhamCsv(Format):
    """Exports of intel.arkm.com."""

    family: ClassVar = "arkham-csv"
    title: ClassVar = "CSV export of Arkham's explorer (transfers on many chains)"
    has_chains: ClassVar = True

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """Return whether the columns are Arkham's."""
        del name
        return {"transactionHash", "fromLabel", "toLabel", "unitValue", "chain"} <= set(columns_of(head))

    @classmethod
    def chains_of(cls, name: str, body: bytes) -> tuple[str, ...]:
        """Return the chains that the rows name, in the file's order."""
        del name
        rows = (row for table in tables_of(body, _LAYOUT) for row in table.rows if isinstance(row, Row))
        named = dict.fromkeys(str(row.value("chain") or "").strip().lower() for row in rows)
        return tuple(dict.fromkeys(CHAINS[theirs] for theirs in named if theirs in CHAINS))

    @staticmethod
    def parse(chain: str, path: str, body: bytes) -> Parsed:
        """Return the rows on `chain`: `TransferRecord`s, of Bitcoin-like chains `TxOutline`s."""
        choose(options_of(path), ArkhamCsv.options)
        reading, said = Reading(), dict[TokenRecord | TxOutline, None]()
        for table in tables_of(body, _LAYOUT):
            for row in reading.rows_of(table, _MEANINGS):
                stated = CHAINS.get(row.text("chain").lower())
                if stated is None:
                    reading.refuse(row, row.refuse("chain", ", ".join(CHAINS)))
                    continue
                reading.chains[stated] += 1
                if stated == chain:
                    reading.use(row, lambda row: _facts(chain, row, said, reading))
        reading.facts += said
        if others := [other for other in reading.chains if other != chain]:
            reading.note(
                f"rows of {', '.join(sorted(others))} are not read with these: say that chain, or --chain all"
            )
        return reading.parsed()

    @classmethod
    def labels(cls, body: bytes) -> tuple[Mapping[str, str], ...]:
        """Return Arkham's names of single addresses as rows for `Tags.of_rows`, each once."""
        found: dict[tuple[str, str, str], Mapping[str, str]] = {}
        for table in tables_of(body, _LAYOUT):
            for row in table.rows:
                if not isinstance(row, Row):
                    continue
                for side in ("from", "to"):
                    address, label = (
                        str(row.value(f"{side}Address") or ""),
                        str(row.value(f"{side}Label") or ""),
                    )
                    name = _OF_ADDRESS.sub("", label)
                    chain = CHAINS.get(str(row.value("chain") or "").lower(), "")
                    if chain and name and address and "," not in address and name != address:
                        words = {"address": address, "label": name, "chain": chain, "source": "Arkham"}
                        found[chain, address, name] = words
        return tuple(found[key] for key in sorted(found))


def _facts(
    chain: str, row: Row, said: dict[TokenRecord | TxOutline, None], reading: Reading
) -> Iterator[Fact]:
    height, time = row.whole_or_none("blockNumber", most=2**53), row.time("blockTimestamp")
    if not is_account_chain(chain):
        block_hash = row.hexadecimal("blockHash", size=32)
        said[TxOutline(chain, row.txid("transactionHash"), height is not None, height, block_hash, time)] = (
            None
        )
        reading.counts["transactions whose block is stated"] += 1
        reading.note(
            "rows of this chain name no outpoints, so no amount of them is a fact: fetch the transactions"
        )
        return
    contract = party(row, "tokenAddress", chain=chain)
    decimals = row.whole("tokenDecimals", most=77)
    raw = raw_of(row, "unitValue", decimals, small=True)
    digits = len(str(row.value("unitValue")).partition("e")[0].replace(".", "").replace(",", "").strip("0"))
    marks = (f"{ROUNDED}: the file states {digits} digits",) if raw >= _EXACT else ()
    block_hash = hash_on(chain, row, "blockHash") if row.has("blockHash") else None
    place: Place = {"height": height, "block_hash": block_hash, "time": time, "position": None}
    kind = TransferKind.TOKEN if contract else TransferKind.NATIVE
    if not contract and row.flag("fromIsContract"):
        kind = TransferKind.INTERNAL  # only people's accounts begin transactions
    sender = party(row, "fromAddress", chain=chain, is_token=bool(contract))
    recipient = party(row, "toAddress", chain=chain, is_token=bool(contract))
    if sender is None and recipient is None:
        raise BadInput("neither sender nor recipient is stated", hint="leave the row out knowingly")
    moved = transfer(
        chain, hash_on(chain, row, "transactionHash"), kind, sender=sender, recipient=recipient, stated_raw=raw,
        ok=None, contract=contract, marks=marks, **place,
    )  # fmt: skip
    if contract:
        said[TokenRecord(chain, contract, row.text("tokenSymbol"), row.text("tokenName"), decimals)] = None
    reading.counts[f"{kind} transfers"] += 1
    reading.counts["transfers whose amount is marked as rounded"] += bool(marks)
    yield moved
