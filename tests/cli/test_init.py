"""`lockstep init`: what it proposes loads, works, and says why."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.load import load
from config.schema import Config, KeepRule
from tests.cli.command import lockstep
from tests.world import World

Capture = pytest.CaptureFixture[str]
NAMES = ("api", "shop", "web")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[World]:
    with World.new(tmp_path / "empty.git") as world:
        yield world


def app(branch: str, version: int) -> str:
    replicas = sum(branch.encode())  # another for each
    return f"image: v{version}\ndatabase: {{host: {branch}-db, port: 1}}\nreplicas: {replicas}\n"


def lived_in(world: World, *branches: str, merge: bool = False) -> World:
    """Give branches files with values of their own, and a year of promotions of the others."""
    begun = {f"configs/{name}.yaml": app(branches[0], 0) for name in NAMES}
    world.begin(begun, *branches)
    for branch in branches[1:]:
        files = {f"configs/{name}.yaml": app(branch, 0) for name in NAMES}
        world.commit(branch, files, f"Set up {branch}")
    for month in range(1, 7):
        world._minute += 60 * 24 * 30
        for position, branch in enumerate(branches):
            files = {f"configs/{name}.yaml": app(branch, month) for name in NAMES}
            if merge and position:
                world.merge(branches[position - 1], branch, resolved=files)
            else:
                world.commit(branch, files, f"Release {month} into {branch}")
    return world


def proposed(capfd: Capture, world: World, tmp_path: Path) -> tuple[str, Config]:
    """Return what is proposed, after `drift` has run on it."""
    answer = lockstep(capfd, "init", world.directory)
    assert answer.code == 0, answer.err
    file = tmp_path / "proposed.yaml"
    file.write_text(answer.out)
    drift = lockstep(capfd, "drift", world.directory, "--config", file)
    assert drift.code == 0, drift.out + drift.err
    return answer.out, load(answer.out)


@pytest.mark.parametrize("method", ["squash", "merge"])
@pytest.mark.parametrize(
    "branches",
    ["develop staging main", "env/dev env/qa env/prod", "main prod"],
)
def test_a_proposal_loads_and_leaves_nothing_to_explain_in_drift(
    capfd: Capture, empty: World, tmp_path: Path, branches: str, method: str
) -> None:
    lived_in(empty, *branches.split(), merge=method == "merge")

    _, config = proposed(capfd, empty, tmp_path)

    assert [e.branch for e in config.environments] == branches.split()
    assert {e.merge for e in config.environments[1:]} == {method}
    assert config.keep == (KeepRule(path="configs/*.yaml", keys=("database.host", "replicas")),)


def test_regions_fan_out_and_name_their_source(
    capfd: Capture, empty: World, tmp_path: Path
) -> None:
    branches = ("dev", "staging-us", "staging-eu", "prod-us", "prod-eu")
    lived_in(empty, *branches)

    _, config = proposed(capfd, empty, tmp_path)

    assert {e.name: e.source for e in config.environments} == {
        "dev": None,
        "staging-us": "dev",
        "staging-eu": "dev",
        "prod-us": "staging-us",
        "prod-eu": "staging-eu",
    }


def test_every_line_says_what_speaks_for_it(capfd: Capture, empty: World, tmp_path: Path) -> None:
    text, _ = proposed(capfd, lived_in(empty, "develop", "staging"), tmp_path)

    assert text.splitlines()[4:] == """\
environments:  # in promotion order; changes begin in the first
  # development by its name
  - name: development
    branch: develop
  # staging by its name; 6 promotions from development seen, from 2026-02-04 to 2026-07-04
  - name: staging
    branch: staging
    merge: squash  # 6 of 6 promotions were single commits
    # When promotions begin and what they wait for, in any environment; examples to choose from:
    # promote: automatic
    # gates:
    #   checks: [ci/test]
    #   soak: 24h
    #   approvals: 1
    #   sign_offs: [qa]

keep:  # what each environment owns: it differs on purpose and is never promoted
  - path: "configs/*.yaml"
    keys:
      # differs in 3 files while 18 other changes of theirs were promoted: in configs/api.yaml,
      # for one, between development and staging since 2026-01-05, through 6 of them
      - database.host
      - replicas

# Who may sign off in which capacity; `sign_offs` of an environment name them.
# roles:
#   qa: [alice, "@acme/qa"]
""".splitlines()  # fmt: skip


def test_the_examples_in_comments_are_valid_as_they_stand(
    capfd: Capture, empty: World, tmp_path: Path
) -> None:
    empty.begin({"app.yaml": "image: v1\n"}, "dev", "main")
    text, _ = proposed(capfd, empty, tmp_path)

    config = load(re.sub(r"(?m)^( *)# (?=(promote|gates|roles|keep|  +[a-z-]))", r"\1", text))

    assert config.environments[1].gates.sign_offs == ("qa",)
    assert set(config.roles) == {"qa"}
    assert config.keep == (
        KeepRule(path="configs/**/*.yaml", keys=("database.host", "**.replicas")),
    )


def test_what_was_found_goes_to_standard_error(capfd: Capture, empty: World) -> None:
    answer = lockstep(capfd, "init", lived_in(empty, "dev", "staging", "prod", "main").directory)

    assert answer.err == (
        "lockstep: dev → staging: 6 promotions seen, 3 files differ\n"
        "lockstep: staging → prod: 6 promotions seen, 3 files differ\n"
        "lockstep: `main` was left out: development and production have branches of their own\n"
        "lockstep: keep: 2 key patterns and 0 patterns for whole files, from what promotions have "
        "passed by\n"
        "lockstep: read the proposal, see what it makes of the branches with `lockstep drift "
        "--config FILE`, and commit it to `main`\n"
    )


def test_an_order_that_the_history_contradicts_is_called_into_question(
    capfd: Capture, empty: World
) -> None:
    empty.begin({"app.yaml": "image: v0\n"}, "dev", "prod")
    for number in range(4):
        empty.commit("prod", {"app.yaml": f"image: v{number + 1}\n"})
        empty.commit("dev", {"app.yaml": f"image: v{number + 1}\n"}, "Bring home")

    answer = lockstep(capfd, "init", empty.directory)

    assert (
        "lockstep: more content went from prod to dev, 4 times: is their order right?\n"
        in answer.err
    )


def test_a_configuration_in_force_is_mentioned_and_not_looked_at(
    capfd: Capture, world: World
) -> None:
    answer = lockstep(capfd, "init", world.directory)

    assert "there is a .lockstep.yaml in force, and the proposal does not look at it" in answer.err
    assert "keep:\n" not in answer.out.replace("# keep:", "")


@pytest.mark.parametrize("branches", [(), ("main",), ("main", "feature/x")])
def test_without_two_environments_it_says_what_it_saw_and_what_to_write(
    capfd: Capture, empty: World, branches: tuple[str, ...]
) -> None:
    if branches:
        empty.begin({"app.yaml": "image: v1\n"}, *branches)

    answer = lockstep(capfd, "init", empty.directory)

    assert (answer.code, answer.out) == (1, "")
    assert "a pipeline needs two (branches here: " in answer.err
    assert "write .lockstep.yaml by hand:\n\nversion: 1\n" in answer.err


@pytest.fixture
def clone(empty: World, tmp_path: Path) -> Path:
    lived_in(empty, "dev", "main")
    path = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", empty.directory, path], check=True)
    (path / "below").mkdir()
    return path


def test_write_puts_it_at_the_root_of_the_work_tree(capfd: Capture, clone: Path) -> None:
    answer = lockstep(capfd, "init", clone / "below", "--write")

    assert (answer.code, answer.out) == (0, "")
    assert answer.err.endswith(f"lockstep: wrote {clone / '.lockstep.yaml'}\n")
    config = load((clone / ".lockstep.yaml").read_text())
    assert [e.branch for e in config.environments] == ["dev", "main"]


def test_write_never_overwrites(capfd: Capture, clone: Path) -> None:
    (clone / ".lockstep.yaml").write_text("mine\n")

    answer = lockstep(capfd, "init", clone, "--write")

    assert answer.code == 1
    assert answer.err == (
        f"lockstep: {clone / '.lockstep.yaml'} is there already; leave out `--write` to see the "
        "proposal\n"
    )
    assert (clone / ".lockstep.yaml").read_text() == "mine\n"


def test_write_needs_a_work_tree(capfd: Capture, empty: World) -> None:
    lived_in(empty, "dev", "main")

    answer = lockstep(capfd, "init", empty.directory, "--write")

    assert (answer.code, answer.out) == (1, "")
    assert "has no work tree to write to; use `lockstep init > FILE`" in answer.err


def test_paths_and_keys_of_any_spelling_are_proposed_so_that_they_load(
    capfd: Capture, empty: World, tmp_path: Path
) -> None:
    path = "a: {x,y}/!b [1]*?#\U0001f600\x7f\u2028.yaml"
    keys = ('"q.r/s"', "\U0001f600", '"\\x85"', '"it\'s"', "'no'", "-", "12")

    def text(branch: str, number: int) -> str:
        return f"image: v{number}\n" + "".join(f"{key}: {branch}\n" for key in keys)

    empty.begin({path: text("dev", 0)}, "dev", "main")
    for number in range(6):
        for branch in ("dev", "main"):
            empty.commit(branch, {path: text(branch, number)}, "Promote")

    _, config = proposed(capfd, empty, tmp_path)

    assert len(config.keep[0].keys) == len(keys)
