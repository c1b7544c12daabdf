"""Sample cases: a published one recorded from the chain, made-up ones with a known truth.

>>> from chainflow import samples
>>> samples.load("training").chain
'btc-regtest'
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chainflow.errors import BadInput
from chainflow.ledger import Ledger
from chainflow.samples.lantern import training_case
from chainflow.samples.lessons import Grade, Lesson, peel_chain
from chainflow.tags import Tags

__all__ = ["NAMES", "Grade", "Lesson", "facts", "load", "path", "peel_chain", "tags", "training_case"]

NAMES = ("colonial", "training")
"""The cases that come as files: the first is public record, the second is `training_case()`."""


def path(name: str) -> Path:
    """Return the folder of a sample case.

    Raises
    ------
    BadInput
        If there is no such case, or this installation came without its files.
    """
    if name not in NAMES:
        raise BadInput(f"no sample case {name!r}", hint=f"one of {', '.join(NAMES)}")
    here = Path(__file__).resolve().parent
    # an installed wheel has the files beside this one, a checkout has them at its top
    for folder in (here / "cases" / name, here.parents[1] / "sample_data" / name):
        if (folder / "ledger.json").is_file():
            return folder
    raise BadInput(
        f"the files of {name!r} are not installed", hint="install chainflow again, or use a checkout"
    )


def load(name: str) -> Ledger:
    """Return the ledger of a sample case; every transaction is hashed again.

    Raises
    ------
    BadInput
        If there is no such case.
    LedgerFileRejected
        If its file was changed.
    """
    return Ledger.read(path(name))


def tags(name: str) -> Tags:
    """Return the tags of a sample case: who asserts what about its addresses.

    Raises
    ------
    BadInput
        If there is no such case.
    """
    return Tags.read(path(name) / "tags.yaml", strict=True)


def facts(name: str) -> dict[str, Any]:
    """Return the published figures of a recorded case, to compare results with; amounts in base units.

    Raises
    ------
    BadInput
        If there is no such case, or it is made up: then see `training_case().answers`.

    Examples
    --------
    >>> facts("colonial")["ransom"]["value_sat"]
    7500030000
    """
    place = path(name) / "facts.json"
    if not place.is_file():
        raise BadInput(f"nothing was published about {name!r}", hint="see samples.training_case().answers")
    return dict(json.loads(place.read_text(encoding="utf-8")))
