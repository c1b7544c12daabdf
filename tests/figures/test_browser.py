"""The HTML page in a real browser: it draws, stays still, asks for nothing, and leads to the evidence."""

from __future__ import annotations

import pytest

from chainflow import samples
from chainflow.figures import draw
from chainflow.ledger import build
from chainflow.tracing import trace
from tests.figures.hostile import PAYLOADS, hostile_figure

pytestmark = pytest.mark.browser

RANSOM = "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr"
SEIZURE_TXID = "943f2d576ed8d9f388ba75eb82fe35cce29479b84121827ac368a5a94f44cf7a"


@pytest.fixture(scope="module")
def colonial():
    """Return the recorded Colonial Pipeline case, drawn."""
    return draw(samples.load("colonial"), tags=samples.tags("colonial"))


def flow_between(figure, payer, payee):
    """Return the flow between the items with these labels."""
    labels = {item.id: item.label for item in figure.items}
    return next(f for f in figure.flows if (labels[f.source], labels[f.target]) == (payer, payee))


def seizure(figure):
    """Return the flow that paid the 63.7 BTC."""
    return flow_between(
        figure, "DarkSide proceeds, address of the seizure warrant", "FBI, seizure of 7 June 2021"
    )


def test_page_draws_and_asks_for_nothing_but_itself(show, colonial):
    shown = show(colonial)
    shown.page.wait_for_timeout(300)

    assert [url.rpartition("/")[2] for url in shown.requests] == ["figure.html"]
    assert shown.complaints == []
    painted = shown.page.evaluate(
        "[...document.querySelector('canvas').getContext('2d').getImageData(0, 0, 1400, 600).data].some((v) => v > 0)"
    )
    assert painted


def test_everything_stands_where_the_layout_put_it_and_does_not_move(show, colonial):
    shown = show(colonial)
    first = shown.page.evaluate("chainflow.positions()")
    shown.page.click("text=Clear selection", force=True)
    shown.click(colonial.items[2].id)
    shown.page.wait_for_timeout(300)

    assert shown.page.evaluate("chainflow.positions()") == first
    assert {item.id: {"x": item.x, "y": item.y} for item in colonial.items}.items() <= first.items()


def test_click_on_a_line_shows_its_transaction_and_the_raw_reply_behind_it(show, colonial):
    shown = show(colonial)
    flow = seizure(colonial)
    note = next(note for note in colonial.transactions if note.txid == SEIZURE_TXID)

    shown.click(f"{flow.id}/label")
    text = shown.page.locator("#details").inner_text()

    assert SEIZURE_TXID in text
    assert "63.69996546 BTC" in text
    assert note.evidence[0][1] in text
    assert "2021-06-07 17:45:41 UTC" in text
    assert "686,683" in text
    assert "L2: txid recomputed from the bytes" in text


def test_click_beside_the_label_on_the_line_itself_finds_it_too(show, colonial):
    shown = show(colonial)
    flow = seizure(colonial)
    last = len(flow.pieces) - 1
    x, y = shown.at(f"{flow.id}/{last}/{len(flow.pieces[last]) - 1}")

    shown.page.mouse.click(x - 6, y)

    assert SEIZURE_TXID in shown.page.locator("#details").inner_text()


def test_click_on_an_item_shows_who_says_what_about_it(show, colonial):
    shown = show(colonial)
    item = next(item for item in colonial.items if item.name == RANSOM)

    shown.click(item.id)
    text = shown.page.locator("#details").inner_text()

    assert RANSOM in text
    assert "The press release names no address" in text
    assert "complete as of block 955,873" in text


def test_keyboard_alone_reaches_the_evidence(show, colonial):
    shown = show(colonial)
    flow = seizure(colonial)

    shown.page.locator(f"#flows tr[data-id='{flow.id}'] button").focus()
    shown.page.keyboard.press("Enter")

    assert SEIZURE_TXID in shown.page.locator("#details").inner_text()
    assert shown.page.evaluate("document.activeElement.id") == "details"
    shown.page.keyboard.press("Escape")
    assert shown.page.locator("#details").is_hidden()


def test_tables_hold_every_flow_and_item_exactly(show, colonial):
    shown = show(colonial)

    assert shown.page.locator("#flows tbody tr").count() == len(colonial.flows)
    assert shown.page.locator("#items tbody tr").count() == len(colonial.items)
    assert "75.00030000 BTC" in shown.page.locator("#flows").inner_text()


def test_trace_shows_policy_balance_and_verification(show):
    lesson = samples.training_case()
    figure = draw(
        trace(lesson.ledger, lesson.seed, stop=lesson.tags.services), ledger=lesson.ledger, tags=lesson.tags
    )
    text = show(figure).page.locator("#legend").inner_text()

    for part in (
        "as given to this run",
        "the seeds: 50.00000000 tBTC",
        "(equal)",
        "15 of 15 transactions verified",
    ):
        assert part in text


def test_focus_is_shown_from_the_start(show, colonial):
    shown = show(colonial.focus(RANSOM))

    lit = shown.page.locator("#items tr.lit").count()

    assert 1 < lit < len(colonial.items)


def test_no_text_runs_over_the_side_of_its_box(show, colonial):
    shown = show(colonial)

    wide = shown.page.evaluate(
        """() => { const ctx = document.createElement('canvas').getContext('2d');
        const C = JSON.parse(document.getElementById('content').textContent);
        return C.items.flatMap((item) => item.face.lines.slice(item.face.named).filter((line, n, all) => {
            ctx.font = '11.5px system-ui, "Segoe UI", "DejaVu Sans", Arial, sans-serif';
            return ctx.measureText(line).width > item.width - (item.face.mark && n === all.length - 1 ? 48 : 32); })); }"""
    )

    assert wide == []


def test_empty_picture_says_so(show):
    shown = show(draw(build([])), ready=".empty")

    assert "holds no transaction" in shown.page.locator("#stage").inner_text()
    assert shown.complaints == []


def test_notebook_frame_draws_without_any_request(browser):
    figure = draw(samples.peel_chain(length=3).ledger)
    page = browser.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))

    page.set_content(f"<!doctype html><body>{figure._repr_html_()}</body>")
    page.frame_locator("iframe").locator("body[data-ready]").wait_for(state="attached", timeout=20_000)

    assert [url for url in requests if not url.startswith("about:")] == []
    page.close()


def test_hostile_text_in_every_slot_executes_nothing_and_is_shown_as_text(show):
    figure = hostile_figure()
    shown = show(figure)
    shown.page.evaluate("for (const button of document.querySelectorAll('td button')) button.click()")
    shown.page.wait_for_timeout(300)

    assert shown.page.evaluate("window.__pwned === undefined")
    assert shown.complaints == []
    assert [url.rpartition("/")[2] for url in shown.requests] == ["figure.html"]
    assert (
        shown.page.evaluate(
            "document.querySelectorAll('img,iframe,object,embed,base,link,video,audio,form,a').length"
        )
        == 0
    )
    assert shown.page.locator("script").count() == 3
    assert len(PAYLOADS) > 50
    assert PAYLOADS[0] in shown.page.locator("#items").inner_text()


@pytest.mark.browser
def test_a_picture_that_was_hidden_when_it_was_made_is_drawn_when_it_is_shown(browser):
    figure = draw(samples.peel_chain(length=3).ledger)
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_content(f"<div id='cell' style='display:none'>{figure._repr_html_()}</div>")
    page.wait_for_timeout(300)
    page.evaluate("document.getElementById('cell').style.display = 'block'")
    frame = page.frames[1]
    frame.wait_for_selector("body[data-ready]", state="attached")
    page.wait_for_timeout(300)
    canvas, legend = (frame.locator(name).bounding_box() for name in ("#canvas", "#legend"))
    assert canvas["width"] > 600
    assert canvas["y"] + canvas["height"] <= legend["y"] + 1
    page.close()
