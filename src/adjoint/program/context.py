"""The context a program runs in, and the one gate through which every call to a language model goes.

The gate builds `Cache(Retry(Limit(Spend(Timeout(client)))))`, and this is the one place that says why:

- Cache is outermost: a hit costs nothing and waits for nothing. Single flight stands here, for all processes on a ledger.
- Batch, for embeddings only, stands right below: each text is kept by itself, and those that are not go in one call.
- Retry stands above Limit and Spend: each attempt is paid for by itself, and a request that waits for its next attempt
  holds neither a slot nor money.
- Limit stands above Spend: what waits for a slot has reserved nothing, so a process that is killed leaves no more charged
  than was on the wire, and a reservation is on the disk just before its call is sent.
- Spend sees each attempt with its outcome, so that what was refused costs nothing and what was cut off costs its bound.
- Timeout is innermost: time in a queue is nobody's fault, so only time on the wire counts.

Under a cap on tokens or dollars the gate puts the bound of the reply into the request before the cache sees it: what is
sent is what is kept, and no run without that cap takes a reply that it has shortened.
"""

from __future__ import annotations

import contextlib
import functools
import os
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from adjoint.adapters.default import suited
from adjoint.adapters.own import ported
from adjoint.base.errors import NoLMError, UnknownNameError, UsageError
from adjoint.base.json import digest
from adjoint.base.portal import portal
from adjoint.ledger.store import Ledger
from adjoint.lm.base import BaseLM, identity_of
from adjoint.lm.batch import Batch
from adjoint.lm.cache import Cache, Replies
from adjoint.lm.endpoint import Endpoint
from adjoint.lm.limit import Slots
from adjoint.lm.retry import Retry, RetryPolicy
from adjoint.lm.spend import Spend, bounded
from adjoint.lm.timeout import Timeout
from adjoint.program import observe
from adjoint.program.events import span
from adjoint.program.kept_forms import kept_forms
from adjoint.program.replies import LedgerBook, LedgerReplies
from adjoint.program.stream import heard, tapped
from adjoint.program.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from adjoint.adapters.base import Adapter
    from adjoint.lm.budget import Account
    from adjoint.lm.types import CacheMode, Request, Response, Usage

_GATES = 64
"""Gates that are kept: one for each LM, account and way of asking in use."""
CONCURRENCY = 64
"""Rows of an evaluation at once, unless told otherwise; requests in flight are limited by their endpoint."""


@dataclass(frozen=True, eq=False)
class Context:
    """Everything a call takes from its surroundings. Never changed: `context(...)` makes a new one for a block.

    `lm` answers; `adapter` renders and parses (None: the one that suits the LM); `ledger` keeps replies (None keeps none, so nothing is cached); `account` is the budget being
    spent; `cache` the mode of the cache; `role` says what the calls are for (task, critic, proposer, judge); `sample`
    numbers repeated draws; `retry` how to ask again; `tape` is the recording under way. `callbacks` hear of every call
    (`BaseCallback`); `rm` is what `Retrieve` asks; `max_backtracks` how often an assertion sends one call back. `meter`
    is a list to which every reply adds what it used, whoever asked for it and on whichever tape.
    """

    lm: BaseLM | None = None
    adapter: Adapter | None = None
    ledger: Ledger | Literal["default"] | None = "default"
    account: Account | None = None
    cache: CacheMode = "on"
    role: str = "task"
    sample: int = 0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    tape: Tape | None = None
    policy: Literal["fused", "chain", "trace", "local", "auto"] = "fused"
    """Who is asked for critiques in a backward pass."""
    callbacks: Sequence[Any] = ()
    rm: Any = None
    max_backtracks: int = 2
    meter: list[Usage] | None = None
    num_threads: int | None = None
    """Calls at once of `Parallel`, `Module.batch` and `Evaluate`; by default as many as are useful."""
    max_errors: int | None = None
    """Calls of `Parallel` and `Module.batch` that may fail before no more are made; by default any number."""
    disable_history: bool = False
    """Whether `inspect_history` and `lm.history` forget what is asked."""


IN_ANY_CASE = {
    "allow_tool_async_sync_conversion": True,  # tools of both colours are called in both
    "async_max_workers": None,  # tasks are not threads, and are limited by their endpoint
    "experimental": True,
    "max_history_size": observe.KEPT,
    "max_trace_size": None,  # a tape holds one run
    "provide_traceback": True,  # errors keep their cause
    "track_usage": True,  # always counted
    "warn_on_type_mismatch": True,  # a value that does not fit is refused
}
"""Settings of DSPy that need no setting here, with what holds: they may be given and read, and change nothing."""


class _Shared:
    """What all contexts of a process share. A forked child has its own: flights and slots are the parent's."""

    def __init__(self) -> None:
        self._begin_anew()
        if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
            os.register_at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        self.replies: dict[Ledger | None, Replies] = {}
        self.limits: dict[int, tuple[BaseLM, Slots]] = {}
        self.endpoints: dict[tuple[str, str], Endpoint] = {}
        self.gates: dict[tuple[Any, ...], Cache] = {}


_ledgers: dict[Path, Ledger] = {}
_shared = _Shared()


def open_ledger(path: str | Path) -> Ledger:
    """The one ledger object of this process for a file, so that its memory tier and its flights are shared."""
    resolved = Path(path).resolve()
    return _ledgers.setdefault(resolved, Ledger(resolved))


def active_ledger() -> Ledger | None:
    """The ledger in force: the context's, by default the one of this directory (`ADJOINT_LEDGER`, `.adjoint/ledger.db`)."""
    ledger = current().ledger
    if ledger != "default":
        return ledger
    return _at_home(os.environ.get("ADJOINT_LEDGER", ".adjoint/ledger.db"), os.getcwd())  # noqa: PTH109 - for every call


@functools.lru_cache(maxsize=16)
def _at_home(path: str, home: str) -> Ledger:
    """The ledger at a path that is relative to a directory; links are followed once."""
    return open_ledger(Path(home, path))


_base: Context = Context()
_current: ContextVar[Context | None] = ContextVar("adjoint_context", default=None)


def current() -> Context:
    """The context in force here."""
    return _current.get() or _base


def configure(**changes: Any) -> None:
    """Set defaults for the whole process: `configure(lm=LM("openai/..."), adapter=...)`. Seen by all threads and tasks."""
    global _base  # noqa: PLW0603 - the one process-wide default, replaced as a whole
    _base = _changed(_base, _checked(changes))


@contextlib.contextmanager
def context(**changes: Any) -> Iterator[Context]:
    """Other settings for a `with` block. Tasks and the threads that Adjoint starts inside see them.

    A thread that you start yourself sees what `configure` has set, and the block's settings and tape only if it is started
    with `contextvars.copy_context().run`.
    """
    made = _changed(current(), _checked(changes))
    token = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(token)


class within:  # noqa: N801 - it stands where `context` does
    """`context` for settings that are known to be right: what is run for each row has no time for questions."""

    __slots__ = ("changes", "token")

    def __init__(self, **changes: Any) -> None:
        self.changes = changes

    def __enter__(self) -> None:
        self.token = _current.set(_changed(current(), self.changes))

    def __exit__(self, *_: object) -> None:
        _current.reset(self.token)


def _changed(here: Context, changes: dict[str, Any]) -> Context:
    """`dataclasses.replace` for a class without `__post_init__`, in a fifth of the time: each row of an evaluation makes two."""
    made = object.__new__(Context)
    object.__setattr__(made, "__dict__", vars(here) | changes)
    return made


def _checked(changes: dict[str, Any]) -> dict[str, Any]:
    known = Context.__dataclass_fields__
    changes = {name: value for name, value in changes.items() if name not in IN_ANY_CASE}
    if "trace" in changes:  # what DSPy's programs collect their calls with
        changes["tape"] = None if changes.pop("trace") is None else Tape()
    for name in changes:
        if name not in known:
            raise UnknownNameError.of("setting", name, known)
    if changes.get("adapter") is not None:
        changes["adapter"] = ported(changes["adapter"])
    if isinstance(changes.get("lm"), str):
        changes["lm"] = named_lm(changes["lm"])
    if not isinstance(changes.get("lm"), BaseLM | None):
        message = (
            f"lm={changes['lm']!r:.80} is no language model; give its name, adjoint.LM(...) or an object with a `name` "
            "and an asynchronous `__call__(request)`."
        )
        raise UsageError(message)
    if isinstance(changes.get("ledger"), str | Path) and changes["ledger"] != "default":
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
    return named_lm(name)


def adapter_for(lm: object) -> Adapter:
    """The adapter in force for an LM: the context's, else the one that suits the LM, as it says itself or as was measured."""
    return suited(current().adapter, lm, kept_forms(getattr(lm, "name", "")))


@functools.cache
def named_lm(name: str) -> BaseLM:
    """The LM of this process for `"provider/model"`, with default options."""
    from adjoint.program.lm import LM

    return LM(name)


def policies(lm: BaseLM) -> BaseLM:
    """The LM with all policies of the current context around it. Calls are made on the portal's loop; no history is kept."""
    return _gate(lm, current())


async def send(request: Request, lm: BaseLM | None = None, *, who: object = None) -> Response:
    """Ask the LM for `who`, through all policies of the current context. May be awaited on any event loop."""
    asked, here = lm or active_lm(), current()
    if here.account:
        request = bounded(request, here.account.budget, asked)
    with span((*here.callbacks, *getattr(asked, "callbacks", ())), "lm", asked, {"request": request}) as call:
        response = await portal.here(_gate(asked, here)(request))
        call.outputs = response
    if here.meter is not None:
        here.meter.append(response.usage)
    observe.answered(asked, request, response, who=who, remembered=not here.disable_history)
    return response


def _gate(lm: BaseLM, here: Context) -> Cache:
    """The policies around an LM, built once for all that they depend on; where somebody listens to replies, for each call."""
    ledger, shared = active_ledger(), _shared
    if heard.get() is not None:
        return _built(lm, here, ledger, shared)
    # A gate holds all of these objects, so that while it is kept no other object can have the id of one of them.
    wanted = (id(lm), identity_of(lm), id(ledger), id(here.account), id(here.retry), here.cache, here.role)
    found = shared.gates.get(wanted)
    if found is None:
        if len(shared.gates) >= _GATES:
            del shared.gates[next(iter(shared.gates))]
        found = shared.gates[wanted] = _built(lm, here, ledger, shared)
    return found


def _built(lm: BaseLM, here: Context, ledger: Ledger | None, shared: _Shared) -> Cache:
    client: BaseLM = Timeout(tapped(lm), here.retry.timeout)
    if here.account:
        book = LedgerBook(ledger, here.account.payer) if ledger and here.account.payer else None
        client = Spend(client, here.account, book=book, role=here.role)
    limited = _slots(lm, shared).around(client)
    replies = shared.replies.get(ledger)
    if replies is None:
        store = LedgerReplies(ledger) if ledger else None
        replies = shared.replies[ledger] = Replies(store, leases=store)
    mode: CacheMode = "off" if ledger is None or not getattr(lm, "cache", True) else here.cache
    again = getattr(lm, "num_retries", None)
    asked: BaseLM = Retry(limited, here.retry if again is None else replace(here.retry, attempts=again + 1))
    size = getattr(lm, "batch_size", None)
    if size is not None:
        asked = Batch(asked, size)
    return Cache(asked, replies, mode=mode, account=here.account, role=here.role)


def _slots(lm: BaseLM, shared: _Shared) -> Slots:
    """The slots of the LM, which all contexts share; those of its endpoint are shared by all LMs that ask it with one key."""
    found = shared.limits.get(id(lm))
    if found is None:
        who = (identity_of(lm) or f"{lm.name} {id(lm)}", _key_of(lm))
        endpoint = shared.endpoints.setdefault(who, Endpoint())
        found = shared.limits[id(lm)] = (lm, Slots(getattr(lm, "concurrency", None), endpoint))
    return found[1]


def _key_of(lm: BaseLM) -> str:
    """A digest of the key that the client sends: each key has limits of its own."""
    client = getattr(lm, "client", lm)
    key = getattr(getattr(client, "_endpoint", None), "key", None)
    return digest(key, length=16) if isinstance(key, str) else ""
