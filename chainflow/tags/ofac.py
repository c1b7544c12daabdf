"""Digital-currency addresses of OFAC's SDN list as rows, and the plain lists of them per ticker.

The XML files are read in `chainflow.tags.sdn`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from chainflow.addresses import CHAINS, decode, is_address
from chainflow.errors import TagFileRejected
from chainflow.model import canonical_json
from chainflow.tags.rows import Parsed, Row, chain_id

__all__ = ["LIST_NAME", "ofac_row", "read_address_list"]

LIST_NAME = re.compile(r"sanctioned_addresses_([A-Za-z0-9]+)\.(?:txt|json)")
"""How a plain list of addresses is named; the group is OFAC's ticker."""

_SOURCE = "OFAC SDN"


def ofac_row(
    address: str, ticker: str, *, label: str, context: dict[str, object], date: str
) -> dict[str, object]:
    """Return one row; an address that is not of its ticker's chain goes to the chain that it is of.

    OFAC lists a Tron address under XBT. A ticker of a chain that is not read here keeps its chain, so that
    the row is rejected by name: some of those chains share their form of addresses with another.
    """
    chain = chain_id(ticker)
    if chain in CHAINS and not is_address(address, chain=chain) and is_address(address):
        chain = decode(address).chain
    return {
        "address": address,
        "chain": chain,
        "label": label,
        "category": "sanctioned",
        "source": _SOURCE,
        "confidence": "authority_data",
        "date": date,
        "context": canonical_json({"ticker": ticker, **context}),
    }


def read_address_list(text: str, *, name: str) -> Parsed:
    """Return the rows of a plain list named `sanctioned_addresses_TICKER.txt` or `.json`.

    Such a list says neither who is sanctioned nor since when: label and context say only that.

    Raises
    ------
    TagFileRejected
        If a JSON list is no list of texts, or the file holds no address.
    """
    match = LIST_NAME.fullmatch(name)
    if match is None:
        raise TagFileRejected(f"{name} does not name its ticker", hint="call it sanctioned_addresses_XBT.txt")
    listed: Any = [line.strip() for line in text.splitlines()]
    if name.endswith(".json"):
        try:
            listed = json.loads(text)
            canonical_json(listed).encode()  # a lone surrogate is no text
        except (ValueError, RecursionError) as error:
            raise TagFileRejected(f"{name} is not JSON: {error}", hint="one list of addresses") from None
    if not isinstance(listed, list) or not all(isinstance(address, str) for address in listed):
        raise TagFileRejected(f"{name} is not a list of texts", hint="one list of addresses")
    rows: list[tuple[int, Row]] = [
        (line, ofac_row(address, match[1].upper(), label="OFAC sanctioned address", context={}, date=""))
        for line, address in enumerate(listed, start=1)
        if address
    ]
    if not rows:
        raise TagFileRejected(f"{name} holds no address", hint="is the download complete?")
    return Parsed(rows=rows)
