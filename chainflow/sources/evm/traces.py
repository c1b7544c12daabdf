"""Internal transfers from a node's traces: what contracts paid, in the words of geth's or Parity's tracer.

No hash commits to a trace: these rows are the node's word. Calls that run another's code in one's own name
move nothing; neither do a call that failed and all calls below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeGuard

from chainflow.model import Fact, Listing, TransferKind, TransferRecord
from chainflow.sources.accounts import NOT_MOVING, Frame, block_subject, evm_address, evm_hash, quantity
from chainflow.sources.evm.blocks import header
from chainflow.sources.evm.place import frame_of, lies, limited, result_of
from chainflow.sources.jsonrpc import Answer
from chainflow.sources.strict import Field

__all__ = ["INTERNAL", "block_traces", "traces"]

INTERNAL = "internal"
"""The name of the list that a transaction's (or block's) trace is."""

_DESTROYED = ("selfdestruct", "suicide")
_TO_ITSELF = "unchecked: destroyed in its own favour, which may have burnt it"


class _Call(NamedTuple):
    """One frame of a trace; `way` is empty for the transaction itself."""

    way: tuple[int, ...]
    kind: str
    sender: str | None
    recipient: str | None
    value_raw: int
    ok: bool
    field: Field


def traces(chain: str, what: str, found: Sequence[Answer]) -> list[Fact]:
    """Read triples of answers: a transaction, and its trace by either tracer.

    For each there is a `Listing` named `internal` of the transaction itself: complete, or the node's words
    why it gives no trace.
    """
    facts: list[Fact] = []
    for about, geth, parity in zip(found[::3], found[1::3], found[2::3], strict=True):
        txid, calls = str(about.call.params[0]), _calls_of(geth.result, parity.result)
        if calls is None:
            reason = limited((geth, parity))
            facts.append(Listing(chain, txid, "", (), complete=False, reason=reason, which=INTERNAL))
            continue
        tx = result_of(about, what=what)
        frame = frame_of(chain, tx)
        if frame.txid != txid:
            raise lies(tx, f"is another transaction, {frame.txid}")
        _check_root(calls[0], tx)
        facts.append(Listing(chain, txid, "", (txid,), complete=True, which=INTERNAL))
        facts += _rows(frame, calls)
    return facts


def block_traces(chain: str, what: str, found: Sequence[Answer]) -> list[Fact]:
    """Read three answers: a block with its transactions, and the traces of all of them by either tracer."""
    about, geth, parity = found
    if about.result is None:  # a node that refuses the whole question
        return [_untold(chain, int(str(about.call.params[0]), 16), found)]
    whole = result_of(about, what=what)
    at, _ = header(chain, whole, about)
    txs = list(whole["transactions"].items())
    by_txid = _by_txid(geth.result, parity.result, [evm_hash(tx["hash"]) for tx in txs])
    if by_txid is None:
        return [_untold(chain, at.height or 0, (geth, parity))]
    facts: list[Fact] = [Listing(chain, at.txid, "", tuple(by_txid), complete=True, which=INTERNAL)]
    for tx in txs:
        frame = frame_of(chain, tx, time=at.time)
        if (frame.height, frame.block_hash) != (at.height, at.block_hash):
            raise lies(tx, f"{frame.txid} is stated to be in another block")
        _check_root(by_txid[frame.txid][0], tx)
        facts += _rows(frame, by_txid[frame.txid])
    return facts


def _untold(chain: str, height: int, refused: Sequence[Answer]) -> Listing:
    """Return that it is not known what happened inside the transactions of a block."""
    subject = block_subject(height)
    return Listing(chain, subject, "", (), complete=False, reason=limited(refused), which=INTERNAL)


def _calls_of(geth: Field | None, parity: Field | None) -> list[_Call] | None:
    """Return the calls of one transaction, the transaction's own first; `None` where no tracer gave them."""
    if _is_call(geth):
        return list(_geth_calls(geth))
    if _is_flat(parity):
        return list(_parity_calls(parity.items()))
    return None


def _by_txid(
    geth: Field | None, parity: Field | None, txids: Sequence[str]
) -> Mapping[str, list[_Call]] | None:
    """Return the calls of each transaction of a block; `None` where a tracer did not give all of them."""
    calls: dict[str, list[_Call]] = {}
    if geth is not None and isinstance(geth.value, list):
        for number, entry in enumerate(geth.items()):
            named, traced = entry.get("txHash"), entry.get("result")
            txid = evm_hash(named) if named is not None else txids[number] if number < len(txids) else ""
            if _is_call(traced):
                calls[txid] = list(_geth_calls(traced))
    elif _is_flat(parity):
        flat: dict[str, list[Field]] = {}
        for entry in parity.items():
            if entry["type"].text() != "reward":
                flat.setdefault(evm_hash(entry["transactionHash"]), []).append(entry)
        calls = {txid: list(_parity_calls(iter(entries))) for txid, entries in flat.items()}
    is_empty = geth is not None and geth.value == [] and not txids
    return calls if (calls or is_empty) and sorted(calls) == sorted(txids) else None


def _is_call(traced: Field | None) -> TypeGuard[Field]:
    """Return whether an answer is a call of geth's callTracer; nodes that lack it answer with other things."""
    return traced is not None and isinstance(traced.value, dict) and {"type", "from"} <= traced.value.keys()


def _is_flat(traced: Field | None) -> TypeGuard[Field]:
    """Return whether an answer is a list of Parity traces; an empty one says that nothing is known."""
    return traced is not None and isinstance(traced.value, list) and traced.value != []


def _geth_calls(root: Field) -> Iterator[_Call]:
    """Yield the calls of a tree, each before those below it."""
    left: list[tuple[Field, tuple[int, ...], bool]] = [(root, (), True)]
    while left:
        call, way, is_above_ok = left.pop()
        ok = is_above_ok and call.get("error") is None
        value, below = call.get("value"), call.get("calls")
        yield _Call(
            way,
            call["type"].text().lower(),
            evm_address(call["from"]),
            evm_address(call.get("to")),
            0 if value is None else quantity(value),
            ok,
            call,
        )
        calls = [] if below is None else list(below.items())
        left += [(inner, (*way, number), ok) for number, inner in reversed(list(enumerate(calls)))]


def _parity_calls(listed: Iterator[Field]) -> Iterator[_Call]:
    """Yield the calls of a flat list, each with whether it and all above it succeeded."""
    entries = [(_way(entry), entry) for entry in listed]
    failed = {way for way, entry in entries if entry.get("error") is not None}
    for way, entry in entries:
        ok = not any(way[:depth] in failed for depth in range(len(way) + 1))
        action, result, kind = entry["action"], entry.get("result"), entry["type"].text()
        if kind == "suicide":
            parties = (evm_address(action["address"]), evm_address(action["refundAddress"]))
        else:
            made = None if kind != "create" or result is None else evm_address(result.get("address"))
            parties = (evm_address(action["from"]), made or evm_address(action.get("to")))
        how = action.get("callType")
        yield _Call(
            way,
            kind if how is None else how.text().lower(),
            *parties,
            quantity(action["balance" if kind == "suicide" else "value"]),
            ok,
            entry,
        )


def _way(entry: Field) -> tuple[int, ...]:
    return tuple(step.integer(0, 2**32) for step in entry["traceAddress"].items())


def _check_root(root: _Call, tx: Field) -> None:
    """Check that a trace begins with the call that the transaction is."""
    to = evm_address(tx.get("to"))
    same = (root.sender, root.value_raw) == (evm_address(tx["from"]), quantity(tx["value"]))
    if root.way or not same or (to is not None and root.recipient != to):
        raise lies(root.field, f"the trace does not begin with {evm_hash(tx['hash'])} itself")


def _rows(frame: Frame, calls: Sequence[_Call]) -> list[TransferRecord]:
    """Return what was paid inside a transaction: every call with a value, and whether it moved."""
    return [row for call in calls[1:] if call.value_raw for row in _row(frame, call)]


def _row(frame: Frame, call: _Call) -> tuple[TransferRecord, ...]:
    parties, place = (call.sender, call.recipient), "trace:" + "_".join(map(str, call.way))
    if call.kind in NOT_MOVING:
        return frame.unmoved(call.kind, *parties, call.value_raw, place=place)
    marks = (_TO_ITSELF,) if call.kind in _DESTROYED and call.sender == call.recipient else ()
    return (
        frame.moved(TransferKind.INTERNAL, *parties, call.value_raw, ok=call.ok, place=place, marks=marks),
    )
