"""A real browser, where one is installed."""

import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Alone on this machine: it asks nobody for updates, and needs no sandbox to see our own pages.
_ALONE = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def shown(url: str, profile: Path) -> str:
    """Return the document of a page as the browser has it after loading."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, *_ALONE, f"--user-data-dir={profile}", "--dump-dom", url],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout
