"""What holds for the list of every trace: it holds whole, and with one thing altered it does not."""

from __future__ import annotations

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from chainflow.model import TransferRecord
from chainflow.tracing import trace
from chainflow.tracing.claims import check_claims, claims_of
from tests.clustering.account_made import ledger as account_ledger
from tests.clustering.account_made import pay, txid, who
from tests.ledger.moves import fee, move
from tests.tracing.random_ledgers import ledgers_with_seeds

FEW = settings(max_examples=12, deadline=None)
POLICIES = st.sampled_from(("fifo", "haircut", "lifo", "poison", "tiho"))


@st.composite
def listed(draw: st.DrawFn):
    """Return a ledger, seeds, a policy and the list of the trace, with what each output was paid."""
    made, seeds = draw(ledgers_with_seeds(most=2))
    policy = draw(POLICIES)
    rows = claims_of(trace(made, seeds, policy, coinjoins=()))
    assume(rows)
    values = {
        (made.index.outpoint_txids[row], str(made.index.vout[row])): int(value)
        for row, value in enumerate(made.index.value)
    }
    for row in rows:
        if row["place"]:
            row["amount_raw"] = str(values[row["txid"], row["place"]])
    return made, seeds, policy, rows


def check(made, seeds, policy, rows):
    return check_claims(made, rows, policy, seeds=seeds, coinjoins=())


@FEW
@given(found=listed())
def test_the_list_of_any_trace_holds_completely(found):
    checked = check(*found)
    assert checked.holds, checked.sentences


@FEW
@given(found=listed(), data=st.data())
def test_an_altered_amount_fails_in_its_row(found, data):
    made, seeds, policy, rows = found
    number = data.draw(st.sampled_from([at for at, row in enumerate(rows) if row["place"]] or [None]))
    assume(number is not None)
    rows[number]["amount_raw"] = str(
        int(rows[number]["amount_raw"]) + data.draw(st.sampled_from((1, 7, 10**9)))
    )
    checked = check(made, seeds, policy, rows)
    assert [row.hop.line for row in checked.failed] == [number + 1]
    assert checked.failed[0].reasons == ("amount",)


@FEW
@given(found=listed(), data=st.data())
def test_an_altered_txid_does_not_hold_and_one_in_evidence_fails(found, data):
    made, seeds, policy, rows = found
    number = data.draw(st.integers(0, len(rows) - 1))
    others = sorted({*made.txs["txid"].to_pylist(), "ab" * 32} - {rows[number]["txid"]})
    rows[number]["txid"] = data.draw(st.sampled_from(others))
    assert check(made, seeds, policy, rows).rows[number].verdict == "fails"


@FEW
@given(found=listed(), data=st.data())
def test_a_hop_put_before_the_one_that_pays_it_fails(found, data):
    made, seeds, policy, rows = found
    paid = {f"{row['txid']}:{row['place']}" for row in rows}
    later = [at for at, row in enumerate(rows) if row["spends"] in paid and row["spends"] not in seeds]
    assume(later)
    number = data.draw(st.sampled_from(later))
    rows[number]["hop"] = "0"
    assert "order" in check(made, seeds, policy, rows).rows[number].reasons


@FEW
@given(found=listed(), data=st.data())
def test_an_altered_traced_amount_never_holds(found, data):
    made, seeds, policy, rows = found
    number = data.draw(st.integers(0, len(rows) - 1))
    rows[number]["tainted_raw"] = str(int(rows[number]["tainted_raw"]) + data.draw(st.sampled_from((-1, 1))))
    assert check(made, seeds, policy, rows).rows[number].verdict != "holds"


@FEW
@given(found=listed(), data=st.data())
def test_a_payer_whose_coin_is_not_spent_fails(found, data):
    made, seeds, policy, rows = found
    number = data.draw(st.integers(0, len(rows) - 1))
    others = sorted({*made.index.labels} - {rows[number]["from"]})
    assume(others)
    rows[number]["from"] = data.draw(st.sampled_from(others))
    assert "payer" in check(made, seeds, policy, rows).rows[number].reasons


ACCOUNT_RULES = st.sampled_from(("fifo", "haircut", "lifo", "dirty-first", "clean-first", "poison"))


@st.composite
def transfers(draw: st.DrawFn) -> list[TransferRecord]:
    """Return up to nine payments of coins and tokens; some are minted, burnt, fees, or two in one transaction."""
    rows = [pay("src", "a", 15, 1, txid=txid(900)), _token(901, 15, None, "a", 1)]
    for number in range(draw(st.integers(1, 9))):
        sender, recipient = draw(st.sampled_from("abcd")), draw(st.sampled_from("abcd"))
        value, height, made = draw(st.integers(1, 20)), 2 + number, 910 + number
        kind = draw(st.sampled_from(("coin", "token", "both", "mint", "burn", "fee")))
        if kind in ("coin", "both"):
            rows.append(pay(sender, recipient, value, height, txid=txid(made)))
        if kind == "fee":
            rows.append(fee(value, sender=who(sender), height=height, txid=txid(made), position=0))
        if kind in ("token", "both", "mint", "burn"):
            ends = (None if kind == "mint" else sender, None if kind == "burn" else recipient)
            rows.append(_token(made, value, *ends, height))
    return rows


def _token(number: int, value: int, sender: str | None, recipient: str | None, height: int) -> TransferRecord:
    ends = {"sender": sender and who(sender), "recipient": recipient and who(recipient)}
    where = {"height": height, "time": 1_700_000_000 + 12 * height, "position": 0, "place": "log:0"}
    return move(value, txid=txid(number), contract=who("USD"), **ends, **where)


@example(
    rows=[
        pay("src", "a", 15, 1, txid=txid(900)),
        _token(901, 15, None, "a", 1),
        _token(910, 4, "a", None, 2),
    ],
    policy="fifo",
    seed=1,
)
@settings(max_examples=25, deadline=None)
@given(rows=transfers(), policy=ACCOUNT_RULES, seed=st.sampled_from((0, 1)))
def test_the_list_of_any_trace_over_coins_and_tokens_holds_completely(rows, policy, seed):
    made = account_ledger(rows)
    where = (txid(900), f"{txid(901)}:log:0")[seed]
    trail = trace(made, where, policy, contracts=())
    checked = check_claims(made, claims_of(trail), policy, seeds=where)
    assert checked.holds or not trail.moves, checked.sentences


@example(payments=[("a", "c", 1), ("c", "b", 1), ("a", "c", 1), ("b", "a", 1)], policy="fifo")
@FEW
@given(
    payments=st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.integers(1, 20)),
        min_size=1,
        max_size=9,
    ),
    policy=ACCOUNT_RULES,
)
def test_the_list_of_any_trace_over_accounts_holds_completely(payments, policy):
    some = [pay("src", "a", 15, 1), *(pay(*one, 2 + number) for number, one in enumerate(payments))]
    made = account_ledger(*some)
    seed = some[0].txid
    trail = trace(made, seed, policy, contracts=())
    checked = check_claims(made, claims_of(trail), policy, seeds=seed)
    assert not checked.failed, checked.sentences
    assert checked.holds or not trail.moves, checked.sentences
