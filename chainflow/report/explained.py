"""What the report says of pairs that were asked for: why they are together or apart, how sure, what if."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainflow.clustering import Clustering, Decision, Explanation, Kind, Link
from chainflow.clustering.engine.asserted import in_force
from chainflow.errors import BadInput
from chainflow.figures import draw
from chainflow.model import digest_of
from chainflow.tags import Tags
from chainflow.units import counted

__all__ = ["Explained", "Told", "explain_command", "explained_digest", "link_rows", "told"]

_LISTED = 5
"""Transactions of one link that are listed; the case holds all."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One recorded explanation, made again.

    `step` is its log number, `of` that of the clustering it explains; `is_same` says whether it gave what
    the log recorded.
    """

    step: int
    of: int
    why: Explanation
    is_same: bool


@dataclass(frozen=True, slots=True)
class Told:
    """An explanation as the page prints it: with what survives, what if, and the picture (SVG) of its links."""

    made: Explained
    survives: str
    what_if: tuple[str, ...]
    picture: str


def explained_digest(why: Explanation) -> str:
    """Return the SHA-256 over what an explanation rests on: its links and refusals, not their wording."""
    apart = why.apart
    return digest_of(
        {
            "joined": why.joined,
            "chain": [[link.rule, link.version, link.a, link.b, *link.txids] for link in why.chain],
            "refused": [list(one) for one in apart.refused] if apart else [],
            "separations": list(apart.separations) if apart else [],
        }
    )


def told(made: Sequence[Explained]) -> Iterator[Told]:
    """Yield what to print of each explanation; the rules of a clustering are left out once for all its pairs."""
    survivals: dict[int, dict[str, str]] = {}
    for one in made:
        if one.of not in survivals:
            survivals[one.of] = _survivals(other.why for other in made if other.of == one.of)
        why = one.why
        yield Told(
            one,
            survivals[one.of].get(_name(why), ""),
            tuple(dict.fromkeys(said.sentence for said in why.what_if())) if why.chain else (),
            draw(why).svg if why.chain else "",  # of two apart the picture holds the sentence only
        )


def _survivals(pairs: Iterable[Explanation]) -> dict[str, str]:
    """Return for each pair of one clustering, by name, the omissions that it does not survive, in words."""
    found = {_name(why): why for why in pairs if why.a != why.b}
    if not found:
        return {}
    owners = next(iter(found.values())).owners
    survival = owners.survives({name: (why.a, why.b) for name, why in found.items()})
    return {name: replace(survival, found={name: said}).sentence for name, said in survival.found.items()}


def _name(why: Explanation) -> str:
    return f"{why.a} and {why.b}"


def link_rows(why: Explanation) -> Iterator[dict[str, Any]]:
    """Yield each link of the chain, in its order, in words; each error figure with population and interval."""
    for step, link in enumerate(why.chain, 1):
        more = link.support - _LISTED
        yield {
            "step": step,
            "is_weakest": link == why.weakest and len(why.chain) > 1,
            "a": link.a,
            "b": link.b,
            "rule": " ".join(filter(None, (link.rule, link.version))),
            "kind": str(link.kind),
            "txids": link.txids[:_LISTED],
            "more": f"and {counted(more, 'more transaction')}" if more > 0 else "",
            "where": _where(link),
            "speaks_for": link.speaks_for,
            "speaks_against": link.speaks_against,
            "veto": link.veto,
            "errors": _errors(link),
        }


def _where(link: Link) -> str:
    """Return the block and the inputs of the first transaction of a link, in words."""
    if not link.txids:
        return ""
    inputs = "" if link.kind is Kind.ACCOUNT else f", {counted(link.inputs, 'input')}"
    first = "the first: " if link.support > 1 else ""
    return f"{first}{'unconfirmed' if link.height is None else f'block {link.block}'}{inputs}"


def _errors(link: Link) -> tuple[str, ...]:
    """Return the error figures of a link in words, one by one."""
    if link.kind is Kind.ASSERTED:
        return ("none: a person asserts it",)
    return tuple(figure.text for figure in link.figures) or (link.error,)


def explain_command(made: Explained, case: str, tags: Tags, decisions: Sequence[Decision]) -> str:
    """Return the shell command that explains the pair again, or a remark where there is none.

    Parameters
    ----------
    case : str
        The case file's name, quoted for a shell.
    tags, decisions
        Those that the case holds today: the shell uses them.
    """
    given = made.why.owners.recipe.parameters
    rules, veto = given["rules"], given["veto"]
    is_plain = not given["apart"] and not any("op" in rule["parameters"] for rule in rules)
    is_plain &= isinstance(veto, Mapping) or not veto
    is_plain &= given["tags"] in (None, tags.digest) and _are_in_force(made.why.owners, decisions)
    if not is_plain:
        return (
            f"# step {made.step}: its clustering was declared in Python or rests on earlier decisions or tags"
        )
    words = ["--read-only", "--explain", made.why.a, made.why.b]
    for rule in rules:
        chosen = f" {json.dumps(rule['parameters'], sort_keys=True)}" if rule["parameters"] else ""
        words += ["--rule", rule["name"] + chosen]
    words += ["--no-veto"] if not veto else []
    words += ["--no-tags"] if given["tags"] is None and len(tags) else []
    words += ["--known-payments"] if given["known_payments"] else []
    words += ["--min-confidence", str(given["min_confidence"])] if given["min_confidence"] != 50 else []
    words += ["--quarantine", str(given["quarantine"] or 0)] if given["quarantine"] != 100 else []
    return f"chainflow cluster {case} {shlex.join(words)}"


def _are_in_force(owners: Clustering, decisions: Sequence[Decision]) -> bool:
    """Return whether a clustering kept to exactly these decisions."""
    try:
        return in_force(owners.places, decisions) == owners.decisions
    except BadInput:  # one is about an address that is not in evidence any more
        return False
