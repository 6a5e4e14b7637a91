"""A repository on the sandbox: what people and CI do there, and what they find there."""

import base64
import itertools
import subprocess
from collections.abc import Callable
from typing import Any, TypeVar

from bot.model import ForgeName
from bot.words import GITLAB, words_for
from tests.faults.processes import HOOK_SECRET, Forge, eventually
from tests.shop import APP, CONFIGURATION, V2

T = TypeVar("T")
BOT = "lockstep-bot"
PEOPLE = {"ada": "write", "bob": "write", "quinn": "read", "mia": "maintain", "eve": "read"}
_NUMBERS = itertools.count(1)


def populate(forge: Forge) -> None:
    """Add the people, and the organisation that owns the repositories."""
    for login in (*PEOPLE, BOT):
        forge.do("add_user", login=login)
        forge.tokens[login] = forge.do("add_token", login=login)
    forge.do("add_organization", login="acme", owners=["mia"])


class Place:
    """One repository; each test has its own, so that one server serves them all."""

    def __init__(
        self,
        forge: Forge,
        hook: str,
        configuration: str | None = CONFIGURATION,
        family: str = "config",
        *,
        hooked: bool = True,
        dialect: ForgeName = "github",
        patience: float | None = None,
    ) -> None:
        self.forge, self.name = forge, f"acme/{family}-{next(_NUMBERS)}"
        self.words, self._patience = words_for(dialect), patience
        files = {"app.yaml": APP}
        if configuration is not None:
            files[".lockstep.yaml"] = configuration
        branches = ["development", "staging"]
        made = forge.do("add_repository", full_name=self.name, files=files, branches=branches)
        self.id: int = made["id"]
        self._git_directory = forge.root / "git" / f"{self.id}.git"
        for login, role in {**PEOPLE, BOT: "write"}.items():
            forge.do("set_role", repo=self.name, login=login, role=role)
        self._hook = 0
        if hooked:
            self._hook = forge.do("add_hook", repo=self.name, url=hook, secret=HOOK_SECRET)

    # What people and CI do

    def commit(self, branch: str, files: dict[str, str | None], login: str = "ada") -> str:
        """Push a commit."""
        sha: str = self.forge.do(
            "commit",
            repo=self.name,
            branch=branch,
            files=files,
            login=login,
            message=f"Change {', '.join(files)}",
        )
        return sha

    def check(self, sha: str, state: str = "success") -> None:
        """Let CI report; on GitLab that is a pipeline with a job."""
        if self.words is GITLAB:
            branch = next(p["head"]["ref"] for p in self.pulls() if p["head"]["sha"] == sha)
            jobs = {"ci/test": state}
            self.forge.do(
                "run_pipeline", repo=self.name, ref=branch, status=state, jobs=jobs, sha=sha
            )
            return
        self.forge.do("set_status", repo=self.name, ref=sha, context="ci/test", state=state)

    def say(self, number: int, login: str, text: str) -> int:
        """Comment; return the comment's id."""
        where = {"number": number}
        if self.words is GITLAB:
            where = self._as_gitlab_counts(number)
        made: int = self.forge.do("comment", repo=self.name, login=login, body=text, **where)
        return made

    def _as_gitlab_counts(self, number: int) -> dict[str, int]:
        """Return the number of a merge request, or of an issue: they are counted apart there."""
        known = self.ask("GET", "/issues?state=all&direction=asc&per_page=100")
        is_issue = {one["number"]: "pull_request" not in one for one in known}
        same = [one for one in sorted(is_issue) if is_issue[one] == is_issue[number]]
        return {"number": same.index(number) + 1, "issue": is_issue[number]}

    def merge(self, number: int, login: str) -> None:
        """Merge as somebody."""
        self.forge.do("merge", repo=self.name, number=number, login=login)

    def ask(self, method: str, path: str, login: str = "ada", **body: Any) -> Any:
        """Ask the API below the repository as somebody."""
        return self.forge.ask(method, f"/repos/{self.name}{path}", login, **body)

    def issue(self, title: str, body: str = "", login: str = "ada") -> int:
        """Open an issue; return its number."""
        number: int = self.ask("POST", "/issues", login, title=title, body=body)["number"]
        return number

    def deliver_again(self, event: str) -> int:
        """Deliver again what nobody acknowledged, as from the webhook's page; return how many."""
        sent = self.ask("GET", f"/hooks/{self._hook}/deliveries?per_page=100", "mia")
        good = {one["guid"] for one in sent if one["status_code"] == 202}
        failed = [one for one in sent if one["event"] == event and one["guid"] not in good]
        for one in failed:
            self.forge.do("redeliver", delivery_id=one["id"])
        return len(failed)

    # What they find

    def _eventually(self, look: Callable[[], T | None], what: str) -> T:
        return eventually(look, what, self._patience)

    def pulls(self, base: str | None = None) -> list[dict[str, Any]]:
        """Return all pull requests, oldest first."""
        found: list[dict[str, Any]] = self.ask("GET", "/pulls?state=all&direction=asc&per_page=100")
        return [pull for pull in found if base is None or pull["base"]["ref"] == base]

    def pull(self, number: int) -> dict[str, Any]:
        """Return a pull request."""
        found: dict[str, Any] = self.ask("GET", f"/pulls/{number}")
        return found

    def open_into(self, base: str, after: int = 0) -> dict[str, Any]:
        """Wait for an open pull request of the bot's into a branch, with a higher number."""

        def look() -> dict[str, Any] | None:
            for pull in self.pulls(base):
                ours = pull["user"]["login"] == BOT and pull["number"] > after
                if ours and pull["state"] == "open":
                    return pull
            return None

        return self._eventually(look, f"a pull request into {base} of {self.name}")

    def merged(self, number: int) -> dict[str, Any]:
        """Wait for a pull request to be merged."""
        return self.until(number, lambda pull: pull["merged"], "merged")

    def closed(self, number: int) -> dict[str, Any]:
        """Wait for a pull request to be closed without a merge."""
        return self.until(
            number, lambda pull: pull["state"] == "closed" and not pull["merged"], "closed"
        )

    def until(
        self, number: int, holds: Callable[[dict[str, Any]], object], what: str
    ) -> dict[str, Any]:
        """Wait for something to hold of a pull request."""
        seen: dict[str, Any] = {}

        def look() -> dict[str, Any] | None:
            seen.update(self.pull(number))
            return seen if holds(seen) else None

        try:
            return self._eventually(look, f"#{number} of {self.name}: {what}")
        except AssertionError as error:
            raise AssertionError(f"{error}; its body says\n{seen.get('body')}") from error

    def body_says(self, number: int, words: str) -> dict[str, Any]:
        """Wait for a description to say something."""
        return self.until(number, lambda pull: words in pull["body"], f"to say {words!r}")

    def said(self, number: int) -> list[str]:
        """Return what the bot has written under a pull request or an issue."""
        comments = self.ask("GET", f"/issues/{number}/comments?per_page=100")
        return [one["body"] for one in comments if one["user"]["login"] == BOT]

    def answered(self, number: int, words: str) -> None:
        """Wait for an answer that says something."""
        what = f"an answer under #{number} of {self.name} that says {words!r}"
        try:
            self._eventually(lambda: any(words in text for text in self.said(number)), what)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said {self.said(number)}") from error

    def issues(self) -> list[dict[str, Any]]:
        """Return the bot's issues, oldest first."""
        found = self.ask("GET", "/issues?state=all&direction=asc&per_page=100")
        return [i for i in found if "pull_request" not in i and i["user"]["login"] == BOT]

    def issue_is(self, state: str, words: str = "") -> dict[str, Any]:
        """Wait for the bot's one issue to be open or closed, and to say something."""

        def look() -> dict[str, Any] | None:
            found = self.issues()
            assert len(found) <= 1, f"one issue, not {[one['title'] for one in found]}"
            good = found and found[0]["state"] == state
            return (
                found[0] if good and words in f"{found[0]['title']}\n{found[0]['body']}" else None
            )

        return self._eventually(look, f"the issue of {self.name} to be {state}, with {words!r}")

    def status(self, sha: str) -> tuple[str, str]:
        """Return what the bot's status on a commit is now, empty where it has none."""
        for one in self.ask("GET", f"/commits/{sha}/status")["statuses"]:
            if one["context"] == "lockstep":
                return one["state"], one["description"]
        return "", ""

    def status_says(self, sha: str, words: str) -> None:
        """Wait for the bot's status on a commit to say something."""
        self._eventually(
            lambda: words in self.status(sha)[1], f"a status of {self.name} that says {words!r}"
        )

    def branches(self) -> list[str]:
        """Return the names of all branches."""
        return self.git("for-each-ref", "--format=%(refname:strip=2)", "refs/heads").split()

    def at(self, branch: str) -> str:
        """Return the commit that a branch is at."""
        return self.git("rev-parse", f"refs/heads/{branch}").strip()

    def tree(self, commit: str) -> str:
        """Return a commit's tree."""
        return self.git("rev-parse", f"{commit}^{{tree}}").strip()

    def file(self, branch: str, path: str = "app.yaml") -> str:
        """Return what a branch holds."""
        return self.git("show", f"refs/heads/{branch}:{path}")

    def promotions(self, branch: str) -> list[dict[str, str]]:
        """Return the trailers of the promotions on a branch's first-parent line, newest first."""
        marked = self.git(
            *("log", "--first-parent", "--format=%x00%(trailers:only,unfold)"),
            *("--grep=^Lockstep-Promotion: ", f"refs/heads/{branch}"),
        )
        return [
            dict(line.split(": ", 1) for line in one.strip().splitlines())
            for one in marked.split("\0")[1:]
        ]

    def git(self, *arguments: str) -> str:
        """Run git in the forge's own repository."""
        command = ["git", "--git-dir", str(self._git_directory), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def push(self, *arguments: str, login: str = "ada") -> None:
        """Push from the forge's own objects, over HTTP as somebody."""
        user = base64.b64encode(f"{login}:{self.forge.tokens[login]}".encode()).decode()
        self.git(
            *("-c", f"http.extraHeader=Authorization: Basic {user}", "push", "--quiet"),
            *(f"{self.forge.url}/{self.name}.git", *arguments),
        )


def staged(here: Place) -> None:
    """Bring a change as far as staging."""
    here.commit("development", {"app.yaml": V2})
    pull = here.open_into("staging")
    here.check(pull["head"]["sha"])
    here.merged(pull["number"])
    here.body_says(pull["number"], "is in staging")


def to_production(here: Place) -> dict[str, Any]:
    """Have ada ask for production, and wait for the pull request."""
    here.say(here.pulls("staging")[-1]["number"], "ada", "/promote production")
    return here.open_into("main")
