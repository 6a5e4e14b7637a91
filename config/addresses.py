"""Addresses, secrets and switches, as the environment of a process spells them.

Every function returns the value or raises `ValueError` with a sentence for people, in
which no secret is quoted, nor anything that may hold one.
"""

import base64
import re
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from config import names
from config.patterns import PatternError, path_pattern
from config.suggest import named

# How GitLab, as the Standard Webhooks have it, marks a signing token, and its least bytes.
_SIGNING, _LEAST_KEY = "whsec_", 24
_FORGES = ("github", "gitlab", "git")
_SWITCH = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(
    ("false", "no", "off", "0"), False
)


def port(text: str) -> int:
    """Return the port that `text` is; 0 takes any that is free."""
    if "://" in text:
        # For a service called `lockstep`, and in the name of our variable.
        raise ValueError(
            f"{named(text)} is what Kubernetes sets for a service of that name; set the variable "
            "yourself, or `enableServiceLinks: false` for the pod"
        )
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or int(text) > 65535:
        raise ValueError(f"{named(text)} is not a port; write a number up to 65535")
    return int(text)


def number(text: str) -> int:
    """Return the whole number that `text` is."""
    if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
        raise ValueError(f"{named(text)} is not a number")
    return int(text)


def some(text: str) -> int:
    """Return the whole number that `text` is, one at least."""
    if not number(text):
        raise ValueError(f"{named(text)} lets nothing through; write 1 or more")
    return int(text)


def switch(text: str) -> bool:
    """Return whether `text` says yes."""
    if text.casefold() not in _SWITCH:
        raise ValueError(f"{named(text)} is neither `true` nor `false`")
    return _SWITCH[text.casefold()]


def password(text: str) -> SecretStr:
    """Return `text` where nobody guesses it, and a header can hold it."""
    if not re.fullmatch(r"[!-~]{20,500}", text):
        raise ValueError(
            "the token has to be 20 letters, digits and signs or more, without spaces; "
            "`openssl rand -hex 24` makes one"
        )
    return SecretStr(text)


def build_id(text: str) -> str:
    """Return `text` where it may name a build, as a tag or a commit does."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", text):
        raise ValueError(f"{named(text)} names no build; write a version, a tag or a commit")
    return text


def log_format(text: str) -> str:
    """Return `text` where it is a format of log lines."""
    if text not in {"text", "json"}:
        raise ValueError(f"{named(text)} is neither `text` nor `json`")
    return text


def address(text: str) -> str:
    """Return `text` where it is a host and a port."""
    if not re.fullmatch(r"([^\s:/@\[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}", text):
        raise ValueError(
            "the address is not a host and a port, such as `temporal.example.com:7233`"
        )
    return text


def url(text: str) -> str:
    """Return `text`, without a slash at its end, where a token may be sent there."""
    parts = _split(text)
    if parts is None:
        raise ValueError("the value is not a URL, such as `https://forge.example.com/api/v3`")
    # Not quoted: what is too much in it may be a token.
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("the URL has more than a host and a path; a token has its own setting")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError(
            f"{named(text)} would send the token in the clear; write `https://`, or put a proxy "
            "on this machine that does"
        )
    return text.rstrip("/")


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        complete = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # brackets that hold no address, a port that is none
        return None
    return parts if complete and not re.search(r"\s", text) else None


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by its address or the one name that it always has."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def git_url(text: str) -> str:
    """Return `text`, without a slash at its end, where git may be sent there with a token.

    No option, and none of the transports that run a command.
    """
    if re.search(r"[\s\x00-\x1f\x7f]|::", text) or text.startswith("-"):
        raise ValueError(f"{named(text)} is not an address that git is sent to from here")
    if text.startswith(("http://", "https://")):
        return url(text)
    scheme, separator, rest = text.partition("://")
    if separator:
        known = {"ssh": r"([A-Za-z0-9_.+-]+@)?[A-Za-z0-9][^/@]*/.+", "file": r"/.+"}
        form, where = known.get(scheme, r"(?!)"), rest
    else:
        form = r"/.*|[A-Za-z0-9_][A-Za-z0-9_.+-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^-].*"
        where = text
    if not re.fullmatch(form, where):
        raise ValueError(
            f"{named(text)} is none of a full path, `https://…`, `ssh://…` and `user@host:path`"
        )
    return text.rstrip("/")


def git_repositories(text: str) -> tuple[tuple[str, str], ...]:
    """Return the addresses of repositories by name, of `name=address` parted by white space."""
    found: dict[str, str] = {}
    for part in re.split(r"[\s,]+", text.strip(", \n\t")):
        name, separator, where = part.partition("=")
        if not separator or not re.fullmatch(r"[\w.-]+(/[\w.-]+)+", name, re.ASCII):
            raise ValueError(
                f"{named(part)} does not say which repository is where, as "
                "`acme/shop=/srv/git/shop.git` does"
            )
        found[name] = git_url(where)
    return tuple(found.items())


def login(text: str) -> str:
    """Return `text` where a git server can know somebody by it."""
    if not re.fullmatch(r"[^\s\x00-\x1f\x7f:]{1,100}", text):
        raise ValueError(f"{named(text)} is no login: it has a space or a colon in it")
    return text


def domains(text: str) -> tuple[str, ...]:
    """Return the domains in `text`, parted by commas or white space, in small letters."""
    found = tuple(part for part in re.split(r"[\s,]+", text.casefold()) if part)
    for domain in found:
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", domain):
            raise ValueError(f"{named(domain)} is not a domain, such as `example.com`")
    return found


def token(text: str) -> SecretStr:
    """Return the token that `text` is; no sentence quotes it."""
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError("the value has a space or a character that no token has")
    return SecretStr(text)


def signing_key(text: str) -> bytes:
    """Return the key in a signing token of GitLab's webhooks, `whsec_…`; no sentence quotes it."""
    try:
        key = base64.b64decode(text.removeprefix(_SIGNING), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(_SIGNING) or len(key) < _LEAST_KEY:
        raise ValueError(
            f"a signing token is `{_SIGNING}` with a key in base64 behind it, as GitLab shows it"
        )
    return key


def signing_token(text: str) -> SecretStr:
    """Return the signing token that `text` is; no sentence quotes it."""
    signing_key(text)
    return SecretStr(text)


def private_key(text: str) -> SecretStr:
    """Return the key in PEM that `text` is; no sentence quotes it."""
    if not re.match(r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----\s", text):
        raise ValueError("this is not a private key; the App's page has it as a `.pem` file")
    return SecretStr(text)


def encryption_keys(text: str) -> SecretStr:
    """Return the keys that `text` is, parted by commas or white space; no sentence quotes one."""
    keys = [key for key in re.split(r"[\s,]+", text) if key]
    if not keys or not all(re.fullmatch(r"[A-Za-z0-9_-]{43}=", key) for key in keys):
        raise ValueError(
            "a key is 32 random bytes in URL-safe base64, as "
            "`openssl rand -base64 32 | tr '+/' '-_'` prints them"
        )
    return SecretStr(",".join(keys))


def file(text: str) -> Path:
    """Return the path that `text` is, where a file is there."""
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"there is no file `{text}`")
    return path


def patterns(text: str) -> tuple[str, ...]:
    """Return the patterns of repositories in `text`, parted by commas or white space."""
    patterns = tuple(re.split(r"[\s,]+", text.strip(", \n\t")))
    for pattern in patterns:
        try:
            path_pattern(pattern)
        except PatternError:
            raise ValueError(
                f"{named(pattern)} is not a pattern of repositories, such as `acme/*`"
            ) from None
    return patterns


def policy_repositories(text: str) -> tuple[str, ...]:
    """Return the repositories of policies in `text`, each of one forge where it says so."""
    entries = tuple(re.split(r"[\s,]+", text.strip(", \n\t")))
    for entry in entries:
        forge, colon, name = entry.rpartition(":")
        if colon and forge not in _FORGES:
            raise ValueError(
                f"{named(entry)} names no forge; write `acme/policy`, or `github:acme/policy` "
                "where only one forge has it"
            )
        names.repository(name)
    return entries
