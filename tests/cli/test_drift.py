"""`lockstep drift`: its document, its table, its exit codes."""

from pathlib import Path

import pytest

from tests.cli.command import CONFIGURATION, lockstep
from tests.world import World


def test_equal_environments_exit_with_0(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    answer = lockstep(capfd, "drift", world.directory)

    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "development (develop) → staging  in-sync",
        "",
        "staging → production (main)  in-sync",
        "",
    ]


def test_a_kept_difference_alone_exits_with_0(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("staging", "app.yaml", "host: dev", "host: stage")

    answer = lockstep(capfd, "drift", world.directory)

    assert answer.code == 0
    assert "kept: differs on purpose, by a `keep:` rule; nothing to do" in answer.out


def test_pending_changes_alone_exit_with_2_and_are_shown_side_by_side(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    commit = world.edit("development", "app.yaml", "image: v1", "image: v2")

    answer = lockstep(capfd, "drift", world.directory, "--hop", "development:staging")

    assert answer.code == 2
    assert [line.rstrip() for line in answer.out.splitlines()] == [
        "development (develop) → staging  pending  1 pending",
        "        state   development staging who, when",
        "app.yaml",
        f"  image pending v2          v1      Ada 2026-01-05 {commit[:7]}",
        "",
        "pending: not promoted yet; `lockstep plan staging` shows the promotion",
        "",
    ]


@pytest.mark.parametrize(
    ("edited", "state"), [(["staging"], "drift"), (["development", "staging"], "conflict")]
)
def test_drift_and_conflicts_exit_with_3(
    edited: list[str], state: str, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in edited:
        world.edit(name, "app.yaml", "level: info", f"level: {name}")

    answer = lockstep(capfd, "drift", world.directory, "--hop", "development:staging", "--json")

    assert answer.code == 3
    assert answer.document["hops"][0]["state"] == state


def test_json_is_one_document_of_the_documented_shape(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    pending = world.edit("development", "app.yaml", "limit: 10", "limit: 20", "More room (#7)")
    world.edit("staging", "app.yaml", "host: dev", "host: stage")
    world.commit("development", {"new.txt": "x"})

    answer = lockstep(capfd, "drift", world.directory, "--hop", "development:staging", "--json")

    blob = world.files(world.sha("development"))["new.txt"][1]
    assert answer.document == {
        "version": 1,
        "repository": str(world.directory),
        "hops": [
            {
                "source": {
                    "environment": "development",
                    "branch": "develop",
                    "sha": world.sha("development"),
                },
                "target": {
                    "environment": "staging",
                    "branch": "staging",
                    "sha": world.sha("staging"),
                },
                "state": "pending",
                "counts": {"pending": 2, "drift": 0, "conflict": 0, "kept": 1, "held": 0},
                "changes": [
                    {
                        "path": "app.yaml",
                        "key": "host",
                        "state": "kept",
                        "source": "dev",
                        "target": "stage",
                        "commits": [],
                    },
                    {
                        "path": "app.yaml",
                        "key": "limit",
                        "state": "pending",
                        "source": 20,
                        "target": 10,
                        "agreed": 10,
                        "commits": [
                            {
                                "sha": pending,
                                "author": "Ada",
                                "date": "2026-01-05T10:01:00+01:00",
                                "subject": "More room (#7)",
                            }
                        ],
                    },
                    {
                        "path": "new.txt",
                        "key": None,
                        "state": "pending",
                        "source": {"blob": blob, "mode": "100644"},
                        "commits": [
                            {
                                "sha": world.sha("development"),
                                "author": "Ada",
                                "date": "2026-01-05T10:03:00+01:00",
                                "subject": "Change new.txt",
                            }
                        ],
                    },
                ],
            }
        ],
    }


def test_absent_is_left_out_and_null_is_null(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.commit("development", {"app.yaml": "host: dev\nimage: v1\nlevel: ~\n"})

    answer = lockstep(capfd, "drift", world.directory, "--hop", "development:staging", "--json")

    level, limit = answer.document["hops"][0]["changes"]
    assert (level["key"], level["source"], level["target"]) == ("level", None, "info")
    assert (limit["key"], "source" in limit, limit["target"]) == ("limit", False, 10)


def test_values_that_json_has_no_word_for_are_strings(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    odd = "host: dev\nimage: .nan\nlevel: -.inf\nlimit: 2026-01-02\n"
    world.commit("development", {"app.yaml": odd})

    answer = lockstep(capfd, "drift", world.directory, "--hop", "development:staging", "--json")

    changes = answer.document["hops"][0]["changes"]
    assert [change["source"] for change in changes] == ["NaN", "-Infinity", "2026-01-02"]


def test_a_file_that_does_not_parse_is_said_on_standard_error_with_its_place(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.commit("development", {"other.yaml": "a: [1,\nb: 2\n"})

    answer = lockstep(capfd, "drift", world.directory, "--hop", "development:staging", "--json")

    assert answer.document["hops"][0]["changes"][0]["key"] is None
    assert answer.err == (
        "lockstep: other.yaml:3:1: did not find expected ',' or ']' (in development); "
        "compared as text, as one value\n"
    )


def test_a_missing_branch_is_said_with_the_nearest_one(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.branch("stagin", at="staging")
    world.git("update-ref", "-d", "refs/heads/staging")

    answer = lockstep(capfd, "drift", world.directory)

    assert (answer.code, answer.out) == (1, "")
    assert "`staging` is at branch `staging`, which is not in this repository" in answer.err
    assert "did you mean `stagin`?" in answer.err


def test_branches_of_origin_count_where_there_are_no_local_ones(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("development", "app.yaml", "image: v1", "image: v2")
    clone = tmp_path / "clone"
    world.git("clone", "--quiet", str(world.directory), str(clone))

    answer = lockstep(capfd, "drift", clone, "--json")

    assert answer.code == 2
    assert answer.document["hops"][0]["source"]["sha"] == world.sha("development")


@pytest.mark.parametrize(
    ("hop", "said"),
    [
        ("development", "`development` is not a hop; write two environments"),
        ("development:stagng", "there is no environment `stagng`; did you mean `staging`?"),
    ],
)
def test_a_hop_that_is_none_is_said(
    hop: str, said: str, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = lockstep(capfd, "drift", world.directory, "--hop", hop)

    assert answer.code == 1
    assert said in answer.err


def test_the_configuration_is_the_default_branchs_and_no_other(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("staging", "app.yaml", "host: dev", "host: stage")
    nothing_kept = CONFIGURATION.partition("keep:")[0]
    world.commit("staging", {".lockstep.yaml": nothing_kept})

    answer = lockstep(capfd, "drift", world.directory, "--hop", "development:staging", "--json")

    states = {c["path"]: c["state"] for c in answer.document["hops"][0]["changes"]}
    assert states == {"app.yaml": "kept", ".lockstep.yaml": "drift"}


def test_a_configuration_from_a_file_takes_its_place(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    world.edit("staging", "app.yaml", "host: dev", "host: stage")
    file = tmp_path / "other.yaml"
    file.write_text(CONFIGURATION.partition("keep:")[0])

    answer = lockstep(capfd, "drift", world.directory, "--config", file)

    assert answer.code == 3


def test_every_error_of_the_configuration_is_said_with_its_place(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("version: 1\nenviroments: []\n")

    answer = lockstep(capfd, "drift", world.directory, "--config", file)

    assert (answer.code, answer.out) == (1, "")
    assert f"{file}:2:1: unknown key `enviroments`; did you mean `environments`?" in answer.err


def test_what_a_terminal_would_obey_is_made_visible(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.commit("development", {"app.yaml": 'host: dev\nimage: "\\e[31mred"\n'}, "\x1b[2J gone")

    answer = lockstep(capfd, "drift", world.directory, "--hop", "development:staging")

    assert "\x1b" not in answer.out


def test_a_table_in_a_pipe_is_no_wider_than_80_columns(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    long = "host: dev\nimage: " + "registry.example/team/shop@sha256:" + "0" * 64 + "\n"
    world.commit("development", {"app.yaml": long, "d" * 70 + "/f.yaml": "a: 1\n"})

    answer = lockstep(capfd, "drift", world.directory, "--hop", "development:staging")

    assert max(map(len, answer.out.splitlines())) <= 80


def test_a_width_of_0_means_that_nobody_knows(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "0")

    answer = lockstep(capfd, "drift", world.directory)

    assert answer.out.startswith("development (develop) → staging  in-sync")


def test_what_a_path_would_tell_the_terminal_is_made_visible(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = {"\x1b[31m.yaml": "a: [\n", "caf\udce9.txt": "new\n", "\u202e.txt": "new\n"}
    world.commit("development", dict(paths))

    answer = lockstep(capfd, "drift", world.directory, "--hop", "development:staging")

    assert answer.err.startswith("lockstep: \\x1b[31m.yaml:2:1: ")
    assert "\x1b" not in answer.out + answer.err
    shown = [line.strip() for line in answer.out.splitlines() if ".txt" in line]
    assert shown == ["caf\\xe9.txt", "\\u202e.txt"]


def test_a_hop_from_an_environment_to_itself_is_none(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = lockstep(capfd, "drift", world.directory, "--hop", "staging:staging")

    assert (answer.code, answer.out) == (1, "")
    assert "names one environment twice" in answer.err
