"""Writing and checking a case file, against plain inserts of the same rows: `python -m benchmarks.casefile`.

Made up, so that it runs everywhere: transactions of one input and two outputs that hash, 25 on a page as an
explorer gives them, each page archived with its facts. sqlite3 inserts the same raw bodies and the same JSON
rows, with the same number of commits and the same durability, but hashes and chains nothing.
`--scale N` writes N transactions (100,000); growth is measured from a tenth of that to the whole.
"""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.measure import describe_machine, describe_versions, goal, print_result
from chainflow.crawl import ledger_of
from chainflow.evidence import Log, verify
from chainflow.evidence.facts import encode
from chainflow.ledger.store import record_of
from chainflow.model import Fact, Listing, OutputRecord, TxRecord, canonical_json
from chainflow.transactions import Transaction, TxInput, TxOutput

REPETITIONS = 1
TRANSACTIONS = 100_000
PAGE = 25
CHAIN = "btc-regtest"
ADDRESS = "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202"

Page = tuple[dict[str, object], bytes, tuple[Fact, ...]]


def make_pages(count: int) -> Iterator[Page]:
    """Yield requests, bodies and facts of `count` transactions, the same for the same count."""
    for first in range(0, count, PAGE):
        records = [_make_record(number) for number in range(first, min(first + PAGE, count))]
        after = "" if not first else _make_record(first - 1).txid
        is_last = first + PAGE >= count
        page = Listing(CHAIN, ADDRESS, after, tuple(one.txid for one in records), complete=is_last)
        if not is_last:
            page = Listing(CHAIN, ADDRESS, after, page.txids, complete=False, next=records[-1].txid)
        body = "\n".join((one.raw or b"").hex() for one in records).encode()
        path = f"/address/{ADDRESS}/txs/{first}"
        request: dict[str, object] = {
            "source": "made-up:here",
            "family": "made-up",
            "chain": CHAIN,
            "host": "127.0.0.1",
            "subject": ADDRESS,
            "path": path,
            "url": f"http://127.0.0.1{path}",
            "status": 200,
            "retrieved": 1_700_000_000,
            "server_date": "",
        }
        yield request, body, (page, *records)


def _make_record(number: int) -> TxRecord:
    """Return a transaction that spends the first output of the one before it."""
    spent, script = (number.to_bytes(32, "big").hex(), 0), b"\x00\x14" + number.to_bytes(20, "little")
    witness = (number.to_bytes(71, "little"), number.to_bytes(33, "little"))
    outputs = (TxOutput(1_000_000 + number, script), TxOutput(500, b"\x00\x14" + bytes(20)))
    made = Transaction(2, (TxInput(*spent, b"", 0xFFFFFFFD, witness),), outputs)
    prevout = OutputRecord(1_001_000 + number, b"\x00\x14".hex() + "11" * 20)
    block = (number // 2_000 + 1, f"{number // 2_000:064x}", 1_700_000_000 + number // 2_000 * 600, None)
    return record_of(made.serialize(), [prevout], chain=CHAIN, block=block)


def measure(count: int, folder: Path) -> dict[str, float]:
    """Return the seconds of each step for `count` transactions, and how large the file became."""
    pages = list(make_pages(count))
    by_path = {str(request["path"]): facts for request, _, facts in pages}
    before = _peak_memory()
    path = folder / f"{count}.chainflow"
    seconds: dict[str, float] = {}
    start = time.process_time()
    with Log(path) as log:
        for request, body, facts in pages:
            log.record(request, body, facts)
        seconds["write"] = _lap(start)
        start = time.process_time()
        ledger = ledger_of(log)
        seconds["ledger"] = _lap(start)
        start = time.process_time()
        # the reader of the bodies is timed in benchmarks.decode; here the facts are given back
        checked = verify(log, lambda content, body: by_path[content["path"]])
        seconds["verify"] = _lap(start)
    seconds["peak memory above the replies, MB"] = _peak_memory() - before
    if not checked.ok or len(ledger) != count or checked.transactions != count:
        raise SystemExit("the case is wrong: nothing was timed")
    seconds["file, bytes"] = path.stat().st_size
    start = time.process_time()
    rows = _insert_plainly(pages, folder / f"{count}.sqlite")
    seconds["sqlite3"] = _lap(start)
    if rows != checked.facts:
        raise SystemExit("the contenders hold different rows: nothing was timed")
    return seconds


def _peak_memory() -> int:
    """Return the most memory that this process had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _lap(start: float) -> float:
    return round(time.process_time() - start, 3)


def _insert_plainly(pages: Sequence[Page], path: Path) -> int:
    """Insert the same bodies and JSON rows with nothing but sqlite3; return how many rows there are."""
    sql = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "pragma journal_mode = wal",
        "pragma synchronous = full",
        "create table raw(path text primary key, body blob)",
        "create table fact(seq integer, n integer, kind text, chain text, subject text, content text, "
        "primary key (seq, n)) without rowid",
        "create index fact_by_subject on fact(subject)",
    ):
        sql.execute(statement)
    for seq, (request, body, facts) in enumerate(pages):
        sql.execute("begin immediate")
        sql.execute("insert into raw values (?, ?)", (request["path"], body))
        rows = [(seq, n, *row[:3], canonical_json(row[3])) for n, row in enumerate(map(encode, facts))]
        sql.executemany("insert into fact values (?, ?, ?, ?, ?, ?)", rows)
        sql.execute("commit")
    count = int(sql.execute("select count(*) from fact").fetchone()[0])
    sql.execute("pragma wal_checkpoint(truncate)")
    sql.close()
    return count


def run(scale: int | None = None) -> dict[str, object]:
    """Return the benchmark's result: a tenth, then the whole."""
    large = scale or TRANSACTIONS
    small = large // 10
    figures: dict[str, object] = {}
    found: dict[int, dict[str, float]] = {}
    for count in (small, large):
        runs = [_measured_apart(count) for _ in range(REPETITIONS)]
        found[count] = {name: sorted(one[name] for one in runs)[len(runs) // 2] for name in runs[0]}
        figures |= {f"{name}, {count:,} transactions": value for name, value in found[count].items()}
    size = large / small
    growth = {
        name: round(found[large][name] / max(found[small][name], 1e-3) / size, 2)
        for name in ("write", "ledger", "verify")
    }
    slower = round(found[large]["write"] / found[large]["sqlite3"], 2)
    figures["written, transactions/s"] = round(large / found[large]["write"])
    figures["verified, transactions/s"] = round(large / found[large]["verify"])
    return {
        "benchmark": "casefile",
        "workload": f"{large:,} transactions on {-(-large // PAGE):,} pages, one commit each: write, ledger, verify",
        "machine": describe_machine(),
        "versions": describe_versions("chainflow") | {"sqlite3": sqlite3.sqlite_version},
        "figures": figures,
        "ratios": {
            "our write ÷ sqlite3's": slower,
            **{f"growth ÷ size, {name}": one for name, one in growth.items()},
        },
        "goals": [goal(f"growth ÷ size, {name}", one, at_most=1.3) for name, one in growth.items()]
        + [goal("our write ÷ sqlite3's", slower, at_most=2.0)],
    }


def _measured_apart(count: int) -> dict[str, float]:
    """Return what `measure` gives in a fresh process, so that its memory is its own."""
    code = f"from benchmarks import casefile; casefile.print_measured({count})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return {
        name: float(value) for name, value in (line.split("=") for line in done.stdout.split("\n") if line)
    }


def print_measured(count: int) -> None:
    """Measure, and print a line per figure."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(count, Path(folder))
    print("\n".join(f"{name}={value}" for name, value in seconds.items()))


if __name__ == "__main__":
    asked = sys.argv[sys.argv.index("--scale") + 1] if "--scale" in sys.argv else ""
    print_result(run(int(asked.replace("_", "").replace(",", "")) if asked else None))
