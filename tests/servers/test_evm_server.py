"""A real node: what is read of it adds up to its own balances, to the wei."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from chainflow.errors import ProofFailed
from chainflow.model import Listing, Tip, TransferKind, TransferRecord
from chainflow.sources.evm import Evm
from chainflow.transfers import NOT_MOVED

from .conftest import program
from .evm_fixtures import NEW_ACCOUNT, Anvil, Day, a_day, compiled, selector, word

pytestmark = pytest.mark.server

DEVELOPER = 10_000 * 10**18


@pytest.fixture(scope="module", params=["osaka", "shanghai"])
def day(request: pytest.FixtureRequest) -> Iterator[Day]:
    node = Anvil(program("evm_servers", "anvil"), "--hardfork", request.param)
    try:
        yield a_day(node, compiled(program("evm_servers", "vyper")))
    finally:
        node.stop()


@pytest.fixture
def source(day: Day) -> Iterator[Evm]:
    source = Evm(day.node.url, chain="evm-dev")
    yield source
    source.close()


def asked(source: Evm, path: str) -> tuple[object, ...]:
    reply = source.ask(path)
    return source.facts(path, reply.status, reply.body)


def moved(facts: Iterable[object]) -> list[TransferRecord]:
    return [fact for fact in facts if isinstance(fact, TransferRecord)]


def everything(source: Evm) -> list[TransferRecord]:
    (tip,) = asked(source, source.tip_path())
    assert isinstance(tip, Tip)
    return [
        row
        for height in range(tip.height + 1)
        for path in source.block_paths(height)
        for row in moved(asked(source, path))
    ]


def sums(rows: Iterable[TransferRecord]) -> Counter[tuple[str, str | None]]:
    """Return what (account, asset) has after these rows."""
    held: Counter[tuple[str, str | None]] = Counter()
    for row in rows:
        for party, value in ((row.recipient, row.value_raw), (row.sender, -row.value_raw)):
            if party is not None:
                held[party, row.contract] += value
    return held


def test_block_by_block_every_balance_is_right_to_the_wei(day: Day, source: Evm) -> None:
    rows = everything(source)
    held = sums(rows)
    for account in day.node.accounts:
        held[account, None] += DEVELOPER
    assert len(held) > 15
    for (account, contract), value in held.items():
        if contract is None:
            assert value == day.node.balance(account), account
        else:
            data = f"0x{selector('balanceOf(address)')}{word(account)}"
            assert value == day.node.number("eth_call", {"to": contract, "data": data}, "latest"), account


def test_of_a_block_all_but_the_internal_calls_is_proved(source: Evm) -> None:
    levels = {(row.kind, row.level) for row in everything(source)}
    assert {kind for kind, level in levels if level < 3} == {TransferKind.INTERNAL}
    assert len(levels) == 5


def history(source: Evm, account: str) -> list[str]:
    txids: dict[str, None] = {}
    for which in source.lists:
        after, pages = "", 0
        while True:
            (page,) = asked(source, source.history_path(account, after, which=which))
            assert isinstance(page, Listing)
            assert page.which == which
            assert not set(page.txids) & set(txids) or pages == 0
            txids |= dict.fromkeys(page.txids)
            after, pages = page.next, pages + 1
            if page.complete:
                break
        assert pages < 10
    return list(txids)


def test_by_address_the_same_movements_are_found_as_block_by_block(day: Day, source: Evm) -> None:
    def of(account: str, rows: Iterable[TransferRecord]) -> set[tuple[object, ...]]:
        return {
            (row.txid, row.kind, row.contract, row.sender, row.recipient, row.value_raw, row.ok, row.place)
            for row in rows
            if account in (row.sender, row.recipient) and row.kind is not TransferKind.REWARD and row.height
        }

    blocks = everything(source)
    for account in [*day.node.accounts[:6], NEW_ACCOUNT, day.till, day.helper]:
        txids, rows = history(source, account), []
        for start in range(0, len(txids), source.most_txids):
            for path in source.tx_paths(txids[start : start + source.most_txids]):
                rows += moved(asked(source, path))
        missed = of(account, blocks) - of(account, rows)
        assert of(account, rows) < of(account, blocks) if missed else of(account, rows)
        # anvil's index does not know who gets what a destroyed contract had
        assert {txid for txid, *_ in missed} <= {day.txids["end"]}


def rows_of(source: Evm, txid: str) -> list[TransferRecord]:
    return [row for path in source.tx_paths([txid]) for row in moved(asked(source, path))]


def test_a_failed_transaction_moves_nothing_and_pays(day: Day, source: Evm) -> None:
    by_kind = {row.kind: row for row in rows_of(source, day.txids["fail"])}
    assert by_kind[TransferKind.NATIVE].ok is False
    assert (by_kind[TransferKind.NATIVE].value_raw, by_kind[TransferKind.NATIVE].stated_raw) == (
        0,
        2 * 10**18,
    )
    assert by_kind[TransferKind.INTERNAL].value_raw == 0
    assert by_kind[TransferKind.FEE].value_raw > 0


def test_a_call_undone_inside_a_success_moves_nothing(day: Day, source: Evm) -> None:
    native, *inside = [
        row for row in rows_of(source, day.txids["attempt"]) if row.kind is not TransferKind.FEE
    ]
    assert (native.ok, native.value_raw) == (True, 10**18)
    assert [(row.place, row.ok, row.value_raw, row.stated_raw) for row in inside] == [
        ("trace:0", False, 0, 10**18),
        ("trace:0_0", False, 0, 10**18),
    ]


def test_a_delegate_call_is_no_payment(day: Day, source: Evm) -> None:
    inside = [row for row in rows_of(source, day.txids["borrow"]) if row.kind is TransferKind.INTERNAL]
    moved = [row for row in inside if row.value_raw]
    assert [row.value_raw for row in moved] == [4 * 10**18, 2 * 10**18]
    assert {row.sender for row in moved} == {day.till}
    # the call that only borrowed code is named, so that a list which calls it a payment can be corrected
    assert all(mark.startswith(NOT_MOVED) for row in inside if not row.value_raw for mark in row.marks)


def test_a_pending_transaction_is_nowhere_yet(day: Day, source: Evm) -> None:
    (native,) = rows_of(source, day.txids["pending"])
    assert (native.height, native.ok, native.level) == (None, None, 2)


def test_a_node_of_another_chain_is_refused(day: Day) -> None:
    source = Evm(day.node.url, chain="eth")
    with pytest.raises(ProofFailed, match="is of chain number 31337, not of eth"):
        asked(source, source.tip_path())
    with pytest.raises(
        ProofFailed, match="signed for chain number 31337, not for eth; perhaps pass chain='evm-dev'"
    ):
        rows_of(source, day.txids["split"])
    source.close()
