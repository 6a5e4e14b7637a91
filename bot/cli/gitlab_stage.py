"""The demo's stage where the forge is GitLab: the same people, seen through GitLab's own API."""

from typing import Any
from urllib.parse import quote

from bot.cli.demo_stage import CHECK, REPOSITORY, Issue, Request, Said, Stage
from bot.words import GITLAB

_STATES = {"opened": "open", "closed": "closed", "merged": "merged"}
_STATUSES = {"pending": "pending", "running": "pending", "success": "success"}


class GitLabStage(Stage):
    """See `Stage`."""

    words = GITLAB

    @property
    def _api(self) -> str:
        return f"{self._sandbox.gitlab_api_url}/projects/{quote(REPOSITORY, safe='')}"

    def page_of(self, number: int) -> str:
        """See `Stage.page_of`."""
        return f"/-/merge_requests/{number}"

    def page_of_issue(self, number: int) -> str:
        """See `Stage.page_of_issue`."""
        return f"/-/issues/{number}"

    async def check(self, sha: str) -> None:
        """See `Stage.check`; on GitLab, CI is a pipeline with a job of that name."""
        controls = self._sandbox.controls
        branch = next(one.head for one in await self.requests() if one.sha == sha)
        jobs = {CHECK: "success"}
        await self._sandbox.call(controls.run_pipeline, REPOSITORY, branch, "success", jobs, sha)

    async def say(self, login: str, number: int, text: str) -> None:
        """See `Stage.say`."""
        await self._ask("POST", f"/merge_requests/{number}/notes", login, json={"body": text})

    async def merge(self, login: str, number: int) -> None:
        """See `Stage.merge`."""
        await self._ask("PUT", f"/merge_requests/{number}/merge", login, json={})

    async def requests(self) -> list[Request]:
        """See `Stage.requests`."""
        return [_request(one) for one in await self.get("/merge_requests?state=opened")]

    async def request(self, number: int) -> Request:
        """See `Stage.request`."""
        return _request(await self.get(f"/merge_requests/{number}"))

    async def comments(self, number: int) -> list[Said]:
        """See `Stage.comments`."""
        notes = await self.get(f"/merge_requests/{number}/notes?sort=asc")
        return [Said(note["author"]["username"], note["body"]) for note in notes]

    async def issues(self) -> list[Issue]:
        """See `Stage.issues`."""
        return [_issue(one) for one in await self.get("/issues?state=opened")]

    async def issue(self, number: int) -> Issue:
        """See `Stage.issue`."""
        return _issue(await self.get(f"/issues/{number}"))

    async def statuses(self, sha: str) -> list[tuple[str, str]]:
        """See `Stage.statuses`."""
        found = await self.get(f"/repository/commits/{sha}/statuses?name=lockstep")
        return [(_STATUSES.get(s["status"], "failure"), s["description"]) for s in found]


def _request(data: Any) -> Request:
    merged = data["merge_user"] if data["state"] == "merged" else None
    return Request(
        number=data["iid"],
        head=data["source_branch"],
        sha=data["sha"],
        base=data["target_branch"],
        author=data["author"]["username"],
        state=_STATES.get(data["state"], data["state"]),
        body=data["description"] or "",
        merged_by=merged["username"] if merged else "",
        merged_sha=data["merge_commit_sha"] or "",
    )


def _issue(data: Any) -> Issue:
    return Issue(
        number=data["iid"],
        title=data["title"],
        body=data["description"] or "",
        author=data["author"]["username"],
        is_open=data["state"] == "opened",
    )
