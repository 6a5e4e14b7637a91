"""Changes of whole files as changes of the keys in them, for whoever asks about keys."""

from collections.abc import Sequence
from dataclasses import replace

from bot.engine.nodes import Unreadable
from bot.engine.objects import Objects
from bot.engine.values import format_of, read_values
from bot.model import ABSENT, Change, Value


def unfolded(objects: Objects, changes: Sequence[Change]) -> list[Change]:
    """Return the changes, and besides those of whole files each key in them that changes.

    A file that does not parse is one change of the document itself, the empty key. Raises
    `MissingObject`.
    """
    whole = [c for c in changes if c.key is None and format_of(c.path) is not None]
    wanted = list(dict.fromkeys(o for c in whole for v in (c.source, c.target) if (o := _blob(v))))
    if wanted:
        objects.prefetch(wanted)
    texts = dict(zip(wanted, objects.read(wanted), strict=True)) if wanted else {}
    opened = {id(change): _keys(change, texts) for change in whole}
    return [one for change in changes for one in opened.get(id(change), [change])]


def _blob(value: Value) -> str | None:
    if value.exists and isinstance(value.data, dict) and value.data["mode"].startswith("100"):
        return str(value.data["blob"])
    return None


def _keys(change: Change, texts: dict[str, bytes]) -> list[Change]:
    try:
        new, old = (_values(change.path, v, texts) for v in (change.source, change.target))
    except Unreadable:
        return [replace(change, key="")]
    keys = sorted(key for key in {**new, **old} if new.get(key, ABSENT) != old.get(key, ABSENT))
    return [
        change,
        *(
            replace(change, key=key, source=new.get(key, ABSENT), target=old.get(key, ABSENT))
            for key in keys
        ),
    ]


def _values(path: str, value: Value, texts: dict[str, bytes]) -> dict[str, Value]:
    oid = _blob(value)
    if oid is None:
        return {}
    return read_values(path, texts[oid])
