"""The ledger: one SQLite file to which replies and events are only ever added. It is the truth of every run."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import LedgerError
from adjoint.base.json import canonical
from adjoint.ledger.events import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from adjoint.base.json import Json
    from adjoint.ledger.events import Kind

VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, body TEXT NOT NULL, mark TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY, run TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_run ON events (run, seq);
"""
_BUSY = 30_000
"""Milliseconds to wait for another process that is writing."""
_MARK = 16


class Ledger:
    """Opened on first use; one writer a process, many processes.

    Write-ahead log with `synchronous=FULL`: what `put` or `append` has returned from survives a crash of the machine.
    Errors of the file system or of SQLite become `LedgerError` with the path.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._waiting: list[tuple[str, str, asyncio.Future[None]]] = []

    def __repr__(self) -> str:
        return f"Ledger({str(self.path)!r})"

    # Replies -----------------------------------------------------------------------------------------------------

    def reply(self, key: str) -> Any:
        """The reply kept under `key` as JSON, or None. A damaged row raises instead of being used or bought again."""
        with self._database() as database:
            row = database.execute("SELECT body, mark FROM replies WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        if _mark(str(row[0])) != row[1]:
            message = f"the reply {key[:12]} in {self.path} is damaged; move the file away to start a new ledger."
            raise LedgerError(message)
        return json.loads(row[0])

    async def keep_reply(self, key: str, body: Mapping[str, Json]) -> None:
        """Commit a reply. Replies that arrive in the same turn of the loop share one commit; the first of a key stays."""
        text = self._text(body)  # here, so that a body without a JSON form fails alone and not with those it shares a commit with
        loop = asyncio.get_running_loop()
        safe: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._commit_waiting)
        self._waiting.append((key, text, safe))
        await safe

    def _commit_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        rows = [(key, text, _mark(text)) for key, text, _ in waiting]
        error: LedgerError | None = None
        try:
            with self._database() as database, database:
                database.executemany("INSERT OR IGNORE INTO replies VALUES (?, ?, ?)", rows)
        except LedgerError as caught:
            error = caught
        for _, _, safe in waiting:
            if safe.done():
                continue
            if error is None:
                safe.set_result(None)
            else:
                safe.set_exception(error)

    # Events ------------------------------------------------------------------------------------------------------

    def append(self, run: str, kind: Kind, body: Mapping[str, Json]) -> None:
        """Commit one event."""
        self.extend(run, kind, [body])

    def extend(self, run: str, kind: Kind, bodies: list[Mapping[str, Json]]) -> None:
        """Commit several events of one kind together."""
        now = time.time()
        rows = [(run, now, kind, self._text(body)) for body in bodies]
        with self._database() as database, database:
            database.executemany("INSERT INTO events (run, at, kind, body) VALUES (?, ?, ?, ?)", rows)

    def events(self, run: str | None = None, kind: Kind | None = None) -> Iterator[Event]:
        """Events in the order in which they were committed, of one run or all, of one kind or all."""
        query = "SELECT seq, run, at, kind, body FROM events WHERE (?1 IS NULL OR run = ?1) AND (?2 IS NULL OR kind = ?2) ORDER BY seq"
        with self._database() as database:
            rows = database.execute(query, (run, kind)).fetchall()
        for seq, name, at, what, body in rows:
            yield Event(seq, name, at, what, self._read(seq, body))

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _text(self, body: Mapping[str, Json]) -> str:
        try:
            return canonical(body).decode()
        except (TypeError, ValueError) as error:
            message = f"the ledger {self.path} keeps JSON only: {error}."
            raise LedgerError(message) from error

    def _read(self, seq: int, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            message = f"event {seq} in {self.path} is damaged ({error}); move the file away to start a new ledger."
            raise LedgerError(message) from error

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                yield self._connection
            except (sqlite3.Error, OSError) as error:
                message = f"the ledger {self.path} cannot be used ({error}); name another with ADJOINT_LEDGER or --ledger."
                raise LedgerError(message) from error

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(mode=0o600, exist_ok=True)
        connection = sqlite3.connect(self.path, check_same_thread=False, timeout=_BUSY / 1000)
        try:
            self._prepare(connection)
        except (sqlite3.Error, LedgerError):
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Set the connection up, make the tables of a new file, and check the version of an old one."""
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        with connection:
            connection.executescript(_SCHEMA)
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", (str(VERSION),))
        found = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()[0]
        if found != str(VERSION):
            message = f"the ledger {self.path} has version {found}, this package writes {VERSION}; upgrade, or name another ledger."
            raise LedgerError(message)


def _mark(text: str) -> str:
    """The checksum that stands beside a reply."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]
