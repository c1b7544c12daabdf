"""CoinJoin families: each rule on a transaction made by hand, and what no rule may do."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow import patterns
from chainflow.errors import BadInput
from chainflow.model import OutputRecord
from chainflow.patterns import FAMILIES, Shape, classify, coinjoins
from tests.made import ledger, origin, tx

FEW = settings(max_examples=100, deadline=None)
COORDINATOR = "0014869f5c7a4cd7776ae0c0fcd9c3315abb239a9f0d"  # bc1qs604c7jv6amk4cxqlnvuxv26hv3e48cds4m0ew


def records(*values: int, prefix: str) -> tuple[OutputRecord, ...]:
    return tuple(OutputRecord(value, f"0014{prefix}{number:038x}") for number, value in enumerate(values))


def shape(spent: list[int], paid: list[int], *, height: int | None = None, chain: str = "btc") -> Shape:
    return Shape(records(*spent, prefix="aa"), records(*paid, prefix="bb"), height, chain, "ab" * 32)


def family(of: Shape) -> str | None:
    verdict = classify(of)
    return None if verdict is None else verdict.family


JOINMARKET = shape(
    [70_000, 95_000, 51_000, 140_000], [50_000, 50_000, 50_000, 19_900, 45_050, 140_000 - 49_900]
)
WASABI_1 = shape([11_000_000 + n for n in range(12)], [10_000_123] * 12 + [990_000 + n for n in range(8)])
WABISABI = shape([400_000 + n for n in range(20)], [262_144] * 8 + [531_441] * 6 + [100_000] * 5 + [77_777])
WHIRLPOOL = shape([5_010_000, 5_000_000, 5_010_000, 5_000_000, 5_010_000], [5_000_000] * 5)
LEVELS = shape(
    [41_000_000 + n for n in range(20)],
    [10_000_123] * 10 + [20_000_210] * 8 + [40_000_333] * 4 + [990_000 + n for n in range(14)],
)
LATE = shape([9_300_000 + n for n in range(15)], [9_100_017] * 12 + [70_000 + n for n in range(11)])
SMALL_WABISABI = shape(
    [400_000 + n for n in range(13)], [262_144] * 5 + [531_441] * 3 + [100_000] * 4 + [77_777, 6_561]
)
STONEWALL = shape([150_000, 120_000], [100_000, 100_000, 49_800, 19_900])


def test_joinmarket_pays_half_of_its_outputs_equally_and_each_participant_one_change():
    verdict = classify(JOINMARKET)
    assert (verdict.family, verdict.ambiguous) == ("joinmarket", False)
    assert verdict.reasons[0] == "3 outputs of exactly 0.00050000 BTC, half of all 6 outputs"


def test_wasabi_1_0_mixes_one_value_near_a_tenth_of_a_coin():
    verdict = classify(WASABI_1)
    assert (verdict.family, verdict.ambiguous, verdict.against) == ("wasabi-1.0", False, ())


def test_wasabi_1_1_mixes_doublings_of_it_too():
    verdict = classify(LEVELS)
    assert verdict.family == "wasabi-1.1"
    assert verdict.reasons[0] == (
        "22 of 36 outputs are equal and near 0.1 BTC or its doubles: "
        "10 × 0.10000123 BTC, 8 × 0.20000210 BTC, 4 × 0.40000333 BTC"
    )


def test_a_later_round_is_known_by_its_p2wpkh_scripts_though_its_value_has_drifted():
    assert family(LATE) == "wasabi-1.0"
    other = tuple(OutputRecord(entry.value_sat, "76a9" + entry.script) for entry in LATE.inputs)
    assert family(dataclasses.replace(LATE, inputs=other)) == "joinmarket"


def test_paying_the_coordinator_shows_wasabi_1_at_any_denomination():
    paid = (*records(*[5_003_000] * 4, prefix="bb"), OutputRecord(31_000, COORDINATOR))
    verdict = classify(Shape(records(*[5_100_000] * 4, prefix="aa"), paid))
    assert verdict.family == "wasabi-1.0"
    assert "bc1qs604c7jv6amk4cxqlnvuxv26hv3e48cds4m0ew" in verdict.reasons[1]


def test_wabisabi_repeats_several_values():
    assert family(WABISABI) == "wabisabi"


def test_a_small_wabisabi_round_is_known_by_its_amounts():
    assert family(SMALL_WABISABI) == "wabisabi"
    shifted = tuple(OutputRecord(o.value_sat + 1, o.script) for o in SMALL_WABISABI.outputs)
    assert family(dataclasses.replace(SMALL_WABISABI, outputs=shifted)) == "equal-output"


def test_whirlpool_turns_pool_and_new_coins_into_pool_coins():
    verdict = classify(WHIRLPOOL)
    assert verdict.family == "whirlpool"
    assert verdict.reasons[1] == "3 of 5 inputs are new to the pool and bring the miners' fee"


def test_a_whirlpool_without_a_new_coin_cannot_pay_its_fee_and_is_none_of_that_family():
    assert family(shape([5_000_000] * 5, [5_000_000] * 5)) != "whirlpool"


def test_a_pool_of_ashigaru_counts_from_the_day_it_opened():
    mix = shape([25_010_000, 25_000_000, 25_010_000, 25_000_000, 25_000_000], [25_000_000] * 5)
    assert family(dataclasses.replace(mix, height=899_800)) == "whirlpool"
    assert family(dataclasses.replace(mix, height=899_799)) != "whirlpool"


def test_two_equal_outputs_of_four_are_ambiguous():
    verdict = classify(STONEWALL)
    assert (verdict.family, verdict.ambiguous) == ("stonewall", True)
    assert verdict.reasons[0] == "2 outputs of exactly 0.00100000 BTC among 4 outputs, the others differ"


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (
            shape([900_000, 20_000], [100_000, 100_000, 700_000]),
            "the largest payer is not repaid: it brings more than one equal output and one other cover",
        ),
        (
            dataclasses.replace(WASABI_1, height=530_499),
            "wasabi-1.0 but for: from block 530,500",
        ),
        (
            dataclasses.replace(WABISABI, inputs=(*WABISABI.inputs[:17], *WABISABI.inputs[:1] * 3)),
            "wabisabi but for: no script brings more than a tenth of the inputs",
        ),
        (
            dataclasses.replace(STONEWALL, inputs=(*STONEWALL.inputs, STONEWALL.outputs[3])),
            "a script that is spent from is paid again",
        ),
        (LEVELS, "it has the shape of wabisabi too"),
    ],
)
def test_a_verdict_says_what_speaks_against_it(of, said):
    assert said in classify(of).against


@pytest.mark.parametrize(
    ("spent", "paid"),
    [
        ([900_000, 20_000], [100_000, 100_000, 100_000, 600_000]),  # one large coin pays three customers
        ([50_000], [20_000, 20_000]),  # one input
        ([60_000, 70_000], [120_000]),  # consolidation
        ([90_000, 90_000], [2_730, 2_730, 100_000]),  # dust twice
        ([5_000_000] * 3, [9_000 + n for n in range(60)] + [50_000, 50_000]),  # batch payout
        ([5_000_000, 5_000_000], [500_000] * 12),  # more equal outputs than payers
    ],
)
def test_ordinary_payments_are_none(spent, paid):
    assert family(shape(spent, paid)) is None


def test_outputs_to_one_script_count_once():
    paid = (*records(40_000, prefix="bb") * 2, *records(40_000, 9_000, prefix="bb")[1:])
    assert family(Shape(records(50_000, 45_000, prefix="aa"), paid)) is None


def test_a_tx0_is_no_coinjoin_though_it_has_several_inputs_and_equal_outputs():
    paid = (OutputRecord(0, "6a40"), *records(175_000, 812_345, *[5_010_000] * 3, prefix="bb"))
    spent = records(6_000_000, 5_000_000, 5_020_000, prefix="aa")
    assert family(Shape(spent, paid, 600_000)) is None
    assert family(Shape(spent, paid[1:], 600_000)) == "joinmarket"


@pytest.mark.parametrize(
    ("before", "name", "height"),
    [
        (JOINMARKET, "joinmarket", 392_300),
        (WASABI_1, "wasabi-1.0", 530_500),
        (LEVELS, "wasabi-1.1", 530_500),
        (WHIRLPOOL, "whirlpool", 570_000),
        (WABISABI, "wabisabi", 741_213),
    ],
)
def test_no_family_is_named_before_its_software_existed(before, name, height):
    assert family(dataclasses.replace(before, height=height)) == name
    assert family(dataclasses.replace(before, height=height - 1)) != name
    assert family(dataclasses.replace(before, height=0)) != name
    assert family(dataclasses.replace(before, height=1, chain="btc-regtest")) == name


def test_a_shape_too_early_for_its_family_is_still_vetoed_as_ambiguous():
    assert family(dataclasses.replace(JOINMARKET, height=300_000)) == "equal-output"


def test_inputs_that_are_not_in_evidence_make_a_verdict_ambiguous():
    verdict = classify(dataclasses.replace(WHIRLPOOL, inputs=(None, None, *WHIRLPOOL.inputs[:3])))
    assert (verdict.family, verdict.ambiguous) == ("whirlpool", True)
    assert verdict.against == ("only 3 of 5 inputs are in evidence",)


def test_only_the_families_asked_for_are_named():
    assert classify(STONEWALL, families=("joinmarket",)) is None
    assert classify(JOINMARKET, families=("equal-output",)).family == "equal-output"


AMOUNTS = st.sampled_from([100_000, 5_000_000, 5_010_000, 10_000_000, 3_000, 546, 262_144, 531_441])
SCRIPTS = st.integers(0, 30).map(lambda number: f"0014{number:040x}") | st.just("6a00") | st.just(COORDINATOR)
OUTPUTS = st.lists(st.builds(OutputRecord, AMOUNTS, SCRIPTS), max_size=26)
INPUTS = st.lists(st.none() | st.builds(OutputRecord, AMOUNTS, SCRIPTS), max_size=26)


@FEW
@given(INPUTS, OUTPUTS, st.randoms(use_true_random=False))
def test_the_order_of_inputs_and_outputs_does_not_matter(spent, paid, chance):
    verdict = classify(Shape(tuple(spent), tuple(paid)))
    chance.shuffle(spent)
    chance.shuffle(paid)
    assert classify(Shape(tuple(spent), tuple(paid))) == verdict


@FEW
@given(INPUTS, OUTPUTS)
def test_every_verdict_has_a_family_and_reasons_and_two_payers(spent, paid):
    found = Shape(tuple(spent), tuple(paid))
    verdict = classify(found)
    if verdict is not None:
        assert verdict.family in FAMILIES
        assert verdict.reasons
        assert found.payers >= 2


@FEW
@given(st.lists(AMOUNTS, min_size=2, max_size=26), OUTPUTS)
def test_what_one_script_spends_is_never_a_coinjoin(values, paid):
    assert classify(Shape(tuple(OutputRecord(value, "51") for value in values), tuple(paid))) is None


def mix_ledger():
    owners = ["ann", "ben", "cat", "cat too"]
    values = [70_000, 95_000, 51_000, 40_000]
    spends = [origin(v, owner, number=n) for n, (v, owner) in enumerate(zip(values, owners, strict=True), 1)]
    pays = [50_000, 50_000, 50_000, 20_020, 45_050, 39_980]
    mix = tx(spends, [(value, f"out {n}") for n, value in enumerate(pays)])
    plain = tx([origin(100_000, "eve", number=9)], [(60_000, "fay"), (39_000, "eve")])
    return mix, ledger(mix, plain)


def test_coinjoins_of_a_ledger_work_as_a_set_of_txids():
    mix, held = mix_ledger()
    found = coinjoins(held)
    assert (list(found), len(found), mix.txid in found, "0" * 64 in found) == ([mix.txid], 1, True, False)
    assert set(found) | {"x"} == {mix.txid, "x"}
    assert found[mix.txid].family == "joinmarket"


def test_coinjoins_say_how_they_were_made_and_show_it():
    _, held = mix_ledger()
    found = coinjoins(held)
    assert found.recipe.as_dict()["inputs"] == [held.digest]
    assert found.digest == coinjoins(held).digest != coinjoins(held, families=()).digest
    assert repr(found) == "<CoinJoins 1: 1 joinmarket>"
    assert "joinmarket" in found._repr_html_()
    assert found.to_pandas().columns.tolist() == ["txid", "family", "ambiguous", "reasons", "against"]


def test_an_input_without_prevout_still_counts_as_an_input():
    mix, _ = mix_ledger()
    partial = dataclasses.replace(
        mix, inputs=(dataclasses.replace(mix.inputs[0], prevout=None), *mix.inputs[1:])
    )
    assert coinjoins(ledger(partial))[mix.txid].ambiguous is True


def test_an_unknown_family_is_refused_with_the_list():
    with pytest.raises(BadInput, match="no CoinJoin family 'mixer'") as error:
        coinjoins(ledger(), families=["mixer"])
    assert "whirlpool" in error.value.hint


def test_the_package_offers_the_rule_and_the_shape():
    assert set(patterns.__all__) >= {"coinjoins", "classify", "Shape", "Verdict", "CoinJoins"}


def test_of_inputs_that_are_not_in_evidence_nothing_is_said():
    mix = [OutputRecord(100_000, f"0014{n:040x}") for n in range(5)]
    verdict = classify(Shape((None,) * 5, tuple(mix)))
    assert (verdict.family, verdict.ambiguous) == ("whirlpool", True)
    assert verdict.reasons[1].startswith("0 of the 0 inputs in evidence are new")
