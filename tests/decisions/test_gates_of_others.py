"""What services, measurements, runs of CI and code owners make of a gate, case by case."""

from dataclasses import replace

import pytest

from bot.decisions.facts import Answer, CodeOwners, GateFacts, Owned, Review, Run
from bot.decisions.gates import Closed, Failed, Open, Verdict, evaluate
from bot.decisions.gates.outside import is_due, is_run_due, key_of
from bot.decisions.requirements import Requirements
from config.outside import HttpGate, MetricsGate, WorkflowGate
from config.times import window
from tests.decisions.build import (
    BEFORE,
    CANDIDATE,
    NOON,
    minutes,
    rejected,
    review,
    signed,
    verdict,
)

FACTS = GateFacts(CANDIDATE)
ROOM = HttpGate.model_validate(
    {"name": "room", "url": "https://x.example", "condition": "ok", "every": "5m"}
)
ERRORS = MetricsGate.model_validate(
    {
        "name": "errors",
        "url": "https://p.example",
        "query": "errors",
        "expect": "< 1",
        "for": "10m",
        "every": "1m",
    }
)
QA = WorkflowGate.model_validate({"name": "qa", "workflow": "qa.yml", "timeout": "2h"})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, Closed("has not been asked yet")),
        (Answer(minutes(-1), True, "answered ok"), Open("answered ok")),
        (Answer(minutes(-5.5), True, "answered ok"), Open("answered ok")),
        (
            Answer(minutes(-6), True, "answered ok"),
            Closed("has to be asked again: at Mon 2026-06-01 11:54 UTC answered ok"),
        ),
        (
            Answer(minutes(2), True, "answered ok"),
            Closed("has to be asked again: at Mon 2026-06-01 12:02 UTC answered ok"),
        ),
        (Answer(minutes(-1), False, "answered no"), Closed("answered no", minutes(4))),
        (Answer(minutes(-5.5), False, "answered no"), Closed("answered no", minutes(0.5))),
    ],
)
def test_a_service_has_to_agree_and_an_old_answer_is_none(
    answer: Answer | None, expected: Verdict
) -> None:
    facts = replace(FACTS, answers={key_of(ROOM): answer} if answer else {})

    assert verdict("http:room", Requirements(http=(ROOM,)), facts) == expected


def test_the_answer_to_another_question_counts_for_nothing() -> None:
    other = ROOM.model_copy(update={"condition": "free"})
    facts = replace(FACTS, answers={key_of(other): Answer(NOON, True, "answered ok")})

    assert verdict("http:room", Requirements(http=(ROOM,)), facts) == Closed(
        "has not been asked yet"
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, Closed("has not been asked yet")),
        (Answer(NOON, True, "errors are 0", minutes(-10)), Open("errors are 0")),
        (
            Answer(NOON, True, "errors are 0", minutes(-4)),
            Closed(
                "errors are 0 since Mon 2026-06-01 11:56 UTC, and needs that for 10m", minutes(6)
            ),
        ),
        (
            Answer(NOON, True, "errors are 0"),
            Closed("it is not known since when", minutes(2)),
        ),
        (Answer(NOON, False, "errors are 3"), Closed("errors are 3", minutes(1))),
    ],
)
def test_a_measurement_must_have_held_for_its_time(
    answer: Answer | None, expected: Verdict
) -> None:
    facts = replace(FACTS, answers={key_of(ERRORS): answer} if answer else {})

    assert verdict("metrics:errors", Requirements(metrics=(ERRORS,)), facts) == expected


URL = "https://forge.example/runs/1"


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (None, Closed("qa.yml is about to be started")),
        (
            Run("queued", minutes(-1), minutes(-1)),
            Closed("qa.yml is queued since Mon 2026-06-01 11:59 UTC", minutes(1)),
        ),
        (
            Run("running", minutes(-60), NOON, 1, URL),
            Closed("qa.yml is running since Mon 2026-06-01 11:00 UTC", minutes(6)),
        ),
        (Run("success", minutes(-60), NOON, 1, URL), Open("qa.yml succeeded")),
        (
            Run("failure", minutes(-60), NOON, 1, URL),
            Failed("qa.yml failed; run it again there, it still counts"),
        ),
        (
            Run("cancelled", minutes(-60), NOON, 1, URL),
            Failed("qa.yml was cancelled; run it again there, it still counts"),
        ),
        (
            Run("running", minutes(-120), NOON, 1, URL),
            Failed("qa.yml has not succeeded within 2h; see whether it runs, it still counts"),
        ),
        # It still counts.
        (Run("success", minutes(-500), NOON, 1, URL), Open("qa.yml succeeded")),
    ],
)
def test_a_run_on_the_candidate_must_succeed(run: Run | None, expected: Verdict) -> None:
    facts = replace(FACTS, runs={key_of(QA): run} if run else {})

    assert verdict("workflow:qa", Requirements(workflow=(QA,)), facts) == expected


def test_while_nothing_merges_before_a_time_nobody_is_asked_again_before_it() -> None:
    needed = Requirements(http=(ROOM,), windows=((window("Fri 09:00-10:00 UTC"),),))
    facts = replace(FACTS, answers={key_of(ROOM): Answer(NOON, False, "answered no")})

    found = {result.gate: result.verdict for result in evaluate(needed, facts, NOON)}

    opens = minutes((4 * 24 - 3) * 60)
    assert found["http:room"] == Closed("answered no", opens)
    assert isinstance(found["windows"], Closed)
    assert found["windows"].until == opens


@pytest.mark.parametrize(("after", "due"), [(-2, True), (0, False), (4.9, False), (5, True)])
def test_a_question_is_asked_again_when_its_time_is_up_and_not_before(
    after: float, *, due: bool
) -> None:
    assert is_due(Answer(NOON, False, "no"), ROOM.every, minutes(after)) is due
    assert is_due(None, ROOM.every, NOON)


@pytest.mark.parametrize(
    ("age", "after", "due"), [(0, 1, False), (0, 2, True), (60, 5, False), (60, 6, True)]
)
def test_a_run_is_looked_at_less_often_the_longer_it_takes(
    age: float, after: float, *, due: bool
) -> None:
    assert is_run_due(Run("running", minutes(-age), NOON), minutes(after)) is due
    assert is_run_due(None, NOON)


DBA = Owned("db/", ("@acme/dba",), frozenset({"dora", "Dan"}))
OWNED = Requirements(code_owners=True)


@pytest.mark.parametrize(
    ("owned", "reviews", "expected"),
    [
        ((), [], Open("nobody owns what is promoted")),
        ((DBA,), [], Closed("waiting for the approval of @acme/dba for db/")),
        ((DBA,), [review("dora")], Open("approved by the code owners dora")),
        ((DBA,), [review("DAN")], Open("approved by the code owners DAN")),
        ((DBA,), [review("rob")], Closed("waiting for the approval of @acme/dba for db/")),
        (
            (DBA,),
            [review("dora", digest=BEFORE)],
            Closed("waiting for the approval of @acme/dba for db/"),
        ),
        ((DBA,), [review("dora", "changes_requested")], Closed("dora requested changes")),
        (
            (replace(DBA, needed=2),),
            [],
            Closed("waiting for 2 approvals of @acme/dba for db/"),
        ),
        (
            (replace(DBA, needed=2),),
            [review("dora")],
            Closed("waiting for the approval of @acme/dba for db/"),
        ),
        (
            (Owned("*", ("@ann",), frozenset({"Ann"})),),
            [review("ann")],
            Failed(
                "nobody else can approve for @ann for *: its people wrote the change; "
                "name another owner"
            ),
        ),
        (
            (replace(DBA, people=frozenset(), hidden=("@acme/dba",)),),
            [review("dora")],
            Closed(
                "waiting for the approval of @acme/dba for db/; who @acme/dba is cannot be seen"
            ),
        ),
        # Every entry has its say.
        (
            (DBA, Owned("web/", ("@wes",), frozenset({"wes"}))),
            [review("dora")],
            Closed("waiting for the approval of @wes for web/"),
        ),
    ],
)
def test_who_owns_what_is_promoted_must_approve_this_content(
    owned: tuple[Owned, ...], reviews: list[Review], expected: Verdict
) -> None:
    facts = replace(
        FACTS,
        code_owners=CodeOwners(owned),
        reviews=tuple(reviews),
        authors=frozenset({"ann"}),
    )

    assert verdict("approvals", OWNED, facts) == expected


def test_owners_that_are_not_known_open_nothing() -> None:
    assert verdict("approvals", OWNED, FACTS) == Closed("it is not known who owns what is promoted")
    missing = replace(FACTS, code_owners=CodeOwners(problem="main has no CODEOWNERS"))
    assert verdict("approvals", OWNED, missing) == Failed("main has no CODEOWNERS")


def test_a_number_of_people_and_the_owners_must_both_approve() -> None:
    both = Requirements(approvals=2, code_owners=True)
    facts = replace(FACTS, code_owners=CodeOwners((DBA,)), reviews=(review("rob"),))

    assert verdict("approvals", both, facts) == Closed(
        "waiting for 1 more approval; waiting for the approval of @acme/dba for db/"
    )
    assert verdict(
        "approvals", both, replace(facts, reviews=(review("rob"), review("dora")))
    ) == Open("approved by dora, rob; approved by the code owners dora")


def test_a_run_is_linked_to() -> None:
    facts = replace(FACTS, runs={key_of(QA): Run("success", NOON, NOON, 1, URL)})

    results = evaluate(Requirements(workflow=(QA,)), facts, NOON)

    assert [result.link for result in results if result.gate == "workflow:qa"] == [URL]


def test_two_runs_of_one_workflow_with_other_inputs_cannot_be_told_apart() -> None:
    other = QA.model_copy(update={"name": "smoke", "inputs": {"suite": "smoke"}})

    assert verdict("workflow:qa", Requirements(workflow=(QA, other)), FACTS) == Failed(
        "qa, smoke start qa.yml with other inputs each; leave one of them"
    )


BY_OWNERS = Requirements(sign_offs=("code-owners",))


@pytest.mark.parametrize(
    ("signed_by", "expected"),
    [
        ([], Closed("waiting for the sign-off of @acme/dba for db/")),
        (["rob"], Closed("waiting for the sign-off of @acme/dba for db/")),
        (["Dora"], Open("signed off by the code owners Dora")),
    ],
)
def test_code_owners_sign_off_as_a_role_each_for_their_part(
    signed_by: list[str], expected: Verdict
) -> None:
    facts = replace(
        FACTS,
        code_owners=CodeOwners((DBA,)),
        sign_offs=tuple(signed(person, "code-owners") for person in signed_by),
    )

    assert verdict("sign_offs", BY_OWNERS, facts) == expected


def test_every_part_has_its_owner_and_another_role_its_own_say() -> None:
    web = Owned("web/", ("@wes",), frozenset({"wes"}))
    facts = replace(
        FACTS,
        code_owners=CodeOwners((DBA, web)),
        sign_offs=(signed("dora", "code-owners"), signed("quinn", "qa")),
        members={"qa": frozenset({"quinn"})},
    )
    both = Requirements(sign_offs=("qa", "code-owners"))

    assert verdict("sign_offs", both, facts) == Closed("waiting for the sign-off of @wes for web/")


def test_an_owner_who_wrote_it_alone_fails_the_gate_and_a_rejection_closes_it() -> None:
    own = CodeOwners((Owned("*", ("@ann",), frozenset({"ann"})),))
    no = replace(
        FACTS, code_owners=CodeOwners((DBA,)), rejections=(rejected("dora", "code-owners"),)
    )

    assert verdict(
        "sign_offs", BY_OWNERS, replace(FACTS, code_owners=own, authors=frozenset({"ann"}))
    ) == Failed(
        "nobody else can sign off for @ann for *: its people wrote the change; name another owner"
    )
    assert verdict("sign_offs", BY_OWNERS, no) == Closed(
        "rejected by dora for code-owners: login is broken"
    )
