"""The named shapes that are no CoinJoin, the main verdict among several, and what follows a mix."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from chainflow.model import OutputRecord, TxRecord
from chainflow.patterns import FAMILIES, SHAPES, Shape, coinjoins, post_mix, recognise, shapes
from chainflow.samples import load
from tests.clustering.truth import experiment, ledger_of
from tests.clustering.truth import from_esplora as record_of
from tests.made import ledger, origin, tx
from tests.patterns.populations import WASABI, block_680000, from_scan, listed_false


def records(*values: int, prefix: str) -> tuple[OutputRecord, ...]:
    return tuple(OutputRecord(value, f"0014{prefix}{number:038x}") for number, value in enumerate(values))


def shape(spent: list[int], paid: list[int]) -> Shape:
    return Shape(records(*spent, prefix="aa"), records(*paid, prefix="bb"))


def family(of: Shape) -> str | None:
    verdict = recognise(of)
    return None if verdict is None else verdict.family


PAYJOIN = shape([60_000, 50_000], [50_000 + 8_000, 51_500])  # 8,000 are paid: the payee adds its 50,000


def test_a_payjoin_is_only_ever_a_suspect():
    verdict = recognise(PAYJOIN)
    assert (verdict.family, verdict.ambiguous) == ("payjoin", True)
    assert verdict.reasons[0].startswith("without its smallest input (0.00050000 BTC)")
    assert "one owner" in verdict.against[0]


@pytest.mark.parametrize(
    ("spent", "paid", "why"),
    [
        ([60_000, 50_000], [60_001, 49_000], "without the smaller input the larger output could not be paid"),
        ([60_000], [30_000, 29_000], "one input"),
        ([60_000, 50_000], [50_000, 30_000, 29_000], "three outputs"),
    ],
)
def test_what_is_no_payjoin_suspect(spent, paid, why):
    assert family(shape(spent, paid)) is None, why


def test_no_payjoin_suspect_with_inputs_of_one_script_two_types_or_not_in_evidence():
    first, second = PAYJOIN.inputs
    assert family(Shape((first, OutputRecord(50_000, first.script)), PAYJOIN.outputs)) is None
    assert family(Shape((first, OutputRecord(50_000, "a914" + "cc" * 20 + "87")), PAYJOIN.outputs)) is None
    assert family(Shape((first, second, None), PAYJOIN.outputs)) is None


def test_a_consolidation_gathers_from_five_inputs_on():
    assert family(shape([1_000] * 5, [4_800])) == "consolidation"
    assert family(shape([1_000] * 4, [3_800])) is None
    assert recognise(shape([1_000] * 5, [4_800])).reasons == ("5 inputs of 5 scripts and one output",)


def test_a_batch_payout_pays_more_than_ten():
    assert family(shape([90_000], [5_000 + n for n in range(11)])) == "batch-payout"
    assert family(shape([90_000], [5_000 + n for n in range(10)])) is None


def test_a_payout_with_many_inputs_says_so():
    verdict = recognise(shape([20_000 + n for n in range(9)], [9_000 + n for n in range(12)]))
    assert verdict.against == ("9 inputs are many for a payout of 12 outputs",)


def test_a_tx0_is_known_though_its_change_is_as_large_as_a_fee():
    paid = (OutputRecord(0, "6a40"), *records(50_000, 61_000, *[1_010_000] * 3, prefix="bb"))
    verdict = recognise(Shape(records(3_200_000, prefix="aa"), paid))
    assert (verdict.family, verdict.ambiguous) == ("tx0", False)
    assert verdict.reasons[0].startswith(
        "3 equal outputs a little above the Whirlpool pool of 0.01000000 BTC"
    )


def test_a_tx0_has_one_op_return_and_at_most_two_other_outputs():
    paid = (OutputRecord(0, "6a40"), *records(50_000, 9_061_000, *[1_010_000] * 3, prefix="bb"))
    spent = records(13_200_000, prefix="aa")
    assert family(Shape(spent, paid)) == "tx0"
    assert family(Shape(spent, paid[1:])) is None
    assert family(Shape(spent, (*paid, OutputRecord(0, "6a41")))) is None
    assert family(Shape(spent, (*paid, *records(77_777, prefix="cc")))) is None


def test_a_coinjoin_is_no_batch_payout_too():
    mixed = shape([400_000 + n for n in range(20)], [262_144] * 8 + [531_441] * 6 + [100_000] * 5 + [77_777])
    assert family(mixed) == "wabisabi"


def test_a_coinbase_has_no_name():
    made = TxRecord(
        "btc-regtest", "ab" * 32, (), records(*range(1_000, 1_020), prefix="bb"), is_coinbase=True
    )
    assert dict(shapes(ledger(made))) == {}


def test_shapes_of_a_ledger_hold_its_coinjoins_with_the_same_verdicts(shared: Path):
    held, mixed, _ = experiment(shared / "coinjoin" / "regtest_truth" / "wasabi2_10_wallets")
    found, mixes = shapes(held), coinjoins(held)
    assert {txid: verdict for txid, verdict in found.items() if verdict.family in FAMILIES} == dict(mixes)
    assert set(mixes) == mixed
    assert found.families == {"batch-payout": 1, "wabisabi": 6}


def test_the_colonial_case_holds_no_coinjoin():
    held = load("colonial")
    assert (len(coinjoins(held)), set(shapes(held).families) <= set(SHAPES)) == (0, True)


def test_the_two_rounds_that_a_list_calls_false_are_payouts_by_shape(shared: Path):
    false = listed_false(shared)
    named = Counter(family(r) for r in from_scan(shared, WASABI, "Wasabi2CoinJoins") if r.txid in false)
    assert named == {"batch-payout": 2}


def test_what_an_ordinary_block_holds(shared: Path):
    named = Counter(family(of) for of in block_680000(shared))
    assert named == {None: 1_115, "batch-payout": 44, "payjoin": 29, "consolidation": 11, "stonewall": 1}


def whirlpool(shared: Path):
    """Return a recorded mix, its recorded Tx0, and the ledger of both."""
    folder = shared / "cases" / "whirlpool"
    tx0, mix = (record_of(json.loads((folder / f"coinjoin_{n}.json").read_text())) for n in ("tx0", "tx"))
    return tx0, mix, ledger_of([tx0, mix])


def test_a_mix_whose_new_coin_comes_from_a_tx0_says_so(shared: Path):
    tx0, mix, held = whirlpool(shared)
    found = shapes(held)
    assert {txid: verdict.family for txid, verdict in found.items()} == {
        tx0.txid: "tx0",
        mix.txid: "whirlpool",
    }
    assert found[mix.txid].reasons[-1] == (
        "1 of 5 inputs come from where they should: new coins from a Tx0, others from a mix"
    )
    assert found[mix.txid].against == ()


def made_mix(first_maker_pays: int):
    """Return (maker of two coins, a mix that spends them and three others)."""
    maker = tx([origin(9_000_000, "ann", number=9)], [(first_maker_pays, "a0"), (5_000_000, "a1")])
    spends = [(maker.txid, 0, first_maker_pays, "a0"), (maker.txid, 1, 5_000_000, "a1")]
    others = [origin(5_000_000, f"o{n}", number=n) for n in range(3)]
    mix = tx([*spends, *others], [(5_000_000, f"out {n}") for n in range(5)], height=101)
    return maker, mix


def test_a_mix_whose_coins_come_from_a_plain_payment_has_that_against_it():
    maker, mix = made_mix(5_010_000)
    verdict = coinjoins(ledger(maker, mix))[mix.txid]
    assert verdict.family == "whirlpool"
    assert verdict.against == ("2 inputs should come from a Tx0 or a mix and do not",)


def test_spends_after_a_mix_are_counted_by_family_and_by_whether_their_value_is_shared():
    maker, mix = made_mix(5_010_000)
    spends = [(mix.txid, n, 5_000_000, f"out {n}") for n in (0, 1)]
    after = tx([*spends, origin(70_000, "zoe", number=8)], [(10_000_000, "shop")], height=102)
    held = ledger(maker, mix, after)
    (found,) = post_mix(held, coinjoins(held)).values()
    assert (found.txid, found.families, found.mixed, found.other, found.is_mix) == (
        after.txid,
        {"whirlpool": 2},
        2,
        0,
        False,
    )


def test_change_of_a_mix_is_counted_apart():
    values = [70_000, 95_000, 51_000, 40_000]
    pays = [50_000, 50_000, 50_000, 20_020, 45_050, 39_980]
    mix = tx(
        [origin(v, f"p{n}", number=n) for n, v in enumerate(values)],
        [(v, f"out {n}") for n, v in enumerate(pays)],
    )
    spends = [(mix.txid, n, pays[n], f"out {n}") for n in (1, 3)]
    after = tx(spends, [(69_000, "shop")], height=101)
    held = ledger(mix, after)
    found = post_mix(held, coinjoins(held))[after.txid]
    assert (found.mixed, found.other, found.spent) == (1, 1, 2)


def test_after_mixes_that_are_not_in_the_ledger_nothing_is_known():
    _, mix = made_mix(5_010_000)
    elsewhere = coinjoins(ledger(mix))
    assert list(elsewhere) == [mix.txid]
    assert post_mix(ledger(), elsewhere) == {}


def test_the_card_names_the_first_ten_transactions_with_reasons_and_doubts_in_full():
    made = [
        tx(
            [origin(60_000, f"a{n}", number=2 * n), origin(50_000, f"b{n}", number=2 * n + 1)],
            [(58_000, f"c{n}"), (51_500, f"d{n}")],
            height=100 + n,
        )
        for n in range(11)
    ]
    found = shapes(ledger(*made))
    page = found._repr_html_()
    assert found.families == {"payjoin": 11}
    assert "the first 10 of 11" in page
    for txid, verdict in list(found.items())[:10]:
        for said in (txid, *verdict.reasons, *verdict.against):
            assert said in page
    assert list(found)[10] not in page
    assert "the first" not in shapes(ledger(made[0]))._repr_html_()
