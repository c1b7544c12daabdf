"""A transaction as a node states it: built anew from its fields, hashed, and compared with what is stated."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chainflow.evm import EvmTransaction, transaction_from_rpc
from chainflow.model import TransferKind, TransferRecord
from chainflow.networks import EVM, network_of
from chainflow.sources.accounts import Frame, evm_address, quantity
from chainflow.sources.evm.place import ETHEREUM, frame_of, lies, naming
from chainflow.sources.strict import Field

__all__ = ["Stated", "stated"]

_RECOMPUTED = 2


@dataclass(frozen=True, slots=True)
class Stated:
    """One transaction of an answer.

    Attributes
    ----------
    recipient : str or None
        Who is paid; the contract that is made, where nobody is named and its address can be computed.
    built : EvmTransaction or None
        The transaction made anew: its hash is the stated one and its signature the sender's. `None` where
        its kind cannot be recomputed.
    """

    frame: Frame
    sender: str
    to: str | None
    recipient: str | None
    value_raw: int
    built: EvmTransaction | None
    field: Field

    @property
    def level(self) -> int:
        """What its bytes alone prove: 2, or 0 where they could not be made."""
        return 0 if self.built is None else _RECOMPUTED

    def having(self, *, ok: bool | None, recipient: str | None) -> Stated:
        """Return the transaction with what its receipt tells."""
        return replace(self, frame=self.frame._replace(ok=ok), recipient=recipient)

    def rows(self, *, level: int) -> list[TransferRecord]:
        """Return what the transaction itself moves, and what a deposit makes for its sender before."""
        moved, mint = self.frame.moved, 0 if self.built is None else self.built.mint_raw
        native = moved(
            TransferKind.NATIVE, self.sender, self.recipient, self.value_raw, ok=self.frame.ok, level=level
        )
        made = moved(TransferKind.REWARD, None, self.sender, mint, ok=True, place="mint", level=level)
        return [native, made] if mint else [native]


def stated(chain: str, tx: Field, *, time: int | None = None) -> Stated:
    """Return a transaction after comparing its hash and its sender with what its fields give.

    Parameters
    ----------
    time : int, optional
        Of its block, where the answer holds the block.

    Raises
    ------
    ProofFailed
        If hash or sender differ, or it was signed for another chain.
    SchemaMismatch
        If a field is malformed, or the kind is none of Ethereum's on a chain that has no others.
    """
    frame = frame_of(chain, tx, time=time)
    sender, to = evm_address(tx["from"]), evm_address(tx.get("to"))
    if sender is None:
        raise tx["from"].refuse("0x and 40 hex digits")
    value_raw = quantity(tx["value"])
    built = naming(tx, transaction_from_rpc)
    if built is None and chain in ETHEREUM:
        raise (tx.get("type") or tx["r"]).refuse("a signed kind, 0x0…0x4; a newer chainflow may know more")
    if built is None:
        return Stated(frame, sender, to, to, value_raw, None, tx)
    if built.txid != frame.txid:
        raise lies(tx, f"the transaction stated as {frame.txid} hashes to {built.txid}")
    _check_chain(chain, built, tx)
    signer = naming(tx, lambda _: built.sender)
    if signer != sender:
        raise lies(tx, f"{frame.txid} is stated to be from {sender}, but {signer} signed it")
    return Stated(frame, sender, to, built.recipient, built.value_raw, built, tx)


def _check_chain(chain: str, built: EvmTransaction, tx: Field) -> None:
    """Compare the chain that a signature is for with the one that is asked about."""
    network = network_of(chain)
    if network is None or built.chain_id in (None, 0, network.number):  # 0: of EIP-2930, signed for any
        return
    other = next((name for name, one in EVM.items() if one.number == built.chain_id), "")
    perhaps = f"; perhaps pass chain={other!r}" if other else ""
    raise lies(tx, f"{built.txid} was signed for chain number {built.chain_id}, not for {chain}{perhaps}")
