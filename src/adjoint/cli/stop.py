"""Signals: the first one stops in order and keeps what has arrived, the second one ends the process at once."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn

from adjoint.base.errors import Interrupted
from adjoint.base.portal import portal

if TYPE_CHECKING:
    from types import FrameType

SAID = "interrupted; the same command continues"
_DRAIN = 0.05
"""Seconds that replies which have just arrived get to reach the ledger."""


def listen() -> None:
    """Take SIGINT and SIGTERM: the first is raised as KeyboardInterrupt, which cancels what is in flight."""
    seen: list[int] = []

    def take(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) > 1:
            os._exit(Interrupted.exit_code)
        warnings.filterwarnings("ignore", message="coroutine .* was never awaited")  # what has not begun is no news now
        if _importing(frame):
            sys.stderr.write(f"adjoint: {SAID}\n")
            leave(Interrupted.exit_code)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, take)
    signal.signal(signal.SIGTERM, take)


def _importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: an exception raised there may come out as another one, such as a SyntaxError."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def leave(code: int) -> NoReturn:
    """End the process without waiting for threads that may be waiting for a model or run the user's code.

    A signal that comes now changes nothing: what is done is done, and Python would take its handlers away while it ends.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(code))
    if code:
        drain = asyncio.run_coroutine_threadsafe(asyncio.sleep(_DRAIN), portal.loop)
        with contextlib.suppress(TimeoutError):
            drain.result(5 * _DRAIN)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    if not code:
        atexit._run_exitfuncs()
    os._exit(code)
