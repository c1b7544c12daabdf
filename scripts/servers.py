"""The UTXO servers that `tests/servers` starts: where they are on this machine, and how to get them.

Debian's `litecoind` is a node with wallets; ElectrumX, from PyPI, is an explorer over it. Both only ever
listen on 127.0.0.1 and hold a private test chain. Standard library only, for the reason in `tasks.py`.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from debian import ROOT, apt_install, runs, works

LOCK = ROOT / "requirements-servers.lock"
VENV = ROOT / ".venv-servers"
STAMP = VENV / "servers-installed"
LOCKED = ("e-x", "plyvel", "setuptools", "vyper")

ADVICE_LITECOIND = (
    "No litecoind was found, and the tests marked `server` need one.\n"
    "-> Debian: apt-get install litecoind; elsewhere unpack a release of litecoin.org and put its path into\n"
    "   the variable CHAINFLOW_LITECOIND."
)
ADVICE_ELECTRUMX = (
    "ElectrumX is not installed, and the tests marked `server` need it (Linux or macOS).\n"
    "-> python3 scripts/servers.py makes .venv-servers from requirements-servers.lock; one that is there\n"
    "   already is used when the variable CHAINFLOW_ELECTRUMX holds the path of electrumx_server."
)


def find_litecoind() -> "str | None":
    """Return the path of a litecoind that runs, `CHAINFLOW_LITECOIND` before that on PATH."""
    path = os.environ.get("CHAINFLOW_LITECOIND") or shutil.which("litecoind")
    return path if path and runs(path, "-version") else None


def ensure_litecoind() -> "str | None":
    """Return the path of a litecoind, installing Debian's when none is there and we may; else `None`."""
    found = find_litecoind()
    if found or os.environ.get("CHAINFLOW_LITECOIND"):
        return found
    return find_litecoind() if apt_install("litecoind", purpose="the server tests") else None


def find_electrumx() -> "str | None":
    """Return the path of `electrumx_server`: `CHAINFLOW_ELECTRUMX`, or in .venv-servers as locked."""
    named = os.environ.get("CHAINFLOW_ELECTRUMX")
    if named:
        return named if Path(named).is_file() else None
    path = VENV / "bin" / "electrumx_server"
    is_current = STAMP.is_file() and path.is_file() and STAMP.read_text() == _fingerprint()
    return (
        str(path) if is_current and runs(VENV / "bin" / "python", "-c", "import electrumx, plyvel") else None
    )


def ensure_electrumx() -> "str | None":
    """Return the path of `electrumx_server`, making .venv-servers from its lock if need be; else `None`."""
    found = find_electrumx()
    if found or os.environ.get("CHAINFLOW_ELECTRUMX") or os.name == "nt":
        return found
    print("Installing requirements-servers.lock into .venv-servers for the server tests", flush=True)
    python = VENV / "bin" / "python"
    made = works(sys.executable, "-m", "venv", "--clear", VENV)
    # ElectrumX comes as source: what builds it is installed first, from the same lock
    with tempfile.TemporaryDirectory() as folder:
        builder = Path(folder, "builder.lock")
        builder.write_text(_locked("setuptools"))
        made = made and works(python, *_PIP, "-r", builder)
    if not made or not works(python, *_PIP, "--no-build-isolation", "-r", LOCK):
        return None
    STAMP.write_text(_fingerprint())
    return find_electrumx()


def lock(uv: str = "uv") -> int:
    """Compile requirements-servers.lock again for every platform."""
    words = ("pip", "compile", "-", "--universal", "--python-version", "3.11", "--generate-hashes")
    quiet = ("--no-emit-index-url", "--no-header", "--quiet", "-o", str(LOCK))
    return subprocess.run([uv, *words, *quiet], input="\n".join(LOCKED), text=True, cwd=str(ROOT)).returncode


def main() -> int:
    """Get both servers, and say what is missing."""
    missing = 0
    for ensure, advice in ((ensure_litecoind, ADVICE_LITECOIND), (ensure_electrumx, ADVICE_ELECTRUMX)):
        path = ensure()
        print(path or advice, flush=True)
        missing += path is None
    return 1 if missing else 0


_PIP = ("-m", "pip", "install", "-qq", "--disable-pip-version-check", "--require-hashes")


def _locked(name: str) -> str:
    """Return the lines of the lock for one package, without the `\\` after its last hash."""
    _, _, after = LOCK.read_text().partition(f"\n{name}==")
    lines = [f"{name}=={after}".splitlines()[0]]
    for line in after.splitlines()[1:]:
        if not line.startswith("    --hash"):
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _fingerprint() -> str:
    return hashlib.sha256(LOCK.read_bytes() + os.fsencode(ROOT)).hexdigest()


if __name__ == "__main__":
    try:
        sys.exit(lock(*sys.argv[2:]) if sys.argv[1:2] == ["lock"] else main())
    except KeyboardInterrupt:
        sys.exit(130)
