"""The rules of counting that all explorers of account chains share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import AddressInvalid, ProofFailed, SchemaMismatch
from chainflow.model import TransferKind
from chainflow.sources import accounts
from chainflow.sources.accounts import Row, joined, token_moves, transfer, whole
from chainflow.sources.strict import Field

THIEF = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
TXID = "0x" + "ab" * 32
SINGLE = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
BATCH = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
A, B, C = (f"0x{number:064x}" for number in (10, 11, 12))
FROM, TO = f"0x{11:040x}", f"0x{12:040x}"


def call(trace: str, *, ok: bool = True) -> Row:
    made = transfer(
        "eth",
        TXID,
        TransferKind.INTERNAL,
        sender=FROM,
        recipient=TO,
        stated_raw=5,
        ok=ok,
        place=f"trace:{trace}",
    )
    return Row(TXID, (made,), trace=trace)


def test_an_address_is_one_whatever_its_letters():
    assert accounts.account("0x098B716B8Aaf21512996dC57EB0615e2383E2f96") == THIEF
    with pytest.raises(AddressInvalid):
        accounts.account("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")


def test_a_batch_of_tokens_is_read_pair_by_pair():
    words = [64, 160, 2, 7, 8, 2, 100, 200]
    moved = token_moves([BATCH, A, B, C], words)
    assert moved == ((FROM, TO, 7, 100, ()), (FROM, TO, 8, 200, ()))


@pytest.mark.parametrize(
    "words", [[], [64], [64, 160, 2, 7, 8, 2, 100], [64, 160, 2, 7, 8, 1, 100], [2**255, 2**255]]
)
def test_a_batch_that_does_not_hold_what_it_counts_moves_nothing(words):
    assert token_moves([BATCH, A, B, C], words) == ()


def test_one_of_several_copies_has_its_id_and_count():
    assert token_moves([SINGLE, A, B, C], [7, 3]) == ((FROM, TO, 7, 3, ()),)


def test_an_unusual_log_is_kept_and_marked():
    ((sender, recipient, token_id, value, marks),) = token_moves([accounts.TRANSFER_TOPIC], [11, 12, 640])
    assert (sender, recipient, token_id, value) == (FROM, TO, None, 640)
    assert "may be a token's id" in marks[0]


@given(
    st.lists(
        st.sampled_from([A, B, SINGLE, BATCH, accounts.TRANSFER_TOPIC, accounts.APPROVAL_TOPIC]), max_size=5
    ),
    st.lists(st.integers(0, 2**256 - 1) | st.integers(0, 400), max_size=9),
)
def test_any_log_can_be_read(topics, words):
    for sender, recipient, token_id, value, _ in token_moves(topics, words):
        assert len(sender) == len(recipient) == 42
        assert value >= 0
        assert token_id is None or token_id >= 0
        assert topics[0] != accounts.APPROVAL_TOPIC


def test_inside_a_call_that_failed_nothing_moved():
    made = joined([call("0_1", ok=False), call("0_1_2"), call("0_1_2_0"), call("0_11"), call("0")])
    assert [move.value_raw for move in made] == [0, 0, 0, 5, 5]
    assert [move.stated_raw for move in made] == [5, 5, 5, 5, 5]
    assert [move.ok for move in made] == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("chain", "failed", "has_l1_fee", "marks"),
    [
        ("eth", False, False, ()),
        ("eth", True, False, ("of a failed transaction",)),
        ("op", False, False, ("partial: without the L1 fee",)),
        ("op", False, True, ()),
        ("arbitrum", False, False, ()),
        (
            "base",
            None,
            False,
            ("partial: without the L1 fee", "unchecked: whether the transaction succeeded"),
        ),
        ("celo", False, False, ("unchecked: may be paid in a token",)),
    ],
)
def test_a_fee_says_what_it_leaves_out(chain, failed, has_l1_fee, marks):
    assert accounts.fee_marks(chain, failed=failed, has_l1_fee=has_l1_fee) == marks


def test_tokens_are_made_from_nothing_and_burnt_to_nobody():
    assert accounts.token_party("0x" + 40 * "0") is None
    assert accounts.token_party(THIEF) == THIEF


def test_a_row_of_somebody_else_is_refused():
    row = Field({}, "The answer", "result[3]")
    accounts.check_touched(row, "", FROM)
    accounts.check_touched(row, TO, FROM, TO)
    with pytest.raises(ProofFailed, match=r"result\[3\] does not touch"):
        accounts.check_touched(row, THIEF, FROM, TO)


@pytest.mark.parametrize("value", [7, "7", "0007"])
def test_a_whole_number_may_be_text(value):
    assert whole(Field(value, "The answer")) == 7


@pytest.mark.parametrize("value", [-1, "-1", "1.0", 1.0, True, None, "0x7", "7e3", "٧", 256, "256"])
def test_anything_else_is_no_whole_number(value):
    with pytest.raises(SchemaMismatch):
        whole(Field(value, "The answer"), most=255)
