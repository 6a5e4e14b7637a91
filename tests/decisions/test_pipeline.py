"""Which pipeline the names of branches tell, and what is said where they tell none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.pipeline import Leads, NoPipeline, Pipeline, propose_pipeline
from config.names import name as valid_name


def nobody_leads(one: str, other: str) -> int:
    del one, other
    return 0


def first(branch: str) -> Leads:
    """Return the evidence that `branch` has everything before any other."""
    return lambda one, other: (one == branch) - (other == branch)


def propose(*branches: str, default: str | None = None, leads: Leads = nobody_leads) -> Pipeline:
    proposed = propose_pipeline(dict.fromkeys(branches, 1), default, leads)
    assert isinstance(proposed, Pipeline), proposed.reason
    return proposed


def order(pipeline: Pipeline) -> list[str]:
    """Return the environments as `name=branch<source`."""
    return [
        f"{e.name}={e.branch}" + (f"<{e.source}" if e.source else "") for e in pipeline.environments
    ]


def refusal(*branches: str) -> str:
    proposed = propose_pipeline(dict.fromkeys(branches, 1), None, nobody_leads)
    assert isinstance(proposed, NoPipeline), order(proposed)
    return proposed.reason


@pytest.mark.parametrize(
    ("branches", "expected"),
    [
        ("dev staging production", "dev=dev staging=staging production=production"),
        ("stage uat qa develop", "development=develop qa=qa uat=uat stage=stage"),
        ("pre-prod integration live", "integration=integration pre-prod=pre-prod live=live"),
        ("Development PROD", "development=Development prod=PROD"),
        ("env/dev env/staging env/prod", "dev=env/dev staging=env/staging prod=env/prod"),
        ("deploy-dev deploy-prod", "dev=deploy-dev prod=deploy-prod"),
        ("acme/dev acme/prod", "dev=acme/dev prod=acme/prod"),
        ("release/dev release/production", "dev=release/dev production=release/production"),
    ],
)
def test_environments_are_told_by_common_names_and_stand_in_promotion_order(
    branches: str, expected: str
) -> None:
    environments = propose(*branches.split()).environments

    told = [f"{e.name}={e.branch}" for e in environments]
    assert told == expected.split()
    assert [e.source for e in environments] == [None, *(e.name for e in environments[:-1])]


@pytest.mark.parametrize("trunk", ["main", "master", "trunk"])
def test_the_trunk_is_production_where_no_branch_is_named_so(trunk: str) -> None:
    assert order(propose("develop", "staging", trunk)) == [
        "development=develop",
        "staging=staging<development",
        f"production={trunk}<staging",
    ]


def test_the_trunk_is_development_where_production_alone_has_its_own_branch() -> None:
    assert order(propose("main", "staging", "prod")) == [
        "development=main",
        "staging=staging<development",
        "prod=prod<staging",
    ]


def test_the_trunk_is_left_out_where_both_ends_have_their_own() -> None:
    pipeline = propose("main", "dev", "prod")

    assert order(pipeline) == ["dev=dev", "prod=prod<dev"]
    assert pipeline.notes == (
        "`main` was left out: development and production have branches of their own",
    )


def test_the_trunk_is_development_where_it_is_seen_to_come_first() -> None:
    assert order(propose("main", "staging", leads=first("main"))) == [
        "development=main",
        "staging=staging<development",
    ]


def test_a_release_branch_stands_before_the_trunk_unless_the_trunk_comes_first() -> None:
    branches = ("develop", "release", "main")

    assert order(propose(*branches))[1:] == [
        "release=release<development",
        "production=main<release",
    ]
    assert order(propose(*branches, leads=first("main"))) == [
        "development=develop",
        "production=release<development",
    ]


def test_the_default_branch_is_the_trunk_where_nothing_is_called_so() -> None:
    assert order(propose("config", "prod", default="config")) == [
        "development=config",
        "prod=prod<development",
    ]


def test_branches_for_regions_fan_out_and_keep_to_their_own() -> None:
    pipeline = propose("main", "staging-us", "staging-eu", "prod-us", "prod-eu")

    assert order(pipeline) == [
        "development=main",
        "staging-eu=staging-eu<development",
        "staging-us=staging-us<development",
        "prod-eu=prod-eu<staging-eu",
        "prod-us=prod-us<staging-us",
    ]
    assert pipeline.notes == ()


@pytest.mark.parametrize("spelling", ["staging/{}", "{}/staging", "{}-staging"])
def test_a_region_may_stand_on_either_side(spelling: str) -> None:
    here, there = spelling.format("us"), spelling.format("eu")

    pipeline = propose("dev", here, there)

    assert {e.branch: e.source for e in pipeline.environments} == {
        "dev": None,
        here: "dev",
        there: "dev",
    }


def test_where_regions_meet_again_one_is_taken_and_the_note_says_so() -> None:
    pipeline = propose("dev", "staging-us", "staging-eu", "main")

    assert order(pipeline)[-1] == "production=main<staging-eu"
    (note,) = pipeline.notes
    assert note == (
        "`production` can be promoted from one environment only, and `staging-eu` and "
        "`staging-us` stand above it: `staging-eu` was taken; change its `from:` if that is wrong"
    )


def test_somebodys_work_is_no_environment() -> None:
    pipeline = propose(
        "dev", "staging", "main", "feature/staging", "alice/dev", "dev-bob", "staging-fix",
        "release/1.2", "release-1.3", "hotfix/prod-db", "dependabot/npm/prod", "lockstep/dev",
    )  # fmt: skip

    assert [e.branch for e in pipeline.environments] == ["dev", "staging", "main"]
    assert pipeline.notes == ("`dev-bob` was taken for somebody's work, and left out",)


def test_of_two_branches_for_one_environment_the_newest_is_taken() -> None:
    proposed = propose_pipeline({"dev": 5, "develop": 9, "prod": 7}, None, nobody_leads)

    assert isinstance(proposed, Pipeline)
    assert order(proposed) == ["development=develop", "prod=prod<development"]
    assert proposed.notes == (
        "`dev` would do for development too; `develop` has the newest commit",
    )


def test_one_environment_is_no_pipeline_and_the_reason_says_what_to_write() -> None:
    reason = refusal("main", "feature/x")

    assert reason.startswith(
        "only `main` looks like an environment's branch, and a pipeline needs two (branches "
        "here: `feature/x`, `main`; `git fetch` may bring more)."
    )
    assert "environments:" in reason


def test_regions_alone_are_no_pipeline() -> None:
    assert refusal("staging-us", "staging-eu").startswith("only `staging-eu` looks like")


def test_several_pipelines_side_by_side_are_not_guessed_at() -> None:
    reason = refusal("shop/dev", "shop/prod", "bank/dev", "bank/prod")

    assert reason.startswith("the branches look like several pipelines, below bank/ and shop/,")


def test_every_name_that_is_proposed_is_a_valid_one_and_stands_once() -> None:
    pipeline = propose("env/dev", "us/prod", "prod", "prod/us", "STAGING", "staging.eu-1")

    names = [environment.name for environment in pipeline.environments]
    assert [valid_name(name) for name in names] == names
    assert len(set(names)) == len(names)


WORDS = st.sampled_from(
    ["dev", "develop", "qa", "staging", "pre", "prod", "live", "release", "main", "master", "env",
     "us", "eu-1", "2", "alice", "fix", "1.2", "@", "é", "deploy"]
)  # fmt: skip
BRANCHES = st.lists(st.tuples(WORDS, st.sampled_from("/-_."), WORDS).map("".join) | WORDS)


def test_two_branches_that_would_be_called_alike_are_told_apart() -> None:
    proposed = propose_pipeline(
        dict.fromkeys(["develop", "staging-1.2", "staging/1.2", "main"], 1),
        "main",
        first("develop"),
    )

    assert not isinstance(proposed, NoPipeline)
    called = {environment.branch: environment.name for environment in proposed.environments}
    assert set(called.values()) >= {"staging-1.2", "staging-1.2-2"}


@given(branches=BRANCHES, ahead=WORDS)
def test_any_branches_make_a_valid_pipeline_or_a_reason(branches: list[str], ahead: str) -> None:
    proposed = propose_pipeline(dict.fromkeys(branches, 1), None, first(ahead))

    if isinstance(proposed, NoPipeline):
        assert proposed.reason
        return
    environments = proposed.environments
    called = [valid_name(environment.name) for environment in environments]
    assert len(set(called)) == len(called) > 1
    assert len({environment.branch for environment in environments}) == len(called)
    for position, environment in enumerate(environments):
        # Everything comes from above, and one thing alone from nowhere.
        if position:
            assert environment.source in called[:position]
        else:
            assert environment.source is None
