"""What the readers of Tron share: where a row is, and addresses in their three forms."""

from __future__ import annotations

from chainflow.errors import AddressInvalid, BadBytes
from chainflow.sources.accounts import Frame
from chainflow.sources.strict import Field
from chainflow.tron import address_bytes, address_text

__all__ = ["MOST", "address_in", "frame_of"]

MOST = 2**63 - 1
"""The largest amount of sun, or of a TRC-10 token."""

_LATEST = 2**32 * 1000


def frame_of(
    chain: str,
    txid: str,
    row: Field,
    *,
    ok: bool | None = None,
    height: str = "blockNumber",
    time: str = "block_timestamp",
) -> Frame:
    """Return where a row says that it is, as far as it does; its milliseconds become seconds."""
    number, moment = row.get(height), row.get(time)
    return Frame(
        chain,
        txid,
        height=None if number is None else number.integer(0, 2**40),
        time=None if moment is None else moment.integer(0, _LATEST) // 1000,
        ok=ok,
    )


def address_in(field: Field) -> str:
    """Return an address, written as `T…`, in hex with 41 before it, or as 20 bytes of hex."""
    text = field.text()
    try:
        return address_text(bytes.fromhex(text) if len(text) == 40 else address_bytes(text))
    except (AddressInvalid, BadBytes, ValueError):
        raise field.refuse("an address of Tron") from None
