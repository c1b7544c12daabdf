"""The shape of one transaction: the amounts and scripts that pattern rules look at, counted once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from chainflow.model import OutputRecord
from chainflow.scripts import script_type

__all__ = ["DUST_SAT", "Shape"]

DUST_SAT = 2_730
"""Equal outputs up to this belong to tokens and dust, not to a CoinJoin (CJ-1, CJ-8)."""

_OP_RETURN = "6a"


@dataclass(frozen=True)  # no slots: `cached_property` keeps its value in the instance's dict
class Shape:
    """What the rules look at: the amounts and scripts of one transaction that is no coinbase.

    Parameters
    ----------
    inputs : tuple of OutputRecord or None
        The spent outputs in input order; `None` where one is not in evidence.
    outputs : tuple of OutputRecord
        In output order, unspendable ones (OP_RETURN) included.
    height : int, optional
        `None` while unconfirmed: then no activation height is checked.
    """

    inputs: tuple[OutputRecord | None, ...]
    outputs: tuple[OutputRecord, ...]
    height: int | None = None
    chain: str = "btc"
    txid: str = ""

    @cached_property
    def spendable(self) -> tuple[OutputRecord, ...]:
        """The outputs that are not OP_RETURN."""
        return tuple(output for output in self.outputs if not output.script.startswith(_OP_RETURN))

    @cached_property
    def known(self) -> tuple[OutputRecord, ...]:
        """The inputs in evidence."""
        return tuple(entry for entry in self.inputs if entry is not None)

    @property
    def unknown(self) -> int:
        """How many inputs are not in evidence."""
        return len(self.inputs) - len(self.known)

    @cached_property
    def payers(self) -> int:
        """Distinct input scripts; an input not in evidence counts as one, for it may be."""
        return len({entry.script for entry in self.known}) + self.unknown

    @cached_property
    def scripts_paid(self) -> dict[int, int]:
        """Value above dust → how many distinct scripts are paid exactly that."""
        pairs = {
            (output.value_sat, output.script) for output in self.spendable if output.value_sat > DUST_SAT
        }
        return dict(sorted(Counter(value for value, _ in pairs).items()))

    @cached_property
    def repeated(self) -> dict[int, int]:
        """The part of `scripts_paid` that is paid to two or more."""
        return {value: count for value, count in self.scripts_paid.items() if count >= 2}

    @cached_property
    def denomination(self) -> tuple[int, int]:
        """The value paid to most scripts (the larger of two) and to how many; (0, 0) without one."""
        count, value = max(((count, value) for value, count in self.scripts_paid.items()), default=(0, 0))
        return value, count

    @cached_property
    def mixed(self) -> int:
        """How many scripts are paid a value that others are paid too."""
        return sum(self.repeated.values())

    @cached_property
    def amounts(self) -> Counter[int]:
        """Value → how many spendable outputs are exactly that, dust and repeated scripts included."""
        return Counter(output.value_sat for output in self.spendable)

    @cached_property
    def pays_each_once(self) -> bool:
        """Whether no spendable output repeats a script."""
        return len({output.script for output in self.spendable}) == len(self.spendable)

    @cached_property
    def most_of_one_script(self) -> int:
        """How many inputs the script brings that brings most."""
        return max(Counter(entry.script for entry in self.known).values(), default=0)

    @cached_property
    def spreads_inputs(self) -> bool:
        """Whether no script brings more than a tenth of the inputs."""
        return 10 * self.most_of_one_script <= len(self.inputs)

    @cached_property
    def pays_itself(self) -> bool:
        """Whether a script that is spent from is paid again."""
        return not {entry.script for entry in self.known}.isdisjoint(o.script for o in self.spendable)

    @cached_property
    def types_spent(self) -> frozenset[str]:
        """The script types of the inputs in evidence."""
        return frozenset(script_type(bytes.fromhex(entry.script)) for entry in self.known)

    @cached_property
    def is_native(self) -> bool:
        """Whether all outputs, and all inputs in evidence, are P2WPKH."""
        records = (*self.known, *self.outputs)
        return all(len(record.script) == 44 and record.script.startswith("0014") for record in records)

    @cached_property
    def fee_sat(self) -> int | None:
        """Inputs minus outputs; `None` where an input is not in evidence."""
        if self.unknown:
            return None
        return sum(e.value_sat for e in self.known) - sum(o.value_sat for o in self.outputs)

    @cached_property
    def reuses_a_script(self) -> bool:
        """Whether one script is more than 34 % of all inputs and outputs."""
        used = Counter(record.script for record in (*self.known, *self.outputs))
        return 100 * max(used.values(), default=0) > 34 * (len(self.inputs) + len(self.outputs))

    @cached_property
    def repays_the_largest_payer(self) -> bool:
        """Whether one equal output and one other cover what any input script brought; True if untestable.

        Whoever brings the largest coin to an equal-output CoinJoin takes out one equal output and at most
        one change. The slack is the fee, 5 % of the equal value and 1,000 sat per participant, since a
        taker pays the makers.
        """
        fee = self.fee_sat
        if fee is None:
            return True
        value, count = self.denomination
        brought: Counter[str] = Counter()
        for entry in self.known:
            brought[entry.script] += entry.value_sat
        change = max((output.value_sat for output in self.spendable if output.value_sat != value), default=0)
        return max(brought.values(), default=0) <= value + change + fee + value // 20 + 1_000 * count
