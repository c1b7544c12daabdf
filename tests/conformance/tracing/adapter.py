"""How chainflow is asked the scenarios: facts to a ledger, a question to `trace`, a trace to an answer."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

from chainflow.addresses import address_of
from chainflow.errors import BadInput
from chainflow.ledger import Ledger, build
from chainflow.ledger.store import record_of
from chainflow.model import (
    EndReason,
    Evidence,
    Fact,
    Listing,
    Outpoint,
    OutputRecord,
    Recipe,
    SpendRecord,
    Tip,
    TransferKind,
    TransferRecord,
    TxRecord,
)
from chainflow.scripts import make_script
from chainflow.sources.accounts import transfer
from chainflow.tags import Tags
from chainflow.tracing import Claim, Trace, trace
from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions import Conversion, Conversions, Leg
from chainflow.wire import Transaction, TxInput, TxOutput
from tests.conformance.tracing.suite import Answer, Json, Refused

OUTPUTS, ACCOUNTS = "btc", "eth"
LISTS = ("native", "internal", "withdrawals", "rewards", "token", "nft", "token1155")
ONE = Evidence(1, "01" * 32, "esplora:https://blockstream.info/api", "", 0)
OTHER = Evidence(2, "02" * 32, "esplora:https://mempool.space/api", "", 0)


class Clusters:
    """Clusters as the question states them."""

    def __init__(self, sets: list[list[str]]) -> None:
        self.recipe = Recipe("clusters", {"sets": sets})
        self.by_address = {address: sorted(some)[0] for some in sets for address in some}
        self.sets = {sorted(some)[0]: tuple(some) for some in sets}

    def of(self, address: str) -> str:
        return self.by_address.get(address, address)

    def members(self, cluster: str) -> tuple[str, ...]:
        return self.sets.get(cluster, (cluster,))


@dataclass
class Names:
    """What scenarios call things → what chainflow calls them, and back."""

    txids: dict[str, str] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)
    transfers: dict[str, tuple[str, str]] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    payees: dict[str, str] = field(default_factory=dict)
    legs: dict[str, tuple[Asset, str, int]] = field(default_factory=dict)

    @cached_property
    def back(self) -> dict[tuple[str, str], str]:
        """(txid, place) → name of a transfer, or of a transaction of outputs, whose place is ""."""
        return {(txid, ""): name for name, txid in self.txids.items()} | {
            place: name for name, place in self.transfers.items()
        }

    def place(self, name: str) -> str:
        """Return a seed: a transfer, an output, a transaction, or an address."""
        if name in self.transfers:
            txid, place = self.transfers[name]
            return f"{txid}:{place}" if place else txid
        known, colon, vout = name.partition(":")
        if known in self.txids or colon:
            return f"{self.txids.get(known, hashlib.sha256(known.encode()).hexdigest())}{colon}{vout}"
        return self.address(name)

    def address(self, name: str) -> str:
        unseen = account(name) if self.transfers else str(address_of(script(name), OUTPUTS))
        return self.addresses.get(name, unseen)


def account(name: str) -> str:
    return "0x" + hashlib.sha256(name.encode()).hexdigest()[:40]


def script(name: str) -> bytes:
    return make_script("p2wpkh", hashlib.sha256(name.encode()).digest()[:20])


def ask_chainflow(ledger: Json, ask: Json, policy: str) -> Answer:
    """Answer one question with chainflow."""
    try:
        made, names = _held(json.dumps(ledger))
        trail = trace(made, _seeds(ask["seeds"], names), policy, **_options(ask, names, made))
    except BadInput as error:
        raise Refused(str(error)) from error
    return answer_of(trail, names)


@cache
def _held(facts: str) -> tuple[Ledger, Names]:
    return ledger_of(json.loads(facts))


# --- facts ------------------------------------------------------------------------------------------


def ledger_of(facts: Json) -> tuple[Ledger, Names]:
    """Return the ledger of a scenario."""
    names = Names()
    stated: list[tuple[Fact, Evidence]] = [(Tip(OUTPUTS, 10**9), ONE), (Tip(ACCOUNTS, 10**9), ONE)]
    made: dict[str, TxRecord] = {}
    for entry in facts["transactions"]:
        made[entry["id"]] = _transaction(entry, made, names)
        stated.append((made[entry["id"]], ONE))
    for entry in facts["transfers"]:
        stated.append((_transfer(entry, names), ONE))
    for entry in facts.get("contradicted", []):
        change = {name: value for name, value in entry.items() if name != "id"}
        if entry["id"] in made:
            height = change["height"]
            stated.append((replace(made[entry["id"]], height=height, block_hash=f"{height:064x}"), OTHER))
        else:
            (first,) = (one for one in facts["transfers"] if one["id"] == entry["id"])
            stated.append((_transfer(first | change, names), OTHER))
    for name, state in facts.get("states", {}).items():
        spender = (None, None) if state == "unspent" else ("e" * 64, 0)
        stated.append((SpendRecord(OUTPUTS, Outpoint.parse(names.place(name)), *spender), ONE))
    stated += [(page, ONE) for name in facts.get("complete", []) for page in _whole(name, facts, names)]
    return build(stated), names


def _transaction(entry: Json, made: dict[str, TxRecord], names: Names) -> TxRecord:
    spent, prevouts = [], list[OutputRecord | None]()
    for number, one in enumerate(entry.get("inputs", [])):
        if isinstance(one, str):
            maker, vout = one.split(":")
            spent.append(TxInput(made[maker].txid, int(vout), b"", 0xFFFFFFFD))
            prevouts.append(made[maker].outputs[int(vout)])
        else:
            unseen = hashlib.sha256(f"{entry['id']} {number}".encode()).hexdigest()
            names.unseen[unseen] = f"{entry['id']} input {number}"
            spent.append(TxInput(unseen, 0, b"", 0xFFFFFFFD))
            known = one["value"] is not None
            prevouts.append(OutputRecord(int(one["value"]), script(one["address"]).hex()) if known else None)
    outputs = tuple(
        TxOutput(max(0, int(one["value"])), script(one["address"]) if "address" in one else b"\x6a\x01x")
        for one in entry["outputs"]
    )
    for one in (*entry.get("inputs", []), *entry["outputs"]):
        if isinstance(one, dict) and "address" in one:
            address = address_of(script(one["address"]), OUTPUTS)
            names.addresses[one["address"]] = str(address)
    is_coinbase = entry.get("coinbase", False)
    if is_coinbase:
        spent, prevouts = [TxInput(hashlib.sha256(entry["id"].encode()).hexdigest(), 0, b"", 0)], [None]
    raw = Transaction(2, tuple(spent), outputs).serialize()
    found = record_of(raw, prevouts, chain=OUTPUTS, block=_block(entry))
    if is_coinbase:
        found = replace(found, inputs=(), is_coinbase=True)
    values = [int(one["value"]) for one in entry["outputs"]]
    stated = tuple(replace(one, value_sat=value) for one, value in zip(found.outputs, values, strict=True))
    if stated != found.outputs:  # no bytes can state less than nothing, but a source's reply can
        found = replace(found, outputs=stated, raw=None)
    names.txids[entry["id"]] = found.txid
    names.legs |= {
        f"{entry['id']}:{vout}": (Asset(OUTPUTS, None), "", one.value_sat) for vout, one in enumerate(outputs)
    }
    return found


def _block(entry: Json) -> tuple[int | None, str | None, int | None, int | None]:
    height = None if entry["height"] is None else int(entry["height"])
    if height is None:
        return (None, None, None, None)
    time = entry.get("time", 1_700_000_000 + 600 * height)
    return (height, f"{height:064x}", time, entry.get("position"))


def _transfer(entry: Json, names: Names) -> TransferRecord:
    is_own = entry["asset"] == "ETH"
    place = entry.get("place", "")
    kind = TransferKind(
        entry.get("kind") or ("native" if is_own and not place else "internal" if is_own else "token")
    )
    contract = None if is_own else account(f"token {entry['asset']}")
    height = None if entry["height"] is None else int(entry["height"])
    txid = "0x" + hashlib.sha256(entry.get("tx", entry["id"]).encode()).hexdigest()
    names.transfers[entry["id"]] = (txid, place)
    names.assets[entry["asset"]] = Asset(ACCOUNTS, contract)
    ends = {side: entry[name] for side, name in (("sender", "from"), ("recipient", "to"))}
    names.addresses |= {name: account(name) for name in ends.values() if name is not None}
    amount = int(entry["amount"])
    names.legs[entry["id"]] = (Asset(ACCOUNTS, contract), place, amount)
    names.payees[entry["id"]] = "" if entry["to"] is None else account(entry["to"])
    return transfer(
        ACCOUNTS,
        txid,
        kind,
        **{side: None if name is None else account(name) for side, name in ends.items()},
        stated_raw=amount,
        ok=entry.get("ok", True),
        contract=contract,
        place=place,
        height=height,
        block_hash=None if height is None else f"0x{height:064x}",
        time=entry.get("time", None if height is None else 1_700_000_000 + 12 * height),
        position=entry.get("position"),
    )


def _whole(name: str, facts: Json, names: Names) -> Iterator[Listing]:
    """Yield that every list of an account was given to its end."""
    for which in LISTS:
        txids = {
            names.transfers[one["id"]][0]: None
            for one in facts["transfers"]
            if name in (one["from"], one["to"])
        }
        yield Listing(ACCOUNTS, account(name), "", tuple(txids), complete=True, which=which)


# --- the question -----------------------------------------------------------------------------------


def _seeds(seeds: Json, names: Names) -> dict[str, list[Claim]]:
    parsed = {label: [Claim.parse(one) for one in some] for label, some in seeds.items()}
    return {
        label: [Claim(names.place(one.where), one.amount) for one in some] for label, some in parsed.items()
    }


def _options(ask: Json, names: Names, ledger: Ledger) -> Json:
    same = ("direction", "max_hops", "max_txs", "min_purity_ppm", "within", "max_cluster")
    found: Json = {name: ask[name] for name in same if name in ask}
    if "dust" in ask:
        found["dust_sat"] = int(ask["dust"])
    for name in ("stop", "targets", "contracts"):
        if name in ask:
            found[name] = [names.address(one) for one in ask[name]]
    if "tags" in ask:
        rows = [
            {"address": names.address(name), "label": name, "category": kind, "source": "https://example.org"}
            for name, kind in ask["tags"].items()
        ]
        found["stop"] = Tags.of_rows(rows)
    if "coinjoins" in ask:
        found["coinjoins"] = [names.txids[one] for one in ask["coinjoins"]]
    if "asset" in ask:
        contract = names.assets[ask["asset"]].contract
        found["asset"] = "native" if contract is None else contract
    if "clusters" in ask:
        found["owners"] = Clusters([[names.address(one) for one in some] for some in ask["clusters"]])
    if "conversions" in ask:
        found["conversions"] = Conversions(tuple(_conversion(one, names) for one in ask["conversions"]))
    return found


def _conversion(stated: Json, names: Names) -> Conversion:
    return Conversion(
        _leg(stated["paid"], stated.get("paid_amount"), names),
        _leg(stated["received"], stated.get("received_amount"), names),
        stated["kind"],
        "id",
        "the scenario says so",
        "scenario",
        stated.get("candidates", 1),
    )


def _leg(name: str, amount: str | None, names: Names) -> Leg:
    asset, place, value = names.legs[name]
    if name in names.transfers:
        txid = names.transfers[name][0]
    else:
        known, _, place = name.partition(":")
        txid = names.txids[known]
    payee = names.payees.get(name, "")
    return Leg(asset.chain, txid, place, asset, payee, value if amount is None else int(amount))


# --- the answer -------------------------------------------------------------------------------------


def answer_of(trail: Trace, names: Names) -> Answer:
    """Return what a trace says, in the scenario's names."""
    reasons = {reason.value: reason.name.lower() for reason in EndReason}
    assets = {asset: name for name, asset in names.assets.items()} | {Asset(OUTPUTS, None): "BTC"}
    whose = {address: name for name, address in names.addresses.items()}
    closing: dict[str, dict[str, int]] = {}
    reached, at = Counter[str](), Counter[str]()
    for leg in (trail, *trail.legs):
        for asset, (opening, ended) in leg.closing().totals.items():
            assert opening == ended == sum(leg.opened[asset].values())
        for asset in leg.assets:
            said = leg.balance_of(asset)
            closing[assets[asset]] = {reasons[reason]: amount for reason, amount in said.items()}
        for name, amount in _reached(leg, names):
            reached[name] += amount
        for end in leg.end_rows():
            if end.address is not None:
                at[whose.get(end.address, end.address)] += end.tainted_raw
    labels = trail.by_seed if len(trail.assets) == 1 else {}
    return Answer(
        closing,
        reached,
        at,
        {label: {reasons[one]: amount for one, amount in book.items()} for label, book in labels.items()},
        frozenset(
            (_named(*row[0].partition(":")[::2], names), row[1], row[2], row[3])
            for row in trail.collisions.itertuples(index=False)
        ),
    )


def _reached(trail: Trace, names: Names) -> Iterator[tuple[str, int]]:
    is_account = "tainted_raw" in trail.outputs
    columns = ("txid", "place", "tainted_raw") if is_account else ("txid", "vout", "tainted_sat")
    for txid, place, amount in zip(*(trail.outputs[name].tolist() for name in columns), strict=True):
        yield _named(txid, place, names), int(amount)


def _named(txid: Any, place: Any, names: Names) -> str:
    """Return what a scenario calls an output or a transfer; one that is not in its facts is told by its spender."""
    if not isinstance(txid, str) or txid == "held before the evidence":
        return "held before"
    back = names.back
    return back.get((txid, place)) or names.unseen.get(txid) or f"{back[txid, '']}:{place}"
