"""Bitcoin-family bytes: transactions, blocks and headers, read to the last byte and written back.

Reads what Bitcoin, Litecoin (with its MWEB marks), Bitcoin Cash, Dogecoin and the plain transactions of
Dash and Zcash share. Elements, Zcash v4 and later, Dash special transactions and merge-mined headers
are refused. A transaction that parses serialises to the same bytes again, so its txid commits to every
field but the witness.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from itertools import repeat

from chainflow.errors import BadBytes
from chainflow.merkle import check_block, check_inclusion, merkle_branch, merkle_root, merkle_root_of_branch
from chainflow.transactions import (
    HEADER_FORM,
    MWEB_FLAG,
    WIDE_COUNTS,
    WITNESS_FLAG,
    Block,
    Header,
    Transaction,
    TxInput,
    TxOutput,
    sha256d,
)

__all__ = [
    "Block",
    "Header",
    "Transaction",
    "TxInput",
    "TxOutput",
    "check_block",
    "check_inclusion",
    "merkle_branch",
    "merkle_root",
    "merkle_root_of_branch",
    "parse_block",
    "parse_header",
    "parse_transaction",
    "transaction_from_esplora",
]

_KNOWN_FLAGS = (WITNESS_FLAG, MWEB_FLAG, WITNESS_FLAG | MWEB_FLAG)
_u32 = struct.Struct("<I").unpack_from
_input_head = struct.Struct("<32sIB").unpack_from
_output_head = struct.Struct("<qB").unpack_from

_new, _set = tuple.__new__, object.__setattr__
"""Make a NamedTuple or a frozen dataclass in half the time of its own constructor: a block has 15,000."""

_WHOLE = "fetch the whole transaction again, from another source if need be"


def parse_transaction(raw: bytes) -> Transaction:
    """Return the transaction that `raw` is, all of it.

    Raises
    ------
    BadBytes
        If bytes are missing or left over, a count is not in its shortest form, a witness is announced
        but empty, a value is negative, or there is no input or no output.

    References
    ----------
    BIP144; Bitcoin Core and Litecoin Core, `primitives/transaction.h`.

    Examples
    --------
    >>> parse_transaction(bytes.fromhex("01000000"))
    Traceback (most recent call last):
    chainflow.errors.BadBytes: the transaction ends early, after 4 bytes
    → fetch the whole transaction again, from another source if need be
    """
    try:
        transaction, end = _read_transaction(raw, 0)
    except (IndexError, struct.error):
        raise BadBytes(f"the transaction ends early, after {len(raw)} bytes", hint=_WHOLE) from None
    if end != len(raw):
        raise BadBytes(f"{len(raw) - end} bytes follow the transaction's end", hint=_WHOLE)
    return transaction


def parse_header(raw: bytes) -> Header:
    """Return the header that these 80 bytes are.

    Raises
    ------
    BadBytes
        If there are more or fewer bytes.
    """
    if len(raw) != HEADER_FORM.size:
        raise BadBytes(f"a header has 80 bytes, not {len(raw)}", hint="pass the header alone")
    version, previous, root, time, bits, nonce = HEADER_FORM.unpack(raw)
    return Header(version, previous[::-1].hex(), root[::-1].hex(), time, bits, nonce)


def parse_block(raw: bytes) -> Block:
    """Return the block that `raw` is, all of it, with its txids computed but nothing proved.

    Raises
    ------
    BadBytes
        As `parse_transaction`, and for a block without transactions.
    """
    header = parse_header(raw[: HEADER_FORM.size])
    transactions: list[Transaction] = []
    try:
        count, offset = _read_count(raw, HEADER_FORM.size)
        for _ in range(count):
            transaction, offset = _read_transaction(raw, offset)
            transactions.append(transaction)
    except (IndexError, struct.error):
        raise BadBytes(f"the block ends early, after {len(raw)} bytes", hint="fetch it again") from None
    extension = raw[offset:]
    if not transactions or (extension and not transactions[-1].is_hogex):
        message = f"{len(transactions)} transactions, then {len(extension)} unknown bytes in the block"
        raise BadBytes(message, hint="pass one whole block alone")
    return Block(header, tuple(transactions), extension)


def _read_transaction(raw: bytes, start: int) -> tuple[Transaction, int]:
    """Read a transaction at `start`. A slice may come up short: a fixed field follows each, and raises."""
    body, flags = start + 4, 0
    if raw[body] == 0:
        flags, body = raw[body + 1], body + 2
        if flags not in _KNOWN_FLAGS:
            raise BadBytes(f"no inputs, or unknown flag {flags}, in the transaction", hint=_WHOLE)
    spent, offset = _read_inputs(raw, body)
    outputs, tail = _read_outputs(raw, offset)
    stacks: Iterable[tuple[bytes, ...]] = repeat(())
    offset = tail
    if flags & WITNESS_FLAG:
        stacks, offset = _read_witnesses(raw, offset, inputs=len(spent))
    if flags & MWEB_FLAG:
        if raw[offset] != 0:
            raise BadBytes("the transaction carries an MWEB body", hint="only what a block holds can be read")
        offset += 1
    end = offset + 4
    (version,), (locktime,) = _u32(raw, start), _u32(raw, offset)
    if not spent or not outputs:
        raise BadBytes("no inputs or no outputs in the transaction", hint=_WHOLE)
    inputs = tuple([_new(TxInput, (*fields, stack)) for fields, stack in zip(spent, stacks, strict=False)])
    hashed = raw[start : body - 2] + raw[body:tail] + raw[offset:end] if flags else raw[start:end]
    transaction = object.__new__(Transaction)
    _set(transaction, "version", version)
    _set(transaction, "inputs", inputs)
    _set(transaction, "outputs", tuple(outputs))
    _set(transaction, "locktime", locktime)
    _set(transaction, "is_hogex", flags >= MWEB_FLAG)
    _set(transaction, "txid", sha256d(hashed)[::-1].hex())  # what the cached property would find
    return transaction, end


def _read_inputs(raw: bytes, offset: int) -> tuple[list[tuple[str, int, bytes, int]], int]:
    count = raw[offset]
    offset += 1
    if count > 0xFC:
        count, offset = _read_count(raw, offset - 1)
    spent = []
    for _ in range(count):
        previous, vout, size = _input_head(raw, offset)
        offset += 37
        if size > 0xFC:
            size, offset = _read_count(raw, offset - 1)
        end = offset + size
        spent.append((previous[::-1].hex(), vout, raw[offset:end], _u32(raw, end)[0]))
        offset = end + 4
    return spent, offset


def _read_outputs(raw: bytes, offset: int) -> tuple[list[TxOutput], int]:
    count = raw[offset]
    offset += 1
    if count > 0xFC:
        count, offset = _read_count(raw, offset - 1)
    outputs: list[TxOutput] = []
    for _ in range(count):
        value_sat, size = _output_head(raw, offset)
        offset += 9
        if size > 0xFC:
            size, offset = _read_count(raw, offset - 1)
        if value_sat < 0:
            raise BadBytes(f"output {len(outputs)} has the negative value {value_sat}", hint=_WHOLE)
        outputs.append(_new(TxOutput, (value_sat, raw[offset : offset + size])))
        offset += size
    return outputs, offset


def _read_witnesses(raw: bytes, offset: int, *, inputs: int) -> tuple[list[tuple[bytes, ...]], int]:
    stacks = []
    for _ in range(inputs):
        count = raw[offset]
        offset += 1
        if count > 0xFC:
            count, offset = _read_count(raw, offset - 1)
        stack = []
        for _ in range(count):
            size = raw[offset]
            offset += 1
            if size > 0xFC:
                size, offset = _read_count(raw, offset - 1)
            stack.append(raw[offset : offset + size])
            offset += size
        stacks.append(tuple(stack))
    if not any(stacks):
        raise BadBytes("a witness is announced, but every stack is empty", hint=_WHOLE)
    return stacks, offset


def _read_count(raw: bytes, offset: int) -> tuple[int, int]:
    """Read a CompactSize: at most what can still follow, and in its shortest form, as nodes demand.

    The loops above read a count of one byte themselves, for speed.
    """
    count = raw[offset]
    if count < 0xFD:
        return count, offset + 1
    form, least = WIDE_COUNTS[count]
    (count,) = form.unpack_from(raw, offset + 1)
    offset += 1 + form.size
    if not least <= count <= len(raw) - offset:
        problem = "more than can follow" if count >= least else "not in its shortest form"
        raise BadBytes(f"a count of {count} before byte {offset}: {problem}", hint=_WHOLE)
    return count, offset


def transaction_from_esplora(tx: Mapping[str, object]) -> Transaction:
    """Return the transaction that one Esplora or mempool.space JSON object describes.

    Its `txid` is computed from the fields: where it equals the JSON's, the txid commits to them all
    except witness and `prevout`, which is hearsay. Liquid's objects are not of this form.

    Raises
    ------
    BadBytes
        If a field is missing, of another type or out of range; the message names it.

    References
    ----------
    https://github.com/Blockstream/esplora/blob/master/API.md
    """
    inputs = [_esplora_input(vin, f"vin[{i}]") for i, vin in enumerate(_objects(tx, "vin"))]
    outputs = [
        TxOutput(
            _integer(vout, "value", of=f"vout[{i}]", most=(1 << 63) - 1),
            _hex(vout, "scriptpubkey", of=f"vout[{i}]"),
        )
        for i, vout in enumerate(_objects(tx, "vout"))
    ]
    version = _integer(tx, "version", least=-(1 << 31)) & 0xFFFFFFFF
    return Transaction(version, tuple(inputs), tuple(outputs), _integer(tx, "locktime"))


def _esplora_input(vin: Mapping[str, object], of: str) -> TxInput:
    txid = _hex(vin, "txid", of=of).hex()
    vout = _integer(vin, "vout", of=of)
    scriptsig = _hex(vin, "scriptsig", of=of) if "scriptsig" in vin else b""
    stack = vin.get("witness", [])
    if not isinstance(stack, list):
        raise _refusal(f"{of}.witness", stack, "a list of hex texts")
    witness = tuple(_hex({"witness": item}, "witness", of=of) for item in stack)
    spent = TxInput(txid, vout, scriptsig, _integer(vin, "sequence", of=of), witness)
    if len(txid) != 64 or vin.get("is_coinbase", spent.is_null) is not spent.is_null:
        raise _refusal(f"{of}.txid", txid, "64 hex digits that agree with is_coinbase")
    return spent


def _objects(tx: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    items = tx.get(key)
    if not isinstance(items, list) or not items or not all(isinstance(item, Mapping) for item in items):
        raise _refusal(key, items, "a list of objects, not empty")
    return items


def _integer(
    item: Mapping[str, object], key: str, *, of: str = "", least: int = 0, most: int = 0xFFFFFFFF
) -> int:
    value = item.get(key)
    if type(value) is not int or not least <= value <= most:  # not isinstance: true is no number
        raise _refusal(f"{of}.{key}".lstrip("."), value, f"a whole number, {least} to {most}")
    return value


def _hex(item: Mapping[str, object], key: str, *, of: str) -> bytes:
    text = item.get(key)
    try:
        raw = bytes.fromhex(text) if isinstance(text, str) else None
    except ValueError:
        raw = None
    if raw is None or not isinstance(text, str) or len(text) != 2 * len(raw):  # `fromhex` skips blanks
        raise _refusal(f"{of}.{key}", text, "hex digits, two to a byte")
    return raw


def _refusal(field: str, value: object, wanted: str) -> BadBytes:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}…"
    return BadBytes(f"{field} is {shown}", hint=f"it must be {wanted}; the whole transaction was refused")
