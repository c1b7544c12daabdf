"""What a policy is: on UTXO chains one transaction at a time, on account chains one account's book."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chainflow.tracing.policies.coins import Coin

__all__ = ["AccountPolicy", "Book", "Policy"]


class Policy(Protocol):
    """A rule that says which part of an output comes from which input.

    Register one under the entry-point group `chainflow.policies`. It has no state: the same coins give
    the same answer, whatever was traced before.
    """

    @property
    def name(self) -> str:
        """What it is called, with every parameter that changes its answers: `policy_named` reads it again."""

    @property
    def conserves(self) -> bool:
        """Whether the taint that leaves a transaction always equals the taint that enters it."""

    def spend(self, inputs: Sequence[Coin], values: Sequence[int]) -> list[Coin]:
        """Return one coin for each of `values`, in that order, tainted by `inputs`.

        Both sides have one sum. Forward, `inputs` are in input order and `values` are the outputs and,
        last, the fee; backward, `inputs` are the outputs and the fee, `values` those of the inputs and,
        last, a 0 where the fee would be: rules that go by size (TIHO, TILO) fill the last value last.
        Where the policy conserves, it conserves each label by itself.
        """


class Book(Protocol):
    """What one account holds of one asset, while its transfers are entered in the chain's order.

    `balance` is what it holds; `claimed` what each label claims of it, labels of nothing left out; `lost`
    what each label lost to payments that the rule does not follow (only lowest intermediate balance loses).
    Under a rule that conserves, label by label: received = paid + claimed + lost.
    """

    @property
    def balance(self) -> int:
        """Base units that the account holds."""

    @property
    def claimed(self) -> dict[int, int]:
        """Label → tainted base units that it holds."""

    @property
    def lost(self) -> dict[int, int]:
        """Label → tainted base units that left and that the rule follows no further."""

    def receive(self, coin: Coin) -> None:
        """Enter what is paid in."""

    def pay(self, value: int) -> Coin:
        """Enter what is paid out, at most `balance`, and return it with what is tainted of it."""


class AccountPolicy(Protocol):
    """A rule that says which part of a payment comes from which receipt of the same account and asset.

    Register one under the entry-point group `chainflow.account_policies`.
    """

    @property
    def name(self) -> str:
        """What it is called; includes every parameter that changes its answers."""

    @property
    def conserves(self) -> bool:
        """Whether taint neither appears nor vanishes in a book."""

    def open(self) -> Book:
        """Return an empty book."""
