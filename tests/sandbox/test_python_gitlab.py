"""python-gitlab's own functional tests against the sandbox: an independent check of its GitLab.

Run with LOCKSTEP_PEERS=1, which fetches the sdist of the installed version, or with
LOCKSTEP_PYTHON_GITLAB naming a sdist that is at hand.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.sandbox.conftest import running
from tests.sandbox.python_gitlab.expected import CHOSEN, NOT_PASSING

_FIXTURES = Path(__file__).parent / "python_gitlab" / "fixtures.py"


def _sdist(where: Path) -> Path:
    named = os.environ.get("LOCKSTEP_PYTHON_GITLAB")
    if named:
        return Path(named)
    if not os.environ.get("LOCKSTEP_PEERS"):
        pytest.skip("python-gitlab's own tests are run with LOCKSTEP_PEERS=1")
    wanted = f"python-gitlab=={version('python-gitlab')}"
    how = ["--no-binary", ":all:", "--no-deps", "--dest", str(where), wanted]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", *how],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"the sdist of {wanted} cannot be had: {done.stderr.strip()[-300:]}")
    return next(where.glob("*.tar.gz"))


def _laid_out(sdist: Path, where: Path) -> Path:
    """Put the chosen tests beside our fixtures; nothing else of theirs is unpacked."""
    where.mkdir()
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            path = Path(member.name)
            if path.parts[1:4] == ("tests", "functional", "api") and path.name in CHOSEN:
                file = archive.extractfile(member)
                assert file is not None
                (where / path.name).write_bytes(file.read())
    shutil.copy(_FIXTURES, where / "conftest.py")
    (where / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    return where


def _wanted() -> list[str]:
    return [
        selected
        for file, tests in CHOSEN.items()
        for selected in ([f"{file}::{test}" for test in tests] or [file])
    ]


def _outcomes(report: Path) -> dict[str, bool]:
    found = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - written by pytest just now
        failed = case.find("failure") is not None or case.find("error") is not None
        found[f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"] = not failed
    return found


@pytest.mark.timeout(600)
def test_python_gitlabs_own_tests_pass_but_for_those_that_are_listed(tmp_path: Path) -> None:
    where = _laid_out(_sdist(tmp_path), tmp_path / "peers")
    report = tmp_path / "report.xml"

    with running(tmp_path / "sandbox", "gitlab") as forge:
        token = forge.token("root")
        forge.do.set_instance_admin("root")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *_wanted()],
            cwd=where,
            env={
                **os.environ,
                "PEER_URL": forge.sandbox.url,
                "PEER_TOKEN": token,
                "PEER_CONTROL": forge.sandbox.control_token,
            },
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )

    assert report.exists(), done.stdout + done.stderr
    outcomes = _outcomes(report)
    failed = {name for name, passed in outcomes.items() if not passed}
    assert failed == set(NOT_PASSING), done.stdout[-6000:]
    assert len(outcomes) > 40
