"""What can go wrong with one request to the fake provider, and how each fault spoils a good reply."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from math import ceil
from time import time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Fault: TypeAlias = Literal[
    "429",  # with Retry-After in seconds
    "429-date",  # with Retry-After as an HTTP date
    "429-reset",  # with x-ratelimit-reset-requests
    "429-stale",  # with a Retry-After date that has passed
    "400",
    "401",
    "404",
    "500",
    "502",
    "503",
    "529",  # overloaded
    "reset",  # the connection is cut before an answer,
    "reset_headers",  # ... after the headers of one,
    "half_body",  # ... and in the middle of one
    "slow_body",  # drips for two seconds
    "hang",  # no answer until the client or the server goes away
    "bad_utf8",
    "bad_gzip",
    "html",  # a web page with status 200, as captive portals and proxies send it
    "html_error",  # a web page with status 502
    "empty",
    "wrong_json",  # it ends too early
    "wrong_schema",  # another object than was asked for
    "wrong_type",  # a good reply that says it is a web page
    "not_object",
    "duplicate_keys",  # with two meanings
    "no_choices",
    "null_content",
    "error_200",  # an error with status 200
    "huge",
    "refusal",
    "length",  # half of the text, and the provider says so
    "swapped",  # the answer to somebody else's question: no client can see it, only a check of what comes back
    "stream_cut",  # the connection breaks in the middle of a stream,
    "stream_short",  # ... which ends in good order but too early,
    "stream_stall",  # ... stands still,
    "stream_error",  # ... goes on with an error,
    "stream_garbage",  # ... or with junk
]
"""Faults of streams meet an unstreamed reply as the nearest fault of a body, and the other way round."""

FAULTS: tuple[Fault, ...] = get_args(Fault)

UNPAID: tuple[str, ...] = (
    "429", "429-date", "429-reset", "429-stale", "400", "401", "404", "500", "502", "503", "529", "reset", "hang", "html",
    "html_error", "empty", "wrong_json", "wrong_schema", "not_object", "error_200", "huge",
)  # fmt: skip
"""Faults for which no model has worked, so that no provider sends a bill."""

SAID = ("refusal", "length", "null_content", "swapped")
"""Faults of what the model says, not of how it is sent."""

_WHOLE: dict[str, Fault] = {
    "stream_cut": "half_body", "stream_short": "no_choices", "stream_stall": "hang", "stream_error": "error_200",
    "stream_garbage": "wrong_json",
}  # fmt: skip
_STREAMED: dict[str, Fault] = {"half_body": "stream_cut", "no_choices": "stream_short", "wrong_json": "stream_garbage"}


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes over the wire: frames with a pause (seconds) between two, then perhaps a cut or a stall."""

    frames: list[bytes]
    content_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float = 0.0
    end: Literal["close", "cut", "stall"] = "close"
    length: int | None = None


def met(fault: str, *, streamed: bool) -> str:
    """The fault as it meets a stream or a whole body."""
    table = _STREAMED if streamed else _WHOLE
    return table.get(fault, fault)


def spoil(fault: str, sent: Sent, *, part: str, error: bytes) -> Sent:
    """The reply with its fault. `part` names the main part of a body, `error` is the body of an error."""
    if fault.startswith("stream_"):
        return _spoil_stream(fault, sent, error)
    first, rest = sent.frames[0], sent.frames[1:]
    middle, raw = len(first) // 2, b"".join(sent.frames)
    step = max(1, len(raw) // 20)
    twice = f'{{"{part}": "another", "{part}": "one", '.encode()
    changes: dict[str, Callable[[], dict[str, Any]]] = {
        "reset_headers": lambda: {"frames": [], "end": "cut", "length": len(first)},
        "half_body": lambda: {"frames": [first[:middle]], "end": "cut", "length": len(first)},
        "slow_body": lambda: {"frames": [raw[at : at + step] for at in range(0, len(raw), step)], "pause": 0.1},
        "bad_utf8": lambda: {"frames": [first[:middle] + b"\xff\xfe" + first[middle:], *rest]},
        "bad_gzip": lambda: {"headers": {"Content-Encoding": "gzip"}},
        "wrong_type": lambda: {"content_type": "text/html"},
        "duplicate_keys": lambda: {"frames": [first.replace(b"{", twice, 1), *rest]},
        "no_choices": lambda: {"frames": [_without(part, first)]},
    }
    return replace(sent, **changes[fault]())


def _without(part: str, body: bytes) -> bytes:
    data = json.loads(body)
    data.pop(part, None)
    return as_json(data)


def _spoil_stream(fault: str, sent: Sent, error: bytes) -> Sent:
    half = sent.frames[: max(1, len(sent.frames) // 2)]
    if fault == "stream_cut":
        return replace(sent, frames=half, end="cut")
    if fault == "stream_stall":
        return replace(sent, frames=half, end="stall")
    if fault == "stream_error":
        return replace(sent, frames=[*half, b"event: error\ndata: " + error + b"\n\n"])
    if fault == "stream_garbage":
        return replace(sent, frames=[*half, b'data: {"choices": [\n\n', *sent.frames[len(half) :]])
    return replace(sent, frames=half)


def instead(fault: str, error: bytes, *, streamed: bool, retry_after: float) -> Sent:
    """What comes instead of a reply, for faults that have none."""
    page = b"<!DOCTYPE html><html><body>Please log in</body></html>"
    bodies = {"empty": b"", "wrong_json": b'{"choices": [', "wrong_schema": b'{"result": "ok"}', "not_object": b"[1]"}
    if fault in ("html", "html_error"):
        return Sent([page], "text/html", 200 if fault == "html" else 502)
    if fault == "huge":
        return Sent([b" " * 2**20] * 40, "text/event-stream" if streamed else "application/json")
    if fault == "error_200":
        return Sent([error])
    if fault in bodies:
        framed = b"data: " + bodies[fault] + b"\n\n" if streamed and bodies[fault] else bodies[fault]
        return Sent([framed], "text/event-stream" if streamed else "application/json")
    return Sent([error], status=int(fault[:3]), headers=_wait(fault, retry_after))


def _wait(fault: str, seconds: float) -> dict[str, str]:
    if fault == "429-reset":
        return {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{seconds * 1000:.0f}ms"}
    if fault == "429-date":
        # A date has whole seconds; rounding up keeps the promise that nobody comes back early.
        return {"Retry-After": formatdate(ceil(time() + seconds), usegmt=True)}
    if fault == "429-stale":
        return {"Retry-After": formatdate(time() - 3600, usegmt=True)}
    return {"Retry-After": f"{seconds:g}"} if fault == "429" else {}


def words_of(fault: str) -> tuple[str, str]:
    """What an error says, and its code in OpenAI's words."""
    known: dict[str, tuple[str, str]] = {
        "429": ("Rate limit reached.", "rate_limit_exceeded"),
        "400": ("The request is not valid.", "invalid_request_error"),
        "401": ("Incorrect API key provided.", "invalid_api_key"),
        "404": ("The model does not exist.", "not_found_error"),
    }
    return known.get(fault[:3], ("The server had an error.", "server_error"))


def status_of(fault: str) -> int:
    return int(fault[:3]) if fault[:3].isdigit() else 500


def as_json(data: Any) -> bytes:
    return json.dumps(data).encode()
