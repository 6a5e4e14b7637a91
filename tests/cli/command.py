"""Runs `lockstep` in this process, and gives back what a user would see."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from bot.cli.main import main

CONFIGURATION = """\
version: 1
environments:
  - {name: development, branch: develop}
  - name: staging
    branch: staging
    gates: {checks: [ci/test]}
  - {name: production, branch: main, gates: {sign_offs: [qa]}}
roles: {qa: [carol]}
keep:
  - {path: "*.yaml", keys: [host]}
"""
APP = "host: dev\nimage: v1\nlevel: info\nlimit: 10\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Return standard output as the one JSON document that it has to be."""
        return json.loads(self.out)


def lockstep(capfd: pytest.CaptureFixture[str], *arguments: object) -> Answer:
    """Run one command."""
    capfd.readouterr()
    code = main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return Answer(code, out, err)
