"""The parts of a server are made of its settings, and of nothing else."""

from pathlib import Path

import pytest
from temporalio.client import TLSConfig

from bot.cli.main import Failure
from bot.cli.serving import (
    _github_limits,
    _gitlab_limits,
    _readers,
    _tls,
    forges,
    running_temporal,
)
from config.settings import Settings, read_settings


def _settings(directory: Path, **more: str) -> Settings:
    known = {"LOCKSTEP_STATE_DIR": str(directory), "LOCKSTEP_GITHUB_TOKEN": "t"}
    return read_settings({**known, **more}, "worker", directory=directory)


def test_a_cluster_is_reached_with_the_certificates_that_are_set(tmp_path: Path) -> None:
    files = {}
    for name in ("CA", "CERT", "KEY"):
        path = tmp_path / name
        path.write_text(f"the {name}")
        files[f"LOCKSTEP_TEMPORAL_TLS_{name}_FILE"] = str(path)
    settings = _settings(
        tmp_path,
        LOCKSTEP_TEMPORAL_ADDRESS="temporal.example.com:7233",
        LOCKSTEP_TEMPORAL_TLS_SERVER_NAME="temporal",
        **files,
    )

    assert _tls(settings) == TLSConfig(
        server_root_ca_cert=b"the CA",
        domain="temporal",
        client_cert=b"the CERT",
        client_private_key=b"the KEY",
    )


def test_a_key_that_is_none_is_refused_by_the_name_of_its_setting(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path,
        LOCKSTEP_GITHUB_TOKEN="",
        LOCKSTEP_GITHUB_APP_ID="7",
        LOCKSTEP_GITHUB_PRIVATE_KEY="-----BEGIN PRIVATE KEY-----\nnot one\n",
    )

    with (
        pytest.raises(
            Failure, match="LOCKSTEP_GITHUB_PRIVATE_KEY is no private key of App 7"
        ) as no,
        forges(settings),
    ):
        raise AssertionError

    assert "not one" not in str(no.value)


def test_github_and_gitlab_are_served_at_once(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path, LOCKSTEP_GITLAB_TOKEN="g", LOCKSTEP_GITLAB_URL="https://gitlab.example.com"
    )

    with forges(settings) as known:
        assert {name: forge.name for name, forge in known.items()} == {
            "github": "github",
            "gitlab": "gitlab",
        }


def test_a_token_rests_for_as_long_as_the_settings_say_a_minute_by_default(
    tmp_path: Path,
) -> None:
    usual, longer = _settings(tmp_path), _settings(tmp_path, LOCKSTEP_REST_AFTER_LIMIT="5m")

    for limits in (_github_limits, _gitlab_limits):
        assert limits(usual).rest_seconds == 60
        assert limits(longer).rest_seconds == 300


@pytest.mark.parametrize(
    "proof",
    [
        {"LOCKSTEP_GITLAB_WEBHOOK_SECRET": "secret"},
        {"LOCKSTEP_GITLAB_SIGNING_TOKEN": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="},
    ],
)
def test_gitlab_is_heard_by_its_token_or_its_signature(
    tmp_path: Path, proof: dict[str, str]
) -> None:
    settings = _settings(tmp_path, LOCKSTEP_GITLAB_TOKEN="g", **proof)

    assert [reader.forge for reader in _readers(settings)] == ["gitlab"]


async def test_a_cluster_that_is_away_is_said_with_its_address(tmp_path: Path) -> None:
    settings = _settings(tmp_path, LOCKSTEP_TEMPORAL_ADDRESS="127.0.0.1:1")

    with pytest.raises(Failure, match=r"Temporal cannot be reached at 127\.0\.0\.1:1: "):
        async with running_temporal(settings):
            raise AssertionError
