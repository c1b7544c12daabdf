"""Transactions put together from rows: inputs and outputs in order, complete, balanced, and hashed anew.

Tables of inputs and outputs scatter one transaction over many rows. It becomes a `TxRecord` only if
nothing of it can be missing: the places are gapless, the stated counts and sums agree, and, where the file
states all that the txid commits to, the txid recomputes. One wrong row refuses the whole transaction.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from chainflow.addresses import address_of, decode, derive, script_type
from chainflow.errors import AddressInvalid, BadBytes, BadInput, ChainflowError, ProofFailed
from chainflow.formats.cells import Row
from chainflow.model import InputRecord, Outpoint, OutputRecord, SpendRecord, TxOutline, TxRecord
from chainflow.transactions import Transaction, TxInput, TxOutput
from chainflow.units import max_money_sat

__all__ = ["KINDS", "Draft", "Drafts", "Head", "Spent", "script_stated", "value_of"]

KINDS = {
    "pubkeyhash": "p2pkh",
    "scripthash": "p2sh",
    "witness_v0_keyhash": "p2wpkh",
    "witness_v0_scripthash": "p2wsh",
    "witness_v1_taproot": "p2tr",
}
"""Bitcoin Core's names of the script types that an address stands for, and ours."""

_UNREAL = re.compile(r"nonstandard|multisig|[a-z]-")
"""What bitcoin-etl and Blockchair write in place of an address where there is none."""

_OTHER_HASHES = ("zec", "dash")
"""Chains on which the txid commits to more than these tables hold."""

_U32 = 2**32 - 1
_REJECTED = "no row of this transaction was used; export it again, or fetch it from a source"

_Facts = TxRecord | TxOutline | SpendRecord


@dataclass(frozen=True, slots=True)
class Spent:
    """One input as rows state it; what they leave out is `None`."""

    outpoint: Outpoint
    sequence: int | None = None
    scriptsig: str | None = None
    value_sat: int | None = None
    script: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What is stated of a transaction as a whole; what is left out is `None`."""

    is_coinbase: bool | None = None
    version: int | None = None
    locktime: int | None = None
    inputs: int | None = None
    outputs: int | None = None
    spent_sat: int | None = None
    paid_sat: int | None = None
    fee_sat: int | None = None
    is_placed: bool = False
    height: int | None = None
    block_hash: str | None = None
    time: int | None = None
    position: int | None = None
    is_whole: bool = False
    """Whether inputs and outputs stood in the same row: then none can be missing."""


@dataclass(slots=True)
class Draft:
    """One transaction while its rows come in."""

    row: Row
    head: Head | None = None
    spent: dict[int, Spent] = field(default_factory=dict)
    paid: dict[int, OutputRecord] = field(default_factory=dict)
    error: ChainflowError | None = None
    is_reported: bool = False


@dataclass(slots=True)
class Drafts:
    """The transactions of a file by txid."""

    chain: str
    by_txid: dict[str, Draft] = field(default_factory=dict)

    def of(self, txid: str, row: Row) -> Draft:
        """Return the draft of a transaction, a new one at its first row."""
        return self.by_txid.setdefault(txid, Draft(row))

    def head(self, txid: str, row: Row, head: Head) -> None:
        """Take in what is stated of the whole transaction."""
        draft = self.of(txid, row)
        if draft.head not in (None, head):
            draft.error = ProofFailed(f"{txid} is stated twice, differently", hint=_REJECTED)
        draft.head = head

    def spend(self, txid: str, row: Row, vin: int, spent: Spent) -> None:
        """Take in one input."""
        draft = self.of(txid, row)
        if draft.spent.setdefault(vin, spent) != spent:
            draft.error = ProofFailed(f"input {vin} of {txid} is stated twice, differently", hint=_REJECTED)

    def pay(self, txid: str, row: Row, vout: int, output: OutputRecord) -> None:
        """Take in one output."""
        draft = self.of(txid, row)
        if draft.paid.setdefault(vout, output) != output:
            draft.error = ProofFailed(f"output {vout} of {txid} is stated twice, differently", hint=_REJECTED)

    def put(self, row: Row, columns: tuple[str, ...], take: Callable[[Row], None]) -> None:
        """Take in a row; if it cannot be used, no other row of its transaction may be.

        Parameters
        ----------
        columns : tuple of str
            Where the txid stands.

        Raises
        ------
        ChainflowError
            As `take`.
        """
        try:
            take(row)
        except ChainflowError:
            with contextlib.suppress(BadInput):
                draft = self.of(row.txid(*columns), row)
                where = f"line {row.line}" + (f" of {row.table}" if row.table else "")
                draft.error = BadInput(f"another row of this transaction is wrong: {where}", hint=_REJECTED)
                draft.is_reported = draft.row is row
            raise

    def finished(self) -> Iterator[tuple[Draft, list[_Facts] | ChainflowError]]:
        """Yield each draft with the facts it gives, or with why it gives none."""
        found: dict[str, list[_Facts] | ChainflowError] = {}
        for txid, draft in self.by_txid.items():
            try:
                found[txid] = self._facts(txid, draft)
            except ChainflowError as error:
                found[txid] = error
        # only what holds by itself may complete or contradict others
        sound = {fact.txid: fact for facts in found.values() for fact in _records(facts)}
        for txid, draft in self.by_txid.items():
            if draft.is_reported:
                continue
            facts = found[txid]
            if txid in sound:
                try:
                    facts = [self._completed(sound[txid], draft, sound)]
                except ChainflowError as error:
                    facts = error
            yield draft, facts

    def _facts(self, txid: str, draft: Draft) -> list[_Facts]:
        if draft.error is not None:
            raise draft.error
        head = draft.head or Head()
        is_coinbase = bool(head.is_coinbase)
        if is_coinbase and draft.spent:
            raise ProofFailed(f"the coinbase {txid} spends outputs", hint=_REJECTED)
        outputs = _gapless(
            draft.paid, f"outputs of {txid}", None if is_coinbase and not draft.paid else head.outputs
        )
        _gapless(draft.spent, f"inputs of {txid}", None if is_coinbase or not draft.spent else head.inputs)
        spent = [draft.spent[vin] for vin in sorted(draft.spent)]
        self._check_sums(txid, head, spent, outputs)
        raw = self._raw(txid, head, spent, outputs)
        counted = head.outputs is not None and (is_coinbase or head.inputs is not None)
        balanced = head.fee_sat is not None and all(entry.value_sat is not None for entry in spent)
        is_whole = head.is_whole or counted or balanced or raw is not None
        place = (head.height, head.block_hash, head.time, head.position)
        sequences = [entry.sequence for entry in spent if entry.sequence is not None]
        if outputs and (spent or is_coinbase) and is_whole and len(sequences) == len(spent):
            inputs = tuple(
                InputRecord(entry.outpoint, _prevout(entry), sequence)
                for entry, sequence in zip(spent, sequences, strict=True)
            )
            return [
                TxRecord(
                    self.chain, txid, inputs, outputs, is_coinbase, *place, raw=raw, is_placed=head.is_placed
                )
            ]
        return self._scraps(txid, draft, head, outputs)

    def _scraps(self, txid: str, draft: Draft, head: Head, outputs: tuple[OutputRecord, ...]) -> list[_Facts]:
        """Return what can be said of a transaction of which a part is missing."""
        facts: list[_Facts] = [
            SpendRecord(self.chain, draft.spent[vin].outpoint, txid, vin) for vin in sorted(draft.spent)
        ]
        known = outputs if outputs and (head.outputs == len(outputs) or head.is_whole) else None
        if head.is_placed or known is not None:
            place = (head.is_placed, head.height, head.block_hash, head.time, head.position)
            facts.append(TxOutline(self.chain, txid, *place, None, known))
        return facts

    def _completed(self, record: TxRecord, draft: Draft, sound: Mapping[str, TxRecord]) -> TxRecord:
        """Return a transaction with what the file says of the outputs it spends where they were made."""
        inputs = []
        for vin, entry in enumerate(record.inputs):
            parent, stated = sound.get(entry.outpoint.txid), draft.spent[vin]
            if parent is None:
                inputs.append(entry)
                continue
            made = dict(enumerate(parent.outputs)).get(entry.outpoint.vout)
            if (
                made is None
                or stated.value_sat not in (None, made.value_sat)
                or stated.script not in (None, made.script)
            ):
                raise ProofFailed(
                    f"{record.txid} misstates {entry.outpoint}, which the file holds too", hint=_REJECTED
                )
            inputs.append(replace(entry, prevout=made))
        record = replace(record, inputs=tuple(inputs))
        stated_sat = draft.head.fee_sat if draft.head is not None else None
        _check_fee(record.txid, None if record.is_coinbase else record.fee_sat, stated_sat)
        return record

    def _check_sums(
        self, txid: str, head: Head, spent: list[Spent], outputs: tuple[OutputRecord, ...]
    ) -> None:
        paid_sat = sum(output.value_sat for output in outputs) if outputs else None
        _agree(f"the outputs of {txid}", paid_sat, head.paid_sat)
        values = [entry.value_sat for entry in spent if entry.value_sat is not None]
        if not spent or len(values) < len(spent):
            return
        _agree(f"the inputs of {txid}", sum(values), head.spent_sat)
        if paid_sat is not None:
            _check_fee(txid, sum(values) - paid_sat, head.fee_sat)

    def _raw(
        self, txid: str, head: Head, spent: list[Spent], outputs: tuple[OutputRecord, ...]
    ) -> bytes | None:
        """Return the bytes that the txid is the hash of, where all of them are stated."""
        if head.version is None or head.locktime is None or not spent or not outputs:
            return None
        inputs = []
        for entry in spent:
            if entry.sequence is None or entry.scriptsig is None:
                return None
            scriptsig = bytes.fromhex(entry.scriptsig)
            inputs.append(TxInput(entry.outpoint.txid, entry.outpoint.vout, scriptsig, entry.sequence))
        paid = tuple(TxOutput(output.value_sat, bytes.fromhex(output.script)) for output in outputs)
        try:
            built = Transaction(head.version & _U32, tuple(inputs), paid, head.locktime)
            computed, raw = built.txid, built.serialize(witness=False)
        except BadBytes as error:
            raise BadInput(f"{txid} is no transaction: {error.message}", hint=_REJECTED) from None
        if computed == txid:
            return raw
        if self.chain.partition("-")[0] in _OTHER_HASHES:
            return None
        raise ProofFailed(f"what is stated as {txid} hashes to {computed}", hint=_REJECTED)


def _records(facts: list[_Facts] | ChainflowError) -> list[TxRecord]:
    return [] if isinstance(facts, ChainflowError) else [fact for fact in facts if isinstance(fact, TxRecord)]


def _check_fee(txid: str, fee_sat: int | None, stated_sat: int | None) -> None:
    _agree(f"inputs − outputs of {txid}", fee_sat, stated_sat)
    if fee_sat is not None and fee_sat < 0:
        raise ProofFailed(f"{txid} pays {-fee_sat:,} more than it spends", hint=_REJECTED)


def _prevout(spent: Spent) -> OutputRecord | None:
    if spent.value_sat is None or spent.script is None:
        return None
    return OutputRecord(spent.value_sat, spent.script)


def _gapless(places: Mapping[int, object], what: str, count: int | None) -> tuple[OutputRecord, ...]:
    """Return what stands at the places 0, 1, … if none is missing and there are as many as stated."""
    if sorted(places) != list(range(len(places))):
        missing = next(place for place in range(len(places)) if place not in places)
        raise ProofFailed(f"number {missing} of the {what} is missing", hint=_REJECTED)
    if places and count not in (None, len(places)):
        raise ProofFailed(f"{len(places)} {what} are stated, but there should be {count}", hint=_REJECTED)
    return tuple(one for place in sorted(places) if isinstance(one := places[place], OutputRecord))


def _agree(what: str, found: int | None, stated: int | None) -> None:
    if found is not None and stated is not None and found != stated:
        raise ProofFailed(f"{what} add up to {found:,}, but {stated:,} is stated", hint=_REJECTED)


def script_stated(
    chain: str, *, script: str | None, addresses: list[str], kind: str, value: Row
) -> str | None:
    """Return the pubkey script that a row states, by itself or by address and type; `None` if it cannot be told.

    Parameters
    ----------
    script : str or None
        As hex.
    addresses : list of str
        Explorers and nodes give several for bare multisig, and one that is no script's for a bare key.
    kind : str
        One of our script types, "" where the file does not tell: then `1…` may be a bare key.
    value : Row
        The row, to be named in an error.

    Raises
    ------
    BadInput
        If script and address, or address and type, do not agree.
    """
    valid = [address for address in addresses if not _UNREAL.match(address)]
    if script is not None:
        raw = bytes.fromhex(script)
        if len(valid) == 1 and script_type(raw) != "multisig":  # of several keys some nodes show the first
            own = _label(raw, chain)
            if decode(valid[0], chain=chain).address != own:
                raise ProofFailed(f"{value.path}script pays {own}, but {valid[0]} is stated", hint=_REJECTED)
        return script
    if len(valid) != 1 or kind not in KINDS.values():
        return None
    found = decode(valid[0], chain=chain)
    if found.script_type != kind:
        raise AddressInvalid(f"{valid[0]} is no address of {kind}", hint=_REJECTED)
    return found.script.hex()


def _label(script: bytes, chain: str) -> str | None:
    """Return the address under which explorers list a script: of a bare key, the one made of the key."""
    if script_type(script) == "p2pk":
        return derive(script[1:-1], "p2pkh", chain)
    return address_of(script, chain)


def value_of(row: Row, chain: str, *names: str) -> int:
    """Return an amount in base units that one output of the chain can hold."""
    return row.whole(*names, most=max_money_sat(chain))
