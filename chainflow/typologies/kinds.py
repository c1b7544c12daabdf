"""The patterns by name: what each is called, what finds it, and which parameters it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from chainflow.typologies.amounts import structured
from chainflow.typologies.episodes import gather_scatters, pass_throughs
from chainflow.typologies.fans import consolidations, fans_in, fans_out
from chainflow.typologies.hits import Hit
from chainflow.typologies.layers import bipartites, stacks
from chainflow.typologies.peels import peel_chains
from chainflow.typologies.relays import cycles, scatter_gathers
from chainflow.typologies.search import Search
from chainflow.typologies.services import address_poisonings, deposit_sweeps
from chainflow.typologies.waking import dormant

__all__ = ["KINDS", "PATTERNS", "Pattern"]


class Pattern(NamedTuple):
    """One pattern.

    Attributes
    ----------
    id : str
        Its number in `docs/typologies/README.md`.
    title : str
        In one sentence.
    search : callable
    parameters : tuple of str
        The names of `Parameters` that it reads.
    needs : str
        The parameter without which it is not looked for; "" where it needs none.
    """

    id: str
    title: str
    search: Callable[[Search], Iterator[Hit]]
    parameters: tuple[str, ...]
    needs: str = ""


_WINDOW = ("hours", "loss_percent")

PATTERNS = {
    "peel-chain": Pattern(
        "P-1",
        "A large coin goes on and on, and each time a small amount is split off",
        peel_chains,
        ("peel_ratio", "peel_hops"),
    ),
    "fan-out": Pattern("P-2", "One party pays many others within a window", fans_out, ("degree", "hours")),
    "fan-in": Pattern(
        "P-3", "One party is paid by many others within a window", fans_in, ("degree", "hours")
    ),
    "scatter-gather": Pattern(
        "P-4",
        "One party pays several others, who all pay one party what they got",
        scatter_gathers,
        ("via", *_WINDOW, "most"),
    ),
    "gather-scatter": Pattern(
        "P-5",
        "One party is paid by several others and then pays all of it to several others",
        gather_scatters,
        ("via", *_WINDOW),
    ),
    "cycle": Pattern(
        "P-6",
        "Value comes back to its payer through others",
        cycles,
        ("cycle_length", *_WINDOW, "most"),
    ),
    "bipartite": Pattern(
        "P-7",
        "Several parties each pay the same several others within a window",
        bipartites,
        ("side", "hours", "most"),
    ),
    "stack": Pattern(
        "P-8", "Bipartite groups follow one another in layers", stacks, ("side", "layers", "hours", "most")
    ),
    "pass-through": Pattern(
        "P-10",
        "What several payments bring in goes out again within a window, and nothing is left",
        pass_throughs,
        ("receipts", *_WINDOW),
    ),
    "structuring": Pattern(
        "P-11",
        "Several amounts within a window stay just under a threshold",
        structured,
        ("threshold", "asset", "prices", "currency", "times", "under_percent", "hours"),
        "threshold",
    ),
    "consolidation": Pattern("CJ-12", "Many coins are put together into one", consolidations, ()),
    "deposit-sweep": Pattern(
        "E-1", "Deposit addresses are emptied into an exchange", deposit_sweeps, ("exchanges",), "exchanges"
    ),
    "address-poisoning": Pattern(
        "E-12", "A look-alike of a known address appears in a history", address_poisonings, ()
    ),
    "dormant": Pattern(
        "F-1", "What lay still for long moves again", dormant, ("dormant_days", "dormant_blocks")
    ),
}
"""Every pattern by its name, in the order of the documentation. P-9, the random walk, has no detector: any chain
of payments is one."""

KINDS = tuple(PATTERNS)
"""The names of all patterns."""
