"""Stand between the libraries and a model's server: keep every reply, and log who made which call.

A client asks `http://127.0.0.1:PORT/TAG/v1/chat/completions`. The same request to the same model is answered from the store, with
the seconds that it took when it was first made; all others are forwarded, and kept before they are answered. A request with a
temperature above 0 that one TAG makes for the second time is another draw, and is kept as such.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import ClientError, ClientSession, ClientTimeout, web

if TYPE_CHECKING:
    from pathlib import Path

VOLATILE = ("user", "metadata", "stream_options", "rollout_id")
"""What does not change the reply of a model."""
KEPT = (200, 400, 422, 500)
"""Statuses that the same request would get again."""
_TABLES = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, body TEXT NOT NULL, status INTEGER NOT NULL, reply TEXT NOT NULL, seconds REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS results (
    model TEXT NOT NULL, side TEXT NOT NULL, task TEXT NOT NULL, row INTEGER NOT NULL, result TEXT NOT NULL,
    PRIMARY KEY (model, side, task, row)
);
"""


@dataclass(frozen=True)
class Call:
    """One request and its reply."""

    status: int
    tokens_in: int
    tokens_out: int
    cached: int
    seconds: float
    """What it took when it was first made."""
    finish: str
    messages: list[Any]
    asked: dict[str, Any]
    """What stood in the request beside the messages."""
    text: str
    """The reply; of an error, what the server said."""
    tool_calls: list[Any] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Store:
    """Replies and results in one SQLite file, for all threads of this process and for several processes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, timeout=60, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_TABLES)

    def reply(self, key: str) -> tuple[int, str, float] | None:
        """Get the status, body and seconds that are kept."""
        with self._lock:
            found: tuple[int, str, float] | None = self._db.execute(
                "SELECT status, reply, seconds FROM replies WHERE key = ?", (key,)
            ).fetchone()
        return found

    def keep(self, key: str, model: str, body: str, status: int, reply: str, seconds: float) -> None:
        with self._lock:
            self._db.execute(
                "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?, ?)", (key, model, body, status, reply, seconds)
            )

    def replace(self, model: str, side: str, task: str, results: dict[int, dict[str, Any]]) -> None:
        """Write the results of a task on one side in place of what was there."""
        with self._lock:
            self._db.execute("BEGIN")
            self._db.execute("DELETE FROM results WHERE model = ? AND side = ? AND task = ?", (model, side, task))
            rows = [(model, side, task, row, json.dumps(result)) for row, result in results.items()]
            self._db.executemany("INSERT INTO results VALUES (?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")

    def results(self) -> dict[str, dict[str, dict[str, dict[int, dict[str, Any]]]]]:
        """Get all results by model, side, task and row."""
        made: dict[str, Any] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
        with self._lock:
            found = self._db.execute("SELECT model, side, task, row, result FROM results ORDER BY rowid").fetchall()
        for model, side, task, row, result in found:
            made[model][side][task][row] = json.loads(result)
        return made

    def close(self) -> None:
        self._db.close()


class Proxy:
    """The server, in a thread with a loop of its own; a context manager."""

    def __init__(self, store: Store, model: str, url: str) -> None:
        self.store, self.model, self.url = store, model, url.rstrip("/")
        self.port = 0
        self._calls: dict[str, list[Call]] = defaultdict(list)
        self._draws: Counter[tuple[str, str]] = Counter()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forms-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def address(self, tag: str) -> str:
        """Get the base URL under which the calls of `tag` are made, and forget those that it has made before."""
        self._calls.pop(tag, None)
        for key in [key for key in self._draws if key[0] == tag]:
            del self._draws[key]
        return f"http://127.0.0.1:{self.port}/{tag}/v1"

    def calls(self, tag: str) -> list[Call]:
        """Get the calls of `tag`, in the order in which they ended."""
        return list(self._calls[tag])

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._stop())
        self._loop.close()

    async def _start(self) -> None:
        self._session = ClientSession(timeout=ClientTimeout(total=1200))
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/{tag}/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _answer(self, request: web.Request) -> web.Response:
        tag = request.match_info["tag"]
        body = {name: value for name, value in (await request.json()).items() if name not in VOLATILE}
        if body.pop("stream", False):
            return web.json_response({"error": {"message": "no streams here", "code": 400}}, status=400)
        canonical = json.dumps(body, sort_keys=True, ensure_ascii=False)
        draw = 0
        if body.get("temperature", 1.0):
            draw = self._draws[tag, canonical]
            self._draws[tag, canonical] += 1
        key = hashlib.sha256("\0".join((self.model, canonical, *([str(draw)] if draw else []))).encode()).hexdigest()
        found = self.store.reply(key)
        if found is None:
            status, reply, seconds = await self._forward(body)
            if status in KEPT:
                self.store.keep(key, self.model, canonical, status, reply, seconds)
        else:
            status, reply, seconds = found
        self._calls[tag].append(_call(body, status, reply, seconds))
        return web.Response(text=reply, status=status, content_type="application/json")

    async def _forward(self, body: dict[str, Any]) -> tuple[int, str, float]:
        start = time.perf_counter()
        try:
            async with self._session.post(f"{self.url}/chat/completions", json=body) as response:
                return response.status, await response.text(), time.perf_counter() - start
        except (ClientError, TimeoutError) as error:
            said = {"error": {"message": f"{type(error).__name__}: {error}", "type": "server_error", "code": 502}}
            return 502, json.dumps(said), time.perf_counter() - start


def _call(body: dict[str, Any], status: int, reply: str, seconds: float) -> Call:
    """Read what is worth telling out of a request and its reply."""
    asked = {name: value for name, value in body.items() if name not in ("messages", "model")}
    if status != 200:
        return Call(status, 0, 0, 0, seconds, "error", body["messages"], asked, reply[:1000])
    said = json.loads(reply)
    usage, choice = said.get("usage") or {}, said["choices"][0]
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    tokens = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0), cached
    message = choice["message"]
    tools = message.get("tool_calls") or []
    return Call(status, *tokens, seconds, choice.get("finish_reason", ""), body["messages"], asked, message.get("content") or "", tools)  # fmt: skip
