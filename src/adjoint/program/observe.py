"""What was asked lately and what it used: the history of this process, and counters for a block of code."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO
from uuid import uuid4, uuid5

from adjoint.lm import openai_form
from adjoint.lm.types import NO_USAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response, Usage

KEPT = 1000
"""Calls that the history remembers."""


class Asked(NamedTuple):
    """One request with its reply."""

    lm: str
    request: Request
    response: Response
    asked: object = None
    """The very LM that was asked."""
    who: object = None
    """The predictor that asked, if one did."""
    at: float = 0.0
    """When it was answered, in seconds since 1970."""
    number: int = 0
    """Its place among the calls of this process."""

    def as_dict(self) -> dict[str, Any]:
        """The call under the names by which DSPy's users know it."""
        return {
            "model": self.lm,
            "prompt": None,
            "kwargs": {name: value for name, value in self.request.as_dict().items() if name != "messages"},
            "messages": [openai_form.shown(message) for message in self.request.messages],
            "outputs": [self.response.text, *self.response.others],
            "timestamp": datetime.fromtimestamp(self.at, UTC).isoformat(),
            "uuid": str(uuid5(_PROCESS, str(self.number))),
            "response_model": self.response.model,
            "model_type": getattr(self.asked, "model_type", "chat"),
            "usage": as_dict([(self.lm, self.response.usage)])[self.lm],
            "cost": self.response.usage.usd,
            "request": self.request,
            "response": self.response,
        }

    def __str__(self) -> str:
        said = [f"--- {message.role}\n{message.text}" for message in self.request.messages]
        calls = "".join(f"\ncalls {call.name}({call.arguments})" for call in self.response.tool_calls)
        origin = ", from the ledger" if self.response.cached else ""
        return "\n".join([*said, f"--- reply of {self.lm}{origin}\n{self.response.text}{calls}"])


@dataclass
class UsageTracker:
    """What all calls of a block have used, by the name of the LM; exact whatever threads and tasks they come from."""

    by_lm: dict[str, Usage] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, lm: str, usage: Usage) -> None:
        with self._lock:
            self.by_lm[lm] = self.by_lm.get(lm, NO_USAGE) + usage

    @property
    def total(self) -> Usage:
        return sum(self.by_lm.values(), NO_USAGE)

    def get_total_tokens(self) -> dict[str, dict[str, Any]]:
        """By LM: calls, tokens and dollars, under DSPy's names and ours."""
        return as_dict(self.by_lm.items())


_PROCESS = uuid4()
_numbers = itertools.count(1)
_history: deque[Asked] = deque(maxlen=KEPT)
_trackers: ContextVar[tuple[UsageTracker, ...]] = ContextVar("adjoint_trackers", default=())


def answered(lm: BaseLM, request: Request, response: Response, *, who: object = None, remembered: bool = True) -> None:
    """Count a call that was answered, and remember it."""
    if remembered:
        _history.append(Asked(lm.name, request, response, lm, who, time.time(), next(_numbers)))
    for tracker in _trackers.get():
        tracker.add(lm.name, response.usage)


def history_of(lm: object) -> list[dict[str, Any]]:
    """What this very LM was asked, as far as this process remembers."""
    return [call.as_dict() for call in list(_history) if call.asked is lm]


def history_by(predictors: Iterable[object]) -> list[dict[str, Any]]:
    """What these predictors have asked, as far as this process remembers."""
    asking = {id(predictor) for predictor in predictors}
    return [call.as_dict() for call in list(_history) if id(call.who) in asking]


@contextmanager
def track_usage() -> Iterator[UsageTracker]:
    """Count what is used inside the `with` block; the tracker that it gives has `total` and `get_total_tokens()`."""
    tracker = UsageTracker()
    token = _trackers.set((*_trackers.get(), tracker))
    try:
        yield tracker
    finally:
        _trackers.reset(token)


def inspect_history(n: int = 1, file: TextIO | None = None, *, asked: object = None) -> None:
    """Show the last `n` calls of this process, or of the LM `asked`, with the exact prompts, on stdout or in `file`."""
    known = [call for call in list(_history) if asked is None or call.asked is asked]
    latest = known[-n:] if n > 0 else []
    (file or sys.stdout).write("\n\n".join(map(str, latest)) + "\n")


def as_dict(usages: Iterable[tuple[str, Usage]]) -> dict[str, dict[str, Any]]:
    """Usage by LM as plain dictionaries."""
    summed: dict[str, Usage] = {}
    for lm, usage in usages:
        summed[lm] = summed.get(lm, NO_USAGE) + usage
    return {
        lm: {
            **asdict(usage),
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.tokens,
        }
        for lm, usage in summed.items()
    }
