"""The picture of an explanation: every link with its evidence, safe with any text, the same bytes twice."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from chainflow.clustering import Decision, MultiInput, cluster
from chainflow.clustering.change.amounts import PowerOfTenChange
from chainflow.errors import BadInput
from chainflow.figures import draw
from tests.clustering.test_cluster import at, together
from tests.clustering.test_explain import paid
from tests.figures.hostile import PAYLOADS
from tests.made import ledger


@pytest.fixture(scope="module")
def why():
    decided = Decision("same", at("fresh"), at("cat"), "<b>letter & call</b>", "J. Doe")
    held = ledger(paid(), together("cat", "ben", number=9))
    return cluster(held, [MultiInput(), PowerOfTenChange()], decisions=[decided]).explain(
        at("ann"), at("ben")
    )


def test_every_link_is_drawn_with_its_transactions_rule_and_error_figure(why):
    svg = draw(why).svg
    for link in why.chain:
        assert f"{link.rule} ({link.kind})" in svg
        assert all(txid in svg for txid in link.txids)
    assert svg.count(">Error figure: ") == 2
    assert "Together: 3 links" in svg


def test_line_styles_tell_inferred_from_asserted_and_one_bar_marks_the_weakest(why):
    svg = draw(why).svg
    assert svg.count('stroke-dasharray="9 6"') == 2
    assert svg.count('stroke-dasharray="2 5"') == 1
    assert svg.count("#B00020") == 1


def test_the_picture_is_well_formed_and_the_same_twice(why):
    root = ET.fromstring(draw(why).svg)
    assert root.tag.endswith("svg")
    assert draw(why).svg == draw(why).svg


def test_addresses_that_are_apart_are_drawn_with_the_reason():
    held = ledger(together("ann", number=1), together("ben", number=2))
    svg = draw(cluster(held).explain(at("ann"), at("ben"))).svg
    assert "Kept apart" in svg
    assert "no chain of links joins them" in svg


@pytest.mark.parametrize("payload", [payload for payload in PAYLOADS if payload.strip()])
def test_hostile_reasons_stay_text(payload):
    decided = Decision("same", at("ann"), at("ben"), payload, payload)
    held = ledger(together("ann", number=1), together("ben", number=2))
    svg = draw(cluster(held, decisions=[decided]).explain(at("ann"), at("ben"))).svg
    root = ET.fromstring(svg)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "rect", "text", "path"}


def test_it_is_saved_as_svg_only(why, tmp_path):
    draw(why).save(tmp_path / "why.svg")
    assert (tmp_path / "why.svg").read_bytes() == draw(why)._repr_svg_().encode()
    with pytest.raises(BadInput, match="drawn as SVG"):
        draw(why).save(tmp_path / "why.png")
