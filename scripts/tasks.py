"""The jobs of this project, one word each: `python3 scripts/tasks.py test` is what `make test` runs.

Standard library only, and written so that Python 3.6 can still read it: an old interpreter must get
far enough to find a newer one, or to say what is missing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import browser
import evm_servers
import servers

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "chainflow-installed"
OLDEST = (3, 11)
NEWER = ("python3.11", "python3.12", "python3.13", "python3.14")
BY_PRODUCTS = (".mypy_cache", ".pytest_cache", ".ruff_cache", ".import_linter_cache", "build", "dist")


def install() -> int:
    """Create .venv and install requirements.lock and this checkout; nothing to do when unchanged."""
    wanted = _fingerprint()
    if _fits(_venv_python()) and STAMP.is_file() and STAMP.read_text() == wanted:
        return 0
    started = time.monotonic()
    if not _fits(_venv_python()):
        _say(f"Creating .venv with Python {sys.version_info[0]}.{sys.version_info[1]}")
        _need(sys.executable, "-m", "venv", "--clear", VENV)
    _say("Installing requirements.lock and this checkout into .venv (a minute or two the first time)")
    _pip("--require-hashes", "-r", LOCK)
    _pip("--no-deps", "--no-build-isolation", "-e", ROOT)
    STAMP.write_text(wanted)
    _say(f"Installed in {time.monotonic() - started:.0f} s")
    return 0


def demo(*arguments: str) -> int:
    """Install, then follow a published case offline and write its picture and report."""
    install()
    return _run(_venv_python(), "-m", "chainflow", "demo", *arguments)


def test(*arguments: str) -> int:
    """Install, see that there is a browser, then run pytest (ARGS="-k wire" is passed on)."""
    install()
    if browser.ensure_browser() is None:
        _say(browser.ADVICE)
        if os.environ.get("CI") == "true":
            _say("CI=true: not running the tests without the browser tests")
            return 1
    return _run(_venv_python(), "-m", "pytest", *arguments)


def test_servers(*arguments: str) -> int:
    """Install real nodes (litecoind, ElectrumX, anvil), start them on this machine and test against them."""
    install()
    found = {
        servers.ADVICE_LITECOIND: servers.ensure_litecoind(),
        servers.ADVICE_ELECTRUMX: servers.ensure_electrumx(),
        evm_servers.ADVICE_ANVIL: evm_servers.ensure_anvil(),
        evm_servers.ADVICE_VYPER: evm_servers.find_vyper(),
    }
    missing = [advice for advice, path in found.items() if path is None]
    if missing:
        _say("\n".join(missing))
        return 1
    os.environ["CHAINFLOW_SERVERS"] = "1"
    return _run(_venv_python(), "-m", "pytest", "tests/servers", *arguments)


def test_long(*arguments: str) -> int:
    """Install, then run the long tests: a thousand kills, a thousand flipped bits, full disks (an hour)."""
    install()
    os.environ["CHAINFLOW_LONG"] = "1"
    return _run(_venv_python(), "-m", "pytest", "tests/faults", *arguments)


def lint() -> int:
    """Install, then run ruff, its formatter's check, mypy and import-linter, each of them always."""
    install()
    checks = {
        "ruff check": ["-m", "ruff", "check", "."],
        "ruff format --check": ["-m", "ruff", "format", "--check", "."],
        "mypy --strict": ["-m", "mypy"],
        "lint-imports": [
            "-c",
            "from importlinter.cli import lint_imports_command as f; f(['--no-logo'])",
        ],
    }
    failed = []
    for name, words in checks.items():
        _say(f"-- {name}")
        if _run(_venv_python(), *words):
            failed.append(name)
    _say(f"lint failed: {', '.join(failed)}" if failed else "lint passed")
    return 1 if failed else 0


def lab(*arguments: str) -> int:
    """Install, then open the notebooks in JupyterLab, which itself asks nothing of the network."""
    install()
    quiet = (
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly",
    )
    return _run(_venv_python(), "-m", "jupyterlab", "notebooks", *quiet, *arguments)


def clean() -> int:
    """Delete caches and built packages; .venv, out/, case files and failing examples stay."""
    folders = [ROOT / name for name in BY_PRODUCTS]
    for name in ("chainflow", "tests", "scripts", "benchmarks"):
        folders += (ROOT / name).rglob("__pycache__")
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder)
    return 0


def lock(*arguments: str) -> int:
    """Compile requirements.lock again for every platform (ARGS=--upgrade takes newer versions)."""
    compile_lock = (
        *("pip", "compile", "pyproject.toml", "--extra", "dev", "--universal", "--python-version", "3.11"),
        *("--generate-hashes", "--no-emit-index-url", "--no-header", "--quiet", "-o", LOCK.name),
    )
    uv = shutil.which("uv")
    if uv:
        return _run(uv, *compile_lock, *arguments)
    with tempfile.TemporaryDirectory() as folder:
        _say("uv is not on PATH: fetching it into a throw-away environment")
        _need(sys.executable, "-m", "venv", folder)
        python = _venv_python(Path(folder))
        _need(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv")
        return _run(python, "-m", "uv", *compile_lock, *arguments)


JOBS = (install, demo, test, test_servers, test_long, lint, lab, clean, lock)
TASKS = {task.__name__.replace("_", "-"): task for task in JOBS}
TAKE_ARGUMENTS = ("demo", "test", "test-servers", "test-long", "lab", "lock")


def main(name: str, *arguments: str) -> int:
    """Run the task `name` with an interpreter that is new enough; return its exit code."""
    if name not in TASKS or (arguments and name not in TAKE_ARGUMENTS):
        width = max(map(len, TASKS))
        print("usage: python3 scripts/tasks.py TASK [ARGUMENTS]\n")
        print("\n".join(f"  {task:{width}}  {TASKS[task].__doc__}" for task in TASKS))
        return 0 if name == "help" else 2
    if sys.version_info < OLDEST:
        return _run(_newer_python(), Path(__file__).resolve(), name, *arguments)
    return TASKS[name](*arguments)


def _newer_python() -> str:
    for path in filter(None, map(shutil.which, NEWER)):
        if _fits(path):
            return path
    sys.exit(
        f"chainflow needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable}),\n"
        f"and none of {', '.join(NEWER)} on PATH runs.\n"
        "-> Debian or Ubuntu: apt-get install python3.11 python3.11-venv (or newer); macOS: brew install\n"
        "   python@3.12; Windows: winget install Python.Python.3.12. Then repeat the command."
    )


def _fits(python: "str | Path") -> bool:
    """Return whether `python` runs and is new enough: a pyenv shim may exist and not run."""
    check = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.call([str(python), "-c", check], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def _fingerprint() -> str:
    """Return a digest of what the installation depends on; an editable one depends on its place too."""
    parts = (LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), os.fsencode(ROOT))
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _venv_python(folder: Path = VENV) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def _pip(*words: "str | Path") -> None:
    _need(_venv_python(), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *words)


def _need(*words: "str | Path") -> None:
    code = _run(*words)
    if code:
        sys.exit(f"failed with exit code {code}: {' '.join(map(str, words))}\n-> see docs/how-to/install.md")


def _run(*words: "str | Path") -> int:
    return subprocess.call([str(word) for word in words], cwd=str(ROOT))


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(*(sys.argv[1:] or ["help"])))
    except KeyboardInterrupt:
        sys.exit(130)
