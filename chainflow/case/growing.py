"""A trace that asks for what it lacks: make it, ask what its largest open ends wait for, make it again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from chainflow.case.memory import Memory
from chainflow.crawl import Plan
from chainflow.crawl.fetching import normal_seeds
from chainflow.crawl.gathering import Gathering
from chainflow.crawl.walk import is_transaction
from chainflow.errors import SeedUnknown
from chainflow.progress import Progress, watched
from chainflow.sources import Source
from chainflow.tracing import Trace
from chainflow.tracing.growth import Growth, Missing, OpenEnd
from chainflow.tracing.open_ends import open_ends

__all__ = ["BUDGET", "grow_trace"]

BUDGET = 1_000
"""Requests that one call sends at most where nobody says how many."""

_LEAST = 8
_SHARE = 16
"""A round asks as many questions as a sixteenth of the transactions held, at least eight: so that the largest
amounts come first, and all rounds together cost a small multiple of the last."""


def grow_trace(
    case: Memory,
    run: Callable[[], Trace],
    *,
    seeds: Collection[str],
    sources: Sequence[Source],
    budget: int | None = BUDGET,
    max_txs: int = 2_000,
    dry_run: bool = False,
) -> Trace | Plan:
    """Return a trace after asking for what it lacks, the largest amount first; `growth` says what was asked.

    Every reply is in the case before the next question, and what is held is not asked for again: a trace
    that was interrupted, or ran out of its budget, goes on when it is made again. No step is written down.

    Parameters
    ----------
    case : Case
    run : callable
        Makes the trace on the ledger that the case holds at that moment.
    seeds : collection of str
        What the trace begins with: addresses, whose histories are read first, and places in transactions.
    sources : sequence of Source
        Of one chain. The first is asked, and the next where it does not answer.
    budget : int or None
        The most requests that this call may send; the newest height is one of them, as in `Limits`.
    max_txs : int
        The history of an address with more transactions is not read.
    dry_run : bool
        Return a `Plan` of what would be asked now, and disclosed; nothing is sent.

    Raises
    ------
    OfflineMode
        If a seed is not in the case, and asking is switched off.
    SeedUnknown
        If a seed was not read, such as within the budget.
    SourceError
        If no source answers, or they decline a seed; what was learnt is in the case.
    """
    asking = Gathering(
        case.log, sources, budget=budget, max_txs=max_txs, offline=case.offline, dry_run=dry_run
    )
    wanted = [_read_by(seed) for seed in seeds if _is_wanted(case, seed)]
    listed = normal_seeds(wanted, asking.chain) if wanted else []
    with watched("trace") as report:
        asking.read_seeds(listed)
        try:
            growing = _Growing(case, run, asking, run())
        except SeedUnknown as error:
            if dry_run:
                return asking.plan
            why = "".join(f"; {seed}: {words}" for seed, words in sorted(asking.not_read.items()))
            raise SeedUnknown(f"{error.message}{why}", hint=error.hint) from None
        growing.grow(report)
    return asking.plan if dry_run else replace(growing.trail, growth=growing.growth(listed))


def _read_by(seed: str) -> str:
    """Return the transaction or the address that is read for a seed."""
    txid = seed.partition(":")[0]
    return txid if is_transaction(txid.lower()) else seed


def _is_wanted(case: Memory, seed: str) -> bool:
    """Return whether a seed is to be read: a transaction that is not held, a history that is not all held."""
    ledger, read = case.ledger, _read_by(seed)
    if not is_transaction(read.lower()) and not case.offline:
        coverage = ledger.coverage[ledger.coverage["address"] == read]
        return not any((states == "complete").all() for _, states in coverage.groupby("source")["state"])
    try:
        ledger.index.resolve([seed])
    except SeedUnknown:
        return read not in {*ledger.accounts, *ledger.transfers["txid"].to_pylist()}
    return False


@dataclass(slots=True)
class _Growing:
    """The rounds of one growing trace; `tried` is why each question that was put has no answer, "" for one."""

    case: Memory
    run: Callable[[], Trace]
    asking: Gathering
    trail: Trace
    rounds: int = 1
    tried: dict[tuple[Missing, str], str] = field(default_factory=dict)

    def grow(self, report: Progress) -> None:
        """Ask and trace in turns, until nothing is open that was not asked for, or nothing may be asked."""
        while (waiting := self._waiting()) and not self.asking.is_over:
            report(self.asking.asked, len(waiting), str(waiting[0]))
            held = self.case.log.evidence_digest
            self._ask(self._chosen(waiting))
            if self.case.log.evidence_digest != held:
                self.trail, self.rounds = self.run(), self.rounds + 1

    def _waiting(self) -> list[OpenEnd]:
        ends = open_ends(self.trail)
        return [end for end in ends if (end.kind, end.what) not in self.tried]

    def _chosen(self, waiting: list[OpenEnd]) -> list[OpenEnd]:
        """Return what one round asks: the largest; where spenders are among it, as many as one question takes.

        Transactions wait for the next round then: what comes of both fills the question after.
        """
        largest = waiting[: max(_LEAST, len(self.case.ledger) // _SHARE)]
        count = sum(end.kind is Missing.SPENDERS for end in largest)
        if not count:
            return largest
        most = max(count, self.asking.most_spenders)
        return [end for end in waiting if end.kind is Missing.SPENDERS][:most]

    def _ask(self, ends: list[OpenEnd]) -> None:
        of = {kind: [end for end in ends if end.kind is kind] for kind in Missing}
        spenders = {end.what: end.addresses for end in of[Missing.SPENDERS]}
        left = {
            Missing.SPENDERS: self.asking.ask_spenders(spenders),
            Missing.TRANSACTION: self.asking.ask_transactions([end.what for end in of[Missing.TRANSACTION]]),
            Missing.HISTORY: {end.what: self.asking.ask_history(end.what) for end in of[Missing.HISTORY]},
        }
        self.tried |= {(end.kind, end.what): left[end.kind].get(end.what, "") for end in ends}

    def growth(self, seeds: Sequence[str]) -> Growth:
        """Return what was asked, and what is open all the same."""
        refusal, unread = self.asking.refusal, self.asking.not_read
        ends = {(end.kind, end.what): end for end in open_ends(self.trail)}
        waiting = [end for key, end in ends.items() if refusal in self.tried.get(key, refusal)]
        seeding = [_of_seed(seed) for seed in seeds if unread.get(seed) == refusal]
        left = {what: why for what, why in unread.items() if why != refusal}
        left |= {
            what: why or "asked for, and the answer does not hold it"
            for (kind, what), why in self.tried.items()
            if (why and refusal not in why) or (not why and (kind, what) in ends)
        }
        asked = self.asking.asked
        return Growth(self.asking.host, asked, self.rounds, (*seeding, *waiting), tuple(sorted(left.items())))


def _of_seed(seed: str) -> OpenEnd:
    txid = seed.partition(":")[0]
    if is_transaction(txid):
        return OpenEnd(Missing.TRANSACTION, txid, None)
    return OpenEnd(Missing.HISTORY, seed, None)
