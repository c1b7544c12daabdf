"""`indicators`: which red flags of published lists the evidence shows of one address or cluster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields
from functools import cached_property

from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.model import Recipe
from chainflow.networks import is_account_chain
from chainflow.tags import Tag, Tags
from chainflow.typologies.episodes import Episode, episodes_of
from chainflow.typologies.findings import hits_in, owners_digest
from chainflow.typologies.flags import FLAGS
from chainflow.typologies.hits import Amount, BaseRate, Hit, said_span
from chainflow.typologies.indicator import Indicator, Indicators, Shown, State
from chainflow.typologies.measured import base_rates
from chainflow.typologies.parameters import Parameters
from chainflow.typologies.payments import NOBODY, Owners, Payments
from chainflow.typologies.search import Search, dense
from chainflow.units import counted

__all__ = ["Board", "indicators"]

_VASPS = ("exchange", "hosted_wallet", "payment_processor")
_PEERS = frozenset({"p2p", "p2p_exchange", "peer-to-peer", "peer_to_peer"})
_NO_TAGS = "no tags were given: who is a service is not known"

Answer = tuple[list[Shown], list[str], bool]
"""What was found, what is missing, and whether nothing can be said without that."""


@dataclass(frozen=True)  # no slots: `cached_property` keeps its value in the instance's dict
class Board:
    """What all indicators of a ledger are read from; made once, asked for any number of parties."""

    search: Search
    tags: Tags | None = None
    owners: Owners | None = None

    @cached_property
    def hits(self) -> dict[str, list[Hit]]:
        """Party → the hits of the patterns that indicators are read from."""
        found: dict[str, list[Hit]] = {}
        for kind in ("structuring", "dormant"):
            for hit in hits_in(self.search, kind):
                for role in ("payer", "payee", "account", "spent from"):
                    for name in hit.roles.get(role, ()):
                        found.setdefault(name, []).append(hit)
        return found

    @cached_property
    def mixes(self) -> dict[str, list[str]]:
        """Address → the txids of the CoinJoin-shaped transactions that it is in."""
        index, found = self.search.payments.ledger.index, dict[str, list[str]]()
        rows = (row for txid in sorted(self.search.payments.coinjoins) for row in index.tx_rows(txid))
        for row in rows:
            held = (*index.inputs_of(row).tolist(), *index.outputs_of(row).tolist())
            for label in sorted({index.label_of(output) for output in held}):
                found.setdefault(label, []).append(index.txids[row])
        return found

    @cached_property
    def numbers(self) -> dict[str, list[int]]:
        """Name → party numbers: one per chain."""
        found: dict[str, list[int]] = {}
        for number, (_, name) in enumerate(self.search.payments.names):
            found.setdefault(name, []).append(number)
        return found

    def tagged(self, party: int, *categories: str) -> tuple[Tag, ...]:
        """Return the tags of some categories on a party, or on a member of it where it is a cluster."""
        if self.tags is None or party == NOBODY:
            return ()
        name = self.search.payments.name(party)
        members: Iterable[str] = [name]
        if self.owners is not None:
            try:
                members = self.owners.members(name)
            except BadInput:  # the owners do not know it: it stands for itself
                members = [name]
        held = self._groups.get(categories) or self._grouped(categories)
        return tuple(tag for member in sorted(members) for tag in held.by_address.get(member, ()))

    @cached_property
    def _groups(self) -> dict[tuple[str, ...], Tags]:
        return {}

    def _grouped(self, categories: tuple[str, ...]) -> Tags:
        tags = self.tags if self.tags is not None else Tags()
        if set(categories) <= _PEERS:
            found = Tags(tuple(tag for tag in tags if not _PEERS.isdisjoint(tag.categories)))
        else:
            found = tags.of(*categories)
        self._groups[categories] = found
        return found


def indicators(
    ledger: Ledger,
    subject: str,
    *,
    tags: Tags | None = None,
    owners: Owners | None = None,
    coinjoins: Collection[str] | None = None,
    **parameters: object,
) -> Indicators:
    """Return which red flags the evidence shows of an address or a cluster; never a score.

    Parameters
    ----------
    subject : str
        An address, or with `owners` a cluster or any address of one.
    tags : Tags, optional
        Who is an exchange, a mixing service, a bridge. Without them most indicators cannot be said.
    owners, coinjoins, **parameters
        As for `find`.

    Raises
    ------
    SeedUnknown
        If the ledger does not hold it.
    BadInput
        For a name that is no parameter, or a number out of range.

    References
    ----------
    F-1 in `docs/typologies/indicators.md`; FATF, September 2020.

    Examples
    --------
    >>> from chainflow import samples
    >>> found = indicators(samples.load("colonial"), "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr")
    >>> [str(row.state) for row in found if row.name == "mixing"]
    ['cannot be said']
    """
    chosen = Parameters.read(parameters)
    payments = Payments.of(ledger, owners, coinjoins=coinjoins)
    board = Board(Search(payments, chosen), tags, owners)
    name, addresses = _subject(board, ledger, subject)
    is_default = owners is None and coinjoins is None and chosen == Parameters()
    rows = tuple(row_of(board, flag, name, addresses, is_default=is_default) for flag in FLAGS)
    recipe = Recipe(
        "typologies.indicators",
        {
            "subject": subject,
            "owners": None if owners is None else owners_digest(payments, owners),
            "coinjoins": None if coinjoins is None else sorted(coinjoins),
            **chosen.of(field.name for field in fields(chosen)),
        },
        inputs=[ledger.digest, *([] if tags is None else [tags.digest])],
    )
    return Indicators(rows, subject, addresses, recipe)


def _subject(board: Board, ledger: Ledger, subject: str) -> tuple[str, tuple[str, ...]]:
    """Return the party that is asked about and the addresses it stands for."""
    if board.owners is not None:
        name = board.owners.of(subject)
        return name, tuple(sorted(board.owners.members(name)))
    name = subject.lower() if subject.lower().startswith("0x") else subject
    if name not in ledger.accounts:
        rows = ledger.index.resolve([name])
        name = ledger.index.label_of(rows[0])
    return name, (name,)


def row_of(board: Board, flag: str, name: str, addresses: tuple[str, ...], *, is_default: bool) -> Indicator:
    """Return what the evidence says of one indicator."""
    shown, missing, is_blind = _RULES[flag](board, name, addresses)
    absent = State.CANNOT_BE_SAID if is_blind else State.NOT_PRESENT
    state = State.PRESENT if shown else absent
    chains = {board.search.payments.names[party][0] for party in board.numbers.get(name, ())}
    rates: tuple[BaseRate, ...] = ()
    if is_default and not any(map(is_account_chain, chains)):
        rates = base_rates(f"indicator {flag}")
    missing = [*missing, *_history(board, addresses)]
    about = FLAGS[flag]
    return Indicator(flag, about.title, about.sources, state, tuple(shown), tuple(missing), rates)


def _history(board: Board, addresses: tuple[str, ...]) -> list[str]:
    """Return whether the history of what is asked about is complete in evidence."""
    table = board.search.payments.ledger.coverage_table
    states: dict[str, set[str]] = {}
    for address, state in zip(table["address"].to_pylist(), table["state"].to_pylist(), strict=True):
        states.setdefault(address, set()).add(state)
    lacking = sum(states.get(address, set()) != {"complete"} for address in addresses)
    return [f"the whole history of {counted(lacking, 'address')} of it"] if lacking else []


def _shown(board: Board, reading: str, rows: Iterable[int], amounts: Iterable[Amount]) -> Shown:
    payments = board.search.payments
    places = [payments.places[tx] for tx in sorted({payments.rows[row].tx for row in rows})]
    times = [place.time for place in places]
    span = said_span(min(times), max(times))
    return Shown(
        f"{reading}, {span}.",
        tuple(place.txid for place in places),
        tuple(amounts),
        min(times),
        max(times),
    )


def _of_hit(hit: Hit) -> Shown:
    return Shown(hit.reading, hit.txids, hit.amounts, hit.first_time, hit.last_time)


# --- the indicators --------------------------------------------------------------------------------


def _below(board: Board, name: str, addresses: tuple[str, ...]) -> Answer:
    if board.search.parameters.threshold is None:
        return [], ["a threshold: threshold=, in base units or with prices= in money"], True
    return _from_hits(board, "structuring", (name,)), [], False


def _woken(board: Board, name: str, addresses: tuple[str, ...]) -> Answer:
    return _from_hits(board, "dormant", (name, *addresses)), [], False


def _from_hits(board: Board, kind: str, names: tuple[str, ...]) -> list[Shown]:
    found = {
        (hit.txids, hit.reading): hit for one in names for hit in board.hits.get(one, ()) if hit.kind == kind
    }
    return [_of_hit(found[key]) for key in sorted(found)]


def _episodes(board: Board, name: str) -> list[Episode]:
    return [one for party in board.numbers.get(name, ()) for one in episodes_of(board.search, party)]


def _emptied(board: Board, name: str, addresses: tuple[str, ...]) -> Answer:
    search, found = board.search, list[Shown]()
    for episode in _episodes(board, name):
        first = search.row(episode.ins[0])
        received = search.payments.by_payee[episode.party, first.asset]
        whole = sum(search.row(row).amount for row in received)
        began = [row for row in received if search.row(row).leg == first.leg]
        is_first = received[0] == episode.ins[0]
        if is_first and 2 * sum(search.row(row).amount for row in began) >= whole:
            reading = (
                f"its first receipt, {search.said(began)} of {search.said(received)} in all, was passed on "
                f"to the last {search.parameters.loss_percent} % or less"
            )
            rows = [*began, *episode.outs]
            amounts = (search.sum_of("first receipt", began), search.sum_of("passed on", episode.outs))
            found.append(_shown(board, reading, rows, amounts))
    return found, ["when the address was made: that it is new is only how it looks here"], False


def _cashed(board: Board, name: str, addresses: tuple[str, ...]) -> Answer:
    if board.tags is None:
        return [], [_NO_TAGS], True
    search, found = board.search, list[Shown]()
    for episode in _episodes(board, name):
        payers = {search.row(row).lead for row in episode.ins} - {NOBODY}
        out = [row for row in episode.outs if board.tagged(search.row(row).payee, *_VASPS)]
        if len(payers) >= search.parameters.degree and out:
            reading = (
                f"it received {search.said(episode.ins)} from {counted(len(payers), 'other')} and paid "
                f"{search.said(out)} to {_labels(board, out)}"
            )
            amounts = (search.sum_of("received", episode.ins), search.sum_of("to services", out))
            found.append(_shown(board, reading, [*episode.ins, *out], amounts))
    return found, [], False


def _labels(board: Board, rows: Iterable[int], *categories: str) -> str:
    """Return what tags call the payees of rows, with who says so."""
    tags = (tag for row in rows for tag in board.tagged(board.search.row(row).payee, *(categories or _VASPS)))
    return ", ".join(sorted({f"{tag.label} (says {tag.source})" for tag in tags}))


def _touching(board: Board, name: str, *categories: str, only_out: bool) -> list[tuple[int, Tag]]:
    """Return the payments of a party to (and from) parties with a tag of some categories."""
    payments, found = board.search.payments, list[tuple[int, Tag]]()
    for party in board.numbers.get(name, ()):
        for asset in range(len(payments.assets)):
            for row in payments.by_payer.get((party, asset), ()):
                found += [(row, tag) for tag in board.tagged(payments.rows[row].payee, *categories)]
            for row in () if only_out else payments.by_payee.get((party, asset), ()):
                found += [(row, tag) for tag in board.tagged(payments.rows[row].payer, *categories)]
    return found


def _told(board: Board, what: str, found: list[tuple[int, Tag]]) -> list[Shown]:
    """Return one statement per asset and tag."""
    groups: dict[tuple[int, str, str], list[int]] = {}
    for row, tag in found:
        groups.setdefault((board.search.row(row).asset, tag.label, tag.source), []).append(row)
    return [
        _shown(
            board,
            f"{what} {label} (says {source}): {board.search.said(rows)}",
            rows,
            [board.search.sum_of(what, rows)],
        )
        for (_, label, source), rows in sorted(groups.items())
    ]


def _mixed(board: Board, name: str, addresses: tuple[str, ...]) -> Answer:
    shown = []
    for txid in sorted({txid for one in addresses for txid in board.mixes.get(one, ())}):
        time = _time_of(board, txid)
        reading = f"it is in {txid}, which looks like a CoinJoin, {said_span(time, time)}."
        shown.append(Shown(reading, (txid,), (), time, time))
    if board.tags is None:
        return shown, ["tags: mixing services are not known without them"], True
    found = _touching(board, name, "mixing_service", "coinjoin", only_out=False)
    return shown + _told(board, "paid with", found), [], False


def _time_of(board: Board, txid: str) -> int:
    ledger = board.search.payments.ledger
    times = ledger.txs["time"].cast("int64").take(ledger.index.tx_rows(txid)).to_pylist()
    return min((time for time in times if time is not None), default=0)


def _converted(board: Board, name: str, addresses: tuple[str, ...]) -> Answer:
    if board.tags is None:
        return [], [_NO_TAGS], True
    found = _touching(board, name, "bridge", "defi_dex", only_out=True)
    missing = ["what a service gave in return: a change of coins inside an exchange is not on the chain"]
    return _told(board, "paid to", found), missing, False


def _spread(board: Board, name: str, addresses: tuple[str, ...]) -> Answer:
    if board.tags is None:
        return [], [_NO_TAGS], True
    search, shown = board.search, list[Shown]()
    paid = sorted(set(_touching(board, name, *_VASPS, only_out=True)), key=lambda pair: pair[0])
    actors = sorted({tag.actor or tag.label for _, tag in paid})
    who = [actors.index(tag.actor or tag.label) for _, tag in paid]
    clocks = [search.payments.clock(row) for row, _ in paid]
    for stretch in dense(clocks, who, least=2, seconds=search.parameters.seconds):
        part = paid[stretch]
        names = sorted({tag.actor or tag.label for _, tag in part})
        rows = sorted({row for row, _ in part})
        reading = f"it paid {counted(len(names), 'service')} within a window: {', '.join(names)}"
        shown.append(_shown(board, reading, rows, ()))
    return shown, [], False


def _peers(board: Board, name: str, addresses: tuple[str, ...]) -> Answer:
    if board.tags is None or not any(not _PEERS.isdisjoint(tag.categories) for tag in board.tags):
        return [], ["a tag that names a peer-to-peer platform"], True
    payments = board.search.payments
    into = [
        (row, tag)
        for party in board.numbers.get(name, ())
        for asset in range(len(payments.assets))
        for row in payments.by_payee.get((party, asset), ())
        for tag in board.tagged(payments.rows[row].payer, *sorted(_PEERS))
    ]
    out = _touching(board, name, *_VASPS, only_out=True)
    if not into or not out:
        return [], [], False
    return _told(board, "received from", into) + _told(board, "paid to", out), [], False


_RULES: dict[str, Callable[[Board, str, tuple[str, ...]], Answer]] = {
    "just-below-threshold": _below,
    "emptied-fast": _emptied,
    "gathered-and-cashed-out": _cashed,
    "mixing": _mixed,
    "other-asset": _converted,
    "several-services": _spread,
    "peer-to-peer": _peers,
    "dormant": _woken,
}
