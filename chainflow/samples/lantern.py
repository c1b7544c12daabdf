"""Op Lantern: the made-up training case, from the miner's first coin to what lies unspent at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chainflow.samples.lessons import Lesson
from chainflow.samples.make import CHAIN, Coin, Habits, Maker
from chainflow.tags import Tags
from chainflow.units import to_sat

__all__ = ["training_case"]

VICTIM, OPERATOR, AFFILIATE = "Meridian Tools", "Lantern operator", "Lantern affiliate"
EXCHANGE, SHOP, DEALER = "Harbour Exchange", "Paper Lane Books", "Coin dealer"
A, B, C, D = "Joiner A", "Joiner B", "Joiner C", "Joiner D"
DUSTER, MINER = "Dust sender", "Miner"

_FINAL = 0xFFFFFFFF
_HABITS = {
    MINER: Habits("p2pkh", version=1, sequence=_FINAL, sets_locktime=False),
    EXCHANGE: Habits("p2sh", sequence=_FINAL, sets_locktime=False),
    SHOP: Habits("p2pkh", sequence=_FINAL, sets_locktime=False),
    DUSTER: Habits("p2pkh", version=1, sequence=_FINAL, sets_locktime=False),
    DEALER: Habits("p2tr"),
}
_MIX_SAT = to_sat("5")
_MAKER_FEE_SAT = 2_000
_MINING_FEE_SAT = 12_000
_DUST_SAT = 546

_STORY = (
    "Meridian Tools, a maker of hand tools, finds its files locked and a note with an address. It buys coins "
    "at Harbour Exchange, sends a small test and then 50 BTC. Whoever runs the scheme (the operator) shares "
    "with whoever broke in (the affiliate). The affiliate adds savings of its own and pays out of one coin, "
    "again and again; the operator adds coins of its own and joins a CoinJoin with four strangers. Somebody "
    "sends dust to addresses of both. All of it is made up."
)
_QUESTION = (
    "How much of the 50 BTC reached Harbour Exchange, by which rule, and what lies unspent? "
    "Who would be accused with whom if the CoinJoin counted as common spending?"
)


@dataclass(slots=True)
class _Story:
    """The chain while it grows: coins by a short name, transactions by the name of their chapter."""

    maker: Maker
    coins: dict[str, Coin] = field(default_factory=dict)
    txids: dict[str, str] = field(default_factory=dict)

    def pay(
        self,
        chapter: str,
        spent: str | Sequence[str],
        payments: Mapping[str, tuple[str, str | int]],
        *,
        rest: tuple[str, str] = ("", ""),
        note: str = "",
    ) -> None:
        """Spend coins by name, and name the coins that come of it.

        `payments` maps each new name to whom it goes (an owner gets a new address) and how much, in
        coins as text or in base units; `rest` is name and receiver of what is left.
        """
        places = {name: self._place(to) for name, (to, _) in payments.items()}
        amounts = {
            places[name]: amount if isinstance(amount, int) else to_sat(amount)
            for name, (_, amount) in payments.items()
        }
        name, to = rest
        change = self._place(to) if to else ""
        coins = [self.coins[name] for name in (spent.split() if isinstance(spent, str) else spent)]
        made = self.maker.pay(coins, amounts, change=change, note=note)
        self.coins |= {coin: made[place] for coin, place in places.items()}
        if change:
            self.coins[name] = made[change]
        self.txids[chapter] = next(iter(made.values())).txid

    def at(self, coin: str) -> str:
        """Return the address that a coin lies or lay at."""
        return self.coins[coin].address

    def shuffled(self, names: Iterable[str]) -> list[str]:
        """Return names in a made-up order."""
        return sorted(names, key=lambda _: self.maker.draw(2**32))

    def _place(self, to: str) -> str:
        return to if to in self.maker.owners else self.maker.address(to)


def training_case(seed: int = 1) -> Lesson:
    """Return the training case: 12 owners, 44 transactions, and for each rule something to find.

    The chain is complete, so nothing is unknown. With the CoinJoin vetoed, common spending puts nobody
    together with anybody else; without the veto it joins the operator with four strangers.

    Parameters
    ----------
    seed : int
        Another seed gives other addresses, txids, fees and dates, the same story and amounts.

    Examples
    --------
    >>> lesson = training_case()
    >>> len(lesson.ledger), len(set(lesson.truth.values())), lesson.answers["ransom_sat"]
    (44, 12, 5000000000)
    """
    story = _Story(Maker("Op Lantern", seed, _HABITS))
    for tell in (_earlier, _ransom, _affiliate, _operator, _strangers, _later):
        tell(story)
    return Lesson(
        title="Op Lantern",
        story=_STORY,
        question=_QUESTION,
        ledger=story.maker.ledger(),
        seed=str(story.coins["ransom"].outpoint),
        tags=Tags.of_rows(_tags(story), strict=True),
        truth=dict(story.maker.owners),
        answers=_answers(story),
    )


def _earlier(story: _Story) -> None:
    """A miner sells to the exchange, which pays its customers; its hot wallet is one address."""
    for number in range(1, 9):
        story.coins[f"m{number}"] = story.maker.mine(MINER)
    story.maker.skip(150)
    story.pay("first sale", "m1 m2 m3 m4", {"h1": (EXCHANGE, "199.5")}, rest=("m9", MINER))
    hot = story.at("h1")
    story.pay("second sale", "m5 m6 m7 m8 m9", {"h2": (hot, "200.25")}, rest=("m10", MINER))
    customers = {"v1": (VICTIM, "30"), "a1": (A, "6.1"), "b1": (B, "7.25"), "c1": (C, "5.6")}
    customers |= {"d1": (D, "9.3"), "f1": (AFFILIATE, "12"), "u1": (DUSTER, "0.05")}
    story.pay("first withdrawals", "h1", customers, rest=("h3", hot))
    customers = {"v2": (VICTIM, "25.5"), "a2": (A, "2.9"), "o1": (OPERATOR, "2.5")}
    customers |= {"s1": (SHOP, "0.8"), "k1": (DEALER, "3.3")}
    story.pay("second withdrawals", "h2 h3", customers, rest=("h4", hot))
    story.pay("books for the miner", "m10", {"s2": (SHOP, "0.1")}, rest=("m11", MINER))


def _ransom(story: _Story) -> None:
    """The victim sends a test and the ransom to one address; operator and affiliate share."""
    story.maker.skip(300)
    story.pay("test", "v1", {"test": (OPERATOR, "0.005")}, rest=("v3", VICTIM))
    story.pay("ransom", "v3 v2", {"ransom": (story.at("test"), "50")}, rest=("v4", VICTIM))
    story.pay("split", "test ransom", {"f2": (AFFILIATE, "40")}, rest=("o2", OPERATOR))


def _affiliate(story: _Story) -> None:
    """The affiliate mixes its share with savings, deposits, and pays on out of what is left."""
    story.pay("consolidation", "f1 f2", {}, rest=("f3", AFFILIATE))
    story.pay("first deposit", "f3", {"x1": (EXCHANGE, "15")}, rest=("f4", AFFILIATE))
    peeled = {"x2": (EXCHANGE, "3.1"), "s3": (SHOP, "0.45"), "x3": (EXCHANGE, "4.25")}
    peeled |= {"k2": (DEALER, "1.75"), "x4": (EXCHANGE, "2.6"), "k3": (DEALER, "5.2")}
    for number, (name, payment) in enumerate(peeled.items(), start=4):
        rest = (f"f{number + 1}", AFFILIATE)
        story.pay(f"peel {number - 3}", f"f{number}", {name: payment}, rest=rest)


def _operator(story: _Story) -> None:
    """The operator adds coins of its own, takes part in a CoinJoin and spends the change of it."""
    story.pay("operator's consolidation", "o2 o1", {}, rest=("o3", OPERATOR))
    _coinjoin(story, {OPERATOR: ["o3"], A: ["a1", "a2"], B: ["b1"], C: ["c1"], D: ["d1"]})
    story.pay(
        "operator pays a dealer", [f"{OPERATOR}'s change"], {"k4": (DEALER, "3")}, rest=("o4", OPERATOR)
    )
    story.pay("operator buys books", "o4", {"s4": (SHOP, "0.03")}, rest=("o5", OPERATOR))


def _coinjoin(story: _Story, parties: Mapping[str, Sequence[str]]) -> None:
    """Join as JoinMarket does: each takes an equal output and a change, the first party pays the others."""
    taker, *makers = parties
    payments: dict[str, tuple[str, str | int]] = {}
    for owner, coins in parties.items():
        fee_sat = _MINING_FEE_SAT + _MAKER_FEE_SAT * len(makers) if owner == taker else -_MAKER_FEE_SAT
        brought = sum(story.coins[coin].value_sat for coin in coins)
        payments[f"{owner}'s mix"] = (owner, _MIX_SAT)
        payments[f"{owner}'s change"] = (owner, brought - _MIX_SAT - fee_sat)
    inputs = story.shuffled(coin for coins in parties.values() for coin in coins)
    story.pay("coinjoin", inputs, {name: payments[name] for name in story.shuffled(payments)})


def _strangers(story: _Story) -> None:
    """Those who took part go their own ways, some of them carelessly; the exchange sweeps its deposits."""
    hot = story.at("h1")
    story.pay("a joiner buys books", [f"{A}'s change"], {"s5": (SHOP, "0.35")}, rest=("a3", A))
    story.pay("a joiner joins mix and change", [f"{B}'s mix", f"{B}'s change"], {}, rest=("b2", B))
    story.pay("a joiner deposits", [f"{C}'s mix"], {}, rest=("x5", EXCHANGE))
    story.pay("another buys books", [f"{D}'s change"], {"s6": (SHOP, "1.2")}, rest=("d2", D))
    story.pay("first sweep", "x1 x2 h4", {}, rest=("h5", hot))
    story.pay("dealer deposits", "k1 k2 k3", {}, rest=("x6", EXCHANGE))
    story.pay("victim buys books", "v4", {"s7": (SHOP, "0.15")}, rest=("v5", VICTIM))
    story.pay("shop pays a dealer", "s1 s2 s3 s4 s5 s6 s7", {"k5": (DEALER, "2.1")}, rest=("s8", SHOP))
    story.pay("second sweep", "x3 x4 x5 x6 h5", {}, rest=("h6", hot))
    customers = {"a4": (A, "1.1"), "k6": (DEALER, "2.2"), "b3": (B, "0.75")}
    story.pay("third withdrawals", "h6", customers, rest=("h7", hot))
    story.pay("a joiner joins mix and rest", [f"{D}'s mix", "d2"], {}, rest=("d3", D))
    story.pay("a joiner pays a dealer", "a3 a4", {"k7": (DEALER, "4.2")}, rest=("a5", A))


def _later(story: _Story) -> None:
    """Dust arrives at addresses of both; the affiliate's wallet spends it, and so joins two of them."""
    dusted = ["f2", "f10", "ransom", "o5", f"{OPERATOR}'s mix", f"{A}'s mix", "s1"]
    dust: dict[str, tuple[str, str | int]] = {
        f"dust on {coin}": (story.at(coin), _DUST_SAT) for coin in dusted
    }
    story.pay("dust", "u1", dust, rest=("u2", DUSTER), note="made up: Op Lantern")
    last = {"x7": (EXCHANGE, "6")}
    story.pay("affiliate's last deposit", ["dust on f2", "f10"], last, rest=("f11", AFFILIATE))
    story.pay("dealer deposits again", "k4 k5 k6 k7", {"x8": (EXCHANGE, "10")}, rest=("k8", DEALER))
    story.pay("third sweep", "x7 x8 h7", {}, rest=("h8", story.at("h1")))


def _tags(story: _Story) -> list[dict[str, object]]:
    """Return what others say: a service, the note, a web page, and a report that is wrong."""
    said = [
        (
            "h1",
            "Harbour Exchange, hot wallet",
            "exchange",
            "",
            "manual_transaction",
            "a withdrawal of our own",
        ),
        (
            "test",
            "Address in the note",
            "",
            "ransomware",
            "forensic_investigation",
            "the note at Meridian Tools",
        ),
        ("s1", "Paper Lane Books", "shop", "", "web_crawl", "the shop's own page"),
        ("x2", "Reported as Lantern's wallet", "", "ransomware", "web_crawl", "a public list of reports"),
    ]
    return [
        {
            "address": story.at(coin),
            "chain": CHAIN,
            "label": label,
            "category": category,
            "abuse": abuse,
            "source": f"made up: {source}",
            "creator": "chainflow",
            "confidence": confidence,
            "date": "2025-02-03",
            "is_cluster_definer": category == "exchange",
        }
        for coin, label, category, abuse, confidence, source in said
    ]


def _answers(story: _Story) -> dict[str, str | int]:
    rest, mixed = story.coins["f11"], story.coins[f"{OPERATOR}'s mix"]
    return {
        "ransom_sat": story.coins["ransom"].value_sat,
        "operator_share_sat": story.coins["o2"].value_sat,
        "affiliate_share_sat": story.coins["f2"].value_sat,
        "consolidation": story.txids["consolidation"],
        "coinjoin": story.txids["coinjoin"],
        "strangers_in_coinjoin": 4,
        "peel_payments": 6,
        "dust": story.txids["dust"],
        "dust_spent_by": story.txids["affiliate's last deposit"],
        "wrong_tag_on": story.at("x2"),
        "unspent_of_affiliate": str(rest.outpoint),
        "unspent_of_affiliate_sat": rest.value_sat,
        "unspent_mixed_of_operator": str(mixed.outpoint),
    }
