"""A whole block as facts: what its header commits to, what its transactions spend, what its coinbase makes.

Pure, and the same for a block as JSON, as bytes, or from a node's block file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chainflow.checkpoints import CHECKPOINTS
from chainflow.errors import ProofFailed
from chainflow.merkle import check_block
from chainflow.model import HeaderRecord, InputRecord, Outpoint, OutputRecord, TxRecord
from chainflow.sources.strict import REJECTED
from chainflow.transactions import Block, Transaction
from chainflow.units import COIN
from chainflow.work import meets_target

__all__ = ["GENESIS", "base_of", "block_records", "height_in", "subsidy", "tx_record"]


_FIRST = {chain: blocks[0] for chain, blocks in CHECKPOINTS.items()}
GENESIS: Mapping[str, tuple[str, ...]] = {
    **{chain: (block,) for chain, block in _FIRST.items()},
    "btc-testnet": (
        _FIRST["btc-testnet"],
        "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
        "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
    ),
    "btc-regtest": ("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",),
    "ltc-regtest": ("530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9",),
}
"""Chain → the hashes of its first block; `btc-testnet` is testnet3, testnet4 or signet."""

_HALVINGS = {"btc": 210_000, "bch": 210_000, "ltc": 840_000}
_REGTEST_HALVING = 150

_BIP34 = {
    "btc": 227_931,
    "bch": 227_931,
    "ltc": 710_000,
    "btc-testnet": 21_111,
    "btc-regtest": 1,
    "ltc-regtest": 1,
}
"""Chain → the height from which a coinbase must begin with its height; regtest nodes always write it."""


def base_of(chain: str) -> str:
    """Return the coin of a chain: `ltc` for `ltc-regtest`."""
    return chain.partition("-")[0]


def subsidy(chain: str, height: int) -> int | None:
    """Return the base units that a block may create, `None` where the chain's schedule is not known here.

    Examples
    --------
    >>> subsidy("btc", 300_025), subsidy("ltc-regtest", 433), subsidy("doge", 5)
    (2500000000, 1250000000, None)
    """
    interval = _HALVINGS.get(base_of(chain))
    if interval is None:
        return None
    halvings = height // (_REGTEST_HALVING if chain.endswith("-regtest") else interval)
    return 50 * COIN >> halvings


def height_in(chain: str, block: Block) -> int | None:
    """Return the height that a block's coinbase begins with, `None` where none can be relied on.

    Before it became a rule, and in version 1 for ever, miners wrote any number there.

    References
    ----------
    BIP34; `chainparams.cpp` for the first height.
    """
    first = _BIP34.get(chain)
    height = _written_height(block.transactions[0])
    if first is None or height is None or block.header.version < 2:
        return None
    return height if height >= first else None


def _written_height(coinbase: Transaction) -> int | None:
    """Return the number that a coinbase's script begins with."""
    script = coinbase.inputs[0].scriptsig
    size = script[0] if script else 0
    if 0x51 <= size <= 0x60:  # OP_1 … OP_16: young regtest chains
        return size - 0x50
    return int.from_bytes(script[1 : 1 + size], "little") if 1 <= size <= 4 and len(script) > size else None


def tx_record(
    chain: str,
    transaction: Transaction,
    spent: Sequence[OutputRecord] | None,
    *,
    height: int | None = None,
    block_hash: str | None = None,
    time: int | None = None,
    position: int | None = None,
    is_placed: bool = True,
    is_included: bool = False,
    what: str = "The transaction",
) -> TxRecord:
    """Return the record of a transaction and of the outputs it spends, `None` where these are not known.

    Raises
    ------
    ProofFailed
        If there are more or fewer outputs than inputs, or it pays more than it spends.
    """
    inputs: tuple[InputRecord, ...] = ()
    if not transaction.is_coinbase:
        prevouts = [None] * len(transaction.inputs) if spent is None else list(spent)
        if len(prevouts) != len(transaction.inputs):
            message = f"{transaction.txid} has {len(transaction.inputs)} inputs, but spends {len(prevouts)}"
            raise ProofFailed(f"{what}: {message} outputs", hint=REJECTED)
        inputs = tuple(
            InputRecord(Outpoint(given.txid, given.vout), prevout, given.sequence)
            for given, prevout in zip(transaction.inputs, prevouts, strict=True)
        )
    record = TxRecord(
        chain,
        transaction.txid,
        inputs,
        tuple(OutputRecord(output.value_sat, output.script.hex()) for output in transaction.outputs),
        is_coinbase=transaction.is_coinbase,
        height=height,
        block_hash=block_hash,
        time=time,
        position=position,
        raw=transaction.serialize(),
        is_placed=is_placed,
        is_included=is_included,
    )
    if (record.fee_sat or 0) < 0:
        raise ProofFailed(f"{what}: {record.txid} pays more than it spends", hint=REJECTED)
    return record


def block_records(
    chain: str,
    block: Block,
    height: int | None,
    spent: Sequence[Sequence[OutputRecord] | None],
    *,
    what: str = "The block",
) -> tuple[HeaderRecord | TxRecord, ...]:
    """Return a block's header and its transactions, in their order, if they belong together.

    Parameters
    ----------
    height : int or None
        `None` where it is not known: the records then name the block, and no height.
    spent : sequence
        What each transaction spends, the coinbase's first (ignored); `None` where it is not known.

    Raises
    ------
    ProofFailed
        If the header does not commit to these transactions or lacks its work, the coinbase begins with
        another height, an output spent is not as the block itself made it, or more coins are made than
        the block may.
    """
    try:
        check_block(block)
    except ProofFailed as error:
        raise ProofFailed(f"{what}: {error.message}", hint=REJECTED) from None
    if meets_target(block.header, chain) is False:
        raise ProofFailed(f"{what}: block {block.header.hash} lacks its proof of work", hint=REJECTED)
    _check_height(chain, block, height, what)
    _check_own_outputs(block, spent, what)
    records = [
        tx_record(
            chain,
            transaction,
            spends,
            height=height,
            block_hash=block.header.hash,
            time=block.header.time,
            position=position,
            is_placed=height is not None,
            is_included=True,
            what=what,
        )
        for position, (transaction, spends) in enumerate(zip(block.transactions, spent, strict=True))
    ]
    _check_money(chain, records, height, what)
    return HeaderRecord(chain, height, block.header.serialize().hex()), *records


def _check_height(chain: str, block: Block, height: int | None, what: str) -> None:
    if height is None:
        return
    is_ruled = height >= _BIP34.get(chain, height + 1)
    written = _written_height(block.transactions[0]) if is_ruled else height_in(chain, block)
    if written != height and (is_ruled or written is not None):
        raise ProofFailed(f"{what}: the coinbase says height {written}, not {height}", hint=REJECTED)


def _check_own_outputs(block: Block, spent: Sequence[Sequence[OutputRecord] | None], what: str) -> None:
    """Compare what is said to be spent with the outputs that this block itself makes."""
    made: dict[str, Transaction] = {}
    for transaction, prevouts in zip(block.transactions, spent, strict=True):
        for given, prevout in zip(transaction.inputs, prevouts or (), strict=False):
            parent = made.get(given.txid)
            if parent is None:
                continue
            own = parent.outputs[given.vout] if given.vout < len(parent.outputs) else None
            if own is None or prevout != OutputRecord(own.value_sat, own.script.hex()):
                message = (
                    f"{transaction.txid} spends {given.txid}:{given.vout}, which this block makes otherwise"
                )
                raise ProofFailed(f"{what}: {message}", hint=REJECTED)
        made[transaction.txid] = transaction


def _check_money(chain: str, records: Sequence[TxRecord], height: int | None, what: str) -> None:
    """Refuse a coinbase that takes more than what is new and what is paid as fees."""
    new = None if height is None else subsidy(chain, height)
    fees = [record.fee_sat for record in records]
    if new is None or None in fees:
        return
    made = sum(output.value_sat for output in records[0].outputs)
    allowed = new + sum(fee for fee in fees if fee is not None)
    if made > allowed:
        raise ProofFailed(
            f"{what}: the coinbase makes {made:,}, more than subsidy and fees ({allowed:,})", hint=REJECTED
        )
