"""Coverage: when a history is complete, and as of which block, whatever order its pages came in."""

from __future__ import annotations

import pytest

from chainflow.ledger import build
from chainflow.model import AddressClaim, Evidence, Listing, Outpoint, SpendRecord, Tip
from tests.made import HERE, ledger, origin, tx

CHAIN = "btc-regtest"
NEW, MIDDLE, OLD = (
    tx([origin(9, name, number=number)], [(9, "ben")]) for number, name in ((3, "c"), (2, "b"), (1, "a"))
)
BEN = ledger(OLD).outputs.to_pylist()[0]["address"]


def page(*records, after="", complete=False):
    reason = "" if complete else "older ones may follow"
    txids = tuple(record.txid for record in records)
    return Listing(CHAIN, BEN, after, txids, complete, reason, next="" if complete else txids[-1])


def row(*facts):
    made = ledger(*facts, NEW, MIDDLE, OLD)
    return made.coverage.iloc[0], set(made.to_pandas().query("address == @BEN")["spend_state"])


def test_a_history_is_as_of_the_tip_when_its_first_page_was_asked():
    first = (Tip(CHAIN, 100), AddressClaim(CHAIN, BEN, 2), page(NEW))
    told, states = row(*first, Tip(CHAIN, 5_000), page(OLD, after=NEW.txid, complete=True))
    assert (told["state"], told["as_of_height"], states) == ("complete", 100, {"unspent", "unknown"})


def test_a_first_page_asked_without_a_tip_makes_the_height_unknown():
    made = ledger(page(NEW), Tip(CHAIN, 5_000), page(OLD, after=NEW.txid, complete=True), NEW, OLD)
    assert made.coverage["as_of_height"].isna().tolist() == [True]


def test_a_refreshed_history_is_as_of_the_refresh_and_pages_it_no_longer_uses_do_not_count():
    before = (Tip(CHAIN, 100), page(MIDDLE), page(OLD, after=MIDDLE.txid, complete=True))
    after = (page(NEW), page(MIDDLE, OLD, after=NEW.txid, complete=True))
    told, _ = row(*before, Tip(CHAIN, 200), *after)
    assert (told["state"], told["as_of_height"], told["received"]) == ("complete", 200, 3)


def test_a_gap_left_by_an_interrupted_refresh_is_not_complete():
    before = (page(MIDDLE), page(OLD, after=MIDDLE.txid, complete=True))
    told, states = row(*before, page(NEW))
    assert (told["state"], told["received"], states) == ("partial", 1, {"unknown"})


@pytest.mark.parametrize(
    ("complete", "state", "reason"),
    [
        (True, "complete", ""),
        (False, "partial", "3 transactions, 2 were claimed: older pages were not asked"),
    ],
)
def test_more_than_a_stale_claim_is_complete_only_at_the_end_of_the_list(complete, state, reason):
    told, states = row(AddressClaim(CHAIN, BEN, 2), page(NEW, MIDDLE, OLD, complete=complete))
    assert (told["state"], told["reason"]) == (state, reason)
    assert states == {"unspent" if complete else "unknown"}


def test_a_full_page_of_exactly_what_is_claimed_is_partial_for_the_claim_may_be_old():
    told, _ = row(AddressClaim(CHAIN, BEN, 3), page(NEW, MIDDLE, OLD))
    assert told["reason"] == "3 transactions, 3 were claimed: older pages were not asked"


def test_a_refusal_without_words_is_still_a_refusal():
    made = ledger(Listing(CHAIN, BEN, "", (), complete=False))
    assert made.coverage["reason"].tolist() == ["the source does not list this history"]


def test_a_page_whose_first_page_is_missing_proves_nothing():
    made = ledger(page(OLD, after=NEW.txid, complete=True))
    assert made.coverage["reason"].tolist() == ["0 transactions, older pages were not asked"]


def stated(vout: int, spent_by: str | None = None) -> SpendRecord:
    return SpendRecord(CHAIN, Outpoint(OLD.txid, vout), spent_by, None if spent_by is None else 0)


def test_a_ledger_is_as_of_the_lowest_height_at_which_anything_was_asked():
    told = (Tip(CHAIN, 100), OLD, stated(0), Tip(CHAIN, 200), AddressClaim(CHAIN, "somebody", 0))
    assert ledger(*told).as_of == 100


@pytest.mark.parametrize("statements", [(), (stated(0, "ab" * 32),)])
def test_a_ledger_of_transactions_only_is_as_of_the_tip_also_from_its_file(tmp_path, statements):
    made = ledger(Tip(CHAIN, 120), OLD, *statements)
    made.write(tmp_path / "l.json")
    again = type(made).read(tmp_path / "l.json")
    assert (made.as_of, again.as_of, again.digest) == (120, 120, made.digest)
    assert ledger(OLD, *statements).as_of is None
    assert ledger(OLD, *statements).digest != made.digest


def test_of_two_sources_the_lower_tip_counts():
    other = Evidence(2, "11" * 32, "other", "", 0)
    assert build([(Tip(CHAIN, 150), other), (Tip(CHAIN, 90), HERE), (OLD, HERE), (NEW, other)]).as_of == 90


# --- several lists of one address ---------------------------------------------------------------

ANN = f"0x{'a' * 40}"
TXIDS = [f"0x{number:064x}" for number in range(4)]


def listed(which, *txids, complete=True, reason="", following="", after=""):
    return Listing("eth", ANN, after, txids, complete, reason, following, which)


def told(*facts):
    frame = ledger(*facts).coverage
    return {row.list: (row.state, row.received, row.reason) for row in frame.itertuples()}


def test_each_list_of_an_account_is_complete_or_not_by_itself():
    found = told(
        listed("native", *TXIDS[:2]),
        listed("token", TXIDS[2], complete=False, reason="truncated: 10,000 rows"),
        listed("internal"),
    )
    assert found == {
        "native": ("complete", 2, ""),
        "token": ("partial", 1, "1 transactions, truncated: 10,000 rows"),
        "internal": ("complete", 0, ""),
    }


def test_a_claim_about_one_list_says_nothing_of_the_others():
    found = told(AddressClaim("eth", ANN, 3, which="token"), listed("token", TXIDS[0]), listed("native"))
    assert found["token"] == ("partial", 1, "1 of 3 transactions: the source ended its list early")
    assert found["native"] == ("complete", 0, "")


def test_a_list_that_was_claimed_and_never_asked_is_partial():
    assert told(AddressClaim("eth", ANN, 3, which="nft"))["nft"][2] == "0 of 3 transactions: not asked for"


def test_pages_of_one_list_do_not_complete_another():
    found = told(
        listed("token", TXIDS[0], complete=False, following="7"),
        listed("native", TXIDS[1], after="7"),
        listed("token", TXIDS[2], after="7"),
    )
    assert found["token"] == ("complete", 2, "")
    assert found["native"] == ("partial", 0, "0 transactions, older pages were not asked")


def test_a_complete_list_of_an_account_calls_no_output_unspent():
    history = Listing(CHAIN, BEN, "", (OLD.txid,), complete=True, which="token")
    made = ledger(history, OLD)
    assert set(made.to_pandas().query("address == @BEN")["spend_state"]) == {"unknown"}
    assert made.coverage["list"].tolist() == ["token"]


def test_lists_are_as_of_the_tip_of_their_own_source():
    here, there = (Evidence(n, f"{n:064x}", f"x:https://host{n}.org", "", 0) for n in (1, 2))
    facts = [
        (Tip("eth", 90), here),
        (listed("native"), here),
        (Tip("eth", 80), there),
        (listed("token"), there),
    ]
    made = build(facts)
    assert dict(zip(made.coverage["list"], made.coverage["as_of_height"], strict=True)) == {
        "native": 90,
        "token": 80,
    }
    assert made.as_of == 80
