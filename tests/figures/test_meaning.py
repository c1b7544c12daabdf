"""What a picture claims: observed, shared pro rata, followed by a policy, or said by a tag; never mixed up."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings

from chainflow import samples
from chainflow.clustering import cluster
from chainflow.figures import draw
from chainflow.figures.face import face_of
from chainflow.figures.legend import blocks
from chainflow.tags import Tags
from chainflow.tags.tag import Tag
from chainflow.tracing import trace
from tests.made import ledger, origin, tx
from tests.tracing.random_ledgers import ledgers

PAYER = "3EYkxQSUv2KcuRTnHQA8tNuG7S2pKcdNxB"
PROCEEDS = "bc1qq2euq8pw950klpjcawuy4uj39ym43hs6cfsegq"
SEIZURE = samples.facts("colonial")["seizure"]["outpoint"]


@pytest.fixture(scope="module")
def colonial():
    """Return the payments of the recorded Colonial Pipeline case, drawn with its tags."""
    return draw(samples.load("colonial"), tags=samples.tags("colonial"))


@pytest.fixture(scope="module")
def followed():
    """Return the trace of the 63.70 BTC, drawn with its tags."""
    made = samples.load("colonial")
    seed = samples.facts("colonial")["share"]["seed"]
    return draw(trace(made, seed, "fifo"), ledger=made, tags=samples.tags("colonial"))


def together():
    """Return a payment of 90 and 5 by two payers who put in 60 and 40."""
    return tx([origin(60, "ann", number=1), origin(40, "ben", number=2)], [(90, "cat"), (5, "dan")])


def keys(figure):
    """Return the words beside each line sign of the legend."""
    return {entry.line: entry.text for entry in blocks(figure)[0].entries if entry.line}


def cells(figure):
    """Return what the table of items says in "In" and "Out", by the item's name."""
    page = figure.render("html").decode()
    content = json.loads(re.search(r'id="content">(.*?)</script>', page, re.DOTALL).group(1))
    return {item["name"]: (item["cells"]["in"], item["cells"]["out"]) for item in content["items"]}


def test_lines_of_a_trace_are_keyed_as_what_the_policy_follows(followed):
    assert {flow.basis for flow in followed.flows} == {"traced"}
    (words,) = keys(followed).values()
    assert words.startswith("traced amount: a payment in an observed transaction")
    assert "as much of it as the policy follows" in words


def test_only_a_lone_payers_line_is_keyed_as_observed():
    alone = tx([origin(30, "eve", number=3)], [(20, "cat"), (9, "eve")], height=101)

    figure = draw(ledger(together(), alone))

    sums = {flow.value_sat: flow.basis for flow in figure.flows}
    assert sums == {
        54: "pro rata",
        36: "pro rata",
        3: "pro rata",
        2: "pro rata",
        20: "observed",
        9: "observed",
    }
    assert "not observed" in keys(figure)["pro rata"]
    assert keys(figure)["observed"].startswith("observed payment")


def test_line_of_a_shared_payment_has_a_sign_of_its_own_in_every_form():
    shared = draw(ledger(together()))
    alone = draw(ledger(tx([origin(30, "eve")], [(29, "cat")])))

    drawn = [re.findall(rb'stroke-dasharray="[^"]*"', figure.render("svg")) for figure in (shared, alone)]

    assert len(drawn[0]) == len(shared.flows) + 1  # and its key
    assert drawn[1] == []
    assert b'"dashes":[]' not in shared.render("html").partition(b'"in_focus"')[0]


def test_a_payment_by_one_cluster_is_observed_and_its_grouping_is_inferred(colonial):
    made = samples.load("colonial")
    figure = draw(made, owners=cluster(made))

    (payer,) = [item for item in figure.items if len(item.addresses) == 23]
    (flow,) = [flow for flow in figure.flows if flow.source == payer.id]

    assert (flow.basis, flow.sign) == ("observed", "grouped observed")
    assert "observed" in keys(figure)["grouped observed"]


def test_a_payer_too_small_for_a_share_still_makes_the_payment_shared():
    big, dust = origin(1_000_000, "ann", number=1), origin(1, "ben", number=2)

    (flow,) = draw(ledger(tx([dust, big], [(10, "cat")]))).flows

    assert flow.basis == "pro rata"


def test_payers_merged_into_one_item_pay_what_the_transaction_paid():
    spends = [origin(10, f"payer {n}", number=n + 1) for n in range(6)]

    (flow,) = draw(ledger(tx(spends, [(55, "cat")])), max_rows=1).flows

    assert (flow.value_sat, flow.basis) == (55, "observed")


def test_what_goes_into_and_out_of_a_many_to_many_transaction_is_observed():
    spends = [origin(10 + n, f"payer {n}", number=n + 1) for n in range(5)]

    figure = draw(ledger(tx(spends, [(11, f"payee {n}") for n in range(5)])))

    assert {flow.basis for flow in figure.flows} == {"observed"}


def test_box_says_what_an_address_really_put_in(colonial):
    payer = next(item for item in colonial.items if item.name == PAYER)

    assert payer.spent_sat == 6_370_000_000
    assert payer.sent_sat == 6_369_094_727  # the pro-rata share of what the transaction paid
    assert face_of(payer).lines[-1] == "spent 63.7000"


def test_what_goes_to_fees_alone_is_spent_too():
    first = tx([origin(100, "ann")], [(90, "ben")], height=100)
    second = tx([(first.txid, 0, 90, "ben")], [(0, "cat")], height=101)

    spent = [item.spent_sat for item in draw(ledger(first, second)).items]

    assert spent == [100, 90]


@settings(max_examples=30, deadline=None)
@given(ledgers())
def test_what_all_items_spent_is_no_more_than_what_the_inputs_hold(made):
    index = made.index
    held = sum(int(index.value[row]) for t in range(index.n_txs) for row in index.inputs_of(t).tolist())
    figure = draw(made)

    assert sum(item.spent_sat or 0 for item in figure.items) <= held


def test_summary_names_a_tag_as_a_tag_and_gives_exact_amounts(colonial):
    assert (
        "the address tagged “DarkSide proceeds, address of the seizure warrant” (bc1qq2eu…s6cfsegq) paid "
        "63.69996546 BTC to the address tagged “FBI, seizure of 7 June 2021” (bc1qpx7v…3dh77gls), 7 Jun 2021"
    ) in colonial.summary
    assert set(re.findall(r"\d\.(\d+) BTC", colonial.summary)) == {"00030000", "00034246", "69996546"}


def test_summary_says_where_a_payment_is_a_share():
    figure = draw(ledger(together()))

    assert "by a pro-rata share, " in figure.summary
    assert "0.00000054 tBTC" in figure.summary


def test_summary_of_a_trace_is_exact_and_counts_what_it_leaves_out(followed):
    assert followed.summary.startswith("63.70000000 BTC of 1 seed")
    assert "61.46806619 BTC unknown: not in evidence, at bc1q20ye…85t5vct3" in followed.summary

    back = draw(trace(samples.load("colonial"), SEIZURE, direction="backward"))
    assert back.summary.endswith("; and 2 more ends.")


def test_summary_of_a_trace_names_a_tag_as_a_tag():
    lesson = samples.training_case()

    figure = draw(trace(lesson.ledger, lesson.seed, stop=lesson.tags.services), tags=lesson.tags)

    assert re.search(r"reached a service, at the address tagged “[^”]+” \(", figure.summary)


def test_legend_says_who_asserts_the_names_of_tagged_boxes(colonial):
    signs = [entry.text for entry in blocks(colonial)[0].entries]

    assert any("asserted by the tags' sources" in text for text in signs)
    untagged = blocks(draw(samples.load("colonial")))[0].entries
    assert not any("asserted" in entry.text for entry in untagged)


def test_a_tag_of_another_chain_names_nothing():
    made = ledger(tx([origin(10, "ann")], [(9, "ben")]))
    address = made.index.labels[0]

    figure = draw(made, tags=Tags((Tag(address, "bch-regtest", "somebody else"),)))

    assert [(item.label, item.tags) for item in figure.items if item.tags or "else" in item.label] == []


def test_seed_is_called_a_seed_and_nothing_unknown_is_printed_as_0(followed, colonial):
    assert cells(followed)[PAYER] == ("seed", "63.70000000 BTC")
    assert cells(colonial)[PAYER][0] == "–"
    for figure in (followed, colonial):
        assert "0.00000000 BTC" not in {cell for row in cells(figure).values() for cell in row}
    assert "seed" in face_of(next(item for item in followed.items if item.name == PAYER)).lines


def test_backward_trace_begins_at_its_seed_on_the_right_and_says_where_value_went():
    made = samples.load("colonial")
    figure = draw(trace(made, SEIZURE, direction="backward"), ledger=made)

    assert cells(figure)["bc1qpx7vyv5tp7dm0g475ev527krg764t73dh77gls"][1] == "seed"
    assert cells(figure)[PAYER] == ("–", "61.46816619 BTC")
    assert any("says went to the seeds" in sentence for sentence in figure.legend.reading)


def test_seed_that_is_paid_again_is_the_appearance_that_held_it():
    first = tx([origin(100, "ann")], [(60, "ben"), (30, "ann")], height=100)
    second = tx([(first.txid, 1, 30, "ann")], [(29, "cat")], height=101)
    spent = first.inputs[0].outpoint

    figure = draw(trace(ledger(first, second), str(spent)))

    assert [item.part for item in figure.items if item.seed] == [1]


def test_labels_of_the_published_case_stand_in_their_boxes_uncut(colonial, followed):
    for item in (*colonial.items, *followed.items):
        face = face_of(item)
        assert not [line for line in face.lines if line.endswith("…")]
        if item.tags:
            assert " ".join(face.lines[: face.named]) == item.label


def test_rounding_is_said_beside_the_picture(followed):
    assert any("rounded" in sentence for sentence in followed.legend.reading)


def test_table_of_flows_says_what_each_amount_is(colonial, followed):
    assert set(colonial.to_pandas()["basis"]) == {"observed", "pro rata"}
    assert set(followed.to_pandas()["basis"]) == {"traced"}


def test_tags_of_the_published_case_quote_only_what_was_read():
    tags = samples.tags("colonial")

    assert [tag.source.startswith("Secondary analyses, which say that ") for tag in tags] == [True] * 3
    assert next(tag.context for tag in tags if "affidavit" in tag.source).startswith("The affidavit was not")
