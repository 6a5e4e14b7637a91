"""What a run of `make chaos` found, for people and for docs/faults.md."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bot.model import ForgeName
from tests.chaos import faulty, matrix

DOCS = Path("docs/faults.md")
_TITLES = {"github": "GitHub", "gitlab": "GitLab"}


@dataclass(slots=True)
class Report:
    """The cells of all parts, as they come in."""

    seed: int
    cells: list[matrix.Cell] = field(default_factory=list)
    faults: dict[ForgeName, faulty.Outcome] = field(default_factory=dict)
    pairs: dict[ForgeName, faulty.Outcome] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Yield all tables and figures, as Markdown."""
        if self.cells:
            yield from ("", "### Who is killed where", "", *matrix.table(self.cells))
        for dialect, outcome in sorted(self.faults.items()):
            yield from ("", f"### {_TITLES[dialect]} fails", "", *faulty.table(outcome))
            yield from ("", *_writes(outcome))
        if self.pairs:
            yield from ("", "### Two faults in one hop", "", f"`LOCKSTEP_SEED={self.seed}`:", "")
        for dialect, outcome in sorted(self.pairs.items()):
            good = sum(not ill.failure for ill in outcome.ills)
            yield f"- {_TITLES[dialect]}: {good} of {len(outcome.ills)} end well."

    def red(self) -> list[str]:
        """Return what went wrong, a sentence each."""
        found = [f"{c.step.name}, {c.victim}: {c.failure}" for c in self.cells if c.failure]
        for outcome in (*self.faults.values(), *self.pairs.values()):
            found += outcome.red()
        return found

    @property
    def count(self) -> int:
        """How many cells there are."""
        outcomes = (*self.faults.values(), *self.pairs.values())
        return len(self.cells) + sum(len(outcome.ills) for outcome in outcomes)

    def summary(self, seconds: float) -> str:
        """Return what it comes to."""
        return f"{self.count} cells in {seconds:.0f} s, {len(self.red())} red."


def _writes(outcome: faulty.Outcome) -> Iterator[str]:
    dearest = outcome.dearest
    yield (
        f"Writes of a hop, counted in the forge: {outcome.undisturbed:.1f} undisturbed, at most "
        f"{dearest.writes} under a fault ({dearest.name})."
    )


def write_docs(report: Report, day: str, seconds: float, path: Path = DOCS) -> None:
    """Put the tables in their place in the documentation; raises ValueError where there is none."""
    before, began, rest = path.read_text().partition("<!-- tables of make chaos -->\n")
    _, ended, after = rest.partition("<!-- end of the tables -->\n")
    if not (began and ended):
        raise ValueError(f"{path} has no place for the tables")
    told = f"As it came out of one run on {day}: {report.summary(seconds)}"
    red = [f"- {line}" for line in report.red()]
    lines = "\n".join((told, *(("", *red) if red else ()), *report.lines(), ""))
    path.write_text(f"{before}{began}{lines}{ended}{after}")
