"""Policies by name, ours and those of plug-ins, with parameters in brackets: `seniority["Al","Bo"]`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple, cast

from chainflow import registry
from chainflow.errors import BadInput
from chainflow.tracing.policies.policy import AccountPolicy, Policy

__all__ = ["account_policy_named", "declared_name", "policy_named"]


class _Kind(NamedTuple):
    """One of the two kinds of policies: its entry-point group, what it is for, what each one can do."""

    group: str
    about: str
    verb: str


_OUTPUTS = _Kind("chainflow.policies", "the outputs of transactions", "spend")
_ACCOUNTS = _Kind("chainflow.account_policies", "the receipts of accounts", "open")


def policy_named(policy: str | Policy) -> Policy:
    """Return the policy of UTXO chains that a name stands for; an object is returned as it is.

    Raises
    ------
    BadInput
        If no installed policy has that name (the hint lists them) or it does not take its parameters.

    Examples
    --------
    >>> policy_named('seniority["Al","Bo"]').name
    'seniority["Al","Bo"]'
    """
    return cast(Policy, _named(policy, _OUTPUTS, other=_ACCOUNTS))


def account_policy_named(policy: str | AccountPolicy) -> AccountPolicy:
    """Return the policy of accounts that a name stands for; an object is returned as it is.

    Raises
    ------
    BadInput
        If no installed policy has that name (the hint lists them) or it does not take its parameters.

    Examples
    --------
    >>> account_policy_named("libr").name
    'libr'
    """
    return cast(AccountPolicy, _named(policy, _ACCOUNTS, other=_OUTPUTS))


def declared_name(policy: str | Policy | AccountPolicy) -> str:
    """Return the name under which a policy is declared, for outputs or for accounts.

    Raises
    ------
    BadInput
        If no installed policy of either kind has that name.

    Examples
    --------
    >>> declared_name("libr"), declared_name("tiho")
    ('libr', 'tiho')
    """
    if not isinstance(policy, str):
        return policy.name
    for kind, other in ((_OUTPUTS, _ACCOUNTS), (_ACCOUNTS, _OUTPUTS)):
        if policy.partition("[")[0] in registry.plugins(kind.group):
            return cast(Policy, _named(policy, kind, other=other)).name
    known = sorted({*registry.plugins(_OUTPUTS.group), *registry.plugins(_ACCOUNTS.group)})
    raise BadInput(f"no policy {policy!r}", hint=f"known are {', '.join(known)}")


def _named(policy: object, kind: _Kind, *, other: _Kind) -> object:
    known = registry.plugins(kind.group)
    hint = f"known are {', '.join(known)}"
    if not isinstance(policy, str):
        if isinstance(policy, type) or not hasattr(policy, kind.verb):
            raise BadInput(f"not a policy for {kind.about}: {policy!r}", hint=hint)
        return policy
    name, bracket, parameters = policy.partition("[")
    if name in known:
        return _made(known[name](), policy, _list(policy, parameters) if bracket else None)
    if name in registry.plugins(other.group):
        raise BadInput(f"the policy {name!r} is for {other.about}, not for {kind.about}", hint=hint)
    raise BadInput(f"no policy {policy!r}", hint=hint)


def _list(policy: str, parameters: str) -> list[object]:
    """Read the JSON list of a policy's parameters, of which `parameters` has lost the first bracket."""
    try:
        return cast(list[object], json.loads(f"[{parameters}"))
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"cannot read the parameters of the policy {policy!r}",
            hint='a list in brackets, texts in double quotes: seniority["Al","Bo"]',
        ) from error


def _made(rule: object, policy: str, parameters: list[object] | None) -> object:
    make = cast(Callable[..., object], rule)
    try:
        return make() if parameters is None else make(parameters)
    except TypeError as error:
        raise BadInput(
            f"the policy {policy!r} does not take these parameters", hint="leave the brackets out"
        ) from error
