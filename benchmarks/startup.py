"""What `import chainflow` costs, against importing networkx and pandas: `python -m benchmarks.startup`."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measure import (
    describe_machine,
    describe_versions,
    goal,
    medians,
    print_result,
    ratios,
    time_in_turns,
)

REPETITIONS = 9


def _import_seconds(module: str) -> float:
    """Return the seconds that importing `module` takes in a fresh interpreter, its start left out."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return float(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


def run() -> dict[str, object]:
    """Return the benchmark's result."""
    elapsed = {"now": 0.0}

    def importer(module: str) -> None:
        elapsed["now"] += _import_seconds(module)

    contenders = {
        "chainflow": lambda: importer("chainflow"),
        "networkx": lambda: importer("networkx"),
        "pandas": lambda: importer("pandas"),
    }
    seconds = time_in_turns(contenders, repetitions=REPETITIONS, clock=lambda: elapsed["now"])
    figures, slower = medians(seconds), ratios(seconds)
    return {
        "benchmark": "startup",
        "workload": f"import in a fresh interpreter, files cached, median of {REPETITIONS}",
        "machine": describe_machine(),
        "versions": describe_versions(*contenders),
        "figures": {f"import {name}, s": median for name, median in figures.items()},
        "ratios": slower,
        "goals": [goal("s to import chainflow", figures["chainflow"], at_most=0.1)],
    }


if __name__ == "__main__":
    print_result(run())
