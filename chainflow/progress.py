"""Progress of long work in a shell or a notebook; silent where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Progress", "remaining", "watched"]

_PAUSE = 0.2
"""Seconds between two updates in a notebook: each one is a message to the browser."""

_PACED = 3
"""Steps after which a pace says something."""


class Progress(Protocol):
    """What long work calls: how much is done, how much is known to be left, what is going on."""

    def __call__(self, done: int, left: int, what: str) -> None:
        """Report."""


@contextmanager
def watched(title: str) -> Iterator[Progress]:
    """Yield a reporter that draws a bar in a terminal or a line in a notebook, and nothing elsewhere."""
    if _in_notebook():
        with _notebook_line(title) as report:
            yield report
    elif sys.stderr is not None and sys.stderr.isatty():
        with _terminal_bar(title) as report:
            yield report
    else:
        yield lambda done, left, what: None


def remaining(elapsed: float, done: int, left: int) -> str:
    """Return how long the known rest takes at the pace so far, as text; "" while there is no pace yet.

    At least: what is found on the way adds to it.

    Examples
    --------
    >>> remaining(30.0, done=10, left=40), remaining(1.0, done=1, left=40)
    (', at least 2 min', '')
    """
    if done < _PACED or left < 1:
        return ""
    seconds = elapsed / done * left
    return f", at least {seconds:.0f} s" if seconds < 100 else f", at least {seconds / 60:.0f} min"


def _in_notebook() -> bool:
    """Return whether a Jupyter kernel runs this; asks nothing where IPython was never loaded."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and hasattr(running, "kernel")


@contextmanager
def _notebook_line(title: str) -> Iterator[Progress]:
    # not rich's live display: it needs ipywidgets, whose output a saved notebook cannot show again
    from IPython.display import DisplayHandle

    shown = DisplayHandle()
    shown.display(_plain(f"{title} …"), raw=True)
    started = last = time.monotonic()

    def report(done: int, left: int, what: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _PAUSE:
            last = time.monotonic()
            rest = remaining(last - started, done, left)
            shown.update(_plain(f"{title}: {done:,} done, {left:,} known to be left{rest}: {what}"), raw=True)

    try:
        yield report
    finally:
        shown.update(_plain(""), raw=True)


def _plain(text: str) -> dict[str, str]:
    return {"text/plain": text}


@contextmanager
def _terminal_bar(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    counts = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    columns = (TextColumn(title), *counts, TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task, started = bar.add_task("", total=None), time.monotonic()

        def report(done: int, left: int, what: str) -> None:
            rest = remaining(time.monotonic() - started, done, left)
            bar.update(task, completed=done, total=done + left, description=f"{what}{rest}")

        yield report
