"""The ledger: one SQLite file to which replies, events and costs are only ever added. It is the truth of every run."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import LedgerError
from adjoint.base.json import canonical
from adjoint.base.process import me
from adjoint.base.secrets import redact
from adjoint.ledger import accounts, archive, files, leases, schema
from adjoint.ledger.events import Event
from adjoint.ledger.rows import BROKEN, key_of, mark, pack, unpack
from adjoint.ledger.writer import Writer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Mapping

    from adjoint.base.json import Json
    from adjoint.ledger.accounts import About, Amount, Caps, Refusal, Spent
    from adjoint.ledger.events import Kind
    from adjoint.ledger.leases import Lease

_INSERT_EVENT = "INSERT INTO events (run, at, kind, body, mark) VALUES (?, ?, ?, ?, ?)"
_BUSY = 30_000
"""Milliseconds to wait for another process that is writing."""
_PAUSE = 0.01
"""Seconds between two tries to open a file that others are making."""


class Ledger:
    """Opened on first use; one writer a process, many processes.

    Write-ahead log with `synchronous=FULL`: what `append` or `keep_reply` has returned from survives a crash of the
    machine. Where nothing may be written it can still be read. Errors of the file system or of SQLite become `LedgerError`
    with the path.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._reader: sqlite3.Connection | None = None
        self._inherited: list[sqlite3.Connection] = []
        self._pid = 0
        self._writer = Writer(f"ledger {self.path}", self._open)

    def __repr__(self) -> str:
        return f"Ledger({str(self.path)!r})"

    @property
    def _connection(self) -> sqlite3.Connection | None:
        """The writer's connection, for those who look over its shoulder."""
        return self._writer.connection

    # Replies -----------------------------------------------------------------------------------------------------

    def reply(self, key: str) -> Any:
        """The newest reply kept under `key` as JSON, or None. A damaged row raises instead of being used or bought again."""
        found = self._row(key)
        return None if found is None else self._json(found[0], f"the reply {key[:12]}")

    def request(self, key: str) -> Any:
        """What was asked, as JSON; None if there is no such reply or its request was not kept apart."""
        found = self._row(key)
        if found is None or found[1] is None:
            return None
        try:
            return json.loads(unpack(found[1]))
        except ValueError as error:
            raise self._damaged(f"the request of {key[:12]}", error) from error

    def _row(self, key: str) -> tuple[str, bytes | None] | None:
        stored = key_of(key)
        with self._reading() as database:
            row = database.execute(
                "SELECT body, request, mark FROM replies WHERE key = ? ORDER BY id DESC LIMIT 1", (stored,)
            ).fetchone()
        if row is None:
            return None
        if mark(stored, row[0], row[1]) != row[2]:
            raise self._damaged(f"the reply {key[:12]}", "its checksum differs")
        return row[0], row[1]

    async def keep_reply(
        self, key: str, body: Mapping[str, Json], request: Mapping[str, Json] | None = None, *, anew: bool = False
    ) -> None:
        """Commit a reply. Replies that arrive in the same turn of the loop share one commit; the first of a key stays.

        `anew` puts a further reply before those that are there. The lease of the key ends with the commit.
        """
        # Made here, so that a body without a JSON form fails alone and not with those it shares a commit with.
        text, asked = self._text(body), None if request is None else self._text(request)
        stored, owner = key_of(key), me()

        def act(connection: sqlite3.Connection) -> None:
            leases.release(connection, stored, owner)
            if not anew and connection.execute("SELECT 1 FROM replies WHERE key = ?", (stored,)).fetchone():
                return
            packed = None if asked is None else pack(asked)
            row = (stored, text, packed, mark(stored, text, packed))
            connection.execute("INSERT INTO replies (key, body, request, mark) VALUES (?, ?, ?, ?)", row)

        await self._writer.do(act)

    # Leases: see `leases` ----------------------------------------------------------------------------------------

    async def claim(self, key: str) -> str:
        """Take the right to ask: `leases.MINE`, `leases.KEPT`, or the name of the process that asks already."""
        files.require_room(self.path)
        stored, owner = key_of(key), me()
        return await self._writer.do(lambda connection: leases.claim(connection, stored, owner), durable=False)

    async def take(self, key: str, holder: str) -> None:
        """End the lease of an owner that is taken for dead."""
        stored = key_of(key)
        await self._writer.do(lambda connection: leases.release(connection, stored, holder), durable=False)

    def release(self, key: str) -> None:
        stored, owner = key_of(key), me()
        self._writer.post(lambda connection: leases.release(connection, stored, owner))

    def beat(self) -> None:
        owner = me()
        self._writer.post(lambda connection: leases.beat(connection, owner))

    def lease(self, key: str) -> Lease:
        with self._reading() as database:
            return leases.look(database, key_of(key))

    # Accounts: see `accounts` ------------------------------------------------------------------------------------

    async def hold(self, about: About, bound: Amount, caps: Caps) -> int | Refusal:
        """Reserve for a call of a run, under caps that hold for all its processes. On the disk before the call is made."""
        files.require_room(self.path)
        owner, capped = me(), any(cap is not None for cap in caps)
        return await self._writer.do(lambda connection: accounts.hold(connection, about, owner, bound, caps), durable=capped)

    def settle(self, number: int, actual: Amount, kind: str) -> None:
        """Put what a call cost in the place of its reservation, with the next commit."""
        self._writer.post(lambda connection: accounts.settle(connection, number, actual, kind))

    def spend(self, run: str | None = None) -> list[Spent]:
        """What runs have cost, by role, model and step. Calls of processes that died are charged first, in full."""
        if not archive.is_archive(self.path):
            self._writer.run(lambda connection: accounts.settle_dead(connection, run))
        with self._reading() as database:
            return accounts.spend_of(database, run)

    # Events ------------------------------------------------------------------------------------------------------

    def append(self, run: str, kind: Kind, body: Mapping[str, Json]) -> None:
        """Commit one event."""
        self.extend(run, kind, [body])

    def extend(self, run: str, kind: Kind, bodies: list[Mapping[str, Json]]) -> None:
        """Commit several events of one kind together."""
        rows = self._rows_of(run, kind, bodies)
        self._writer.run(lambda database: database.executemany(_INSERT_EVENT, rows))

    def append_soon(self, run: str, kind: Kind, body: Mapping[str, Json]) -> asyncio.Future[Any]:
        """Commit one event together with all that come while an earlier commit is written; awaited, it is on the disk."""
        rows = self._rows_of(run, kind, [body])
        return self._writer.soon(lambda database: database.executemany(_INSERT_EVENT, rows))

    def _rows_of(self, run: str, kind: Kind, bodies: list[Mapping[str, Json]]) -> list[tuple[Any, ...]]:
        now = time.time()
        cells = [(run, now, kind, self._text(body)) for body in bodies]
        return [(*cell, mark(*cell)) for cell in cells]

    def events(self, run: str | None = None, kind: Kind | None = None) -> Iterator[Event]:
        """Events in the order in which they were committed, of one run or all, of one kind or all."""
        query = "SELECT seq, run, at, kind, body, mark FROM events WHERE (?1 IS NULL OR run = ?1) AND (?2 IS NULL OR kind = ?2) ORDER BY seq"
        with self._reading() as database:
            rows = database.execute(query, (run, kind)).fetchall()
        for seq, name, at, what, body, known in rows:
            if mark(name, at, what, body) != known:
                raise self._damaged(f"event {seq}", "its checksum differs")
            yield Event(seq, name, at, what, self._json(body, f"event {seq}"))

    def close(self) -> None:
        """Commit what waits and close the file. The ledger can be used again."""
        self._writer.close()
        atexit.unregister(self.close)
        with self._lock:
            if self._reader is not None and self._pid == os.getpid():
                self._reader.close()
            self._reader = None

    # The file ----------------------------------------------------------------------------------------------------

    def _text(self, body: Mapping[str, Json]) -> str:
        try:
            return redact(canonical(body).decode())
        except (TypeError, ValueError, RecursionError) as error:
            message = f"the ledger {self.path} keeps JSON only: {error}."
            raise LedgerError(message) from error

    def _json(self, text: str, what: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._damaged(what, error) from error

    def _damaged(self, what: str, why: object) -> LedgerError:
        return LedgerError(f"{what} in {self.path} is damaged ({why}); `adjoint doctor --repair` saves what is intact.")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._reader is None or self._pid != os.getpid():
                    self._reader = self._open_reader()
                yield self._reader
            except (*BROKEN, OSError) as error:
                message = f"the ledger {self.path} cannot be used ({error}); name another with ADJOINT_LEDGER or --ledger."
                raise LedgerError(message) from error

    def _open_reader(self) -> sqlite3.Connection:
        """A second connection, which never waits for the writer. The writer opens the file first, with all its checks."""
        if self._reader is not None:
            self._inherited.append(self._reader)  # forked: closing the parent's connection here could break its locks
        if archive.is_archive(self.path):
            self._pid = os.getpid()
            return archive.open_archive(self.path)
        self._writer.run(lambda _: None)
        atexit.unregister(self.close)
        atexit.register(self.close)
        self._pid = os.getpid()
        return sqlite3.connect(self.path, check_same_thread=False, timeout=_BUSY / 1000, isolation_level=None)

    def _open(self) -> sqlite3.Connection:
        """Open the file, and wait while others make it: where SQLite sees that two would wait for each other, it does not wait."""
        files.prepare(self.path)
        end = time.monotonic() + _BUSY / 1000
        while True:
            try:
                return self._connect()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
            time.sleep(_PAUSE)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, check_same_thread=False, timeout=_BUSY / 1000, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            self._check(connection)
        except (*BROKEN, LedgerError):
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        """Make the tables of a new file, bring an old one up to date, and refuse a newer one."""
        if schema.version_of(connection) == str(schema.VERSION):
            return
        connection.execute("BEGIN IMMEDIATE")
        found = schema.version_of(connection)
        if found is None:
            schema.create(connection)
        elif found == "1":
            schema.migrate(connection)
        elif found != str(schema.VERSION):
            message = (
                f"the ledger {self.path} has version {found}, this package writes {schema.VERSION}; "
                "upgrade adjoint, or name another ledger with ADJOINT_LEDGER."
            )
            raise LedgerError(message)
        connection.execute("COMMIT")
