"""Conversions by an id on both sides: memos and tables of ids."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.errors import BadInput
from chainflow.ledger.store import record_of
from chainflow.model import OutputRecord
from chainflow.tracing.conversions import IdRow, MemoRow, find_conversions, parse_memo
from chainflow.tracing.conversions.memos import Memo, pushed_text
from chainflow.wire import Transaction, TxInput, TxOutput
from tests.clustering.account_made import call, pay, txid, who
from tests.clustering.account_made import ledger as account_ledger
from tests.made import ledger, origin, script
from tests.tracing.conversions.conversions_made import address

REFUND = bytes.fromhex(  # Bitcoin's 772ead20…e212, in which THORChain sends a payment back
    "010000000001012df0ece4d36ae85959f89652bd46e41ded5f7ed6d773fbee46b9e58f839784020100000000ffffffff0355b801070000"
    "0000160014ea61c41f8cb991da73a5014b6aea776e8efc97d35684128c0800000016001427fce96d5f6a72244e56563c7eb41fb79ac5ec"
    "f00000000000000000496a47524546554e443a303839333344323541443036354136433936453630424132413045354445443233383130"
    "4538413330334433453036313932424439333933313439443530303202473044022001d365c35ce3eb806e3c0d4e8e91335c052d59dfdd"
    "5618b11d97e7b13734daa20220437f9130cdf444ff360f2dbce80a46bc25579b59179087d36b7d602c601d40eb0121027b7c1a30b26b2a"
    "107934ba542bec15e28efa52a05541515966828181c55f0c1f00000000"
)
ANSWERED = "08933d25ad065a6c96e60ba2a0e5ded23810e8a303d3e06192bd9393149d5002"


def noted(spends, pays, text, *, height=100):
    """Return a btc transaction with an OP_RETURN that holds a memo."""
    memo = bytes([0x6A, len(text)]) + text.encode()
    made = Transaction(
        2,
        tuple(TxInput(txid, vout, b"", 0) for txid, vout, _, _ in spends),
        (*(TxOutput(value, script(owner)) for value, owner in pays), TxOutput(0, memo)),
    )
    prevouts = [OutputRecord(value, script(owner).hex()) for _, _, value, owner in spends]
    return record_of(
        made.serialize(), prevouts, chain="btc", block=(height, f"{height:064x}", 1_700_000_000, None)
    )


ASK = noted([origin(1000, "ann")], [(900, "vault"), (90, "ann")], f"=:ETH.ETH:{who('ben')}:70/3/0:t:10")


@pytest.mark.parametrize(
    ("text", "memo"),
    [
        ("=:BTC.BTC:bc1qx:5855757:t:10", Memo("swap", "BTC.BTC", "bc1qx", "5855757")),
        ("SWAP:ETH.ETH:0xe6/0x7a:1e6/3/0", Memo("swap", "ETH.ETH", "0xe6", "1e6/3/0")),
        ("s:r:thor1el", Memo("swap", "r", "thor1el")),
        (f"OUT:{'AB' * 32}", Memo("out", txid="ab" * 32)),
        (f"refund:0x{'ab' * 32}", Memo("refund", txid="ab" * 32)),
        ("OUT:AB", None),
        ("ADD:BTC/BTC", None),
        ("=", None),
        ("hello", None),
        ("", None),
    ],
)
def test_memos_are_read_as_documented(text, memo):
    assert parse_memo(text) == memo


@given(st.text(max_size=90))
@settings(max_examples=100)
def test_any_text_is_a_memo_or_none(text):
    memo = parse_memo(text)
    assert memo is None or memo.action in ("swap", "out", "refund")


@given(st.binary(max_size=90))
@settings(max_examples=100)
def test_any_script_pushes_text_or_nothing(raw):
    assert pushed_text(raw.hex()).isascii()


def test_a_long_push_is_read_too():
    assert pushed_text("6a4c50" + b"x".hex() * 80) == "x" * 80
    assert pushed_text("6a4c50" + b"x".hex() * 79) == ""


def test_a_recorded_refund_names_the_transaction_that_it_answers_and_its_payee():
    vault = OutputRecord(36_827_333_134, "001427fce96d5f6a72244e56563c7eb41fb79ac5ecf0")
    real = record_of(REFUND, [vault], chain="btc", block=(825081, "ab" * 32, 1_704_853_769, None))
    assert real.txid == "772ead20ed7d60fbfba15eea0dc2cf71dfe945605a4caed79db8a852d005e212"
    assert parse_memo(pushed_text(real.outputs[2].script)) == Memo("refund", txid=ANSWERED)
    assert find_conversions(ledger(real)).notes[0].startswith("1 memo: the payment named is not in evidence")
    ids = [
        IdRow(ANSWERED, "btc", ASK.txid, "paid", "a guess", "0"),
        IdRow(ANSWERED, "btc", real.txid, "received", "a guess"),
    ]
    (one,) = find_conversions(ledger(real, ASK), ids=ids)
    assert (one.received.address, one.received.amount_raw) == (
        "bc1qafsug8uvhxga5ua9q99k46nhd680e97n26egzc",
        117_553_237,
    )


def test_a_payout_with_the_txid_of_a_payment_is_a_bridge_by_id():
    eth = account_ledger(pay("vault", "router", 70, 50, txid=txid(1)), call("router", "ben", 70, 50, txid(1)))
    found = find_conversions((ledger(ASK), eth), memos=[MemoRow("eth", txid(1), f"OUT:{ASK.txid.upper()}")])
    (one,) = found
    assert (one.kind, one.evidence, one.source, one.candidates) == ("bridge", "id", "memo", 1)
    assert (one.paid.place, one.paid.address, one.paid.amount_raw) == ("0", address("vault"), 900)
    assert (one.received.address, one.received.amount_raw) == (who("ben"), 70)
    assert len(found.checked(ledger(ASK), eth).accepted) == 1


def test_the_destination_of_the_first_memo_tells_which_payment_is_meant():
    batch = noted(
        [origin(5000, "vault", number=2)], [(1, "cat"), (2, "dan"), (3, "vault")], f"OUT:{'0' * 63}1"
    )
    for wanted, places in ((address("dan"), ["1"]), ("a-name", ["0", "1"])):
        eth = account_ledger(pay("ben", "vault", 70, 50, txid=txid(1)))
        found = find_conversions((ledger(batch), eth), memos=[MemoRow("eth", txid(1), f"=:BTC.BTC:{wanted}")])
        assert [one.received.place for one in found] == places
        assert {one.candidates for one in found} == {len(places)}


def test_a_refund_comes_back_on_the_same_chain():
    back = noted(
        [origin(5000, "vault", number=2)], [(880, "ann"), (4000, "vault")], f"REFUND:{ASK.txid}", height=101
    )
    (one,) = find_conversions(ledger(ASK, back))
    assert (one.kind, one.paid.amount_raw, one.received.amount_raw) == ("refund", 900, 880)


def test_a_payout_whose_payment_is_not_held_is_noted():
    back = noted([origin(5000, "vault")], [(880, "ann")], f"OUT:{'ab' * 32}")
    found = find_conversions(ledger(back))
    assert len(found) == 0
    assert found.notes == ("1 memo: the payment named is not in evidence, or is disputed.",)


def test_a_table_of_ids_joins_what_carries_one_id():
    eth = account_ledger(
        pay("bridge", "ben", 70, 50, txid=txid(1)), pay("bridge", "cat", 60, 50, txid=txid(2))
    )
    rows = [
        IdRow("7", "btc", ASK.txid, "paid", "bridge logs", "0"),
        IdRow("7", "eth", txid(1), "received", "bridge logs"),
        IdRow("8", "eth", txid(2), "received", "bridge logs"),
        IdRow("9", "eth", txid(77), "received", "bridge logs"),
    ]
    found = find_conversions((ledger(ASK), eth), ids=rows)
    assert [(one.received.amount_raw, one.source, one.is_asserted) for one in found] == [
        (70, "bridge logs", True)
    ]
    assert found.notes[-1].startswith("1 row of ids")
    twice = find_conversions(
        (ledger(ASK), eth), ids=[*rows, IdRow("7", "eth", txid(2), "received", "bridge logs")]
    )
    assert [one.candidates for one in twice] == [2, 2]


def test_a_row_of_ids_without_a_side_is_refused():
    with pytest.raises(BadInput, match="not a row of ids"):
        find_conversions(ledger(ASK), ids=[IdRow("7", "btc", ASK.txid, "left", "me")])
