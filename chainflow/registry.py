"""Plug-ins by entry point: ours and anyone's are found the same way, and a name belongs to one package."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from chainflow.errors import PluginError

__all__ = ["load", "plugins"]


def plugins(group: str) -> dict[str, Callable[[], object]]:
    """Return what is installed in an entry-point group: name → a call that imports it, sorted by name.

    Raises
    ------
    PluginError
        If two packages offer one name: which of them runs must not depend on the machine.

    Examples
    --------
    >>> "esplora" in plugins("chainflow.sources")
    True
    """
    return {name: _loader(point) for name, point in sorted(_offered(group, tuple(sys.path)).items())}


@functools.cache
def _offered(group: str, search_path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Return the entry points of a group; the disk is searched once for each state of `sys.path`."""
    offered: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        if point.name in offered:
            packages = " and ".join(sorted({_package(offered[point.name]), _package(point)}))
            raise PluginError(
                f"{packages} both offer {point.name!r} in {group}",
                hint="uninstall one, or ask its author to rename it",
            )
        offered[point.name] = point
    return offered


def load(group: str, name: str) -> object:
    """Return the plug-in `name` of a group, imported.

    Raises
    ------
    PluginError
        If there is none (the hint lists those there are), or its import fails.
    """
    known = plugins(group)
    if name not in known:
        listed = ", ".join(known) or "none; is chainflow installed (pip install -e .)?"
        raise PluginError(f"no plug-in {name!r} in {group}", hint=f"there are: {listed}")
    return known[name]()


def _loader(point: EntryPoint) -> Callable[[], object]:
    """Return the call that imports one plug-in."""

    def import_it() -> object:
        try:
            return point.load()
        except Exception as error:  # a stranger's module can fail in any way
            why = f"{type(error).__name__}: {error}"
            raise PluginError(
                f"the plug-in {point.name!r} of {_package(point)} cannot be imported: {why}",
                hint="update or uninstall that package",
            ) from error

    return import_it


def _package(point: EntryPoint) -> str:
    """Return the distribution that offers an entry point."""
    return "an unknown package" if point.dist is None else point.dist.name
