"""Made-up payments for the tests of change rules: votes by owner, inputs not in evidence, whole histories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st

from chainflow.clustering.change import Change, Payments
from chainflow.clustering.change.amounts import (
    AddressTypeChange,
    LoneTypeChange,
    OptimalChange,
    PowerOfTenChange,
    PrecisionChange,
    UnnecessaryInputChange,
)
from chainflow.clustering.change.graphsense import ClusterChange, ConsensusChange
from chainflow.clustering.change.histories import (
    ErmilovChange,
    FreshChange,
    LegacyChange,
    OneTimeChange,
    SelfChange,
    ShadowChange,
)
from chainflow.ledger import Ledger
from chainflow.model import Listing, TxRecord
from tests.made import ledger, origin, script, tx

RULES: tuple[Change, ...] = (
    OptimalChange(),
    OptimalChange(min_inputs=2),
    UnnecessaryInputChange(),
    AddressTypeChange(),
    AddressTypeChange(form="two-outputs"),
    LoneTypeChange(),
    PowerOfTenChange(),
    PowerOfTenChange(digits=2),
    PrecisionChange(),
    OneTimeChange(),
    OneTimeChange(wait_blocks=2),
    ShadowChange(),
    FreshChange(),
    SelfChange(),
    LegacyChange(),
    ErmilovChange(),
    ConsensusChange(),
    ClusterChange(),
)


def votes(rule: Change, of: Ledger | TxRecord, record: TxRecord | None = None) -> list[int]:
    """Return the votes on the candidates of one transaction, in output order: of the last one by default."""
    made = of if isinstance(of, Ledger) else ledger(of)
    payments = Payments.of(made)
    txid = made.index.txids[-1] if record is None else record.txid
    (row,) = made.index.tx_rows(txid)
    return [int(vote) for vote in rule.votes(payments)[payments.tx == row]]


def linked(rule: Change, of: Ledger) -> list[tuple[str, str]]:
    """Return the ends of a rule's links."""
    found = rule.links(of)
    return list(zip(found["a"].to_pylist(), found["b"].to_pylist(), strict=True))


def calls(rule: Change, of: Ledger, owners: Mapping[str, str]) -> tuple[int, int]:
    """Return (calls that are right, calls) of a rule, where each transaction's inputs have one known owner."""
    payments = Payments.of(of)
    owner = [owners.get(label) for label in of.index.labels]
    senders: dict[int, set[str | None]] = {}
    for row, script_number in zip(payments.input_tx.tolist(), payments.input_script.tolist(), strict=True):
        senders.setdefault(row, set()).add(owner[script_number])
    called = rule.candidates(payments)
    pairs = zip(payments.tx[called].tolist(), payments.script[called].tolist(), strict=True)
    right = [senders[row] == {owner[one]} for row, one in pairs if len(senders[row] - {None}) == 1]
    return sum(right), len(right)


def hide(record: TxRecord, *inputs: int) -> TxRecord:
    """Return a transaction of which nobody states what some of its inputs spend."""
    kept = (replace(one, prevout=None) if n in inputs else one for n, one in enumerate(record.inputs))
    return replace(record, inputs=tuple(kept))


def address(owner: str) -> str:
    """Return the address that `script(owner)` has."""
    found = ledger(tx([origin(2, "nobody")], [(1, owner)])).outputs.to_pylist()
    return next(row["address"] for row in found if row["script"] == script(owner).hex())


def whole(owner: str, *records: TxRecord) -> Listing:
    """Return a source's statement that these are all transactions of an owner's address."""
    txids = tuple(record.txid for record in reversed(records))
    return Listing("btc-regtest", address(owner), "", txids, complete=True)


_OWNERS = st.sampled_from(["ann", "ben", "cat", "p2pkh:dan", "p2sh:eve", "p2pkh:fay"])
_VALUES = st.sampled_from([3, 40, 999, 1_000, 12_345, 40_000, 2_000_000, 2_000_001, 70_000_000])


@st.composite
def histories(draw: st.DrawFn) -> list[TxRecord]:
    """Draw up to six transactions that spend coins of before, or coins whose origin is not held."""
    records: list[TxRecord] = []
    unspent: list[tuple[str, int, int, str]] = []
    for number in range(1, draw(st.integers(2, 7))):
        spends = [
            unspent.pop(draw(st.integers(0, len(unspent) - 1)))
            if unspent and draw(st.booleans())
            else origin(draw(_VALUES), draw(_OWNERS), number=10 * number + n)
            for n in range(draw(st.integers(1, 3)))
        ]
        pays = draw(st.lists(st.tuples(_VALUES, _OWNERS), min_size=1, max_size=3))
        records.append(tx(spends, pays, height=100 + number))
        unspent += [(records[-1].txid, n, value, owner) for n, (value, owner) in enumerate(pays)]
    return records
