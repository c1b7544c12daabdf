"""Answers with one value changed: where values stand, what may come in their place, and putting it there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**60), 10**60),
    st.floats(),
    st.text(max_size=70),
    st.just([]),
    st.just({}),
)

Steps = Sequence[str | int]


def leaves(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the way to everything in a JSON value, itself first."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(leaf for key, below in items for leaf in leaves(below, (*path, key)))]


def at(tree: Any, path: Steps) -> Any:
    """Return what stands at the end of a way."""
    for step in path:
        tree = tree[step]
    return tree


def put(tree: Any, path: Steps, value: object) -> Any:
    """Return the tree after changing one value in it; `...` takes it out."""
    *steps, last = path
    if value is ...:
        del at(tree, steps)[last]
    else:
        at(tree, steps)[last] = value
    return tree


def altered(tree: Any, path: str, value: object) -> Any:
    """Return the tree with the value at such as `vout.0.value` changed."""
    return put(tree, [int(step) if step.isdigit() else step for step in path.split(".")], value)
