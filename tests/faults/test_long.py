"""What takes long: a thousand kills, a thousand flipped bits, full disks, four writers, clocks that jump."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chainflow.case import Case
from chainflow.errors import CaseError, ChainflowError
from chainflow.sources.esplora import Esplora
from tests.faults.serve import CHAIN, made

pytestmark = pytest.mark.skipif(
    os.environ.get("CHAINFLOW_LONG") != "1", reason="takes an hour: make test-long, or CHAINFLOW_LONG=1"
)

TIMES = int(os.environ.get("CHAINFLOW_LONG_TIMES", "1000"))
ROOT = Path(__file__).resolve().parent.parent.parent
TIP = "/blocks/tip/height"


class Served:
    """A server in a process of its own: this one forks, and must have no threads."""

    def __init__(self, folder: Path) -> None:
        self.asked_file = folder / "asked"
        words = [sys.executable, "-m", "tests.faults.serve", str(self.asked_file)]
        self.process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def asked(self) -> list[str]:
        return self.asked_file.read_text().split()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(tmp_path_factory.mktemp("served"))
    yield running
    running.stop()


def in_child(work: Callable[[], int]) -> int:
    """Start `work` in a forked child and return its process id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 70
        try:
            code = work()
        finally:
            os._exit(code)
    return child


def fetch_all(path: Path, url: str, seeds: list[str]) -> int:
    """Fetch into a case; 0 if all is there, 3 for an error of ours."""
    try:
        with Case(path, Esplora(url, chain=CHAIN, tries=2, backoff=0.01)) as case:
            return 0 if not case.fetch(seeds).not_followed else 4
    except ChainflowError:
        return 3


def held(path: Path) -> set[str]:
    """Return the raw replies that a case holds."""
    with Case(path) as case:
        return {row[0] for row in case.log.rows("select sha256 from raw")}


def is_the_truth(path: Path) -> bool:
    ledger, wanted = made()[0].ledger(), set(made()[1])
    with Case(path) as case:
        assert case.verify().ok
        assert (case.ledger.coverage["state"] == "complete").all()
        names = ("txid", "vout", "value_sat", "script", "spent_by", "address")

        def rows(of: Any) -> set[tuple[Any, ...]]:
            listed = zip(*(of.outputs[name].to_pylist() for name in names), strict=True)
            return {row for row in listed if row[-1] in wanted}

        return rows(case.ledger) == rows(ledger)


def told(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f"\n{text}")  # noqa: T201


def test_a_thousand_kills_lose_nothing_and_ask_at_most_one_page_again_each(served, tmp_path, capsys):
    dice, kills, cases, replies = random.Random(1), 0, 0, 0
    seeds = made()[1]
    while kills < TIMES:
        path, known, before = tmp_path / f"{cases}.chainflow", set[str](), len(served.asked())
        killed_here = 0
        while True:
            child = in_child(lambda path=path: fetch_all(path, served.url, seeds))
            if killed_here < 12:  # then let it come to its end
                time.sleep(dice.uniform(0.002, 0.08))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if os.WIFSIGNALED(status):
                kills, killed_here = kills + 1, killed_here + 1
            now = held(path) if path.exists() else set()
            assert known <= now
            known = now
            if not os.WIFSIGNALED(status):
                assert os.WEXITSTATUS(status) == 0
                break
        asked = Counter(one for one in served.asked()[before:] if one != TIP)
        assert asked.total() - len(asked) <= killed_here
        assert is_the_truth(path)
        cases, replies = cases + 1, replies + len(known)
    told(
        capsys,
        f"{kills:,} kills in {cases} cases: 0 of {replies:,} replies lost, at most one asked again per kill",
    )


def test_a_thousand_flipped_bits_are_found_or_change_nothing(served, tmp_path, capsys):
    path = tmp_path / "whole.chainflow"
    assert fetch_all(path, served.url, made()[1][:2]) == 0
    with Case(path) as case:
        facts = list(case.log.statements())
    whole, dice, counts = path.read_bytes(), random.Random(2), Counter[str]()
    flipped = tmp_path / "flipped.chainflow"
    for _ in range(TIMES):
        place = dice.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        flipped.write_bytes(damaged)
        try:
            with Case(flipped, read_only=True) as case:
                if not case.verify().ok:
                    counts["found by verify"] += 1
                    continue
                assert list(case.log.statements()) == facts, f"bit {place}"
                counts["without effect"] += 1
        except ChainflowError as error:
            counts[f"found on opening or reading: {type(error).__name__}"] += 1
    assert counts.total() == TIMES
    told(capsys, f"{TIMES:,} flipped bits in {len(whole):,} bytes: {dict(counts)}")


def test_a_full_disk_loses_nothing_that_was_acknowledged(served, tmp_path, capsys):
    counts = Counter[str]()
    for number in range(max(10, TIMES // 20)):
        path = tmp_path / f"{number}.chainflow"
        room = 8_192 + 16_384 * number

        def work(path: Path = path, room: int = room) -> int:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
            try:
                with Case(path, Esplora(served.url, chain=CHAIN)) as case:
                    case.fetch(made()[1])
            except CaseError as error:
                return {"DiskFull": 5, "CaseCorrupt": 6}.get(type(error).__name__, 7)
            except ChainflowError:
                return 8
            return 0

        _, status = os.waitpid(in_child(work), 0)
        assert os.WIFEXITED(status)
        assert os.WEXITSTATUS(status) in (0, 5, 6, 7), os.WEXITSTATUS(status)
        counts[
            {0: "enough room", 5: "DiskFull", 6: "CaseCorrupt", 7: "CaseError"}[os.WEXITSTATUS(status)]
        ] += 1
        known = held(path) if path.exists() and path.stat().st_size else set()
        if path.exists() and not path.stat().st_size:
            path.unlink()
        assert fetch_all(path, served.url, made()[1]) == 0
        assert known <= held(path)
        assert is_the_truth(path)
        path.unlink()
    told(capsys, f"files that may not grow: {dict(counts)}; every one was completed afterwards")


def test_four_processes_write_one_case(served, tmp_path, capsys):
    rounds = max(2, TIMES // 50)
    for number in range(rounds):
        path, seeds = tmp_path / f"{number}.chainflow", made()[1]
        children = [
            in_child(lambda path=path, one=one: fetch_all(path, served.url, [one]))
            for one in (*seeds, *seeds)[:4]
        ]
        codes = [os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children]
        assert set(codes) == {0}, codes
        assert fetch_all(path, served.url, seeds) == 0
        assert is_the_truth(path)
    told(capsys, f"{rounds} times four processes on one case: verified, and whole")


@pytest.mark.parametrize("now", [0, 1, 946_684_800, 2**31, 2**33])
def test_a_clock_that_jumps_changes_no_fact(served, tmp_path, monkeypatch, now):
    path = tmp_path / "a.chainflow"
    real, real_ns, dice = time.time, time.time_ns, random.Random(now)
    monkeypatch.setattr(time, "time", lambda: dice.choice([now, real()]))
    monkeypatch.setattr(time, "time_ns", lambda: dice.choice([now * 10**9, real_ns()]))
    assert fetch_all(path, served.url, made()[1]) == 0
    monkeypatch.undo()
    assert is_the_truth(path)
    shutil.copy(path, tmp_path / "b.chainflow")
    with Case(tmp_path / "b.chainflow") as case:
        assert len(case.steps) > 3
        assert case.disclosures["requests"].sum() > 3
