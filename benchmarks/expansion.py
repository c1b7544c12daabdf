"""One address's outputs, spenders and what they pay, from disk: `python -m benchmarks.expansion --scale 10M`.

A made-up chain is written three times: as our index, as a DuckDB file with ART indexes and as an SQLite file with
a covering index. Each contender answers in a process of its own, one after the other: an address as text to at
most 500 outputs, their spenders, and at most 5,000 outputs of these. 2,000 addresses, drawn as often as they are
paid, are asked warm; 100 others cold: before each the contender is closed, its files are dropped from the page
cache and it is opened again. Every answer must be the same to the row before a figure counts. Memory is what
the process took for the 2,100 questions, beside what it held after opening.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks.chain import SCALES, SEED, make_chain, parse_scale
from benchmarks.measure import describe_machine, describe_versions, goal, print_result

TRANSACTIONS = SCALES["1M"]
FOLDER = Path(__file__).resolve().parent.parent / "out" / "expansions"
WARM, COLD = 2_000, 100
REPETITIONS = 3
MAX_OUTPUTS, MAX_ROWS = 500, 5_000
BATCH = 500_000
LETTERS = np.frombuffer(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l", np.uint8)

Rows = list[tuple[int, ...]]


class Answer(NamedTuple):
    """What is compared: (output, spender) of the address, (tx, output, address, value) of the spenders."""

    outputs: Rows
    rows: Rows


class Chainflow:
    """The index as it is used by default."""

    engine, file = "numba", "index"

    def __init__(self, folder: Path, *, is_cold: bool) -> None:
        from chainflow.tracing.whole_chain.mapped import MappedChain

        self.chain: Any = MappedChain.open(folder / self.file, engine=self.engine)

    def ask(self, address: str) -> Any:
        return self.chain.expand(address, max_outputs=MAX_OUTPUTS, max_rows=MAX_ROWS)

    def answer(self, found: Any) -> Answer:
        columns = (found.tx, found.output, found.paid_to, found.value_sat)
        outputs = zip(found.outputs.tolist(), found.spent_by.tolist(), strict=True)
        return Answer(list(outputs), list(zip(*(column.tolist() for column in columns), strict=True)))

    def close(self) -> None:
        del self.chain


class ChainflowNumpy(Chainflow):
    """The same without numba."""

    engine = "numpy"


class Duckdb:
    """Three queries: a join of them, or an order, is planned without the indexes and takes twice as long."""

    file = "chain.duckdb"

    def __init__(self, folder: Path, *, is_cold: bool) -> None:
        import duckdb

        self.connection = duckdb.connect(folder / self.file, read_only=True, config={"threads": 1})

    def ask(self, address: str) -> Answer:
        number = self._query(f"select number from addresses where address = '{address}'")[0][0]
        outputs = self._first(
            f"select output, spent_by from received where address = {number}", "output", MAX_OUTPUTS
        )
        spenders = ",".join(map(str, sorted({tx for _, tx in outputs if tx >= 0})))
        if not spenders:
            return Answer(outputs, [])
        rows = f"select tx, output, address, value from outputs where tx in ({spenders})"
        return Answer(outputs, self._first(rows, "output", MAX_ROWS))

    def _first(self, select: str, order: str, most: int) -> Rows:
        """Order here what is not too much; only the rest by the database."""
        rows = self._query(f"{select} limit {most + 1}")
        return sorted(rows) if len(rows) <= most else self._query(f"{select} order by {order} limit {most}")

    def _query(self, query: str) -> Rows:
        rows: Rows = self.connection.execute(query).fetchall()
        return rows

    def answer(self, found: Answer) -> Answer:
        return found

    def close(self) -> None:
        self.connection.close()


class Sqlite:
    """Three queries, mapped into memory when warm; the last joins in the order in which it is written."""

    file = "chain.sqlite"
    first = f"select output, spent_by from outputs where address = ? order by output limit {MAX_OUTPUTS}"
    second = f"""
        select o.tx, o.output, o.address, o.value
        from (select distinct spent_by from ({first}) where spent_by >= 0 order by spent_by) s
        cross join outputs o on o.tx = s.spent_by limit {MAX_ROWS}"""

    def __init__(self, folder: Path, *, is_cold: bool) -> None:
        import sqlite3

        self.connection = sqlite3.connect(f"file:{folder / self.file}?mode=ro", uri=True)
        # the system reads far around what is touched in a mapping: a cold question would take 50 × as long
        self.connection.execute(f"pragma mmap_size = {0 if is_cold else 1 << 36}")

    def ask(self, address: str) -> Answer:
        query = self.connection.execute
        number = query("select number from addresses where address = ?", [address]).fetchone()
        return Answer(query(self.first, number).fetchall(), query(self.second, number).fetchall())

    def answer(self, found: Answer) -> Answer:
        return found

    def close(self) -> None:
        self.connection.close()


CONTENDERS: Mapping[str, Any] = {
    "chainflow": Chainflow,
    "chainflow, numpy": ChainflowNumpy,
    "duckdb": Duckdb,
    "sqlite": Sqlite,
}
PEERS = ("duckdb", "sqlite")


def texts_of(count: int) -> pa.LargeStringArray:
    """Return so many made-up addresses of 42 letters."""
    letters = np.empty((count, 42), np.uint8)
    letters[:, :4] = np.frombuffer(b"bc1q", np.uint8)
    letters[:, 4:] = LETTERS[np.random.default_rng(SEED).integers(0, 32, (count, 38), dtype=np.uint8)]
    offsets = np.arange(count + 1, dtype=np.int64) * 42
    return pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(letters))


def written(transactions: int) -> Path:
    """Return the folder with the three stores, `asked.json` and `seconds.json`, made first where it is not there."""
    place = FOLDER / f"{transactions}-{SEED}"
    if not (place / "seconds.json").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        chain = make_chain(transactions)
        texts = texts_of(len(chain.owner))
        drawn = np.random.default_rng(SEED).choice(chain.address, WARM + COLD).tolist()
        (place / "asked.json").write_text(json.dumps([texts[number].as_py() for number in drawn]))
        seconds = {}
        for name, write in (
            ("chainflow", _write_index),
            ("duckdb", _write_duckdb),
            ("sqlite", _write_sqlite),
        ):
            start = time.perf_counter()
            write(place, chain, texts)
            seconds[name] = time.perf_counter() - start
        os.sync()  # what is not on the disk yet cannot be dropped from the page cache
        (place / "seconds.json").write_text(json.dumps(seconds))
    return place


def _write_index(place: Path, chain: Any, texts: pa.Array) -> None:
    from chainflow.tracing.whole_chain.columns import Columns
    from chainflow.tracing.whole_chain.mapped import MappedChain

    columns = Columns(*(getattr(chain, name) for name in Columns._fields))
    MappedChain.build(place / Chainflow.file, columns, addresses=texts, address_of=chain.address)


def _write_duckdb(place: Path, chain: Any, texts: pa.Array) -> None:
    import duckdb

    made, named = _table(chain), pa.table({"address": texts, "number": np.arange(len(texts), dtype=np.int32)})
    with duckdb.connect(place / Duckdb.file) as connection:
        connection.register("made", made)
        connection.register("named", named)
        for statement in (
            "create table outputs as select tx, output, address, value from made",
            "create table received as select address, output, spent_by from made order by address, output",
            "create table addresses as select address, number from named",
            "create index by_tx on outputs(tx)",
            "create index by_address on received(address)",
            "create index by_text on addresses(address)",
        ):
            connection.execute(statement)


def _write_sqlite(place: Path, chain: Any, texts: pa.Array) -> None:
    import sqlite3

    connection = sqlite3.connect(place / Sqlite.file)
    for statement in (
        "pragma journal_mode = off",
        "pragma synchronous = off",
        "pragma cache_size = -400000",
        "create table outputs(tx int, output int, address int, value int, spent_by int, "
        "primary key(tx, output)) without rowid",
        "create table addresses(address text primary key, number int) without rowid",
    ):
        connection.execute(statement)
    for batch in _table(chain).to_batches(BATCH):
        columns = (column.to_pylist() for column in batch.columns)
        connection.executemany("insert into outputs values(?, ?, ?, ?, ?)", zip(*columns, strict=True))
    order = pa.compute.sort_indices(texts)
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        pairs = zip(texts.take(some).to_pylist(), some.to_pylist(), strict=True)
        connection.executemany("insert into addresses values(?, ?)", pairs)
    connection.execute("create index by_address on outputs(address, output, spent_by)")
    connection.commit()
    connection.close()


def _table(chain: Any) -> pa.Table:
    outputs = len(chain.value)
    tx = np.repeat(np.arange(len(chain.fee), dtype=np.int32), np.diff(chain.out_ptr))
    columns = {"tx": tx, "output": np.arange(outputs, dtype=np.int32), "address": chain.address}
    return pa.table({**columns, "value": chain.value, "spent_by": chain.spent_by})


def _files(path: Path) -> Iterable[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


def _drop(path: Path) -> None:
    """Drop a store's pages from the page cache; nobody may have it open."""
    for file in _files(path):
        handle = os.open(file, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def _resident() -> dict[str, float]:
    """Return this process's resident bytes: its own, and those of files that it shares with the page cache."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    told = {line.split(":")[0]: line.split() for line in lines}
    return {"own": int(told["RssAnon"][1]) * 1024.0, "of files": int(told["RssFile"][1]) * 1024.0}


def measure_here(contender: str, folder: Path) -> dict[str, Any]:
    """Ask one contender in this process; return seconds, memory and a digest of all answers."""
    make, asked = CONTENDERS[contender], json.loads((folder / "asked.json").read_text())
    store = make(folder, is_cold=False)
    store.ask(asked[0])
    before = _resident()
    told = hashlib.sha256()
    for address in asked:
        told.update(repr(store.answer(store.ask(address))).encode())
    after = _resident()
    rounds = [
        [_seconds(lambda a=address: store.ask(a)) for address in asked[:WARM]] for _ in range(REPETITIONS)
    ]
    store.close()
    found = {f"warm p{p}": statistics.median(np.percentile(one, p) for one in rounds) for p in (50, 99)}
    return {
        **found,
        **_measure_cold(make, folder, asked[WARM:]),
        **{f"memory {what}": after[what] - before[what] for what in before},
        "bytes": float(sum(file.stat().st_blocks * 512 for file in _files(folder / make.file))),
        "digest": told.hexdigest(),
    }


def _measure_cold(make: Any, folder: Path, asked: list[str]) -> dict[str, float]:
    opened, answered = [], []
    for address in asked:
        _drop(folder / make.file)
        start = time.perf_counter()
        store = make(folder, is_cold=True)
        opened.append(time.perf_counter() - start)
        answered.append(_seconds(lambda s=store, a=address: s.ask(a)))
        store.close()
        del store
    whole = np.add(opened, answered)
    found = {f"cold p{p}": float(np.percentile(answered, p)) for p in (50, 99)}
    return {**found, "cold p50 with opening": float(np.percentile(whole, 50))}


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _measure_apart(contender: str, folder: Path) -> dict[str, Any]:
    """Return what `measure_here` gives in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.expansion", "--contender", contender, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[1])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run(transactions: int | None = None) -> dict[str, object]:
    """Return the benchmark's result at one scale."""
    whole = transactions or TRANSACTIONS
    folder = written(whole)
    runs = {name: _measure_apart(name, folder) for name in ("chainflow", *PEERS)}
    if len({one["digest"] for one in runs.values()}) != 1:
        raise SystemExit("the contenders give different answers: no figure counts")
    ours = runs["chainflow"]
    times = [what for what in ours if what.startswith(("warm", "cold"))]
    ratios = {f"{peer}: {what}": round(runs[peer][what] / ours[what], 1) for peer in PEERS for what in times}
    figures: dict[str, object] = {}
    for name, one in runs.items():
        figures |= {f"{name}: {what}, ms": round(one[what] * 1e3, 4) for what in times}
        figures |= {
            f"{name}: {what}, MB": round(one[what] / 1e6, 1) for what in one if what.startswith("memory")
        }
        figures[f"{name}: disk, MB"] = round(one["bytes"] / 1e6, 1)
    seconds = json.loads((folder / "seconds.json").read_text())
    figures |= {f"{name}: written in, s": round(took, 1) for name, took in seconds.items()}
    return {
        "benchmark": "expansion",
        "workload": f"{whole:,} transactions; {WARM:,} addresses warm, {COLD} cold",
        "machine": describe_machine(),
        "versions": describe_versions("chainflow", "duckdb", "numba", "numpy")
        | {"sqlite": _sqlite_version()},
        "figures": figures,
        "ratios": ratios,
        "goals": [
            goal(name, ratios[name], at_least=least) for name, least in GOALS.items() if name in ratios
        ],
    }


GOALS = {
    "duckdb: warm p50": 150.0,
    "duckdb: warm p99": 100.0,
    "duckdb: cold p50": 15.0,
    "sqlite: warm p50": 3.0,
    "sqlite: warm p99": 20.0,
}


def _sqlite_version() -> str:
    import sqlite3

    return sqlite3.sqlite_version


if __name__ == "__main__":
    if "--contender" in sys.argv:
        contender, folder = sys.argv[sys.argv.index("--contender") + 1 :][:2]
        print(json.dumps(measure_here(contender, Path(folder))))
    else:
        print_result(run(parse_scale(sys.argv[1:], default=TRANSACTIONS)))
