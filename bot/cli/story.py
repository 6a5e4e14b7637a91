"""The demo's story: a change travels from development to production, and a hotfix comes home.

Each step is done as people do it, and told only once it has been seen.
"""

import time
from collections.abc import Callable

import click

from bot.cli.demo_stage import BOT, CHECK, HOSTS, Issue, Not, NotAsTold, Request, Stage
from bot.cli.telling import Teller

_NONE = Request(0, "", "", "", "", "", "")


class Story(Teller):
    """Plays the acts in order; raises `NotAsTold` at the first step that does not come true."""

    def __init__(self, stage: Stage, tell: Callable[[str], None] = click.echo) -> None:
        super().__init__(tell)
        self._stage, self._words = stage, stage.words
        self._staging = self._production = self._home = _NONE
        self._issue = 0

    async def play(self) -> None:
        """Play it all."""
        for act in (
            self._a_change_begins,
            self._staging_takes_it,
            self._somebody_asks_for_production,
            self._the_wrong_person_signs_off,
            self._qa_signs_off,
            self._a_hotfix,
            self._the_hotfix_comes_home,
            self._and_flows_on,
        ):
            await act()

    # The acts

    async def _a_change_begins(self) -> None:
        self._act("Alice raises a limit in development")
        old, new = "max_connections: 100", "max_connections: 150"
        sha = await self._stage.push("alice", "development", old, new, "Allow 150 connections")
        self._line(f"She pushes commit {sha[:10]}: database.max_connections, 100 → 150.")
        began = time.monotonic()
        self._staging = await self._opened("staging", "lockstep/promote/staging/")
        page = self._stage.page_of(self._staging.number)
        self._seen(
            f"{time.monotonic() - began:.1f} s later the bot has opened "
            f"{self._named(self._staging)} into staging. It shows the change key by key, and "
            "what it waits for:",
            self._stage.url(page),
        )
        await self._on_page(page, "database.max_connections", "100", "150")
        await self._waits_for(self._staging, CHECK)
        proposed = await self._stage.settings(self._staging.sha)
        self._keeps_its_own(proposed, new)

    async def _staging_takes_it(self) -> None:
        self._act("The check passes, and staging takes it")
        await self._stage.check(self._staging.sha)
        self._line(f"CI reports {CHECK}: success. Staging is `promote: automatic`, so:")
        await self._merged(self._staging, "staging")
        text = await self._stage.settings("staging")
        self._holds(text, "max_connections: 150", "staging")

    async def _somebody_asks_for_production(self) -> None:
        self._act("Dan wants it in production")
        said = self._words.command("promote production")
        await self._stage.say("dan", self._staging.number, said)
        self._line(
            f"Dan maintains the repository. He comments on {self._ref(self._staging)}: {said}"
        )
        self._production = await self._opened("main", "lockstep/promote/production/")
        self._seen(
            f"The bot has opened {self._named(self._production)} into main:",
            self._stage.url(self._stage.page_of(self._production.number)),
        )
        await self._stage.check(self._production.sha)
        self._line(f"CI reports {CHECK}: success. That is not enough for production:")
        await self._waits_for(self._production, "sign-off by qa")

    async def _the_wrong_person_signs_off(self) -> None:
        self._act("Alice tries to sign off her own change")
        number, ref = self._production.number, self._ref(self._production)
        said = self._words.command("sign-off qa")
        await self._stage.say("alice", number, said)
        self._line(f"She comments on {ref}: {said}")

        async def look() -> str | Not:
            comments = await self._stage.comments(number)
            answers = [one.text for one in comments if one.login == BOT]
            answer = next((text for text in answers if "@alice" in text), None)
            return answer or Not(f"comments: {[one.text for one in comments]}")

        answer = await self._stage.watch("an answer that refuses alice", look)
        self._seen(f"The bot refuses, and says why: {_first_line(answer)}")
        if (await self._stage.request(number)).state == "merged":
            raise NotAsTold(f"{ref} was not to be merged by alice's word; it was")
        self._seen(f"{ref} is still open.")

    async def _qa_signs_off(self) -> None:
        self._act("Carol of QA signs it off")
        said = self._words.command("sign-off qa")
        await self._stage.say("carol", self._production.number, said)
        self._line(f"She comments on {self._ref(self._production)}: {said}")
        done = await self._merged(self._production, "main")
        tested, landed = await self._stage.tree(done.sha), await self._stage.tree("main")
        if tested != landed:
            raise NotAsTold(f"main was to be tree {tested}, which was tested; it is {landed}")
        self._seen(f"What landed is what was tested: both are tree {landed[:10]}.")
        message = await self._stage.message(done.merged_sha)
        self._holds(message, "Lockstep-Source: ", "the merge's message")
        text = await self._stage.settings("main")
        self._holds(text, "max_connections: 150", "production")
        self._holds(text, HOSTS["main"], "production")
        self._seen("Production has 150 connections, and still its own database.host.")

    async def _a_hotfix(self) -> None:
        self._act("A hotfix at night, in production alone")
        sha = await self._stage.push(
            "dan", "main", "timeout: 30", "timeout: 10", "Do not let payments hang"
        )
        self._line(f"Dan pushes {sha[:10]} right to main: payments.timeout, 30 → 10.")
        issue = await self._stage.watch("one issue that reports the drift", self._drift_issue)
        self._issue = issue.number
        self._seen(
            f"Nobody else has that. The bot reports it in issue #{self._issue}:",
            self._stage.url(self._stage.page_of_issue(self._issue)),
        )
        self._home = await self._opened("development", "lockstep/back-merge/production/")
        self._seen(
            f"It has opened {self._named(self._home)} as well, which brings it home to "
            "development:",
            self._stage.url(self._stage.page_of(self._home.number)),
        )

    async def _drift_issue(self) -> Issue | Not:
        found = await self._stage.issues()
        drift = [one for one in found if "payments.timeout" in one.body]
        if len(drift) == 1 and drift[0].author == BOT:
            return drift[0]
        return Not(f"open issues: {[one.title for one in found]}")

    async def _the_hotfix_comes_home(self) -> None:
        self._act("Alice merges the back-merge")
        await self._stage.merge("alice", self._home.number)
        text = await self._stage.settings("development")
        self._holds(text, "timeout: 10 ", "development")
        self._holds(text, HOSTS["development"], "development")
        self._seen("Development has payments.timeout 10 now, its comment and its own host.")

    async def _and_flows_on(self) -> None:
        self._act("From there it flows forward like any change")
        pull = await self._opened("staging", "lockstep/promote/staging/")
        self._seen(
            f"The bot has opened {self._named(pull)} into staging:",
            self._stage.url(self._stage.page_of(pull.number)),
        )
        await self._stage.check(pull.sha)
        await self._merged(pull, "staging")

        async def look() -> bool | Not:
            issue = await self._stage.issue(self._issue)
            return not issue.is_open or Not(f"#{self._issue} is open: {issue.title}")

        await self._stage.watch(f"issue #{self._issue} closed", look)
        self._seen(
            f"All three environments agree again, and the bot has closed issue #{self._issue}."
        )

    # What they have in common

    def _ref(self, request: Request) -> str:
        return self._words.reference(request.number)

    def _named(self, request: Request) -> str:
        return f"{self._words.pull_request} {self._ref(request)}"

    async def _opened(self, base: str, head: str) -> Request:
        noun = self._words.pull_request

        async def look() -> Request | Not:
            found = await self._stage.requests()
            for one in found:
                if one.base == base and one.head.startswith(head) and one.author == BOT:
                    return one
            shown = [f"{self._ref(one)} {one.head} → {one.base}" for one in found]
            return Not(f"open {noun}s: {shown or 'none'}")

        return await self._stage.watch(f"a {noun} of {BOT} from {head}… into {base}", look)

    async def _waits_for(self, request: Request, what: str) -> None:
        async def look() -> str | Not:
            found = await self._stage.statuses(request.sha)
            waiting = [line for state, line in found if state == "pending" and what in line]
            return waiting[0] if waiting else Not(f"the bot's status: {found}")

        said = await self._stage.watch(f"a pending status that names {what}", look)
        self._seen(f"Its status says: {said}")

    async def _merged(self, request: Request, branch: str) -> Request:
        ref, began = self._ref(request), time.monotonic()

        async def look() -> Request | Not:
            now = await self._stage.request(request.number)
            done = now.state == "merged" and now.merged_by == BOT
            return now if done else Not(f"{ref} is {now.state}: {_first_line(now.body)}")

        merged = await self._stage.watch(f"{ref} merged into {branch} by {BOT}", look)
        if merged.sha != request.sha:
            raise NotAsTold(
                f"{ref} was to be merged at {request.sha}, which was tested; "
                f"it was merged at {merged.sha}"
            )
        self._seen(f"{time.monotonic() - began:.1f} s later the bot has merged {ref}.")
        await self._stage.watch(
            "the promotion's own branch deleted", lambda: self._without(request.head)
        )
        return merged

    async def _without(self, branch: str) -> bool | Not:
        branches = await self._stage.branches()
        return branch not in branches or Not(f"branches: {', '.join(branches)}")

    async def _on_page(self, path: str, *texts: str) -> None:
        page = await self._stage.page(path)
        for text in texts:
            self._holds(page, text, f"the page {path}")


def _first_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return lines[0] if lines else ""
