"""An organisation's real rules on the sandbox: who agrees, what files say, what a law asks for.

Each plays one of the examples, with the organisation's policy above it: real Temporal, real
git over HTTP, real PyGithub.
"""

import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.sandbox.controls import Controls
from tests.temporal_server import connected, temporal
from tests.workflows.town import Pull, Town, eventually, town
from workflows.worker import worker

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
TEAMS = {
    "security": ["sue"],
    "architects": [],
    "payments": ["pia"],
    "compliance": ["cora"],
    "leads": ["lena"],
    "ledger": ["leo"],
    "web": ["wanda"],
    "privacy": ["paul"],
    "finance-controllers": ["fred"],
    "bots": ["lockstep-bot"],  # who sees the others' members
}
PEOPLE = sorted({person for team in TEAMS.values() for person in team} - {"lockstep-bot"})
ACME = """\
version: 1
environments:
  - {names: ["prod*"], gates: {sign_offs: [duty]}}
roles: {duty: [dora]}
"""


def example(name: str, *left_out: str) -> str:
    """Return an example of two environments, without what depends on today's date."""
    text = (EXAMPLES / name).read_text().partition("\ntests:")[0] + "\n"
    for pattern in (
        r"  - name: staging\n(?:    .*\n)+",
        r"      windows: .*\n",
        r"    freezes:\n(?:      .*\n)+",
        *left_out,
    ):
        text = re.sub(pattern, "", text)
    # Promoted by itself, so that a story has one step less.
    return text.replace("    branch: main\n", "    branch: main\n    promote: automatic\n")


async def row(here: Town, pull: Pull, gate: str, *words: str) -> str:
    """Wait for a gate's row in the description to say all of these; return it."""

    last = ""

    async def look() -> str | None:
        nonlocal last
        body = next(one.body for one in await here.pulls() if one.number == pull.number)
        lines = [line for line in body.splitlines() if line.startswith(f"| {gate} |")]
        plain = "".join(lines).replace("\\", "").replace("\u200b", "")
        last = plain or body
        return plain if plain and all(word in plain for word in words) else None

    try:
        return await eventually(look, f"{gate} of #{pull.number} to say {words}")
    except AssertionError as error:
        raise AssertionError(f"{error}; it says {last}; {await here.said(pull.number)}") from None


async def next_second() -> None:
    """Wait until the forge's clock, which knows seconds, says another time."""
    second = int(time.time())

    async def look() -> bool:
        return int(time.time()) > second

    await eventually(look, "the next second")


async def play_the_release_board(here: Town) -> None:
    """Payments ask payments and compliance, a text change the team lead, each saying why."""
    await here.commit("development", {"payments/card.yaml": "limit: 500\n"})
    pull = await here.open_into("main")
    await here.check(pull.head_sha)

    said = await row(here, pull, "approvals", "waiting for 2 approvals")
    assert said.endswith(", because payments/card.yaml:limit changed: money moves here |")
    said = await row(here, pull, "sign_offs", "waiting for sign-off by", "compliance", "payments")
    assert "team-lead" not in said
    await here.say(pull.number, "cora", "/reject compliance the limit is too high")
    await row(here, pull, "sign_offs", "rejected by cora for compliance: the limit is too high")

    await next_second()
    await here.say(pull.number, "cora", "/sign-off compliance")
    await here.say(pull.number, "pia", "/sign-off payments")
    # Of the organisation's own policy, which the repository's file says nothing of.
    said = await row(here, pull, "sign_offs", "waiting for sign-off by duty")
    assert "because the organisation's policy asks for it" in said
    await here.say(pull.number, "dora", "/sign-off duty")
    await here.review(pull.number, "bob")
    await row(here, pull, "approvals", "waiting for 1 more approval")
    await here.review(pull.number, "lena")
    await here.become(pull.number, "merged")

    await here.commit("development", {"web/banner.yaml": "text: Welcome\n"})
    pull = await here.open_into("main")
    said = await row(here, pull, "sign_offs", "duty", "team-lead")
    assert "because no other rule asks for anything" in said


SERVICE = """\
owner: payments
compliance: [sox]
regions: [us]
requires_dual_approval: true
criticality: low
"""


async def play_the_services(here: Town) -> None:
    """What a service's own file says is enforced, also where the promotion relaxes it."""
    relaxed = SERVICE.replace("true", "false").replace("[sox]", "[]")
    await here.commit("development", {"services/pay/service.yaml": relaxed})
    pull = await here.open_into("main")
    said = await row(here, pull, "approvals", "waiting for 2 approvals")
    assert "services/pay/service.yaml:4 (as production has it) says requires" in said
    assert "the service asks for four eyes" in said
    said = await row(here, pull, "sign_offs", "compliance", "duty", "payments")
    assert "compliance: sox: Sarbanes-Oxley asks for dual approval" in said

    # A mistake in the file closes the gate, with its line.
    broken = relaxed.replace("false", "maybe")
    await here.commit("development", {"services/pay/service.yaml": broken})
    said = await row(here, pull, "facts", "failed")
    assert "service.yaml:4: `requires_dual_approval` takes `true` or `false`, not `maybe`" in said

    today = datetime.now(UTC).date()  # noqa: TID251 -- the sandbox and the worker have real clocks
    first, last = today - timedelta(days=1), today + timedelta(days=2)
    window = f"blackout_windows:\n  - {{from: {first}, to: {last}, reason: Black Friday}}\n"
    await here.commit("development", {"services/pay/service.yaml": relaxed + window})
    said = await row(here, pull, "freezes", "frozen until", "Black Friday")
    assert "service.yaml:6 says blackout_windows" in said
    await row(here, pull, "checks", "ci/test")
    body = next(one.body for one in await here.pulls() if one.number == pull.number)
    assert "| facts |" not in body


async def play_compliance(here: Town) -> None:
    """A system under a law asks for what its bundle says, and says which law that is."""
    await here.commit("development", {"patients/db.yaml": "replicas: 3\nencryption: false\n"})
    pull = await here.open_into("main")

    said = await row(here, pull, "soak", "rests in its source", "the 1d are over")
    assert "which hipaa is for: HIPAA asks for encryption".replace("hipaa", "`hipaa`", 1) in said
    said = await row(here, pull, "checks", "policy/encryption", "policy/data-residency")
    assert "`gdpr` is for: the GDPR asks where personal data lives" in said
    said = await row(here, pull, "sign_offs", "compliance", "privacy", "security")
    said = await row(here, pull, "approvals", "waiting for 2 approvals")
    assert "it protects what these laws are about" in said
    await row(here, pull, "required_files", "assessments/")


def _team(controls: Controls, slug: str, members: list[str]) -> None:
    controls.set_team("acme", slug, dict.fromkeys(members, "active"))


BOARD = {"payments/card.yaml": "limit: 100\n", "web/banner.yaml": "text: Hello\n"}
SERVICES = {"services/pay/service.yaml": SERVICE}
PATIENTS = {"patients/db.yaml": "replicas: 2\nencryption: true\n"}


@pytest.mark.parametrize(
    ("name", "files", "play"),
    [
        ("release-board.yaml", BOARD, play_the_release_board),
        ("services.yaml", SERVICES, play_the_services),
        ("compliance.yaml", PATIENTS, play_compliance),
    ],
    ids=["release-board", "services", "compliance"],
)
async def test_an_organisations_rules_are_enforced_and_explain_themselves(
    tmp_path: Path,
    name: str,
    files: dict[str, str],
    play: Callable[[Town], Awaitable[None]],
) -> None:
    with temporal(tmp_path) as address:
        client = await connected(address)
        async with (
            town(tmp_path, client) as here,
            worker(client, {"github": here.forge}, tmp_path / "state", policies=["acme/policy"]),
        ):
            await here.do(lambda c: [c.add_user(login) for login in (*PEOPLE, "dora")])
            for team, people in TEAMS.items():
                await here.do(partial(_team, slug=team, members=people))
            await here.found("acme/policy", {"lockstep-policy.yaml": ACME}, writers=())
            files = {".lockstep.yaml": example(name), **files}
            writers = ("ada", "bob", "lena")
            await play(await here.found("acme/rules", files, "development", writers=writers))
