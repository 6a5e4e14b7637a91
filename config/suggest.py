"""Words that error sentences share: how a value is named, and what was probably meant."""

from collections.abc import Iterable

_LONGEST = 60
_MOST = 200


def closest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Return the one of `known` that `word` was probably meant to be.

    `likeness` is the least ratio of difflib's, between 0 and 1, that counts. Among very
    many nothing is searched: a file of nothing but mistakes must not take minutes.
    """
    # Here and not above: only a mistake needs it, and a command line starts often.
    from difflib import get_close_matches  # noqa: PLC0415 - lazy, see above

    names = sorted(known, reverse=True)
    if len(names) > _MOST:
        return None
    spellings = {name.casefold(): name for name in names}
    folded = word[:200].casefold()
    matches = get_close_matches(folded, spellings, n=1, cutoff=likeness)
    if not matches and len(folded) >= 3:
        # `prod` is far from `production` by letters, and yet what it means.
        matches = [name for name in spellings if name.startswith(folded)]
    return spellings[matches[0]] if len(matches) == 1 else None


def suggest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """Return "; did you mean `x`?" for the nearest of `known`, or nothing."""
    match = closest(word, known, likeness=likeness)
    return f"; did you mean `{match}`?" if match else ""


def named(value: object) -> str:
    """Return how a sentence names a value: scalars as code and cut short, others by kind."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    # A backtick would end the code that the value is shown as, where Markdown is read.
    text = text.replace("`", "'")
    return "`" + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text) + "`"
