"""Lists that are false but clever: each trick is named, and the honest list beside it holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chainflow.errors import BadInput
from chainflow.ledger.store import record_of
from chainflow.model import OutputRecord
from chainflow.tracing import trace
from chainflow.tracing.claims import check_claims, claims_of
from chainflow.tracing.conversions import Conversions
from chainflow.wire import Transaction, TxInput, TxOutput
from tests.clustering.account_made import ledger as account_ledger
from tests.clustering.account_made import pay, token, txid, who
from tests.ledger.moves import fee, move
from tests.made import ledger, origin, script, tx
from tests.tracing.claims.test_planted import (
    ANN,
    BOB,
    CAT,
    DAN,
    LAST,
    MADE,
    MOVED,
    OTHER,
    STOLEN,
    VIC,
    account_rows,
    good,
    reasons,
    row,
)

MADE_BY = f"{5:064x}"
FIRST = f"{STOLEN.txid}:0"
USD = who("USD")


def untraced() -> list[dict[str, str]]:
    return [{name: cell for name, cell in one.items() if name != "tainted_raw"} for one in good()]


# --- what is said in free text excuses nothing -------------------------------------------------------


@pytest.mark.parametrize("column", ["note", "label", "statement"])
@pytest.mark.parametrize(
    "text", ["no exchange was involved", "Mr Pool and Sons", "mixer service coinjoin bridge"]
)
@pytest.mark.parametrize(
    ("options", "reason"), [({"stop": [BOB]}, "service"), ({"coinjoins": [LAST.txid]}, "coinjoin")]
)
def test_free_text_excuses_no_passage(column, text, options, reason):
    rows = untraced()
    rows[2][column] = text
    assert reasons(check_claims(MADE, rows, **options)) == [(3, "fails", (reason,))]


def test_free_text_excuses_no_conversion_and_no_open_transaction():
    came, (signed, went) = pay("vic", "ann", 8, 1), token("ann", "bob", 5, 2)
    rows = account_rows(came, went, note="swapped at an exchange")
    rows[1]["asset"] = USD
    made = account_ledger(came, signed, went)
    assert reasons(check_claims(made, rows)) == [(2, "fails", ("conversion",))]
    waiting = tx([origin(10, "vic")], [(8, "ann")], height=None)
    claim = {"txid": waiting.txid, "note": "unconfirmed, disputed"}
    assert reasons(check_claims(ledger(waiting), [claim])) == [(1, "cannot be said", ("unconfirmed",))]


def test_what_went_to_a_service_beside_the_coin_that_goes_on_is_no_passage():
    rows = [*untraced()[:2], row(2, MOVED, ANN, ANN, 2, path="A"), untraced()[2]]
    assert check_claims(MADE, rows, stop=[ANN]).rows[3].verdict == "holds"
    assert check_claims(MADE, rows, stop=[BOB]).rows[3].reasons == ("service",)
    assert check_claims(MADE, rows, stop=[BOB], seeds=[FIRST, f"{MOVED.txid}:0"]).holds


def test_one_passage_stated_excuses_no_other():
    rows = untraced()
    rows[2]["through"] = "service"
    found = check_claims(MADE, rows, stop=[BOB], coinjoins=[LAST.txid])
    assert reasons(found) == [(3, "fails", ("coinjoin",))]
    rows[2]["through"] = "service; coinjoin"
    assert check_claims(MADE, rows, stop=[BOB], coinjoins=[LAST.txid]).holds


def test_a_passage_that_nothing_shows_cannot_be_said_and_other_words_are_not_read():
    rows = untraced()
    rows[2]["through"] = "mixer"
    assert reasons(check_claims(MADE, rows)) == [(3, "cannot be said", ("through",))]
    rows[2]["through"] = "exchange"
    assert reasons(check_claims(MADE, rows, stop=[BOB])) == [(3, "fails", ("unread", "service"))]


# --- who pays ----------------------------------------------------------------------------------------

ANNS, BENS = tx([origin(10, "ann")], [(10, "ann")]), tx([origin(10, "bob", number=2)], [(10, "bob")])
POOLED = tx([(ANNS.txid, 0, 10, "ann"), (BENS.txid, 0, 10, "bob")], [(10, "cat"), (10, "dan")], height=101)
TWO = ledger(ANNS, BENS, POOLED)


@pytest.mark.parametrize("spends", ["", f"{ANNS.txid}:0"])
@pytest.mark.parametrize(("payer", "verdict"), [(ANN, "holds"), (f"{ANN};{BOB}", "holds"), (BOB, "fails")])
def test_the_payer_of_a_hop_is_whose_coin_it_spends(spends, payer, verdict):
    rows = [row(1, ANNS, ANN, ANN, 10), row(2, POOLED, payer, CAT, 10, spends=spends)]
    found = check_claims(TWO, rows)
    assert found.rows[1].verdict == verdict
    assert found.rows[1].reasons == (("payer",) if verdict == "fails" else ())


def test_one_of_several_payers_is_noted_as_that():
    rows = [row(1, ANNS, ANN, ANN, 10), row(2, POOLED, ANN, CAT, 10)]
    (note,) = check_claims(TWO, rows).rows[1].notes
    assert note == f"{ANN} is one of 2 payers; what is spent is a coin of {ANN}"
    assert "is one of 2 payers" in check_claims(TWO, [row(1, POOLED, BOB, CAT, 10)]).rows[0].notes[0]


def test_a_first_hop_that_goes_on_with_a_seed_is_paid_by_its_owner():
    rows = [row(1, POOLED, BOB, CAT, 10)]
    assert reasons(check_claims(TWO, rows, seeds=f"{ANNS.txid}:0")) == [(1, "fails", ("payer",))]
    assert check_claims(TWO, rows, seeds=f"{BENS.txid}:0").holds


def test_a_wrong_payer_of_a_transaction_that_is_not_held_fails_by_the_coin():
    rows = [{"txid": "ab" * 32, "spends": FIRST, "from": DAN}]
    assert "payer" in check_claims(MADE, rows).failed[0].reasons


def test_of_several_transfers_in_one_transaction_the_payer_named_must_be_the_one_that_was_paid():
    came, both = pay("vic", "ann", 8, 1), txid(700)
    rows = [pay("ann", "cat", 3, 2, txid=both), move(4, txid=both, sender=who("bob"), recipient=who("dan"), height=2,
            position=0, place="log:1", contract=USD), move(5, txid=both, sender=who("bob"), recipient=who("eve"),
            height=2, position=0, place="log:2", contract=USD)]  # fmt: skip
    claims = [*account_rows(came), {"hop": "2", "txid": both, "from": who("bob")}]
    assert check_claims(account_ledger(came, *rows), claims).rows[1].reasons == ("link",)


# --- numbers of hops ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "failed"),
    [
        (("1", "2", "3"), []),
        (("5", "6", "7"), []),
        (("1", "3", "5"), []),
        (("1", "2", "7"), []),
        (("1", "7", "3"), [2, 3]),
        (("3", "2", "1"), [1, 2]),
    ],
)
def test_a_numbering_may_start_and_step_as_it_likes_but_not_contradict_the_rows(numbers, failed):
    rows = [one | {"hop": number, "path": ""} for one, number in zip(untraced(), numbers, strict=True)]
    found = check_claims(MADE, rows)
    assert [one.hop.line for one in found.failed] == failed
    assert all("order" in one.reasons for one in found.failed if one.hop.line == 2 and numbers[1] == "7")


def test_a_number_that_skips_others_between_lower_ones_fails_as_order():
    rows = claims_of(trace(MADE, FIRST, "fifo", coinjoins=()))
    assert check_claims(MADE, rows, "fifo", seeds=FIRST, coinjoins=()).holds
    assert [one["hop"] for one in rows] == ["1", "2", "2"]
    rows[1]["hop"] = "7"
    found = check_claims(MADE, rows, "fifo", seeds=FIRST, coinjoins=())
    assert reasons(found) == [(2, "fails", ("order",))]


def test_a_branch_goes_on_from_another_path_or_cannot_be_said():
    rows = untraced()
    rows[2]["path"] = "B"
    found = check_claims(MADE, rows)
    assert found.holds
    assert found.rows[2].goes_on_from == (2,)
    rows[2] = row(3, OTHER, BOB, DAN, 5, path="B")
    assert reasons(check_claims(MADE, rows)) == [(3, "cannot be said", ("link",))]


def test_what_is_taken_for_a_beginning_is_said():
    rows = [one | {"hop": "1", "path": ""} for one in untraced()]
    assert "row 1, 2, 3 was taken for a beginning" in check_claims(MADE, rows).sentences[0]
    assert "beginning" not in check_claims(MADE, good(), seeds=FIRST).sentences[0]


# --- amounts -----------------------------------------------------------------------------------------

SPENT = {"txid": STOLEN.txid, "to": ANN}


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ({"amount": "8 sat"}, ("holds", ())),
        ({"amount": "0.00000008 tBTC"}, ("holds", ())),
        ({"amount": "0.00000008", "unit": "tBTC"}, ("holds", ())),
        ({"amount": "0.00000008", "unit": "mBTC"}, ("fails", ("asset",))),
        ({"amount": "0.00000008 mBTC"}, ("fails", ("asset",))),
        ({"amount": "8 wei"}, ("fails", ("asset",))),
        ({"value eth": "0.00000008"}, ("fails", ("asset",))),
        ({"amount": "0.00000008 tBTC", "asset": "ETH"}, ("fails", ("asset",))),
        ({"amount": "0.00000008 tBTC", "unit": "ETH"}, ("cannot be said", ("unread",))),
        ({"amount_raw": "8", "amount": "1000.00"}, ("fails", ("amount",))),
        ({"amount_raw": "8", "amount": "0.00000008"}, ("holds", ())),
        ({"amount": "0"}, ("fails", ("amount",))),
        ({"amount": "0,008"}, ("cannot be said", ("unread",))),
        ({"amount": "1,008"}, ("cannot be said", ("unread",))),
        ({"amount": "−8 sat"}, ("cannot be said", ("unread",))),
        ({"amount": "٨ sat"}, ("cannot be said", ("unread",))),
        ({"amount": "0.000000081"}, ("fails", ("amount",))),
        ({"tainted": "0.00000008 mBTC"}, ("fails", ("asset",))),
        ({"tainted": "1", "tainted_raw": "8"}, ("fails", ("amount",))),
    ],
)
def test_an_amount_means_one_thing(cells, found):
    (checked,) = check_claims(MADE, [SPENT | cells]).rows
    assert (checked.verdict, checked.reasons) == found


def test_a_column_named_after_base_units_is_read_in_them_and_after_another_coin_is_not():
    assert check_claims(MADE, [SPENT | {"Sats": "8"}]).holds
    assert check_claims(MADE, [SPENT | {"Wei": "8"}]).rows[0].reasons == ("asset",)


def test_an_amount_finer_than_a_base_unit_breaks_neither_a_search_nor_a_sum():
    assert not check_claims(MADE, [{"to": ANN, "amount": "0.0000000811"}]).holds
    rows = [*good(), {"hop": "total", "path": "A", "amount": "0.0000000801"}]
    assert reasons(check_claims(MADE, rows, "fifo")) == [(4, "fails", ("sum",))]


def test_what_several_got_is_what_they_got_together():
    claim = {"txid": STOLEN.txid, "to": f"{ANN};{VIC}"}
    assert check_claims(MADE, [claim | {"amount_raw": "9"}]).holds
    assert check_claims(MADE, [claim | {"amount_raw": "8"}]).rows[0].reasons == ("amount",)


def test_the_traced_amount_of_a_sum_of_outputs_is_held_against_the_rule():
    rows = [*good()[:2], row(3, LAST, BOB, CAT, 8, tainted_raw=8, path="A")]
    assert check_claims(MADE, rows, "fifo").holds
    rows[2]["tainted_raw"] = "7"
    assert reasons(check_claims(MADE, rows, "fifo")) == [(3, "fails", ("rule",))]


def test_of_equal_outputs_the_one_that_carries_must_be_named():
    twins = tx([(STOLEN.txid, 0, 8, "ann")], [(4, "bob"), (4, "bob")], height=101)
    made = ledger(STOLEN, twins)
    rows = [row(1, STOLEN, VIC, ANN, 8, tainted_raw=4), row(2, twins, ANN, BOB, 4, tainted_raw=4)]
    assert reasons(check_claims(made, rows, "fifo")) == [(2, "cannot be said", ("traced",))]
    assert check_claims(made, [rows[0], rows[1] | {"place": "0"}], "fifo").holds


# --- one thing told twice ----------------------------------------------------------------------------


def test_one_payment_claimed_whole_from_two_coins_is_counted_twice():
    rows = [row(1, MOVED, ANN, BOB, 9, tainted_raw=raw, spends=coin, path=path)
            for raw, coin, path in ((9, FIRST, "A"), (9, f"{2:064x}:0", "B"))]  # fmt: skip
    assert "counted-twice" in check_claims(MADE, rows).rows[1].reasons
    rows[0]["tainted_raw"], rows[1]["tainted_raw"] = "6", "3"
    assert not any("counted-twice" in one.reasons for one in check_claims(MADE, rows).rows)


def test_a_row_told_twice_adds_nothing_to_a_sum():
    total = {"hop": "total", "path": "A", "amount_raw": "22"}
    rows = [*good(), good()[2], total]
    assert check_claims(MADE, rows, "fifo").holds
    rows[-1]["amount_raw"] = "27"
    assert reasons(check_claims(MADE, rows, "fifo")) == [(5, "fails", ("sum",))]


@pytest.mark.parametrize("column", ["hop", "path", "label"])
def test_a_payment_is_not_unchecked_by_calling_it_a_sum(column):
    rows = [*good()[:2], row(3, OTHER, BOB, DAN, 999, path="A") | {column: "total"}]
    assert check_claims(MADE, rows).rows[2].verdict != "holds"
    assert check_claims(MADE, [*good(), {column: "total"}]).rows[3].reasons == ("sum",)


def test_a_sum_in_another_coin_fails():
    total = {"hop": "total", "path": "A", "amount_raw": "22", "asset": "ETH"}
    assert reasons(check_claims(MADE, [*good(), total], "fifo")) == [(4, "fails", ("asset",))]


# --- names -------------------------------------------------------------------------------------------


def test_letters_of_another_case_name_the_same_and_of_another_alphabet_nothing():
    rows = untraced()
    rows[1] |= {"txid": MOVED.txid.upper(), "from": ANN.upper(), "to": BOB.upper(), "spends": FIRST.upper()}
    assert check_claims(MADE, rows).holds
    for column, alike in (
        ("from", ANN.replace("c", "с")),
        ("to", BOB.replace("q", "ԛ")),
        ("txid", "а" + MOVED.txid[1:]),
    ):
        rows = untraced()
        rows[1][column] = alike
        assert "unread" in check_claims(MADE, rows).rows[1].reasons


def test_a_transaction_of_another_chain_is_not_this_one():
    other = replace(STOLEN, chain="ltc-regtest")
    both = ledger(STOLEN, tx([origin(9, "vic", number=7)], [(9, "ann")], chain="ltc-regtest"))
    found = check_claims(both, [{"txid": STOLEN.txid, "chain": other.chain}])
    assert reasons(found) == [(1, "cannot be said", ("not-in-evidence",))]
    assert "it is a transaction of btc-regtest" in found.sentences[1]
    went = tx([(STOLEN.txid, 0, 8, "ann")], [(8, "bob")], chain="ltc-regtest")
    rows = [row(1, STOLEN, VIC, ANN, 8, chain=STOLEN.chain), {"hop": "2", "txid": went.txid}]
    assert "conversion" in check_claims(ledger(STOLEN, went), rows).rows[1].reasons


def test_a_txid_of_an_account_chain_may_lack_its_0x():
    one = pay("vic", "ann", 8, 1)
    assert check_claims(account_ledger(one), [{"txid": one.txid.removeprefix("0x"), "to": who("ann")}]).holds


def test_the_fee_beside_another_payee_and_two_places_are_not_read_past():
    row_of = {"txid": STOLEN.txid, "amount_raw": "1"}
    assert check_claims(MADE, [row_of | {"to": "fee"}]).holds
    assert not check_claims(MADE, [row_of | {"to": f"fee;{DAN}"}]).holds
    assert check_claims(MADE, [row_of | {"to": "fee", "place": "7"}]).rows[0].reasons == ("place",)
    assert check_claims(MADE, [{"outpoint": FIRST, "place": "1"}]).rows[0].reasons == ("unread",)
    half = ledger(replace(STOLEN, inputs=(replace(STOLEN.inputs[0], prevout=None),)))
    assert check_claims(half, [row_of | {"to": "fee"}]).rows[0].reasons == ("amount",)


@pytest.mark.parametrize(
    "time", ["2023-11-15 10:03:20 -05:00", "2023-11-15T15:03:20Z", "2023-11-16 00:33:20 +0930"]
)
def test_a_time_west_or_east_of_utc_is_that_time(time):
    rows = good()
    rows[1]["time"] = time
    assert check_claims(MADE, rows, "fifo").holds
    rows[1]["time"] = time.replace(":20", ":21")
    assert reasons(check_claims(MADE, rows, "fifo")) == [(2, "fails", ("time",))]


@pytest.mark.parametrize(
    ("height", "verdict"), [("1,01", "cannot be said"), ("10,1", "cannot be said"), ("101", "holds")]
)
def test_a_number_with_stray_separators_is_not_read(height, verdict):
    rows = good()
    rows[1]["height"] = height
    assert check_claims(MADE, rows, "fifo").rows[1].verdict == verdict


# --- one's own list ----------------------------------------------------------------------------------


def test_a_burn_a_mint_and_a_fee_are_said_and_read_as_what_they_are():
    minted, burnt = (
        move(10, txid=txid(801), sender=None, recipient=who("ann"), contract=USD, height=1, place="log:0"),
        move(7, txid=txid(802), sender=who("ann"), recipient=None, contract=USD, height=2, place="log:0"),
    )
    paid, gas = pay("vic", "ann", 9, 1), fee(2, sender=who("ann"), height=3, txid=txid(803), position=0)
    made = account_ledger(minted, burnt, paid, gas)
    for seed, said in ((f"{minted.txid}:log:0", "burn"), (paid.txid, "fee")):
        rows = claims_of(trace(made, seed, "fifo", contracts=()))
        assert [one["to"] for one in rows] == [said]
        assert check_claims(made, rows, "fifo", seeds=seed).holds
        rows[0]["to"] = {"burn": "fee", "fee": "burn"}[said]
        assert not check_claims(made, rows, "fifo", seeds=seed).holds
    nobody = "0x" + "0" * 40
    stated = {"txid": minted.txid, "from": "mint", "to": who("ann")}
    assert check_claims(made, [stated]).holds
    assert check_claims(made, [stated | {"from": nobody}, {"txid": burnt.txid, "to": nobody}]).holds
    assert check_claims(made, [{"txid": paid.txid, "from": "mint"}]).rows[0].reasons == ("payer",)


def test_what_an_output_burns_and_a_block_makes_is_said_and_read():
    pays = TxOutput(3, bytes.fromhex("6a0461626364")), TxOutput(4, script("ann"))
    burnt = Transaction(2, (TxInput(MADE_BY, 0, b"", 0),), pays)
    block = (100, f"{100:064x}", 1_700_060_000, None)
    held = record_of(
        burnt.serialize(), [OutputRecord(10, script("vic").hex())], chain=STOLEN.chain, block=block
    )
    made = ledger(held)
    rows = claims_of(trace(made, f"{MADE_BY}:0", "haircut", coinjoins=()))
    assert check_claims(made, rows, "haircut", seeds=f"{MADE_BY}:0").holds
    assert check_claims(made, [{"txid": held.txid, "to": "burn", "amount_raw": "3"}]).holds
    coins = Transaction(2, (TxInput("00" * 32, 0xFFFFFFFF, b"xx", 0),), (TxOutput(50, script("ann")),))
    coinbase = record_of(coins.serialize(), [], chain=STOLEN.chain, block=(1, f"{1:064x}", 1_700_000_000, 0))
    assert check_claims(ledger(coinbase), [{"txid": coinbase.txid, "from": "coinbase", "to": ANN}]).holds
    assert check_claims(made, [{"txid": held.txid, "from": "coinbase"}]).rows[0].reasons == ("payer",)


def test_a_list_follows_the_money_forward():
    with pytest.raises(BadInput):
        claims_of(trace(MADE, f"{LAST.txid}:0", "fifo", direction="backward", coinjoins=()))


def test_conversions_that_explain_nothing_excuse_nothing():
    came, (signed, went) = pay("vic", "ann", 8, 1), token("ann", "bob", 5, 2)
    rows = account_rows(came, went)
    rows[1] |= {"asset": USD, "through": "service"}
    found = check_claims(account_ledger(came, signed, went), rows, conversions=Conversions())
    assert reasons(found) == [(2, "fails", ("conversion", "through"))]
