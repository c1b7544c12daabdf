"""Two clusterings: by other rules, of a grown ledger, as of a block, in the cautious bound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.clustering import Decision, Kind, cluster, difference
from chainflow.clustering.engine.vetoes import vetoes_again
from chainflow.errors import BadInput
from chainflow.ledger import build
from chainflow.model import OutputRecord, TransferKind, TransferRecord, TxRecord
from chainflow.patterns import coinjoins
from tests.clustering.test_cluster import CHAIN, at, groups, mix, spendings, together
from tests.clustering.told import Told
from tests.made import HERE, ledger, origin, script, tx

FEW = settings(max_examples=40, deadline=None)


def test_the_lower_bound_has_only_exact_and_common_input_links():
    one, two = together("ann", "ben", number=1), together("cat", number=2)
    rules = [
        "multi-input",
        Told(((at("ben"), at("cat"), two.txid),), Kind.CHANGE),
        Told(((at("cat"), at("shop 1"), two.txid),), Kind.EXACT, name="exact"),
    ]
    owners = cluster(ledger(one, two), rules, decisions=[Decision("same", at("ann"), at("shop 2"), "so")])
    low = owners.lower_bound
    assert len(owners) == 1
    assert groups(low) >= {frozenset({at("ann"), at("ben")}), frozenset({at("cat"), at("shop 1")})}
    assert sorted(low.refused["reason"].to_pylist()) == [
        "asserted links do not count in a lower bound",
        "change links do not count in a lower bound",
    ]
    assert low.recipe.parameters["mode"] == "lower-bound"
    assert low.recipe.digest != owners.recipe.digest


def test_a_payjoin_suspect_is_contestable_in_the_lower_bound():
    spend = tx([origin(90_000, "ann"), origin(50_000, "ben", number=2)], [(60_000, "x"), (79_000, "y")])
    owners = cluster(ledger(spend))
    assert owners.shapes[spend.txid].family == "payjoin"
    assert owners.of(at("ann")) == owners.of(at("ben"))
    assert owners.lower_bound.of(at("ann")) != owners.lower_bound.of(at("ben"))
    assert owners.lower_bound.refused["by"].to_pylist() == ["contestable"]


@FEW
@given(spendings())
def test_each_cluster_of_the_lower_bound_is_part_of_one(records):
    owners = cluster(ledger(*records), quarantine=3)
    whole = groups(owners)
    assert all(any(part <= group for group in whole) for part in groups(owners.lower_bound))


def test_without_a_transaction_the_rest_stays():
    first, second = together("ann", "ben", number=1), together("ben", "cat", number=2)
    left = cluster(ledger(first, second)).without([first.txid])
    assert left.of(at("ann")) != left.of(at("ben")) == left.of(at("cat"))
    assert left.refused["txid"].to_pylist() == [first.txid]


def test_a_difference_names_what_merged_what_split_and_the_links_behind_it():
    one, two = together("ann", "ben", number=1), together("ben", "cat", number=2)
    held = ledger(one, two)
    before, after = cluster(held, veto=[one.txid]), cluster(held, veto=[two.txid])
    found = difference(before, after)
    ((merged,), (split,)) = found.merged, found.split
    assert sorted(merged.parts) == sorted([at("ann"), before.of(at("ben"))])
    assert merged.links["txid"].to_pylist() == [one.txid]
    assert split.links["txid"].to_pylist() == [two.txid]
    assert "by 1 link of multi-input" in merged.sentence
    assert "fell apart into" in split.sentence
    assert found.to_pandas()["kind"].tolist() == ["merged", "merged", "split", "split"]
    assert repr(found) == "<Difference 1 merged, 1 split; addresses: 0 new, 0 gone>"
    assert "became" in found._repr_html_()


def test_a_new_address_between_two_old_clusters_names_both_links():
    old = [together("ann", "x", number=1), together("ben", "y", number=2)]
    new = [together("ann", "zoe", number=3, height=101), together("zoe", "ben", number=4, height=102)]
    found = difference(cluster(ledger(*old)), cluster(ledger(*old, *new)))
    (merged,) = found.merged
    assert merged.links["txid"].to_pylist() == [record.txid for record in new]
    assert at("zoe") in found.new
    assert not found.gone


def test_nothing_differs_from_itself():
    owners = cluster(ledger(together("ann", "ben", number=1)))
    assert not difference(owners, owners)
    assert not difference(cluster(ledger()), cluster(ledger()))


@FEW
@given(spendings(), st.data())
def test_a_split_read_backwards_is_a_merger(records, data):
    held = ledger(*records)
    veto = data.draw(st.sets(st.sampled_from([record.txid for record in records])))
    one, other = cluster(held, veto=()), cluster(held, veto=veto)
    assert not difference(one, other).merged
    forth, back = difference(one, other).split, difference(other, one).merged
    assert [(c.whole, c.parts, c.sizes) for c in forth] == [(c.whole, c.parts, c.sizes) for c in back]
    assert {change.whole for change in forth} == {
        name for name in one.sizes if len({other.of(member) for member in one.members(name)}) > 1
    }


@FEW
@given(spendings(), st.integers(0, 9), st.data())
def test_updating_gives_what_clustering_anew_gives(records, count, data):
    rules = data.draw(st.sampled_from([None, ["multi-input"], []]))
    terms = {"quarantine": data.draw(st.sampled_from([None, 2, 100]))}
    early, grown = ledger(*records[:count]), ledger(*records)
    old = cluster(early, rules, **terms)
    new, anew = old.update(grown), cluster(grown, rules, **terms)
    assert (new.digest, new.recipe.digest) == (anew.digest, anew.recipe.digest)
    assert (new.links.to_pylist(), new.refused.to_pylist()) == (
        anew.links.to_pylist(),
        anew.refused.to_pylist(),
    )


@FEW
@given(spendings(), st.integers(99, 105))
def test_as_of_a_block_is_the_clustering_of_the_earlier_records(records, height):
    early = cluster(ledger(*(record for record in records if record.height <= height)))
    assert cluster(ledger(*records)).as_of(height).digest == early.digest


def test_decisions_about_later_addresses_are_left_out_as_of_a_block():
    held = ledger(together("ann", "ben", number=1), together("cat", number=2, height=200))
    owners = cluster(held, decisions=[Decision("same", at("ann"), at("cat"), "so")])
    early = owners.as_of(150)
    assert early.decisions == ()
    assert early.recipe.parameters["decisions"] == []
    assert len(owners.members(at("ann"))) == 3


def test_why_not_is_for_addresses_that_are_apart():
    owners = cluster(ledger(together("ann", "ben", number=1), together("cat", number=2)))
    assert owners.why_not(at("ann"), at("cat")).refused == ()
    with pytest.raises(BadInput, match="are in one cluster"):
        owners.why_not(at("ann"), at("ben"))


@pytest.mark.parametrize("veto", [None, (), "named", "some families"])
def test_a_recorded_veto_is_read_again(veto):
    held = ledger(mix(), together("ann", "ben", number=3))
    given = {"named": [mix().txid], "some families": coinjoins(held, families=["whirlpool"])}.get(veto, veto)
    for rules in (["multi-input"], ["multi-input", "self-change"]):
        owners = cluster(held, rules, veto=given)
        again = cluster(held, rules, veto=vetoes_again(held, owners.recipe.parameters["veto"]))
        assert (again.recipe.digest, again.digest) == (owners.recipe.digest, owners.digest)
    with pytest.raises(BadInput, match="not a recorded veto"):
        vetoes_again(held, 7)


ANN, BEN, CAT = ("0x" + digit * 40 for digit in "abc")


def moves() -> list[TransferRecord]:
    return [
        TransferRecord("eth", f"0x{n:064x}", TransferKind.NATIVE, None, a, b, 5, 5, True, height=n)
        for n, (a, b) in enumerate([(ANN, BEN), (BEN, CAT)], 10)
    ]


def test_accounts_are_single_clusters_until_an_account_rule_links_them():
    held = build((move, HERE) for move in moves())
    assert set(cluster(held).sizes) == {ANN, BEN, CAT}
    owners = cluster(held, [Told(((ANN, CAT, moves()[1].txid),), Kind.ACCOUNT)])
    assert owners.members(CAT.upper().replace("0X", "0x")) == (ANN, CAT)
    (link,) = owners.explain(ANN, CAT).chain
    assert (link.txid, link.height) == (moves()[1].txid, 11)


def test_a_ledger_of_both_kinds_names_the_chain():
    held = build((fact, HERE) for fact in (*moves(), together("ann", "ben", number=1)))
    owners = cluster(held)
    assert owners.members(ANN) == (f"eth:{ANN}",)
    assert owners.of(at("ann")).startswith(f"{CHAIN}:")


def test_a_ledger_of_coinbases_only_has_single_clusters():
    records = [
        TxRecord(
            CHAIN,
            f"{n:064x}",
            (),
            (OutputRecord(50, script(f"miner {n}").hex()),),
            is_coinbase=True,
            height=n,
        )
        for n in range(1, 4)
    ]
    owners = cluster(ledger(*records))
    assert (len(owners), owners.links.num_rows, owners.alarms()) == (3, 0, ())
    assert len(owners.lower_bound) == 3


def test_what_rests_on_one_rule_does_not_survive_without_it():
    one, two = together("ann", "ben", number=1), together("cat", number=2)
    rule = Told(((at("ben"), at("cat"), two.txid),), Kind.CHANGE)
    owners = cluster(ledger(one, two), ["multi-input", rule])
    found = owners.survives({"guess": (at("ben"), at("cat")), "apart": (at("ann"), at("shop 1"))})
    assert found.robust == ("apart",)
    assert "the rule told" in found.rests_on("guess")
    with pytest.raises(BadInput, match="no finding"):
        owners.survives({})
