"""The HTML file as bytes: one page, no request possible, nothing from outside as markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from chainflow import samples
from chainflow.figures import draw
from chainflow.figures.html import HtmlRenderer
from chainflow.tracing import trace
from tests.figures.hostile import hostile_figure


@pytest.fixture(scope="module")
def page():
    """Return the page of a traced peel chain."""
    lesson = samples.peel_chain()
    return draw(trace(lesson.ledger, lesson.seed), ledger=lesson.ledger).render("html").decode()


def scripts(text):
    return re.findall(
        r"<script(?: type=\"application/json\" id=\"content\")?>(.*?)</script>", text, re.DOTALL
    )


def test_policy_allows_only_the_two_scripts_and_the_style_of_the_page(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1).replace("&#39;", "'")
    _, *code = scripts(page)
    wanted = {
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in code
    }

    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))

    assert rules["default-src"] == "'none'"
    assert set(rules["script-src"].split()) == wanted
    assert "unsafe" not in policy
    assert rules["base-uri"] == rules["form-action"] == "'none'"


def test_page_names_no_file_outside_itself(page):
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)

    assert not re.findall(r"\b(src|href|action|data)\s*=", markup)
    assert "<link" not in markup
    assert "url(" not in markup


def test_page_has_a_language_and_a_title_and_is_small(page):
    assert '<html lang="en">' in page
    assert "<title>Where 99.99995906 tBTC went" in page
    assert len(page.encode()) < 1_000_000


def test_data_is_json_without_any_character_that_could_end_it(page):
    content = scripts(page)[0]

    assert not set("<>&\u2028\u2029") & set(content)
    assert json.loads(content)["format"] == "chainflow-figure"


def test_positions_are_ours_and_numbers_are_plain(page):
    content = json.loads(scripts(page)[0])
    by_id = {node["id"]: node for node in content["nodes"]}

    for item in content["items"]:
        assert (by_id[item["id"]]["x"], by_id[item["id"]]["y"]) == (item["x"], item["y"])
    assert all(isinstance(node["x"], int) and isinstance(node["y"], int) for node in content["nodes"])
    assert all(isinstance(flow["value_sat"], str) for flow in content["flows"])


def test_hostile_text_is_never_markup():
    text = hostile_figure().render("html").decode()
    markup = re.sub(r"(<script[^>]*>).*?</script>", r"\1", text, flags=re.DOTALL)

    assert markup.count("<script") == 3
    assert not re.findall(r"<(img|svg|iframe|object|embed|base|link|style|meta) [^>]*pwned", markup)


def test_notebook_shows_it_in_a_sandbox():
    figure = draw(samples.peel_chain(length=2).ledger)

    shown = figure._repr_html_()

    assert shown.startswith('<iframe sandbox="allow-scripts" title="')
    assert shown.endswith("</iframe>")
    assert shown.count("<") == 2


def test_renderer_is_found_by_its_suffix():
    figure = draw(samples.peel_chain(length=2).ledger)

    assert figure.render("html") == HtmlRenderer().render(figure)
