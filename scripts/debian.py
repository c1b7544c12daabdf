"""Running other programs quietly, and installing Debian's packages where we may.

Standard library only; kept readable by old interpreters for the reason given in `tasks.py`.
"""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def apt_install(*packages: str, purpose: str) -> bool:
    """Return whether apt-get installed the packages; `False` too where we may not call it."""
    prefix = _apt_prefix()
    if prefix is None:
        return False
    print(f"Installing {' and '.join(packages)} with apt-get for {purpose}", flush=True)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    steps = (["update"], ["install", "-y", "--no-install-recommends", *packages])
    return all(works(*apt, *words) for words in steps)


def works(*words: "str | Path", cwd: Path = ROOT) -> bool:
    """Return whether a command succeeds; what it said is shown where it does not."""
    given = [str(word) for word in words]
    try:
        done = subprocess.run(
            given, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=str(cwd)
        )
    except OSError as error:
        print(f"{given[0]}: {error}", flush=True)
        return False
    if done.returncode:
        print(done.stdout.decode(errors="replace"), flush=True)
    return done.returncode == 0


def runs(*words: "str | Path") -> bool:
    """Return whether a command succeeds within half a minute, in silence."""
    try:
        done = subprocess.run(
            [str(word) for word in words],
            timeout=30,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _apt_prefix() -> "list[str] | None":
    """Return what to put before `apt-get` (nothing for root), or `None` where there is none for us."""
    if not Path("/etc/debian_version").is_file() or not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    return sudo if shutil.which("sudo") and runs(*sudo, "true") else None
