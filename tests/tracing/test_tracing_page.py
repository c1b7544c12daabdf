"""The page about tracing says what the code does: reasons, lines, and the worked statement of an account."""

from __future__ import annotations

import pathlib
import re

import pytest

from chainflow.model import EndReason
from chainflow.tracing import Asset, trace
from chainflow.tracing.closing import LINES
from tests.clustering.account_made import ledger, pay, txid, who
from tests.ledger.moves import fee

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "concepts" / "tracing.md").read_text(encoding="utf-8")
COIN = Asset("eth", None)


def rows_of(section: str) -> list[list[str]]:
    """Return the cells of the table in a section, below its header."""
    part = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


STATEMENT = rows_of("By hand: an account")


def test_the_table_has_every_reason_once_under_its_line_of_the_closing_balance():
    told = [(reason.strip("`"), line) for reason, line, _ in rows_of("Why a branch ends")]
    assert len(told) == len(EndReason)
    assert dict(told) == {reason.value: LINES[reason] for reason in EndReason}


def test_every_option_that_ends_a_branch_is_on_the_page():
    named = set(re.findall(r"`(\w+)=?`", PAGE))
    limits = {"dust_sat", "min_purity_ppm", "within", "max_hops", "max_txs", "max_cluster"}
    assert {"targets", "stop", "owners", "coinjoins", "contracts", "conversions"} | limits <= named


@pytest.fixture(scope="module")
def statement():
    """Return the trace of the worked statement, its rows in the page's order."""
    amounts = [int(cells[1] or cells[2]) for cells in STATEMENT]
    friend, ann, shop, ben, exchange, paid, _ = amounts
    deal = txid(9_005)
    made = ledger(
        pay("friend", "kit", friend, 1),
        pay("ann", "kit", ann, 2, txid=txid(9_002)),
        pay("kit", "shop", shop, 3),
        pay("ben", "kit", ben, 4, txid=txid(9_004)),
        pay("kit", "exchange", exchange, 5, txid=deal),
        fee(paid, sender=who("kit"), height=5, txid=deal, position=0),
    )
    return trace(made, {"Ann": txid(9_002), "Ben": txid(9_004)}, "fifo", targets=[who("exchange")])


def test_the_worked_statement_is_what_the_code_says(statement):
    told = [tuple(int(cell or 0) for cell in cells[4:]) for cells in STATEMENT]
    shares = [dict(move.shares) for move in statement.moves]
    paid = [(one.get(0, 0), one.get(1, 0)) for one in shares]
    assert paid == [told[2], told[4], told[5]]
    held = {label: ended.get("unknown: not in evidence", 0) for label, ended in statement.by_seed.items()}
    assert held == {"Ann": told[2][0] + told[6][0], "Ben": told[6][1]}  # the shop's own history was not asked


def test_the_worked_statement_adds_up_row_by_row_and_column_by_column(statement):
    numbers = [[int(cell or 0) for cell in cells[1:]] for cells in STATEMENT]
    assert all(came + went == sum(parts) for came, went, *parts in numbers)
    assert sum(row[0] for row in numbers) == sum(row[1] for row in numbers)
    for column in (2, 3, 4):
        came, went = (sum(row[column] for row in numbers if row[side]) for side in (0, 1))
        assert came == went
    assert sum(statement.balance_of(COIN).values()) == 70
