"""The server's settings, from its environment and an optional file, or all that is wrong with them.

A secret is never part of a sentence, of an error or of a `repr`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationError

from config import addresses, reach
from config.patterns import path_pattern
from config.suggest import closest, named, suggest
from config.times import duration

PREFIX = "LOCKSTEP_"
SETTINGS_FILE = "LOCKSTEP_SETTINGS_FILE"
DEFAULT_FILE = "lockstep.env"

# All in one process, the half that receives webhooks, the half that works on the forges.
Part = Literal["serve", "webhook", "worker"]

_LARGEST_FILE = 1 << 16
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)", re.ASCII)
# How alike an unknown variable must be to be a setting misspelled: others share the prefix.
_SURELY_MEANT = 0.9


class SettingsErrors(Exception):
    """Everything that is wrong with the settings, a sentence each."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


Token = Annotated[SecretStr, BeforeValidator(addresses.token)]
Url = Annotated[str, BeforeValidator(addresses.url)]
File = Annotated[Path, BeforeValidator(addresses.file)]


class Settings(BaseModel):
    """Addresses, secrets and habits of a server; None where nothing was set."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: Annotated[int, BeforeValidator(addresses.port)] = 8080
    dashboard_token: Annotated[SecretStr, BeforeValidator(addresses.password)] | None = None
    dashboard_open: Annotated[bool, BeforeValidator(addresses.switch)] = False
    metrics_port: Annotated[int, BeforeValidator(addresses.port)] | None = None
    state_dir: Path
    temporal_address: Annotated[str, BeforeValidator(addresses.address)] | None = None
    temporal_namespace: str = "default"
    temporal_api_key: Token | None = None
    temporal_encryption_keys: (
        Annotated[SecretStr, BeforeValidator(addresses.encryption_keys)] | None
    ) = None
    temporal_versioning: Annotated[bool, BeforeValidator(addresses.switch)] = False
    build_id: Annotated[str, BeforeValidator(addresses.build_id)] | None = None
    temporal_tls: Annotated[bool, BeforeValidator(addresses.switch)] = False
    temporal_tls_ca_file: File | None = None
    temporal_tls_cert_file: File | None = None
    temporal_tls_key_file: File | None = None
    temporal_tls_server_name: str | None = None
    github_api_url: Url = "https://api.github.com"
    github_token: Token | None = None
    github_app_id: Annotated[int, BeforeValidator(addresses.number)] | None = None
    github_private_key: Annotated[SecretStr, BeforeValidator(addresses.private_key)] | None = None
    github_webhook_secret: SecretStr | None = None
    gitlab_url: Url = "https://gitlab.com"
    gitlab_token: Token | None = None
    gitlab_webhook_secret: SecretStr | None = None
    gitlab_signing_token: Annotated[SecretStr, BeforeValidator(addresses.signing_token)] | None = (
        None
    )
    git_url: Annotated[str, BeforeValidator(addresses.git_url)] | None = None
    git_repositories: Annotated[
        tuple[tuple[str, str], ...], BeforeValidator(addresses.git_repositories)
    ] = ()
    git_user: Annotated[str, BeforeValidator(addresses.login)] = "lockstep-bot"
    git_token: Token | None = None
    git_ssh_key_file: File | None = None
    git_ssh_known_hosts_file: File | None = None
    git_email_domains: Annotated[tuple[str, ...], BeforeValidator(addresses.domains)] = ()
    git_webhook_secret: SecretStr | None = None
    writes_per_minute: Annotated[int, BeforeValidator(addresses.some)] = 75
    content_per_hour: Annotated[int, BeforeValidator(addresses.some)] = 480
    rest_after_limit: Annotated[timedelta, BeforeValidator(duration)] = timedelta(minutes=1)
    allowed_addresses: Annotated[reach.Reach, BeforeValidator(reach.reach)] = reach.Reach()
    gate_secrets: Annotated[SecretStr, BeforeValidator(reach.gate_secrets)] | None = None
    repositories: Annotated[tuple[str, ...], BeforeValidator(addresses.patterns)] = ()
    policy_repository: Annotated[
        tuple[str, ...], BeforeValidator(addresses.policy_repositories)
    ] = ()
    reconcile_interval: Annotated[timedelta, BeforeValidator(duration)] = timedelta(minutes=10)
    log_format: Annotated[Literal["text", "json"], BeforeValidator(addresses.log_format)] = "text"

    @property
    def encrypts_temporal(self) -> bool:
        """Whether the connection to Temporal is made by TLS: asked for, or needed by the rest."""
        return self.temporal_tls or any(
            value is not None
            for value in (
                self.temporal_api_key,
                self.temporal_tls_ca_file,
                self.temporal_tls_cert_file,
                self.temporal_tls_server_name,
            )
        )

    @property
    def shows_dashboard(self) -> bool:
        """Whether somebody may see the dashboard."""
        return self.dashboard_open or self.dashboard_token is not None

    @property
    def hears_gitlab(self) -> bool:
        """Whether there is something to know GitLab's webhooks by."""
        return bool(self.gitlab_webhook_secret or self.gitlab_signing_token)

    @property
    def encryption_keys(self) -> tuple[str, ...]:
        """The keys that histories are encrypted with, the newest first; none where they are not."""
        keys = self.temporal_encryption_keys
        return tuple(keys.get_secret_value().split(",")) if keys else ()

    @property
    def serves_git(self) -> bool:
        """Whether repositories of plain git servers are served."""
        return self.git_url is not None or bool(self.git_repositories)

    def serves(self, repository: str) -> bool:
        """Whether `repository`, as ``owner/name``, is one of those that are asked for."""
        patterns = (path_pattern(pattern.casefold()) for pattern in self.repositories)
        return not self.repositories or any(p.fullmatch(repository.casefold()) for p in patterns)


SECRETS = (
    "dashboard_token",
    "temporal_api_key",
    "temporal_encryption_keys",
    "github_token",
    "github_private_key",
    "github_webhook_secret",
    "gitlab_token",
    "gitlab_webhook_secret",
    "gitlab_signing_token",
    "git_token",
    "git_webhook_secret",
    "gate_secrets",
)


def variable(field: str) -> str:
    """Return the name of the variable that sets `field`."""
    return PREFIX + field.upper()


_VARIABLES = {variable(field): field for field in Settings.model_fields}
_FILE_VARIABLES = {variable(field) + "_FILE": field for field in SECRETS}


def read_settings(
    environ: Mapping[str, str], part: Part = "serve", *, directory: Path | None = None
) -> Settings:
    """Return the settings for one part of the server, from `environ` and its file.

    The file is the one that LOCKSTEP_SETTINGS_FILE names, else `lockstep.env` in
    `directory` (by default the current one) if it is there. The environment outweighs it,
    and what is empty counts as not set. Raises `SettingsErrors`.
    """
    reading = _Reading()
    reading.take_file(environ, directory or Path())
    reading.take_environment(environ)
    reading.take_secret_files()
    reading.take_state_dir(environ)
    settings = reading.validated()
    errors = [*reading.errors, *_together(reading.fields(), part)]
    if settings is not None and part != "worker":
        errors += _dashboard(settings)
    if settings is None or errors:
        raise SettingsErrors(tuple(errors))
    return settings


class _Reading:
    """The values that were found, where each was found, and what is wrong with them."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self._values: dict[str, str] = {}
        self._origins: dict[str, str] = {}

    def fields(self) -> set[str]:
        """Return the fields that something was found for."""
        return {_VARIABLES[name] for name in self._values if name in _VARIABLES}

    def take_file(self, environ: Mapping[str, str], directory: Path) -> None:
        """Take the settings file, if there is one."""
        asked = environ.get(SETTINGS_FILE)
        path = Path(asked) if asked else directory / DEFAULT_FILE
        if not asked and not path.exists():
            return
        for number, line in enumerate(self._read(path, SETTINGS_FILE).splitlines(), 1):
            if line.strip() and not line.lstrip().startswith("#"):
                self._take_line(line.strip(), f"{path.name}, line {number}")

    def _take_line(self, line: str, where: str) -> None:
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            self.errors.append(f"{where}: this is not `NAME=value`")
            return
        name, value = match.groups()
        if value[:1] in {'"', "'"} and value[-1:] == value[0] and len(value) > 1:
            value = value[1:-1]
        elif re.search(r"\s#", value):
            self.errors.append(
                f"{where}: {named(name)} seems to have a comment behind it; put the comment on a "
                "line of its own, or the value in quotes"
            )
        if name in _VARIABLES or name in _FILE_VARIABLES:
            self._take(name, value, f"{named(name)} ({where})")
        elif name.startswith(PREFIX):
            hint = suggest(name, [*_VARIABLES, *_FILE_VARIABLES])
            self.errors.append(f"{where}: no setting is called {named(name)}{hint}")

    def take_environment(self, environ: Mapping[str, str]) -> None:
        """Take the variables of the environment, and say which are nearly ours."""
        known = [*_VARIABLES, *_FILE_VARIABLES, SETTINGS_FILE]
        for name, value in sorted(environ.items()):
            if name in _VARIABLES or name in _FILE_VARIABLES:
                self._take(name, value, named(name))
            elif name.startswith(PREFIX) and name not in known:
                meant = closest(name, known, likeness=_SURELY_MEANT)
                if meant:
                    self.errors.append(
                        f"no setting is called {named(name)}; did you mean {named(meant)}?"
                    )

    def _take(self, name: str, value: str, origin: str) -> None:
        if value:
            self._values[name] = value
            self._origins[name] = origin

    def take_secret_files(self) -> None:
        """Take the secrets whose variable names the file that holds them."""
        for name, field in _FILE_VARIABLES.items():
            path, origin = self._values.pop(name, None), self._origins.get(name, "")
            if path is None:
                continue
            secret = variable(field)
            if secret in self._values:
                self.errors.append(f"{named(secret)} and {named(name)} are both set; keep one")
            # An empty one is taken as well: that the secret is missing is not said twice.
            self._values[secret] = self._read(Path(path), name).strip()
            self._origins[secret] = origin

    def take_state_dir(self, environ: Mapping[str, str]) -> None:
        """Take the place for state where the platform has it, unless it is set."""
        name = variable("state_dir")
        if name in self._values:
            return
        state, home = environ.get("XDG_STATE_HOME"), environ.get("HOME")
        if state or home:
            self._take(name, str(Path(state or f"{home}/.local/state") / "lockstep"), named(name))
        else:
            self.errors.append(
                f"{named(name)} is not set, and there is no home directory; name a directory that "
                "the server may write to"
            )

    def _read(self, path: Path, name: str) -> str:
        problem = "is empty"
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST_FILE + 1)
            if len(data) > _LARGEST_FILE:
                problem = "is larger than 64 KiB"
            elif data.strip():
                return data.decode()
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        except UnicodeDecodeError:
            problem = "is not UTF-8"
        self.errors.append(f"{named(name)}: the file `{path}` {problem}")
        return ""

    def validated(self) -> Settings | None:
        """Return the settings, or None where a value cannot be."""
        values = {
            field: self._values[name]
            for name, field in _VARIABLES.items()
            if self._values.get(name)
        }
        try:
            return Settings.model_validate(values)
        except ValidationError as error:
            for details in error.errors(include_url=False, include_input=False):
                if details["type"] == "value_error":
                    origin = self._origins[variable(str(details["loc"][0]))]
                    self.errors.append(f"{origin}: {details['ctx']['error']}")
            return None


def _together(fields: set[str], part: Part) -> Iterator[str]:
    """Yield what is wrong with the settings taken together: what is missing, or one too many."""
    yield from _temporal(fields)
    yield from _forges(fields, part)


def _dashboard(settings: Settings) -> Iterator[str]:
    if not settings.dashboard_open:
        return
    opened, token = _names("dashboard_open"), _names("dashboard_token")
    if settings.dashboard_token is not None:
        yield f"{opened} and {token} are both set; keep one of them"
    elif not addresses.is_loopback(settings.host):
        yield (
            f"{opened} would show the dashboard to whoever reaches {named(settings.host)}; set "
            f"{token} instead, or {_names('host')} to `127.0.0.1`"
        )


def _names(*fields: str) -> str:
    # The key of an App is downloaded as a file, so the file is what people set.
    suffix = {"github_private_key": "_FILE"}
    return " and ".join(named(variable(field) + suffix.get(field, "")) for field in fields)


def _temporal(fields: set[str]) -> Iterator[str]:
    if "temporal_address" not in fields:
        for field in sorted(fields):
            if field.startswith(("temporal_api", "temporal_tls")):
                yield (
                    f"{_names(field)} is set, and {_names('temporal_address')} is not: the "
                    "embedded server takes neither keys nor certificates; set the address, or "
                    "remove it"
                )
    certificate = ("temporal_tls_cert_file", "temporal_tls_key_file")
    if len(fields.intersection(certificate)) == 1:
        yield f"{_names(*certificate)} go together; set both, or neither"


def _forges(fields: set[str], part: Part) -> Iterator[str]:
    app = ("github_app_id", "github_private_key")
    if "github_token" in fields and fields.intersection(app):
        yield f"{_names('github_token')} and a GitHub App are both set; keep one of them"
    elif len(fields.intersection(app)) == 1:
        yield f"{_names(*app)} go together; set both, or use {_names('github_token')}"
    github = _forge("GitHub", fields, part, {"github_token", *app})
    gitlab = _forge("GitLab", fields, part, {"gitlab_token"})
    git = _git(fields)
    if github is None and gitlab is None and git is None:
        needs = {"webhook": ["webhook_secret"], "worker": ["token"]}
        both = ["token", "webhook_secret"]
        sets = [
            _names(*(f"{forge}_{name}" for name in needs.get(part, both)))
            for forge in ("github", "gitlab")
        ]
        sets.append(_names("git_repositories", "git_webhook_secret"))
        yield f"no forge is configured; set {', or '.join(sets)}"
    yield from github or []
    yield from gitlab or []
    yield from git or []


def _git(fields: set[str]) -> list[str] | None:
    """Return what plain git servers lack; the secret also tells a worker whom to believe."""
    if not any(field.startswith("git_") for field in fields):
        return None
    lacks = []
    if not fields & {"git_url", "git_repositories"}:
        lacks.append(
            "git is configured without a repository; set "
            f"{_names('git_repositories')}, or {_names('git_url')}"
        )
    if "git_webhook_secret" not in fields:
        lacks.append(
            "git is configured without the secret of its hooks, so anybody could speak in "
            f"anybody's name; set {_names('git_webhook_secret')} to what the hook's file has"
        )
    return lacks


def _forge(forge: str, fields: set[str], part: Part, credentials: set[str]) -> list[str] | None:
    """Return what one forge lacks for `part`, or None where nothing speaks of that forge."""
    token, secret = f"{forge.lower()}_token", f"{forge.lower()}_webhook_secret"
    proofs = {secret, f"{forge.lower()}_signing_token"}
    if not any(field.startswith(f"{forge.lower()}_") for field in fields):
        return None
    lacks = []
    if part != "webhook" and not credentials & fields:
        lacks.append(f"{forge} is configured without a token; set {_names(token)}")
    if part != "worker" and not proofs & fields:
        lacks.append(
            f"{forge} is configured without a secret for its webhooks, so anybody could send "
            f"them; set {_names(secret)} to the secret that the webhook has on the forge"
        )
    return lacks
