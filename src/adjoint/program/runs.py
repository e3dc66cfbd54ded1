"""Runs: which calls a forward has made, so that it can be run again with all of them replayed but one, which is asked anew.

A run that goes back takes its calls off the tape. When forward is run again, a call that asks the same as before is the very
same node and costs nothing; the call that was objected to is shown its reply and the objection; what differs is asked anew.
"""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from adjoint.base.json import digest, plain
from adjoint.lm.types import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextvars import Token

    from adjoint.lm.types import Request
    from adjoint.program.module import Module
    from adjoint.program.tape import Edge, Node, Tape

_runs: ContextVar[tuple[Run, ...]] = ContextVar("adjoint_runs", default=())
advice: ContextVar[Mapping[int, Note]] = ContextVar("adjoint_advice", default=MappingProxyType({}))
"""What predictors, by their id, are told in addition for the time being: `Refine` puts the lessons of a try here."""


@dataclass(eq=False)
class Call:
    """What a call is recognised by when its forward runs again: who asks, and what. `note` is what it was told besides."""

    who: object
    asked: Any
    note: Note | None = None

    @cached_property
    def key(self) -> str:
        return f"{id(self.who)} {digest(plain(self.asked))}"


@dataclass(frozen=True, slots=True)
class Note:
    """What a call is told besides its prompt: whole turns, or a remark at the end of the user's. `edges` say who wrote it."""

    turns: tuple[Message, ...] = ()
    remark: str = ""
    edges: tuple[Edge, ...] = ()

    def applied(self, request: Request) -> Request:
        last = request.messages[-1]
        if self.remark and isinstance(last.content, str):
            last = replace(last, content=f"{last.content}\n\n{self.remark}")
        elif self.remark:
            return request.with_options(messages=(*request.messages, *self.turns, Message("user", self.remark)))
        return request.with_options(messages=(*request.messages[:-1], last, *self.turns))


class Backtrack(BaseException):
    """Leaves a forward so that it is run again, with a note for the call that `node` stands for.

    It is no `Exception`: an `except Exception` in a forward must not stop it.
    """

    def __init__(self, node: Node, note: Note, tape: Tape) -> None:
        super().__init__("an assertion asks for another try")
        self.node, self.note, self.tape = node, note, tape


@dataclass(eq=False)
class Run:
    """One run of a forward, as a context manager; the runs around it see its calls as well."""

    known: dict[str, deque[Before]] = field(default_factory=dict)
    """What was answered when this forward ran before, by what was asked."""
    tries: dict[tuple[Any, str], int] = field(default_factory=dict)
    """How often each assertion has sent back each call."""
    nodes: dict[Node, Call | None] = field(default_factory=dict)
    """The calls of this run, with what they asked if they can be replayed."""
    over: bool = False
    _around: tuple[Run, ...] = ()
    _token: Token[tuple[Run, ...]] | None = None

    def __enter__(self) -> Self:
        self._around = _runs.get()
        self._token = _runs.set((*self._around, self))
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _runs.reset(self._token)

    def back(self, signal: Backtrack) -> Run:
        """The run that comes after this one; passes the signal on if the call is not one of this run's."""
        if signal.node not in self.nodes:
            raise signal
        self.discard(signal.tape)
        known: dict[str, deque[Before]] = {}
        for node, call in self.nodes.items():
            if call is not None and node is signal.node:
                known.setdefault(call.key, deque()).append(Before(note=signal.note))
            elif call is not None and node.outputs:
                known.setdefault(call.key, deque()).append(Before(node, call.note))
        return Run(known, self.tries)

    def note_of(self, node: Node) -> Note | None:
        """What the call was told besides its prompt."""
        call = self.nodes.get(node)
        return None if call is None else call.note

    def discard(self, tape: Tape) -> None:
        """Take the calls of this run off the tape."""
        self.over = True  # whatever of it is still under way belongs to no result
        tape.reject(self.nodes)
        for run in self._around:
            for node in self.nodes:
                run.nodes.pop(node, None)

    def adopt(self, tape: Tape) -> None:
        """Put the calls of this run back on the tape: it is the one that counts."""
        for node, call in self.nodes.items():
            tape.restore(node, call)


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier run knows of a call: its node if it can be replayed, and what it is, or was, told besides its prompt."""

    node: Node | None = None
    note: Note | None = None


_NOTHING = Before()


def before(call: Call) -> Before:
    """What is known of a call that is about to be made, from an earlier run of the same forward."""
    for run in reversed(_runs.get()):
        waiting = run.known.get(call.key) if run.known else None
        if waiting:
            return waiting.popleft()
    note = advice.get().get(id(call.who))
    return _NOTHING if note is None else Before(note=note)


def opened(node: Node, call: Call | None = None) -> bool:
    """Tell the runs under way of a call; False, and nothing is told, if one of them is over and so nobody waits for the call."""
    around = _runs.get()
    if not around:
        return True
    if any(run.over for run in around):
        return False
    for run in around:
        run.nodes[node] = call
    return True


def last_call(predictors: Iterable[Module] | None) -> tuple[Run, Node, str] | None:
    """The last call of a predictor in the innermost run that has one, of one of these predictors if they are given."""
    wanted = None if predictors is None else {id(module) for module in predictors}
    for run in reversed(_runs.get()):
        for node, call in reversed(run.nodes.items()):
            if call is not None and node.op == "predict" and (wanted is None or id(node.module) in wanted):
                return run, node, call.key
    return None
