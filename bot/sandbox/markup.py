"""Write HTML: everything a person wrote is escaped, Markdown is rendered without raw HTML."""

import re
from collections.abc import Iterable
from functools import lru_cache
from html import escape

from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(
    ["table", "strikethrough"]
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# What a bot's bodies fold their long parts with; the only tags that pass, and bare only.
_FOLDS = {"<details>", "<details open>", "</details>", "<summary>", "</summary>"}
_FOLD = re.compile(r"(</?(?:details|summary)(?: open)?>)")
# A paragraph in small print, once it has been rendered; anywhere else it is text.
_SMALL = re.compile(r"<p>&lt;sub&gt;(.*?)&lt;/sub&gt;</p>", re.DOTALL)
_FENCE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)[ \t]*$", re.DOTALL | re.MULTILINE)


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """Return a value as HTML, escaped unless it is HTML already."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def fill(template: str, **values: object) -> Html:
    """Fill `{name}` places of a template, each escaped unless it is HTML already."""
    return Html(template.format(**{name: text(value) for name, value in values.items()}))


def joined(parts: Iterable[Html], between: str = "") -> Html:
    """Return pieces of HTML as one."""
    return Html(between.join(parts))


@lru_cache(maxsize=512)
def markdown(source: str) -> Html:
    """Render a body or a comment: CommonMark with tables, folds, and no other HTML."""
    out: list[str] = []
    balance = 0
    for piece, is_code in _apart(source):
        if is_code:
            out.append(_MARKDOWN.render(piece))
            continue
        for part in _FOLD.split(_COMMENT.sub("", piece)):
            if part not in _FOLDS:
                out.append(_rendered(part, out))
                continue
            balance += {"<details>": 1, "<details open>": 1, "</details>": -1}.get(part, 0)
            if balance < 0:
                balance = 0
                continue
            out.append(part)
    return Html("".join(out) + "</details>" * balance)


def _rendered(part: str, before: list[str]) -> str:
    inside = bool(before) and before[-1] == "<summary>"
    if inside:
        return str(_MARKDOWN.renderInline(part.strip()))
    return _SMALL.sub(r"<p><sub>\1</sub></p>", _MARKDOWN.render(part))


def _apart(source: str) -> Iterable[tuple[str, bool]]:
    """Yield fenced code and what stands between; nothing in code is a fold or a comment."""
    at = 0
    for fence in _FENCE.finditer(source):
        yield source[at : fence.start()], False
        yield fence.group(), True
        at = fence.end()
    yield source[at:], False


def diff(patch: str | None) -> Html:
    """Return a patch with its lines coloured."""
    if patch is None:
        return Html('<p class="soft">Not shown: binary, or only its name or mode changed.</p>')
    kinds = {"+": "add", "-": "cut", "@": "hunk"}
    lines = (
        fill('<span class="{kind}">{line}</span>', kind=kinds.get(line[:1], ""), line=line or " ")
        for line in patch.split("\n")
    )
    return fill('<pre class="diff">{lines}</pre>', lines=joined(lines))
