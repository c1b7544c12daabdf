"""chainflow answers every scenario as it must."""

from __future__ import annotations

import pytest

from tests.conformance.tracing.adapter import ask_chainflow
from tests.conformance.tracing.suite import Case, Refused, cases, faults, scenarios

ALL = [case for scenario in scenarios() for case in cases(scenario)]


@pytest.mark.parametrize("case", ALL, ids=[case.name for case in ALL])
def test_the_answer_is_one_that_the_scenario_permits(case: Case):
    if case.permitted == [{"refused": True}]:
        with pytest.raises(Refused):
            ask_chainflow(case.ledger, case.ask, case.policy)
        return
    answer = ask_chainflow(case.ledger, case.ask, case.policy)
    found = [faults(expected, answer) for expected in case.permitted]
    assert [] in found, found
