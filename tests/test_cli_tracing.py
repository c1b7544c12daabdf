"""`chainflow trace` over accounts, as an analyst with three CSV exports types it; the case is made up."""

from __future__ import annotations

import json
import re
import shutil

import pytest

import chainflow as cf
from tests.shell import run_here
from tests.tracing.bridge_case import (
    BRIDGE,
    DEPOSITS,
    ETH_OUT,
    ETHER,
    EXCHANGE,
    FEE,
    FUNDER,
    POOL,
    SENT,
    SWAP_IN,
    TAGS,
    THIEF,
    USDC,
    USDC_OUT,
    WALLETS,
    conversion_csv,
    made,
    write_exports,
)

CLEAN = 5 * ETHER - 2 * FEE
"""What of the funder's 5 ether is left when the stolen ether is passed on: it is paid first under FIFO."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("bridge")
    exports = write_exports(place)
    (place / "swap.csv").write_text(conversion_csv(), encoding="utf-8")
    with cf.Case(place / "made.chainflow") as case:
        for export in exports:
            case.add_file(export, chain="eth")
        case.tags += cf.Tags.of_rows(TAGS)
    return place


@pytest.fixture
def shell(folder, tmp_path, monkeypatch, capsys):
    """Run `chainflow trace` on a copy of the case, as the shell would."""
    for name in ("made.chainflow", "swap.csv"):
        shutil.copy(folder / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        return run_here(monkeypatch, capsys, "trace", "made.chainflow", *arguments, code=code)

    return run


def asked(shell, *arguments):
    return json.loads(shell(*arguments, "--json"))


def closing(found, asset="eth"):
    """Return the closing side of one asset: what ended as what, in base units."""
    rows = (row for row in found["closing"] if (row["asset"], row["side"]) == (asset, "closing"))
    return {row["detail"]: int(row["amount_raw"]) for row in rows}


def cells(text, *names):
    """Return the cells of the first printed row that holds all of `names`."""
    line = next(line for line in text.splitlines() if all(name in line for name in names))
    return [cell.strip() for cell in re.split("[│┃]", line)]


def test_every_base_unit_of_the_theft_is_accounted_for(shell):
    found = asked(shell, ETH_OUT)
    fees = 22 * FEE  # three payments, eighteen deposits and a deposit that failed
    assert closing(found) == {
        "mixer": 1_800 * ETHER - CLEAN,
        "fee": fees,
        "unknown: not in evidence": 173_600 * ETHER - fees - 1_800 * ETHER + CLEAN,
    }
    assert sum(closing(found).values()) == 173_600 * ETHER


def test_each_deposit_is_an_end_of_its_own_to_the_base_unit(shell):
    ends = [end for end in asked(shell, ETH_OUT)["ends"] if end["reason"] == "mixer"]
    assert [int(end["tainted_raw"]) for end in ends] == [100 * ETHER - CLEAN, *[100 * ETHER] * 17]
    assert {end["tag"] for end in ends} == {"a mixer's pool"}
    assert len({end["txid"] for end in ends}) == sum(DEPOSITS) == 18


def test_the_fan_out_is_told_wallet_by_wallet(shell):
    held = {
        end["address"]: int(end["tainted_raw"]) for end in asked(shell, ETH_OUT)["ends"] if not end["txid"]
    }
    one, two, three = (
        (coins - 100 * count) * ETHER - count * FEE for coins, count in zip(SENT, DEPOSITS, strict=True)
    )
    assert held == {
        WALLETS[0]: one - FEE,  # the deposit that failed moved nothing and paid its fee
        WALLETS[1]: two,
        WALLETS[2]: three,
        THIEF: (173_605 - sum(SENT)) * ETHER - 5 * FEE,
    }


def test_the_table_puts_the_deposits_of_one_pool_into_one_line(shell):
    text = shell(ETH_OUT)
    assert cells(text, "mixer", POOL) == [
        "mixer",
        POOL,
        "1,795.005250000000000000 ETH",
        "18",
        "a mixer's pool",
    ]
    assert cells(text, "= closing")[2:] == ["173,600.000000000000000000 ETH", "100.00 %"]
    assert cells(text, "difference")[2] == "0.000000000000000000 ETH"
    assert "Where it ended (6 of 6)" in text
    assert "Where it ended (2 of 6)" in shell(ETH_OUT, "--top", 2)


def test_what_is_not_known_is_said_and_not_called_unspent(shell):
    text = shell(ETH_OUT)
    assert "unspent" not in text
    assert "Lost sight of 171,804.937000000000000000 ETH at accounts whose history is not wholly" in text


@pytest.mark.parametrize(
    "policy", ["fifo", "lifo", "haircut", "poison", "dirty-first", "clean-first", "libr"]
)
def test_under_every_policy_the_two_sides_are_equal(shell, policy):
    found = asked(shell, ETH_OUT, "--policy", policy)
    assert found["policy"] == policy
    assert sum(closing(found).values()) == 173_600 * ETHER


def test_drugs_in_first_out_puts_whole_deposits_into_the_pool(shell):
    found = asked(shell, ETH_OUT, "--policy", "dirty-first")
    assert closing(found)["mixer"] == 1_800 * ETHER
    assert closing(asked(shell, ETH_OUT, "--policy", "libr")).keys() == {
        "paid away: the rule follows no payment",
        "unknown: not in evidence",
    }


def test_labels_name_the_seeds_and_each_asset_has_a_balance_of_its_own(shell):
    found = asked(shell, f"the ether:={ETH_OUT}", f"the dollars:={USDC_OUT}")
    assert found["seeds"] == ["the dollars", "the ether"]
    opened = {
        row["detail"]: (row["asset"], row["amount_raw"]) for row in found["closing"] if row["line"] == "seed"
    }
    assert opened == {
        "the ether": ("eth", "173600000000000000000000"),
        "the dollars": (f"eth:{USDC}", "25500000000000"),
    }
    assert closing(found, f"eth:{USDC}") == {
        "service": 20_000_000_000_000,
        "unknown: not in evidence": 5_500_000_000_000,
    }
    text = shell(f"the ether:={ETH_OUT}", f"the dollars:={USDC_OUT}")
    assert f"Closing balance of eth:{USDC}" in text
    assert f"Exposure by tag category, eth:{USDC}" in " ".join(text.split())


def test_a_part_of_a_seed_is_claimed_in_base_units_and_a_target_is_where_it_ends(shell):
    found = asked(shell, f"{ETH_OUT}={100_000 * ETHER}", "--target", WALLETS[0])
    rest = 100_000 * ETHER - (90_000 * ETHER - CLEAN)
    assert closing(found)["reached"] == 90_000 * ETHER - CLEAN
    assert sum(closing(found).values()) == 100_000 * ETHER
    assert closing(found)["mixer"] + closing(found)["fee"] < rest


def test_what_two_labels_claim_is_claimed_once_and_said(shell):
    text = shell(f"a:={ETH_OUT}={ETHER}", f"b:={ETH_OUT}")
    assert f"b could not claim 1.000000000000000000 ETH at {ETH_OUT}: a had claimed them first." in text
    assert cells(text, "seed", "b")[2] == "173,599.000000000000000000 ETH"


def test_only_one_asset_is_followed_however_its_contract_is_written(shell):
    written = "0xA0b86991c6218b36c1d19d4a2e9Eb0cE3606eB48"
    for name in (USDC, written):
        found = asked(shell, THIEF, "--asset", name)
        assert {row["asset"] for row in found["closing"]} == {f"eth:{USDC}"}
    native = asked(shell, THIEF, "--asset", "native")
    opened = [int(row["amount_raw"]) for row in native["closing"] if row["side"] == "opening"]
    assert opened == [173_605 * ETHER]


def test_after_the_time_is_over_nothing_is_followed_not_even_into_a_mixer(shell):
    found = asked(shell, ETH_OUT, "--within", "210m")
    assert closing(found)["mixer"] == 900 * ETHER - CLEAN  # the second wallet begins 220 minutes after
    assert closing(found)["time"] == (89_100 * ETHER - 9 * FEE + 60_000 * ETHER + 23_599 * ETHER)
    assert sum(closing(found).values()) == 173_600 * ETHER


def test_an_explanation_is_a_book_that_adds_up(shell):
    text = shell(ETH_OUT, "--explain", POOL)
    assert f"Of 1,800.000000000000000000 ETH at {POOL}" in text
    assert "1,795.005250000000000000 ETH come from the seeds under fifo, a convention" in text
    books = re.findall(r"= (?:in|out) .*", text)
    assert len(books) == 8
    for came, went in zip(books[::2], books[1::2], strict=True):
        assert re.split("│", came)[3:] == re.split("│", went)[3:]
    said = asked(shell, ETH_OUT, "--explain", POOL)["explained"]
    assert [*said] == [POOL]


def test_a_conversion_of_a_file_carries_the_dollars_on_as_ether(shell):
    seeds = (f"ether:={ETH_OUT}", f"dollars:={USDC_OUT}")
    found = asked(shell, *seeds, "--conversions", "swap.csv")
    assert closing(found, f"eth:{USDC}") == {
        "converted": 20_000_000_000_000,
        "unknown: not in evidence": 5_500_000_000_000,
    }
    opened = {row["line"]: int(row["amount_raw"]) for row in found["closing"] if row["asset"] == "eth"}
    assert opened["converted in"] == 6_000 * ETHER
    assert sum(closing(found).values()) == 179_600 * ETHER
    text = shell(*seeds, "--conversions", "swap.csv", "--explain", SWAP_IN)
    assert "6,000.000000000000000000 ETH of dollars" in text


def test_backward_it_is_said_where_the_deposits_came_from(shell):
    found = asked(shell, POOL, "--direction", "backward", "--no-stop")
    assert closing(found) == {
        "contract: not decoded": 1_800 * ETHER - CLEAN,
        "unknown: not in evidence": CLEAN,
    }
    text = shell(POOL, "--direction", "backward", "--no-stop")
    assert "Where it came from (2 of 2)" in text
    assert cells(text, "contract", BRIDGE)[2] == "1,795.005250000000000000 ETH"
    assert cells(text, FUNDER)[2] == "4.994750000000000000 ETH"
    assert (
        "Lost sight of 4.994750000000000000 ETH at accounts that held it before the evidence begins." in text
    )


def test_what_had_to_be_taken_for_granted_is_a_table(shell):
    text = shell(POOL, "--direction", "backward", "--no-stop")
    assert cells(text, FUNDER, "history not asked") == [
        FUNDER,
        "5.002625000000000000 ETH",
        "history not asked",
        "0",
    ]
    found = asked(shell, POOL, "--direction", "backward", "--no-stop")
    assert (
        {"5002625000000000000"}
        < {row["opening_raw"] for row in found["openings"]}
        == {"5002625000000000000", "0"}
    )


def test_amounts_in_json_are_text_that_no_reader_rounds(shell):
    found = asked(shell, ETH_OUT)
    shown = [
        row[name]
        for part in ("closing", "ends")
        for row in found[part]
        for name in row
        if name.endswith("_raw")
    ]
    assert all(isinstance(amount, str) and amount.isdigit() for amount in shown)
    assert max(map(int, shown)) > 2**64


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((made(77),), "is not in this ledger (56 transfers)"),
        (("0x12",), "AddressInvalid"),
        ((f"{ETH_OUT}=1.5",), "no amount to claim: '1.5'"),
        ((f"{ETH_OUT}={174_000 * ETHER}",), "174,000,000,000,000,000,000,000 is claimed of it"),
        ((f"{THIEF}=5",), "an amount goes with one"),
        ((USDC_OUT, "--asset", "native"), "received nothing in this ledger"),
        ((ETH_OUT, "--policy", "tiho"), "tiho"),
        ((POOL, "--direction", "backward", "--policy", "libr"), "libr says what becomes of one claim"),
        ((ETH_OUT, "--explain", EXCHANGE), f"nothing of this trace is at {EXCHANGE}"),
        ((ETH_OUT, USDC_OUT, "--explain", WALLETS[1]), "accounts or assets"),
        ((ETH_OUT, "--target", "0x12"), "AddressInvalid"),
        ((ETH_OUT, "--dust", "-1"), "dust_sat"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(shell, arguments, words):
    text = shell(*arguments, code=1)
    assert words in text
    assert "Traceback" not in text
    assert "Closing balance" not in text


def test_a_file_of_conversions_with_a_wrong_row_is_refused_whole(shell, tmp_path):
    (tmp_path / "wrong.csv").write_text(conversion_csv().replace("swap,id", "swop,id"), encoding="utf-8")
    assert "not a kind of kind: 'swop'" in shell(USDC_OUT, "--conversions", "wrong.csv", code=1)


def test_a_span_of_time_that_is_none_is_a_wrong_use(shell):
    assert "write 90m, 36h or 30d" in shell(ETH_OUT, "--within", "soon", code=2)
