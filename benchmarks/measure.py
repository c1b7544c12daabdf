"""What every benchmark shares: fair timing, a description of the machine, goals, one way to print."""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

__all__ = [
    "describe_machine",
    "describe_versions",
    "goal",
    "medians",
    "print_result",
    "ratios",
    "time_in_turns",
]


def time_in_turns(
    contenders: Mapping[str, Callable[[], object]],
    *,
    repetitions: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Return the seconds of each contender in each round, all in turns: a slow moment hits all alike.

    For work on one core `clock=time.process_time` leaves out the moments that other programs took.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender()  # warm-up: imports and caches
    for _ in range(repetitions):
        for name, contender in contenders.items():
            gc.collect()
            start = clock()
            contender()
            seconds[name].append(clock() - start)
    return seconds


def medians(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the median seconds of each contender, to the tenth of a millisecond."""
    return {name: round(statistics.median(times), 4) for name, times in seconds.items()}


def ratios(seconds: Mapping[str, Sequence[float]], *, ours: str = "chainflow") -> dict[str, float]:
    """Return how many times our seconds each peer took: the median over the rounds."""
    return {
        name: round(statistics.median(t / o for t, o in zip(times, seconds[ours], strict=True)), 2)
        for name, times in seconds.items()
        if name != ours
    }


def describe_machine() -> str:
    """Return processor, number of cores, system and Python in one line."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, {python}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def describe_versions(*distributions: str) -> dict[str, str]:
    """Return the installed version of each distribution."""
    return {name: version(name) for name in distributions}


def goal(
    name: str, value: float, *, at_least: float | None = None, at_most: float | None = None
) -> dict[str, object]:
    """Return one goal with what was measured and whether it was met."""
    is_met = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    text = f"≥ {at_least}" if at_least is not None else f"≤ {at_most}"
    return {"name": name, "value": value, "goal": text, "ok": is_met}


def print_result(result: Mapping[str, object], arguments: Sequence[str] | None = None) -> None:
    """Print a benchmark's result: one JSON object with `--json`, else a table."""
    if "--json" in (sys.argv[1:] if arguments is None else arguments):
        print(json.dumps(result, ensure_ascii=False))
        return
    print(f"{result['benchmark']}: {result['workload']}\n{result['machine']}")
    for heading in ("versions", "figures", "ratios"):
        rows = result[heading]
        if isinstance(rows, Mapping) and rows:
            print(f"\n{heading}")
            for name, value in rows.items():
                print(f"  {name:<40} {value}")
    print("\ngoals")
    goals = result["goals"]
    for row in goals if isinstance(goals, list) else []:
        print(f"  {'met   ' if row['ok'] else 'MISSED'} {row['name']:<40} {row['value']} ({row['goal']})")
