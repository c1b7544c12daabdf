"""The kernel for account policies: all transfers of one asset in the chain's order, all accounts at once.

Per account it keeps a balance and what of it is tainted; FIFO and LIFO also a line of lots, linked both ways
in arrays, whose places are used again. Labels are not kept: under every rule here the sums do without.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainflow.tracing.whole_chain.machine import compiled, inlined

__all__ = ["RULES", "move"]

FIFO, LIFO, HAIRCUT, POISON, DIRTY, CLEAN, LOWEST = range(7)
RULES = {
    "fifo": FIFO,
    "lifo": LIFO,
    "haircut": HAIRCUT,
    "poison": POISON,
    "dirty-first": DIRTY,
    "clean-first": CLEAN,
    "libr": LOWEST,
}
_EXACT = 2**52
_END = -1
_LARGEST = 2**63 - 1


@inlined
def _portion(tainted: Any, value: Any, whole: Any) -> Any:
    """Return floor(tainted · value / whole); neither factor is above `whole`, which is not 0.

    Below 2⁵² as in `shares`; above, bit by bit: the quotient doubles with each bit of `value` while the
    rest, always below `whole` < 2⁶³, is doubled in 64 bits without a sign.
    """
    if whole < _EXACT:
        found = np.int64(np.float64(tainted) / np.float64(whole) * np.float64(value))
        rest = tainted * value - found * whole
        return found + np.int64(rest >= whole) - np.int64(rest < 0)
    quotient, over, limit, one = np.int64(0), np.uint64(0), np.uint64(whole), np.uint64(tainted)
    for bit in range(62, -1, -1):
        quotient, over = quotient << 1, over << np.uint64(1)
        if over >= limit:
            over -= limit
            quotient += 1
        if (value >> bit) & 1:
            over += one
            if over >= limit:
                over -= limit
                quotient += 1
    return quotient


@inlined
def _append(account: Any, length: Any, mark: Any, lots: Any, ends: Any, free: Any) -> None:
    """Put base units at the end of an account's line; neighbours of one kind become one lot."""
    last = ends[account, 1]
    if last != _END and lots[last, 1] == mark:
        lots[last, 0] += length
        return
    lot = free[free[0]]
    free[0] -= 1
    lots[lot, 0], lots[lot, 1], lots[lot, 2], lots[lot, 3] = length, mark, last, _END
    if last == _END:
        ends[account, 0] = lot
    else:
        lots[last, 3] = lot
    ends[account, 1] = lot


@inlined
def _take(account: Any, value: Any, newest: Any, lots: Any, ends: Any, free: Any) -> Any:
    """Remove up to `value` base units of one kind from an end of a line; return how many, and the kind."""
    side = np.int64(1) if newest else np.int64(0)
    lot = ends[account, side]
    mark, length = lots[lot, 1], min(value, lots[lot, 0])
    lots[lot, 0] -= length
    if lots[lot, 0] == 0:
        following = lots[lot, 3 - side]
        ends[account, side] = following
        if following == _END:
            ends[account, 1 - side] = _END
        else:
            lots[following, 2 + side] = _END
        free[0] += 1
        free[free[0]] = lot
    return length, mark


@inlined
def _share(rule: int, value: Any, balance: Any, tainted: Any) -> Any:
    """Return what of a payment is tainted, under a rule that needs only sums."""
    if rule == HAIRCUT:
        return _portion(tainted, value, balance) if value > 0 else np.int64(0)
    if rule == POISON:
        return value if tainted > 0 else np.int64(0)
    if rule == DIRTY:
        return min(value, tainted)
    if rule == CLEAN:
        return max(np.int64(0), value - (balance - tainted))
    return np.int64(0)


@compiled
def move(
    rule: int,
    senders: Any,
    recipients: Any,
    amounts: Any,
    is_seed: Any,
    balances: Any,
    tainted: Any,
    lost: Any,
    lots: Any,
    ends: Any,
    free: Any,
    parts: Any,
    claimed: Any,
) -> Any:
    """Enter all transfers; return −1, or the first that cannot be, or −2 − it if a balance is beyond int64.

    Parameters
    ----------
    rule : int
        Of `RULES`.
    senders, recipients : int64[n_transfers]
        Account numbers; −1 is outside: issued, mined, burnt.
    amounts, is_seed : int64[n_transfers], bool[n_transfers]
        Base units, and whether all of them are claimed when they arrive.
    balances, tainted, lost : int64[n_accounts]
        Changed in place; under poison `tainted` only says by not being 0 that all is.
    lots, ends, free : int64[n_transfers + n_accounts + 2, 4], int64[n_accounts + 1, 2], int64[len(lots) + 1]
        For FIFO and LIFO: length, kind, the lots before and after; first and last of each account; a stack
        of unused places, its top in `free[0]`.
    parts : int64[n_transfers]
        Filled with what of each transfer is tainted.
    claimed : int64[1]
        What the seeds claim is added: all of them that was not tainted before.
    """
    in_line = rule <= LIFO
    for event in range(amounts.size):
        sender, recipient, value = senders[event], recipients[event], amounts[event]
        if value < 0 or (sender >= 0 and value > balances[sender]):
            return np.int64(event)
        if recipient >= 0 and recipient != sender and balances[recipient] > _LARGEST - value:
            return np.int64(-2 - event)
        part, left = np.int64(0), value
        if in_line and sender < 0 and left > 0 and recipient >= 0:
            _append(recipient, left, np.int64(is_seed[event]), lots, ends, free)
        if in_line and sender >= 0:
            # what goes back to the same line waits beside it until all is taken, else it were taken twice
            target = recipient if recipient != sender else np.int64(balances.size)
            while left > 0:
                length, mark = _take(sender, left, rule == LIFO, lots, ends, free)
                left -= length
                part += length * mark
                if target >= 0:
                    _append(target, length, max(mark, np.int64(is_seed[event])), lots, ends, free)
            while recipient == sender and ends[target, 0] != _END:
                length, mark = _take(target, value, False, lots, ends, free)
                _append(recipient, length, mark, lots, ends, free)
        elif sender >= 0:
            part = _share(rule, value, balances[sender], tainted[sender])
            if rule == LOWEST:
                excess = max(np.int64(0), tainted[sender] - (balances[sender] - value))
                tainted[sender] -= excess
                lost[sender] += excess
        if sender >= 0:
            balances[sender] -= value
            tainted[sender] -= part if rule != POISON else 0
        if is_seed[event]:
            claimed[0] += value - part
            part = value
        parts[event] = part
        if recipient >= 0:
            balances[recipient] += value
            if rule != POISON:
                tainted[recipient] += part
            elif part > 0:
                tainted[recipient] = 1
    return np.int64(-1)
