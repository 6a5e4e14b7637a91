"""The whole story, as a user runs it: real Temporal, real git, signed webhooks, a real browser."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import CHROMIUM, shown
from tests.cli.servers import ROOT, Process, started

RUN = (sys.executable, "-c", "from bot.cli.main import run; run()")
# Every step of it has its own, shorter limit.
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module", params=["github", "gitlab"])
def demo(request: pytest.FixtureRequest) -> Iterator[Process]:
    with started("demo", "--forge", request.param, settings={}) as running:
        yield running
        assert running.end(signal.SIGINT) == 0


def test_the_story_comes_true_from_beginning_to_end(demo: Process) -> None:
    demo.says("Everything is still running")

    told = [line for line in demo.lines if line[:1].isdigit()]
    assert told == [
        "1. Alice raises a limit in development",
        "2. The check passes, and staging takes it",
        "3. Dan wants it in production",
        "4. Alice tries to sign off her own change",
        "5. Carol of QA signs it off",
        "6. A hotfix at night, in production alone",
        "7. Alice merges the back-merge",
        "8. From there it flows forward like any change",
    ]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_promotion_s_page_shows_in_a_browser_what_a_reviewer_needs(
    demo: Process, tmp_path: Path
) -> None:
    # The second that the story names is the promotion to production.
    url = demo.says(r"into main:\n +(http://127\.0\.0\.1:\d+/acme/shop/\S+/2)\n")[1]
    # What the page says of the sign-off it says once that was given.
    demo.says("The story is over")

    text = shown(url, tmp_path)

    for wanted in (
        "Promote staging to production: 1 change",
        "database.max_connections",
        "signed off by carol for qa",
        "needs a member of the role",
        "what is tested here is what lands in",
    ):
        assert wanted in text


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_dashboard_shows_in_a_browser_what_is_open_and_what_it_waits_for(
    demo: Process, tmp_path: Path
) -> None:
    url = demo.says(r"the dashboard +(http://127\.0\.0\.1:\d+/)\n")[1]
    demo.says("The story is over")

    text = shown(url, tmp_path)

    for wanted in ("1 repository, ", "acme/shop", "development", "production", "1 worker"):
        assert wanted in text


@pytest.mark.parametrize("forge", ["github", "gitlab", "git"])
def test_once_ends_with_0_and_leaves_nothing_behind(tmp_path: Path, forge: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[commit]\n\tgpgsign = true\n[user]\n\tsigningkey = none\n")
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    told = subprocess.run(
        [*RUN, "demo", "--once", "--forge", forge],
        cwd=ROOT,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(temporary),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.endswith("and every step of it was seen to happen.\n")
    assert list(temporary.iterdir()) == []
