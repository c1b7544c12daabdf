"""Policies by name: each is found by what it calls itself, and a wrong name is answered with the right ones."""

from __future__ import annotations

import pytest

from chainflow.errors import BadInput
from chainflow.tracing.policies import Fifo, LowestBalance, Seniority, account_policy_named, policy_named

OUTPUTS = ("fifo", "haircut", "lifo", "poison", "seniority", "tiho", "tilo")
ACCOUNTS = ("clean-first", "dirty-first", "fifo", "haircut", "libr", "lifo", "poison")


@pytest.mark.parametrize("name", OUTPUTS)
def test_each_policy_of_outputs_is_installed_under_its_name(name):
    rule = policy_named(name)
    assert (rule.name, rule.conserves) == (name, name != "poison")


@pytest.mark.parametrize("name", ACCOUNTS)
def test_each_policy_of_accounts_is_installed_under_its_name(name):
    rule = account_policy_named(name)
    assert (rule.name, rule.conserves) == (name, name != "poison")


def test_an_order_in_brackets_is_read_and_written_alike():
    rule = policy_named('seniority[ "B", "A[1]", "\\u00e9" ]')
    assert rule == Seniority(["B", "A[1]", "é"])
    assert rule.name == 'seniority["B","A[1]","é"]'
    assert policy_named(rule.name) == rule
    assert policy_named("seniority[]") == policy_named("seniority") == Seniority()


def test_a_policy_is_returned_as_it_is():
    mine, lowest = Fifo(), LowestBalance()
    assert policy_named(mine) is mine
    assert account_policy_named(lowest) is lowest


@pytest.mark.parametrize("text", ['seniority["A"', "seniority[A]", 'seniority["A"]x', 'seniority["A"],["B"]'])
def test_parameters_that_are_no_list_are_refused(text):
    with pytest.raises(BadInput, match="cannot read the parameters of the policy"):
        policy_named(text)


def test_an_order_that_names_a_label_twice_is_refused():
    with pytest.raises(BadInput, match="not an order of labels"):
        policy_named('seniority["A","A"]')


def test_parameters_of_a_policy_that_has_none_are_refused():
    with pytest.raises(BadInput, match="does not take these parameters"):
        policy_named('fifo["A"]')
    with pytest.raises(BadInput, match="does not take these parameters"):
        account_policy_named("libr[]")


@pytest.mark.parametrize("name", ["", "Fifo", "fifo ", "last-in", '["A"]'])
def test_an_unknown_name_is_answered_with_those_there_are(name):
    for find, known in ((policy_named, OUTPUTS), (account_policy_named, ACCOUNTS)):
        with pytest.raises(BadInput) as caught:
            find(name)
        assert caught.value.hint == f"known are {', '.join(known)}"


@pytest.mark.parametrize("name", ["tiho", "tilo", "seniority", 'seniority["A"]'])
def test_a_rule_of_outputs_asked_for_accounts_says_so(name):
    with pytest.raises(
        BadInput, match="is for the outputs of transactions, not for the receipts of accounts"
    ):
        account_policy_named(name)


@pytest.mark.parametrize("name", ["libr", "dirty-first", "clean-first"])
def test_a_rule_of_accounts_asked_for_outputs_says_so(name):
    with pytest.raises(
        BadInput, match="is for the receipts of accounts, not for the outputs of transactions"
    ):
        policy_named(name)


def test_an_object_that_is_no_policy_of_the_kind_is_refused():
    for given in (LowestBalance(), Fifo, None, 3):
        with pytest.raises(BadInput, match="not a policy for the outputs of transactions"):
            policy_named(given)
    for given in (Fifo(), LowestBalance):
        with pytest.raises(BadInput, match="not a policy for the receipts of accounts"):
            account_policy_named(given)
