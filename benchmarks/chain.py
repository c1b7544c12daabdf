"""A made-up UTXO chain of any length, with the owner of every address: what the clustering benchmarks run on.

`python -m benchmarks.chain --scale 1M` writes it to `out/chains`, where the benchmarks look first. Every input
spends an earlier unspent output, inputs equal outputs plus fee, owners spend their oldest coins first. Numbers
of inputs, of outputs and of payments to an address have heavy tails, services are of very different size and
some receive at one address for ever, and one transaction in a thousand is a CoinJoin of many owners.
Milder than the real chain: 12 % of outputs stay unspent, few transactions have over a hundred inputs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["SCALES", "Chain", "make_chain", "parse_scale", "written"]

SCALES = {"1M": 1_000_000, "3M": 3_000_000, "10M": 10_000_000, "50M": 50_000_000}
SEED = 11
FOLDER = Path(__file__).resolve().parent.parent / "out" / "chains"
ROW_GROUP = 1_000_000
PER_BLOCK = 2_500
SUBSIDY = 625_000_000
LEAST = 600
"""Satoshis that a transaction needs per output before it makes more than one."""

Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


class Chain(NamedTuple):
    """A chain as columns; transactions, outputs and addresses are numbered as they appear.

    `source` holds per input the output that it spends, `spent_by` per output the transaction or −1, `owner`
    per address who holds its key. Inputs of transaction t are `in_ptr[t]:in_ptr[t + 1]`, outputs alike.
    """

    in_ptr: Ints
    out_ptr: Ints
    fee: Ints
    is_coinjoin: Bools
    source: Small
    address: Small
    value: Ints
    spent_by: Small
    owner: Small


class World(NamedTuple):
    """The chain while it is made, and every owner's coins as a queue: oldest first."""

    count: Ints  # outputs, inputs, addresses, owners so far
    source: Small
    address: Small
    value: Ints
    spent_by: Small
    owner: Small
    following: Small  # per output: the next coin of the same owner
    oldest: Small  # per owner
    newest: Small  # per owner
    standing: Small  # per service: the address it always shows, or −1
    weight: npt.NDArray[np.float64]  # per service, cumulated


OUTPUTS, INPUTS, ADDRESSES, OWNERS = range(4)


@numba.njit(cache=True)
def _tail(exponent: float) -> int:
    """Draw a number from 1 on with a Pareto tail."""
    return int(min((1.0 - np.random.random()) ** (-1.0 / exponent), 1e6))


@numba.njit(cache=True)
def _owner_of_some(world: World, recent_share: float) -> int:
    """Draw the owner of an earlier output: so often of a recent one, else of any."""
    outputs = world.count[OUTPUTS]
    if np.random.random() < recent_share:
        chosen = outputs - 1 - min(int(np.exp(np.random.random() * np.log(outputs))), outputs - 1)
    else:
        chosen = int(np.random.random() * outputs)
    return world.owner[world.address[chosen]]


@numba.njit(cache=True)
def _spend_oldest(world: World, tx: int, owner: int) -> int:
    """Spend an owner's oldest coin and return its value; −1 where there is none."""
    coin = world.oldest[owner]
    if coin < 0:
        return -1
    world.oldest[owner] = world.following[coin]
    if world.oldest[owner] < 0:
        world.newest[owner] = -1
    world.spent_by[coin] = tx
    world.source[world.count[INPUTS]] = coin
    world.count[INPUTS] += 1
    return world.value[coin]


@numba.njit(cache=True)
def _pay(world: World, owner: int, address: int, value: int) -> None:
    """Add an output; address −1 is a fresh one of the owner."""
    if address < 0:
        address = world.count[ADDRESSES]
        world.owner[address] = owner
        world.count[ADDRESSES] += 1
        if owner < world.standing.size and world.standing[owner] < 0:
            world.standing[owner] = address
    coin = world.count[OUTPUTS]
    world.address[coin] = address
    world.value[coin] = value
    if world.oldest[owner] < 0:
        world.oldest[owner] = coin
    else:
        world.following[world.newest[owner]] = coin
    world.newest[owner] = coin
    world.count[OUTPUTS] += 1


@numba.njit(cache=True)
def _n_inputs(world: World, sender: int) -> int:
    draw = np.random.random()
    wanted = 1 if draw < 0.46 else 2 if draw < 0.64 else 3 if draw < 0.73 else 3 + _tail(1.1)
    if sender < world.standing.size and np.random.random() < 0.12:
        wanted = wanted * 8 + 4  # a service sweeps what its customers paid in
    return min(wanted, 700)


@numba.njit(cache=True)
def _n_outputs(world: World, sender: int) -> int:
    draw = np.random.random()
    wanted = 1 if draw < 0.14 else 2 if draw < 0.74 else 3 if draw < 0.84 else 3 + _tail(1.15)
    if sender >= world.standing.size and wanted > 40:
        return 2 + wanted % 38  # only services pay hundreds at once
    return min(wanted, 2_500)


@numba.njit(cache=True)
def _take_inputs(world: World, tx: int, sender: int, joint: np.bool_) -> tuple[int, int]:
    """Spend coins of the sender, or one each of many owners; return their sum and their number."""
    wanted = 5 + int(np.random.random() * 40) if joint else _n_inputs(world, sender)
    total = 0
    taken = 0
    for turn in range(wanted):
        owner = _owner_of_some(world, 0.0) if joint and turn else sender
        value = _spend_oldest(world, tx, owner)
        if value >= 0:
            total += value
            taken += 1
        elif not joint:
            break
    return total, taken


@numba.njit(cache=True)
def _pay_somebody(world: World, value: int) -> None:
    """Pay an address seen before, a service, an owner seen before, or a newcomer."""
    draw = np.random.random()
    address = -1
    if draw < 0.40 and world.count[ADDRESSES] > 10:
        address = world.address[int(np.random.random() * world.count[OUTPUTS])]
        owner = world.owner[address]
    elif draw < 0.66:
        services = world.weight.size
        owner = min(np.searchsorted(world.weight, np.random.random() * world.weight[-1]), services - 1)
        if owner % 10 == 1 and np.random.random() < 0.7:
            address = world.standing[owner]
        elif owner % 10 != 1 and np.random.random() < 0.25 and world.newest[owner] >= 0:
            address = world.address[world.newest[owner]]
    elif draw < 0.88 and world.count[ADDRESSES] > 10:
        owner = _owner_of_some(world, 0.0)
    else:
        owner = world.count[OWNERS]
        world.count[OWNERS] += 1
    _pay(world, owner, address, value)


@numba.njit(cache=True)
def _pay_out(world: World, sender: int, total: int, wanted: int) -> None:
    """Share a sum between outputs; the last is the sender's change."""
    left = total
    for turn in range(wanted):
        remaining = wanted - turn
        value = left if remaining == 1 else int(left * np.random.random() * 1.8 / (remaining + 1))
        value = max(min(value, left - remaining + 1), min(1, left))
        left -= value
        if remaining == 1 and wanted > 1 and sender >= 0:
            same = np.random.random() < 0.30  # change back to an address that just paid
            address = world.address[world.source[world.count[INPUTS] - 1]] if same else -1
            _pay(world, sender, address, value)
        else:
            _pay_somebody(world, value)


@numba.njit(cache=True)
def _pay_back(world: World, total: int, taken: int) -> None:
    """Pay each of the last `taken` inputs' owners one same amount, and every second one a change."""
    first = world.count[INPUTS] - taken
    equal = total // (2 * taken)
    left = total - equal * taken
    for turn in range(taken):
        _pay(world, world.owner[world.address[world.source[first + turn]]], -1, equal)
    for turn in range(0, taken, 2):
        value = left if turn + 2 >= taken else int(left * np.random.random() / 2)
        left -= value
        if value:
            _pay(world, world.owner[world.address[world.source[first + turn]]], -1, value)


@numba.njit(cache=True)
def _pick_sender(world: World) -> int:
    """Draw an owner who has coins; −1 where a dozen draws find none."""
    for _ in range(12):
        owner = _owner_of_some(world, 0.55)
        if world.oldest[owner] >= 0:
            return owner
    return -1


@numba.njit(cache=True)
def _simulate(world: World, seed: int, in_ptr: Ints, out_ptr: Ints, fee: Ints, is_coinjoin: Bools) -> None:
    np.random.seed(seed)
    for tx in range(fee.size):
        sender = -1 if tx % PER_BLOCK == 0 or world.count[OUTPUTS] < 50 else _pick_sender(world)
        if sender < 0:  # a coinbase
            _pay_out(world, -1, SUBSIDY, 1)
        else:
            joint = np.random.random() < 0.001
            total, taken = _take_inputs(world, tx, sender, joint)
            is_coinjoin[tx] = joint and taken >= 5 and total > taken * LEAST
            wanted = 2 * taken if is_coinjoin[tx] else _n_outputs(world, sender)
            wanted = wanted if total >= wanted * LEAST else 1
            fee[tx] = min(200 * (taken + wanted), total // 10)
            if is_coinjoin[tx]:
                _pay_back(world, total - fee[tx], taken)
            else:
                _pay_out(world, sender, total - fee[tx], wanted)
        in_ptr[tx + 1] = world.count[INPUTS]
        out_ptr[tx + 1] = world.count[OUTPUTS]


def make_chain(transactions: int, *, seed: int = SEED) -> Chain:
    """Return a chain of so many transactions; the same numbers give the same chain."""
    room = int(transactions * 3.6) + 5_000
    services = max(50, transactions // 4_000)
    empty = [np.full(room, -1, np.int32) for _ in range(7)]
    world = World(
        np.array([0, 0, 0, services], np.int64),
        *empty[:2],
        np.zeros(room, np.int64),
        *empty[2:],
        np.full(services, -1, np.int32),
        np.cumsum(1.0 / (np.arange(services) + 3.0) ** 0.9),
    )
    in_ptr, out_ptr = np.zeros((2, transactions + 1), np.int64)
    fee, is_coinjoin = np.zeros(transactions, np.int64), np.zeros(transactions, np.bool_)
    _simulate(world, seed, in_ptr, out_ptr, fee, is_coinjoin)
    outputs, inputs, addresses, _ = world.count.tolist()
    return Chain(
        *(in_ptr, out_ptr, fee, is_coinjoin, world.source[:inputs]),
        *(world.address[:outputs], world.value[:outputs], world.spent_by[:outputs]),
        world.owner[:addresses],
    )


def written(transactions: int, *, seed: int = SEED, folder: Path = FOLDER) -> Path:
    """Return the folder that holds such a chain as Parquet, made first where it is not there yet.

    `inputs.parquet` has the columns tx, address, source and value_sat; `txs.parquet` fee_sat and
    is_coinjoin; `addresses.parquet` owner. Rows are in chain order, row groups of a million.
    """
    place = folder / f"{transactions}-{seed}"
    if not (place / "txs.parquet").exists():
        place.mkdir(parents=True, exist_ok=True)
        chain = make_chain(transactions, seed=seed)
        tx = np.repeat(np.arange(transactions, dtype=np.int32), np.diff(chain.in_ptr))
        spent = {"address": chain.address[chain.source], "value_sat": chain.value[chain.source]}
        _write(place / "inputs.parquet", {"tx": tx, **spent, "source": chain.source})
        _write(place / "addresses.parquet", {"owner": chain.owner})
        _write(place / "txs.parquet", {"fee_sat": chain.fee, "is_coinjoin": chain.is_coinjoin})
    return place


def _write(path: Path, columns: Mapping[str, npt.NDArray[np.generic]]) -> None:
    partial = path.with_suffix(".partial")
    layout = {"compression": "zstd", "compression_level": 1, "row_group_size": ROW_GROUP}
    # numbers that hardly repeat: without dictionaries the file is a fifth smaller
    pq.write_table(pa.table(dict(columns)), partial, use_dictionary=False, **layout)
    partial.rename(path)


def parse_scale(arguments: list[str], *, default: int) -> int:
    """Return the number of transactions after `--scale`: 1M, 3M, 10M, 50M, or a plain number."""
    if "--scale" not in arguments:
        return default
    asked = arguments[arguments.index("--scale") + 1]
    return SCALES.get(asked) or int(asked.replace("_", "").replace(",", ""))


if __name__ == "__main__":
    print(written(parse_scale(sys.argv[1:], default=SCALES["1M"])))
