"""A real browser for the tests of pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chainflow.figures import Figure


@dataclass
class Shown:
    """A page in the browser, with everything it asked for and complained about."""

    page: object
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def click(self, place: str) -> None:
        """Click where a node of the picture stands."""
        self.page.mouse.click(*self.at(place))

    def at(self, place: str) -> tuple[float, float]:
        """Return where a node of the picture stands on the screen, after scrolling there."""
        self.page.evaluate(f"window.scrollTo(0, chainflow.place('{place}').y - 200)")
        spot = self.page.evaluate(f"chainflow.place('{place}')")
        box = self.page.locator("#canvas").bounding_box()
        return box["x"] + spot["x"], box["y"] + spot["y"]


@pytest.fixture
def show(browser, tmp_path: Path) -> Iterator[Callable[[Figure], Shown]]:
    """Return a function that opens a figure's page and waits until it is drawn."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})

    def open_it(figure: Figure, *, ready: str = "body[data-ready]") -> Shown:
        shown = Shown(context.new_page())
        shown.page.on("request", lambda request: shown.requests.append(request.url))
        shown.page.on("pageerror", lambda error: shown.complaints.append(str(error)))
        shown.page.on("console", lambda line: shown.complaints.append(line.text))
        shown.page.on("dialog", lambda dialog: (shown.complaints.append(dialog.message), dialog.dismiss()))
        place = figure.save(tmp_path / "figure.html")
        shown.page.goto(place.as_uri())
        shown.page.wait_for_selector(ready, state="attached", timeout=20_000)
        return shown

    yield open_it
    context.close()
