"""Random ledgers for tests: merges, splits, fees, change to oneself, and every state of not knowing."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from chainflow.ledger import Ledger
from chainflow.model import Outpoint, SpendRecord
from tests.made import ledger, origin, tx

CHAIN = "btc-regtest"
OWNERS = ("ann", "ben", "cat", "dan", "eve")

STATES = st.sampled_from(("unspent", "unknown", "elsewhere"))


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Return a ledger of up to eight transactions that spend each other's outputs, and others'."""
    facts, pool = [], []
    for number in range(draw(st.integers(1, 8))):
        chosen = draw(st.lists(st.sampled_from(pool), max_size=4, unique=True)) if pool else []
        pool = [coin for coin in pool if coin not in chosen]
        for place in range(draw(st.integers(0 if chosen else 1, 2))):
            coin = origin(
                draw(st.integers(1, 30)), draw(st.sampled_from(OWNERS)), number=100 * number + place + 1
            )
            chosen.insert(draw(st.integers(0, len(chosen))), coin)
        pays = draw(payments(sum(value for _, _, value, _ in chosen)))
        made = tx(chosen, pays, height=100 + number // 2)
        if draw(st.integers(0, 9)) == 0:
            made = replace(made, inputs=(replace(made.inputs[0], prevout=None), *made.inputs[1:]))
        facts.append(made)
        pool += [(made.txid, vout, value, owner) for vout, (value, owner) in enumerate(pays)]
    for txid, vout, _, _ in pool:
        state = draw(STATES)
        if state != "unknown":
            spender = (None, None) if state == "unspent" else ("f" * 64, 0)
            facts.append(SpendRecord(CHAIN, Outpoint(txid, vout), *spender))
    return ledger(*facts)


@st.composite
def payments(draw: st.DrawFn, total: int) -> list[tuple[int, str]]:
    """Return outputs of a transaction whose inputs hold `total`; the rest is its fee."""
    cuts = sorted(draw(st.lists(st.integers(0, total), min_size=1, max_size=4)))
    return [(high - low, draw(st.sampled_from(OWNERS))) for low, high in zip([0, *cuts], cuts, strict=False)]


@st.composite
def ledgers_with_seeds(draw: st.DrawFn, *, most: int = 3) -> tuple[Ledger, list[str]]:
    """Return a ledger and up to `most` outpoints in it."""
    made = draw(ledgers())
    rows = draw(st.lists(st.integers(0, made.index.n_outputs - 1), min_size=1, max_size=most, unique=True))
    return made, [f"{made.index.outpoint_txids[row]}:{made.index.vout[row]}" for row in rows]
