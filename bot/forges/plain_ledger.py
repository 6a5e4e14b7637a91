"""What a forge would keep, as files in a tree: pull requests, issues, reviews, checks, pushes.

Pure: files are read by a function, and what is changed is collected, with the sentence that
the commit will say. Read forgivingly, so that another release may have written it.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter

from bot.decisions.facts import CheckState, PullRequestState, ReviewState
from bot.pushes import BELIEVED_FOR, CONVERSATION, Judgement, Pushed, Report, Words

_MOST_PUSHES = 500
_Model = TypeVar("_Model")


class Files(Protocol):
    """A tree to read from."""

    def read(self, path: str) -> bytes | None:
        """Return a file, None where there is none."""

    def names(self, directory: str) -> Sequence[str]:
        """Return the names in a directory; none where there is none."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Remark(_Value):
    """Something said; `id` is that of the delivery, or the marker of our own."""

    id: str
    by: str
    at: int
    text: str


class Given(_Value):
    """A review."""

    by: str
    state: ReviewState
    sha: str
    at: int


class Request(_Value):
    """A pull request, or an issue, which has no branches.

    `head_sha` is where its branch was last seen, `base_sha` where the base was when it was
    opened. `marker` is that of an issue.
    """

    number: int
    kind: Literal["pull-request", "issue"]
    state: PullRequestState = "open"
    title: str
    body: str = ""
    head: str = ""
    head_sha: str = ""
    base: str = ""
    base_sha: str = ""
    author: str
    labels: tuple[str, ...] = ()
    by: str = ""
    merged_sha: str | None = None
    marker: str = ""
    remarks: tuple[Remark, ...] = ()
    reviews: tuple[Given, ...] = ()


class Reported(_Value):
    """The newest report of one check; `since` is when our own reported first."""

    state: CheckState
    at: int
    by: str
    line: str = ""
    since: int = 0


class Landed(_Value):
    """A branch that somebody moved."""

    branch: str
    old: str
    new: str
    by: str
    at: int


_CHECKS = TypeAdapter(dict[str, Reported])
_PUSHES = TypeAdapter(tuple[Landed, ...])
# Seconds since 1970, or numbers of issues.
_NUMBERS = TypeAdapter(dict[str, int])


class Ledger:
    """One state of it all, and what is to become of it."""

    def __init__(self, files: Files, me: str) -> None:
        self._files, self._me = files, me
        self.edits: dict[str, bytes | None] = {}
        self.lines: list[str] = []
        self.by = me

    def _read(self, path: str) -> bytes | None:
        return self.edits[path] if path in self.edits else self._files.read(path)

    def _load(self, path: str, form: TypeAdapter[_Model]) -> _Model | None:
        content = self._read(path)
        return None if content is None else form.validate_json(content)

    def _save(self, path: str, value: object, form: TypeAdapter[_Model]) -> None:
        listed = form.dump_python(value, mode="json", exclude_defaults=True)  # type: ignore[arg-type] # of the form
        # A line for each value, so that a difference of two states can be read.
        self.edits[path] = f"{json.dumps(listed, indent=1, ensure_ascii=False)}\n".encode(
            errors="replace"
        )

    def say(self, line: str, by: str | None = None) -> None:
        """Add a line to what the commit says; whoever did the first of them is its author."""
        if not self.lines and by:
            self.by = by
        self.lines.append(" ".join(line.split()))

    # Pull requests and issues

    def request(self, number: int) -> Request | None:
        """Return one of them."""
        for folder in ("open", "closed"):
            found = self._load(f"{folder}/{number}/request.json", _REQUEST)
            if found is not None:
                return found
        return None

    def requests(self, *, closed: bool = False) -> list[Request]:
        """Return those that are open, or all, newest first."""
        numbers = set(self._numbers("open"))
        if closed:
            numbers |= set(self._numbers("closed"))
        found = [self.request(number) for number in sorted(numbers, reverse=True)]
        return [one for one in found if one is not None and (closed or one.state == "open")]

    def _numbers(self, folder: str) -> Iterable[int]:
        made = [path.split("/") for path in self.edits if path.startswith(f"{folder}/")]
        names = {*self._files.names(folder), *(parts[1] for parts in made)}
        return (int(name) for name in names if name.isdecimal())

    def next_number(self) -> int:
        """Return the number of the next; the first is of the conversation about it all."""
        taken = (*self._numbers("open"), *self._numbers("closed"), CONVERSATION)
        return max(taken) + 1

    def put(self, request: Request) -> None:
        """Write one; what is closed moves out of the way of what is open."""
        if request.marker and request.marker not in (known := self.issues()):
            self._save("issues.json", known | {request.marker: request.number}, _NUMBERS)
        folder, other = ("open", "closed") if request.state == "open" else ("closed", "open")
        path = f"{folder}/{request.number}"
        self._save(f"{path}/request.json", request, _REQUEST)
        self.edits[f"{path}/README.md"] = _page(request).encode(errors="replace")
        for name in ("request.json", "README.md"):
            if self._read(f"{other}/{request.number}/{name}") is not None:
                self.edits[f"{other}/{request.number}/{name}"] = None

    def issues(self) -> dict[str, int]:
        """Return the issues that carry a marker, by it."""
        return self._load("issues.json", _NUMBERS) or {}

    def overview(self) -> None:
        """Write the page that lists what is open, where that has changed."""
        text = _overview(self.requests())
        if self._read("README.md") != text.encode(errors="replace"):
            self.edits["README.md"] = text.encode(errors="replace")

    # Checks

    def checks(self, sha: str) -> dict[str, Reported]:
        """Return the newest report of each name on a commit."""
        return self._load(_checks(sha), _CHECKS) or {}

    def report(self, sha: str, name: str, reported: Reported) -> None:
        """Take a report; said again it changes nothing."""
        before = self.checks(sha)
        if before.get(name) != reported:
            self._save(_checks(sha), before | {name: reported}, _CHECKS)

    # What the hook has told

    def people(self) -> dict[str, int]:
        """Return who has pushed, and when last: whoever may push may write."""
        return self._load("people.json", _NUMBERS) or {}

    def pushes(self) -> tuple[Landed, ...]:
        """Return the newest pushes to branches, oldest first."""
        return self._load("pushes.json", _PUSHES) or ()

    def take(self, pushed: Pushed) -> None:
        """Take what the hook told of a push, once."""
        taken = self._load("deliveries.json", _NUMBERS) or {}
        if pushed.delivery in taken:
            return
        kept = pushed.at - int(BELIEVED_FOR.total_seconds()) * 3
        recent = {one: at for one, at in taken.items() if at > kept}
        self._save("deliveries.json", recent | {pushed.delivery: pushed.at}, _NUMBERS)
        by = pushed.pusher
        if not by:
            return
        self._save("people.json", self.people() | {by: pushed.at}, _NUMBERS)
        for name, update in pushed.named():
            words = update.words()
            if words is not None:
                self._hear(name, by, pushed.at, words)
            elif update.branch is not None:
                landed = Landed(
                    branch=update.branch, old=update.old, new=update.new, by=by, at=pushed.at
                )
                self._save("pushes.json", (*self.pushes(), landed)[-_MOST_PUSHES:], _PUSHES)
                if by != self._me:
                    self.say(f"{by} has pushed {update.branch}", by)

    def _hear(self, name: str, by: str, at: int, words: Words | Judgement | Report) -> None:
        if isinstance(words, Report):
            self.report(words.sha, words.check, Reported(state=words.state, at=at, by=by))
            self.say(f"{by} reports {words.check}: {words.state} for {words.sha[:12]}", by)
            return
        request = self.request(words.on)
        if request is None and words.on == CONVERSATION:
            request = conversation(self._me)
        if request is None:
            self.say(f"{by} speaks of #{words.on}, which there is not", by)
            return
        if isinstance(words, Judgement):
            given = Given(by=by, state=words.review, sha=words.sha, at=at)
            self.put(request.model_copy(update={"reviews": (*request.reviews, given)}))
            self.say(f"{by} reviews #{words.on}: {words.review.replace('_', ' ')}", by)
        else:
            self.remark(request, Remark(id=name, by=by, at=at, text=words.say))

    def remark(self, request: Request, remark: Remark) -> None:
        """Write down what somebody said."""
        self.put(request.model_copy(update={"remarks": (*request.remarks, remark)}))
        first = remark.text.strip().partition("\n")[0][:100]
        self.say(f"{remark.by} says of #{request.number}: {first}", remark.by)


def conversation(author: str) -> Request:
    """Return what people speak under who speak of the repository."""
    return Request(number=CONVERSATION, kind="issue", title="The repository", author=author)


def _checks(sha: str) -> str:
    return f"checks/{sha[:2]}/{sha[2:]}.json"


def _page(request: Request) -> str:
    parts = [f"# {request.title}", _where(request), request.body.rstrip()]
    parts += [f"---\n\n**{one.by}**:\n\n{one.text.rstrip()}" for one in request.remarks]
    return "\n\n".join(part for part in parts if part) + "\n"


def _where(request: Request) -> str:
    ended = {"open": "", "closed": "closed", "merged": "merged"}[request.state]
    if ended and request.by:
        ended += f" by {request.by}"
    way = f"`{request.head}` into `{request.base}`" if request.head else ""
    return f"#{request.number} " + ", ".join(part for part in (way, ended) if part)


def _overview(requests: Sequence[Request]) -> str:
    lines = [
        "# What Lockstep has open here",
        "",
        "This branch is the bot's own: read it, and speak by `lockstep say`.",
        "",
    ]
    for one in requests:
        where = f": `{one.head}` into `{one.base}`" if one.head else ""
        lines.append(f"- [#{one.number}](open/{one.number}/README.md) {one.title}{where}")
    if not requests:
        lines.append("Nothing.")
    return "\n".join([*lines, ""])


_REQUEST = TypeAdapter(Request)
