"""Every column of every table, named once, and the version of the whole.

`txs` and `outputs` are the facts of UTXO chains; an input is not a third table: it is an output with
`spent_by` and `spent_vin`. `transfers` are the facts of account chains; amounts there exceed 64 bits and are
decimal digits, which `Ledger.to_pandas` gives as exact integers. Integers are signed; money is base units;
nothing is a float.
"""

from __future__ import annotations

import pyarrow as pa

__all__ = [
    "ACCOUNT_TRACE",
    "COVERAGE",
    "DISPUTES",
    "EVIDENCE",
    "HEADERS",
    "LINKS",
    "OUTPUTS",
    "PROOFS",
    "TABLES",
    "TOKENS",
    "TRACE",
    "TRANSFERS",
    "TXS",
    "VERSION",
    "rows_to_table",
]

VERSION = 2
"""Raised when a column is renamed, removed or changes its meaning."""

_TIME = pa.timestamp("s", tz="UTC")

TXS = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("txid", pa.string(), nullable=False),
        pa.field("height", pa.int32()),  # null: unconfirmed
        pa.field("position", pa.int32()),  # in the block; null: the source did not say
        pa.field("time", _TIME),  # of the block
        pa.field("block_hash", pa.string()),
        pa.field("is_coinbase", pa.bool_(), nullable=False),
        pa.field("n_inputs", pa.int32(), nullable=False),
        pa.field("n_outputs", pa.int32(), nullable=False),
        pa.field("input_sat", pa.int64()),  # null: the value of an input is not known
        pa.field("output_sat", pa.int64(), nullable=False),
        pa.field("fee_sat", pa.int64()),
        pa.field("is_confirmed", pa.bool_()),  # null: no source said where it is
        pa.field("level", pa.int8(), nullable=False),  # 0 hearsay … 2 txid recomputed … 5 own node
        pa.field("raw", pa.binary()),  # the serialised transaction
    ]
)

OUTPUTS = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("txid", pa.string(), nullable=False),
        pa.field("vout", pa.int64(), nullable=False),
        pa.field("value_sat", pa.int64(), nullable=False),
        pa.field("value_proved", pa.bool_(), nullable=False),  # the creating transaction is held and hashes
        pa.field("script", pa.string(), nullable=False),  # hex
        pa.field("script_type", pa.string(), nullable=False),
        pa.field("address", pa.string()),  # null: this script has none
        pa.field("spend_state", pa.string(), nullable=False),  # spent | unspent | unknown
        pa.field("spent_by", pa.string()),
        pa.field("spent_vin", pa.int64()),
        pa.field("spent_sequence", pa.int64()),
        pa.field("as_of_height", pa.int32()),  # of an `unspent`; null: the source did not say
    ]
)

COVERAGE = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("address", pa.string(), nullable=False),
        pa.field("list", pa.string(), nullable=False),  # history; on account chains native, internal, …
        pa.field("state", pa.string(), nullable=False),  # complete | partial
        pa.field("reason", pa.string(), nullable=False),
        pa.field("as_of_height", pa.int32()),
        pa.field("claimed", pa.int64()),  # transactions the source says there are
        pa.field("received", pa.int64(), nullable=False),  # transactions it gave
    ]
)

EVIDENCE = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("txid", pa.string(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),  # of the log event that stored the reply
        pa.field("sha256", pa.string(), nullable=False),  # of the raw reply
        pa.field("source", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("retrieved", _TIME),
    ]
)

DISPUTES = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("txid", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("used", pa.string(), nullable=False),
        pa.field("refused", pa.string(), nullable=False),
        pa.field("why", pa.string(), nullable=False),
        pa.field("is_excluded", pa.bool_(), nullable=False),  # two sources differ: no total counts it
    ]
)

TRANSFERS = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("txid", pa.string(), nullable=False),  # block:HEIGHT for what a block itself pays
        pa.field("kind", pa.string(), nullable=False),  # native internal token fee reward withdrawal
        pa.field("place", pa.string(), nullable=False),  # log:12, trace:0_1; "": the source did not say
        pa.field("number", pa.int32(), nullable=False),  # from 0, among those at one place of the transaction
        pa.field("contract", pa.string()),  # of the token; null: the chain's own coin
        pa.field("token_id", pa.string()),  # decimal digits, of a token that is one of its kind
        pa.field("sender", pa.string()),  # null: made from nothing
        pa.field("recipient", pa.string()),  # null: given to nobody
        pa.field("value_raw", pa.string(), nullable=False),  # decimal digits: base units that moved
        pa.field("stated_raw", pa.string(), nullable=False),  # as stated: differs where it failed
        pa.field("ok", pa.bool_()),  # null: the source did not say
        pa.field("height", pa.int64()),
        pa.field("position", pa.int32()),
        pa.field("time", _TIME),
        pa.field("block_hash", pa.string()),
        pa.field("marks", pa.string(), nullable=False),  # "; " between: why it may be noise
        pa.field("level", pa.int8(), nullable=False),
    ]
)

TOKENS = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("contract", pa.string(), nullable=False),
        pa.field("symbol", pa.string(), nullable=False),  # the token's own words: anyone may write them
        pa.field("name", pa.string(), nullable=False),
        pa.field("decimals", pa.int16()),
    ]
)

PROOFS = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("txid", pa.string(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("branch", pa.string(), nullable=False),  # txid-order hex hashes, blanks between
    ]
)

HEADERS = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("block_hash", pa.string(), nullable=False),
        pa.field("height", pa.int32()),
        pa.field("raw", pa.string(), nullable=False),  # 80 bytes, hex
    ]
)

LINKS = pa.schema(
    [
        pa.field("a", pa.string(), nullable=False),
        pa.field("b", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("txid", pa.string(), nullable=False),
    ]
)

TRACE = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("txid", pa.string(), nullable=False),
        pa.field("vout", pa.int64()),  # null: the fee of `txid`
        pa.field("address", pa.string()),
        pa.field("value_sat", pa.int64(), nullable=False),
        pa.field("tainted_sat", pa.int64(), nullable=False),
        pa.field("hop", pa.int32(), nullable=False),
        pa.field("height", pa.int32()),
        pa.field("time", _TIME),
        pa.field("reason", pa.string()),  # null: not an end
        pa.field("tag", pa.string(), nullable=False),
    ]
)

ACCOUNT_TRACE = pa.schema(
    [
        pa.field("chain", pa.string(), nullable=False),
        pa.field("txid", pa.string()),  # null: held at the end, or before the evidence begins
        pa.field("place", pa.string()),  # in the transaction, as in `transfers`
        pa.field("contract", pa.string()),  # of the token; null: the chain's own coin
        pa.field("token_id", pa.string()),
        pa.field("address", pa.string()),  # null: nobody (a fee, a burn)
        pa.field("value_raw", pa.string(), nullable=False),  # decimal digits
        pa.field("tainted_raw", pa.string(), nullable=False),
        pa.field("hop", pa.int32(), nullable=False),
        pa.field("height", pa.int64()),
        pa.field("time", _TIME),
        pa.field("reason", pa.string()),  # null: not an end
        pa.field("tag", pa.string(), nullable=False),
    ]
)

TABLES = {
    "txs": TXS,
    "outputs": OUTPUTS,
    "transfers": TRANSFERS,
    "tokens": TOKENS,
    "coverage": COVERAGE,
    "evidence": EVIDENCE,
    "disputes": DISPUTES,
    "proofs": PROOFS,
    "headers": HEADERS,
}


def rows_to_table(rows: list[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    """Return rows (tuples in the schema's order) as an Arrow table of exactly that schema."""
    columns: list[tuple[object, ...]] = list(zip(*rows, strict=True)) if rows else [() for _ in schema]
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
