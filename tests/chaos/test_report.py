"""What a run found is told in full, and put where the documentation has a place for it."""

from pathlib import Path

import pytest

from tests.chaos import faulty, matrix
from tests.chaos.report import DOCS, Report, write_docs

USUAL = {"POST /pulls": 5}


def outcome(*ills: faulty.Ill) -> faulty.Outcome:
    return faulty.Outcome("github", list(ills), [faulty.Ill({}, written=USUAL)])


def test_a_story_that_ended_otherwise_or_wrote_too_much_is_red() -> None:
    found = outcome(
        faulty.Ill({"merge": "cut"}, written=USUAL),
        faulty.Ill({"open": "cut"}, failure="two pull requests", written=USUAL),
        faulty.Ill({"push": "429"}, written={"POST /pulls": 16}),
    )

    assert list(found.red()) == [
        "github, cut at open: two pull requests",
        "github, 429 at push: 16 writes, 5.0 usually: {'POST /pulls': 16}",
    ]


def test_a_cell_that_is_meant_otherwise_says_why_below_the_table() -> None:
    found = outcome(faulty.Ill({"permission": "404"}), faulty.Ill({"open": "404"}, failure="none"))

    head, _, row, _, note = faulty.table(found)

    assert head.startswith("| fault | look |")
    assert row == "| 404 | - | - | - | - | - | ✓³ | - | **red** | - | - | - | - | - | - |"
    assert note.startswith("³ it means that somebody is no collaborator")


def test_the_tables_of_a_whole_run_are_put_in_their_place(tmp_path: Path) -> None:
    docs = tmp_path / "faults.md"
    docs.write_text(DOCS.read_text())
    step = matrix.STEPS[0]
    report = Report(1, cells=[matrix.Cell(step, "worker", failure="it hung")])

    write_docs(report, "2026-11-26", 61.4, docs)
    write_docs(report, "2026-11-26", 61.4, docs)

    text = docs.read_text()
    assert text.count("one run on 2026-11-26: 1 cells in 61 s, 1 red.") == 1
    assert f"| {step.name} | **red** |" in text
    assert text.endswith(DOCS.read_text()[-200:])


def test_documentation_without_a_place_is_left_as_it_is(tmp_path: Path) -> None:
    docs = tmp_path / "faults.md"
    docs.write_text("# Nothing\n")

    with pytest.raises(ValueError, match="has no place"):
        write_docs(Report(1), "2026-11-26", 1.0, docs)
    assert docs.read_text() == "# Nothing\n"
