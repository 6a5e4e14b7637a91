"""What is packaged agrees with itself; no container engine is needed to see that."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from bot.cli.main import lockstep

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _is_ours(service: dict[str, Any]) -> bool:
    return "build" in service


def test_every_service_is_restarted_and_checked_and_listens_on_this_machine_alone() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["restart"] == "unless-stopped", name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    checked = {name for name, one in COMPOSE["services"].items() if "healthcheck" in one}
    # The receiver's is the image's own.
    assert checked == {"worker", "temporal", "postgresql"}
    assert "/healthz" in DOCKERFILE


def test_our_services_may_do_nothing_that_they_need_not() -> None:
    ours = [one for one in COMPOSE["services"].values() if _is_ours(one)]

    assert sorted(service["command"][0] for service in ours) == ["webhook", "worker"]
    for service in ours:
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r"^USER lockstep$", DOCKERFILE, re.MULTILINE)


def test_the_image_is_of_this_version_and_runs_commands_that_there_are() -> None:
    commands = set(
        lockstep.list_commands(lockstep.make_context("lockstep", [], resilient_parsing=True))
    )
    run = {one["command"][0] for one in COMPOSE["services"].values() if _is_ours(one)}
    (default,) = re.findall(r'^CMD \["(\w+)"\]$', DOCKERFILE, re.MULTILINE)

    assert {*run, default} <= set(commands)
    assert COMPOSE["x-lockstep"]["image"] == f"lockstep:{PROJECT['project']['version']}"


def test_every_package_is_in_the_image() -> None:
    copied = set(re.findall(r"^COPY (\w+) \w+$", DOCKERFILE, re.MULTILINE))
    packages = {name.partition(".")[0] for name in PROJECT["tool"]["setuptools"]["packages"]}

    assert packages == copied
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert packages <= {line.removeprefix("!") for line in ignored}


def test_the_health_check_is_python_that_compiles() -> None:
    (check,) = re.findall(r"^  CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    python, option, code = json.loads(check)

    assert (python, option) == ("python", "-c")
    compile(code, "healthcheck", "exec")
