"""What an Esplora explorer that knows only one ledger answers to a path; no network.

Esplora has no word for "unknown". Where the ledger does not know whether an output is spent, or does not
hold all of a history, the explorer declines instead of saying `unspent` or giving a part as the whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from chainflow import wire
from chainflow.addresses import decode
from chainflow.errors import AddressInvalid, BadInput, IncompleteData, NotFound
from chainflow.ledger import Ledger

__all__ = ["Answer", "Replay", "text_answer"]

_MOST_UNCONFIRMED = 50
_MOST_BATCHED = 50
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_TYPES = {"p2wpkh": "v0_p2wpkh", "p2wsh": "v0_p2wsh", "p2tr": "v1_p2tr", "witness_unknown": "unknown"}
"""Script types that have another name in Esplora."""


class Answer(NamedTuple):
    """What is sent back: a status, the type of the body, the body."""

    status: int
    content_type: str
    body: bytes


class _History(NamedTuple):
    """Rows of the outputs to one script, and of the transactions held that touch it, newest first.

    `total` is how many transactions there are at least.
    """

    outputs: list[int]
    txs: list[int]
    total: int


class Replay:
    """What an explorer that knows only this ledger answers to a path; no network, no state.

    Parameters
    ----------
    ledger : Ledger
        Of one chain, with the bytes of every transaction.
    page_size : int
        Confirmed transactions on a page of a history; public servers have 25.
    closed_world : bool
        Whether nothing exists but what the ledger holds: then what it does not know to be spent is
        unspent, and what it holds of an address is all. Right for a made-up chain, never for a case.
    batched_outspends : bool
        Whether `/txs/outspends?txids=` is answered, as mempool.space's servers do and others do not.

    Raises
    ------
    IncompleteData
        If the ledger is not of one chain, or lacks the bytes of a transaction.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        page_size: int = 25,
        closed_world: bool = False,
        batched_outspends: bool = True,
    ) -> None:
        ledger.refuse_accounts("serving")
        if missing := ledger.txs["raw"].null_count:
            raise IncompleteData(
                f"the bytes of {missing:,} of {len(ledger):,} transactions are not held",
                hint="an explorer shows scripts and witnesses: fetch them from a source that gives both",
            )
        self.ledger, self.chain, self.page_size = ledger, ledger.chain, page_size
        self.closed_world, self.batched_outspends = closed_world, batched_outspends
        self._txs: dict[str, list[Any]] = ledger.txs.to_pydict()
        self._outputs: dict[str, list[Any]] = ledger.outputs.to_pydict()

    def answer(self, path: str) -> Answer:
        """Return the answer to a GET of `path`, with or without `/api` before it."""
        place, _, query = path.partition("?")
        try:
            found = self._route(place.removeprefix("/api").split("/")[1:], query)
        except AddressInvalid:
            return text_answer("Invalid Bitcoin address", status=400)
        except BadInput as error:
            return text_answer(error.message, status=400)
        except NotFound as error:
            return text_answer(error.message, status=404)
        if isinstance(found, Answer):
            return found
        body = json.dumps(found, separators=(",", ":")).encode()
        return Answer(200, "application/json", body)

    def _route(self, steps: Sequence[str], query: str) -> object:
        match steps:
            case ["blocks", "tip", "height"]:
                return text_answer(str(self._tip))
            case ["blocks", "tip", "hash"]:
                return text_answer(self._block_hash(self._tip))
            case ["block-height", height]:
                return text_answer(self._block_hash(_number(height)))
            case ["tx", txid, "outspend", vout]:
                return self._spend(self._output_row(_txid(txid), _number(vout)))
            case ["tx", txid, *rest] if len(rest) <= 1:
                return self._about_tx(_txid(txid), *rest)
            case ["txs", "outspends"] if self.batched_outspends:
                return self._batch(parse_qs(query).get("txids", [""])[0].split(","))
            case [("address" | "scripthash") as kind, name, *rest] if len(rest) <= 3:
                return self._about_script(kind, name, rest)
        raise NotFound("endpoint does not exist")

    def _about_tx(self, txid: str, what: str = "") -> object:
        row = self.ledger.index.row_of_tx.get((self.chain, txid))
        if row is None:
            raise NotFound("Transaction not found")
        raw: bytes = self._txs["raw"][row]
        match what:
            case "":
                return self._tx(row)
            case "hex":
                return text_answer(raw.hex())
            case "raw":
                return Answer(200, "application/octet-stream", raw)
            case "status":
                return self._status(row)
            case "outspends":
                return [self._spend(output) for output in self.ledger.index.outputs_of(row).tolist()]
        raise NotFound("endpoint does not exist")

    def _batch(self, txids: Sequence[str]) -> list[object]:
        """Return mempool's batch; as there, an empty list says that nothing can be told of a txid."""
        if len(txids) > _MOST_BATCHED:
            raise BadInput("Too many txids requested")
        spends: list[object] = []
        for txid in map(_txid, txids):
            try:
                spends.append(self._about_tx(txid, "outspends"))
            except NotFound:
                spends.append([])
        return spends

    def _about_script(self, kind: str, name: str, rest: Sequence[str]) -> object:
        label = self._label(kind, name)
        history = self._history(label)
        complete, claimed, refused = self._claims.get(label, (False, -1, ""))
        if not (self.closed_world or complete or claimed >= history.total):
            raise NotFound(f"Not found in this ledger: the whole history of {name}")
        history = history if complete else history._replace(total=max(claimed, history.total))
        match rest:
            case []:
                return {kind: name, **self._stats(history)}
            case [*_] if not complete and (refused or (history.total and not history.txs)):
                raise BadInput(refused or "Too many history entries")
            case ["txs"]:
                rows = self._unconfirmed(history) + self._confirmed(history)
            case ["txs", "mempool"]:
                rows = self._unconfirmed(history)
            case ["txs", "chain", *last]:
                rows = self._confirmed(history, *last)
            case ["utxo"]:
                return self._unspent(history)
            case _:
                raise NotFound("endpoint does not exist")
        return [self._tx(row) for row in rows]

    @cached_property
    def _tip(self) -> int:
        confirmed = (height for height in self._txs["height"] if height is not None)
        return max(confirmed, default=0) if self.ledger.as_of is None else self.ledger.as_of

    def _block_hash(self, height: int) -> str:
        hashes = dict(zip(self._txs["height"], self._txs["block_hash"], strict=True))
        if not hashes.get(height):
            raise NotFound("Block not found")
        return str(hashes[height])

    @cached_property
    def _claims(self) -> dict[str, tuple[bool, int, str]]:
        """Map an address to whether a source gave its whole history, the most that one claimed, and in
        which words one refused it ("" where none did).
        """
        claims: dict[str, tuple[bool, int, str]] = {}
        for row in self.ledger.coverage.to_dict("records"):
            complete, most, refused = claims.get(row["address"], (False, -1, ""))
            claimed = row["claimed"] if isinstance(row["claimed"], int) else -1
            limit, _, words = str(row["reason"]).partition(": ")
            refused = words.strip("'") if limit == "limited" else refused
            claims[row["address"]] = (complete or row["state"] == "complete", max(most, claimed), refused)
        return claims

    @cached_property
    def _labels(self) -> dict[str, str]:
        """Map Esplora's script hash (SHA-256, in the order computed) to an address or `script:<hex>`."""
        scripts = zip(self._outputs["script"], self._outputs["address"], strict=True)
        return {
            hashlib.sha256(bytes.fromhex(script)).hexdigest(): address or f"script:{script}"
            for script, address in dict.fromkeys(scripts)
        }

    def _label(self, kind: str, name: str) -> str:
        if kind == "scripthash":
            if not _HEX.fullmatch(name):
                raise BadInput("Invalid scripthash")
            return self._labels.get(name.lower(), "")
        if self.chain not in decode(name).chains:
            raise BadInput("Address on invalid network")
        return decode(name, chain=self.chain).address

    def _history(self, label: str) -> _History:
        index = self.ledger.index
        outputs = [
            row
            for script in index.scripts_of_label.get(label, [])
            for row in index.outputs_to(script).tolist()
        ]
        txids = {self._outputs["txid"][row] for row in outputs}
        txids |= {self._outputs["spent_by"][row] for row in outputs} - {None}
        held = {index.row_of_tx[self.chain, txid] for txid in txids if (self.chain, txid) in index.row_of_tx}
        return _History(outputs, sorted(held, reverse=True), len(txids))

    def _unconfirmed(self, history: _History) -> list[int]:
        return [row for row in history.txs if self._txs["height"][row] is None][:_MOST_UNCONFIRMED]

    def _confirmed(self, history: _History, last: str = "") -> list[int]:
        rows = [row for row in history.txs if self._txs["height"][row] is not None]
        if _HEX.fullmatch(last):  # whatever else stands there is ignored, as by Esplora
            txids = [self._txs["txid"][row] for row in rows]
            rows = rows[txids.index(last) + 1 :] if last in txids else []
        return rows[: self.page_size]

    def _stats(self, history: _History) -> dict[str, object]:
        waiting = sum(self._txs["height"][row] is None for row in history.txs)
        counts = {"tx_count": history.total - waiting}, {"tx_count": waiting}
        if (
            len(history.txs) < history.total
        ):  # sums over a part would be false; the count is the source's word
            words = f"{len(history.txs)} of {history.total} transactions are in this ledger"
            return {"chain_stats": counts[0], "mempool_stats": counts[1], "partial": words}
        return {
            "chain_stats": {**self._sums(history, confirmed=True), **counts[0]},
            "mempool_stats": {**self._sums(history, confirmed=False), **counts[1]},
        }

    def _sums(self, history: _History, *, confirmed: bool) -> dict[str, int]:
        sums = {}
        for name, by in (("funded", self.ledger.index.created_by), ("spent", self.ledger.index.spent_by)):
            rows = [
                row
                for row in history.outputs
                if (name == "funded" or self._outputs["spent_by"][row])
                and self._is_in_block(by[row]) is confirmed
            ]
            sums[f"{name}_txo_count"] = len(rows)
            sums[f"{name}_txo_sum"] = sum(self._outputs["value_sat"][row] for row in rows)
        return sums

    def _is_in_block(self, tx: int) -> bool:
        """Return whether a transaction is confirmed; of one that is not held nobody said otherwise."""
        return bool(tx < 0 or self._txs["height"][tx] is not None)

    def _unspent(self, history: _History) -> list[object]:
        return [
            {
                "txid": self._outputs["txid"][row],
                "vout": self._outputs["vout"][row],
                "status": self._status(int(self.ledger.index.created_by[row])),
                "value": self._outputs["value_sat"][row],
            }
            for row in history.outputs
            if not self._spend(row)["spent"]
        ]

    def _output_row(self, txid: str, vout: int) -> int:
        rows = self.ledger.index.row_of_outpoint.get((txid, vout))
        if not rows:
            raise NotFound("Transaction not found")
        return rows[0]

    def _spend(self, row: int) -> dict[str, object]:
        state, by = self._outputs["spend_state"][row], self._outputs["spent_by"][row]
        if state == "spent":
            spend = {"spent": True, "txid": by, "vin": self._outputs["spent_vin"][row]}
            spender = int(self.ledger.index.spent_by[row])
            # of a spender that is not held nobody said in which block it is
            return spend if spender < 0 else {**spend, "status": self._status(spender)}
        if state == "unknown" and not self.closed_world and self._outputs["script_type"][row] != "op_return":
            outpoint = f"{self._outputs['txid'][row]}:{self._outputs['vout'][row]}"
            raise NotFound(f"Not found in this ledger: whether {outpoint} is spent")
        return {"spent": False}

    def _status(self, row: int) -> dict[str, object]:
        height, time = self._txs["height"][row], self._txs["time"][row]
        if height is None:
            return {"confirmed": False}
        place = {"block_height": height, "block_hash": self._txs["block_hash"][row]}
        return {"confirmed": True, **place, "block_time": None if time is None else int(time.timestamp())}

    def _tx(self, row: int) -> dict[str, object]:
        tx = wire.parse_transaction(self._txs["raw"][row])
        prevouts = {self._outputs["spent_vin"][o]: o for o in self.ledger.index.inputs_of(row).tolist()}
        return {
            "txid": self._txs["txid"][row],
            "version": tx.version,
            "locktime": tx.locktime,
            "vin": [_input(spent, self._output(prevouts.get(vin))) for vin, spent in enumerate(tx.inputs)],
            "vout": [self._output(output) for output in self.ledger.index.outputs_of(row).tolist()],
            "size": tx.size,
            "weight": tx.weight,
            "fee": self._txs["fee_sat"][row],
            "status": self._status(row),
        }

    def _output(self, row: int | None) -> dict[str, object] | None:
        if row is None:
            return None
        kind, address = self._outputs["script_type"][row], self._outputs["address"][row]
        shown = {"scriptpubkey": self._outputs["script"][row], "scriptpubkey_type": _TYPES.get(kind, kind)}
        named = {} if address is None else {"scriptpubkey_address": address}
        return {**shown, **named, "value": self._outputs["value_sat"][row]}


def _input(spent: wire.TxInput, prevout: dict[str, object] | None) -> dict[str, object]:
    witness = {"witness": [item.hex() for item in spent.witness]} if spent.witness else {}
    return {
        "txid": spent.txid,
        "vout": spent.vout,
        "prevout": prevout,
        "scriptsig": spent.scriptsig.hex(),
        **witness,
        "is_coinbase": spent.is_null,
        "sequence": spent.sequence,
    }


def _txid(text: str) -> str:
    if not _HEX.fullmatch(text):
        raise BadInput("Invalid hex string")
    return text.lower()


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise BadInput("Invalid number")
    return int(text)


def text_answer(text: str, *, status: int = 200) -> Answer:
    """Return a plain text, as Esplora sends heights, hashes and errors."""
    return Answer(status, "text/plain", text.encode())
