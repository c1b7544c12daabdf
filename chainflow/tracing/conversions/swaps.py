"""Conversions inside one transaction of an account chain: wrapped tokens, and swaps by what an account nets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import product

from chainflow.tracing.asset import Asset
from chainflow.tracing.conversions.conversion import Conversion, Leg
from chainflow.tracing.conversions.held import HeldTx, Movement
from chainflow.units import counted

__all__ = ["swaps_of", "unseen", "wraps_of"]

_SAME = "same transaction"


def wraps_of(tx: HeldTx) -> Iterator[Conversion]:
    """Yield where a token was made for its contract's coins, or coins were given back for a token, one to one.

    *Wrap*: the chain's own coin is paid to a contract, and in the same transaction the contract's token comes
    from nobody or from the contract, in the same amount. *Unwrap* is the reverse. Several of one amount cannot
    be told apart: then all pairs are shown. Wrong where two movements of one amount are unrelated.
    """
    plain = [one for one in tx.movements if one.is_plain and one.asset.token_id is None]
    coins = [one for one in plain if one.asset.contract is None]
    tokens = [one for one in plain if one.asset.contract is not None]
    for kind, word in (("wrap", "made"), ("unwrap", "destroyed")):
        is_wrap = kind == "wrap"
        groups: dict[tuple[str, int], tuple[list[Movement], list[Movement]]] = {}
        for token in tokens:
            contract = str(token.asset.contract)
            ends = (token.payers or ("",))[0] if is_wrap else token.payee
            if ends in ("", contract):
                groups.setdefault((contract, token.amount_raw), ([], []))[1].append(token)
        for coin in coins:
            contract = coin.payee if is_wrap else (coin.payers or ("",))[0]
            if (contract, coin.amount_raw) in groups:
                groups[contract, coin.amount_raw][0].append(coin)
        for (contract, amount), (own, wrapped) in sorted(groups.items()):
            reason = f"{amount:,} base units of {contract} were {word} for as many of the chain's own coin"
            for coin, token in product(own, wrapped):
                legs = (tx.leg([coin]), tx.leg([token]))
                paid, received = legs if is_wrap else legs[::-1]
                fit = max(len(own), len(wrapped))
                yield Conversion(paid, received, kind, _SAME, reason, "wrapped token", fit)


def swaps_of(tx: HeldTx, accounts: Collection[str] = ()) -> Iterator[Conversion]:
    """Yield what an account gave and got in one transaction, net, if the two are different assets.

    Looked at are the account that signed the transaction and those in `accounts`; not every account, since a
    pool gives and gets as well. Fees do not count. With several assets on a side each pair is a candidate.
    """
    for account in sorted({tx.signer, *accounts} - {""}):
        own = [one for one in tx.movements if account in (*one.payers, one.payee) and one.ok is not False]
        if not own or not all(one.is_plain for one in own):
            continue
        net = {asset: tx.net(account, asset) for asset in dict.fromkeys(one.asset for one in own)}
        given = [_leg(tx, own, account, asset, -raw) for asset, raw in net.items() if raw < 0]
        got = [_leg(tx, own, account, asset, raw) for asset, raw in net.items() if raw > 0]
        fit = max(len(given), len(got))
        reason = f"{account} gave {_listed(given)} and got {_listed(got)} in this transaction, net"
        for paid, received in product(given, got):
            yield Conversion(paid, received, "swap", _SAME, reason, "one transaction", fit)


def _leg(tx: HeldTx, own: Iterable[Movement], account: str, asset: Asset, amount_raw: int) -> Leg:
    """Return what an account gave (or got: whichever is more) of an asset, less what came back (or went)."""
    is_paid = tx.net(account, asset) < 0
    movements = [
        one
        for one in own
        if one.asset == asset and (one.payee != account if is_paid else one.payee == account)
    ]
    return tx.leg(movements, amount_raw)


def _listed(legs: Iterable[Leg]) -> str:
    return " and ".join(f"{leg.amount_raw:,} of {leg.asset}" for leg in legs)


def unseen(txs: Iterable[HeldTx], *, has_calls: bool) -> Iterator[str]:
    """Yield what to say of movements that were not used, or that nobody can have seen.

    Parameters
    ----------
    has_calls : bool
        Whether any payment made inside a transaction is held: without these nobody sees change come back.
    """
    unsure = calls = 0
    for tx in txs:
        unsure += any(not one.is_plain and one.ok is not False for one in tx.movements)
        calls += bool(tx.signer) and len({one.asset for one in tx.movements}) > 1
    if unsure:
        words = "marked movements, or some of which nobody says whether they moved: these were not used."
        yield f"{counted(unsure, 'transaction')} with {words}"
    if calls and not has_calls:
        yield (
            "No payments made inside transactions are held: a swap that paid the chain's own coin may have got "
            "some of it back, and one that was paid out in it is not seen."
        )
