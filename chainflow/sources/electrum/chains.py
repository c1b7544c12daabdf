"""By which block a chain is told from all others: an Electrum server does not know of which one we speak.

It indexes scripts by their hash, and one script may be used on several chains: a server of the wrong chain
answers with a true history of another coin.
"""

from __future__ import annotations

from collections.abc import Mapping

from chainflow.checkpoints import CHECKPOINTS
from chainflow.errors import BadInput, BadResponse
from chainflow.sources.mined import GENESIS
from chainflow.transactions import sha256d

__all__ = ["check_chain", "mark_of"]

_FORK = 478_559  # Bitcoin's and Bitcoin Cash's first blocks that differ

_OTHERS = ("btc-testnet", "btc-regtest", "ltc", "ltc-testnet", "ltc-regtest", "doge")

_MARKS: Mapping[str, Mapping[int, tuple[str, ...]]] = {
    "btc": {_FORK: ("00000000000000000019f112ec0a9982926f1258cdcc558dd7c3b7e5dc7fa148",)},
    "bch": {_FORK: (CHECKPOINTS["bch"][_FORK],)},
    **{chain: {0: GENESIS[chain]} for chain in _OTHERS},
}
"""Chain → height → the hashes of the block there: the first one, save where two chains share that."""


def mark_of(chain: str) -> int | None:
    """Return the height of the block that tells a chain from others, `None` where none is known here."""
    return next(iter(_MARKS.get(chain, ())), None)


def check_chain(chain: str, header: object, *, host: str) -> None:
    """Return if `header` (hex) is the block by which this chain is known.

    Raises
    ------
    BadInput
        If the server is of another chain; named where it is known.
    BadResponse
        If it is no header.
    """
    try:
        raw = bytes.fromhex(header if isinstance(header, str) else "?")
    except ValueError:
        raise BadResponse(f"{host} gives no block header", hint="is it an Electrum server?") from None
    block_hash = sha256d(raw)[::-1].hex()
    others = [
        name for name, marks in _MARKS.items() if any(block_hash in hashes for hashes in marks.values())
    ]
    if chain not in others:
        hint = f"pass chain={others[0]!r}, or name another server" if others else "name another server"
        raise BadInput(
            f"{host} is a server of {others[0] if others else 'another chain'}, not of {chain}", hint=hint
        )
