"""Who may give which command."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.commands import (
    Cancel,
    Command,
    Discard,
    Drift,
    Freeze,
    Help,
    Hold,
    Keep,
    Override,
    Promote,
    Reject,
    Resolve,
    Resume,
    Retry,
    Rollback,
    SignOff,
    Status,
    Thaw,
)
from bot.decisions.facts import Permission, Who
from bot.decisions.permissions import Allowed, Ignored, Refused, may, roles_held
from bot.words import GITHUB, GITLAB
from config.policy import Role

ROLES = {"qa": Role(("alice", "@acme/qa")), "release": Role(("rita",))}

WRITERS: list[Command] = [
    Promote("staging"),
    Hold("no"),
    Resume(),
    Cancel(),
    Retry(),
    Keep("a.yaml"),
    Discard("a.yaml"),
    Resolve("a.yaml", None, "source"),
    Drift(),
    Status(),
    Help(),
]
MAINTAINERS: list[Command] = [
    Rollback("production"),
    Override("checks", "CI is down"),
    Freeze("fire"),
    Thaw(),
]
MEMBERS: list[Command] = [SignOff("qa"), Reject("qa", "broken")]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)


def test_the_tables_below_know_every_command() -> None:
    assert {type(each) for each in WRITERS + MAINTAINERS + MEMBERS} == set(get_args(Command))


@pytest.mark.parametrize("held", [frozenset(), frozenset({"qa"}), frozenset({"release"})])
@pytest.mark.parametrize("permission", PERMISSIONS)
@pytest.mark.parametrize("command", WRITERS + MAINTAINERS + MEMBERS)
def test_write_access_maintenance_or_membership_is_needed(
    command: Command, permission: Permission, held: frozenset[str]
) -> None:
    if command in WRITERS:
        allowed = permission in {"write", "maintain", "admin"}
    elif command in MAINTAINERS:
        allowed = permission in {"maintain", "admin"} or "release" in held
    else:
        allowed = "qa" in held

    answer = may(command, Who("bob", permission, held), ROLES, GITHUB, trusted_roles=["release"])

    assert isinstance(answer, Allowed if allowed else Refused)


@pytest.mark.parametrize("command", WRITERS + MAINTAINERS + MEMBERS)
@pytest.mark.parametrize("who", [Who("robot", is_bot=True), Who("robot", is_self=True)])
def test_no_bot_commands_and_none_is_answered(command: Command, who: Who) -> None:
    trusted = replace(who, permission="admin", roles=frozenset(ROLES))

    assert may(command, trusted, ROLES, GITHUB) == Ignored(
        "bots give no commands, and robot is one"
    )


@pytest.mark.parametrize(
    ("command", "permission", "reason"),
    [
        (
            Promote("staging"),
            "triage",
            (
                "`/promote` needs write permission for this repository, and bob has only triage; "
                "ask somebody who has it to say it."
            ),
        ),
        (
            Help(),
            "none",
            (
                "`/help` needs write permission for this repository, and bob has none; "
                "ask somebody who has it to say it."
            ),
        ),
        (
            Override("checks", "CI is down"),
            "write",
            (
                "`/override` needs maintain permission for this repository, or the role `release`, "
                "and bob has only write; ask somebody who has it to say it."
            ),
        ),
        (
            SignOff("qa"),
            "admin",
            (
                "`/sign-off qa` needs a member of the role `qa`, and bob is none; "
                "it has `alice`, `@acme/qa`."
            ),
        ),
        (
            SignOff("releese"),
            "admin",
            (
                "There is no role `releese`; `roles:` in `.lockstep.yaml` has `qa`, `release`; "
                "did you mean `release`?"
            ),
        ),
        (
            SignOff("`x\u202e"),
            "admin",
            "There is no role `'x\\u202e`; `roles:` in `.lockstep.yaml` has `qa`, `release`.",
        ),
    ],
)
def test_a_refusal_says_what_is_missing_and_who_could(
    command: Command, permission: Permission, reason: str
) -> None:
    who = Who("bob", permission)

    assert may(command, who, ROLES, GITHUB, trusted_roles=["release"]) == Refused(reason)


def test_a_trusted_role_that_the_configuration_does_not_have_trusts_nobody() -> None:
    who = Who("bob", "write", frozenset({"gone"}))

    answer = may(Rollback("production"), who, ROLES, GITHUB, trusted_roles=["gone"])

    assert answer == Refused(
        "`/rollback` needs maintain permission for this repository, and bob has only write; "
        "ask somebody who has it to say it."
    )


@pytest.mark.parametrize(
    ("login", "active_teams", "held"),
    [
        ("alice", [], {"qa"}),
        ("ALICE", [], {"qa"}),
        ("bob", ["acme/qa"], {"qa"}),
        ("bob", ["Acme/QA", "acme/dev"], {"qa"}),
        ("bob", ["other/qa"], set()),
        ("acme/qa", [], set()),
        ("@acme/qa", [], set()),
        ("rita", ["acme/qa"], {"qa", "release"}),
        ("", [], set()),
    ],
)
def test_roles_are_held_by_name_or_by_an_active_membership(
    login: str, active_teams: list[str], held: set[str]
) -> None:
    assert roles_held(login, active_teams, ROLES) == held


@given(
    st.sampled_from(WRITERS + MAINTAINERS),
    st.sampled_from(PERMISSIONS),
    st.sampled_from(PERMISSIONS),
)
def test_more_permission_never_takes_a_command_away(
    command: Command, one: Permission, other: Permission
) -> None:
    lower, higher = sorted([one, other], key=PERMISSIONS.index)

    if may(command, Who("bob", lower), ROLES, GITHUB) == Allowed():
        assert may(command, Who("bob", higher), ROLES, GITHUB) == Allowed()


def test_on_gitlab_a_refusal_speaks_of_its_roles_and_its_form_of_commands() -> None:
    assert may(Cancel(), Who("bob", "triage"), ROLES, GITLAB) == Refused(
        "`/lockstep cancel` needs the role Developer in this project, and bob has only Reporter; "
        "ask somebody who has it to say it."
    )
    assert may(SignOff("qa"), Who("bob", "write"), ROLES, GITLAB) == Refused(
        "`/lockstep sign-off qa` needs a member of the role `qa`, and bob is none; "
        "it has `alice`, `@acme/qa`."
    )
