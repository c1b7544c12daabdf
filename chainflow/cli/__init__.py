"""The shell command: the same verbs as in Python, for people who do not write it."""

from __future__ import annotations

import io
import sys

import click

from chainflow.cli import (
    amounts,
    analysis,
    claims,
    evidence,
    files,
    measures,
    owners,
    screening,
    tracing,
    typologies,
    ways,
)
from chainflow.cli.group import commands
from chainflow.console import err, print_text
from chainflow.errors import ChainflowError

__all__ = [
    "amounts",
    "analysis",
    "claims",
    "commands",
    "evidence",
    "files",
    "main",
    "measures",
    "owners",
    "screening",
    "tracing",
    "typologies",
    "ways",
]


def main() -> None:
    """Run the command; a deliberate error is three lines and exit code 1, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # Windows' old code pages have no arrow and no ≥
            stream.reconfigure(errors="backslashreplace")
    try:
        commands(standalone_mode=False)
    except ChainflowError as error:
        _fail(type(error).__name__, str(error))
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _fail(
            "File error", f"{error.strerror or error}{where}\n→ check the path, its rights and the free space"
        )
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print_text(
            "Stopped. What a case has acknowledged is saved; a fetch goes on when it is run again.", to=err
        )
        sys.exit(130)


def _fail(name: str, text: str) -> None:
    err.print(f"[bold red]{name}[/]", highlight=False)
    print_text(text, to=err)
    sys.exit(1)
