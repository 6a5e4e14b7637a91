"""Text that others wrote, made harmless in Markdown; values, made short and without secrets.

It is shown as code, or with whatever could notify, link or format taken out of it.
"""

import json
import re

from bot.model import Value

# A forge shows 65,536 characters of a body at most; past this, the rest is cut.
LONGEST_BODY = 60_000
_LONGEST_VALUE = 80

_SECRET_KEY = re.compile(
    r"(?i)(?:^|[^a-z])(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|private[_-]?key|"
    r"access[_-]?key|credential|auth)s?(?:$|[^a-z])"
)
# What the well-known kinds of keys and tokens begin with, wherever they stand.
_SECRET_VALUE = re.compile(
    r"gh[opsur]_\w{16}|github_pat_|glpat-|AKIA[0-9A-Z]{12}|xox[abprs]-|sk_live_|"
    r"-----BEGIN [A-Z ]*PRIVATE KEY|eyJ[\w-]{8,}\.eyJ|://[^/\s:@]+:[^/\s@]+@"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&$])")
# What a forge makes a link, a mention or a reference of by itself; a space of no width ends it.
_LIVE = re.compile(r"(?i)(?<=[@#!$&%~])(?=\w)|(?<=:)(?=//)|(?<=\bwww)(?=\.)|(?<=\bGH)(?=-\d)")
_SPAN = re.compile(r"`([^`]+)`")


def plain(text: str) -> str:
    """Return one line that no forge reads as Markdown, a mention, a link or a command."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    escaped = _SPECIAL.sub(r"\\\1", _LIVE.sub("\u200b", line))
    # At the start of a line these make a heading, a list, a rule or a command.
    return re.sub(r"^([-=/:]|\d+[.)])", "\u200b\\g<1>", escaped)


def sentence(text: str) -> str:
    """Return a sentence of ours for Markdown: what it quotes stays code, the rest is plain."""
    parts = _SPAN.split(text)
    return "".join(code(part) if odd % 2 else _within(part) for odd, part in enumerate(parts))


def _within(text: str) -> str:
    # `plain` joins white space, and what stands next to code needs its own.
    before = " " if text[:1].isspace() else ""
    after = " " if text.strip() and text[-1:].isspace() else ""
    return f"{before}{plain(text)}{after}"


def code(text: str) -> str:
    """Return `text` as code, whatever back-ticks and line breaks are in it."""
    line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    space = " " if line.startswith("`") or line.endswith("`") or not line.strip() else ""
    return f"{fence}{space}{line}{space}{fence}"


def cell(text: str) -> str:
    """Return `text` as code inside of a table, where no escape hides a bar from every forge."""
    if "|" not in text and "\\" not in text:
        return code(text)
    safe = (c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in text)
    return f"<code>{''.join(safe)}</code>"


def value(of: Value, key: str | None) -> str:
    """Return a value for a table: short, and hidden where it looks like a secret."""
    data = of.data
    if not of.exists:
        return "*absent*"
    if isinstance(data, dict) and data.keys() == {"blob", "mode"}:
        return cell(f"{data['blob'][:10]} ({data['mode']})")
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    if _is_secret(key or "", data) or _SECRET_VALUE.search(text):
        return "*hidden*"
    return cell(shortened(text))


def _is_secret(key: str, data: object) -> bool:
    if _SECRET_KEY.search(_HUMP.sub("_", key)):
        return True
    if isinstance(data, dict):
        return any(_is_secret(str(name), below) for name, below in data.items())
    return isinstance(data, list) and any(_is_secret("", below) for below in data)


def shortened(text: str) -> str:
    """Return the beginning of a text that is too long for a table or a title."""
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def folded(summary: str, content: str, *, open_: bool = False) -> str:
    """Return content that a reader opens by a click, or closes by one."""
    tag = "details open" if open_ else "details"
    return f"<{tag}><summary>{summary}</summary>\n\n{content}\n\n</details>"


def cut(text: str) -> str:
    """Return a body that the forge takes."""
    if len(text) <= LONGEST_BODY:
        return text
    return text[:LONGEST_BODY].rpartition("\n")[0] + "\n\n… the rest is too long to show here."
