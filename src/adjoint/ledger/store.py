"""The ledger: one SQLite file to which replies, events and costs are only ever added. It is the truth of every run."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import LedgerError
from adjoint.base.json import compact
from adjoint.base.process import me
from adjoint.base.secrets import redact
from adjoint.ledger import accounts, archive, files, leases
from adjoint.ledger.events import Event
from adjoint.ledger.opening import connect, open_to_write
from adjoint.ledger.rows import BROKEN, key_of, mark, pack, unpack
from adjoint.ledger.writer import Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping

    from adjoint.base.json import Json
    from adjoint.base.lasting import Lasting
    from adjoint.base.refusal import Refusal
    from adjoint.ledger.accounts import About, Amount, Caps, Spent
    from adjoint.ledger.events import Kind
    from adjoint.ledger.leases import Lease

_INSERT_REPLY = (
    "INSERT INTO replies (key, body, request, mark) SELECT ?1, ?2, ?3, ?4 "
    "WHERE ?5 OR NOT EXISTS (SELECT 1 FROM replies WHERE key = ?1)"
)
_EVENTS = "SELECT seq, run, at, kind, body, mark FROM events WHERE ?1 IS NULL AND (?2 IS NULL OR kind = ?2) ORDER BY seq"
_EVENTS_OF_RUN = "SELECT seq, run, at, kind, body, mark FROM events WHERE run = ?1 AND (?2 IS NULL OR kind = ?2) ORDER BY seq"
_INSERT_EVENT = "INSERT INTO events (run, at, kind, body, mark) VALUES (?, ?, ?, ?, ?)"


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
        self._writer = Writer(f"ledger {self.path}", lambda: open_to_write(self.path))

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
        await self.keep_soon(key, body, None if request is None else self._text(request), anew=anew)

    def keep_soon(self, key: str, body: Mapping[str, Json], asked: str | None = None, *, anew: bool = False) -> Lasting[None]:
        """`keep_reply` of a request that is canonical JSON already; awaited, it is on the disk, and if nobody awaits it too."""
        text, stored, owner = self._text(body), key_of(key), me()
        asked = None if asked is None else redact(asked)

        def act(connection: sqlite3.Connection) -> None:
            leases.release(connection, stored, owner)
            packed = None if asked is None else pack(asked)
            connection.execute(_INSERT_REPLY, (stored, text, packed, mark(stored, text, packed), anew))

        return self._writer.soon(act)

    # Leases: see `leases` ----------------------------------------------------------------------------------------

    def claim(self, key: str) -> Lasting[str]:
        """Take the right to ask: `leases.MINE`, `leases.KEPT`, or the name of the process that asks already."""
        stored, owner = key_of(key), me()

        def act(connection: sqlite3.Connection) -> str:
            self._writer.once(self._require_room)
            return leases.claim(connection, stored, owner)

        return self._writer.soon(act, durable=False)

    def take(self, key: str, holder: str) -> Lasting[None]:
        """End the lease of an owner that is taken for dead."""
        stored = key_of(key)
        return self._writer.soon(lambda connection: leases.release(connection, stored, holder), durable=False)

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

    def hold(self, about: About, bound: Amount, caps: Caps) -> Lasting[int | Refusal]:
        """Reserve for a call of a run, under caps that hold for all its processes. On the disk before the call is made."""
        owner, capped = me(), any(cap is not None for cap in caps)

        def act(connection: sqlite3.Connection) -> int | Refusal:
            self._writer.once(self._require_room)
            return accounts.hold(connection, about, owner, bound, caps)

        return self._writer.soon(act, durable=capped)

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
        self._writer.run(self._insert(run, kind, bodies))

    def append_soon(self, run: str, kind: Kind, body: Mapping[str, Json]) -> Lasting[None]:
        """Commit one event together with all that come while an earlier commit is written; awaited, it is on the disk."""
        return self._writer.soon(self._insert(run, kind, [body]))

    def _insert(self, run: str, kind: Kind, bodies: list[Mapping[str, Json]]) -> Callable[[sqlite3.Connection], None]:
        now, texts = time.time(), [self._text(body) for body in bodies]

        def act(connection: sqlite3.Connection) -> None:
            for text in texts:
                cells = (run, now, kind, text)
                connection.execute(_INSERT_EVENT, (*cells, mark(*cells)))

        return act

    def events(self, run: str | None = None, kind: Kind | None = None) -> Iterator[Event]:
        """Events in the order in which they were committed, of one run or all, of one kind or all."""
        with self._reading() as database:
            rows = database.execute(_EVENTS if run is None else _EVENTS_OF_RUN, (run, kind)).fetchall()
        numbers = [row[0] for row in rows]
        if any(
            later <= earlier for earlier, later in pairwise(numbers)
        ):  # in the order of the tree, so one of them is not its own
            raise self._damaged("the order of the events", "their numbers do not rise")
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

    def _require_room(self) -> None:
        files.require_room(self.path)

    def _text(self, body: Mapping[str, Json]) -> str:
        """The body as JSON, made before it is written: one without such a form fails alone, not with those it shares a commit with."""
        try:
            return redact(compact(body))
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
        return connect(self.path)
