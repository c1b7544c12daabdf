"""Claimed amounts against the script engine of Bitcoin Core: what the spenders' signatures commit to.

Needs the extra `verify`. Nothing is asked of anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from types import ModuleType
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from chainflow import cards, schema
from chainflow.errors import BadInput, MissingExtra
from chainflow.ledger import Ledger
from chainflow.model import Outpoint, Recipe, digest_of
from chainflow.scripts import script_type
from chainflow.wire import Transaction, TxInput, TxOutput, parse_transaction

__all__ = ["FAILS", "NOT_CHECKED", "PROVED", "SCRIPT_ONLY", "AmountProof", "prove_amounts"]

PROVED, SCRIPT_ONLY, NOT_CHECKED, FAILS = "proved", "script only", "not checked", "FAILS"
"""What is known of a claimed amount, the best first; the column `reason` says why it is not proved."""

_COLUMNS = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("txid", pa.string(), nullable=False),
        pa.field("vin", pa.int64(), nullable=False),
        pa.field("outpoint", pa.string()),  # null: the transaction was not read
        pa.field("value_sat", pa.int64()),  # as claimed; null: nobody said
        pa.field("script_type", pa.string()),
        pa.field("state", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)

_AMOUNTS = {"P2SH": 0, "WITNESS": 0, "TAPROOT": 0}
_RULES: Mapping[str, Mapping[str, int]] = {
    "btc": _AMOUNTS
    | {
        "DERSIG": 363_725,
        "CHECKLOCKTIMEVERIFY": 388_381,
        "CHECKSEQUENCEVERIFY": 419_328,
        "NULLDUMMY": 481_824,
    },
    "ltc": {
        "P2SH": 218_579,
        "DERSIG": 811_879,
        "CHECKLOCKTIMEVERIFY": 918_684,
        "CHECKSEQUENCEVERIFY": 1_201_536,
        "NULLDUMMY": 1_201_536,
        "WITNESS": 1_201_536,
        "TAPROOT": 2_370_816,  # active by then; a claim below is at worst called weaker than it is
    },
}
"""Chain → rule → the first block that obeys it; as in Bitcoin Core, three hold from its first block on …"""

_EXCEPTIONS: Mapping[tuple[str, int | None], Collection[str]] = {
    ("btc", 170_060): (),
    ("btc", 692_261): [rule for rule in _RULES["btc"] if rule != "TAPROOT"],
}
"""… but for two blocks: the rules that these obey."""

_NO_BYTES = "the bytes of the transaction are not held"
_NO_OUTPUT = "no reply says what the spent output holds"
_NO_WITNESS = "the bytes held came without the witness"
_NO_SIBLING = "its signature commits to the amounts of all inputs, and one of them is not known"
_NO_ENGINE = "the engine knows the rules of Bitcoin and Litecoin only"
_MWEB = "what enters and leaves Litecoin's MWEB is not signed this way"
_UNREAD = "the engine does not read these bytes"
_NOT_SIGNED = "no signature in it commits to the amount"
_FALSE = "script and signatures do not allow what is claimed: the claimed amount or script is false"
_FALSE_ALL = f"{_FALSE}, of this input or of another one of the transaction"


@dataclass(frozen=True, repr=False, eq=False)
class AmountProof:
    """What the engine says of claimed amounts. Get one from `prove_amounts`.

    Parameters
    ----------
    table : pyarrow.Table
        One row per input whose amount no held parent proves: `chain`, `txid`, `vin`, `outpoint`,
        `value_sat` (as claimed), `script_type`, `state`, `reason`.
    by_parent : int
        How many more inputs spend an output of a transaction that is held: those are proved already.
    recipe : Recipe
    """

    table: pa.Table
    by_parent: int
    recipe: Recipe

    @cached_property
    def counts(self) -> dict[str, int]:
        """State → inputs, all four states."""
        found = Counter(self.table["state"].to_pylist())
        return {state: found[state] for state in (PROVED, SCRIPT_ONLY, NOT_CHECKED, FAILS)}

    @property
    def failures(self) -> tuple[tuple[str, int], ...]:
        """The (txid, input number) of each claim that is false."""
        rows = self.table.filter(self._fails)
        return tuple(zip(rows["txid"].to_pylist(), rows["vin"].to_pylist(), strict=True))

    @property
    def disputes(self) -> pa.Table:
        """The false claims as rows of a ledger's disputes: no total may count these transactions."""
        rows: list[tuple[object, ...]] = [
            (row["chain"], row["txid"], f"prevout {row['outpoint']}", "", str(row["value_sat"]), row["reason"], True)
            for row in self.table.filter(self._fails).to_pylist()
        ]  # fmt: skip
        return schema.rows_to_table(rows, schema.DISPUTES)

    @property
    def _fails(self) -> pa.Array:
        return pa.array([state == FAILS for state in self.table["state"].to_pylist()], pa.bool_())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the table: equal for equal results on every machine."""
        return digest_of(self.table.to_pydict())

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a frame with exact nullable integers."""
        frame: pd.DataFrame = self.table.to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def __repr__(self) -> str:
        parts = ", ".join(f"{count:,} {state}" for state, count in self.counts.items() if count)
        return f"<AmountProof {parts or 'nothing to check'}; {self.by_parent:,} proved by the held parent>"

    def _repr_html_(self) -> str:
        groups = Counter(zip(self.table["state"].to_pylist(), self.table["reason"].to_pylist(), strict=True))
        rows = [(state, reason, f"{count:,}") for (state, reason), count in sorted(groups.items())]
        rows += [(FAILS, f"{txid}, input {vin}", "1") for txid, vin in self.failures]
        rows.append(
            ("proved by the parent", "the transaction that made the output is held", f"{self.by_parent:,}")
        )
        note = (
            "Proved: whoever holds the key signed for exactly this amount. The txid does not commit to that "
            f"signature. Engine {self.recipe.parameters['engine']}. Recipe {self.recipe.digest[:16]}."
        )
        return cards.card("Amounts", rows, header=("state", "reason", "inputs"), note=note)


def prove_amounts(ledger: Ledger, txids: Collection[str] | None = None) -> AmountProof:
    """Check claimed amounts and scripts of spent outputs whose own transaction is not held.

    A segwit or taproot signature commits to the amount that it spends, so a claim that is off by one base
    unit fails. Older signatures do not: there only the script is checked. What fails is named.

    Proved is not as strong as a held parent: the txid does not commit to the witness, so a source that
    works together with the owner of the key could show a signature made afterwards for another amount.

    Parameters
    ----------
    txids : collection of str, optional
        By default all transactions of the ledger.

    Raises
    ------
    MissingExtra
        If the engine is not installed.
    BadInput
        If a txid is not in the ledger.

    References
    ----------
    BIP143 and BIP341 (what is signed); Bitcoin Core, `validation.cpp`, `GetBlockScriptFlags`.
    """
    engine = _load()
    strangers = sorted(set(txids or ()) - set(ledger.txs["txid"].to_pylist()))
    if strangers:
        raise BadInput(f"{strangers[0]} is not in this ledger", hint="fetch it first")
    spent = _Spent(ledger)
    rows: list[tuple[object, ...]] = []
    by_parent = 0
    columns = ("chain", "txid", "height", "is_coinbase", "n_inputs", "raw")
    for place in zip(*(ledger.txs[name].to_pylist() for name in columns), strict=True):
        tx = _Tx(*place)
        if tx.is_coinbase or (txids is not None and tx.txid not in txids):
            continue
        found = [*_rows(engine, tx, spent)]
        rows += found
        by_parent += tx.n_inputs - len(found)
    parameters = {
        "engine": f"py-bitcoinkernel {version('py-bitcoinkernel')}",
        "txids": None if txids is None else sorted(txids),
    }
    recipe = Recipe("prove-amounts", parameters, inputs=[ledger.digest])
    return AmountProof(schema.rows_to_table(rows, _COLUMNS), by_parent, recipe)


def _load() -> ModuleType:
    try:
        import pbk
    except ImportError:
        raise MissingExtra(
            "checking amounts needs Bitcoin Core's script engine",
            hint="pip install 'chainflow[verify]' (Python 3.11 to 3.13)",
        ) from None
    engine: ModuleType = pbk
    return engine


class _Tx(NamedTuple):
    """A transaction of the ledger."""

    chain: str
    txid: str
    height: int | None
    is_coinbase: bool
    n_inputs: int
    raw: bytes | None


class _Claim(NamedTuple):
    """A spent output, and whether the transaction that made it is held."""

    output: TxOutput
    is_proved: bool


class _Spent:
    """The outputs of a ledger by outpoint, and by the input that spends them."""

    def __init__(self, ledger: Ledger) -> None:
        self.made: dict[tuple[str, str, int], _Claim] = {}
        self.by_input: dict[tuple[str, str, int | None], _Claim] = {}
        names = ("chain", "txid", "vout", "spent_by", "spent_vin", "value_sat", "script", "value_proved")
        columns = (ledger.outputs[name].to_pylist() for name in names)
        for chain, txid, vout, by, vin, value, script, is_proved in zip(*columns, strict=True):
            if by is not None:
                claim = _Claim(TxOutput(value, bytes.fromhex(script)), is_proved)
                self.made[chain, txid, vout] = self.by_input[chain, by, vin] = claim


def _rows(engine: ModuleType, tx: _Tx, spent: _Spent) -> Iterator[tuple[object, ...]]:
    """Yield a row for each input of a transaction that no held parent proves."""
    is_known = tx.chain.partition("-")[0] in _RULES
    parsed = parse_transaction(tx.raw) if is_known and tx.raw is not None else None
    if parsed is None:
        claims = [spent.by_input.get((tx.chain, tx.txid, vin)) for vin in range(tx.n_inputs)]
    else:
        claims = [spent.made.get((tx.chain, entry.txid, entry.vout)) for entry in parsed.inputs]
    if all(claim is not None and claim.is_proved for claim in claims):
        return
    judge = _judge_of(engine, tx, parsed, [claim and claim.output for claim in claims])
    for vin, claim in enumerate(claims):
        if claim is not None and claim.is_proved:
            continue
        outpoint = None if parsed is None else str(Outpoint(*parsed.inputs[vin][:2]))
        what = (None, None) if claim is None else (claim.output.value_sat, script_type(claim.output.script))
        state, reason = (NOT_CHECKED, judge) if isinstance(judge, str) else judge.verdict(vin)
        yield (tx.chain, tx.txid, vin, outpoint, *what, state, reason)


def _judge_of(
    engine: ModuleType, tx: _Tx, parsed: Transaction | None, outputs: Sequence[TxOutput | None]
) -> _Judge | str:
    """Return who decides about the inputs of a transaction, or why nobody can."""
    base, _, network = tx.chain.partition("-")
    if base not in _RULES:
        return _NO_ENGINE
    if parsed is None:
        return _NO_BYTES
    if parsed.is_hogex:
        return _MWEB
    named: Collection[str] | None = _EXCEPTIONS.get((tx.chain, tx.height))
    if named is None:
        # of unknown height only the rules that bear on amounts: the others could refuse what was valid then
        rules = _AMOUNTS if network or tx.height is None else _RULES[base]
        named = [rule for rule, first in rules.items() if first <= (tx.height or 0)]
    try:
        return _Judge(engine, parsed, outputs, named)
    except RuntimeError:
        return _UNREAD


class _Judge:
    """One transaction in the engine, with the outputs that it is claimed to spend."""

    def __init__(
        self,
        engine: ModuleType,
        tx: Transaction,
        outputs: Sequence[TxOutput | None],
        rules: Collection[str],
    ) -> None:
        self._engine, self._parsed, self._outputs = engine, tx, outputs
        self._tx = engine.Transaction(tx.serialize())
        self._has_witness = any(entry.witness for entry in tx.inputs)
        self._is_whole = None not in outputs
        flags = engine.ScriptVerificationFlags
        self._flags = flags.NONE
        for rule in rules:
            if rule != "TAPROOT" or self._is_whole:  # the engine asks for all outputs where this rule is on
                self._flags |= flags[rule]
        self._spent = [output and self._spends(output) for output in outputs]
        self._data = self._precomputed(self._spent)

    def verdict(self, vin: int) -> tuple[str, str]:
        """Return the state of an input and its reason."""
        claimed, entry = self._outputs[vin], self._parsed.inputs[vin]
        if claimed is None:
            return NOT_CHECKED, _NO_OUTPUT
        if not self._has_witness and _wants_witness(claimed.script, entry):
            return NOT_CHECKED, _NO_WITNESS
        is_taproot = script_type(claimed.script) == "p2tr"
        if is_taproot and not self._is_whole:
            return NOT_CHECKED, _NO_SIBLING
        if not self._holds(vin, claimed):
            return FAILS, _FALSE_ALL if is_taproot else _FALSE
        # only a difference shows that a signature was looked at: a script may ask for none
        if entry.witness and not self._holds(vin, claimed._replace(value_sat=claimed.value_sat + 1)):
            return PROVED, ""
        return SCRIPT_ONLY, _NOT_SIGNED

    def _holds(self, vin: int, output: TxOutput) -> bool:
        """Return whether the engine lets an input spend `output`."""
        data = self._data
        if output is not self._outputs[vin] and script_type(output.script) == "p2tr":
            data = self._precomputed([*self._spent[:vin], self._spends(output), *self._spent[vin + 1 :]])
        script = self._engine.ScriptPubkey(output.script)
        return bool(script.verify(output.value_sat, self._tx, data, vin, self._flags))

    def _spends(self, output: TxOutput) -> Any:
        return self._engine.TransactionOutput(self._engine.ScriptPubkey(output.script), output.value_sat)

    def _precomputed(self, spent: Sequence[Any]) -> Any:
        outputs = list(spent) if self._is_whole else None
        return self._engine.script.PrecomputedTransactionData(self._tx, outputs)


def _wants_witness(script: bytes, entry: TxInput) -> bool:
    """Return whether an input spends a witness program, itself or behind a script hash."""
    nested = entry.scriptsig[1:] if len(entry.scriptsig) in (23, 35) else b""  # one push of a program
    kinds = (script_type(script), script_type(nested) if script_type(script) == "p2sh" else "")
    return any(kind in ("p2wpkh", "p2wsh", "p2tr") for kind in kinds)
