"""YAML reduced to what a tag file needs: mappings, lists and text, read in one pass over parser events.

Aliases, anchors, tags, duplicate keys, several documents and depth beyond 64 are refused, so that no
input can run code, read a file, or grow when it is read. Scalars stay text as they were written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from chainflow.errors import TagFileRejected

__all__ = ["MAX_DEPTH", "Items", "Node", "read_yaml"]

MAX_DEPTH = 64

# libyaml is about ten times faster; the pure Python loader emits the same events where it is missing.
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


@dataclass(slots=True)
class Items:
    """A YAML list: its values and the line on which each begins."""

    values: list[Node] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


Node: TypeAlias = "str | dict[str, Node] | Items"
"""Text, a mapping, or a list."""


class _Builder:
    """Puts nodes together; `stack` holds the open collections and, for a mapping, the key that waits."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root: Node | None = None
        self.stack: list[dict[str, Node] | Items] = []
        self.keys: list[str | None] = []

    def refuse(self, line: int, what: str) -> TagFileRejected:
        return TagFileRejected(
            f"{what} (line {line} of {self.name}); no tag of the file was used",
            hint="a tag file is plain YAML: mappings, lists and text",
        )

    def add(self, node: Node, line: int) -> None:
        if not self.stack:
            self.root = node
        elif isinstance(top := self.stack[-1], Items):
            top.values.append(node)
            top.lines.append(line)
        elif (key := self.keys[-1]) is not None:
            top[key] = node
            self.keys[-1] = None
        elif not isinstance(node, str):
            raise self.refuse(line, "a key that is not text")
        elif node in top:
            raise self.refuse(line, f"the key {node[:40]!r} stands twice")
        else:
            self.keys[-1] = node

    def open(self, node: dict[str, Node] | Items, line: int) -> None:
        self.add(node, line)
        self.stack.append(node)
        self.keys.append(None)
        if len(self.stack) > MAX_DEPTH:
            raise self.refuse(line, f"nested deeper than {MAX_DEPTH}")

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.ScalarEvent):
            self.check(event, line)
            is_null = event.implicit[0] and event.value in ("", "~", "null", "Null", "NULL")
            self.add("" if is_null else event.value, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self.check(event, line)
            self.open({} if isinstance(event, yaml.MappingStartEvent) else Items(), line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.stack.pop()
            self.keys.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise self.refuse(line, "an alias")
        elif isinstance(event, yaml.DocumentStartEvent) and (self.root is not None or event.tags):
            raise self.refuse(line, "a second document, or a tag directive")

    def check(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, line: int) -> None:
        if event.anchor is not None:
            raise self.refuse(line, "an anchor")
        if event.tag is not None:
            raise self.refuse(line, f"a tag ({str(event.tag)[:40]})")


def read_yaml(text: str, *, name: str) -> Node:
    """Return the one document of `text`; "" where it is empty.

    Raises
    ------
    TagFileRejected
        For broken YAML and for everything this module refuses; `name` is the file's name in the message.
    """
    builder = _Builder(name)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        problem_mark = getattr(error, "problem_mark", None)
        line = problem_mark.line + 1 if problem_mark else 1
        raise builder.refuse(line, f"not YAML: {getattr(error, 'problem', None) or 'unreadable'}") from None
    return "" if builder.root is None else builder.root
