"""What no webhook tells of is looked for, at first often and then less."""

from datetime import timedelta

import pytest

from bot.decisions.gates import Closed, Failed, GateResult, Open
from tests.decisions.build import CANDIDATE, NOON, minutes
from workflows.unheard import look_again

WAITS = [GateResult("checks", Closed("waiting for ci/test"))]


@pytest.mark.parametrize(
    ("waited", "pause"),
    [(0, 0.5), (1, 0.5), (4, 1), (20, 5), (39, 9.75), (40, None), (1440, None)],
)
def test_the_longer_it_waits_the_rarer_it_asks(waited: float, pause: float | None) -> None:
    now = minutes(waited)

    found = look_again(CANDIDATE, WAITS, now)

    assert found == (None if pause is None else now + timedelta(minutes=pause))


def test_a_check_that_failed_may_be_run_again() -> None:
    assert look_again(CANDIDATE, [GateResult("checks", Failed("ci/test failed"))], NOON)


def test_nothing_is_asked_where_the_checks_are_not_what_it_waits_for() -> None:
    others = [GateResult("checks", Open("ci/test")), GateResult("sign_offs", Closed("qa"))]

    assert look_again(CANDIDATE, others, NOON) is None
    assert look_again(None, WAITS, NOON) is None
