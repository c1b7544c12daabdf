"""Boltzmann: interpretations counted by hand, against every split there is, and against the closed form."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import factorial, log2, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import BadInput, SeedUnknown
from chainflow.model import OutputRecord, TxRecord
from chainflow.patterns.boltzmann import (
    EqualMix,
    Interpretations,
    boltzmann,
    boltzmann_of,
    boltzmann_of_shape,
    equal_mix,
)
from chainflow.patterns.shape import Shape
from tests.clustering.truth import from_esplora, ledger_of
from tests.made import ledger, origin, tx

KNOWN = (1, 3, 16, 131, 1_496, 22_482, 426_833, 9_934_563, 277_006_192)


def partitions(items: Sequence[int]) -> Iterator[list[list[int]]]:
    """Yield every way to split items into groups, none empty."""
    if not items:
        yield []
        return
    for rest in partitions(items[1:]):
        yield [[items[0]], *rest]
        for place in range(len(rest)):
            yield [*rest[:place], [items[0], *rest[place]], *rest[place + 1 :]]


def matchings(first: list, second: list) -> Iterator[list[tuple[list[int], list[int]]]]:
    """Yield every way to give each group of the first one group of the second."""
    if not first:
        yield []
    for place, group in enumerate(second if first else ()):
        for rest in matchings(first[1:], second[:place] + second[place + 1 :]):
            yield [(first[0], group), *rest]


def by_trying_all(inputs, outputs, lack=0) -> tuple[int, tuple[tuple[int, ...], ...]]:
    """Return N and how often each pair meets, from the definition."""
    count, met = 0, [[0] * len(outputs) for _ in inputs]
    for ins in partitions(range(len(inputs))):
        for outs in partitions(range(len(outputs))):
            for pairs in matchings(ins, outs) if len(ins) == len(outs) else ():
                if all(sum(inputs[i] for i in a) + lack >= sum(outputs[o] for o in b) for a, b in pairs):
                    count += 1
                    for a, b in pairs:
                        for i in a:
                            for o in b:
                                met[i][o] += 1
    return count, tuple(map(tuple, met))


def test_two_payers_of_ten_who_each_take_eight_and_two_have_five_interpretations():
    found = boltzmann([10, 10], [8, 8, 2, 2])
    assert (found.count, found.together) == (5, ((3, 3, 3, 3), (3, 3, 3, 3)))
    assert (found.links[1][2], found.deterministic, found.is_complete) == (Fraction(3, 5), (), True)


def test_change_that_only_one_payer_can_have_is_a_deterministic_link():
    # 10 and 6 pay 5 each, 5 and 1 come back: whoever brought 10 has the change of 5, or all is one payment
    found = boltzmann([10, 6], [5, 5, 5, 1])
    assert found.count == by_trying_all([10, 6], [5, 5, 5, 1])[0] == 4
    assert found.deterministic == ((1, 3),)


def test_an_equal_mix_names_its_two_numbers_and_the_link_probability():
    found = equal_mix(5)
    assert (found.count, found.together, found.link) == (1_496, 512, Fraction(64, 187))


def test_the_card_names_the_transaction_and_what_was_assumed_of_payments_between_participants():
    made = tx([origin(60_000, "a"), origin(50_000, "b", number=1)], [(58_000, "c"), (51_500, "d")])
    found = boltzmann_of(ledger(made), made.txid, intra_fee_sat=1_500)
    assert (found.txid, found.intra_fee_sat) == (made.txid, 1_500)
    assert made.txid in repr(found)
    assert "intra-fee 1,500" in repr(found)
    assert all(said in found._repr_html_() for said in (made.txid, "1,500 base units at most"))
    bare = boltzmann([10], [9])
    assert (bare.txid, bare.intra_fee_sat) == ("", 0)
    assert all(said in bare._repr_html_() for said in ("amounts only", "<td", "none"))


@pytest.mark.parametrize("n", range(1, 10))
def test_the_number_of_interpretations_of_equal_mixes_is_the_published_one(n):
    found = boltzmann([100_000] * n, [99_990] * n)
    assert found.count == equal_mix(n).count == KNOWN[n - 1]
    assert found.together == ((equal_mix(n).together,) * n,) * n


def test_a_whirlpool_mix_of_five_has_1496_interpretations_or_10_55_bits():
    found = boltzmann([5_000_000, 5_000_000, 5_000_000, 5_000_302, 5_000_302], [5_000_000] * 5)
    assert (found.count, round(found.entropy, 2), found.links[0][0]) == (1_496, 10.55, Fraction(64, 187))
    assert repr(found) == (
        "<Interpretations 5 inputs, 5 outputs: 1,496 interpretations, 10.55 bits, 0 deterministic links>"
    )


def test_the_recurrence_is_the_sum_over_integer_partitions():
    def sizes(n: int, most: int) -> Iterator[tuple[int, ...]]:
        if n == 0:
            yield ()
        for size in range(min(n, most), 0, -1):
            for rest in sizes(n - size, size):
                yield (size, *rest)

    for n in range(1, 13):
        count = met = 0
        for parts in sizes(n, n):
            repeats = prod(factorial(parts.count(size)) for size in set(parts))
            ways = factorial(n) ** 2 // (prod(factorial(size) ** 2 for size in parts) * repeats)
            count += ways
            met += ways * sum(size * size for size in parts)
        assert EqualMix(count, Fraction(met, n * n)) == equal_mix(n)


@pytest.mark.parametrize("n", range(1, 6))
def test_the_closed_form_is_what_trying_all_splits_gives(n):
    count, together = by_trying_all([1] * n, [1] * n)
    mix = equal_mix(n)
    assert (count, together) == (mix.count, ((mix.together,) * n,) * n)


def test_a_mix_of_twenty_takes_milliseconds():
    started = time.perf_counter()
    found = boltzmann([10**7] * 20, [10**7 - 5] * 20)
    assert time.perf_counter() - started < 0.5
    assert EqualMix(found.count, found.together[3][7]) == equal_mix(20)
    assert found.entropy == log2(found.count)


AMOUNTS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@settings(max_examples=100, deadline=None)
@given(inputs=AMOUNTS, outputs=AMOUNTS, lack=st.integers(0, 4))
def test_the_count_is_what_trying_all_splits_gives(inputs, outputs, lack):
    short = sum(outputs) - sum(inputs)
    inputs = [*inputs[:-1], inputs[-1] + max(short, 0)]
    found = boltzmann(inputs, outputs, intra_fee_sat=lack)
    assert (found.count, found.together) == by_trying_all(inputs, outputs, lack)
    always = [
        (i, o) for i, row in enumerate(found.together) for o, met in enumerate(row) if met == found.count
    ]
    assert list(found.deterministic) == always


def test_joinmarket_makers_who_earn_a_fee_are_found_by_the_tolerance():
    # a taker pays 3 to each of two makers and 1 to the miners; all mix 100 and get the rest back
    inputs, outputs = [251, 317, 439], [100, 100, 100, 144, 220, 342]
    assert boltzmann(inputs, outputs).count == 1
    found = boltzmann(inputs, outputs, intra_fee_sat=3)
    assert (found.count, found.deterministic) == (13, ((0, 3), (1, 4), (2, 5)))


def test_amounts_that_allow_one_payment_only_put_every_pair_together():
    found = boltzmann([251, 317], [400, 168])
    assert (found.count, found.entropy, len(found.deterministic)) == (1, 0.0, 4)


def test_what_is_too_large_is_not_counted_and_says_so():
    inputs, outputs = [10**6 + 7**n for n in range(7)], [10**5 + 3**n for n in range(9)]
    found = boltzmann(inputs, outputs, limit=10_000)
    assert (found.count, found.entropy, found.links, found.deterministic) == (None, None, (), ())
    assert not found.is_complete
    assert found.why_not.startswith("too large: at least ")
    assert "not counted: too large" in repr(found)
    assert "not counted: too large" in found._repr_html_()
    assert found.to_pandas().empty
    wasabi = boltzmann([10**7 + n for n in range(100)], [10**7] * 90 + list(range(1, 10)))
    assert wasabi.why_not.startswith("too large")


def test_the_limit_does_not_change_a_count():
    inputs, outputs = [10, 10, 7], [9, 9, 4, 3]
    whole = boltzmann(inputs, outputs)
    tried = [boltzmann(inputs, outputs, limit=limit) for limit in range(0, 3_000, 50)]
    assert {found.count for found in tried} == {None, whole.count}


@pytest.mark.parametrize(
    ("inputs", "outputs", "lack"),
    [([], [1], 0), ([1], [], 0), ([1, 0], [1], 0), ([2], [-1], 0), ([1], [2], 0), ([2], [1], -1)],
)
def test_amounts_that_no_transaction_has_are_refused(inputs, outputs, lack):
    with pytest.raises(BadInput):
        boltzmann(inputs, outputs, intra_fee_sat=lack)


def test_a_transaction_of_a_ledger_is_counted_and_its_empty_outputs_take_no_part():
    one = tx(
        [origin(10, "ann"), origin(10, "ben", number=2)],
        [(8, "a"), (0, "note"), (8, "b"), (2, "c"), (2, "d")],
    )
    found = boltzmann_of(ledger(one), one.txid)
    assert (found.count, found.vouts, found.recipe.parameters["txid"]) == (5, (0, 2, 3, 4), one.txid)
    assert found.to_pandas().iloc[-1].tolist() == [1, 4, 10, 2, 3, Fraction(3, 5)]
    assert found == boltzmann_of_shape(Shape(tuple(i.prevout for i in one.inputs), one.outputs))
    assert "links in every interpretation" in found._repr_html_()


def test_an_input_that_is_not_in_evidence_makes_no_count():
    one = tx([origin(10, "ann"), origin(10, "ben", number=2)], [(8, "a"), (8, "b")])
    half = dataclasses.replace(one, inputs=(one.inputs[0], dataclasses.replace(one.inputs[1], prevout=None)))
    found = boltzmann_of(ledger_of([half]), half.txid)
    assert (found.count, found.why_not) == (None, "1 of 2 inputs are not in evidence")
    assert isinstance(found, Interpretations)


def test_a_recorded_round_of_hundreds_is_not_counted(shared):
    folder = shared / "explorers" / "esplora" / "txs"
    one = from_esplora(json.loads((folder / "wabisabi-coinjoin.json").read_bytes()))
    found = boltzmann_of(ledger_of([one]), one.txid)
    assert (len(found.inputs), len(found.outputs), found.count) == (327, 279, None)


def test_a_coinbase_and_a_transaction_that_is_not_held_are_refused():
    coinbase = TxRecord("btc", "c" * 64, (), (OutputRecord(50, "51"),), is_coinbase=True, height=1)
    with pytest.raises(BadInput, match="coinbase"):
        boltzmann_of(ledger_of([coinbase]), "c" * 64)
    with pytest.raises(SeedUnknown):
        boltzmann_of(ledger_of([coinbase]), "d" * 64)


def test_a_recorded_whirlpool_mix_has_1496_interpretations_and_its_tx0_one(shared):
    folder = shared / "cases" / "whirlpool"
    tx0, mix = (
        from_esplora(json.loads((folder / f"coinjoin_{name}.json").read_bytes())) for name in ("tx0", "tx")
    )
    held = ledger_of([tx0, mix])
    found = boltzmann_of(held, mix.txid)
    assert (found.count, found.deterministic) == (1_496, ())
    # one coin pays for everything: the OP_RETURN takes no part
    split = boltzmann_of(held, tx0.txid)
    assert (split.count, len(split.deterministic), len(tx0.outputs)) == (1, 18, 19)


@pytest.mark.parametrize("amounts", [([1.5], [1.2]), ([float("nan")], [1]), (["5"], [3])])
def test_what_is_no_whole_amount_is_refused(amounts):
    with pytest.raises(BadInput, match="not a whole number"):
        boltzmann(*amounts)
