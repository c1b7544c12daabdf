"""The categories a tag can state: a small tree of concepts after INTERPOL's taxonomy as GraphSense uses it.

A category is always a source's own word. `canonical` only knows which words mean the same; a word that
nobody here knows is kept as it was stated, and no category is ever derived from amounts or behaviour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from chainflow.errors import BadInput

__all__ = ["CONCEPTS", "Concept", "ancestors", "canonical", "graphsense_id", "mark", "members"]


@dataclass(frozen=True, slots=True)
class Concept:
    """One category: its id, its name for people, the letter that stands for it in a picture.

    Attributes
    ----------
    parent : str
        The wider concept's id, "" at the top.
    mark : str
        One character. Every kind of abuse carries `!`: pictures say "suspect", the tag says of what.
    """

    id: str
    name: str
    mark: str
    parent: str


# id, name, mark, parent. Parents stand above their children.
_TREE = (
    ("service", "Service", "B", ""),
    ("exchange", "Exchange", "E", "service"),
    ("market", "Market", "K", "service"),
    ("mixing_service", "Mixing service", "M", "service"),
    ("payment_processor", "Payment processor", "P", "service"),
    ("gambling", "Gambling", "G", "service"),
    ("hosted_wallet", "Hosted wallet", "W", "service"),
    ("hosting", "Hosting", "H", "service"),
    ("mining_service", "Mining pool or service", "N", "service"),
    ("defi", "DeFi protocol", "D", "service"),
    ("bridge", "Bridge between chains", "X", "defi"),
    ("coinjoin", "CoinJoin", "J", ""),
    ("organization", "Organization", "O", ""),
    ("law_enforcement", "Authority holding seized funds", "A", "organization"),
    ("user", "User", "U", ""),
    ("miner", "Miner", "N", "user"),
    ("victim", "Victim", "V", "user"),
    ("perpetrator", "Perpetrator", "!", "user"),
    ("donation", "Donation", "T", "user"),
    ("abuse", "Abuse", "!", ""),
    ("scam", "Scam", "!", "abuse"),
    ("extortion", "Extortion", "!", "abuse"),
    ("ransomware", "Ransomware", "!", "extortion"),
    ("sextortion", "Sextortion", "!", "extortion"),
    ("hack", "Hack", "!", "abuse"),
    ("terrorism", "Terrorism or its financing", "!", "abuse"),
    ("blacklisted", "On a blacklist", "L", ""),
    ("sanctioned", "On a sanctions list", "S", "blacklisted"),
    ("trait", "A trait, not an owner", "?", ""),
    ("unknown", "Unknown", "?", ""),
)

# GraphSense's finer terms keep their own id: parent → its terms.
_NARROWER = {
    "service": "filesharing index messaging_service search_engine shop faucet atm vpn nameservice",
    "hosted_wallet": "escrow_wallet ico_wallet",
    "defi": "defi_lending defi_dex defi_derivative defi_token defi_dao defi_staking defi_custody",
    "defi_dex": "defi_dex_pair",
    "abuse": "sexual_abuse violence human_trafficking financial_crime phishing drugs weapons counterfeit extremism",
    "sexual_abuse": "child_sexual_abuse",
    "violence": "murder torture",
    "financial_crime": "investment_fraud money_laundering payment_card_fraud",
    "investment_fraud": "ponzi_scheme",
    "ponzi_scheme": "pyramid_scheme",
    "hack": "service_hack account_hack exploit data_breach social_engineering malware",
    "blacklisted": "gov_black_list",
    "trait": "dark_web mixing collectible cold_wallet hot_wallet warm_wallet white_list deployer funder",
}

# The one GraphSense id of a concept that has another name here: a tag pack is written with it.
_GRAPHSENSE = {
    "bridge": "defi_bridge",
    "hack": "hacking",
    "hosted_wallet": "wallet_service",
    "blacklisted": "black_list",
    "sanctioned": "sanction",
}

_OURS = {"law_enforcement", "trait"}  # GraphSense has no term for these

# Further words of other vocabularies for the same concepts.
_SYNONYMS = {
    "exchange": "cex vasp centralized_exchange crypto_exchange",
    "market": "darknet_market dark_market marketplace",
    "mixing_service": "mixer tumbler ethereum_mixer",
    "payment_processor": "payment payments payment_service",
    "gambling": "casino betting",
    "hosted_wallet": "custodial_wallet wallet_provider",
    "hosting": "hosting_service",
    "mining_service": "mining_pool",
    "defi_dex": "dex",
    "law_enforcement": "seizure seized government_seizure authority",
    "donation": "donate donations charity",
    "scam": "fraud",
    "hack": "hacker theft",
    "terrorism": "terrorism_financing terrorist_financing",
    "blacklisted": "blacklist blocked",
    "sanctioned": "sanctions ofac ofac_sanctions_lists",
    "organization": "organisation",
}


def _tree() -> dict[str, Concept]:
    concepts = {row[0]: Concept(*row) for row in _TREE}
    for parent, terms in _NARROWER.items():
        for term in terms.split():
            name = term.removeprefix("defi_").replace("_", " ").capitalize()
            concepts[term] = Concept(term, name, concepts[parent].mark, parent)
    return concepts


CONCEPTS: Mapping[str, Concept] = MappingProxyType(_tree())
"""Every concept by its id."""

_WORDS = {
    **{concept: concept for concept in CONCEPTS},
    **{word: concept for concept, word in _GRAPHSENSE.items()},
    **{word: concept for concept, words in _SYNONYMS.items() for word in words.split()},
}


def canonical(word: str) -> str:
    """Return the concept id that a source's word means, or the word itself where it is not known.

    Examples
    --------
    >>> canonical("Mixer"), canonical("wallet_service"), canonical("Bridge scam")
    ('mixing_service', 'hosted_wallet', 'Bridge scam')
    """
    stated = word.strip()
    return _WORDS.get(stated.lower().replace(" ", "_").replace("-", "_"), stated)


def graphsense_id(category: str) -> str:
    """Return GraphSense's id of a category, "" where its taxonomy has none."""
    if category in _OURS or category not in CONCEPTS:
        return ""
    return _GRAPHSENSE.get(category, category)


def ancestors(category: str) -> tuple[str, ...]:
    """Return the wider concepts of a category, nearest first; empty for a word that is not known.

    Examples
    --------
    >>> ancestors("bridge")
    ('defi', 'service')
    """
    wider = []
    while category in CONCEPTS and (category := CONCEPTS[category].parent):
        wider.append(category)
    return tuple(wider)


def mark(category: str) -> str:
    """Return the letter for a picture; `?` for a category that is not stated or not known."""
    return CONCEPTS[category].mark if category in CONCEPTS else CONCEPTS["unknown"].mark


def members(categories: Iterable[str], *, stated: Iterable[str] = ()) -> frozenset[str]:
    """Return the given categories with everything below them.

    Parameters
    ----------
    categories : iterable of str
        Concept ids or words that mean one.
    stated : iterable of str
        Words that some source stated though the taxonomy does not know them: these may be asked for.

    Raises
    ------
    BadInput
        For a category that is neither in the taxonomy nor stated.

    Examples
    --------
    >>> sorted(members(["defi"]))[:3]
    ['bridge', 'defi', 'defi_custody']
    """
    wanted = {canonical(word) for word in categories}
    if unknown := sorted(wanted - CONCEPTS.keys() - set(stated)):
        known = ", ".join(sorted(CONCEPTS.keys() | set(stated)))
        raise BadInput(f"not a category: {', '.join(unknown)}", hint=f"known are {known}")
    return frozenset(wanted | {concept for concept in CONCEPTS if wanted & set(ancestors(concept))})
