"""One row of any tag file, checked field by field, made into a `Tag`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, TypeAlias

from chainflow.addresses import CHAINS, Address, decode
from chainflow.errors import AddressInvalid, BadInput, ChainflowError
from chainflow.model import is_txid
from chainflow.tags.tag import Actor, Rejected, Tag, confidence_score
from chainflow.tags.taxonomy import canonical

__all__ = ["FIELDS", "Parsed", "Row", "chain_id", "check", "clean", "located", "read_address", "tag_of"]

Row: TypeAlias = Mapping[str, object]
"""A row as a reader found it: field → text, truth value or list, not yet checked."""

FIELDS = frozenset(Tag.__dataclass_fields__) | {"tx_hash", "lastmod", "currency", "network"}
FIELDS -= {"file", "line", "actor_name", "actor_categories"}
"""The field names a row may have: those of `Tag`, and TagPack's names for some of them."""

_MAX_TEXT = 20_000
_TYPES = ("", "actor", "event", "mention")
_BOOLEANS = {"": False, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

# Control characters, lone surrogates, and the marks that reverse the direction of the text after them.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")

_CHAINS = {
    "xbt": "btc", "bitcoin": "btc", "omni": "btc", "litecoin": "ltc", "dogecoin": "doge", "xdg": "doge",
    "bitcoin-cash": "bch", "zcash": "zec", "ethereum": "eth", "trx": "tron", "matic": "polygon", "pol": "polygon",
    "avax": "avalanche", "arb": "arbitrum", "bnb": "bsc", "op": "optimism", "ftm": "fantom",
}  # fmt: skip

# Tokens live on several chains: the address itself says on which.
_TOKENS = frozenset({"usdt", "usdc"})

# Chains whose addresses have Ethereum's form and checksum.
_EVM = frozenset({"etc", "polygon", "avalanche", "arbitrum", "bsc", "optimism", "base", "fantom"})
_READ = ", ".join((*CHAINS, *sorted(_EVM)))


def chain_id(name: str) -> str:
    """Return the chain that a ticker or a network name means; "" for a token or where none is stated.

    Examples
    --------
    >>> chain_id("XBT"), chain_id("TRX"), chain_id("USDT"), chain_id("XMR")
    ('btc', 'tron', '', 'xmr')
    """
    stated = name.strip().lower()
    return "" if stated in _TOKENS else _CHAINS.get(stated, stated)


def clean(value: object, *, name: str) -> str:
    """Return a field's text without the spaces around it.

    Raises
    ------
    BadInput
        If it is not text, is longer than 20,000 characters, or holds control characters or marks that
        change the direction of the text (they make one address look like another).
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadInput(f"{name} is not text: {value!r:.60}", hint="write it in quotes")
    if len(value) > _MAX_TEXT:
        raise BadInput(f"{name} has {len(value):,} characters", hint=f"at most {_MAX_TEXT:,}")
    if hidden := _HIDDEN.search(value):
        raise BadInput(f"{name} holds the hidden character U+{ord(hidden[0]):04X}", hint="remove it")
    return value.strip()


def _is_true(value: object, *, name: str) -> bool:
    if isinstance(value, bool):
        return value
    stated = clean(value, name=name).lower()
    if stated not in _BOOLEANS:
        raise BadInput(f"{name} is neither true nor false: {stated[:40]!r}", hint="write true or false")
    return _BOOLEANS[stated]


def _iso_date(text: str) -> str:
    try:
        return (
            date.fromisoformat(text).isoformat()
            if len(text) == 10
            else datetime.fromisoformat(text).isoformat()
        )
    except ValueError:
        raise BadInput(f"not an ISO date: {text[:40]!r}", hint="write it as 2022-04-05") from None


def _concepts(value: object) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise BadInput(f"concepts is not a list: {value!r:.60}", hint="write it as [exchange, hot_wallet]")
    stated = (canonical(clean(word, name="concepts")) for word in value)
    return tuple(dict.fromkeys(word for word in stated if word))


@dataclass(slots=True)
class Parsed:
    """What a reader found in one file: rows by line, not yet checked; actors; rows of no use at all."""

    rows: list[tuple[int, Row]] = field(default_factory=list)
    actors: list[Actor] = field(default_factory=list)
    faults: list[Rejected] = field(default_factory=list)


def read_address(address: str, *, chain: str) -> Address:
    """Return the address as `decode` reads it for a chain that a tag may name, "" for the likeliest.

    Raises
    ------
    BadInput
        If addresses of the chain cannot be checked here.
    """
    form = "eth" if chain in _EVM else chain
    if form and form not in CHAINS:
        raise BadInput(f"addresses of {form[:20]!r} cannot be checked here", hint=f"read are {_READ}")
    return decode(address, chain=form or None)


class _Subject(NamedTuple):
    """What a tag is on: an address, or a transaction while the address is ""."""

    chain: str
    address: str = ""
    txid: str = ""


def _subject(texts: Mapping[str, str]) -> _Subject:
    """Return the normalised address or txid and its chain: the stated one, or the one the address is of."""
    chain = chain_id(texts.get("chain") or texts.get("network") or texts.get("currency") or "")
    address, txid = texts.get("address", ""), texts.get("txid") or texts.get("tx_hash", "")
    if address and txid:
        raise BadInput(f"both an address and a txid: {address[:80]}", hint="make two rows of it")
    if address:
        decoded = read_address(address, chain=chain)
        return _Subject(chain or decoded.chain, address=decoded.address)
    txid = txid.lower().removeprefix("0x")
    if not is_txid(txid):
        raise BadInput(
            f"not a txid: {txid[:80]!r}" if txid else "neither an address nor a txid", hint="state one"
        )
    if not chain:
        raise BadInput(f"no chain for the transaction {txid}", hint="state its currency")
    return _Subject(chain, txid=txid)


def _check(texts: Mapping[str, str]) -> None:
    for name in ("label", "source"):
        if not texts.get(name):
            raise BadInput(f"no {name}", hint="every tag says what it says and who says so")
    confidence_score(texts.get("confidence", ""))
    if (tag_type := texts.get("tag_type", "")) not in _TYPES:
        raise BadInput(f"not a tag_type: {tag_type[:40]!r}", hint=f"known are {', '.join(_TYPES[1:])}")


def tag_of(fields: Row, *, file: str, line: int) -> Tag:
    """Return the tag that a row states.

    Parameters
    ----------
    fields : mapping
        Names of `FIELDS`. `address` or `txid`, `label` and `source` are needed; without a chain (`chain`,
        `network` or `currency`) the address says on which chain it is.
    file, line : str, int
        Where the row stands.

    Raises
    ------
    AddressInvalid
        If the address is not one of the stated chain.
    BadInput
        If a field is unknown, missing, malformed, or the confidence is not on the ladder.
    """
    if unknown := sorted(str(name) for name in fields.keys() - FIELDS):
        raise BadInput(f"unknown field {unknown[0]!r:.60}", hint=f"known are {', '.join(sorted(FIELDS))}")
    rest = {name: value for name, value in fields.items() if name not in ("concepts", "is_cluster_definer")}
    texts = {name: clean(value, name=name) for name, value in rest.items()}
    subject = _subject(texts)
    _check(texts)
    date_stated = texts.get("date") or texts.get("lastmod", "")
    return Tag(
        address=subject.address,
        chain=subject.chain,
        txid=subject.txid,
        label=texts["label"],
        source=texts["source"],
        actor=texts.get("actor", ""),
        creator=texts.get("creator", ""),
        confidence=texts.get("confidence", ""),
        context=texts.get("context", ""),
        tag_type=texts.get("tag_type", ""),
        category=canonical(texts.get("category", "")),
        abuse=canonical(texts.get("abuse", "")),
        concepts=_concepts(fields.get("concepts")),
        date=_iso_date(date_stated) if date_stated else "",
        is_cluster_definer=_is_true(fields.get("is_cluster_definer"), name="is_cluster_definer"),
        file=file,
        line=line,
    )


def check(rows: Iterable[tuple[int, Row]], *, file: str) -> tuple[list[Tag], list[Rejected]]:
    """Return the tags of the rows, and the rows that cannot be used, each with its reason."""
    tags: list[Tag] = []
    rejected: list[Rejected] = []
    for line, row in rows:
        try:
            tags.append(tag_of(row, file=file, line=line))
        except BadInput as error:
            rejected.append(Rejected.of(_shown(row, error), error, file=file, line=line))
    return tags, rejected


def _shown(row: Row, error: BadInput) -> str:
    """Return what a rejected row is on; shortened where it may be a secret that the error does not repeat."""
    subject = str(row.get("address") or row.get("txid") or row.get("tx_hash") or sorted(map(str, row)))
    if isinstance(error, AddressInvalid) and subject.strip() not in error.message:
        return f"{subject[:4]}…"
    return subject


def located(row: Rejected) -> ChainflowError:
    """Return the error of a rejected row, naming the row."""
    where = f"line {row.line} of {row.file}" if row.file else f"row {row.line}"
    return type(row.error)(f"{row.error.message} ({where})", hint=row.error.hint)
