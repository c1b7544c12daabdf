"""Asking for single things that somebody lacks: seeds, spenders, transactions, histories; never one twice.

`fetch` decides itself where a walk goes. Here the caller does, question by question, with one budget for all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from chainflow.crawl.asker import Asker
from chainflow.crawl.fetching import Plan, one_chain
from chainflow.crawl.limits import Limits
from chainflow.crawl.reading import said
from chainflow.crawl.walk import Walk, is_transaction
from chainflow.errors import BadResponse, NotFound, ProofFailed
from chainflow.evidence import Log
from chainflow.hosts import server_of
from chainflow.model import is_txid
from chainflow.sources import Source

__all__ = ["Gathering"]

_SILENT = "does not tell"


class Gathering:
    """Questions to the sources of one case, within one budget; every reply is on the disk before the next.

    Parameters
    ----------
    log : Log
    sources : sequence of Source
        Of one chain. The first is asked, and the next where it does not answer.
    budget : int or None
        The most requests of all questions together.
    max_txs : int
        The history of an address with more transactions is not read.
    offline, dry_run : bool
        As for `fetch_into`.

    Attributes
    ----------
    not_read : dict of str to str
        Seeds and addresses whose histories were not read to their end, and why.
    """

    def __init__(
        self,
        log: Log,
        sources: Sequence[Source],
        *,
        budget: int | None,
        max_txs: int,
        offline: bool,
        dry_run: bool,
    ) -> None:
        self.chain = one_chain(sources)
        self.sources = tuple(sources)
        self._asker = Asker(log, sources, offline=offline, refresh=False, dry_run=dry_run, budget=budget)
        limits = Limits(follow="coins", max_txs=max_txs, budget=budget)
        self._walk = Walk(self._asker, limits, (), lambda done, left, what: None)
        self.not_read = self._walk.not_followed

    @property
    def asked(self) -> int:
        """How many requests were sent, or would have been."""
        return self._asker.asked

    @property
    def host(self) -> str:
        """Who is asked."""
        return ", ".join(dict.fromkeys(server_of(one.host, one.name) for one in self.sources))

    @property
    def is_over(self) -> bool:
        """Whether nothing may be asked any more."""
        asker = self._asker
        is_spent = asker.budget is not None and asker.asked >= asker.budget
        return is_spent or (asker.offline and not asker.dry_run)

    @property
    def refusal(self) -> str:
        """Why something was not asked."""
        return self._asker.refusal

    @property
    def most_spenders(self) -> int:
        """How many transactions one question for spenders may name."""
        return max((self._asker.most_spends(source) for source in self._asker.alive), default=1)

    @property
    def plan(self) -> Plan:
        """What a dry run would have asked."""
        requests = tuple((path, subject) for _, path, subject in self._asker.planned)
        return Plan(server_of(self.sources[0].host, self.sources[0].name), requests, self._asker.reused)

    def read_seeds(self, seeds: Sequence[str]) -> None:
        """Read the transactions and the histories of seeds (txids, outpoints, addresses in their normal form).

        Raises
        ------
        OfflineMode
            If nothing is held of one, and nothing may be asked.
        SourceError
            If the sources decline one, or do not answer.
        """
        for seed in seeds:
            if is_transaction(seed.partition(":")[0]):
                self._walk.read_transaction(seed)
            else:
                self._walk.read_address(seed, self._walk.limits.hops, is_seed=True)

    def ask_spenders(self, addresses: Mapping[str, Collection[str]]) -> dict[str, str]:
        """Ask what spent the outputs of transactions; return those of which it is not known, and why.

        Where no source tells that, the histories of the outputs' addresses are read instead, and named so.

        Parameters
        ----------
        addresses : mapping of str to collection of str
            Txid → the addresses of the outputs in question.
        """
        known = set.intersection(*map(self._asked_before, self.sources)) & addresses.keys()
        left = dict.fromkeys(sorted(known), "its spends: asked before, and not told")
        left |= self._walk.spends([txid for txid in addresses if txid not in known])[1]
        for txid in [txid for txid, why in left.items() if _SILENT in why]:
            found = {address: self.ask_history(address) for address in addresses[txid]}
            why = "; ".join(f"{address}: {words}" for address, words in found.items() if words)
            how = "the source does not tell what spent an output"
            left[txid] = (
                f"{how}; read instead: the history of {', '.join(found)}"
                if found
                else (f"{how}, and its script has no address")
            )
            left[txid] += f" ({why})" if why else ""
        return left

    def ask_transactions(self, txids: Sequence[str]) -> dict[str, str]:
        """Ask for transactions, with what they spend; return those that were not given, and why."""
        return self._walk.transactions(txids)[1]

    def ask_history(self, address: str) -> str:
        """Read the history of an address; return why not all of it was read, "" if it was."""
        try:
            self._walk.read_address(address, self._walk.limits.hops, is_seed=False)
        except (NotFound, BadResponse, ProofFailed) as error:
            self.not_read[address] = said(error)
        return self.not_read.get(address, "")

    def _asked_before(self, source: Source) -> set[str]:
        """Return the txids whose spends a source was asked for and answered, in whatever company."""
        found = set[str]()
        for (path,) in self._asker.log.rows("select distinct path from reply where source = ?", source.name):
            txids = source.subject_of(path).split(",")
            is_few = len(txids) <= max(1, source.most_spends)
            if is_few and all(map(is_txid, txids)) and path == source.outspends_path(txids):
                found.update(txids)
        return found
