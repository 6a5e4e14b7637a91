"""One target for each parser that reads what strangers write: bytes in, and a promise is kept.

A target raises where a promise is broken; the errors that a parser promises are none.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from markdown_it import MarkdownIt

from bot import markdown
from bot.decisions.commands import MOST_COMMANDS, Unclear, parse_comment, write
from bot.engine.nodes import Unreadable
from bot.engine.values import read_values
from bot.evidence import calendars as calendar
from bot.evidence.codeowners import CodeOwnersFile
from bot.forges.markers import carries, marked, unmarked
from bot.words import GITHUB, GITLAB
from config.load import ConfigErrors, load
from config.patterns import PatternError, child, key_pattern, path_pattern, quote, segments
from webhook import github, gitlab
from webhook.events import Delivery, Ignored, NotUnderstoodError
from webhook.git import GitReader

Target = Callable[[bytes], None]

_COMMONMARK = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_HARMLESS = {"paragraph_open", "paragraph_close", "inline", "text", "code_inline"}
_NOW = datetime(2026, 11, 26, tzinfo=UTC)
_HOOK = GitReader(["secret"], "lockstep-bot", _NOW.timestamp)
_GITHUB_EVENTS = sorted(github.EVENTS)
_GITLAB_EVENTS = sorted(gitlab.GitLabReader.events)
# What an engine with backtracking would take for ever to match, where a pattern is careless.
_LONG = "a.b-" * 500


def text_of(data: bytes) -> str:
    """Return text of any kind, lone surrogates included."""
    return data.decode("utf-8", "surrogateescape")


def webhook_github(data: bytes) -> None:
    """A body that was signed: read, ignored, or not understood."""
    event = _GITHUB_EVENTS[data[0] % len(_GITHUB_EVENTS)] if data else ""
    _reads(lambda: github.translate(event, "delivery-1", data[1:]))


def webhook_git(data: bytes) -> None:
    """What a server's own hook tells."""
    _reads(lambda: _HOOK.translate("push", "a push", data))


def code_owners(data: bytes) -> None:
    """CODEOWNERS, as either forge reads it."""
    text, paths = data.decode("utf-8", "replace"), ["a/b/c.yaml", _LONG.replace(".", "/")]
    for file in (CodeOwnersFile(text, "github"), CodeOwnersFile(text, "gitlab")):
        assert all(entry.owners for entry in file.owners_of(paths))


def calendars(data: bytes) -> None:
    """A calendar of freezes, which is read or says what is wrong with it."""
    found = calendar.read(data, "Europe/Berlin", _NOW)
    assert not (found.problem and found.events)


def webhook_github_form(data: bytes) -> None:
    """The same, sent as a form."""
    _reads(lambda: github.translate("push", "delivery-1", github.form_payload(data)))


def webhook_gitlab(data: bytes) -> None:
    """A body that came with the token: read, ignored, or not understood."""
    event = _GITLAB_EVENTS[data[0] % len(_GITLAB_EVENTS)] if data else ""
    _reads(lambda: gitlab.translate(event, "delivery-1", data[1:]))


def _reads(translate: Callable[[], tuple[Delivery, ...] | Ignored]) -> None:
    try:
        found = translate()
    except NotUnderstoodError:
        return
    for delivery in found if not isinstance(found, Ignored) else ():
        assert Delivery.model_validate_json(delivery.model_dump_json()) == delivery


def values_yaml(data: bytes) -> None:
    """A YAML file of the configuration that is promoted."""
    _values("a.yaml", data)


def values_json(data: bytes) -> None:
    """A JSON file."""
    _values("a.json", data)


def values_toml(data: bytes) -> None:
    """A TOML file."""
    _values("a.toml", data)


def _values(path: str, data: bytes) -> None:
    with suppress(Unreadable):
        for key, value in read_values(path, data).items():
            assert value.exists
            # Each key can be said in a rule, and the rule then speaks of it.
            assert "".join(segments(key)) or not key


def configuration(data: bytes) -> None:
    """`.lockstep.yaml` of a repository that anybody may write to."""
    with suppress(ConfigErrors):
        load(data.decode("utf-8-sig", "replace"))


def key_patterns(data: bytes) -> None:
    """A pattern of keys, and a key made of the same text."""
    text = data.decode("utf-8", "replace")
    # A star in quotes is a star, so this is the pattern of that key alone.
    quoted = key_pattern(f"[{quote(text)}]")
    assert quoted.fullmatch(child("", text))
    assert not quoted.fullmatch(child("", text + "-"))
    with suppress(PatternError):
        key_pattern(text).fullmatch(_LONG)


def path_patterns(data: bytes) -> None:
    """A pattern of paths."""
    with suppress(PatternError):
        path_pattern(data.decode("utf-8", "replace")).fullmatch(_LONG.replace(".", "/"))


def commands(data: bytes) -> None:
    """A comment: what was read from it is what would be written to say it."""
    found = parse_comment(text_of(data), GITHUB)
    assert len(found) <= MOST_COMMANDS + 1
    for command in found:
        if not isinstance(command, Unclear):
            for words in (GITHUB, GITLAB):
                assert parse_comment(write(command, words), words) == (command,)


def markers(data: bytes) -> None:
    """A body, and the marker that it is given."""
    body, _, marker = data.decode("utf-8", "replace").partition("\0")
    written = marked(body, marker)
    assert carries(written, marker)
    assert unmarked(written, marker) == body.rstrip()
    assert not carries(written, f"{marker}x")
    assert written.count("-->") == body.count("-->") + 1


def harmless(data: bytes) -> None:
    """Text of others in Markdown: a line of plain words, or of code."""
    text = data.decode("utf-8", "replace")
    for made in (markdown.plain(text), markdown.code(text or " ")):
        assert "\n" not in made
        for token in _COMMONMARK.parse(f"said: {made}"):
            inside = token.children or ()
            kinds = {token.type, *(one.type for one in inside)}
            assert kinds <= {
                "paragraph_open",
                "paragraph_close",
                "inline",
                "text",
                "code_inline",
            }, (
                made,
                kinds,
            )


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        webhook_github,
        webhook_github_form,
        webhook_git,
        code_owners,
        calendars,
        webhook_gitlab,
        values_yaml,
        values_json,
        values_toml,
        configuration,
        key_patterns,
        path_patterns,
        commands,
        markers,
        harmless,
    )
}
