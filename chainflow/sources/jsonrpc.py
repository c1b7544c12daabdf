"""JSON-RPC questions as text, and their answers: what nodes and Electrum servers speak.

A question is archived as a path: `/getblock/["00…",2]`, or `/batch/[["getblock",["00…",2]],…]` for
several calls that are sent together. From it the payload is made and the answer is read, for ever alike.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainflow.errors import BadInput, BadResponse
from chainflow.model import canonical_json
from chainflow.sources.strict import REJECTED, Field, excerpt

__all__ = ["Answer", "Call", "answers", "calls_of", "payload_of", "question"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the method and its parameters."""

    method: str
    params: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back to one call: a result, or the server's code and words of an error."""

    call: Call
    result: Field | None
    code: int | None = None
    words: str = ""


def question(*calls: tuple[str, Sequence[Any]]) -> str:
    """Return the text that stands for these calls, sent together.

    Examples
    --------
    >>> question(("getblockhash", [170]))
    '/getblockhash/[170]'
    >>> question(("getblockhash", [1]), ("getblockcount", []))
    '/batch/[["getblockhash",[1]],["getblockcount",[]]]'
    """
    if len(calls) == 1:
        method, params = calls[0]
        return f"/{method}/{canonical_json(list(params))}"
    return f"/batch/{canonical_json([[method, list(params)] for method, params in calls])}"


def calls_of(path: str) -> tuple[Call, ...]:
    """Return the calls that a question stands for.

    Raises
    ------
    BadInput
        If it is no question made by `question`.
    """
    _, method, text = (*path.split("/", 2), "", "")[:3]
    try:
        given = json.loads(text)
        pairs = given if method == "batch" else [[method, given]]
        calls = tuple(Call(str(name), list(params)) for name, params in pairs)
    except (ValueError, TypeError, RecursionError):
        calls = ()
    if not calls or question(*((call.method, call.params) for call in calls)) != path:
        raise BadInput(f"not a question: {path[:150]!r}", hint="make questions with the source's …_paths()")
    return calls


def payload_of(path: str, *, version: str = "2.0") -> bytes:
    """Return what is sent for a question: one object, or a list of them; ids count from 0."""
    calls = [
        {"jsonrpc": version, "id": number, "method": call.method, "params": list(call.params)}
        for number, call in enumerate(calls_of(path))
    ]
    return canonical_json(calls if path.startswith("/batch/") else calls[0]).encode()


def answers(path: str, body: bytes, *, what: str, deepest: int = 64) -> tuple[Answer, ...]:
    """Return what came back to each call of a question, in its order; `deepest` as in `loads_strict`.

    Raises
    ------
    BadResponse
        If the body is not a JSON-RPC answer to exactly these calls: one is missing, or two have one id.
    """
    calls = calls_of(path)
    whole = Field.parse(body, what, deepest=deepest)
    is_batch = path.startswith("/batch/")
    if is_batch and not isinstance(whole.value, list):
        # servers answer a batch they refuse with one error for all of it
        refused = _answer(calls[0], whole)
        raise BadResponse(f"{what} refuses the batch: {refused.words or excerpt(body)}", hint=REJECTED)
    entries = list(whole.items()) if is_batch else [whole]
    by_id = {entry["id"].integer(0, len(calls) - 1): entry for entry in entries}
    if len(by_id) != len(calls) or len(entries) != len(calls):
        raise BadResponse(
            f"{what} answers {len(by_id)} of {len(calls)} calls ({len(entries)} entries)", hint=REJECTED
        )
    return tuple(_answer(call, by_id[number]) for number, call in enumerate(calls))


def _answer(call: Call, entry: Field) -> Answer:
    """Return one answer: an error in the server's words, or the result, which may be null."""
    error = entry.get("error")
    if error is None:
        return Answer(call, entry["result"])
    if isinstance(error.value, str):  # ElectrumX's daemon errors
        return Answer(call, None, None, excerpt(error.value.encode(), limit=200))
    code = error.get("code")
    message = error.get("message")
    words = "" if message is None else excerpt(message.text().encode("utf-8", "replace"), limit=200)
    return Answer(call, None, None if code is None else code.integer(-(2**31), 2**31), words)
