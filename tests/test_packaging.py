"""What is packaged agrees with itself; no container engine is needed to see that."""

import asyncio
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from bot.cli.main import lockstep
from config.settings import Part, Settings, read_settings, variable
from tests.webhook.builders import FakeTemporal
from webhook.app import app, monitoring
from webhook.dispatch import Dispatcher

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
    # Ours have the image's own.
    assert checked == {"temporal", "postgresql"}


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


async def test_the_health_check_finds_the_receiver_and_a_worker_where_they_answer() -> None:
    (check,) = re.findall(r"^  CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    python, option, code = json.loads(check)
    assert (python, option) == ("python", "-c")
    made = [
        app(Dispatcher(FakeTemporal()), github_secrets=["s"], ready=_ready),
        monitoring(ready=_ready, registry=CollectorRegistry()),
    ]

    async def checked(port: int | None) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            env={"LOCKSTEP_PORT": str(port)},
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait()

    codes, port = [], None
    for one in made:
        async with TestServer(one) as server:
            port = server.port
            codes.append(await checked(port))

    assert (codes, await checked(port)) == ([0, 0], 1)


async def _ready() -> list[str]:
    return []


def _image_settings() -> dict[str, str]:
    """The variables that the image sets, but for the one that its builder gives."""
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)
    found = dict(word.split("=", 1) for word in block.replace("\\\n", " ").split())
    return {name: value for name, value in found.items() if name.startswith("LOCKSTEP_")} | {
        "LOCKSTEP_BUILD_ID": ""
    }


SECRETS = {"LOCKSTEP_GITHUB_TOKEN": "t", "LOCKSTEP_GITHUB_WEBHOOK_SECRET": "s"}


@pytest.mark.parametrize(("service", "part"), [("receiver", "webhook"), ("worker", "worker")])
def test_our_services_start_with_what_they_are_given(
    service: str, part: Part, tmp_path: Path
) -> None:
    given = COMPOSE["services"][service]
    environment = _image_settings() | given["environment"]
    ours = {variable(name) for name in Settings.model_fields}

    settings = read_settings(environment | SECRETS, part, directory=tmp_path)

    assert {name for name in environment if name not in ours} == set()
    assert (given["command"], given["env_file"]) == ([part], "lockstep.env")
    assert settings.temporal_address == "temporal:7233"
    # The health check of the image asks there.
    answers_at = settings.port if part == "webhook" else settings.metrics_port
    assert answers_at == int(_image_settings()["LOCKSTEP_PORT"])


def test_the_image_alone_starts_with_a_token_and_a_secret(tmp_path: Path) -> None:
    settings = read_settings(_image_settings() | SECRETS, "serve", directory=tmp_path)

    (volume,) = re.findall(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)
    assert str(settings.state_dir) == volume
    assert not settings.shows_dashboard


def test_what_is_written_lands_in_a_volume_that_is_named() -> None:
    mounted = {
        volume.partition(":")[0]
        for service in COMPOSE["services"].values()
        for volume in service.get("volumes", [])
    }

    assert mounted == set(COMPOSE["volumes"])
    assert COMPOSE["services"]["worker"]["volumes"] == ["mirrors:/var/lib/lockstep"]


def test_two_workers_stay_within_what_one_token_may() -> None:
    worker = COMPOSE["services"]["worker"]
    replicas, given = worker["deploy"]["replicas"], worker["environment"]

    assert replicas * int(given["LOCKSTEP_WRITES_PER_MINUTE"]) <= 80
    assert replicas * int(given["LOCKSTEP_CONTENT_PER_HOUR"]) <= 500


def test_temporal_is_asked_for_its_health_in_words_that_its_command_knows() -> None:
    _, command, *words, option, _ = COMPOSE["services"]["temporal"]["healthcheck"]["test"]

    def told(*arguments: str) -> str:
        return subprocess.run(
            [Path(sys.executable).with_name(command), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    assert f"{command} {' '.join(words)} [flags]" in told(*words, "--help")
    assert f" {option} string" in told("options")
