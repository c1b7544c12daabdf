"""What an analyst decided of two addresses: same owner, different owners, or unsure; with who, when, why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self

from chainflow.errors import BadInput

__all__ = ["DECISION", "VERDICTS", "Decision"]

DECISION = "decision"
"""The rule that links of decisions carry."""
VERDICTS = ("same", "different", "unsure")


@dataclass(frozen=True, slots=True, order=True)
class Decision:
    """A judgement: asserted by a person, never inferred. The later one on a pair holds.

    Parameters
    ----------
    verdict : str
        One of `VERDICTS`; `unsure` takes an earlier one back.
    a, b : str
        Addresses as the ledger names them.
    because : str
        Why; a court asks.
    who : str
        Who decided; "" where it is not stated.
    when : str
        UTC time, ISO 8601; "" where it is not stated.

    Raises
    ------
    BadInput
        For another verdict, one address twice, no reason, or a time without UTC offset.
    """

    verdict: str
    a: str
    b: str
    because: str
    who: str = ""
    when: str = ""

    def __post_init__(self) -> None:
        for text in (self.verdict, self.a, self.b, self.because, self.who, self.when):
            if not isinstance(text, str) or not _is_text(text):
                raise BadInput(f"not text: {text!r}", hint="every field of a decision is text")
        if self.verdict not in VERDICTS:
            raise BadInput(f"not a verdict: {self.verdict!r}", hint=f"one of {', '.join(VERDICTS)}")
        if self.a == self.b:
            raise BadInput(f"a decision about {self.a} and itself", hint="name two addresses")
        if not self.because.strip():
            raise BadInput("a decision without a reason", hint="say why, as you would to a court")
        if self.when and not _is_moment(self.when):
            raise BadInput(
                f"not a time with its UTC offset: {self.when!r}", hint="write 2026-05-04T12:00:00+00:00"
            )

    @property
    def pair(self) -> tuple[str, str]:
        """The two addresses, sorted."""
        return (self.a, self.b) if self.a < self.b else (self.b, self.a)

    def as_dict(self) -> dict[str, str]:
        """Return the fields, as the case log keeps them."""
        return asdict(self)

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Self:
        """Return the decision that `as_dict` wrote."""
        return cls(**{name: str(fields.get(name, "")) for name in cls.__slots__})


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_text(text: str) -> bool:
    """Return whether a text can be written down: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
