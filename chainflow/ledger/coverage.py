"""What each source claimed and what it gave: whether an address's history is complete, as of which block.

`complete` means: the source gave exactly as many transactions as it says there are, or (where it makes no
such claim, or gave more) it said that no older page follows. Everything else is `partial`, with the reason. A
list that nobody asked for, that was refused, or that the source does not have, is `partial`, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chainflow.model import AddressClaim, Evidence, Listing, Tip, Unread

__all__ = ["Account", "coverage_rows"]

Key = tuple[str, str, str, str]
"""(chain, source, address, list)"""

HISTORY = "history"
"""The only list of an address on a UTXO chain."""


@dataclass(slots=True)
class _History:
    claim: tuple[int, int | None] | None = None
    pages: dict[str, tuple[Listing, int | None]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def claimed(self) -> int | None:
        return None if self.claim is None else self.claim[0]

    @property
    def chain(self) -> list[tuple[Listing, int | None]]:
        """The pages that follow one another from the first: a refresh leaves others, which do not count."""
        chain, left, after, got = [], dict(self.pages), "", set[str]()
        while after in left:
            page, tip = left.pop(after)
            chain.append((page, tip))
            got |= set(page.txids)
            if page.complete and self.claimed in (None, len(got)):
                break  # here the walk ends too: a page behind it is of an earlier one
            after = page.next or "\0"  # no page is asked with this: the line ends
        return chain

    @property
    def txids(self) -> set[str]:
        return {txid for page, _ in self.chain for txid in page.txids}

    @property
    def as_of(self) -> int | None:
        """The tip when the first page was asked: it holds all that is newer than what the later ones hold.

        Without a page, the tip when the number of transactions was asked; `None` where it is not known.
        """
        if self.chain:
            return self.chain[0][1]
        return None if self.claim is None else self.claim[1]

    @property
    def reason(self) -> str:
        """Why it is partial; "" where it is complete."""
        pages, received, claimed = [page for page, _ in self.chain], len(self.txids), self.claimed
        ended = bool(pages) and pages[-1].complete
        if pages and pages[-1].is_refused:
            return pages[-1].reason or "the source does not list this history"
        if why := self._refusal(pages):
            return why
        if (ended and (claimed is None or received >= claimed)) or (claimed == 0 and not pages):
            return ""  # a claim may be old: alone it never makes a list complete
        if claimed is None:
            stopped = pages[-1].reason if pages and not pages[-1].next else ""
            return f"{received:,} transactions, {stopped or 'older pages were not asked'}"
        if received >= claimed:
            return f"{received:,} transactions, {claimed:,} were claimed: older pages were not asked"
        what = "the source ended its list early" if ended else "not all pages were asked"
        return f"{received:,} of {claimed:,} transactions: {what if pages else 'not asked for'}"

    def _refusal(self, pages: list[Listing]) -> str:
        """Why the page that would come next is not held, as far as the log shows it."""
        last = pages[-1] if pages else None
        if last is not None and last.complete and self.claimed in (None, len(self.txids)):
            return ""
        cursor = "" if last is None else last.next
        if last is not None and not cursor:
            return ""
        why = self.unread.get(cursor, "")
        if not why or (last is None and self.claimed is None):
            return why
        of = "" if self.claimed is None else f" of {self.claimed:,}"
        return f"{len(self.txids):,}{of} transactions: {why}"


@dataclass(slots=True)
class Account:
    """The histories while statements come in, in the order they were learnt."""

    histories: dict[Key, _History] = field(default_factory=dict)
    tips: dict[tuple[str, str], int] = field(default_factory=dict)

    def tip(self, source: str, chain: str) -> int | None:
        """Return the newest height that a source has told so far."""
        return self.tips.get((source, chain))

    def add(self, fact: AddressClaim | Listing | Tip, evidence: Evidence) -> None:
        """Take in a tip, a claim or a page."""
        if isinstance(fact, Tip):
            self.tips[evidence.source, fact.chain] = fact.height
            return
        which = fact.which or HISTORY
        key = (fact.chain, evidence.source, fact.address, which)
        history = self.histories.setdefault(key, _History())
        tip = self.tip(evidence.source, fact.chain)
        if isinstance(fact, AddressClaim):
            history.claim = (fact.tx_count + fact.unconfirmed, tip)
        else:
            history.pages[fact.after] = (fact, tip)

    def add_unread(self, one: Unread) -> None:
        """Take in what is not held, after all pages: a refusal does not take away what was read before."""
        key = (one.chain, one.source, one.address, one.which or HISTORY)
        history = self.histories.setdefault(key, _History())
        if one.after not in history.pages:
            history.unread[one.after] = one.reason

    def told_unspent(self) -> dict[tuple[str, str], dict[str, int | None]]:
        """Map (chain, address) to {txid: height}: an output of that transaction to that address which
        nothing spends is unspent as of that height.

        Only complete histories speak; a partial one says nothing about spending.
        """
        told: dict[tuple[str, str], dict[str, int | None]] = {}
        for (chain, _, address, which), history in sorted(self.histories.items()):
            if which == HISTORY and not history.reason:
                as_of = history.as_of
                heights = told.setdefault((chain, address), {})
                for txid in history.txids:
                    known = (heights.get(txid), as_of)
                    heights[txid] = max((height for height in known if height is not None), default=None)
        return told


def coverage_rows(account: Account) -> list[tuple[object, ...]]:
    """Return the rows of the coverage table, sorted by chain, source, address and list."""
    rows: list[tuple[object, ...]] = []
    for (chain, source, address, which), history in sorted(account.histories.items()):
        reason, counts = history.reason, (history.claimed, len(history.txids))
        state = "partial" if reason else "complete"
        rows.append((chain, source, address, which, state, reason, history.as_of, *counts))
    return rows
