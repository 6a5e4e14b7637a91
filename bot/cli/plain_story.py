"""The demo's story on a plain git server: no forge, but branches, a hook and the command line.

Each step is done as people do it, and told only once it has been seen.
"""

import time

import click

from bot.cli.demo_stage import BOT, CHECK, HOSTS, Not, NotAsTold, watched
from bot.cli.plain_stage import PlainStage
from bot.cli.telling import Teller
from bot.forges.plain_ledger import Remark, Request
from bot.pushes import REQUESTS

_PRODUCTION = "main"


class PlainStory(Teller):
    """Plays the acts in order; raises `NotAsTold` at the first step that does not come true."""

    def __init__(self, stage: PlainStage) -> None:
        super().__init__()
        self._stage = stage
        self._promotion: Request | None = None
        self._tested = ""

    async def play(self) -> None:
        """Play it all."""
        await self._a_change_begins()
        await self._staging_takes_it()
        await self._somebody_asks_for_production()
        await self._the_wrong_person_signs_off()
        await self._qa_signs_off()
        await self._a_hotfix_comes_home()
        await self._and_flows_on()
        await self._git_has_it_all()

    # The acts

    async def _a_change_begins(self) -> None:
        self._act("Alice raises a limit in development")
        old, new = "max_connections: 100", "max_connections: 150"
        sha = await self._stage.push("alice", "development", old, new, "Allow 150 connections")
        self._line(f"She pushes commit {sha[:10]}: database.max_connections, 100 → 150.")
        began = time.monotonic()
        request = await self._opened("staging", "lockstep/promote/staging/")
        self._seen(
            f"The server's hook has told the bot, and {time.monotonic() - began:.1f} s later "
            f"there is a branch, to be merged into staging: {request.head}. What it changes key "
            "by key, and what it waits for, is said on a branch as well:"
        )
        self._command(self._stage.page(request))
        self._holds(request.body, "database.max_connections", "what is said of it")
        self._holds(request.body, CHECK, "what is said of it")
        proposed = await self._stage.settings(await self._head(request))
        self._keeps_its_own(proposed, new)

    async def _staging_takes_it(self) -> None:
        self._act("The check passes, and staging takes it")
        request = self._open
        await self._checked(request)
        await self._landed(request, "staging")
        text = await self._stage.settings("staging")
        self._holds(text, "max_connections: 150", "staging")

    async def _somebody_asks_for_production(self) -> None:
        self._act("Dan wants it in production")
        await self._says("dan", "say", "/promote production")
        request = await self._opened(_PRODUCTION, "lockstep/promote/production/")
        self._seen(f"The bot has pushed the branch {request.head}, to be merged into main.")
        await self._checked(request)
        self._line("That is not enough for production:")
        await self._waits(request, "waiting for sign-off by qa")

    async def _the_wrong_person_signs_off(self) -> None:
        self._act("Alice tries to sign off her own change")
        request = self._open
        await self._says("alice", "sign-off", "qa")

        async def look() -> str | Not:
            said = [one.text for one in await self._words(request) if one.by == BOT]
            return next((text for text in said if "@alice" in text), Not(f"answers: {said}"))

        answer = await watched("an answer that refuses alice", look)
        self._seen(f"The bot refuses, and says why: {answer.partition(chr(10))[0]}")
        if await self._stage.head(_PRODUCTION) == await self._head(request):
            raise NotAsTold("main was not to be merged by alice's word; it was")
        self._seen("Nothing is merged: the server knows who pushed, whatever a commit claims.")

    async def _qa_signs_off(self) -> None:
        self._act("Carol of QA signs it off")
        request = self._open
        tested = self._tested
        await self._says("carol", "sign-off", "qa")
        await self._landed(request, _PRODUCTION)
        self._seen(f"What landed is what was tested: the very commit {tested[:10]}.")
        message = "\n".join(await self._stage.log(tested, "-1", "--format=%B"))
        self._holds(message, "Lockstep-Source: ", "the commit's message")
        text = await self._stage.settings(_PRODUCTION)
        self._holds(text, "max_connections: 150", "production")
        self._holds(text, HOSTS["main"], "production")
        self._seen("Production has 150 connections, and still its own database.host.")

    async def _a_hotfix_comes_home(self) -> None:
        self._act("A hotfix at night, and Alice brings it home")
        sha = await self._stage.push(
            "dan", _PRODUCTION, "timeout: 30", "timeout: 10", "Do not let payments hang"
        )
        self._line(f"Dan pushes {sha[:10]} right to main: payments.timeout, 30 → 10.")
        home = await self._opened("development", "lockstep/back-merge/production/")
        self._seen(
            f"Nobody else has that. The bot says so, and has pushed the branch {home.head}, "
            "which brings it home to development."
        )
        await self._stage.merge("alice", home.head, "development")
        self._line("Alice merges it as anybody merges, and pushes:")
        self._command(f"git merge origin/{home.head} && git push origin development")
        text = await self._stage.settings("development")
        self._holds(text, "timeout: 10 ", "development")
        self._holds(text, HOSTS["development"], "development")
        self._seen("Development has payments.timeout 10 now, its comment and its own host.")

    async def _and_flows_on(self) -> None:
        self._act("From there it flows forward like any change")
        request = await self._opened("staging", "lockstep/promote/staging/")
        self._seen(f"The bot has pushed the branch {request.head}.")
        await self._checked(request)
        await self._landed(request, "staging")

        async def look() -> bool | Not:
            found = [one for one in await self._stage.requests() if one.head or one.marker]
            return not found or Not(f"open: {[one.title for one in found]}")

        await watched("nothing open any more", look)
        self._seen("All three environments agree again, and nothing is open.")

    async def _git_has_it_all(self) -> None:
        self._act("Who said and did what is in git")
        told = await self._stage.log(REQUESTS, "--reverse", "--format=%an: %s")
        for wanted in ("alice: ", "carol says of #", "ci reports ", "dan says of #1: /promote"):
            self._holds("\n".join(told), wanted, f"the log of {REQUESTS}")
        self._command(f"git log --format='%an: %s' origin/{REQUESTS}")
        for line in [line for line in told if not line.startswith(f"{BOT}: ")]:
            self._tell(f"       {line}")

    # What they have in common

    @property
    def _open(self) -> Request:
        if self._promotion is None:
            raise NotAsTold("a promotion was to be open")
        return self._promotion

    async def _opened(self, base: str, head: str) -> Request:
        self._promotion = await self._stage.request(base, head)
        return self._promotion

    async def _head(self, request: Request) -> str:
        sha = await self._stage.head(request.head)
        if sha is None:
            raise NotAsTold(f"the branch {request.head} was to be there")
        return sha

    async def _checked(self, request: Request) -> None:
        sha = self._tested = await self._head(request)
        await self._says("ci", "report-check", CHECK, "success", "--sha", sha)

    async def _says(self, login: str, *arguments: str) -> None:
        shown = " ".join(f"'{one}'" if " " in one else one for one in arguments)
        self._line(f"{'CI' if login == 'ci' else login.title()}, in a clone:")
        self._command(f"lockstep {shown}")
        answer = await self._stage.lockstep(login, *arguments)
        if "has heard you" not in answer:
            raise NotAsTold(f"the bot was to hear it; `lockstep {shown}` says: {answer}")

    async def _waits(self, request: Request, what: str) -> None:
        async def look() -> str | Not:
            now = await self._now(request)
            return what if now and what in now.body else Not(now.body if now else "nothing open")

        await watched(f"a request that says: {what}", look)
        self._seen(f"It says: {what}.")

    async def _now(self, request: Request) -> Request | None:
        found = await self._stage.requests()
        return next((one for one in found if one.number == request.number), None)

    async def _words(self, request: Request) -> list[Remark]:
        now = await self._now(request)
        return list(now.remarks) if now else []

    async def _landed(self, request: Request, branch: str) -> None:
        began = time.monotonic()

        async def look() -> bool | Not:
            at = await self._stage.head(branch)
            return at == self._tested or Not(f"{branch} is at {at}")

        await watched(f"{branch} at {self._tested}, which was tested", look)

        async def tidied() -> bool | Not:
            branches = await self._stage.branches()
            return request.head not in branches or Not(f"branches: {', '.join(branches)}")

        await watched(f"the branch {request.head} deleted", tidied)
        self._seen(
            f"{time.monotonic() - began:.1f} s later the bot has pushed it to {branch}, and "
            "tidied its own branch away."
        )

    def _command(self, command: str) -> None:
        self._tell(click.style(f"     $ {command}", fg="cyan"))
