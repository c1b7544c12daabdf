"""Rules of keys and scripts: two spellings of one key, of one script, and multisigs that share a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from chainflow import schema
from chainflow.addresses import hash160
from chainflow.clustering.engine.claims import link_table
from chainflow.clustering.revealed import (
    Shown,
    forms_of_hash,
    forms_of_key,
    forms_of_script,
    keys_in,
    serialisations,
)
from chainflow.clustering.rules import About, Kind
from chainflow.ledger import Ledger
from chainflow.scripts import is_pubkey, make_script, script_type

__all__ = ["SameKey", "SharedMultisigKey", "WrappedScript"]

_HASH_AT = {"p2pkh": slice(3, 23), "p2wpkh": slice(2, 22)}
_HASHED = ("p2sh", "p2wsh")
_SHORT = 33
_NOT_WRAPPED = ("p2sh", "p2tr", "op_return", "empty")


@dataclass(frozen=True, slots=True)
class SameKey:
    """Scripts that pay to one key, in whatever form, have one owner (C-3).

    The forms are P2PK and P2PKH of every way to write the key, P2WPKH and P2SH-P2WPKH of the compressed key and
    of each other way in which the ledger shows it written. A key is known where a P2PK or multisig script holds
    it or an input gives it; where none does, forms with the same key *hash* are one key all the same. Nothing
    is guessed: whoever can spend one form can spend the others. Taproot gives nothing: what it shows is a key
    already tweaked. What is not a point of the curve is no key.

    References
    ----------
    BIP16, BIP141; SEC 1, 2.3; BlockSci, `cluster_manager.cpp` (without P2SH-P2WPKH).
    """

    name: ClassVar[str] = "same-key"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="C-3",
        title="Scripts that pay to one public key, in whatever form, have one owner.",
        kind=Kind.EXACT,
        reading="pay to one key, shown",
        source="BlockSci; BIP16, BIP141",
        wrong_when=("a private key is known to several people: sold, leaked, or made from a weak secret",),
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """The rule has none."""
        return {}

    def links(self, ledger: Ledger) -> pa.Table:
        """Return, for each key, links from the first form in the ledger to each other form.

        Columns as in `schema.LINKS`, in spending order of the transaction that first shows the key, or its
        hash where no key is shown.
        """
        shown = Shown.of(ledger)
        hashes = {key: hash160(key[1]) for key in shown.keys}
        have_open_hash = _chains_with_an_open_hash(shown, hashes)
        spelled: set[tuple[str, bytes]] = set()
        statements: list[tuple[int, list[int]]] = []
        for (chain, name), (tx, written) in _by_key(shown).items():
            forms = [form for key in written for form in forms_of_key(key, hashes[chain, key])]
            held = _held(shown, chain, forms)
            if len(written[-1]) > len(name) or chain in have_open_hash or len(held) > 1:
                others = serialisations(written[-1])
                if not others:  # no point of the curve
                    continue
                for key in others:
                    if key not in written:
                        wide = len(key) != _SHORT
                        forms += [make_script("p2pkh", hash160(key))] if wide else forms_of_key(key)
                held = _held(shown, chain, forms)
            spelled.update((chain, form) for form in forms)
            statements.append((tx, held))
        for (chain, script), tx in shown.scripts.items():
            at = _HASH_AT.get(script_type(script))
            if at is not None and (chain, script) not in spelled:
                forms = forms_of_hash(script[at])
                spelled.update((chain, form) for form in forms)
                statements.append((tx, _held(shown, chain, forms)))
        return _links(self.name, ledger, statements)


def _by_key(shown: Shown) -> dict[tuple[str, bytes], tuple[int, list[bytes]]]:
    """Return (chain, compressed key) → the first transaction that shows it, and how it is written, longest last.

    That a compressed key is a point is not tested here: it takes a square root.
    """
    found: dict[tuple[str, bytes], tuple[int, list[bytes]]] = {}
    for (chain, key), tx in sorted(shown.keys.items(), key=lambda entry: entry[1]):
        is_short = len(key) == _SHORT and is_pubkey(key)
        name = key if is_short else next(iter(serialisations(key)), b"")
        if name:
            found.setdefault((chain, name), (tx, []))[1].append(key)
    return {place: (tx, sorted(written, key=len)) for place, (tx, written) in found.items()}


def _chains_with_an_open_hash(shown: Shown, hashes: Mapping[tuple[str, bytes], bytes]) -> set[str]:
    """Return the chains with a P2PKH output to which no key that is shown there belongs as it is written.

    Only there can another way to write a key be one more form: a square root for each key is saved elsewhere.
    """
    known = {(chain, digest) for (chain, _), digest in hashes.items()}
    return {
        chain
        for chain, script in shown.numbers
        if script_type(script) == "p2pkh" and (chain, script[_HASH_AT["p2pkh"]]) not in known
    }


@dataclass(frozen=True, slots=True)
class WrappedScript:
    """A script, its P2SH, its P2WSH and its P2SH-P2WSH have one owner (C-3).

    A script hash is opened by the input that spends it, or by an output that pays to the script itself, or to
    its P2WSH, in the open. Nothing is guessed: all forms ask for the same.

    References
    ----------
    BIP16, BIP141; BlockSci, `cluster_manager.cpp`, `linkScripthashNested`.
    """

    name: ClassVar[str] = "wrapped-script"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="C-3",
        title="A script and the script hashes that it stands behind have one owner.",
        kind=Kind.EXACT,
        reading="are forms of one script, shown",
        source="BlockSci; BIP16, BIP141",
        wrong_when=("the script asks for no signature, so that anybody can spend it",),
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """The rule has none."""
        return {}

    def links(self, ledger: Ledger) -> pa.Table:
        """Return, for each script, links from the first form in the ledger to each other form.

        Columns as in `schema.LINKS`, in spending order of the transaction that first shows the script.
        """
        shown = Shown.of(ledger)
        if not any(script_type(script) in _HASHED for _, script in shown.numbers):
            return schema.LINKS.empty_table()
        spelled: set[tuple[str, bytes]] = set()
        statements: list[tuple[int, list[int]]] = []
        # a P2WSH in the open says no more than the script behind it: it comes last
        kinds = {place: script_type(place[1]) for place in shown.scripts}
        for chain, script in sorted(shown.scripts, key=lambda place: kinds[place] == "p2wsh"):
            if kinds[chain, script] not in _NOT_WRAPPED and (chain, script) not in spelled:
                forms = forms_of_script(script)
                spelled.update((chain, form) for form in forms)
                statements.append((shown.scripts[chain, script], _held(shown, chain, forms)))
        return _links(self.name, ledger, statements)


@dataclass(frozen=True, slots=True)
class SharedMultisigKey:
    """A transaction that moves coins from one multisig to another with a key in common stays with its keepers.

    C-9, *keyset change*: an input's multisig and an output's multisig share a key. The multisig may stand in
    the open or behind a script hash that this ledger sees opened, before or after. It joins *custody*: keys
    of one multisig may belong to several people, and a notary's or a wallet service's key stands in the
    multisigs of all its customers.

    References
    ----------
    BlockSci, `tx_identification.cpp`, `keysetChange`.
    """

    name: ClassVar[str] = "shared-multisig-key"
    version: ClassVar[str] = "1"
    about: ClassVar[About] = About(
        id="C-9",
        title="An input and an output of one transaction that are multisigs with a key in common are one custody.",
        kind=Kind.CO_SPEND,
        reading="are multisigs that share a key, input and output",
        source="BlockSci, keysetChange",
        wrong_when=(
            "several people hold the keys: a custody is not a person",
            "a service, notary or arbiter puts one key of its own into the multisigs of many customers",
            "the shared key is nobody's: a filler, or data written as a key",
        ),
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """The rule has none."""
        return {}

    def links(self, ledger: Ledger) -> pa.Table:
        """Return a link from the first input that shares a key with an output to that output.

        Columns as in `schema.LINKS`, in spending order.
        """
        keysets = _keysets(Shown.of(ledger))
        index = ledger.index
        has_keys = np.zeros(len(index.labels), dtype=np.bool_)
        has_keys[list(keysets)] = True
        rows: list[tuple[int, int, int]] = []
        for tx in np.unique(index.created_by[has_keys[index.script_of] & (index.created_by >= 0)]).tolist():
            spent, paid = (
                [number for number in dict.fromkeys(index.script_of[outputs].tolist()) if number in keysets]
                for outputs in (index.inputs_of(tx), index.outputs_of(tx))
            )
            for to in paid:
                of = next((number for number in spent if keysets[number] & keysets[to]), to)
                rows.append((of, to, tx))
        return _table(self.name, ledger, rows)


def _keysets(shown: Shown) -> dict[int, frozenset[bytes]]:
    """Return script number → keys, compressed, of the multisig it is or stands for."""
    keysets: dict[int, frozenset[bytes]] = {}
    for chain, script in shown.scripts:
        if script_type(script) == "multisig":
            keys = frozenset(written[0] for key in keys_in(script) if (written := serialisations(key)))
            keysets.update((number, keys) for number in _held(shown, chain, forms_of_script(script)))
    return keysets


def _held(shown: Shown, chain: str, forms: Iterable[bytes]) -> list[int]:
    """Return the numbers of those scripts that the ledger's outputs have, in the order of the outputs."""
    found = {shown.numbers[chain, form] for form in forms if (chain, form) in shown.numbers}
    return sorted(found)


def _links(name: str, ledger: Ledger, statements: Iterable[tuple[int, list[int]]]) -> pa.Table:
    """Return each statement (transaction row, script numbers) as links from its first script to the others."""
    rows = [
        (first, other, tx)
        for tx, (first, *others) in sorted((tx, held) for tx, held in statements if held)
        for other in others
    ]
    return _table(name, ledger, rows)


def _table(name: str, ledger: Ledger, rows: Sequence[tuple[int, int, int]]) -> pa.Table:
    """Return links given as (script number, script number, transaction row)."""
    a, b, tx = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return link_table(ledger, name, a=a, b=b, tx=tx)
