"""Airdrops, approvals, first funders, hours of activity, and what all account rules filter first."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.clustering.accounts import (
    Airdrop,
    Approval,
    GasFunder,
    PoolLinkedAddress,
    SelfAuthorisation,
    activity_profile,
    read_approvals,
)
from chainflow.clustering.accounts.moves import Moves
from chainflow.errors import BadInput, SchemaMismatch, SeedUnknown
from chainflow.formats.ethereum_etl import EthereumEtl
from chainflow.model import TransferKind, TransferRecord
from chainflow.sources.accounts import APPROVAL_TOPIC
from tests.clustering.account_made import call, ledger, linked, paid_fee, pay, token, txid, who
from tests.sources.evm_reading import NODE, read

# --- airdrops ------------------------------------------------------------------------------------

PEOPLE = tuple(f"p{number}" for number in range(12))
DROP = Airdrop(min_recipients=10)


def drop(*, step: int = 1, value: int = 16_000, sender: str | None = "giver"):
    """The distributor gives everybody the same, one after another."""
    return [token(sender, name, value, 10 + n * step, signer="giver") for n, name in enumerate(PEOPLE)]


def passed(names, target, *, value: int = 16_000, height: int = 100, **given):
    return [token(name, target, value, height + n, **given) for n, name in enumerate(names)]


def test_recipients_that_pass_their_share_on_to_one_account_are_linked_with_it():
    rows = [*drop(), *passed(PEOPLE[:3], "p5"), *passed(PEOPLE[6:7], "cat"), paid_fee("p5", 1)]
    assert linked(DROP.links(ledger(*rows)), *PEOPLE) == {("p0", "p5"), ("p1", "p5"), ("p2", "p5")}


@pytest.mark.parametrize(
    "rows",
    [
        [*drop(step=3), *passed(PEOPLE[:3], "p5")],
        [*drop()[:9], *passed(PEOPLE[:3], "p5")],
        [*drop(), *passed(PEOPLE[:3], "p5", value=15_999)],
        [*drop(), *passed(PEOPLE[:3], "p5", of="DAI")],
        [*drop(), *passed(PEOPLE[:3], "giver")],
        [*drop(), *passed(PEOPLE[:3], "p5", height=1)],
        [*drop(), *passed(PEOPLE[:3], "p5", signer="eve")],
        [*drop(), *passed(PEOPLE[:3], "silent")],
        [*drop(), *passed(PEOPLE[:1], "p5")],
    ],
    ids=["slow", "few", "other amount", "other token", "back", "before", "forged", "inactive", "one"],
)
def test_what_is_no_airdrop_or_not_passed_on_links_nothing(rows):
    assert DROP.links(ledger(*rows, paid_fee("p5", 1))).num_rows == 0


def test_an_excluded_collector_and_a_contract_link_nothing():
    rows = [*drop(), *passed(PEOPLE[:3], "p5"), paid_fee("p5", 1)]
    assert Airdrop(min_recipients=10, excluded=[who("p5")]).links(ledger(*rows)).num_rows == 0
    inside = [pay("eve", "p5", 0, 300, txid=txid(3)), call("p5", "eve", 1, 300, txid(3))]
    assert DROP.links(ledger(*rows, inside)).num_rows == 0


def test_tokens_made_from_nothing_for_each_are_an_airdrop_too():
    rows = [*drop(sender=None), *passed(PEOPLE[:2], "p5"), paid_fee("p5", 1)]
    assert linked(DROP.links(ledger(*rows)), *PEOPLE) == {("p0", "p5"), ("p1", "p5")}


def test_an_ordinary_ledger_of_a_thousand_payments_has_no_airdrop():
    assert Airdrop().links(ledger(*drop())).num_rows == 0
    assert Airdrop().links(ledger()).num_rows == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)), max_size=12), st.integers(1, 4))
def test_airdrop_links_are_what_the_definition_says(steps, sources):
    steps = [(one, other) for one, other in steps if one != other]
    rows = [token(one, other, 16_000, 100 + n) for n, (one, other) in enumerate(steps)]
    active = [paid_fee(name, 1) for name in PEOPLE]
    found = Airdrop(min_recipients=10, min_sources=sources).links(ledger(*drop(), *rows, active))
    of = {target: {one for one, other in steps if other == target} for _, target in steps}
    assert linked(found, *PEOPLE) == {(one, t) for t in of if len(of[t]) >= sources for one in of[t]}


# --- approvals -----------------------------------------------------------------------------------


def topic(name: str) -> str:
    return "0x" + "0" * 24 + who(name)[2:]


def log(owner: str = "ann", spender: str = "ben", value: int = 7, **given):
    return {
        "address": who("USD"),
        "topics": [APPROVAL_TOPIC, topic(owner), topic(spender)],
        "data": f"0x{value:064x}",
        "transactionHash": txid(1),
        "removed": False,
    } | given


GRANT = Approval(who("ann"), who("ben"), who("USD"), txid(1))


def test_approvals_are_read_from_logs_and_from_receipts():
    assert read_approvals([log()]) == (GRANT,)
    assert read_approvals([{"status": "0x1", "logs": [log(), log(removed=True)]}]) == (GRANT,)


def test_revocations_other_events_and_tokens_of_one_kind_are_no_approvals():
    of_one_kind = log(topics=[APPROVAL_TOPIC, topic("ann"), topic("ben"), txid(9)], data="0x")
    other = log(topics=["0x" + "9" * 64, topic("ann"), topic("ben")])
    borrowed = log(topics=[APPROVAL_TOPIC, "0x" + "f" * 64, topic("ben")])
    assert read_approvals([log(value=0), of_one_kind, other, borrowed, log(topics=[])]) == ()


@pytest.mark.parametrize(
    "broken",
    [
        {"address": "0x12"},
        {"address": ""},
        {"topics": ["0x12"]},
        {"topics": None},
        {"data": "0x1"},
        {"data": 7},
        {"data": "0xzz"},
        {"transactionHash": "1"},
        {"removed": "no"},
    ],
)
def test_a_log_of_another_form_is_refused(broken):
    with pytest.raises(SchemaMismatch):
        read_approvals([log(), log(**broken)])


def test_logs_that_are_no_list_of_objects_are_refused():
    for wrong in ({}, ["0x"], None):
        with pytest.raises(SchemaMismatch):
            read_approvals(wrong)


def approved(*more, owner: str = "ann", ok: bool | None = True):
    return ledger(
        pay(owner, "USD", 0, 10, txid=txid(1), ok=ok), paid_fee("ben", 5), paid_fee("ann", 4), *more
    )


def test_an_owner_and_a_spender_with_keys_are_linked_by_the_approval():
    found = SelfAuthorisation([GRANT]).links(approved())
    assert linked(found, "ann", "ben") == {("ann", "ben")}
    assert found["txid"].to_pylist() == [txid(1)]


def test_a_spender_that_is_a_contract_or_never_signed_or_is_excluded_is_not_linked():
    inside = [pay("eve", "ben", 0, 11, txid=txid(3)), call("ben", "eve", 1, 11, txid(3))]
    assert SelfAuthorisation([GRANT]).links(approved(*inside)).num_rows == 0
    assert SelfAuthorisation([GRANT], excluded=[who("ben")]).links(approved()).num_rows == 0
    silent = [GRANT._replace(spender=who("cat"))]
    assert SelfAuthorisation(silent).links(approved(pay("eve", "cat", 1, 3))).num_rows == 0


def test_an_approval_that_its_owner_did_not_sign_or_that_failed_or_is_not_held_is_not_linked():
    assert SelfAuthorisation([GRANT]).links(approved(owner="eve")).num_rows == 0
    assert SelfAuthorisation([GRANT]).links(approved(ok=False)).num_rows == 0
    assert SelfAuthorisation([GRANT._replace(txid=txid(2))]).links(approved()).num_rows == 0


def test_a_spender_that_many_let_spend_counts_as_a_service():
    owners = ["ann", "cat", "dan", "eve"]
    rows = [pay(name, "USD", 0, 10 + n, txid=txid(1 + n)) for n, name in enumerate(owners)]
    given = [Approval(who(name), who("ben"), who("USD"), txid(1 + n)) for n, name in enumerate(owners)]
    made = ledger(*rows, paid_fee("ben", 5))
    assert SelfAuthorisation(given).links(made).num_rows == 0
    assert SelfAuthorisation(given, max_owners=4).links(made).num_rows == 4


def test_the_rule_without_approvals_is_refused_when_it_is_made_for_no_link_would_be_no_finding():
    with pytest.raises(BadInput, match=r"no approvals(?s:.)*read_approvals"):
        SelfAuthorisation()


def test_a_row_that_is_no_approval_is_refused_and_rows_of_json_are_taken():
    for wrong in ("text", [who("ann"), who("ben")], [1, 2, 3, 4], [who("ann"), "ben", who("USD"), txid(1)]):
        with pytest.raises(BadInput):
            SelfAuthorisation([wrong]).links(approved())
    again = SelfAuthorisation(**json.loads(json.dumps(SelfAuthorisation([GRANT]).parameters)))
    assert again.links(approved()).num_rows == 1


# --- first funders -------------------------------------------------------------------------------


def test_accounts_that_got_their_first_coins_from_one_account_are_linked_with_it():
    rows = [pay("ann", name, 5, 10 + n) for n, name in enumerate(("ben", "cat"))]
    rows += [pay("eve", "ben", 9, 50), pay("ben", "dan", 1, 60)]
    assert linked(GasFunder().links(ledger(*rows)), "ann", "ben", "cat", "dan") == {
        ("ann", "ben"),
        ("ann", "cat"),
    }


def test_a_funder_of_many_or_an_excluded_one_is_a_service():
    rows = [pay("ann", f"p{n}", 5, 10 + n) for n in range(11)]
    assert GasFunder().links(ledger(*rows)).num_rows == 0
    assert GasFunder().links(ledger(*rows[:10])).num_rows == 10
    assert GasFunder(excluded=[who("ann")]).links(ledger(*rows[:10])).num_rows == 0


@pytest.mark.parametrize(
    "more",
    [
        lambda: paid_fee("ben", 5),
        lambda: pay("eve", "ben", 9, 10, position=None),
        lambda: replace(pay("eve", "ben", 9, 10), height=None, position=None),
        lambda: pay("eve", "ben", 9, 9, ok=None),
        lambda: [pay("eve", "mix", 0, 9, txid=txid(3)), call("mix", "ben", 1, 9, txid(3))],
    ],
    ids=["signed before", "same block", "unknown block", "unknown outcome", "funded by a contract"],
)
def test_where_the_first_payment_is_not_certain_nothing_is_linked(more):
    extra = more()
    rows = [
        pay("ann", "ben", 5, 10),
        pay("ann", "cat", 5, 11),
        *(extra if isinstance(extra, list) else [extra]),
    ]
    assert GasFunder().links(ledger(*rows)).num_rows == 0
    assert GasFunder().links(ledger(*rows[:2])).num_rows == 2


def test_bad_limits_are_refused():
    for wrong in (
        GasFunder(min_accounts=0),
        GasFunder(min_accounts=5, max_accounts=4),
        Airdrop(min_sources=True),
        SelfAuthorisation([GRANT], max_owners=0),
        PoolLinkedAddress({who("pool"): 1}, min_payments=0),
    ):
        with pytest.raises(BadInput):
            wrong.links(ledger(pay("ann", "ben", 5, 1)))


# --- hours ---------------------------------------------------------------------------------------


def test_the_profile_counts_signed_transactions_by_hour():
    day = 1_700_006_400  # midnight, UTC
    rows = [replace(pay("ann", "ben", 5, n), time=day + n * 3600 + 59) for n in (1, 1, 23)]
    profile = activity_profile(ledger(*rows, pay("ben", "ann", 5, 100)), who("ann"))
    assert {hour: count for hour, count in enumerate(profile.tolist()) if count} == {1: 2, 23: 1}
    with pytest.raises(SeedUnknown):
        activity_profile(ledger(*rows), who("cat"))


# --- recorded ------------------------------------------------------------------------------------


def recorded(shared: Path, *names: str):
    folder = shared / "evm" / "block_17173049"
    return [
        fact
        for name in names
        for fact in EthereumEtl.read(
            "eth", f"/{name}.json.gz", 200, (folder / f"{name}.json.gz").read_bytes()
        )
    ]


def test_recorded_blocks_hold_86_approvals_and_none_between_two_accounts_with_keys(shared: Path):
    folder = shared / "evm" / "block_17173049"
    rows = map(json.loads, gzip.decompress((folder / "expected_logs.json.gz").read_bytes()).splitlines())
    logs = [row | {"transactionHash": row["transaction_hash"]} for row in rows]
    named = sum(row["topics"][:1] == [APPROVAL_TOPIC] for row in logs)
    approvals = read_approvals(logs)
    assert (named, len(approvals)) == (86, 69)
    made = ledger(*recorded(shared, "expected_transactions", "expected_logs"))
    assert SelfAuthorisation(approvals, max_owners=100).links(made).num_rows == 0


def test_recorded_blocks_are_read_as_moves_in_chain_order(shared: Path):
    moves = Moves.of(ledger(*recorded(shared, "expected_transactions", "expected_logs")))
    low, high = moves.moments
    assert (low == high).all()
    assert (sorted(low.tolist()) == low).all()
    assert max(moves.value) > 10**30
    assert moves.is_kind(TransferKind.TOKEN).sum() > 291
    assert not moves.is_active[moves.contract[moves.contract >= 0]].any()  # no contract signed anything


def test_no_rule_links_a_token_contract_of_recorded_blocks(shared: Path):
    made = ledger(*recorded(shared, "expected_transactions", "expected_logs"))
    contracts = set(made.transfers["contract"].drop_null().to_pylist())
    rules = (Airdrop(min_recipients=2, max_median_gap=10), GasFunder(max_accounts=1000))
    for rule in rules:
        links = rule.links(made)
        assert not contracts & {*links["a"].to_pylist(), *links["b"].to_pylist()}


def test_a_recorded_chain_shows_who_is_a_contract_and_who_has_a_key(shared: Path):
    held = json.loads((shared / "nodes" / "anvil" / "recorded.json").read_bytes())
    receipts = {one["transactionHash"]: one for one in [*held["receipts"], held["failed_receipt"]]}
    rows = []
    for block in held["blocks"]:
        own = [receipts.get(tx["hash"]) for tx in block["transactions"]]
        if own and all(own):
            rows += read(NODE.block_paths(int(block["number"], 16))[0], block, own, chain="evm-dev")[1:]
    moves = Moves.of(ledger([row for row in rows if isinstance(row, TransferRecord)]))
    names = [address for _, address in moves.names]
    contract = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
    assert [name for name, is_one in zip(names, moves.is_contract, strict=True) if is_one] == [contract]
    active = {name for name, is_one in zip(names, moves.is_active, strict=True) if is_one}
    assert "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266" in active
    assert contract not in active
    assert not moves.is_own[moves.outcome == 0].any()
    assert read_approvals([*receipts.values()]) == ()
