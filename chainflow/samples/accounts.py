"""A made-up account chain while it grows, and a case on it whose truth is known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chainflow import cards
from chainflow.ledger import Ledger, build
from chainflow.model import (
    Evidence,
    Fact,
    Listing,
    Recipe,
    Tip,
    TokenRecord,
    TransferKind,
    TransferRecord,
)
from chainflow.sources.accounts import transfer
from chainflow.tags import Tags

__all__ = ["CHAIN", "AccountCase", "AccountMaker", "Inside"]

CHAIN = "evm-dev"
"""The chain of local development nodes: no account of it holds anything."""

TRANSFER_FEE, CALL_FEE = (gas * 10 * 10**9 for gas in (21_000, 150_000))
"""What a payment costs, and a transaction in which more moves; in base units."""

_FIRST_HEIGHT, _FIRST_TIME, _BLOCK_SECONDS = 1_000, 1_736_121_600, 12  # 2025-01-06 00:00 UTC


@dataclass(frozen=True, slots=True)
class AccountCase:
    """A made-up case on an account chain whose truth is known.

    Attributes
    ----------
    title, story, question : str
        What the trainee reads.
    ledger : Ledger
        On the chain `evm-dev`; the histories of the accounts in `asked` are whole, those of others are not.
    seeds : mapping of str to str
        Victim → the transfer that took the money.
    tags : Tags
        What others say about some accounts.
    asked : tuple of str
    truth : mapping of str to str
        Address → owner, for every account in the ledger.
    answers : mapping of str to str or int
        By a short name: accounts, txids, amounts in base units.
    """

    title: str
    story: str
    question: str
    ledger: Ledger
    seeds: Mapping[str, str]
    tags: Tags
    asked: tuple[str, ...]
    truth: Mapping[str, str]
    answers: Mapping[str, str | int]

    def __repr__(self) -> str:
        return f"<AccountCase {self.title!r}: {self.ledger!r}, {len(self.seeds):,} seeds>"

    def _repr_html_(self) -> str:
        rows = [("story", self.story), ("question", self.question), ("ledger", self.ledger)]
        rows += [(f"seed: {name}", seed) for name, seed in self.seeds.items()]
        return cards.card(self.title, rows, note=f"Made up: on {CHAIN}, with accounts that nobody has.")


class Inside(NamedTuple):
    """What moved inside a transaction: of the chain's own coin where `contract` is `None`."""

    contract: str | None
    sender: str | None
    recipient: str | None
    amount: int


@dataclass(slots=True)
class AccountMaker:
    """The chain while it grows: the same calls with the same title and seed make the same rows.

    Attributes
    ----------
    owners : dict
        Address → owner: the truth.

    Examples
    --------
    >>> maker = AccountMaker("two accounts", seed=1)
    >>> ann, ben = maker.account("Ann"), maker.account("Ben")
    >>> txid = maker.write(ann, ben, 10**18)
    >>> sorted(maker.ledger([ben]).balances()["known"])
    ['complete', 'history not asked']
    """

    title: str
    seed: int
    owners: dict[str, str] = field(default_factory=dict, init=False)
    _rows: list[TransferRecord] = field(default_factory=list, init=False)
    _height: int = field(default=_FIRST_HEIGHT, init=False)
    _position: int = field(default=0, init=False)

    def account(self, owner: str) -> str:
        """Return a new account of `owner`."""
        address = f"0x{self._hash(f'account {len(self.owners)} of {owner}')[:40]}"
        self.owners[address] = owner
        return address

    def write(
        self,
        signer: str,
        to: str,
        value: int = 0,
        inside: Sequence[Inside] = (),
        *,
        ok: bool = True,
        blocks: int = 0,
    ) -> str:
        """Write one transaction, `blocks` after the last one (0: behind it in its block), and return its txid."""
        if blocks or not self._rows:
            self._height, self._position = self._height + blocks, 0
        self._position += 1 + int(self._hash(f"position {len(self._rows)}"), 16) % 40
        txid = f"0x{self._hash(f'tx {len(self._rows)}')}"
        self._row(txid, TransferKind.NATIVE, Inside(None, signer, to, value), ok=ok)
        self._row(txid, TransferKind.FEE, Inside(None, signer, None, CALL_FEE if inside else TRANSFER_FEE))
        for number, one in enumerate(inside):
            kind = TransferKind.INTERNAL if one.contract is None else TransferKind.TOKEN
            place = f"trace:{number}" if one.contract is None else f"log:{number}"
            self._row(txid, kind, one, place=place, ok=ok)
        return txid

    def ledger(self, asked: Sequence[str], tokens: Sequence[TokenRecord] = ()) -> Ledger:
        """Return everything written so far, with the whole history of the accounts that were asked."""
        name = f"{self.title}, seed {self.seed}"
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        made = Evidence(0, sha256, f"made-up:{name}", "", None)
        facts = [*self._facts(asked), *tokens]
        recipe = Recipe("sample", {"title": self.title, "seed": self.seed}, inputs=[sha256])
        return build(((fact, made) for fact in facts), recipe=recipe)

    def _facts(self, asked: Sequence[str]) -> Iterator[Fact]:
        yield Tip(CHAIN, self._height + 7_200)
        yield from self._rows
        lists = {
            "native": TransferKind.NATIVE,
            "internal": TransferKind.INTERNAL,
            "token": TransferKind.TOKEN,
        }
        for address in asked:
            for name, kind in lists.items():
                held = [one for one in self._rows if address in (one.sender, one.recipient)]
                txids = dict.fromkeys(one.txid for one in reversed(held) if one.kind is kind)
                yield Listing(CHAIN, address, "", tuple(txids), complete=True, which=name)

    def _row(self, txid: str, kind: TransferKind, moved: Inside, *, place: str = "", ok: bool = True) -> None:
        made = transfer(
            CHAIN,
            txid,
            kind,
            sender=moved.sender,
            recipient=moved.recipient,
            stated_raw=moved.amount,
            ok=ok,
            contract=moved.contract,
            place=place,
            height=self._height,
            block_hash=f"0x{self._hash(f'block {self._height}')}",
            time=_FIRST_TIME + _BLOCK_SECONDS * self._height,
            position=self._position,
        )
        self._rows.append(made)

    def _hash(self, use: str) -> str:
        """Return 64 hex digits that only the title, the seed and the use decide, on every machine."""
        return hashlib.sha256(f"{self.title}\n{self.seed}\n{use}".encode()).hexdigest()
