"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import pathlib
import runpy
from collections.abc import Iterator

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """Return the folder of recorded public data beside the checkout, or skip with the reason."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"recorded public data is not on this machine ({folder} is missing)")
    return folder


ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Return a running Chromium, or skip with the reason; where `CI` is set a missing one is a failure."""
    script = runpy.run_path(str(REPOSITORY / "scripts" / "browser.py"))
    path = script["find_browser"]()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(script["ADVICE"])
        pytest.skip(script["ADVICE"])
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
        yield chromium
        chromium.close()
