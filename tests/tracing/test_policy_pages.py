"""Every policy has a page, and every number of its worked tables is what the policy answers."""

from __future__ import annotations

import inspect
import pathlib
import re
import tomllib
from fractions import Fraction
from typing import NamedTuple

import pytest

from chainflow import registry, trace
from chainflow.model import EndReason
from chainflow.tracing import AccountTrace
from chainflow.tracing.policies import Coin, Deposit, Withdrawal, account_policy_named, divide, policy_named
from tests.clustering.account_made import ledger as account_ledger
from tests.clustering.account_made import pay, who
from tests.made import ledger as made_ledger
from tests.made import origin, tx

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "policies"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md") if path.stem != "README"}
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
INSTALLED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]

COINS = {name: name for name in INSTALLED["chainflow.policies"]}
ACCOUNTS = {
    {"libr": "lowest-intermediate-balance"}.get(name, f"account-{name}" if name in COINS else name): name
    for name in INSTALLED["chainflow.account_policies"]
}
CLAIMANTS = ("clayton", "rolling-charge", "pari-passu")
SECTIONS = ["Definition", "Legal background", "When it fails", "By hand", "Backward", "Sources"]

INPUTS = {
    "U1": [Coin.of(3, {0: 3}), Coin(2), Coin(3)],
    "U2": [Coin(2), Coin.of(3, {0: 3}), Coin(3)],
    "S1": [Coin.of(3, {0: 3}), Coin(2), Coin.of(3, {1: 3})],
}
T1, T2 = {"x": 3, "y": 4, "fee": 1}, {"p": 1, "q": 5, "fee": 0}
LABELS = ["Al", "Bo"]
EVENTS = {
    "A1": [("clean", 10), ("tainted", 6), ("clean", 3), ("P", 8), ("clean", 4), ("Q", 5), ("R", 10)],
    "L1": [("clean", 4), ("tainted", 6), ("P", 8), ("clean", 5)],
}
DEPOSITS = [Deposit("A", 6), Deposit("B", 4), Withdrawal(8), Deposit("C", 5)]


class Table(NamedTuple):
    """A worked table: what its first column is of, the other columns, and the rows with "" for an empty cell."""

    of: str
    columns: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> list[str]:
        return [row[1 + self.columns.index(name)] for row in self.rows]


def tables(page: str) -> list[Table]:
    part = page.split("## By hand\n")[1].split("\n## ")[0]
    found = []
    for text in re.findall(r"(?:^\|.*\n)+", part + "\n", re.M):
        head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
        found.append(Table(head[0], head[1:], rows))
    return found


def of_kind(of: set[str]) -> list:
    return [
        pytest.param(stem, table, id=f"{stem}-{table.of}-{place}")
        for stem, page in sorted(PAGES.items())
        for place, table in enumerate(tables(page))
        if table.of in of
    ]


def spend(name: str, inputs: list[Coin], pays: dict[str, int]) -> list[Coin]:
    return policy_named(name).spend(inputs, list(pays.values()))


def seniority() -> list[Coin]:
    rule = policy_named('seniority["Bo","Al"]').numbered(LABELS)
    return rule.spend(INPUTS["S1"], list(T1.values()))


def share(inputs: list[Coin], value: int) -> Fraction:
    """Return the exact haircut of a value: nothing else on these pages is a fraction."""
    whole = sum(coin.value_sat for coin in inputs)
    return Fraction(value * sum(coin.tainted_sat for coin in inputs), whole)


def summed(amounts: list) -> list[str]:
    return [str(amount) for amount in (*amounts, sum(amounts))]


def carried(stem: str, column: str, is_first: bool) -> list[str]:
    """Return what a table about `t1` or `t2` has to say in a column."""
    vector, _, what = column.partition(" ")
    if what in LABELS:
        return summed([coin.by_label.get(LABELS.index(what), 0) for coin in seniority()])
    inputs, pays = INPUTS[vector], T1
    exact = [share(inputs, value) for value in pays.values()]
    if not is_first:
        inputs, pays = [spend(stem, inputs, T1)[1], Coin(2)], T2
        exact = [exact[1] * value / 6 for value in pays.values()]
    return summed(exact if what else [coin.tainted_sat for coin in spend(stem, inputs, pays)])


@pytest.mark.parametrize(("stem", "table"), of_kind({"t1 pays", "t2 pays"}))
def test_every_amount_that_reaches_an_output_is_what_the_policy_says(stem, table):
    pays = T1 if table.of == "t1 pays" else T2
    assert [row[0] for row in table.rows] == [*pays, "sum"]
    assert table.column("value") == summed([*pays.values()])
    for column in table.columns[1:]:
        assert table.column(column) == carried(stem, column, pays is T1), column


def booked(name: str, events: list[tuple[str, int]]) -> list[dict[str, int]]:
    """Return one row per event, and their sum, as an account's book has them under a policy."""
    book, rows = account_policy_named(name).open(), []
    for what, value in events:
        row = {}
        if what in ("clean", "tainted"):
            coin = Coin.of(value, {0: value} if what == "tainted" else {})
            book.receive(coin)
            row |= {"in": value, "tainted in": coin.tainted_sat}
        else:
            before = sum(book.lost.values())
            row |= {"out": value, "tainted out": book.pay(value).tainted_sat}
            row["lost"] = sum(book.lost.values()) - before
        rows.append(row | {"held": book.balance, "tainted held": sum(book.claimed.values())})
    names = ("in", "tainted in", "out", "tainted out", "lost")
    sums = {column: sum(row.get(column, 0) for row in rows) for column in names}
    return [*rows, sums | {"held": rows[-1]["held"], "tainted held": rows[-1]["tainted held"]}]


def ratios(events: list[tuple[str, int]]) -> list[str]:
    """Return the exact running haircut of each payment, "" for what is paid in, and their sum."""
    held = tainted = Fraction(0)
    paid: list[Fraction | None] = []
    for what, value in events:
        if what in ("clean", "tainted"):
            held, tainted = held + value, tainted + (value if what == "tainted" else 0)
            paid.append(None)
        else:
            paid.append(tainted * value / held)
            held, tainted = held - value, tainted - paid[-1]
    return [*("" if part is None else str(part) for part in paid), str(sum(part or 0 for part in paid))]


@pytest.mark.parametrize(("stem", "table"), of_kind({*EVENTS}))
def test_every_entry_of_an_account_is_what_the_policy_books(stem, table):
    events, rows = EVENTS[table.of], booked(ACCOUNTS[stem], EVENTS[table.of])
    assert [row[0] for row in table.rows] == [*(what for what, _ in events), "sum"]
    for column in table.columns:
        exact = ratios(events) if column == "tainted out exact" else None
        assert table.column(column) == (exact or [str(row.get(column, "")) for row in rows]), column
    if "lost" not in table.columns:
        assert not any(row.get("lost") for row in rows)


@pytest.mark.parametrize(("stem", "table"), of_kind({*EVENTS}))
def test_the_columns_of_an_account_close(stem, table):
    last = dict(zip(table.columns, table.rows[-1][1:], strict=True))
    gone = int(last.get("tainted out", 0)) + int(last.get("lost", 0)) + int(last["tainted held"])
    assert int(last["in"]) == int(last["out"]) + int(last["held"])
    if stem == "account-poison":
        surplus = gone - int(last["tainted in"])
        assert f"{table.of}: 6 came in" in PAGES[stem]
        assert re.search(rf"{table.of}: [^.]*{surplus} were", PAGES[stem])
    else:
        assert int(last["tainted in"]) == gone


def test_poison_shows_what_it_counted_more_than_once():
    first = spend("poison", INPUTS["U1"], T1)
    ends = first[0].value_sat + first[2].value_sat
    ends += sum(coin.tainted_sat for coin in spend("poison", [first[1], Coin(2)], T2))
    assert f"make {ends}" in PAGES["poison"]
    assert f"−{ends - 3}; the sum is 3" in " ".join(PAGES["poison"].split())


@pytest.mark.parametrize(("stem", "table"), of_kind({"claimant"}))
def test_every_share_of_a_claimant_is_what_the_rule_divides(stem, table):
    found = divide(DEPOSITS, stem)
    assert [row[0] for row in table.rows] == [*found.paid_in, "sum"]
    assert table.column("paid in") == summed([*found.paid_in.values()])
    assert table.column("left exact") == summed([*found.interests.values()])
    assert table.column("left") == summed([*found.amounts.values()])


def test_the_textbook_example_of_pari_passu_is_what_the_rule_divides():
    found = divide([Deposit("A", 1000), Deposit("B", 2000), Withdrawal(600)], "pari-passu")
    assert f"{found.amounts['A']} and {found.amounts['B']:,}" in " ".join(PAGES["pari-passu"].split())


@pytest.mark.parametrize("stem", sorted(PAGES))
def test_every_page_has_its_worked_tables(stem):
    both = {"t1 pays", "t2 pays"} if stem in COINS else {*EVENTS} if stem in ACCOUNTS else {"claimant"}
    assert {table.of for table in tables(PAGES[stem])} == both


def test_there_is_a_page_for_every_policy_and_none_about_nothing():
    assert set(PAGES) == {*COINS, *ACCOUNTS, *CLAIMANTS}
    assert {*registry.plugins("chainflow.policies")} >= {*COINS}
    assert {*registry.plugins("chainflow.account_policies")} >= {*ACCOUNTS.values()}


@pytest.mark.parametrize("stem", sorted(PAGES))
def test_every_page_says_the_rule_its_name_and_number_and_has_the_same_sections(stem):
    title, rule, name, *_ = PAGES[stem].splitlines()
    assert re.fullmatch(r"# .+ \(T-\d+\)", title)
    assert re.fullmatch(r"\*\*[^*]+\.\*\*", rule)
    assert f"`{ {**COINS, **ACCOUNTS}.get(stem, stem) }`" in name
    assert re.findall(r"^## (.+)$", PAGES[stem], re.M) == SECTIONS


@pytest.mark.parametrize("stem", sorted(COINS) + sorted(ACCOUNTS))
def test_a_page_says_whether_its_policy_conserves(stem):
    rule = policy_named(stem) if stem in COINS else account_policy_named(ACCOUNTS[stem])
    says_no = "Does **not** conserve" in PAGES[stem]
    assert says_no is not rule.conserves


def cells(stem: str) -> list[str]:
    """Return the cells of the index's only table row about a page."""
    lines = [
        line
        for line in INDEX.splitlines()
        if re.match(rf"\| T-\d+ \| `[^`]+` \| \[[^]]+\]\({stem}\.md\)", line)
    ]
    (line,) = lines
    return [cell.strip() for cell in line.split("|")[1:-1]]


@pytest.mark.parametrize("stem", sorted(COINS))
def test_the_index_has_the_amounts_of_every_policy_of_coins(stem):
    number, name, _, _, conserves, _, amounts = cells(stem)
    first = spend(stem, INPUTS["U1"], T1)
    second = spend(stem, [first[1], Coin(2)], T2)[:2]
    parts = [", ".join(str(coin.tainted_sat) for coin in some) for some in (first, second)]
    assert number in PAGES[stem].splitlines()[0]
    assert (name, amounts) == (f"`{stem}`", "; ".join(parts))
    assert conserves == ("yes" if policy_named(stem).conserves else "no")


@pytest.mark.parametrize("stem", sorted(ACCOUNTS))
def test_the_index_has_the_amounts_of_every_policy_of_accounts(stem):
    number, name, _, _, conserves, _, a1, l1 = cells(stem)
    rule = account_policy_named(ACCOUNTS[stem])
    *paid, _ = [row["tainted out"] for row in booked(rule.name, EVENTS["A1"]) if "tainted out" in row]
    *_, last = booked(rule.name, EVENTS["L1"])
    assert number in PAGES[stem].splitlines()[0]
    assert (name, a1) == (f"`{rule.name}`", ", ".join(map(str, paid)))
    assert l1 == f"{last['tainted out']}, {last['tainted held']}"
    assert conserves.split(",")[0] == ("yes" if rule.conserves else "no")


@pytest.mark.parametrize("rule", CLAIMANTS)
def test_the_index_has_the_shares_of_the_claimants(rule):
    shares = ", ".join(str(part) for part in divide(DEPOSITS, rule).interests.values())
    assert f"({rule}.md) {shares}" in " ".join(INDEX.split())


@pytest.mark.parametrize("stem", ["README", *sorted(PAGES)])
def test_every_page_is_short(stem):
    lines = (FOLDER / f"{stem}.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= (100 if stem == "README" else 60)
    assert max(len(line) for line in lines if not line.startswith("|")) <= 125


@pytest.mark.parametrize("name", sorted(COINS))
def test_a_trace_over_outputs_says_what_the_pages_say(name):
    theft = tx([origin(3, "victim", number=4)], [(3, "a")], height=99)
    t1 = tx(
        [(theft.txid, 0, 3, "a"), origin(2, "b", number=2), origin(3, "c", number=3)], [(3, "x"), (4, "y")]
    )
    t2 = tx([(t1.txid, 1, 4, "y"), origin(2, "d", number=5)], [(1, "p"), (5, "q")], height=101)
    trail = trace(made_ledger(theft, t1, t2), f"{theft.txid}:0", name, coinjoins=())
    reached = {
        (row.txid, row.vout): row.tainted_sat for row in trail.outputs.itertuples() if row.txid != theft.txid
    }
    first = spend(name, INPUTS["U1"], T1)
    second = spend(name, [first[1], Coin(2)], T2)
    coins = {(t1.txid, 0): first[0], (t1.txid, 1): first[1], (t2.txid, 0): second[0], (t2.txid, 1): second[1]}
    assert reached == {place: coin.tainted_sat for place, coin in coins.items() if coin.tainted_sat}
    assert sum(trail.balance.values()) == 3


@pytest.mark.parametrize("vector", sorted(EVENTS))
@pytest.mark.parametrize("name", sorted(ACCOUNTS.values()))
def test_a_trace_over_accounts_says_what_the_pages_say(name, vector):
    payers = {"clean": "payer", "tainted": "thief"}
    rows = [
        pay(payers[what], "account", value, height) if what in payers else pay("account", what, value, height)
        for height, (what, value) in enumerate(EVENTS[vector], start=1)
    ]
    seed = next(row.txid for row, (what, _) in zip(rows, EVENTS[vector], strict=True) if what == "tainted")
    trail = trace(account_ledger(*rows), seed, name)
    named = {who(what): what for what, _ in EVENTS[vector] if what not in payers}
    reached = {
        named[row.address]: row.tainted_raw for row in trail.outputs.itertuples() if row.address in named
    }
    table = [row for row in booked(name, EVENTS[vector])[:-1] if "out" in row]
    paid = dict(zip(named.values(), table, strict=True))
    assert reached == {what: row["tainted out"] for what, row in paid.items() if row["tainted out"]}
    assert trail.balance.get(EndReason.LOST, 0) == sum(row["lost"] for row in table)
    assert sum(trail.balance.values()) == 6


def test_a_page_that_drifts_is_found():
    wrong = PAGES["fifo"].replace("| y | 4 | 0 | 2 |", "| y | 4 | 1 | 2 |")
    (table, _) = tables(wrong)
    assert wrong != PAGES["fifo"]
    assert table.column("U1") != carried("fifo", "U1", is_first=True)


def test_the_how_to_names_only_what_a_trace_has_and_takes():
    text = (ROOT / "docs" / "how-to" / "trace.md").read_text(encoding="utf-8")
    table = text.split("| to end a branch at")[1].split("\n\n")[0]
    options = set(re.findall(r"(?<![(a-z_])([a-z_]+)=", table))
    assert options <= set(inspect.signature(trace).parameters)
    attributes = set(re.findall(r"\btrail\.([a-z_]+)", text))
    assert {"balance", "closing", "moves"} <= attributes
    assert all(
        hasattr(AccountTrace, name) or name in AccountTrace.__dataclass_fields__ for name in attributes
    )
    assert len(text.splitlines()) <= 110
