"""Equal outputs: the example of the rule's page, recomputed."""

from __future__ import annotations

import pytest

from chainflow.model import OutputRecord
from chainflow.patterns import Shape, classify

TWICE_THREE = [100_000, 100_000, 50_000, 50_000, 20_000, 20_000, 25_000]


def shape(payers: list[int], spent: list[int], paid: list[int]) -> Shape:
    """Return a shape: whose script each input has, its amount, and the amounts paid, each to its own script."""
    inputs = [OutputRecord(value, f"0014{payer:040x}") for payer, value in zip(payers, spent, strict=True)]
    return Shape(tuple(inputs), tuple(OutputRecord(v, f"0014{9 + n:040x}") for n, v in enumerate(paid)))


@pytest.mark.parametrize(
    ("payers", "spent", "paid"),
    [([1, 2], [101_000, 100_500], [100_000, 100_000]), ([1, 2], [300_000, 70_000], TWICE_THREE)],
)
def test_equal_outputs_with_a_payer_for_each_are_ambiguous(payers, spent, paid):
    verdict = classify(shape(payers, spent, paid))
    assert (verdict.family, verdict.ambiguous) == ("equal-output", True)


def test_equal_outputs_that_one_script_pays_have_no_family():
    assert classify(shape([1, 1], [101_000, 100_500], [100_000, 100_000])) is None
