"""Op Ferry: a made-up theft on an account chain: swaps, a wrapped token, a mixing pool, an exchange, a bridge."""

from __future__ import annotations

from chainflow.model import TokenRecord
from chainflow.samples.accounts import CHAIN, TRANSFER_FEE, AccountCase, AccountMaker, Inside
from chainflow.tags import Tags

__all__ = ["account_case"]

ETHER, DOLLAR = 10**18, 10**6
_TITLE = "Op Ferry"


class _Story:
    """Who did what, in order."""

    def __init__(self, seed: int) -> None:
        chain = self.chain = AccountMaker(_TITLE, seed)
        self.ann, self.ben, self.cleo = map(chain.account, ("Ann", "Ben", "Cleo"))
        self.collector = chain.account("Thief")
        self.relays = [chain.account("Thief") for _ in range(5)]
        self.unwrapper, self.holder, self.far, self.hidden = (chain.account("Thief") for _ in range(4))
        self.hot, self.deposit, self.coin_deposit = (chain.account("Exchange") for _ in range(3))
        self.swaps, self.mixer, self.bridge = map(chain.account, ("Swap pool", "Mixing pool", "Bridge"))
        self.dollars, self.wrapped, self.points = (chain.account(f"Token {name}") for name in "UWP")
        self.relayer = chain.account("Relayer")
        self.others = [chain.account(name) for name in ("Dan", "Eve", "Finn")]
        self.told: dict[str, str | int] = {}

    def steal(self) -> dict[str, str]:
        """Take 40 and 30 ether and 25,000 dollars, and split the ether five ways, in part before all has come."""
        write, collector = self.chain.write, self.collector
        write(self.hot, collector, 10 * ETHER)
        ann = write(self.ann, collector, 40 * ETHER, blocks=300)
        write(collector, self.relays[0], 16 * ETHER, blocks=40)
        ben = write(self.ben, collector, 30 * ETHER, blocks=60)
        take = Inside(self.dollars, self.cleo, collector, 25_000 * DOLLAR)
        cleo = write(collector, self.dollars, 0, [take], blocks=20)
        for number, relay in enumerate(self.relays[1:]):
            write(collector, relay, (15 if number == 3 else 16) * ETHER, blocks=0 if number else 30)
        pass_on = Inside(self.dollars, collector, self.relays[0], 25_000 * DOLLAR)
        write(collector, self.dollars, 0, [pass_on], blocks=5)
        return {"Ann": ann, "Ben": ben, "Cleo": f"{cleo}:log:0"}

    def swap(self) -> None:
        """The first relay swaps ether for dollars and mixes them with Cleo's; the holder swaps some back."""
        write, first, holder = self.chain.write, self.relays[0], self.holder
        got = Inside(self.dollars, self.swaps, first, 37_500 * DOLLAR)
        self.told["swap"] = write(first, self.swaps, 15 * ETHER, [got], blocks=100)
        for payee, amount in ((self.deposit, 20_000), (holder, 42_500)):
            paid = Inside(self.dollars, first, payee, amount * DOLLAR)
            write(first, self.dollars, 0, [paid], blocks=25)
        write(first, holder, ETHER // 4, blocks=3)
        back = Inside(self.dollars, holder, self.swaps, 10_000 * DOLLAR)
        ether = Inside(None, self.swaps, holder, 398 * ETHER // 100)
        self.told["swapped_back"] = write(holder, self.swaps, 0, [back, ether], blocks=200)

    def wrap(self) -> None:
        """The second relay wraps ether; another account unwraps it and pays one whose history nobody asked for."""
        write, relay, amount = self.chain.write, self.relays[1], 155 * ETHER // 10
        made = Inside(self.wrapped, None, relay, amount)
        self.told["wrap"] = write(relay, self.wrapped, amount, [made], blocks=30)
        write(relay, self.unwrapper, ETHER // 10, blocks=4)
        write(relay, self.wrapped, 0, [Inside(self.wrapped, relay, self.unwrapper, amount)], blocks=2)
        undone = Inside(self.wrapped, self.unwrapper, None, amount)
        given = Inside(None, self.wrapped, self.unwrapper, amount)
        self.told["unwrap"] = write(self.unwrapper, self.wrapped, 0, [undone, given], blocks=50)
        write(self.unwrapper, self.far, 12 * ETHER, blocks=9)

    def mix(self) -> None:
        """Three strangers and the third relay each pay ten ether into a pool; later it pays out, and not to them."""
        write, amount = self.chain.write, 10 * ETHER
        for stranger in self.others[:2]:
            write(stranger, self.mixer, amount, blocks=17)
        self.told["mixed"] = write(self.relays[2], self.mixer, amount, blocks=11)
        write(self.others[2], self.mixer, amount, blocks=23)
        for owner in ("Eve", "Thief", "Dan"):
            to = self.hidden if owner == "Thief" else self.chain.account(owner)
            paid = [
                Inside(None, self.mixer, to, amount - ETHER // 20),
                Inside(None, self.mixer, self.relayer, ETHER // 20),
            ]
            txid = write(self.relayer, self.mixer, 0, paid, blocks=400)
            self.told |= {"unmixed": txid} if owner == "Thief" else {}

    def deposit_and_bridge(self) -> None:
        """The fourth relay pays into an exchange, at the second try; the fifth swaps, for two tokens, and bridges."""
        write, fourth, fifth = self.chain.write, self.relays[3], self.relays[4]
        self.told["failed"] = write(fourth, self.coin_deposit, 15 * ETHER, ok=False, blocks=2)
        write(fourth, self.coin_deposit, 15 * ETHER, blocks=8)
        write(self.coin_deposit, self.hot, 15 * ETHER - TRANSFER_FEE, blocks=70)
        sweep = Inside(self.dollars, self.deposit, self.hot, 20_000 * DOLLAR)
        write(self.hot, self.deposit, ETHER // 100, blocks=1)
        write(self.deposit, self.dollars, 0, [sweep], blocks=2)
        got = [
            Inside(self.dollars, self.swaps, fifth, 34_900 * DOLLAR),
            Inside(self.points, self.swaps, fifth, 120),
        ]
        self.told["swap_for_two"] = write(fifth, self.swaps, 14 * ETHER, got, blocks=12)
        over = Inside(self.dollars, fifth, self.bridge, 34_900 * DOLLAR)
        self.told["bridged"] = write(fifth, self.bridge, 0, [over], blocks=6)

    def tags(self) -> Tags:
        """Return what others say: of four accounts, and nothing false."""
        said = (
            (self.hot, "Exchange", "exchange", "service_data"),
            (self.mixer, "Mixing pool of 10", "mixing_service", "web_crawl"),
            (self.bridge, "Bridge", "bridge", "web_crawl"),
            (self.collector, "Named in three reports", "hack", "forensic_investigation"),
        )
        rows = [
            {
                "address": address,
                "chain": CHAIN,
                "label": label,
                "category": category,
                "source": "made up for this case",
                "confidence": confidence,
                "creator": "chainflow",
            }
            for address, label, category, confidence in said
        ]
        return Tags.of_rows(rows, strict=True)

    def asked(self) -> tuple[str, ...]:
        """Return the accounts whose whole history is in evidence."""
        own = (self.collector, *self.relays, self.unwrapper, self.holder)
        return (*own, self.deposit, self.coin_deposit, self.mixer)


def account_case(seed: int = 1) -> AccountCase:
    """Return a made-up theft from three people on an account chain, and what became of it.

    It has what makes tracing accounts hard: own money mixed in, one payment out before all had come, fees, a
    payment that failed, a swap and one back, a swap for two tokens at once, a wrapped token, a mixing pool, a
    bridge, deposits swept into an exchange, and an account whose history nobody asked for.

    Parameters
    ----------
    seed : int
        Another seed gives other accounts and txids; story, amounts and blocks stay.

    Examples
    --------
    >>> case = account_case()
    >>> case.ledger.chain, sorted(case.seeds)
    ('evm-dev', ['Ann', 'Ben', 'Cleo'])
    """
    story = _Story(seed)
    seeds = story.steal()
    for part in (story.swap, story.wrap, story.mix, story.deposit_and_bridge):
        part()
    told = ((story.dollars, "USDX", 6), (story.wrapped, "WETHX", 18), (story.points, "PTS", 0))
    tokens = [TokenRecord(CHAIN, contract, sign, sign, decimals) for contract, sign, decimals in told]
    asked = story.asked()
    places = ("collector", "far", "holder", "hidden", "hot", "mixer", "bridge", "swaps", "unwrapper")
    contracts = ("dollars", "wrapped", "points")
    named = {name: getattr(story, name) for name in (*places, *contracts)}
    return AccountCase(
        title=_TITLE,
        story=(
            "Ann is tricked into paying 40 ETH, Ben into paying 30, and 25,000 USDX are taken from Cleo, all to one "
            "account that already had 10 ETH of its own. Within hours most of it has left again, by nine accounts, a "
            "pool for swaps, a wrapped token, a mixing pool, an exchange and a bridge."
        ),
        question="Whose money is where, by a rule declared beforehand, and where does the chain stop telling?",
        ledger=story.chain.ledger(asked, tokens),
        seeds=seeds,
        tags=story.tags(),
        asked=asked,
        truth=dict(story.chain.owners),
        answers=named | story.told,
    )
