"""Sample cases: a published one recorded from the chain, made-up and played ones with a known truth.

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
from chainflow.samples.accounts import AccountCase
from chainflow.samples.day import CoinJoinDay, coinjoin_day
from chainflow.samples.ferry import account_case
from chainflow.samples.lantern import training_case
from chainflow.samples.lessons import Grade, Lesson, peel_chain
from chainflow.samples.owners import Truth
from chainflow.samples.wallets import Simulation, simulated_wallets
from chainflow.tags import Tags

__all__ = [
    "NAMES",
    "AccountCase",
    "CoinJoinDay",
    "Grade",
    "Lesson",
    "Simulation",
    "Truth",
    "account_case",
    "coinjoin_day",
    "facts",
    "load",
    "path",
    "peel_chain",
    "simulated_wallets",
    "tags",
    "training_case",
    "truth",
]

NAMES = ("colonial", "training", "regtest")
"""The cases that come as files: public record, `training_case()`, and twelve wallets of a real node."""

_TRUTHS = {"regtest": "owners.csv", "training": "truth.csv"}
_POPULATIONS = {
    "regtest": "regtest run of litecoind, 12 wallets",
    "training": "made-up training case Op Lantern, 12 owners",
}


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


def truth(name: str) -> Truth:
    """Return whose each address of a sample case is, where that is known.

    Raises
    ------
    BadInput
        If there is no such case, or nobody knows whose its addresses are.

    Examples
    --------
    >>> len(set(truth("regtest").owners.values()))
    12
    """
    folder = path(name)
    if name not in _TRUTHS:
        known = ", ".join(_TRUTHS)
        raise BadInput(f"nobody knows whose the addresses of {name!r} are", hint=f"known: {known}")
    newest = load(name).txs["time"].to_pylist()[-1]
    return Truth.read(folder / _TRUTHS[name], population=_POPULATIONS[name], date=newest.date().isoformat())


def facts(name: str) -> dict[str, Any]:
    """Return the published figures of a recorded case, to compare results with; amounts in base units.

    Raises
    ------
    BadInput
        If there is no such case, or it is no published one: then see `truth`, or `training_case().answers`.

    Examples
    --------
    >>> facts("colonial")["ransom"]["value_sat"]
    7500030000
    """
    place = path(name) / "facts.json"
    if not place.is_file():
        raise BadInput(
            f"nothing was published about {name!r}", hint="it is no published case: see samples.truth"
        )
    return dict(json.loads(place.read_text(encoding="utf-8")))
