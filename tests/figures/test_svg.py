"""The SVG: static, parseable, safe, with its legend."""

from __future__ import annotations

import re

from defusedxml.ElementTree import fromstring

from chainflow import samples
from chainflow.figures import draw
from chainflow.tracing import trace
from tests.figures.hostile import hostile_figure

ALLOWED = {"svg", "title", "desc", "rect", "text", "g", "path", "circle"}


def elements(figure):
    root = fromstring(figure.render("svg").decode())
    return [(node.tag.rpartition("}")[2], node) for node in root.iter()]


def test_svg_has_no_script_no_foreign_content_and_no_link():
    lesson = samples.training_case()
    figure = draw(
        trace(lesson.ledger, lesson.seed, stop=lesson.tags.services), ledger=lesson.ledger, tags=lesson.tags
    )

    found = elements(figure)

    assert {name for name, _ in found} <= ALLOWED
    assert not [a for _, node in found for a in node.attrib if a.startswith("on") or "href" in a]


def test_hostile_text_stays_text_in_svg():
    found = elements(hostile_figure())

    assert {name for name, _ in found} <= ALLOWED
    assert any("<script" in (node.text or "") for _, node in found)


def test_svg_carries_policy_balance_as_of_and_verification():
    lesson = samples.peel_chain()
    figure = draw(trace(lesson.ledger, lesson.seed), ledger=lesson.ledger)

    text = " ".join(" ".join((node.text or "").split()) for name, node in elements(figure) if name == "text")

    for part in (
        "Policy: fifo, forward",
        "as given to this run",
        "(equal)",
        "As of: block 341",
        "6 of 6 transactions",
    ):
        assert part in text


def test_svg_and_json_have_the_same_places():
    figure = draw(samples.load("colonial"))
    boxes = [node for name, node in elements(figure) if name == "rect" and node.get("rx") == "7"]

    assert [
        (int(b.get("x")) + i.width // 2, int(b.get("y")) + i.height // 2)
        for b, i in zip(boxes, figure.items, strict=True)
    ] == [(item.x, item.y) for item in figure.items]


def test_focus_fades_everything_else():
    figure = draw(samples.load("colonial"))

    faded = len(
        re.findall(rb'<g opacity="0.25">', figure.focus("15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr").render("svg"))
    )

    assert 0 < faded < len(figure.items)
    assert b'opacity="0.25"' not in figure.render("svg")
