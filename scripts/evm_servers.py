"""The EVM node that `tests/servers` starts, and the compiler of its contracts: where they are, how to get them.

anvil, of npm, is a node with a private test chain; it only ever listens on 127.0.0.1. Vyper, of PyPI, compiles
the test's contracts. Standard library only, for the reason in `tasks.py`.
"""

import json
import os
import platform
import shutil
import sys
from pathlib import Path

from debian import ROOT, apt_install, runs, works

FOLDER = ROOT / ".servers" / "anvil"
VERSION = "1.7.1"

ADVICE_ANVIL = (
    "No anvil was found, and the tests marked `server` need one.\n"
    f"-> Linux on x86-64: python3 scripts/evm_servers.py gets version {VERSION} with npm (on Debian, npm too).\n"
    "   One that is there already is used when the variable CHAINFLOW_ANVIL holds the path of its executable."
)
ADVICE_VYPER = (
    "No Vyper was found, and the tests of the EVM node need it to compile their contracts.\n"
    "-> it comes with requirements-servers.lock: python3 scripts/servers.py; one that is there already is\n"
    "   used when the variable CHAINFLOW_VYPER holds the path of its executable."
)

INTEGRITY = {
    "anvil-linux-amd64": (
        "sha512-+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg=="
    ),
}
"""Platform -> what npm must find the package of anvil for it to hash to."""


def find_anvil() -> "str | None":
    """Return the path of an anvil that runs: `CHAINFLOW_ANVIL`, or the one that was installed here."""
    named = os.environ.get("CHAINFLOW_ANVIL")
    path = Path(named) if named else FOLDER / "node_modules" / "@foundry-rs" / _package() / "bin" / _PROGRAM
    is_ours = named or _is_as_pinned()
    return str(path) if is_ours and path.is_file() and runs(path, "--version") else None


def ensure_anvil() -> "str | None":
    """Return the path of an anvil, installing it with npm when none is there; else `None`."""
    found = find_anvil()
    npm = None if found or os.environ.get("CHAINFLOW_ANVIL") else _ensure_npm()
    if npm is None or _package() not in INTEGRITY:
        return found
    print(f"Installing anvil {VERSION} with npm into .servers/anvil for the server tests", flush=True)
    shutil.rmtree(str(FOLDER), ignore_errors=True)
    FOLDER.mkdir(parents=True)
    wanted = {"private": True, "dependencies": {f"@foundry-rs/{_package()}": VERSION}}
    (FOLDER / "package.json").write_text(json.dumps(wanted))
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    if not works(npm, "install", *quiet, cwd=FOLDER):
        return None
    if not _is_as_pinned():
        print("npm gave another package than the pinned one; it is not used", flush=True)
    return find_anvil()


def find_vyper() -> "str | None":
    """Return the path of a Vyper that runs: `CHAINFLOW_VYPER`, or the one in .venv-servers."""
    scripts = ROOT / ".venv-servers" / ("Scripts" if os.name == "nt" else "bin")
    path = os.environ.get("CHAINFLOW_VYPER") or shutil.which("vyper", path=str(scripts))
    return path if path and runs(path, "--version") else None


def main() -> int:
    """Get anvil, and say what is missing."""
    missing = 0
    for find, advice in ((ensure_anvil, ADVICE_ANVIL), (find_vyper, ADVICE_VYPER)):
        path = find()
        print(path or advice, flush=True)
        missing += path is None
    return 1 if missing else 0


_PROGRAM = "anvil.exe" if os.name == "nt" else "anvil"


def _package() -> str:
    """Return the name of the package that holds anvil for this machine."""
    system = {"linux": "linux", "darwin": "darwin", "win32": "win32"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    kind = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"anvil-{system}-{kind}"


def _is_as_pinned() -> bool:
    """Return whether npm checked what it installed against the hash that is pinned here."""
    try:
        lock = json.loads((FOLDER / "package-lock.json").read_text())
        entry = lock["packages"][f"node_modules/@foundry-rs/{_package()}"]
    except (OSError, ValueError, KeyError):
        return False
    return entry.get("integrity") == INTEGRITY.get(_package())


def _ensure_npm() -> "str | None":
    """Return the path of npm, installing Debian's when none is there and we may; else `None`."""
    found = shutil.which("npm")
    if found is None and apt_install("nodejs", "npm", purpose="the server tests"):
        return shutil.which("npm")
    return found


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
