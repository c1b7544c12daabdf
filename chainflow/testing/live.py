"""check_live(): what a fetch from a running server gives, compared with a truth that is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from chainflow.crawl import Fetched, Limits, fetch_into
from chainflow.errors import SourceError
from chainflow.evidence import Log
from chainflow.ledger import Ledger
from chainflow.sources import Source

__all__ = ["LiveReport", "check_live"]

_MOST_TXS = 10**9


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What `check_live` found; `problems` is empty if what was fetched is the truth."""

    source: str
    addresses: int
    transactions: int
    transfers: int
    asked: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.problems


def check_live(
    source: Source, truth: Ledger | Mapping[str, int], addresses: Collection[str] | None = None
) -> LiveReport:
    """Fetch from a running server and compare with the truth: each transaction, or each balance.

    Parameters
    ----------
    source : Source
        Of a server that may be asked as fast as it answers: one of your own.
    truth : Ledger, or mapping of address to balance
        All that touches the addresses; or what each has of the chain's own coin, in base units.
    addresses : collection of str, optional
        By default all that the mapping names.

    Examples
    --------
    >>> from chainflow import samples
    >>> from chainflow.serve import Explorer
    >>> from chainflow.sources import open_source
    >>> lesson = samples.peel_chain(length=2)
    >>> payee = lesson.ledger.outputs["address"].to_pylist()[0]
    >>> with Explorer(lesson.ledger) as explorer:
    ...     source = open_source(f"esplora:{explorer.url}", chain="btc-regtest")
    ...     check_live(source, lesson.ledger, [payee]).ok
    True
    """
    wanted = sorted(truth if addresses is None and isinstance(truth, Mapping) else addresses or ())
    with Log(":memory:") as log:
        try:
            done = fetch_into(log, source, wanted, limits=Limits(max_txs=_MOST_TXS))
        except SourceError as error:
            return LiveReport(source.name, len(wanted), 0, 0, 0, (f"nothing was fetched: {error.message}",))
    assert isinstance(done, Fetched)  # noqa: S101  # it was no dry run
    problems = [f"{name} was not read: {why}" for name, why in done.not_followed]
    # a list that the source does not keep is no fault of its adapter
    partial = done.ledger.coverage.query("state != 'complete' and reason != 'not offered by this source'")
    problems += [f"{row.address} ({row.list}) is not complete: {row.reason}" for row in partial.itertuples()]
    if isinstance(truth, Ledger):
        problems += _differing(done.ledger, truth, set(wanted))
    else:
        have = _balances(done.ledger)
        problems += [
            f"{name} has {have.get(name, 0):,}, not {truth[name]:,}"
            for name in wanted
            if have.get(name, 0) != truth.get(name)
        ]
    counts = (len(done.ledger), done.ledger.transfers.num_rows, done.asked)
    return LiveReport(source.name, len(wanted), *counts, tuple(problems))


def _balances(ledger: Ledger) -> dict[str, int]:
    """Return what each address has of the chain's own coin."""
    rows = ledger.balances()
    own = rows[rows["contract"].isna()]
    return dict(zip(own["address"], own["balance_raw"], strict=True))


def _differing(fetched: Ledger, truth: Ledger, addresses: set[str]) -> list[str]:
    """Return where the rows that touch the addresses differ."""
    problems = []
    for name, rows in (("output", _outputs), ("transfer", _transfers)):
        have, want = rows(fetched, addresses), rows(truth, addresses)
        problems += [f"missing {name}: {row}" for row in sorted(want - have, key=str)]
        problems += [f"wrong {name}: {row}" for row in sorted(have - want, key=str)]
    return problems


def _outputs(ledger: Ledger, addresses: set[str]) -> set[tuple[object, ...]]:
    """Return (txid, vout, value, script, spender) of all outputs of and to the addresses."""
    names = ("txid", "vout", "value_sat", "script", "spent_by", "address")
    rows = zip(*(ledger.outputs[name].to_pylist() for name in names), strict=True)
    return {row[:-1] for row in rows if row[-1] in addresses}


def _transfers(ledger: Ledger, addresses: set[str]) -> set[tuple[object, ...]]:
    """Return all transfers of and to the addresses, without what only some sources tell."""
    names = ("txid", "kind", "contract", "token_id", "value_raw", "height", "number", "sender", "recipient")
    rows = zip(*(ledger.transfers[name].to_pylist() for name in names), strict=True)
    return {row for row in rows if {row[-1], row[-2]} & addresses}
