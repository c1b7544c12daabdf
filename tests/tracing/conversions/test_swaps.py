"""Conversions inside one transaction: wrapped tokens and swaps."""

from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions import find_conversions
from tests.clustering.account_made import call, ledger, pay, txid, who
from tests.tracing.conversions.conversions_made import token_moved

ONE = txid(1)
USD, EUR = (Asset("eth", who(name)) for name in ("USD", "EUR"))


def moved(*rows, of="USD", **given):
    """Return token movements (sender, recipient, value) of the transaction ONE, without its own payment."""
    return [
        token_moved(sender, to, value, ONE, place=f"log:{number}", of=of, **given)
        for number, (sender, to, value) in enumerate(rows, start=5 * (of == "EUR"))
    ]


def found(*rows, **given):
    return find_conversions(ledger(*rows), **given)


def test_coins_paid_to_a_contract_that_made_as_many_tokens_are_wrapped():
    (one,) = found(pay("ann", "USD", 500, 50, txid=ONE), moved(("", "ann", 500)))
    assert (one.kind, one.evidence, one.source, one.candidates) == (
        "wrap",
        "same transaction",
        "wrapped token",
        1,
    )
    assert (one.paid.place, one.paid.asset, one.paid.address) == ("", Asset("eth", None), who("USD"))
    assert (one.received.place, one.received.asset, one.received.address) == ("log:0", USD, who("ann"))


def test_tokens_destroyed_for_as_many_coins_are_unwrapped():
    burnt = moved(("ann", "USD", 500))
    (one,) = found(pay("ann", "USD", 0, 50, txid=ONE), burnt, call("USD", "ann", 500, 50, ONE))
    assert (one.kind, one.paid.asset, one.received.place) == ("unwrap", USD, "trace:0")


def test_another_amount_is_no_wrap():
    kinds = [one.kind for one in found(pay("ann", "USD", 500, 50, txid=ONE), moved(("", "ann", 499)))]
    assert kinds == ["swap"]


def test_two_wraps_of_one_amount_are_four_pairs_and_none_is_chosen():
    rows = [call("bot", "USD", 500, 50, ONE, place=f"trace:{n}") for n in (0, 1)]
    made = found(pay("ann", "bot", 1, 50, txid=ONE), rows, moved(("", "bot", 500), ("", "bot", 500)))
    assert [(one.kind, one.candidates) for one in made] == [("wrap", 2)] * 4
    assert len(made.followed) == 0


def test_the_signer_who_gives_one_asset_and_gets_another_has_swapped():
    rows = [moved(("ann", "pool", 100)), moved(("pool", "ann", 90), of="EUR")]
    (one,) = found(pay("ann", "router", 0, 50, txid=ONE), *rows)
    assert (one.kind, one.paid.amount_raw, one.paid.address, one.received.amount_raw) == (
        "swap",
        100,
        who("pool"),
        90,
    )
    assert one.received.address == who("ann")


def test_a_pool_has_not_swapped_unless_it_is_asked_about():
    rows = [
        pay("ann", "router", 0, 50, txid=ONE),
        moved(("bot", "pool", 100)),
        moved(("pool", "bot", 90), of="EUR"),
    ]
    assert len(found(*rows)) == 0
    (one,) = found(*rows, accounts=[who("bot")])
    assert (one.paid.asset, one.received.asset) == (USD, EUR)


def test_what_comes_back_of_the_paid_asset_is_taken_off():
    rows = [call("router", "ann", 8, 50, ONE), moved(("pool", "ann", 90))]
    (one,) = found(pay("ann", "router", 100, 50, txid=ONE), *rows)
    assert (one.paid.amount_raw, one.paid.place) == (92, "")
    assert (
        len(
            find_conversions(made := ledger(pay("ann", "router", 100, 50, txid=ONE), *rows))
            .checked(made)
            .accepted
        )
        == 1
    )


def test_two_assets_on_one_side_are_two_candidates():
    rows = [moved(("pool", "ann", 90)), moved(("pool", "ann", 80), of="EUR")]
    made = found(pay("ann", "router", 100, 50, txid=ONE), *rows)
    assert sorted((one.candidates, one.received.amount_raw) for one in made) == [(2, 80), (2, 90)]
    assert len(made.followed) == 0


def test_one_asset_paid_to_two_pools_is_one_leg_of_two_movements():
    rows = [moved(("ann", "pool", 60), ("ann", "fees", 40)), moved(("pool", "ann", 90), of="EUR")]
    (one,) = found(pay("ann", "router", 0, 50, txid=ONE), *rows)
    assert (one.paid.place, one.paid.address, one.paid.amount_raw) == ("log:0+log:1", "", 100)


def test_a_payment_of_unknown_outcome_is_not_used_and_is_noted():
    rows = [pay("ann", "router", 100, 50, txid=ONE, ok=None), call("x", "y", 1, 50, txid(9))]
    made = found(*rows, moved(("pool", "ann", 90), ok=None))
    assert len(made) == 0
    assert "nobody says whether they moved" in made.notes[0]


def test_it_is_said_that_change_cannot_be_seen_without_payments_inside_transactions():
    made = found(pay("ann", "router", 100, 50, txid=ONE), moved(("pool", "ann", 90)))
    assert len(made) == 1
    assert "No payments made inside transactions are held" in made.notes[0]


NAMES = st.sampled_from(["ann", "pool", "bot"])
ROWS = st.lists(st.tuples(NAMES, NAMES, st.integers(1, 9), st.sampled_from(["USD", "EUR"])), max_size=6)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_every_leg_is_what_the_account_nets_and_the_ledger_bears_it_out(rows):
    made = ledger(
        pay("ann", "router", 5, 50, txid=ONE),
        *(
            token_moved(one, other, value, ONE, of=of, place=f"log:{number}")
            for number, (one, other, value, of) in enumerate(rows)
        ),
    )
    found_here = find_conversions(made)
    for one in found_here:
        for leg, sign in ((one.paid, -1), (one.received, 1)):
            name = {USD: "USD", EUR: "EUR"}.get(leg.asset)
            net = sum(v * ((to == "ann") - (frm == "ann")) for frm, to, v, of in rows if of == name)
            assert sign * leg.amount_raw == (-5 if name is None else net)
    assert found_here.checked(made).refused == ()
