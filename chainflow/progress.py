"""Progress of long work in a shell or a notebook; silent where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Progress", "watched"]

_PAUSE = 0.2
"""Seconds between two updates in a notebook: each one is a message to the browser."""


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
    last = time.monotonic()

    def report(done: int, left: int, what: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _PAUSE:
            last = time.monotonic()
            shown.update(_plain(f"{title}: {done:,} done, {left:,} known to be left: {what}"), raw=True)

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
        task = bar.add_task("", total=None)
        yield lambda done, left, what: bar.update(task, completed=done, total=done + left, description=what)
