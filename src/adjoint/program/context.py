"""The context a program runs in, and the one gate through which every call to a language model goes.

The gate builds `Cache(Retry(Spend(Limit(client))))`. Cache is outermost, so that a hit costs nothing and waits for
nothing. Retry stands above Spend and Limit: each attempt is paid for, and a request that waits for its next attempt
holds no slot. Limit is innermost: a slot is taken for the time on the wire only.
"""

from __future__ import annotations

import contextlib
import functools
import os
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from adjoint.adapters.chat import ChatAdapter
from adjoint.base.errors import NoLMError, UnknownNameError
from adjoint.base.portal import portal
from adjoint.ledger.store import Ledger
from adjoint.lm.budget import Spend
from adjoint.lm.cache import Cache, Replies
from adjoint.lm.limit import Limit
from adjoint.lm.retry import Retry, RetryPolicy
from adjoint.program.replies import LedgerReplies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjoint.adapters.base import Adapter
    from adjoint.lm.base import BaseLM
    from adjoint.lm.budget import Account
    from adjoint.lm.types import CacheMode, Request, Response
    from adjoint.program.tape import Tape

CONCURRENCY = 64
"""Requests in flight to one LM, and rows of an evaluation at once, unless told otherwise."""


@dataclass(frozen=True, eq=False)
class Context:
    """Everything a call takes from its surroundings. Never changed: `context(...)` makes a new one for a block.

    `lm` answers; `adapter` renders and parses; `ledger` keeps replies (None keeps none, so nothing is cached); `account` is the budget being
    spent; `cache` the mode of the cache; `role` says what the calls are for (task, critic, proposer, judge); `sample`
    numbers repeated draws; `retry` how to ask again; `tape` is the recording under way.
    """

    lm: BaseLM | None = None
    adapter: Adapter = field(default_factory=ChatAdapter)
    ledger: Ledger | Literal["default"] | None = "default"
    account: Account | None = None
    cache: CacheMode = "on"
    role: str = "task"
    sample: int = 0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    tape: Tape | None = None


_ledgers: dict[Path, Ledger] = {}
_replies: dict[Ledger | None, Replies] = {}
_limits: dict[int, tuple[BaseLM, Limit]] = {}


def open_ledger(path: str | Path) -> Ledger:
    """The one ledger object of this process for a file, so that its memory tier and its flights are shared."""
    resolved = Path(path).resolve()
    return _ledgers.setdefault(resolved, Ledger(resolved))


def active_ledger() -> Ledger | None:
    """The ledger in force: the context's, by default the one of this directory (`ADJOINT_LEDGER`, `.adjoint/ledger.db`)."""
    ledger = current().ledger
    return open_ledger(os.environ.get("ADJOINT_LEDGER", ".adjoint/ledger.db")) if ledger == "default" else ledger


_base: Context = Context()
_current: ContextVar[Context | None] = ContextVar("adjoint_context", default=None)


def current() -> Context:
    """The context in force here."""
    return _current.get() or _base


def configure(**changes: Any) -> None:
    """Set defaults for the whole process: `configure(lm=LM("openai/..."), adapter=...)`. Seen by all threads and tasks."""
    global _base  # noqa: PLW0603 - the one process-wide default, replaced as a whole
    _base = replace(_base, **_checked(changes))


@contextlib.contextmanager
def context(**changes: Any) -> Iterator[Context]:
    """Other settings for a `with` block. Tasks and the threads that Adjoint starts inside see them.

    A thread that you start yourself sees what `configure` has set, and the block's settings and tape only if it is started
    with `contextvars.copy_context().run`.
    """
    made = replace(current(), **_checked(changes))
    token = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(token)


def _checked(changes: dict[str, Any]) -> dict[str, Any]:
    known = [item.name for item in fields(Context)]
    for name in changes:
        if name not in known:
            raise UnknownNameError.of("setting", name, known)
    if isinstance(changes.get("lm"), str):
        changes["lm"] = _named_lm(changes["lm"])
    if isinstance(changes.get("ledger"), str | Path):
        changes["ledger"] = open_ledger(changes["ledger"])
    return changes


def active_lm() -> BaseLM:
    """The LM in force: the context's, else the one named by `ADJOINT_MODEL`."""
    found = current().lm
    if found is not None:
        return found
    name = os.environ.get("ADJOINT_MODEL")
    if not name:
        message = (
            "no language model is configured. Use adjoint.configure(lm=adjoint.LM('pocket')) for the embedded one, "
            "LM('openai/...') for a server, or set ADJOINT_MODEL."
        )
        raise NoLMError(message)
    return _named_lm(name)


@functools.cache
def _named_lm(name: str) -> BaseLM:
    from adjoint.program.lm import LM

    return LM(name)


async def send(request: Request, lm: BaseLM | None = None) -> Response:
    """Ask the LM, through all policies of the current context. May be awaited on any event loop."""
    return await portal.here(_gate(lm or active_lm(), current())(request))


def _gate(lm: BaseLM, here: Context) -> Cache:
    limited = _limited(lm)
    spending = Spend(limited, here.account) if here.account else limited
    ledger = active_ledger()
    replies = _replies.get(ledger)
    if replies is None:
        replies = _replies[ledger] = Replies(LedgerReplies(ledger) if ledger else None)
    mode: CacheMode = "off" if ledger is None else here.cache
    return Cache(Retry(spending, here.retry), replies, mode=mode, account=here.account, role=here.role)


def _limited(lm: BaseLM) -> Limit:
    """The LM behind its slots, which all contexts share."""
    found = _limits.get(id(lm))
    if found is None:
        found = _limits[id(lm)] = (lm, Limit(lm, getattr(lm, "concurrency", None) or CONCURRENCY))
    return found[1]
