"""A file written into a case: its bytes as evidence, and the facts that follow from them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from chainflow.evidence import Event, Log
from chainflow.formats.opening import FileSource, named_in
from chainflow.model import Fact, TxOutline, TxRecord

__all__ = ["FILE", "add_file_to", "named_by_files"]

FILE = "file:"
"""What the family of an archived file begins with, so that it is never taken for a source's."""


def add_file_to(log: Log, opened: FileSource) -> Event | None:
    """Write a file that was opened to the log, once; `None` if it is there already, read in the same way.

    Raises
    ------
    BadInput, BadResponse
        If it cannot be read; nothing is written then.
    """
    facts = opened.facts
    name = f"{FILE}{opened.name}"
    request: Mapping[str, Any] = {
        "source": name,
        "family": f"{FILE}{opened.family}",
        "chain": opened.chain,
        "host": "",  # nobody learns of it
        "subject": "",
        "path": opened.path,
        "url": opened.name,
        "status": 200,
        "retrieved": int(time.time()),
        "server_date": "",
        "rejected": len(opened.rejected),
        "files": [list(pair) for pair in opened.files],
    }
    for event in log.events("fetch"):
        same = ("source", "family", "chain", "path")
        if (
            all(event.content.get(key) == request[key] for key in same)
            and event.content["sha256"] == opened.sha256
        ):
            return None
    return log.record(request, opened.body, facts)


def named_by_files(log: Log) -> tuple[tuple[str, str], ...]:
    """Return the (chain, txid) that files name in a log and that nothing in it gives.

    They are no part of the ledger: nothing is known of them but that they are, and perhaps their block.
    """
    if not any(str(event.content["family"]).startswith(FILE) for event in log.events("fetch")):
        return ()
    of_files, held = list[Fact](), list[Fact]()
    for fact, evidence in log.statements():
        if isinstance(fact, TxRecord):
            held.append(fact)
        elif isinstance(fact, TxOutline) and evidence.source.startswith(FILE):
            of_files.append(fact)
    return named_in((*held, *of_files))
