"""WalletExplorer: names of wallets, never facts of a chain; switched off until the user accepts its price.

The site belongs to Chainalysis and notes who looks up which address. It is no source for `fetch`: it has
no histories here (its amounts are binary fractions), only `labels`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Unpack

from chainflow.addresses import is_address
from chainflow.errors import BadInput
from chainflow.model import Fact
from chainflow.sources.adapter import HttpSource, Places
from chainflow.sources.routes import answer_to
from chainflow.sources.strict import Field
from chainflow.sources.utxo import MAX_HEIGHT, decline

if TYPE_CHECKING:
    from chainflow.sources.http import SessionOptions

__all__ = ["CONSENT", "WalletExplorer", "WalletLabel", "facts", "read_label"]

CONSENT = "I-accept"
"""What stands in place of a URL where the source is named by a word: `walletexplorer:I-accept`."""

_URL = "https://www.walletexplorer.com"
_WALLET = re.compile(r"[0-9a-f]{16}")
_ROUTE = re.compile(r"/address-lookup\?address=([0-9A-Za-z]+)&caller=chainflow")


@dataclass(frozen=True, slots=True)
class WalletLabel:
    """What the site says of one address: an assertion with its own provenance, older than it looks.

    Attributes
    ----------
    address : str
    label : str
        The name of its wallet, frozen since 2016; "" where it has none.
    wallet_id : str
        The site's own cluster of addresses; "" where it does not know the address.
    updated_to_block : int or None
        Up to which block the site had read the chain then: says nothing of the label's age.
    """

    address: str
    label: str
    wallet_id: str
    updated_to_block: int | None

    def as_tag(self) -> dict[str, object]:
        """Return the fields of a tag (see `Tags.of_rows`); a wallet without a name makes none: {}.

        Examples
        --------
        >>> WalletLabel("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "", "", None).as_tag()
        {}
        """
        if not self.label:
            return {}
        upto = "" if self.updated_to_block is None else f", chain read up to block {self.updated_to_block}"
        return {
            "address": self.address,
            "chain": "btc",
            "label": self.label,
            "source": f"{_URL}/wallet/{self.wallet_id}",
            "creator": "WalletExplorer (Chainalysis)",
            "confidence": "heuristic",
            "context": f"label frozen since 2016, spread over wallet {self.wallet_id} by co-spending{upto}",
        }


def read_label(chain: str, path: str, status: int, body: bytes) -> WalletLabel:
    """Return what an answer says of the address in `path`; pure.

    Raises
    ------
    RateLimited
        The site bans for a while who asks too much.
    BadResponse, SchemaMismatch
        The answer is an error, or not of the known form.
    BadInput
        `path` is no path of this family, or `chain` not Bitcoin.
    """
    address, what = _asked(path), answer_to(path)
    if chain != "btc":
        raise BadInput(f"WalletExplorer knows nothing of {chain}", hint="it is for Bitcoin only")
    if status != 200:
        decline(what, status, body)
    found = Field.parse(body, what)
    if found.get("error") is not None:
        decline(what, 200, body)
    upto = found.get("updated_to_block")
    height = None if upto is None else upto.integer(0, MAX_HEIGHT)
    label, wallet = found.get("label"), found.get("wallet_id")
    if not found["found"].flag():
        for field in (label, wallet):
            if field is not None and field.text():
                raise field.refuse("nothing, for an address that is not found")
        return WalletLabel(address, "", "", height)
    if wallet is None or not _WALLET.fullmatch(wallet.text()):
        raise found["wallet_id"].refuse("16 lower-case hex digits")
    if label is not None and not label.text().isprintable():
        raise label.refuse("a name on one line")
    return WalletLabel(address, "" if label is None else label.text().strip(), wallet.text(), height)


def facts(chain: str, path: str, status: int, body: bytes) -> tuple[Fact, ...]:
    """Return no fact, after reading the answer as `read_label` does: a name is none of the chain's."""
    read_label(chain, path, status, body)
    return ()


class WalletExplorer(HttpSource):
    """WalletExplorer, for `labels` only, and only with consent.

    Parameters
    ----------
    url : str, optional
        Base URL, or `CONSENT` in its place.
    consent : bool
        That the site, which belongs to Chainalysis, may learn each address and from where it is asked.

    Raises
    ------
    BadInput
        Without consent.

    Examples
    --------
    >>> WalletExplorer(consent=True).name
    'walletexplorer:https://www.walletexplorer.com/api/1'
    >>> WalletExplorer()
    Traceback (most recent call last):
    chainflow.errors.BadInput: WalletExplorer is off: the site is Chainalysis', logs your IP address and what you look \
up; its labels are frozen since 2016, its data lag by days
    → if you accept that: WalletExplorer(consent=True), or the word walletexplorer:I-accept
    """

    family = "walletexplorer"
    read = staticmethod(facts)
    places: ClassVar[Places] = {"www.walletexplorer.com": {"btc": "/api/1"}}

    def __init__(
        self,
        url: str | None = None,
        *,
        consent: bool = False,
        chain: str | None = None,
        proxy: str | None = None,
        **options: Unpack[SessionOptions],
    ) -> None:
        if consent is not True and url != CONSENT:
            raise BadInput(
                "WalletExplorer is off: the site is Chainalysis', logs your IP address and what you look up; "
                "its labels are frozen since 2016, its data lag by days",
                hint=f"if you accept that: WalletExplorer(consent=True), or the word walletexplorer:{CONSENT}",
            )
        super().__init__(None if url == CONSENT else url, chain=chain, proxy=proxy, **options)
        if self.chain != "btc":
            raise BadInput(f"WalletExplorer knows nothing of {self.chain}", hint="it is for Bitcoin only")

    def label_paths(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Return the paths that ask for the labels of addresses, one for each, in their order.

        Raises
        ------
        AddressInvalid
            If one is no address of Bitcoin; nothing was asked then.
        """
        names = dict.fromkeys(self.canonical(address) for address in addresses)
        return tuple(f"/address-lookup?address={name}&caller=chainflow" for name in names)

    def labels(self, addresses: Iterable[str]) -> tuple[WalletLabel, ...]:
        """Return what the site says of each address, asking it over the network.

        Raises
        ------
        SourceError
            As `read_label` and `Session.get`.
        """
        found = []
        for path in self.label_paths(addresses):
            reply = self.ask(path)
            found.append(read_label(self.chain, path, reply.status, reply.body))
        return tuple(found)

    def tx_paths(self, txids: Iterable[str]) -> tuple[str, ...]:
        """Return none: its transactions are not read."""
        del txids
        return ()

    def subject_of(self, path: str) -> str:
        """Return the address that the host learns from `path`."""
        return _asked(path)


def _asked(path: str) -> str:
    """Return the address that a path asks for."""
    found = _ROUTE.fullmatch(path)
    if found is None or not is_address(found[1], chain="btc"):
        raise BadInput(
            f"not a path of the WalletExplorer family: {path[:150]!r}",
            hint="make paths with WalletExplorer.label_paths()",
        )
    return found[1]
