"""Gates that ask others: services, Prometheus, CI; and how an address or an answer is spelled."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from config.kinds import Duration, Model, Name, Text, one_of, spelled
from config.suggest import named

_SHORTEST_INTERVAL = timedelta(seconds=30)
_EXPECTED = re.compile(r"(<=|>=|==|<|>) *(-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)", re.ASCII)
PLACEHOLDERS = ("repository", "environment", "sha", "source", "digest")


def web_address(text: str) -> str:
    """Return `text` where it is an address that can be asked, and holds no password."""
    try:
        parts = urlsplit(text)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # brackets that hold no address, a port that is none
        parts, whole = urlsplit(""), None
    if not whole or re.search(r"\s", text):
        raise ValueError("this is not an address, such as `https://capacity.example.com/check`")
    if "@" in parts.netloc:
        # Not quoted: it may be a password.
        raise ValueError(
            "the address holds a name or a password; a `secret` of the server's settings goes "
            "where nobody reads it"
        )
    if parts.fragment:
        raise ValueError(f"{named(text)} has a `#`, and what follows is never sent")
    return text


def _question(text: str) -> str:
    web_address(text)
    host = urlsplit(text).netloc
    if "{" in host:
        raise ValueError(f"the host of {named(text)} is fixed: placeholders stand behind it")
    for name in re.findall(r"\{([^{}]*)\}", text):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"`{{{each}}}`" for each in PLACEHOLDERS)
            raise ValueError(f"`{{{name}}}` stands for nothing; known are {known}")
    return text


Url = Annotated[
    str,
    AfterValidator(_question),
    spelled(r"^https?://[^/@\s]+(/\S*)?$", "https://capacity.example.com/api/check"),
]


def _secret(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", text, re.ASCII):
        raise ValueError(
            "this is not the name of a secret: small letters, digits and `_`; the secret itself "
            "stands in the server's settings"
        )
    return text


def _interval(value: timedelta) -> timedelta:
    if value < _SHORTEST_INTERVAL:
        raise ValueError("`every` is at least `30s`: others have to answer that often")
    return value


Interval = Annotated[Duration, AfterValidator(_interval)]
Secret = Annotated[str, AfterValidator(_secret), spelled("^[a-z][a-z0-9_]*$", "capacity")]


def _condition(text: str) -> str:
    import jmespath  # noqa: PLC0415 - lazy: 10 ms that few files need
    from jmespath.exceptions import JMESPathError  # noqa: PLC0415 - as above

    try:
        jmespath.compile(text)
    except JMESPathError as error:
        first = str(error).splitlines()[0].rstrip(":")
        raise ValueError(
            f"{named(text)} is not a JMESPath expression ({first}); write one that is true "
            "where the gate is to open, such as `status == 'ok'`"
        ) from None
    return text


class HttpGate(Model):
    """A question to a service, and what its JSON answer must be."""

    name: Name = Field(description="What people call it, also in `/override http:NAME`.")
    url: Url = Field(
        description="The address, which the server's settings must allow; `{repository}`, "
        "`{environment}`, `{sha}`, `{source}` and `{digest}` stand for the promotion's."
    )
    method: Annotated[Literal["GET", "POST"], one_of("GET", "POST")] = Field(
        default="GET", description="How to ask."
    )
    body: dict[str, Any] | None = Field(
        default=None,
        description="What to send by POST, as JSON, with the same placeholders; left out, "
        "all of them by name.",
    )
    secret: Secret | None = Field(
        default=None,
        description="The name of a secret in the server's settings, sent as a bearer token.",
    )
    condition: Annotated[
        str, AfterValidator(_condition), spelled(".", "status == 'ok' && free > `10`")
    ] = Field(description="A JMESPath expression that must be true of the answer.")
    every: Interval = Field(
        default=timedelta(minutes=5), description="How often to ask again while it is not."
    )

    @model_validator(mode="after")
    def _asks_as_it_can(self) -> Self:
        if self.body is not None and self.method != "POST":
            raise ValueError("`body` is sent by POST alone; add `method: POST`, or leave it out")
        _needs_https(self.url, self.secret)
        return self


def _needs_https(url: str, secret: str | None) -> None:
    if secret is not None and not url.startswith("https:"):
        raise ValueError("a `secret` is sent by https alone, and `url` begins with http")


class Expected(Model):
    """A comparison with a number: ``< 0.01``."""

    operator: Literal["<", "<=", ">", ">=", "=="]
    number: float

    def __str__(self) -> str:
        return f"{self.operator} {self.number:g}"

    def holds(self, value: float) -> bool:
        """Whether `value` is as expected; what is no number never is."""
        return {
            "<": value < self.number,
            "<=": value <= self.number,
            ">": value > self.number,
            ">=": value >= self.number,
            "==": value == self.number,
        }[self.operator]


def _expected(value: object) -> object:
    if isinstance(value, (Expected, dict)):
        return value
    match = _EXPECTED.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"{named(value)} is not a comparison; write what every value must be, in quotes: "
            '"< 0.01"'
        )
    return {"operator": match[1], "number": float(match[2])}


class MetricsGate(Model):
    """A query to Prometheus, and what each of its values must be."""

    name: Name = Field(description="What people call it, also in `/override metrics:NAME`.")
    url: Url = Field(
        description="The address of the Prometheus server, which the server's settings must allow."
    )
    query: Text = Field(description="A PromQL expression; every series it returns counts.")
    expect: Annotated[
        Expected,
        BeforeValidator(_expected, json_schema_input_type=str),
        PlainSerializer(str, return_type=str, when_used="json"),
        spelled(r"^(<|<=|>|>=|==) *-?[0-9.]+([eE][-+]?[0-9]+)?$", "< 0.01", ">= 3"),
    ] = Field(description="What every value must be: a comparison with a number.")
    for_: Duration | None = Field(
        default=None,
        alias="for",
        description="How long it must have been so, without a gap; left out, now alone.",
    )
    secret: Secret | None = Field(
        default=None,
        description="The name of a secret in the server's settings, sent as a bearer token.",
    )
    every: Interval = Field(
        default=timedelta(minutes=1), description="How often to ask again while it is not."
    )

    @model_validator(mode="after")
    def _asks_as_it_can(self) -> Self:
        _needs_https(self.url, self.secret)
        return self


def _workflow_file(text: str) -> str:
    if text and not re.fullmatch(r"[^/\s]+\.ya?ml", text):
        raise ValueError(
            f"{named(text)} is not the file of a workflow; write its name in "
            "`.github/workflows`, such as `qa.yml`"
        )
    return text


class WorkflowGate(Model):
    """A run of CI that is started on the candidate, once, and waited for."""

    name: Name = Field(description="What people call it, also in `/override workflow:NAME`.")
    workflow: Annotated[
        str, AfterValidator(_workflow_file), spelled(r"^[^/]+\.ya?ml$", "qa.yml")
    ] = Field(
        default="",
        description="The file of the GitHub Actions workflow, which needs `workflow_dispatch`; "
        "on GitLab the pipeline of the project is started, and this is left out.",
    )
    inputs: dict[Text, str] = Field(
        default_factory=dict,
        description="The inputs of the workflow; on GitLab the variables of the pipeline.",
    )
    timeout: Duration | None = Field(
        default=None,
        description="How long it may run before the promotion fails; left out, it waits.",
    )
