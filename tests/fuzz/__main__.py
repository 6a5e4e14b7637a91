"""Search every target for a while: `python -m tests.fuzz [--seconds N] [TARGET …]`.

Begins from the committed corpus. What breaks a promise is kept beside it, is printed, and
makes the run fail; `tests/fuzz/test_corpus.py` replays all of the corpus in every test run.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
# Far above what any input may take on a busy machine: who makes a parser think stops a worker.
_INPUT_SECONDS = 20
_LONGEST_INPUT = 8192
_MEGABYTES = 2048

_CHILD = """
import sys, atheris
with atheris.instrument_imports(include=["bot", "config", "webhook"]):
    from tests.fuzz.targets import TARGETS
atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
atheris.Fuzz()
"""


def search(name: str, seconds: int) -> bool:
    """Search one target; return whether every promise was kept."""
    seeds = CORPUS / name
    seeds.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as fresh:
        options = (
            f"-max_total_time={seconds}",
            f"-timeout={_INPUT_SECONDS}",
            f"-rss_limit_mb={_MEGABYTES}",
            f"-max_len={_LONGEST_INPUT}",
            f"-artifact_prefix={seeds}/found-",
            "-print_final_stats=1",
        )
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, name, *options, fresh, str(seeds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=seconds + 120,
        )
        reached = len(list(Path(fresh).iterdir()))
    report = done.stdout.decode(errors="replace")
    tried = next((li.split()[-1] for li in report.splitlines() if "number_of_exec" in li), "?")
    kept = done.returncode == 0
    outcome = "nothing found" if kept else "FOUND"
    sys.stdout.write(f"{name:24} {tried:>10} inputs {reached:>6} kept  {outcome}\n")
    sys.stdout.flush()
    if not kept:
        sys.stdout.write(report[-4000:])
    return kept


def main() -> int:
    """Search the targets that are asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="left out, all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    asked = parser.parse_args()
    # Every one is searched, whatever was found before.
    kept = [search(name, asked.seconds) for name in asked.targets or TARGETS]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
