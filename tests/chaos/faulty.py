"""A forge that fails at one call of a hop, or at two: one of each thing, and no busy loop."""

import logging
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.installation import Installation
from tests.chaos.matrix import retire
from tests.chaos.story import Story

LIMITED = "You have exceeded a secondary rate limit. Please wait a few minutes."
# Longer than the worker's patience, which these runs make shorter than its 30 s.
PATIENCE_SECONDS, STALL_SECONDS = 2.0, 3.5
ALONE, ALONE_AT, ALONE_PATIENCE_SECONDS = "429", ("open", "merge"), 300.0
FAULTS: Mapping[str, Mapping[str, object]] = {
    "401": {"status": 401, "message": "Bad credentials"},
    "403": {"status": 403, "message": "Resource not accessible by integration"},
    "404": {"status": 404, "message": "Not Found"},
    "405": {"status": 405},
    "409": {"status": 409},
    "422": {"status": 422},
    "429, Retry-After": {"status": 429, "headers": {"Retry-After": "1"}},
    "secondary limit": {"status": 403, "message": LIMITED, "headers": {"Retry-After": "1"}},
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "cut": {"cut": True},
    "stalled": {"stall": STALL_SECONDS},
    "truncated": {"truncate": True},
    "answer lost": {"lose": True},
    "answer is 502": {"lose": True, "status": 502},
    "three in a row": {"cut": True, "times": 3},
    # Last, since nothing at all is asked for a minute after it, by any of the stories.
    ALONE: {"status": 429},
}
# A conversation that was locked or deleted gets no answer; what was asked for is done all the same.
REFUSED = ("403", "404", "405", "409", "422")
# That somebody is no collaborator: they are told so, and may say it again. And a sign on a
# comment is a courtesy that is not tried again, so nothing meets the second fault.
MEANT = {("permission", "404"), ("acknowledge", "three in a row")}
# Of these two in one story would take minutes of waiting, as they should.
_PAIRED = [name for name in FAULTS if name != ALONE]
# What follows a fault is asked for afresh, as nobody knows what came of it.
MOST_TIMES_AS_MANY = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the hop: the act before which its fault is laid, method and path."""

    act: str
    method: str
    path: str


_GIT = {
    "look": Call("ask", "GET", r"\.git/info/refs$"),
    "fetch": Call("begin", "POST", r"\.git/git-upload-pack$"),
    "push": Call("ask", "POST", r"\.git/git-receive-pack$"),
    "clean up": Call("check", "POST", r"\.git/git-receive-pack$"),
}
CALLS: Mapping[str, Mapping[str, Call]] = {
    "github": {
        **_GIT,
        "acknowledge": Call("ask", "POST", r"/issues/comments/\d+/reactions$"),
        "permission": Call("ask", "GET", r"/collaborators/[^/]+/permission$"),
        "answer": Call("ask", "POST", r"/issues/\d+/comments$"),
        "open": Call("ask", "POST", r"/pulls$"),
        "first status": Call("ask", "POST", r"/statuses/"),
        "describe": Call("sign", "PATCH", r"/issues/\d+$"),
        "checks": Call("check", "GET", r"/commits/[^/]+/status$"),
        "last status": Call("check", "POST", r"/statuses/"),
        "merge": Call("check", "PUT", r"/merge$"),
        "last words": Call("check", "PATCH", r"/issues/\d+$"),
    },
    "gitlab": {
        **_GIT,
        "open": Call("ask", "POST", r"/merge_requests$"),
        "first status": Call("ask", "POST", r"/statuses/"),
        "checks": Call("check", "GET", r"/statuses"),
        "last status": Call("check", "POST", r"/statuses/"),
        "merge": Call("check", "PUT", r"/merge$"),
        "last words": Call("check", "PUT", r"/merge_requests/\d+$"),
    },
}
# On GitLab fewer: the middle is the same, and each differs from GitHub where it is answered.
FEWER = ("401", "403", "404", "405", "409", "422", "429, Retry-After", "502", "answer lost")
# Calls that the bot alone makes, and not the tests.
_WRITES = ("POST", "PUT", "PATCH", "DELETE")
_OURS = ("/pulls", "/merge", "/statuses/", "/reactions", "/issues/", "receive-pack")


@dataclass(slots=True)
class Ill:
    """One story and the faults that it met, by call; what became of it is empty where all went."""

    faults: Mapping[str, str]
    failure: str = ""
    story: Story | None = None
    unmet: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The faults in words."""
        return " + ".join(f"{fault} at {call}" for call, fault in self.faults.items())


def each(dialect: str, fault: str) -> list[Ill]:
    """Return a story for every call of the hop, for `ALONE` of few, all with the same fault."""
    calls = ALONE_AT if fault == ALONE else CALLS[dialect]
    return [Ill({call: fault}) for call in calls if (call, fault) not in MEANT]


def pairs(dialect: str, seed: int, count: int) -> list[Ill]:
    """Return stories with two faults each, at calls that a seed chooses."""
    dice = random.Random(seed)
    calls = list(CALLS[dialect])
    made = [
        {call: dice.choice(_PAIRED) for call in dice.sample(calls, 2)} for _ in range(2 * count)
    ]
    return [Ill(faults) for faults in made if not MEANT & set(faults.items())][:count]


def undisturbed(here: Installation, count: int) -> float:
    """Return what a story costs in writes when nothing goes wrong; raises where it goes wrong."""
    made = [Ill({}) for _ in range(count)]
    spent = run(here, made)
    failures = [ill.failure for ill in made if ill.failure]
    assert not failures, failures
    return spent


def run(here: Installation, ills: Sequence[Ill]) -> float:
    """Let stories with faults run side by side; return the writes that one of them cost."""
    here.forge.do("reset_calls")
    for ill in ills:
        ill.story = Story.begin(here.forge, here.hook, "ill", here.dialect)
        ill.story.may_be_unanswered = ill.faults.get("answer") in REFUSED
        _lay(here, ill, "begin")
    for act in ("ask", "sign", "check", "finish"):
        for ill in ills:
            try:
                _go_on(here, ill, act)
            except Exception as error:  # noqa: BLE001 -- whatever it was, this one is red
                ill.failure = f"{type(error).__name__}: {error}"
                _log.warning("%s: %s", ill.name, ill.failure)
    spent = sum(count for route, count in here.forge.calls().items() if _is_write(route))
    left = here.forge.do("clear_faults")
    for ill in ills:
        if ill.story is not None:
            retire(here, ill.story)
            ill.unmet = [one for one in left if _where(ill.story).partition("[")[0] in one]
    return spent / len(ills)


def _go_on(here: Installation, ill: Ill, act: str) -> None:
    story = ill.story
    if story is None or ill.failure:
        return
    if act == "finish":
        story.finish()
        return
    if act == "check":
        story.wait_for("sign")
    _lay(here, ill, act)
    if act == "sign":
        story.wait_for("ask")
    story.go_on(act)


def _lay(here: Installation, ill: Ill, act: str) -> None:
    for name, fault in ill.faults.items():
        call = CALLS[here.dialect][name]
        if call.act == act and ill.story is not None:
            path = f"{_where(ill.story)}.*{call.path}"
            here.forge.do("inject", method=call.method, path=path, **FAULTS[fault])


def _where(story: Story) -> str:
    return rf"(?:{story.here.name}|/projects/{story.here.id})(?=[./]).*"


def _is_write(route: str) -> bool:
    method, _, path = route.partition(" ")
    return method in _WRITES and any(part in path for part in _OURS)


def table(rounds: Mapping[str, Iterable[Ill]]) -> Iterator[str]:
    """Yield the lines of a Markdown table: faults down, calls across."""
    known = {fault: list(ills) for fault, ills in rounds.items()}
    calls = list(
        dict.fromkeys(call for ills in known.values() for ill in ills for call in ill.faults)
    )
    yield f"| fault | {' | '.join(calls)} |"
    yield f"|---|{'---|' * len(calls)}"
    for fault, ills in known.items():
        marks = {call: "**red**" if ill.failure else "✓" for ill in ills for call in ill.faults}
        yield f"| {fault} | {' | '.join(marks.get(call, '-') for call in calls)} |"
