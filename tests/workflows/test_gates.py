"""Gates of time and of others, from the first look to the merge, on a server that skips time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import WorkflowHistory

from bot.forges.forge import Unavailable
from bot.outbound import Outbound
from bot.probes import Outside
from config.reach import reach
from tests.service import service
from tests.workflows.town import events_of
from tests.workflows.village import APP, REPOSITORY, Village, village

V2 = APP.replace("v1", "v2")
V3 = APP.replace("v1", "v3")
HERE = Outside(Outbound(reach("127.0.0.0/8"), limit=5))
# So that no scheduled look disturbs the count: the first may come after a tenth of it.
RARELY = timedelta(days=900)
HEAD = """\
version: 1
environments:
  - name: development
    branch: develop
  - name: staging
    branch: staging
    promote: automatic
"""


async def known(here: Village) -> None:
    """Let the pipeline see where branches are before anything is pushed."""
    await here.pushed("development")
    await here.until_idle()


async def now(here: Village) -> datetime:
    return (await here.env.get_current_time()).astimezone(UTC)


def counted(history: WorkflowHistory) -> dict[str, int]:
    kinds = events_of(history)
    return {kind: kinds.count(kind) for kind in ("TIMER_STARTED", "ACTIVITY_TASK_SCHEDULED")}


async def test_waiting_for_a_time_that_is_thirty_days_away_costs_one_timer(tmp_path: Path) -> None:
    ends = datetime.now(UTC) + timedelta(days=30)  # noqa: TID251 - when the server begins
    freeze = (
        f"    freezes: [{{from: 2026-01-01, to: {ends:%Y-%m-%d %H:%M}, reason: the long rest}}]\n"
    )
    async with village(tmp_path, HEAD + freeze, reconcile=RARELY) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.body_says(
            pull.number, f"frozen until {ends:%a %Y-%m-%d %H:%M} UTC: the long rest"
        )
        await here.until_idle()

        await here.env.sleep(timedelta(days=31))

        await here.become(pull.number, "merged")
        await here.ended("staging", source)
        history = await here.history("staging", source)
        assert counted(history) == {"TIMER_STARTED": 1, "ACTIVITY_TASK_SCHEDULED": 2}


async def test_a_promotion_that_waits_for_a_time_is_not_asked_after_again_and_again(
    tmp_path: Path,
) -> None:
    ends = datetime.now(UTC) + timedelta(days=1)  # noqa: TID251 - when the server begins
    freeze = f"    freezes: [{{from: 2026-01-01, to: {ends:%Y-%m-%d %H:%M}, reason: rest}}]\n"
    async with village(tmp_path, HEAD + freeze, reconcile=timedelta(hours=2)) as here:
        source = await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until_idle()
        await here.env.sleep(timedelta(hours=23))
        # No event tells of it: it is asked for when the time has come.
        here.forge.report(REPOSITORY, pull.head_sha, "ci/late", "failure")

        await here.env.sleep(timedelta(hours=2))

        await here.body_says(pull.number, "ci/late failed")
        assert here.pull(pull.number).state == "open"
        assert counted(await here.history("staging", source))["TIMER_STARTED"] <= 3


async def test_content_rests_its_time_and_a_change_begins_it_anew(tmp_path: Path) -> None:
    async with village(tmp_path, HEAD + "    gates: {soak: 6d}\n", reconcile=RARELY) as here:
        await known(here)
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.body_says(pull.number, "rests in its source since")
        await here.env.sleep(timedelta(days=3))
        begun = await now(here)
        await here.push("development", {"app.yaml": V3})
        await here.until(lambda: here.pull(pull.number).head_sha != pull.head_sha)
        over = begun + timedelta(days=6)
        await here.body_says(pull.number, f"the 6d are over {over:%a %Y-%m-%d}")

        await here.env.sleep(timedelta(days=5))
        assert here.pull(pull.number).state == "open"
        await here.env.sleep(timedelta(days=1, minutes=5))

        await here.become(pull.number, "merged")
        assert here.world.text("staging", "app.yaml") == V3


async def test_a_service_is_asked_again_until_it_agrees(tmp_path: Path) -> None:
    with service(body=b'{"ok": false}') as there:
        gate = f"    gates: {{http: [{{name: room, url: {there.url}, condition: ok}}]}}\n"
        async with village(tmp_path, HEAD + gate, reconcile=RARELY, outside=HERE) as here:
            source = await here.push("development", {"app.yaml": V2})
            pull = await here.open_into("staging")
            await here.body_says(pull.number, "127.0.0.1 does not agree")
            await here.env.sleep(timedelta(minutes=11))
            asked = len(there.asked)
            assert 2 <= asked <= 4
            there.body = b'{"ok": true}'

            await here.env.sleep(timedelta(minutes=6))

            await here.become(pull.number, "merged")
            await here.ended("staging", source)
            assert len(there.asked) <= asked + 2


async def test_a_service_that_is_away_keeps_the_gate_closed(tmp_path: Path) -> None:
    gate = "    gates: {http: [{name: room, url: 'http://127.0.0.1:1', condition: ok}]}\n"
    async with village(tmp_path, HEAD + gate, reconcile=RARELY) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")

        await here.body_says(pull.number, "is not where the server's settings let gates ask")

        await here.env.sleep(timedelta(hours=1))
        assert here.pull(pull.number).state == "open"


QA = "    gates: {workflow: [{name: qa, workflow: qa.yml, inputs: {suite: full}, timeout: 2h}]}\n"


def started(here: Village) -> list[tuple[str, dict[str, str]]]:
    runs = here.forge.places[REPOSITORY].workflows["qa.yml"]
    return [(sha, inputs) for sha, _, inputs in runs]


async def test_a_run_is_started_on_the_candidate_once_and_its_success_lets_go_on(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, HEAD + QA, reconcile=RARELY) as here:
        here.forge.add_workflow(REPOSITORY, "qa.yml")
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.body_says(pull.number, "qa.yml is queued since")
        here.forge.set_run(REPOSITORY, 1, "running")
        await here.env.sleep(timedelta(minutes=3))
        await here.body_says(pull.number, "([more](https://forge.example/acme/config/runs/1))")
        here.forge.set_run(REPOSITORY, 1, "success")

        await here.env.sleep(timedelta(minutes=5))

        await here.become(pull.number, "merged")
        assert started(here) == [(pull.head_sha, {"suite": "full"})]


async def test_a_run_whose_start_was_not_answered_is_found_and_not_started_again(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, HEAD + QA, reconcile=RARELY) as here:
        here.forge.add_workflow(REPOSITORY, "qa.yml")
        here.forge.unseen = {1}  # and the forge takes a while to list it
        here.forge.fail("start_workflow", Unavailable("the connection was cut"), after=True)
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until(lambda: started(here), "the start")
        looks = here.forge.calls["workflow_runs"]
        await here.until(lambda: here.forge.calls["workflow_runs"] > looks, "another look")
        here.forge.unseen = set()
        here.forge.set_run(REPOSITORY, 1, "success")

        await here.env.sleep(timedelta(minutes=5))

        await here.become(pull.number, "merged")
        assert len(started(here)) == 1


async def test_a_run_that_never_came_about_is_started_after_a_while(tmp_path: Path) -> None:
    async with village(tmp_path, HEAD + QA, reconcile=RARELY) as here:
        here.forge.add_workflow(REPOSITORY, "qa.yml")
        here.forge.fail("start_workflow", Unavailable("the connection was cut"))
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until(lambda: here.forge.calls["workflow_runs"] >= 2, "the second look")
        assert started(here) == []

        await here.env.sleep(timedelta(minutes=5))

        assert started(here) == [(pull.head_sha, {"suite": "full"})]


async def test_a_run_that_failed_blocks_and_one_that_somebody_runs_again_counts(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, HEAD + QA, reconcile=RARELY) as here:
        here.forge.add_workflow(REPOSITORY, "qa.yml")
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until(lambda: started(here), "the run")
        here.forge.set_run(REPOSITORY, 1, "failure")
        await here.env.sleep(timedelta(minutes=3))
        await here.body_says(pull.number, "qa.yml failed; run it again there")
        here.forge.start_workflow(REPOSITORY, "qa.yml", pull.head_branch, {})
        here.forge.set_run(REPOSITORY, 2, "success")

        await here.check(pull, name="qa / job")

        await here.become(pull.number, "merged")


async def test_a_workflow_that_is_not_there_is_said_and_tried_again(tmp_path: Path) -> None:
    async with village(tmp_path, HEAD + QA, reconcile=RARELY) as here:
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.body_says(pull.number, "it cannot be started: there is no workflow qa.yml")
        here.forge.add_workflow(REPOSITORY, "qa.yml")

        await here.env.sleep(timedelta(minutes=3))

        await here.until(lambda: started(here), "the run")


async def test_another_candidate_has_a_run_of_its_own(tmp_path: Path) -> None:
    async with village(tmp_path, HEAD + QA, reconcile=RARELY) as here:
        here.forge.add_workflow(REPOSITORY, "qa.yml")
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.until(lambda: started(here), "the first run")
        await here.push("development", {"app.yaml": V3})
        await here.until(lambda: here.pull(pull.number).head_sha != pull.head_sha)
        # A step that failed before it got there looks for a while what it has started.
        await here.env.sleep(timedelta(minutes=5))
        await here.until(lambda: len(started(here)) == 2, "the second run")

        second = here.pull(pull.number)
        assert [sha for sha, _ in started(here)] == [pull.head_sha, second.head_sha]
        assert second.state == "open"


PIPELINE = """\
version: 1
environments:
  - name: development
    branch: develop
  - name: staging
    branch: staging
    promote: automatic
    gates: {drained: true}
  - name: production
    branch: main
"""


async def test_nothing_new_comes_in_until_what_waits_further_down_has_gone_on(
    tmp_path: Path,
) -> None:
    async with village(tmp_path, PIPELINE, reconcile=RARELY) as here:
        await here.push("staging", {"app.yaml": APP.replace("info", "debug")})
        await here.push("development", {"app.yaml": V2})
        pull = await here.open_into("staging")
        await here.body_says(pull.number, "1 change from staging to production must be promoted")
        await here.until_idle()

        await here.push("production", {"app.yaml": APP.replace("info", "debug")})

        await here.become(pull.number, "merged")
