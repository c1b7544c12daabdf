"""Where a Chromium-like browser is on this machine, and how to get one for the browser tests.

Standard library only; kept readable by old interpreters for the reason given in `tasks.py`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
    prefix = None if found else _apt_prefix()
    if prefix is None:
        return found
    print(f"Installing {' and '.join(_PACKAGES)} with apt-get for the browser tests", flush=True)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    for words in (["update"], ["install", "-y", "--no-install-recommends", *_PACKAGES]):
        done = subprocess.run(
            apt + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            print(done.stdout.decode(errors="replace"), flush=True)
            return None
    return find_browser()


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
    try:
        done = subprocess.run(
            [path, "--version"], timeout=30, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _apt_prefix() -> "list[str] | None":
    """Return what to put before `apt-get` (nothing for root), or `None` where we may not call it."""
    if os.environ.get("CHAINFLOW_BROWSER") or not Path("/etc/debian_version").is_file():
        return None
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    if shutil.which("sudo") and not subprocess.call([*sudo, "true"], stderr=subprocess.DEVNULL):
        return sudo
    return None
