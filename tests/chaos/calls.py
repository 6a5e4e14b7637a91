"""What a hop asks of a forge, call by call, and all the ways in which that may go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.model import ForgeName

# Longer than the worker's patience, which these runs make shorter than its 30 s.
PATIENCE_SECONDS, STALL_SECONDS = 4.0, 5.5
# How long a token rests where it is not told until when; a minute is what people have.
REST_SECONDS = 2
_SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes."
_SOON = f"now+{REST_SECONDS}"

Faults = Mapping[str, Mapping[str, object]]
FAILURES: Faults = {
    "401": {"status": 401, "message": "Bad credentials"},
    "403": {"status": 403, "message": "Resource not accessible by integration"},
    "404": {"status": 404, "message": "Not Found"},
    "405": {"status": 405},
    "409": {"status": 409},
    "422": {"status": 422},
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "cut": {"cut": True},
    "stalled": {"stall": STALL_SECONDS},
    "truncated": {"truncate": True},
    "answer lost": {"lose": True},
    "answer is 502": {"lose": True, "status": 502},
    "three in a row": {"cut": True, "times": 3},
}
# Nothing at all is asked for a while after these: they hold up the stories beside them.
LIMITS: Mapping[ForgeName, Faults] = {
    "github": {
        "429": {"status": 429},
        "429, Retry-After": {"status": 429, "headers": {"Retry-After": "1"}},
        "429, none left": {
            "status": 429,
            "headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": _SOON},
        },
        "403, none left": {
            "status": 403,
            "message": "API rate limit exceeded",
            "headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": _SOON},
        },
        "secondary limit": {
            "status": 403,
            "message": _SECONDARY,
            "headers": {"Retry-After": "1"},
        },
    },
    # A 403 is never a limit there.
    "gitlab": {
        "429": {"status": 429},
        "429, Retry-After": {"status": 429, "headers": {"Retry-After": "1"}},
        "429, none left": {
            "status": 429,
            "headers": {"RateLimit-Remaining": "0", "RateLimit-Reset": _SOON},
        },
    },
}
# A conversation that was locked or deleted gets no answer.
REFUSED = ("403", "404", "405", "409", "422")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the hop: the act before which its fault is laid, method and path."""

    act: str
    method: str
    path: str


_GIT = {
    "look": Call("begin", "GET", r"\.git/info/refs$"),
    "fetch": Call("begin", "POST", r"\.git/git-upload-pack$"),
    "push": Call("ask", "POST", r"\.git/git-receive-pack$"),
    "clean up": Call("check", "POST", r"\.git/git-receive-pack$"),
}
CALLS: Mapping[ForgeName, Mapping[str, Call]] = {
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
        "acknowledge": Call("ask", "POST", r"/notes/\d+/award_emoji$"),
        "permission": Call("ask", "GET", r"/members/all$"),
        "answer": Call("ask", "POST", r"/issues/\d+/notes$"),
        "open": Call("ask", "POST", r"/merge_requests$"),
        "first status": Call("ask", "POST", r"/statuses/"),
        "describe": Call("sign", "PUT", r"/merge_requests/\d+$"),
        "checks": Call("check", "GET", r"/statuses"),
        "last status": Call("check", "POST", r"/statuses/"),
        "merge": Call("check", "PUT", r"/merge$"),
        "last words": Call("check", "PUT", r"/merge_requests/\d+$"),
    },
}
# Where what must come of a fault is not what comes of all others: a mark and its reason.
_UNANSWERED = (
    "a comment that the forge refuses to take is not tried for ever: what was asked for is done "
    "without it, and no answer is looked for"
)
_STRANGER = "it means that somebody is no collaborator: they are told so, say it again, are heard"
_COURTESY = (
    "the sign on a comment is a courtesy that is not tried again: only the first of three is met"
)
_BOTH = {
    **{("answer", fault): ("¹", _UNANSWERED) for fault in REFUSED},
    ("acknowledge", "three in a row"): ("²", _COURTESY),
}
NOTES: Mapping[ForgeName, Mapping[tuple[str, str], tuple[str, str]]] = {
    "github": {**_BOTH, ("permission", "404"): ("³", _STRANGER)},
    "gitlab": _BOTH,
}
