"""What a terminal cannot show is no reason to fail."""

import os
import subprocess
import sys

from tests.cli.servers import ROOT
from tests.world import World


def test_a_terminal_that_has_no_arrow_shows_something_else(world: World) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", "from bot.cli.main import run; run()", "drift", world.directory],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )

    assert (shown.returncode, shown.stderr) == (0, b"")
    assert shown.stdout.startswith(b"development (develop) ? staging")
