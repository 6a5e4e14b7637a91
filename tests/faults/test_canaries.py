"""A secret is searched for everywhere after the bot has lived through a story with faults."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.canaries import leaks
from tests.faults.place import BOT, Place, to_production
from tests.faults.processes import HOOK_SECRET, LOCKSTEP, Forge, Server
from tests.shop import APP, V2

# What people must not, and do, write into configuration.
VALUE = "hunter2-canary-5f3a9"


@pytest.fixture
def own(forge: Forge, tmp_path: Path) -> Iterator[Server]:
    """A server whose every file is there to be searched when it has ended."""
    server = Server(tmp_path / "server", forge, forge.tokens[BOT], LOCKSTEP_RECONCILE_INTERVAL="2s")
    try:
        server.start()
        yield server
    finally:
        server.close()


def shown(server: Server, here: Place) -> list[str]:
    """Return all that people and programs are shown."""
    status = subprocess.run(
        [str(LOCKSTEP), "status", "--json"],
        env={**server.process.settings, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    texts = [status.stdout, status.stderr, requests.get(f"{server.url}/metrics", timeout=5).text]
    for pull in here.pulls():
        texts += [pull["title"], pull["body"] or "", *here.said(pull["number"])]
        texts += here.status(pull["head"]["sha"])
    texts += [f"{issue['title']} {issue['body']}" for issue in here.issues()]
    return texts


def test_no_secret_is_in_any_file_page_history_metric_or_log(
    forge: Forge, own: Server, tmp_path: Path
) -> None:
    here = Place(forge, own.hook)
    secret = f"password: {VALUE}\n"
    # Faults whose errors repeat what was asked, in the log and in Temporal's histories.
    faults: list[dict[str, object]] = [{"status": 500}, {"cut": True}]
    for fault in faults:
        forge.do("inject", method="POST", path=f"^/repos/{here.name}/pulls$", **fault)
    forge.do("inject", method="GET", path=rf"/{here.name}\.git/info/refs", status=500)
    here.commit("development", {"app.yaml": V2 + secret})
    pull = here.open_into("staging")
    here.check(pull["head"]["sha"])
    here.merged(pull["number"])
    production = to_production(here)
    here.say(production["number"], "quinn", "/sign-off qa")
    here.check(production["head"]["sha"])
    here.merged(production["number"])
    here.commit("main", {"app.yaml": (APP + secret).replace("info", "debug")})
    here.issue_is("open", "log")
    here.open_into("development")
    refused = requests.post(own.hook, data=b"{}", headers={"X-Hub-Signature-256": "x"}, timeout=5)
    texts = [*shown(own, here), refused.text]
    assert "trying again" in own.process.log.read_text()
    own.close()

    for one in (forge.tokens[BOT], HOOK_SECRET):
        assert leaks(one, tmp_path, *texts) == []
    # The value is content: git has it, and nothing else has.
    said = [place for place in leaks(VALUE, tmp_path, *texts) if "/mirrors/" not in place]
    assert said == []


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "Authorization: Basic eC1hY2Nlc3MtdG9rZW46czNjcjN0LWNhbmFyeQ=="
    )
    (tmp_path / "log").write_text("https://x:s3cr3t-canary@forge.example.com/")

    assert len(leaks("s3cr3t-canary", tmp_path, "said s3cr3t-canary aloud")) == 3
