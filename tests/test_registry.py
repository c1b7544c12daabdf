"""Plug-ins are found by entry point, in packages that are really on the path."""

from __future__ import annotations

import pathlib

import pytest

from chainflow.errors import PluginError
from chainflow.registry import load, plugins
from chainflow.sources.esplora import Esplora


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that puts a small package with one entry point on the path."""

    def put(
        package: str, point: str, *, group: str = "chainflow.tests", code: str = "class Thing: pass"
    ) -> None:
        folder: pathlib.Path = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[{group}]\n{point} = {package}_module:Thing\n")
        (tmp_path / f"{package}_module.py").write_text(code)

    monkeypatch.syspath_prepend(tmp_path)
    return put


def test_our_own_source_is_a_plug_in_like_any():
    assert load("chainflow.sources", "esplora") is Esplora


def test_a_strangers_plug_in_is_found_and_imported_when_asked(install):
    install("strange", "thing")
    assert list(plugins("chainflow.tests")) == ["thing"]
    assert type(load("chainflow.tests", "thing")).__name__ == "type"


def test_two_packages_with_one_name_are_an_error_that_names_both(install):
    install("first", "thing")
    install("second", "thing")
    with pytest.raises(PluginError, match="first and second both offer 'thing'"):
        plugins("chainflow.tests")


def test_a_stranger_cannot_take_our_name(install):
    install("impostor", "esplora", group="chainflow.sources")
    with pytest.raises(PluginError, match="chainflow and impostor both offer 'esplora'"):
        load("chainflow.sources", "esplora")


def test_a_missing_plug_in_lists_those_there_are(install):
    install("strange", "thing")
    with pytest.raises(PluginError, match="no plug-in 'other'") as caught:
        load("chainflow.tests", "other")
    assert caught.value.hint == "there are: thing"
    with pytest.raises(PluginError, match="none"):
        load("chainflow.nothing", "other")


@pytest.mark.parametrize("code", ["import nowhere_to_be_found", "1 / 0", "Thong = 1", "def ("])
def test_a_broken_plug_in_is_an_error_that_names_its_package(install, code):
    install(f"broken{abs(hash(code))}", "thing", code=code)
    with pytest.raises(PluginError, match=r"of broken.* cannot be imported"):
        load("chainflow.tests", "thing")
