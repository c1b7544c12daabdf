"""Screening by hand: tags, sanctions on two days, both sides, gaps; resuming; the shell's command."""

from __future__ import annotations

import csv
import io
import itertools
import json

import pytest

from chainflow import samples
from chainflow.attribution import Question, read_questions, screen, screen_file
from chainflow.errors import BadInput
from chainflow.tags import Tags
from tests.attribution.test_exposures import Owners, tag
from tests.attribution.test_targets import BOUGHT, CLOSED, MADE, PAID
from tests.made import ledger
from tests.owned import fetch_colonial
from tests.test_cli_owners import run
from tests.tracing.test_trace import address, next_tx, unspent
from tests.tracing.test_trace_cases import esplora_ledger

PAID_ON = "2023-11-15"
"""The day of the made-up blocks."""
LIST = {"source": "OFAC SDN", "confidence": "authority_data"}
TAGS = Tags.of_rows(
    [tag("shop", "market"), tag("casino", "sanctioned", date=PAID_ON, **LIST), tag("exchange")], strict=True
)


def cells(found, number: int = 0) -> dict[str, str]:
    return found.to_pandas().to_dict("records")[number]


def test_a_row_tells_tags_sides_and_what_was_not_looked_at():
    row = cells(screen(MADE, [address("ann")], TAGS))
    assert (row["in_evidence"], row["tag_category"], row["error"]) == ("yes", "no tag", "")
    assert row["coverage"] == "btc-regtest: history not asked"
    assert row["incoming_total"] == "≥ 0.00000060 tBTC"
    assert row["incoming_direct"] == "market 0.00000060 tBTC (100.00 %)"
    assert (
        row["outgoing_direct"] == "exchange 0.00000030 tBTC (50.00 %); sanctioned 0.00000020 tBTC (33.33 %)"
    )
    assert row["outgoing_indirect"] == "none found"
    assert row["outgoing_rest"] == "fee 0.00000010 tBTC (16.67 %)"
    assert "history not asked" in row["not_looked_at"]


@pytest.mark.parametrize(
    ("listed_on", "as_of", "then", "asked"),
    [
        (PAID_ON, PAID_ON, "listed", "listed"),
        ("2024-01-01", "2024-02-01", "listed, date not stated", "listed"),
        ("", "2024-02-01", "listed, date not stated", "listed, date not stated"),
        ("2024-01-01", None, "listed, date not stated", "listed"),
    ],
)
def test_a_sanctioned_counterparty_is_told_for_the_day_of_the_payment_and_for_the_day_asked(
    listed_on, as_of, then, asked
):
    tags = Tags.of_rows([tag("casino", "sanctioned", date=listed_on, **LIST)], strict=True)
    row = cells(screen(MADE, [address("ann")], tags, as_of=as_of))
    assert row["outgoing_sanctioned_then"] == f"{then}: direct 0.00000020 tBTC"
    assert row["outgoing_sanctioned_as_of"] == f"{asked}: direct 0.00000020 tBTC"
    assert row["incoming_sanctioned_then"] == "none found"


def test_a_listing_after_the_payment_is_a_listing_later():
    context = json.dumps({"listed": "2024-01-01"})
    tags = Tags.of_rows([tag("shop", "sanctioned", date="2024-03-01", context=context, **LIST)], strict=True)
    row = cells(screen(MADE, [address("ann")], tags, as_of="2024-04-01"))
    assert row["incoming_sanctioned_then"].startswith("listed later: direct")
    assert row["incoming_sanctioned_as_of"].startswith("listed: direct")


def test_backward_the_day_is_that_of_the_payment_not_of_when_the_payer_was_paid():
    stock = next_tx(PAID, 0, [(60, "ann")], height=100 + 300)  # two days later
    tags = Tags.of_rows([tag("ann", "sanctioned", date="2023-11-17", **LIST)], strict=True)
    paid = next_tx(stock, 0, [(60, "ben")], height=100 + 600)
    row = cells(screen(ledger(PAID, stock, paid), [address("ben")], tags))
    assert row["incoming_sanctioned_then"] == "listed: direct 0.00000060 tBTC"


def test_who_is_on_no_list_is_told_which_lists_those_were():
    found = screen(MADE, [address("ann"), address("casino")], TAGS, as_of=PAID_ON)
    assert cells(found)["sanctioned"] == "on none of the lists given"
    assert cells(found, 1)["sanctioned"] == "listed"
    assert found.lists == (f"OFAC SDN of {PAID_ON} (1)",)
    assert found.lists[0] in found._repr_html_()


def test_without_a_list_nothing_is_said_of_sanctions():
    tags = Tags.of_rows([tag("shop", "market")], strict=True)
    row = cells(screen(MADE, [address("ann")], tags))
    assert {row["sanctioned"], row["incoming_sanctioned_then"]} == {"no sanctions list was given"}


def test_what_is_not_in_evidence_is_said_and_never_shown_as_nothing():
    row = cells(screen(MADE, [address("stranger")], TAGS))
    assert row["in_evidence"] == "no"
    assert {row["incoming_total"], row["outgoing_direct"]} == {"not in evidence"}
    assert row["sanctioned"] == "on none of the lists given"


def test_bad_rows_and_repeats_are_kept_in_their_places():
    asked = [address("ann"), "nonsense", address("ann"), Question(9, "", "the cell is empty")]
    found = screen(MADE, asked, TAGS)
    assert [row[1] for row in found.rows] == [address("ann"), "nonsense", address("ann"), ""]
    assert [row[3] for row in found.faulty] == ["too short for an address: nonsense", "the cell is empty"]
    assert found.rows[0][2:] == found.rows[2][2:]


def test_a_sanction_on_the_cluster_is_inherited_and_says_so():
    tags = Tags.of_rows([tag("hot", "sanctioned", is_cluster_definer=True, **LIST)], strict=True)
    owners = Owners(listed=["hot", "casino"])
    found = screen(MADE, [address("ann"), address("casino")], tags, owners=owners)
    assert cells(found)["outgoing_sanctioned_as_of"] == "listed: direct 0.00000020 tBTC"
    assert cells(found, 1)["sanctioned_by"].endswith("(inherited from cluster)")


def test_conflicting_tags_stand_side_by_side():
    other = tag(
        "shop", "gambling", actor="dice", source="https://example.org/court", confidence="authority_data"
    )
    row = cells(screen(MADE, [address("shop")], TAGS + Tags.of_rows([other])))
    assert row["tag_category"] == "gambling | market"
    assert "against" in row["tag_conflict"]


def test_no_cell_of_the_file_begins_as_a_formula_does():
    evil = Tags.of_rows([tag("ann", label='=HYPERLINK("http://x")', source="@x", actor="+1")], strict=True)
    text = screen(MADE, [address("ann"), "-1+1", "=1"], evil).to_csv()
    for cell in itertools.chain.from_iterable(csv.reader(io.StringIO(text))):
        assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert "'=HYPERLINK" in text


def test_the_same_question_gives_the_same_bytes_and_another_option_another_recipe():
    one, same = (screen(MADE, [address("ann")], TAGS) for _ in range(2))
    assert (one.to_csv(), one.digest, one.recipe.digest) == (same.to_csv(), same.digest, same.recipe.digest)
    assert screen(MADE, [address("ann")], TAGS, max_hops=1).recipe.digest != one.recipe.digest
    with pytest.raises(BadInput, match="option of a screening"):
        screen(MADE, [address("ann")], TAGS, max_hops=1.5)


# --- files ----------------------------------------------------------------------------------------

ASKED = [address("ann"), "nonsense", address("shop"), address("stranger"), address("casino")]


@pytest.fixture
def listed(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("address\n" + "\n".join(ASKED) + "\n", encoding="utf-8")
    return path


def whole(listed, name: str = "whole.csv"):
    screen_file(MADE, listed, listed.parent / name, TAGS)
    return listed.parent / name


class Killed(BaseException):
    """Stands for what ends a process."""


def kill_at(number: int):
    def progress(done: int, left: int, what: str) -> None:
        if done == number:
            raise Killed

    return progress


@pytest.mark.parametrize("torn", [b"", b'["3","', b"["])
@pytest.mark.parametrize("number", range(len(ASKED)))
def test_a_killed_run_goes_on_where_it_stopped_and_gives_the_same_bytes(listed, number, torn):
    target, asked = listed.parent / "out.csv", []
    with pytest.raises(Killed):
        screen_file(MADE, listed, target, TAGS, progress=kill_at(number))
    assert not target.exists()
    with (listed.parent / "out.csv.partial").open("ab") as file:
        file.write(torn)  # what was being written when it ended
    screen_file(MADE, listed, target, TAGS, progress=lambda done, left, what: asked.append(what))
    assert asked == ASKED[number:]
    assert target.read_bytes() == whole(listed).read_bytes()
    assert (listed.parent / "out.csv.json").read_bytes() == (listed.parent / "whole.csv.json").read_bytes()
    assert not (listed.parent / "out.csv.partial").exists()


def test_a_run_begun_with_other_inputs_is_refused_and_left_as_it_is(listed):
    target, partial = listed.parent / "out.csv", listed.parent / "out.csv.partial"
    with pytest.raises(Killed):
        screen_file(MADE, listed, target, TAGS, progress=kill_at(2))
    before = partial.read_bytes()
    for change in ({"as_of": "2024-01-01"}, {"policy": "fifo"}, {"max_hops": 3}):
        with pytest.raises(BadInput, match="begun with other"):
            screen_file(MADE, listed, target, TAGS, **change)
    with pytest.raises(BadInput, match="begun with other"):
        screen_file(ledger(PAID, BOUGHT, CLOSED, unspent(CLOSED, 0)), listed, target, TAGS)
    with pytest.raises(BadInput, match="begun with other"):
        screen_file(MADE, listed, target, Tags())
    assert partial.read_bytes() == before


def test_a_finished_file_is_not_made_again_nor_written_over(listed):
    target = whole(listed)
    found = screen_file(MADE, listed, target, TAGS, progress=kill_at(0))
    assert found.digest == screen(MADE, read_questions(listed), TAGS).digest
    with pytest.raises(BadInput, match="made from other"):
        screen_file(MADE, listed, target, TAGS, policy="fifo")
    target.write_bytes(target.read_bytes() + b"one more\n")
    with pytest.raises(BadInput, match="changed after"):
        screen_file(MADE, listed, target, TAGS)


def test_a_file_of_somebody_else_is_not_touched(listed):
    target = listed.parent / "out.csv"
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="does not say what it was made from"):
        screen_file(MADE, listed, target, TAGS)
    assert target.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("damage", [b"{}\n", b"not json\n", b'["7"]\n'])
def test_a_damaged_beginning_is_refused(listed, damage):
    target = listed.parent / "out.csv"
    with pytest.raises(Killed):
        screen_file(MADE, listed, target, TAGS, progress=kill_at(1))
    with (listed.parent / "out.csv.partial").open("ab") as file:
        file.write(damage)
    with pytest.raises(BadInput, match="damaged"):
        screen_file(MADE, listed, target, TAGS)


def test_the_file_says_beside_it_what_it_was_made_from(listed):
    told = json.loads((whole(listed).parent / "whole.csv.json").read_text(encoding="utf-8"))
    assert told["recipe"]["inputs"] == [MADE.digest, TAGS.digest]
    assert len(told["rows"]) == len(ASKED)
    assert told["lists"] == [f"OFAC SDN of {PAID_ON} (1)"]


def test_hydras_address_is_screened_against_recorded_lists(shared):
    folder = shared / "cases" / "hydra"
    tags = Tags.read(folder / "hydra_ofac_sdn.xml", shared / "tags" / "ofac" / "sanctioned_addresses_XBT.txt")
    hydra = "16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T"
    asked = [hydra, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"]
    before, after = (screen(ledger(), asked, tags, as_of=day) for day in ("2022-04-04", "2022-04-06"))
    assert [cells(found)["sanctioned"] for found in (before, after)] == ["listed, date not stated", "listed"]
    assert cells(after, 1)["sanctioned"] == "on none of the lists given"
    assert (cells(after)["in_evidence"], len(after.lists)) == ("no", 2)


@pytest.mark.parametrize(
    ("as_of", "asked"), [("2022-04-05", "listed"), ("2022-04-04", "listed, date not stated")]
)
def test_a_payment_of_2020_to_hydra_is_told_for_its_day_and_for_the_day_asked(shared, as_of, asked):
    folder = shared / "cases" / "hydra"
    made, tags = esplora_ledger(folder / "hydra_anchor_txs.json"), Tags.read(folder / "hydra_ofac_sdn.xml")
    row = cells(screen(made, ["1Gm5nYyMQtdSrdK5jLu3An6HKoYyVgDaLa"], tags, as_of=as_of))
    assert row["outgoing_sanctioned_then"] == "listed, date not stated: direct 0.01152977 BTC"
    assert row["outgoing_sanctioned_as_of"] == f"{asked}: direct 0.01152977 BTC"
    assert row["not_looked_at"].startswith("btc history not asked; incoming: 0.15819615 BTC not in evidence")


# --- the shell ------------------------------------------------------------------------------------


def test_the_shell_screens_a_list_offline_and_names_what_it_did_not_find(tmp_path):
    fetch_colonial(tmp_path / "a.chainflow")
    ransom = samples.facts("colonial")["addresses"][0]
    rows = f"note,address\nx,{ransom}\ny,nonsense\nz,1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\n"
    (tmp_path / "list.csv").write_text(rows, encoding="utf-8")
    before = (tmp_path / "a.chainflow").read_bytes()
    told = run("screen", "a.chainflow", "list.csv", "-o", "out.csv", "--as-of", "2021-05-08", cwd=tmp_path)
    assert "nonsense" in told
    assert "Not in evidence at all (1)" in told
    assert "Lists: none" in told
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["in_evidence"] for row in found] == ["yes", "", "no"]
    assert found[0]["incoming_total"] == "75.00050000 BTC"
    assert (tmp_path / "a.chainflow").read_bytes() == before
    summary = json.loads(
        run("screen", "a.chainflow", "list.csv", "-o", "two.csv", "--policy", "fifo", "--json", cwd=tmp_path)
    )
    assert (summary["rows"], summary["faulty"][0]["line"]) == (3, "3")
    wrong = run("screen", "a.chainflow", "list.csv", "-o", "two.csv", "--json", cwd=tmp_path, code=1)
    assert "two.csv was made from other" in wrong
