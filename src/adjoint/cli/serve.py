"""`adjoint serve`: a model or a program behind HTTP, until a signal comes."""

from __future__ import annotations

import json
import os
import secrets
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjoint.base.errors import Interrupted
from adjoint.cli import text
from adjoint.cli.sources import read_lm, read_served
from adjoint.program.context import open_ledger
from adjoint.serve.policy import is_loopback
from adjoint.serve.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

TOKEN = "ADJOINT_SERVE_TOKEN"  # noqa: S105 - the name of a variable
_TICK = 0.05


@dataclass(frozen=True, kw_only=True)
class Where:
    """The options of the address."""

    host: str
    port: int
    token: str | None
    names: Sequence[str]


def serve(what: str, where: Where, *, code: str | None, model: str | None, ledger: str | None, as_json: bool) -> int:
    """Serve until a signal: 0 after SIGTERM, 130 after SIGINT."""
    program, lm = read_served(what, code)
    token = where.token or os.environ.get(TOKEN)
    made = token is None and not is_loopback(where.host)
    if made:
        token = secrets.token_urlsafe(24)
    server = Server(
        program, lm=lm or read_lm(model), host=where.host, port=where.port, token=token, names=where.names,
        ledger=None if ledger is None else open_ledger(ledger),
    )  # fmt: skip
    with _signals() as seen, server:
        if made:
            text.note(f"the token of this run is {token}")
        path = "/v1" if program is None else "/predict"
        words = f"{what} is served at {server.url}{path}; Ctrl-C ends it"
        text.say(json.dumps({"url": server.url, "pid": os.getpid(), "serves": what}) if as_json else words)
        while not seen:
            time.sleep(_TICK)
    return Interrupted.exit_code if seen[0] == signal.SIGINT else 0


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The signals that have come. The second one ends the process at once."""
    seen: list[int] = []

    def take(number: int, frame: FrameType | None) -> None:
        del frame
        seen.append(number)
        if len(seen) > 1:
            os._exit(Interrupted.exit_code)

    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = {number: signal.signal(number, take) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
