"""What a clustering rule is: it proposes links, says where it comes from and when it is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, cast, runtime_checkable

import pyarrow as pa

from chainflow import registry
from chainflow.errors import BadInput, PluginError
from chainflow.ledger import Ledger

__all__ = [
    "GROUP",
    "About",
    "Heuristic",
    "Installed",
    "Kind",
    "about",
    "chosen",
    "described",
    "installed",
    "rule_of",
]

GROUP = "chainflow.heuristics"


class Kind(StrEnum):
    """What a link rests on: it decides the order of joining, which patterns veto it, and the lower bound."""

    EXACT = "exact"
    """Two spellings of one key or script: nothing is guessed, nothing vetoes it."""

    CO_SPEND = "co-spend"
    """Signed in one transaction; CoinJoins veto it."""

    CHANGE = "change"
    """An output taken for the sender's own; CoinJoins, PayJoin suspects and batch payouts veto it."""

    ACCOUNT = "account"
    """Behaviour of accounts: deposits, airdrops, approvals, pools, gas."""

    ASSERTED = "asserted"
    """An analyst said so."""


@dataclass(frozen=True, slots=True)
class About:
    """What there is to say of a rule; its page is `docs/rules/<name>.md`.

    Attributes
    ----------
    id : str
        Number in the literature list of `docs/rules/README.md`, such as `CH-4`.
    title : str
        The rule in one sentence.
    reading : str
        The words between two addresses in an explanation: "were spent together".
    source : str
        The paper or program it was defined in.
    wrong_when : tuple of str
        When it is known to be wrong.
    active_from : mapping of str to int
        Chain → first block at which the rule makes sense; 0 where a chain is not named.
    """

    id: str
    title: str
    kind: Kind
    reading: str
    source: str
    wrong_when: tuple[str, ...]
    active_from: Mapping[str, int] = field(default_factory=dict)


@runtime_checkable
class Heuristic(Protocol):
    """A rule that proposes links between addresses, each from one transaction.

    `links` returns a table of `schema.LINKS`: `a` and `b` are addresses (or `script:<hex>`) of the ledger,
    `rule` is the rule's name, `txid` the transaction that shows it. Links of one transaction with the same
    `a` are one statement: `a` and all its `b` share an owner. Same ledger, same table. A class attribute
    `about` (see `About`) says what kind of rule it is; without one it counts as `co-spend`.
    """

    @property
    def name(self) -> str:
        """The rule's name, unique among installed rules."""
        ...

    @property
    def version(self) -> str:
        """Raised when the rule gives other links for some ledger."""
        ...

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the caller chose, as JSON-able values; by these names its class takes them again."""
        ...

    def links(self, ledger: Ledger) -> pa.Table:
        """Return the proposed links."""
        ...


_UNKNOWN = About("", "a rule of another package", Kind.CO_SPEND, "", "not stated", ("not stated",))


def about(rule: Heuristic) -> About:
    """Return what a rule says of itself; of a plug-in that says nothing, that it is a co-spend rule."""
    found = getattr(rule, "about", None)
    return found if isinstance(found, About) else _UNKNOWN


def described(rule: Heuristic) -> dict[str, object]:
    """Return name, version and parameters of a rule: what a recipe keeps and `rule_of` reads again."""
    return {"name": rule.name, "version": rule.version, "parameters": dict(rule.parameters)}


def rule_of(recorded: Mapping[str, object]) -> Heuristic:
    """Return the rule that `described` wrote down.

    Raises
    ------
    PluginError
        If it is not installed, or does not take its parameters any more.
    """
    from chainflow.clustering.change.votes import composed

    parameters = recorded["parameters"]
    if not isinstance(parameters, Mapping):
        raise PluginError(f"not the parameters of a rule: {parameters!r}", hint="see clustering.described")
    if "op" in parameters:
        return composed(str(parameters["op"]), [rule_of(part) for part in parameters["of"]])
    return _made(str(recorded["name"]), parameters)


def _made(name: str, parameters: Mapping[str, object]) -> Heuristic:
    found = registry.load(GROUP, name)
    try:
        made = found(**parameters) if isinstance(found, type) else found
    except TypeError as error:
        raise PluginError(f"the rule {name!r} was not made: {error}", hint="see its page") from None
    if not isinstance(made, Heuristic):
        raise PluginError(f"{name!r} is not a heuristic", hint="it needs name, version, parameters, links()")
    return made


@dataclass(frozen=True, slots=True)
class Installed:
    """The rules that are installed, by name.

    Attributes
    ----------
    rules : tuple of Heuristic
        Those that work without being told anything, with their default parameters.
    untold : mapping of str to type
        The classes of those that need parameters: hot wallets, pools.
    unusable : mapping of str to str
        Those that cannot be loaded, or are no rules, and why.
    """

    rules: tuple[Heuristic, ...]
    untold: Mapping[str, type[Heuristic]]
    unusable: Mapping[str, str]


def installed(kind: Kind | None = None) -> Installed:
    """Return the installed rules, of one kind where asked.

    One that cannot be loaded stops nobody: a stranger's plug-in must not keep an analyst from a result. It is
    `unusable`, of whatever kind it may be, and who asks has to say so. Only who names it is refused.
    """
    rules: list[Heuristic] = []
    untold: dict[str, type[Heuristic]] = {}
    unusable: dict[str, str] = {}
    for name, load in registry.plugins(GROUP).items():
        try:
            found = load()
        except PluginError as error:
            unusable[name] = str(error)
            continue
        try:
            made = found() if isinstance(found, type) else found
        except (TypeError, BadInput):
            made = found
        if not isinstance(made, Heuristic):
            unusable[name] = f"{name!r} is not a heuristic"
        elif kind not in (None, about(made).kind):
            continue
        elif isinstance(made, type):
            untold[name] = cast("type[Heuristic]", made)
        else:
            rules.append(made)
    return Installed(tuple(rules), untold, unusable)


def chosen(rules: Collection[str | Heuristic]) -> tuple[Heuristic, ...]:
    """Return rules by name or as they are.

    Raises
    ------
    BadInput
        If two have one name.
    PluginError
        If one is not installed, or is no heuristic.
    """
    made: list[Heuristic] = []
    for rule in rules:
        one = _made(rule, {}) if isinstance(rule, str) else rule
        one = one() if isinstance(one, type) else one
        if not isinstance(one, Heuristic):
            raise PluginError(
                f"{rule!r} is not a heuristic", hint="it needs name, version, parameters, links()"
            )
        made.append(one)
    names = [rule.name for rule in made]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"two rules are called {twice[0]!r}", hint="a link must say which rule made it")
    return tuple(made)
