"""Where a Chromium-like browser is on this machine, and how to get one for the browser tests.

Standard library only; kept readable by old interpreters for the reason given in `tasks.py`.
"""

import os
import shutil
import sys
from pathlib import Path

from debian import apt_install, runs

ADVICE = (
    "No Chromium, Chrome or Edge was found, and the tests marked `browser` need one.\n"
    "-> Debian: apt-get install chromium fonts-dejavu-core; Ubuntu: snap install chromium;\n"
    "   macOS: brew install --cask chromium; Windows has Edge. One in an unusual place is used when\n"
    "   the variable CHAINFLOW_BROWSER holds the path of its executable."
)

_COMMANDS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "microsoft-edge-stable",
)
_MAC = ("Chromium", "Google Chrome", "Microsoft Edge")
_WINDOWS = ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe")
_PACKAGES = ("chromium", "fonts-dejavu-core")


def find_browser() -> "str | None":
    """Return the path of the first browser that runs, `CHAINFLOW_BROWSER` before all others."""
    for path in _candidates():
        if Path(path).is_file() and _answers(path):
            return path
    return None


def ensure_browser() -> "str | None":
    """Return the path of a browser, installing Debian's when none is there and we may; else `None`."""
    found = find_browser()
    if found or os.environ.get("CHAINFLOW_BROWSER"):
        return found
    return find_browser() if apt_install(*_PACKAGES, purpose="the browser tests") else None


def _candidates() -> "list[str]":
    named = os.environ.get("CHAINFLOW_BROWSER")
    if named:
        return [named]
    found = [path for path in map(shutil.which, _COMMANDS) if path]
    if sys.platform == "darwin":
        found += [f"/Applications/{name}.app/Contents/MacOS/{name}" for name in _MAC]
    if os.name == "nt":
        roots = [os.environ.get(name) for name in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData")]
        found += [str(Path(root, tail)) for tail in _WINDOWS for root in roots if root]
    return found


def _answers(path: str) -> bool:
    """Return whether `path` is a browser that starts: Ubuntu ships a stub of that name."""
    if os.name == "nt":  # there `--version` opens a window instead of answering
        return True
    return runs(path, "--version")
