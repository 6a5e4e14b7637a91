"""Keep the records: in memory to read, in one SQLite file to survive a kill.

All of it belongs to one thread. What a transaction put is written before it ends; one that
raises leaves memory and file as they were.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bot.sandbox import records, records_gitlab
from bot.sandbox.records import Delivery, Record, plain

R = TypeVar("R", bound=Record)
_KINDS: dict[str, type[Record]] = {
    kind.__name__: kind
    for kind in (*vars(records).values(), *vars(records_gitlab).values())
    if isinstance(kind, type) and issubclass(kind, Record) and kind not in {Record, Delivery}
}
_DELIVERIES_KEPT = 2000
_SCHEMA = """
create table if not exists record(id integer primary key, kind text not null, body text not null);
create table if not exists delivery(
    id integer primary key, hook integer not null, state text not null, body text not null);
create index if not exists delivery_hook on delivery(hook, id);
create index if not exists delivery_state on delivery(state);
"""


def stamp(seconds: float) -> str:
    """Write seconds since 1970 as a forge does: ISO 8601, UTC, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """Records by kind, repository and id; not safe to share between threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.has_news = False
        """Whether a delivery was queued since somebody last looked and reset this."""
        self._tables: dict[type[Record], dict[int, dict[int, Record]]] = {}
        self._undo: list[tuple[type[Record], int, int, Record | None]] = []
        self._depth = 0
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # WAL with NORMAL keeps every committed transaction over a kill of the process.
        self._database.execute("pragma journal_mode=wal")
        self._database.execute("pragma synchronous=normal")
        self._database.executescript(_SCHEMA)
        for kind, body in self._database.execute("select kind, body from record"):
            self._keep(_KINDS[kind](**plain(json.loads(body))))
        newest = self._database.execute(
            "select max(coalesce((select max(id) from record), 0),"
            " coalesce((select max(id) from delivery), 0), 1000)"
        ).fetchone()
        self._last_id: int = newest[0]

    def close(self) -> None:
        """Close the file; nothing is pending outside a transaction."""
        self._database.close()

    def now(self) -> str:
        """Return the time as records hold it."""
        return stamp(self.clock())

    def new_id(self) -> int:
        """Return an id that no record of any kind has had."""
        self._last_id += 1
        return self._last_id

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything or nothing; nested ones join the outer."""
        if self._depth:
            yield
            return
        self._depth, self._undo = 1, []
        self._database.execute("begin")
        try:
            yield
        except BaseException:
            self._database.execute("rollback")
            for kind, repo_id, key, old in reversed(self._undo):
                table = self._tables[kind][repo_id]
                if old is None:
                    table.pop(key, None)
                else:
                    table[key] = old
            raise
        else:
            self._database.execute("commit")
        finally:
            self._depth = 0

    def commit(self) -> None:
        """Make what was put so far safe before something outside the file is changed."""
        self._database.execute("commit")
        self._database.execute("begin")
        self._undo = []

    def put(self, record: R) -> R:
        """Keep a record, in place of the one of its id; only inside a transaction."""
        old = self._tables.get(type(record), {}).get(record.repo_id, {}).get(record.id)
        self._undo.append((type(record), record.repo_id, record.id, old))
        self._keep(record)
        self._database.execute(
            "insert or replace into record values(?, ?, ?)",
            (record.id, type(record).__name__, json.dumps(asdict(record))),
        )
        return record

    def drop(self, record: Record) -> None:
        """Forget a record."""
        self._undo.append((type(record), record.repo_id, record.id, record))
        self._tables[type(record)][record.repo_id].pop(record.id, None)
        self._database.execute("delete from record where id = ?", (record.id,))

    def get(self, kind: type[R], key: int, repo_id: int = 0) -> R | None:
        """Return one record by its id, or None."""
        found = self._tables.get(kind, {}).get(repo_id, {}).get(key)
        return found if isinstance(found, kind) else None

    def all(self, kind: type[R], repo_id: int = 0) -> list[R]:
        """Return the records of a kind in a repository, oldest first."""
        table = self._tables.get(kind, {}).get(repo_id, {})
        return [record for _, record in sorted(table.items()) if isinstance(record, kind)]

    def every(self, kind: type[R]) -> list[R]:
        """Return the records of a kind in all repositories."""
        return [
            record for repo_id in self._tables.get(kind, {}) for record in self.all(kind, repo_id)
        ]

    def _keep(self, record: Record) -> None:
        table = self._tables.setdefault(type(record), {})
        table.setdefault(record.repo_id, {})[record.id] = record

    def put_delivery(self, delivery: Delivery) -> Delivery:
        """Log a delivery; only the newest of each hook are kept."""
        self.has_news = self.has_news or delivery.state == "queued"
        self._database.execute(
            "insert or replace into delivery values(?, ?, ?, ?)",
            (delivery.id, delivery.hook_id, delivery.state, json.dumps(asdict(delivery))),
        )
        self._database.execute(
            "delete from delivery where hook = ? and state = 'done' and id <= "
            "(select id from delivery where hook = ? order by id desc limit 1 offset ?)",
            (delivery.hook_id, delivery.hook_id, _DELIVERIES_KEPT),
        )
        return delivery

    def delivery(self, key: int) -> Delivery | None:
        """Return one delivery by its id, or None."""
        found = self._deliveries("id = ?", key)
        return found[0] if found else None

    def deliveries(self, hook_id: int) -> list[Delivery]:
        """Return the deliveries of a hook, newest first."""
        return self._deliveries("hook = ? order by id desc", hook_id)

    def queued(self) -> list[Delivery]:
        """Return the deliveries that nobody has been sent yet, oldest first."""
        return self._deliveries("state = ? order by id", "queued")

    def _deliveries(self, where: str, value: Any) -> list[Delivery]:
        # `where` is one of the three constants above.
        rows = self._database.execute(f"select body from delivery where {where}", (value,))  # noqa: S608
        return [Delivery(**plain(json.loads(body))) for (body,) in rows]
