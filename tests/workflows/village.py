"""The workflows on a server that skips time, the forge in memory, and real git beneath both."""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowHistory
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from bot.decisions.facts import CheckState
from bot.forges.forge import IssueInfo, PullRequestInfo
from bot.probes import Outside
from tests import shop
from tests.forges.memory import MemoryForge
from tests.forges.memory_world import Merged, Place
from tests.workflows.town import eventually
from tests.world import BRANCHES, File, World
from webhook.events import (
    ChecksChanged,
    Comment,
    Delivery,
    Event,
    PullRequestChanged,
    Push,
    RepositoryRef,
    ReviewChanged,
)
from workflows.payloads import data_converter
from workflows.values.base import RepositoryKey
from workflows.values.pipeline import PipelineState
from workflows.values.promotion import PromotionState
from workflows.worker import RECONCILE, worker

REPOSITORY = "acme/config"
KEY = RepositoryKey(forge="github", owner="acme", name="config")
TEST_SERVER = Path(sys.executable).with_name("temporal-test-server")
APP = "image: v1\nreplicas: 1\nlog: info\n"
CONFIGURATION = shop.CONFIGURATION.replace("branch: development", "branch: develop")


class GitForge(MemoryForge):
    """The forge in memory over a real repository: its branches are where git has them."""

    def __init__(self, world: World) -> None:
        super().__init__("lockstep", land=self._land_in_git, now=self._later)
        self._git = world
        # The forge's clock is the server's, and no two moments are the same.
        self.clock = self._last = datetime(2026, 1, 1, tzinfo=UTC)
        # Others than the bot merge between two looks of ours; this one happens inside of a merge.
        self.before_merge: Callable[[], object] = lambda: None
        # And other things happen before a promotion has told of what it has opened.
        self.after_opening: Callable[[], object] = lambda: None

    def has_file(self, repository: str, path: str) -> bool:
        self.calls["has_file"] += 1
        default = self._place(repository).info.default_branch
        return bool(self._git.git("ls-tree", f"refs/heads/{default}", "--", path))

    def open_pull_request(
        self, repository: str, head: str, base: str, title: str, body: str
    ) -> PullRequestInfo:
        opened = super().open_pull_request(repository, head, base, title, body)
        self.after_opening()
        return opened

    def _later(self) -> datetime:
        self._last = max(self.clock, self._last + timedelta(seconds=1))
        return self._last

    def found(self) -> None:
        """Add the repository."""
        info = self.add_repository(REPOSITORY, {"main": self._git.sha("main")})
        place = self.places[REPOSITORY]
        place.info = replace(info, clone_url=self._git.directory.as_uri())
        for person in ("ada", "bob"):
            self.set_permission(REPOSITORY, person, "write")
        self.set_permission(REPOSITORY, "mia", "maintain")

    def _place(self, full_name: str) -> Place:
        place = super()._place(full_name)
        refs = self._git.git("for-each-ref", "--format=%(refname:strip=2) %(objectname)")
        now = dict(line.split(" ") for line in refs.decode().splitlines())
        before, place.branches = place.branches, now
        for name in before.keys() | now.keys():
            if before.get(name) != now.get(name):
                self._followed(place, name, now.get(name))
        return place

    @staticmethod
    def _followed(place: Place, branch: str, sha: str | None) -> None:
        for number, pull in place.pulls.items():
            if pull.state == "open" and pull.head_branch == branch:
                new = replace(pull, head_sha=sha) if sha else replace(pull, state="closed")
                place.pulls[number] = new

    def _land_in_git(self, _repository: str, pull: PullRequestInfo, asked: Merged) -> str:
        self.before_merge()
        git = self._git
        base = git.git("rev-parse", f"refs/heads/{pull.base_branch}").decode().strip()
        tree = git.git("merge-tree", "--write-tree", base, asked.sha).decode().split()[0]
        parents = [base] if asked.method != "merge" else [base, asked.sha]
        made = git.git(
            *("-c", "user.name=forge", "-c", "user.email=forge@example.com", "commit-tree", tree),
            *(word for parent in parents for word in ("-p", parent)),
            *("-m", f"{asked.title}\n\n{asked.message}"),
        )
        git.git("update-ref", f"refs/heads/{pull.base_branch}", made.decode().strip(), base)
        return made.decode().strip()


class Village:
    """A repository whose events a test sends by hand."""

    def __init__(self, env: WorkflowEnvironment, world: World, forge: GitForge) -> None:
        self.env, self.world, self.forge = env, world, forge
        self.client: Client = env.client
        self._ids = itertools.count(1)
        self._last: list[Delivery] = []

    async def deliver(self, *events: Event) -> None:
        """Send events as the receiver does."""
        repository = RepositoryRef(
            forge="github", owner="acme", name="config", id=1000, default_branch="main"
        )
        deliveries = [
            Delivery(id=f"d-{next(self._ids)}", repository=repository, event=event)
            for event in events
        ]
        self._last = deliveries
        await self._send(repository, deliveries)

    async def again(self) -> None:
        """Deliver the last events again, as a forge does that was not sure."""
        await self._send(self._last[0].repository, self._last)

    async def _send(self, repository: RepositoryRef, deliveries: list[Delivery]) -> None:
        await self.client.start_workflow(
            "pipeline",
            repository,
            id=KEY.pipeline_id,
            task_queue="lockstep",
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal="take",
            start_signal_args=[deliveries],
        )

    async def push(self, environment: str, files: dict[str, str | File | None]) -> str:
        """Commit to a branch and send the event."""
        sha = self.world.commit(environment, files)
        self.forge.wrote(REPOSITORY, sha, "ada")
        await self.pushed(environment)
        return sha

    async def pushed(self, environment: str, by: str = "ada") -> None:
        """Send the event of a push."""
        branch, sha = BRANCHES[environment], self.world.sha(environment)
        await self.deliver(Push(branch=branch, before=None, after=sha, by=by))

    async def check(
        self, pull: PullRequestInfo, state: CheckState = "success", name: str = "ci/test"
    ) -> None:
        """Report a check."""
        self.forge.report(REPOSITORY, pull.head_sha, name, state)
        failed = state not in {"success", "pending"}
        await self.deliver(ChecksChanged(sha=pull.head_sha, name=name, failed=failed))

    async def say(self, number: int, person: str, text: str) -> None:
        """Comment."""
        now = await self.env.get_current_time()
        comment = Comment(
            number=number,
            id=next(self._ids),
            author=person,
            at=now,
            text=text,
            on_pull_request=number in self.forge.places[REPOSITORY].pulls,
        )
        await self.deliver(comment)

    async def review(self, number: int) -> None:
        """Send the event of a review."""
        await self.deliver(ReviewChanged(number=number, by="bob"))

    async def changed(self, number: int, by: str) -> None:
        """Send the event of a pull request that was closed or merged."""
        pull = self.pull(number)
        event = PullRequestChanged(
            number=number,
            action="closed",
            head_branch=pull.head_branch,
            head_sha=pull.head_sha,
            base_branch=pull.base_branch,
            merged=pull.state == "merged",
            from_fork=False,
            by=by,
        )
        await self.deliver(event)

    # Looking

    def pulls(self) -> list[PullRequestInfo]:
        """Return the pull requests, oldest first."""
        return list(self.forge.places[REPOSITORY].pulls.values())

    def pull(self, number: int) -> PullRequestInfo:
        return self.forge.places[REPOSITORY].pulls[number]

    def issues(self) -> list[IssueInfo]:
        return [issue.info for issue in self.forge.places[REPOSITORY].issues.values()]

    def branch(self, name: str) -> str | None:
        """Return where a branch is."""
        return self.forge._place(REPOSITORY).branches.get(name)

    async def ended_pipeline(self) -> None:
        """Wait for the pipeline to find that the repository is none of its."""

        async def look() -> bool:
            described = await self.client.get_workflow_handle(KEY.pipeline_id).describe()
            return described.close_time is not None

        await eventually(look, "the pipeline to end")

    def said(self, number: int) -> list[str]:
        """Return what the bot has answered."""
        comments = self.forge.places[REPOSITORY].comments.get(number, [])
        return [text for person, text in comments if person == "lockstep"]

    async def open_into(self, environment: str) -> PullRequestInfo:
        """Wait for an open pull request that the pipeline knows."""
        base = BRANCHES[environment]

        async def look() -> PullRequestInfo | None:
            found = (p for p in self.pulls() if (p.state, p.base_branch) == ("open", base))
            return next(found, None)

        return await eventually(look, f"a pull request into {environment}")

    async def become(self, number: int, state: str) -> PullRequestInfo:
        """Wait for a pull request to be in a state."""
        await self.until(lambda: self.pull(number).state == state, f"#{number} to be {state}")
        return self.pull(number)

    async def until(self, holds: Callable[[], object], what: str = "it") -> None:
        """Wait for something to hold."""

        async def look() -> bool:
            return bool(holds())

        await eventually(look, what)

    async def body_says(self, number: int, words: str) -> None:
        """Wait for a description to say something."""
        await self.until(lambda: words in self.pull(number).body, f"#{number} to say {words!r}")

    async def answered(self, number: int, words: str) -> None:
        """Wait for an answer that says something."""
        await self.until(
            lambda: any(words in text for text in self.said(number)), f"an answer with {words!r}"
        )

    async def ended(self, environment: str, source: str) -> str:
        """Wait for a promotion to end; return what became of it."""
        handle = self.client.get_workflow_handle(
            KEY.promotion_id(environment, source), result_type=str
        )

        async def look() -> str | None:
            described = await handle.describe()
            with self.env.auto_time_skipping_disabled():
                return await handle.result() if described.close_time else None

        return await eventually(look, f"the promotion to {environment} to end")

    async def history(self, environment: str, source: str) -> WorkflowHistory:
        """Return a promotion's history."""
        handle = self.client.get_workflow_handle(KEY.promotion_id(environment, source))
        return await handle.fetch_history()

    async def until_open(self, slot: str) -> None:
        """Wait until the pipeline knows what is open in a slot, and where its news has to go."""

        async def look() -> bool:
            found = [p for p in (await self.pipeline()).open if p.slot == slot]
            return bool(found and found[0].number)

        await eventually(look, f"{slot} to be open")

    async def until_idle(self) -> None:
        """Wait until no step is under way, in any workflow."""
        calm = 0
        while calm < 3:
            ids = [KEY.pipeline_id, KEY.drift_watch_id]
            ids += [promotion.workflow_id for promotion in (await self.pipeline()).open]
            busy = False
            for one in ids:
                try:
                    described = await self.client.get_workflow_handle(one).describe()
                except RPCError:
                    continue
                raw = described.raw_description
                busy |= bool(raw.pending_activities) or raw.HasField("pending_workflow_task")
            calm = 0 if busy else calm + 1
            await asyncio.sleep(0.05)

    async def promotion(self, environment: str, source: str) -> PromotionState:
        """Return the state of a promotion."""
        handle = self.client.get_workflow_handle(KEY.promotion_id(environment, source))
        state: PromotionState = await handle.query("state", result_type=PromotionState)
        return state

    async def pipeline(self) -> PipelineState:
        """Return what the pipeline knows."""
        handle = self.client.get_workflow_handle(KEY.pipeline_id)
        state: PipelineState = await handle.query("state", result_type=PipelineState)
        return state


@asynccontextmanager
async def village(
    directory: Path,
    configuration: str = CONFIGURATION,
    app: str = APP,
    reconcile: timedelta = RECONCILE,
    keys: Sequence[str] = (),
    outside: Outside | None = None,
    policies: Sequence[str] = (),
) -> AsyncIterator[Village]:
    """Found a village with a running worker; histories are encrypted where there are `keys`.

    `outside` is where its gates may ask, `policies` are the server's.
    """
    with founded(directory, configuration, app) as (world, forge):
        async with lived_in(
            world, forge, directory / "state", reconcile, keys, outside, policies
        ) as here:
            yield here


@contextmanager
def founded(
    directory: Path, configuration: str = CONFIGURATION, app: str = APP
) -> Iterator[tuple[World, GitForge]]:
    """Make the repository and its forge, which outlive whoever works on them."""
    world = World.new(directory / "origin.git")
    world.git("config", "uploadpack.allowFilter", "true")
    world.git("config", "uploadpack.allowAnySHA1InWant", "true")
    with world:
        world.begin({"app.yaml": app})
        world.commit("production", {".lockstep.yaml": configuration})
        forge = GitForge(world)
        forge.found()
        forge.wrote(REPOSITORY, world.sha("main"), "ada")
        yield world, forge


@asynccontextmanager
async def lived_in(
    world: World,
    forge: GitForge,
    state_dir: Path,
    reconcile: timedelta = RECONCILE,
    keys: Sequence[str] = (),
    outside: Outside | None = None,
    policies: Sequence[str] = (),
) -> AsyncIterator[Village]:
    """Run a Temporal server that knows of nothing yet, and a worker."""
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TEST_SERVER), data_converter=data_converter(keys)
    ) as env:
        loop = asyncio.get_running_loop()

        def clock() -> datetime:
            asked = asyncio.run_coroutine_threadsafe(env.get_current_time(), loop)
            forge.clock = asked.result(10)
            return forge.clock

        async with worker(
            env.client,
            {"github": forge},
            state_dir,
            clock=clock,
            reconcile=reconcile,
            threads=8,
            shutdown=timedelta(seconds=5),
            outside=outside,
            policies=policies,
        ):
            yield Village(env, world, forge)
