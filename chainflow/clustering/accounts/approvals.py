"""Approvals of tokens: who let another account spend for it (E-3); they move nothing and are in no table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from chainflow.clustering.accounts.moves import Moves, labels_of, needed
from chainflow.clustering.rules import About, Kind
from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.model import TransferKind
from chainflow.sources.accounts import APPROVAL_TOPIC, evm_address, evm_hash
from chainflow.sources.strict import Field
from chainflow.units import whole_number

__all__ = ["Approval", "SelfAuthorisation", "read_approvals"]

_WORD = 2 + 64


class Approval(NamedTuple):
    """`owner` let `spender` spend its token of `contract`, in `txid`."""

    owner: str
    spender: str
    contract: str
    txid: str


def read_approvals(logs: Sequence[Mapping[str, Any]]) -> tuple[Approval, ...]:
    """Return the approvals of ERC-20 tokens in logs, in their order.

    An approval of nothing revokes and is left out, as are logs that a reorganisation removed, approvals
    of tokens of one kind (ERC-721), and logs that only borrow the event's name.

    Parameters
    ----------
    logs : sequence of dict
        The result of `eth_getLogs`, or receipts (`eth_getBlockReceipts`), as parsed from JSON.

    Raises
    ------
    SchemaMismatch
        If a log is not of the documented form; nothing is read then.

    References
    ----------
    EIP-20.
    """
    return tuple(found for log in _logs(Field(logs, "The logs")) for found in _approval(log))


def _logs(field: Field) -> Iterator[Field]:
    """Yield the logs of a list of logs, or of receipts."""
    for item in field.items():
        inner = item.get("logs")
        yield from [item] if inner is None else inner.items()


def _approval(log: Field) -> Iterator[Approval]:
    contract, txid = evm_address(log["address"]), evm_hash(log["transactionHash"])
    topics = [evm_hash(topic) for topic in log["topics"].items()]
    words = log["data"].text()
    removed = log.get("removed")
    if contract is None:
        raise log["address"].refuse("0x and 40 hex digits")
    if not words.startswith("0x") or not set(words[2:].lower()) <= set("0123456789abcdef") or len(words) % 2:
        raise log["data"].refuse("0x and whole bytes of hex")
    if topics[:1] != [APPROVAL_TOPIC] or len(topics) != 3 or len(words) != _WORD:
        return
    if (removed is not None and removed.flag()) or not int(words, 16):
        return
    if all(topic[2:26] == "0" * 24 for topic in topics[1:]):
        owner, spender = (f"0x{topic[26:]}" for topic in topics[1:])
        yield Approval(owner, spender, contract, txid)


@dataclass(frozen=True, slots=True)
class SelfAuthorisation:
    """An account that lets another account with a key spend its tokens is the same owner's (E-3).

    Approvals usually go to contracts; to let a plain account spend is to trust it wholly. **Wrong for
    victims**: who is tricked into approving a thief's account is linked with the thief. A spender with
    many owners is a service, or such a thief, and makes no link.

    Counted are approvals whose transaction is in the ledger, did not fail and was signed by the owner, to
    a spender that signed something in this ledger: a contract cannot sign.

    Parameters
    ----------
    approvals : collection of Approval
        As `read_approvals` gives them, or rows (owner, spender, contract, txid). Needed.
    max_owners : int
        Owners with one spender beyond which it counts as a service.
    excluded : collection of str
        Exchanges, bots, services, contracts: never linked.

    Raises
    ------
    BadInput
        If there are no approvals.

    References
    ----------
    F. Victor, 2020, Address clustering heuristics for Ethereum, FC 2020.
    """

    approvals: Collection[Sequence[str]] = ()
    max_owners: int = 3
    excluded: Collection[str] = ()

    name: ClassVar[str] = "self-authorisation"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="E-3",
        title="An account that lets another account with a key spend its tokens is the same owner's",
        kind=Kind.ACCOUNT,
        reading="are an owner of tokens and the account it let spend them",
        source="F. Victor, 2020, Address clustering heuristics for Ethereum",
        wrong_when=(
            "a victim was tricked into approving a thief's account",
            "the spender is a bot or a service that signs itself",
            "a company lets an employee's account spend",
        ),
    )

    def __post_init__(self) -> None:
        """Refuse a rule that could find nothing."""
        needed("approvals", self.approvals, hint="read_approvals(logs) reads them from event logs")

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the caller chose."""
        return {
            "approvals": [list(row) for row in self.approvals],
            "max_owners": self.max_owners,
            "excluded": sorted(self.excluded),
        }

    def links(self, ledger: Ledger) -> pa.Table:
        """Return a link from each owner to its spender, from the approval."""
        most = whole_number(self.max_owners, "owners", least=1)
        moves = Moves.of(ledger)
        may_link = moves.may_link(self.excluded) & moves.is_active
        given = sorted(set(_placed(moves, [_checked(row) for row in self.approvals])))
        owners = Counter(spender for spender, _ in {(spender, owner) for owner, spender, _ in given})
        kept = [row for row in given if owners[row[1]] <= most and may_link[row[0]] and may_link[row[1]]]
        columns = np.array(kept, dtype=np.int64).reshape(-1, 3).T
        return moves.links(self.name, *columns)


def _checked(row: Sequence[str]) -> Approval:
    if isinstance(row, str) or len(row) != 4 or not all(isinstance(cell, str) for cell in row):
        raise BadInput(f"not an approval: {str(row)[:120]!r}", hint="owner, spender, contract, txid")
    owner, spender, contract, txid = row
    owner, spender, contract = (next(iter(labels_of([one]))) for one in (owner, spender, contract))
    return Approval(owner, spender, contract, txid.lower())


def _placed(moves: Moves, approvals: Sequence[Approval]) -> Iterator[tuple[int, int, int]]:
    """Yield (owner, spender, transaction) of approvals that the owner signed, as numbers."""
    failed = set(moves.tx[moves.is_kind(TransferKind.NATIVE) & (moves.outcome == 0)].tolist())
    accounts = {name: number for number, name in enumerate(moves.names)}
    held: dict[str, list[int]] = {}
    for number, (_, txid) in enumerate(moves.txids):
        held.setdefault(txid, []).append(number)
    for one in approvals:
        for tx in held.get(one.txid, []):
            chain = moves.txids[tx][0]
            owner, spender = (accounts.get((chain, address), -1) for address in (one.owner, one.spender))
            is_told = min(owner, spender) >= 0 and moves.signers[tx] == owner
            if is_told and tx not in failed and moves.txids[tx] not in moves.ledger.disputed:
                yield owner, spender, tx
