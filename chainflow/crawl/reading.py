"""What one source tells of an address, of transactions, of a block: few questions in, checked facts out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from chainflow import addresses
from chainflow.crawl.asker import Asker
from chainflow.crawl.history import History
from chainflow.errors import BadResponse, NotFound, ProofFailed, SourceError, SourceUnavailable
from chainflow.model import (
    BlockHash,
    Fact,
    HeaderRecord,
    Listing,
    SpendRecord,
    TransferRecord,
    TxOutline,
    TxRecord,
)
from chainflow.sources import Source
from chainflow.transactions import sha256d

__all__ = ["Reading", "is_confirmed", "said"]

_SURELY_WHOLE = 4
"""No known server has pages of fewer transactions: a list that is shorter did not end for want of room."""


class Reading:
    """One source, and the asker that knows what it answered before."""

    def __init__(self, asker: Asker, source: Source) -> None:
        self.asker, self.source = asker, source

    def history(
        self, address: str, *, expected: Collection[str], most: int, is_counted: bool = False
    ) -> History:
        """Return all that the source tells of an address, or less, with the reason.

        Parameters
        ----------
        is_counted : bool
            Ask first how many transactions there are: costs a request, shows a list that lacks some, and
            keeps a service from being asked for at all.
        expected : collection of str
            Txids known to touch the address: a list without one of them is not whole.
        most : int
            With more transactions than this it is left as a service.

        Raises
        ------
        SourceError
            If the source has no answer; what came before is in the log.
        """
        found = self._history(address, expected, most, is_counted=is_counted)
        if self._lacks_some(found):  # an older answer may be to blame: ask for what this run has not asked
            with self.asker.asking_again():
                found = self._history(address, expected, most, is_counted=is_counted)
        return found

    def _lacks_some(self, found: History) -> bool:
        """Return whether the list of an address ended with fewer transactions than its source claims."""
        is_whole = found.left or found.is_service or self.source.lists != ("",)
        return not is_whole and len(found.listed) < found.claims.get("", 0) and self.asker.may_ask_again

    def _history(self, address: str, expected: Collection[str], most: int, *, is_counted: bool) -> History:
        found = History()
        count = self.source.address_path(address) if is_counted else None
        if count is not None and (facts := self.asker.ask(self.source, count)) is not None:
            found.add(facts)
            if found.size > most:
                found.is_service = True
                return found
        try:
            self._read_lists(address, expected, most, found)
        except SourceUnavailable as error:
            of = f" of {found.claims['']:,}" if "" in found.claims else ""
            error.message += (
                f" Nothing was lost: {len(found.known):,}{of} transactions of {address} are saved."
            )
            error.args = (error.message,)
            error.hint = "run the same fetch again: it goes on where it stopped"
            raise
        return found

    def _read_lists(self, address: str, expected: Collection[str], most: int, found: History) -> None:
        refused: list[SourceError] = []
        for which in self.source.lists:
            try:
                is_over = self._read_list(address, which, expected, most, found)
            except (NotFound, BadResponse, ProofFailed) as error:
                # a list that is not ready, or not kept here, must not hide the others
                refused.append(error)
                found.refused[which] = said(error)
                continue
            if is_over:
                return
        if len(refused) == len(self.source.lists):
            raise refused[0]
        if not found.left or self.asker.offline:
            self._complete(found)

    def _read_list(
        self, address: str, which: str, expected: Collection[str], most: int, found: History
    ) -> bool:
        """Read one list of an address; return whether the others are not to be read any more."""
        for facts in self._pages(address, which, expected, found):
            if facts is None:
                found.left = self.asker.refusal
                # a plan names the first question about each list; offline, the next may be held
                return not self.asker.looks_on
            found.add(facts)
            if found.size > most:
                found.is_service = True
                return True
        return False

    def transactions(self, txids: Sequence[str]) -> History:
        """Return what the source tells of transactions; `left` says why one was not asked for."""
        found = History(listed=dict.fromkeys(txids))
        self._complete(found)
        return found

    def each(self, txids: Sequence[str], found: History) -> dict[str, str]:
        """Add to `found` those of these transactions that it lacks; return why the others were not given.

        One that is declined or refused does not keep the others from being read.
        """
        left: dict[str, str] = {}
        missing = [txid for txid in txids if txid not in found.known]
        size = max(1, self.source.most_txids)
        for start in range(0, len(missing), size):
            batch = missing[start : start + size]
            try:
                self._add(batch, found, left)
            except (NotFound, BadResponse, ProofFailed) as error:
                if len(batch) == 1:
                    left[batch[0]] = said(error)
                    continue
                for txid in batch:
                    try:
                        self._add([txid], found, left)
                    except (NotFound, BadResponse, ProofFailed) as single:
                        left[txid] = said(single)
        return left

    def _add(self, txids: Sequence[str], found: History, left: dict[str, str]) -> None:
        given = self.transactions(txids)
        found.take(given)
        left |= dict.fromkeys(set(txids) - given.known, given.left or "the source did not give it")

    def _complete(self, found: History) -> None:
        """Ask for the listed transactions that came without their content, and for spent outputs."""
        self._ask_for([txid for txid in found.listed if txid not in found.known], found)
        if not self.source.states_prevouts:
            wanted = [
                spent.outpoint.txid
                for tx in found.txs.values()
                for spent in tx.inputs
                if spent.prevout is None and spent.outpoint.txid not in found.txs
            ]
            parents = History()
            self._ask_for(list(dict.fromkeys(wanted)), parents)
            found.left = found.left or parents.left
            held = {**parents.txs, **found.txs}
            found.txs = {txid: _with_parents(tx, held) for txid, tx in found.txs.items()}

    def _ask_for(self, txids: Sequence[str], found: History) -> None:
        size = max(1, self.source.most_txids)
        for start in range(0, len(txids), size):
            for path in self.source.tx_paths(txids[start : start + size]):
                facts = self.asker.ask(self.source, path, is_final=is_confirmed)
                if facts is None:
                    found.left = self.asker.refusal
                else:
                    found.add(facts)

    def _pages(
        self, address: str, which: str, expected: Collection[str], found: History
    ) -> Iterator[list[Fact] | None]:
        """Yield the pages of a list, to one that is the last; `None` where one may not be asked.

        A page is the last if it brings nothing new, or says so and nothing speaks against it. The count
        of an address costs a request: it is asked for only where a page says that more follow, or where
        one that says it is the last cannot be believed without it.
        """
        after, got, is_asked = "", set[str](), False
        beside = {
            "address": address,
            "lists": list(self.source.lists),
            "not_offered": list(getattr(self.source, "not_offered", ())),  # a plug-in need not have it
        }
        cursors = {""}
        while True:
            path = self.source.history_path(address, after, which=which)
            if path is None:
                raise NotFound(
                    f"{self.source.name} keeps no index of addresses",
                    hint="ask it for transactions or blocks, or ask an explorer or Electrum server",
                )
            page = self.asker.ask(self.source, path, about={**beside, "list": which, "after": after})
            yield page
            if page is None:
                return
            listing = next((fact for fact in page if isinstance(fact, Listing)), None)
            if listing is None:
                raise BadResponse(
                    f"the answer of {self.source.name} about {address} is no list",
                    hint="its reader must give a Listing with every page: see chainflow.testing",
                )
            fresh = set(listing.txids) - got
            got |= fresh
            believed = listing.complete and which not in found.claims and _is_whole(listing, page, expected)
            claim = self.source.address_path(address)
            if not believed and not is_asked and which not in found.claims and claim is not None:
                is_asked = True
                yield self.asker.ask(self.source, claim) or []
            is_last = listing.complete and (believed or found.claims.get(which) in (None, len(got)))
            # a page of an account's rows may hold nothing but more rows of one transaction
            is_stuck = listing.next in cursors if which else not fresh
            if is_last or listing.is_refused or is_stuck or not listing.next:
                return
            after = listing.next
            cursors.add(after)

    def outspends(self, txids: Sequence[str], told: dict[str, list[SpendRecord]]) -> dict[str, str]:
        """Add to `told` what the source says spent the outputs of these; return why it did not tell some."""
        left: dict[str, str] = {}
        missing = [txid for txid in txids if txid not in told]
        while missing:
            size = self.asker.most_spends(self.source)
            batch, missing = missing[:size], missing[size:]
            try:
                self._spends_of(batch, told, left)
            except (NotFound, BadResponse, ProofFailed) as error:
                if len(batch) == 1:
                    left[batch[0]] = f"its spends: {said(error)}"
                    continue
                for txid in batch:  # an Esplora without mempool's extra end points
                    try:
                        self._spends_of([txid], told, left)
                    except (NotFound, BadResponse, ProofFailed) as single:
                        left[txid] = f"its spends: {said(single)}"
                if isinstance(error, NotFound) and not told.keys().isdisjoint(batch):
                    self.asker.one_by_one.add(self.source.name)
        return left

    def _spends_of(
        self, txids: Sequence[str], told: dict[str, list[SpendRecord]], left: dict[str, str]
    ) -> None:
        path = self.source.outspends_path(txids)
        known = None if path is None else self.asker.ask(self.source, path)
        if known is None:
            why = "the source does not tell" if path is None else self.asker.refusal
            left |= dict.fromkeys(txids, f"its spends were not asked: {why}")
            return
        for fact in known:
            if isinstance(fact, SpendRecord):
                told.setdefault(fact.outpoint.txid, []).append(fact)
        left |= dict.fromkeys(
            [txid for txid in txids if txid not in told], "its spends: the source does not know it"
        )

    def block(self, height: int) -> tuple[History, str]:
        """Return what is in a block of the source's best chain, and why not all of it ("" if all)."""
        found = History()
        paths = self.source.block_paths(height)
        if not paths:
            return found, f"{self.source.name} gives no blocks"
        for path in paths:
            facts = self.asker.ask(self.source, path)
            if facts is None:
                return found, self.asker.refusal
            found.add(facts)
            for named in [fact for fact in facts if isinstance(fact, BlockHash)]:
                for below in self.source.block_paths(height, named.block_hash):
                    content = self.asker.ask(self.source, below, is_final=is_confirmed)
                    if content is None:
                        return found, self.asker.refusal
                    found.add(content)
        return found, ""

    def proofs(self, txs: Iterable[TxRecord]) -> dict[str, str]:
        """Ask for merkle branches and headers; return the txids for which there is none, and why."""
        left: dict[str, str] = {}
        places = [(tx.txid, tx.height, tx.block_hash or "") for tx in txs if tx.height is not None]
        for path in self.source.proof_paths(places):
            try:
                if self.asker.ask(self.source, path, is_final=lambda known: True) is None:
                    left[self.source.subject_of(path) or path] = self.asker.refusal
            except (NotFound, BadResponse, ProofFailed) as error:
                left[self.source.subject_of(path) or path] = said(error)
        return left

    def headers(self, first: int, last: int, block_hash: str) -> str:
        """Ask for the headers of a run of blocks, the first of this hash; return why not all came, "" if all."""
        while first <= last:
            facts: Sequence[Fact] | None = ()
            try:
                for path in self.source.header_paths(first, last, block_hash):
                    facts = self.asker.ask(self.source, path, is_final=lambda known: True)
                    if facts is None:
                        return self.asker.refusal
            except (NotFound, BadResponse, ProofFailed) as error:
                return said(error)
            came = [fact for fact in facts or () if isinstance(fact, HeaderRecord)]
            if not came:
                return f"{self.source.name} gives no runs of headers of {self.source.chain}"
            # without a height they were asked for by the first one's hash
            top = came[-1].height if came[-1].height is not None else first + len(came) - 1
            if top >= last or top <= first:
                break
            first, block_hash = top, sha256d(bytes.fromhex(came[-1].raw))[::-1].hex()
        return ""


def said(error: NotFound | BadResponse | ProofFailed) -> str:
    """Return a refusal for people."""
    what = "the source declines" if isinstance(error, NotFound) else "the source's answer was refused"
    return f"{what}: {error.message}"


def is_confirmed(known: Sequence[Fact]) -> bool:
    """Return whether a known answer about transactions cannot change any more."""
    placed = [fact for fact in known if isinstance(fact, TxRecord | TxOutline) and fact.is_placed]
    return all(fact.height is not None for fact in (*placed, *_transfers(known)))


def _transfers(known: Sequence[Fact]) -> list[TransferRecord]:
    return [fact for fact in known if isinstance(fact, TransferRecord)]


def _is_whole(page: Listing, facts: Iterable[Fact], expected: Collection[str]) -> bool:
    """Return whether nothing speaks against a page that says it is the last.

    It must be short, hold every transaction that is known to touch the address, and spend no coin of the
    address that no transaction on it brought.
    """
    records = [fact for fact in facts if isinstance(fact, TxRecord)]
    if not 0 < len(page.txids) < _SURELY_WHOLE or not set(expected) <= set(page.txids):
        return False
    script = addresses.decode(page.address, chain=page.chain).script.hex()
    spent = [
        given.outpoint.txid
        for record in records
        for given in record.inputs
        if given.prevout is not None and given.prevout.script == script
    ]
    return set(spent) <= set(page.txids)


def _with_parents(tx: TxRecord, held: dict[str, TxRecord]) -> TxRecord:
    """Return a transaction with the spent outputs that its parents show."""
    inputs = []
    for given in tx.inputs:
        parent = held.get(given.outpoint.txid)
        is_there = parent is not None and given.outpoint.vout < len(parent.outputs)
        shown = parent.outputs[given.outpoint.vout] if parent is not None and is_there else given.prevout
        inputs.append(replace(given, prevout=shown))
    return replace(tx, inputs=tuple(inputs))
