"""Items and flows: nothing runs back in time, nothing is lost, nothing is made up."""

from __future__ import annotations

from hypothesis import given, settings

from chainflow.figures import draw
from chainflow.figures.flow import Stage, ledger_steps
from chainflow.tracing import trace
from tests.made import ledger, origin, tx
from tests.tracing.random_ledgers import ledgers, ledgers_with_seeds


def played(made, **how):
    stage = Stage(lambda address: address, **how)
    stage.play(ledger_steps(made))
    return stage


def there_and_back():
    """Ann pays Ben and herself; Ben pays Ann."""
    first = tx([origin(100, "ann")], [(60, "ben"), (30, "ann")], height=100)
    second = tx([(first.txid, 0, 60, "ben")], [(50, "ann")], height=101)
    return ledger(first, second)


def test_address_that_is_paid_after_it_paid_appears_again_to_the_right():
    figure = draw(there_and_back())

    ann = [item for item in figure.items if item.parts == 2]

    assert [item.part for item in ann] == [1, 2]
    assert ann[0].column < ann[1].column
    assert ann[0].name == ann[1].name


def test_change_back_to_the_payer_is_drawn():
    figure = draw(there_and_back())
    by_id = {item.id: item for item in figure.items}

    to_itself = [f for f in figure.flows if by_id[f.source].name == by_id[f.target].name]

    assert [flow.value_sat for flow in to_itself] == [30]


def test_repeated_payments_between_two_items_are_one_flow_with_both_txids():
    first = tx([origin(100, "ann", number=1)], [(90, "ben")], height=100)
    second = tx([origin(50, "ann", number=2)], [(40, "ben")], height=105)

    (flow,) = draw(ledger(first, second)).flows

    assert [payment.txid for payment in flow.payments] == [first.txid, second.txid]
    assert flow.value_sat == 130
    assert flow.last - flow.first == 5 * 600


def test_output_belongs_to_the_appearance_that_received_it():
    first = tx([origin(100, "ann")], [(40, "ben"), (50, "ben")], height=100)
    second = tx([(first.txid, 0, 40, "ben")], [(40, "cat")], height=101)
    third = tx([origin(9, "dan", number=2)], [(9, "ben")], height=102)
    fourth = tx([(first.txid, 1, 50, "ben")], [(50, "eve")], height=103)

    stage = played(ledger(first, second, third, fourth))

    payers = [a for (a, _), payments in stage.flows.items() if fourth.txid in payments]
    assert [payer.received_sat for payer in payers] == [90]


def test_payer_that_is_not_in_evidence_is_not_called_newly_made():
    unknown = tx([origin(10, "ann")], [(9, "ben")])
    hidden = unknown.inputs[0].__class__(unknown.inputs[0].outpoint, None, 0)
    figure = draw(ledger(unknown.__class__(**{**_fields(unknown), "inputs": (hidden,)})))

    assert [item.kind for item in figure.items] == ["unseen", "address"]
    assert figure.items[0].label == "payer not in evidence"


def _fields(record):
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def test_many_to_many_transaction_is_an_item_and_nobody_is_said_to_have_paid_whom():
    spends = [origin(10 + n, f"payer {n}", number=n + 1) for n in range(5)]
    mixed = tx(spends, [(11, f"payee {n}") for n in range(5)])

    figure = draw(ledger(mixed))

    (knot,) = [item for item in figure.items if item.kind == "transaction"]
    assert {knot.id in (flow.source, flow.target) for flow in figure.flows} == {True}
    assert sorted(flow.value_sat for flow in figure.flows if flow.target == knot.id) == [10, 11, 12, 13, 14]
    assert knot.received_sat - knot.sent_sat == 5


@settings(max_examples=35, deadline=None)
@given(ledgers())
def test_every_base_unit_of_a_ledger_is_shown_inside_or_a_fee(made):
    figure = draw(made)
    knots = {item.id for item in figure.items if item.kind == "transaction"}

    shown = sum(flow.value_sat for flow in figure.flows if flow.target not in knots)
    inside = sum(item.internal_sat for item in figure.items)

    assert shown + inside == sum(made.txs["output_sat"].to_pylist())
    whole, *parts = figure.legend.conserved
    assert whole[1] == sum(value for _, value in parts)


@settings(max_examples=35, deadline=None)
@given(ledgers())
def test_no_flow_runs_right_to_left_and_no_path_runs_back_in_time(made):
    stage = played(made)
    rank = {txid: place for place, txid in enumerate(made.index.txids)}

    assert all(payer.column < payee.column for payer, payee in stage.flows)
    for appearance in stage.appearances:
        paid = [rank[t] for (_, payee), ts in stage.flows.items() if payee is appearance for t in ts]
        pays = [rank[t] for (payer, _), ts in stage.flows.items() if payer is appearance for t in ts]
        assert max(paid, default=-1) <= min(pays, default=len(rank))


@settings(max_examples=35, deadline=None)
@given(ledgers())
def test_loose_order_still_never_runs_back_and_loses_nothing(made):
    stage = played(made, in_time=False, strict=False)

    assert all(payer.column < payee.column for payer, payee in stage.flows)
    knots = sum(v for (_, payee), p in stage.flows.items() if payee.key.startswith("tx:") for v in p.values())
    shown = sum(v for payments in stage.flows.values() for v in payments.values()) - knots
    assert shown + sum(a.internal_sat for a in stage.appearances) + stage.fee_sat == stage.raw_sat


@settings(max_examples=35, deadline=None)
@given(ledgers_with_seeds())
def test_every_traced_base_unit_is_shown_inside_or_a_fee_and_every_end_stands_on_an_item(case):
    made, seeds = case
    found = trace(made, seeds, "haircut", coinjoins=())
    figure = draw(found, ledger=made)

    fees = sum(move.tainted_sat for move in found.moves if move.to_outpoint is None)
    shown = sum(flow.value_sat for flow in figure.flows) + sum(item.internal_sat for item in figure.items)
    assert shown + fees == sum(move.tainted_sat for move in found.moves)
    ended = sum(end.value_sat for item in figure.items for end in item.ends)
    assert ended + found.balance.get("fee", 0) == found.seed_sat == figure.legend.conserved[0][1]


@settings(max_examples=25, deadline=None)
@given(ledgers_with_seeds())
def test_backward_trace_is_drawn_in_the_direction_in_which_money_moved(case):
    made, seeds = case
    found = trace(made, seeds, direction="backward", coinjoins=())
    figure = draw(found, ledger=made)
    columns = {item.id: item.column for item in figure.items}

    assert all(columns[flow.source] < columns[flow.target] for flow in figure.flows)
    assert sum(flow.value_sat for flow in figure.flows) + sum(i.internal_sat for i in figure.items) == sum(
        move.tainted_sat for move in found.moves if move.to_outpoint is not None
    )


def test_busy_address_stays_one_item_and_says_that_paths_through_it_may_not_exist():
    facts, coin = [], None
    for turn in range(30):
        paid = tx([origin(100, f"guest {turn}", number=turn + 1)], [(100, "shop")], height=100 + 2 * turn)
        coin = (paid.txid, 0, 100, "shop")
        facts += [paid, tx([coin], [(90, f"maker {turn}"), (10, "shop")], height=101 + 2 * turn)]
    figure = draw(ledger(*facts))

    (shop,) = [item for item in figure.items if item.sent_sat > 2000]

    assert shop.unordered
    assert shop.internal_sat == 300
    assert any("a path through it may not exist" in sentence for sentence in figure.legend.reading)
