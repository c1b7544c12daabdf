"""GraphSense TagPacks and ActorPacks: YAML files of tags (read and written) and of actors (read).

The fields and their inheritance from the header follow GraphSense's tagpack_schema.yaml: a field of the
header holds for every tag that does not state it itself, and a field that is not in the schema is an error.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime

import yaml

from chainflow.errors import BadInput, TagFileRejected
from chainflow.model import canonical_json
from chainflow.tags.rows import FIELDS, Parsed, clean
from chainflow.tags.strict_yaml import Items, Node, read_yaml
from chainflow.tags.tag import Actor, Rejected, Tag
from chainflow.tags.taxonomy import canonical, graphsense_id

__all__ = ["read_tagpack", "write_tagpack"]

_TAG_FIELDS = FIELDS - {"txid", "chain", "date", "creator"}
_HEADER_FIELDS = _TAG_FIELDS | {"title", "creator", "description", "owner", "is_public", "tags"}
_ACTOR_FIELDS = frozenset(
    {"id", "label", "uri", "lastmod", "categories", "jurisdictions", "context", "aliases"}
)

_EXTRA = "chainflow"
"""The key in a written tag's context for what TagPack has no field or no word for."""

_NO_CREATOR = "not stated"
"""The header's creator where no tag states one: the schema demands a text."""


def _plain(node: Node) -> object:
    if isinstance(node, Items):
        return [_plain(value) for value in node.values]
    return {key: _plain(value) for key, value in node.items()} if isinstance(node, dict) else node


def _extra(context: str) -> Mapping[str, object]:
    """Return the fields that `write_tagpack` put into the context, with the context itself."""
    if not context.startswith(f'{{"{_EXTRA}":'):
        return {}
    try:
        held = json.loads(context)
    except (ValueError, RecursionError):
        return {}
    allowed = {"creator", "category", "abuse", "concepts"}
    fields = held[_EXTRA]
    if held.keys() != {_EXTRA, "context"} or not isinstance(fields, dict) or not fields.keys() <= allowed:
        return {}
    return {**fields, "context": held["context"]}


def _tag_row(header: Mapping[str, object], node: Mapping[str, Node]) -> Mapping[str, object]:
    if unknown := sorted(node.keys() - _TAG_FIELDS):
        raise BadInput(
            f"unknown field {unknown[0]!r:.60}", hint=f"a tag has {', '.join(sorted(_TAG_FIELDS))}"
        )
    row = {**header, **{name: _plain(value) for name, value in node.items()}}
    if isinstance(row.get("context"), (dict, list)):
        row["context"] = canonical_json(row["context"])
    if not row.get("currency") and not row.get("network"):
        raise BadInput("no currency", hint="write currency: BTC in the tag or in the header")
    return {**row, **_extra(str(row.get("context", "")))}


def _actor(node: Mapping[str, Node]) -> Actor:
    if unknown := sorted(node.keys() - _ACTOR_FIELDS):
        raise BadInput(
            f"unknown field {unknown[0]!r:.60}", hint=f"an actor has {', '.join(sorted(_ACTOR_FIELDS))}"
        )
    identity, name = (clean(_plain(node.get(field, "")), name=field) for field in ("id", "label"))
    if not identity or not name:
        raise BadInput("an actor without id or label", hint="both are needed")
    stated = _plain(node.get("categories", ""))
    words = stated if isinstance(stated, list) else [stated]
    categories = (canonical(clean(word, name="categories")) for word in words)
    return Actor(identity, name, tuple(dict.fromkeys(word for word in categories if word)))


def _rows_of(root: Mapping[str, Node], section: str, *, name: str) -> Iterable[tuple[int, Node]]:
    listed = root.get(section, Items())
    if not isinstance(listed, Items):
        raise TagFileRejected(f"{section} is not a list in {name}", hint=f"{section}: holds one '- ' per row")
    return zip(listed.lines, listed.values, strict=True)


def read_tagpack(text: str, *, name: str) -> Parsed:
    """Return the rows of a TagPack, or the actors of an ActorPack.

    Raises
    ------
    TagFileRejected
        If the file is not plain YAML, is no pack, has an unknown header field, or lacks title or creator.
    """
    root = read_yaml(text, name=name)
    if not isinstance(root, dict) or not root.keys() & {"tags", "actors"}:
        raise TagFileRejected(
            f"{name} is no TagPack", hint="a pack has title:, creator: and tags: or actors:"
        )
    known = _HEADER_FIELDS if "tags" in root else _HEADER_FIELDS | {"actors"}
    if unknown := sorted(root.keys() - known):
        raise TagFileRejected(
            f"unknown header field {unknown[0]!r:.60} in {name}", hint="see the TagPack schema"
        )
    if missing := [field for field in ("title", "creator") if not root.get(field)]:
        raise TagFileRejected(f"{name} has no {missing[0]}", hint=f"begin the file with {missing[0]}: …")
    inherited = _TAG_FIELDS | {"creator"}
    header = {field: _plain(value) for field, value in root.items() if field in inherited}
    header |= {"creator": ""} if header["creator"] == _NO_CREATOR else {}
    parsed = Parsed()
    for line, node in _rows_of(root, "tags", name=name):
        try:
            parsed.rows.append((line, _tag_row(header, _mapping(node))))
        except BadInput as error:
            parsed.faults.append(Rejected.of(_text(node), error, file=name, line=line))
    for line, node in _rows_of(root, "actors", name=name):
        try:
            parsed.actors.append(_actor(_mapping(node)))
        except BadInput as error:
            parsed.faults.append(Rejected.of(_text(node), error, file=name, line=line))
    return parsed


def _mapping(node: Node) -> Mapping[str, Node]:
    if not isinstance(node, dict):
        raise BadInput("a row that is not a mapping", hint="write it as - address: …")
    return node


def _text(node: Node) -> str:
    stated = _plain(node)
    if isinstance(stated, dict):
        stated = stated.get("address") or stated.get("tx_hash") or stated.get("id") or stated
    return stated if isinstance(stated, str) else canonical_json(stated)


_CURRENCY = {"tron": "TRX", "polygon": "MATIC", "avalanche": "AVAX", "bsc": "BNB"}


def _when(text: str) -> date:
    # A new object for each tag: the dumper would write an alias for one that stands twice.
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)


def _written(tag: Tag, *, creator: str) -> dict[str, object]:
    extra: dict[str, object] = {} if tag.creator == creator else {"creator": tag.creator}
    row: dict[str, object] = {
        "address" if tag.address else "tx_hash": tag.address or tag.txid,
        "currency": _CURRENCY.get(tag.chain, tag.chain.partition("-")[0].upper()),
        "network": "TRX" if tag.chain == "tron" else tag.chain.upper(),
        "is_cluster_definer": tag.is_cluster_definer,
    }
    row |= {name: getattr(tag, name) for name in ("label", "source", "confidence", "actor", "tag_type")}
    row["lastmod"] = _when(tag.date) if tag.date else ""
    for name in ("category", "abuse"):
        stated = getattr(tag, name)
        row[name] = graphsense_id(stated)
        if stated and not row[name]:
            extra[name] = stated
    row["concepts"] = [word for word in map(graphsense_id, tag.concepts) if word]
    if "" in map(graphsense_id, tag.concepts):
        extra["concepts"] = list(tag.concepts)
    row["context"] = canonical_json({_EXTRA: extra, "context": tag.context}) if extra else tag.context
    return {name: value for name, value in row.items() if value not in ("", [])}


def write_tagpack(tags: Iterable[Tag], *, title: str) -> str:
    """Return the tags as the text of one TagPack.

    The header's creator is the most frequent one; another tag's creator, and a category for which GraphSense
    has no word, go into that tag's `context` under `chainflow`, where `read_tagpack` finds them again. What
    an actor pack said is not written.
    """
    kept = list(tags)
    creators = Counter(tag.creator for tag in kept)
    creator = min(creators, key=lambda name: (-creators[name], name)) if creators else ""
    written = [_written(tag, creator=creator) for tag in kept]
    pack = {"title": title, "creator": creator or _NO_CREATOR, "tags": written}
    dumper = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
    return str(yaml.dump(pack, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120))
