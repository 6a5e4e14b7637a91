"""The demo's story: a change travels from development to production, and a hotfix comes home.

Each step is done as people do it, and told only once it has been seen.
"""

import time
from collections.abc import Callable
from typing import Any

import click

from bot.cli.demo_stage import BOT, CHECK, HOSTS, Not, NotAsTold, Stage
from bot.cli.telling import Teller


class Story(Teller):
    """Plays the acts in order; raises `NotAsTold` at the first step that does not come true."""

    def __init__(self, stage: Stage, tell: Callable[[str], None] = click.echo) -> None:
        super().__init__(tell)
        self._stage = stage
        self._staging: dict[str, Any] = {}
        self._production: dict[str, Any] = {}
        self._home: dict[str, Any] = {}
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
        number = self._staging["number"]
        self._seen(
            f"{time.monotonic() - began:.1f} s later the bot has opened pull request "
            f"#{number} into staging. It shows the change key by key, and what it waits for:",
            self._stage.url(f"/pull/{number}"),
        )
        await self._on_page(f"/pull/{number}", "database.max_connections", "100", "150")
        await self._waits_for(self._staging, CHECK)
        proposed = await self._stage.settings(self._staging["head"]["sha"])
        self._holds(proposed, new, "what is proposed")
        self._holds(proposed, HOSTS["staging"], "what is proposed")
        self._seen(
            f"What is proposed keeps staging's own database.host, {HOSTS['staging']}: "
            "`.lockstep.yaml` says that each environment owns it."
        )

    async def _staging_takes_it(self) -> None:
        self._act("The check passes, and staging takes it")
        await self._stage.check(self._staging["head"]["sha"])
        self._line(f"CI reports {CHECK}: success. Staging is `promote: automatic`, so:")
        await self._merged(self._staging, "staging")
        text = await self._stage.settings("staging")
        self._holds(text, "max_connections: 150", "staging")

    async def _somebody_asks_for_production(self) -> None:
        self._act("Dan wants it in production")
        number = self._staging["number"]
        await self._stage.say("dan", number, "/promote production")
        self._line(f"Dan maintains the repository. He comments on #{number}: /promote production")
        self._production = await self._opened("main", "lockstep/promote/production/")
        self._seen(
            f"The bot has opened pull request #{self._production['number']} into main:",
            self._stage.url(f"/pull/{self._production['number']}"),
        )
        await self._stage.check(self._production["head"]["sha"])
        self._line(f"CI reports {CHECK}: success. That is not enough for production:")
        await self._waits_for(self._production, "sign-off by qa")

    async def _the_wrong_person_signs_off(self) -> None:
        self._act("Alice tries to sign off her own change")
        number = self._production["number"]
        await self._stage.say("alice", number, "/sign-off qa")
        self._line(f"She comments on #{number}: /sign-off qa")

        async def look() -> str | Not:
            comments = await self._stage.get(f"/issues/{number}/comments")
            answers = [c["body"] for c in comments if c["user"]["login"] == BOT]
            said = next((text for text in answers if "@alice" in text), None)
            return said or Not(f"comments: {[c['body'] for c in comments]}")

        answer = await self._stage.watch("an answer that refuses alice", look)
        self._seen(f"The bot refuses, and says why: {_first_line(answer)}")
        pull = await self._stage.get(f"/pulls/{number}")
        if pull["merged"]:
            raise NotAsTold(f"#{number} was not to be merged by alice's word; it was")
        self._seen(f"#{number} is still open.")

    async def _qa_signs_off(self) -> None:
        self._act("Carol of QA signs it off")
        number = self._production["number"]
        await self._stage.say("carol", number, "/sign-off qa")
        self._line(f"She comments on #{number}: /sign-off qa")
        pull = await self._merged(self._production, "main")
        message = (await self._stage.get(f"/commits/{pull['merge_commit_sha']}"))["commit"]
        tested = (await self._stage.get(f"/commits/{pull['head']['sha']}"))["commit"]["tree"]["sha"]
        landed = await self._stage.tree("main")
        if tested != landed:
            raise NotAsTold(f"main was to be tree {tested}, which was tested; it is {landed}")
        self._seen(f"What landed is what was tested: both are tree {landed[:10]}.")
        self._holds(message["message"], "Lockstep-Source: ", "the merge's message")
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
        self._issue = issue["number"]
        self._seen(
            f"Nobody else has that. The bot reports it in issue #{self._issue}:",
            self._stage.url(f"/issues/{self._issue}"),
        )
        self._home = await self._opened("development", "lockstep/back-merge/production/")
        self._seen(
            f"It has opened pull request #{self._home['number']} as well, which brings it home "
            "to development:",
            self._stage.url(f"/pull/{self._home['number']}"),
        )

    async def _drift_issue(self) -> dict[str, Any] | Not:
        found = [one for one in await self._stage.get("/issues") if "pull_request" not in one]
        drift = [one for one in found if "payments.timeout" in (one["body"] or "")]
        if len(drift) == 1 and drift[0]["user"]["login"] == BOT:
            issue: dict[str, Any] = drift[0]
            return issue
        return Not(f"open issues: {[one['title'] for one in found]}")

    async def _the_hotfix_comes_home(self) -> None:
        self._act("Alice merges the back-merge")
        await self._stage.merge("alice", self._home["number"])
        text = await self._stage.settings("development")
        self._holds(text, "timeout: 10 ", "development")
        self._holds(text, HOSTS["development"], "development")
        self._seen("Development has payments.timeout 10 now, its comment and its own host.")

    async def _and_flows_on(self) -> None:
        self._act("From there it flows forward like any change")
        pull = await self._opened("staging", "lockstep/promote/staging/")
        self._seen(
            f"The bot has opened pull request #{pull['number']} into staging:",
            self._stage.url(f"/pull/{pull['number']}"),
        )
        await self._stage.check(pull["head"]["sha"])
        await self._merged(pull, "staging")

        async def look() -> bool | Not:
            issue = await self._stage.get(f"/issues/{self._issue}")
            return issue["state"] == "closed" or Not(f"#{self._issue} is {issue['state']}")

        await self._stage.watch(f"issue #{self._issue} closed", look)
        self._seen(
            f"All three environments agree again, and the bot has closed issue #{self._issue}."
        )

    # What they have in common

    async def _opened(self, base: str, head: str) -> dict[str, Any]:
        async def look() -> dict[str, Any] | Not:
            pulls = await self._stage.get("/pulls")
            for pull in pulls:
                place = pull["base"]["ref"] == base and pull["head"]["ref"].startswith(head)
                if place and pull["user"]["login"] == BOT:
                    found: dict[str, Any] = pull
                    return found
            shown = [f"#{p['number']} {p['head']['ref']} → {p['base']['ref']}" for p in pulls]
            return Not(f"open pull requests: {shown or 'none'}")

        return await self._stage.watch(f"a pull request of {BOT} from {head}… into {base}", look)

    async def _waits_for(self, pull: dict[str, Any], what: str) -> None:
        async def look() -> str | Not:
            statuses = (await self._stage.get(f"/commits/{pull['head']['sha']}/status"))["statuses"]
            mine = [s for s in statuses if s["context"] == "lockstep"]
            waiting = [s for s in mine if s["state"] == "pending" and what in s["description"]]
            return waiting[0]["description"] if waiting else Not(f"the bot's status: {mine}")

        said = await self._stage.watch(f"a pending status that names {what}", look)
        self._seen(f"Its status says: {said}")

    async def _merged(self, pull: dict[str, Any], branch: str) -> dict[str, Any]:
        number, began = pull["number"], time.monotonic()

        async def look() -> dict[str, Any] | Not:
            now: dict[str, Any] = await self._stage.get(f"/pulls/{number}")
            done = now["merged"] and now["merged_by"]["login"] == BOT
            return now if done else Not(f"#{number} is {now['state']}: {_first_line(now['body'])}")

        merged = await self._stage.watch(f"#{number} merged into {branch} by {BOT}", look)
        if merged["head"]["sha"] != pull["head"]["sha"]:
            raise NotAsTold(
                f"#{number} was to be merged at {pull['head']['sha']}, which was tested; "
                f"it was merged at {merged['head']['sha']}"
            )
        self._seen(f"{time.monotonic() - began:.1f} s later the bot has merged #{number}.")
        await self._stage.watch(
            "the promotion's own branch deleted", lambda: self._without(pull["head"]["ref"])
        )
        return merged

    async def _without(self, branch: str) -> bool | Not:
        branches = [one["name"] for one in await self._stage.get("/branches")]
        return branch not in branches or Not(f"branches: {', '.join(branches)}")

    async def _on_page(self, path: str, *texts: str) -> None:
        page = await self._stage.page(path)
        for text in texts:
            self._holds(page, text, f"the page {path}")


def _first_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return lines[0] if lines else ""
