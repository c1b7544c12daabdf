"""The command run in this process, as the shell would: many of them take a moment instead of a minute."""

from __future__ import annotations

import sys

import pytest

from chainflow.cli import main


def run_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0
) -> str:
    """Run `chainflow` with arguments, check how it ends, and return all that it said."""
    monkeypatch.setattr(sys, "argv", ["chainflow", *map(str, arguments)])
    found = 0
    try:
        main()
    except SystemExit as done:
        found = done.code
    said = capsys.readouterr()
    assert found == code, said
    assert "Traceback" not in said.err
    return said.out + said.err
