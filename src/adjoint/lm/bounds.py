"""Bounds: the most that a request can consume, known before it is made.

Input: byte-level tokenizers make at most one token of a UTF-8 byte, and a chat template adds a few to each message.
Tools and schemas count twice their JSON, because providers write them anew in a form of their own, and a fixed piece for
the instructions that come with them. Images count what the dearest known model takes for one. Sounds and files count
their base64 bytes; those behind a URL, and files, which may unpack, at least the longest context there is.
Output: `max_tokens` in the field or in any spelling of `extra`, times the number of replies; thinking budgets on top.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from adjoint.lm.types import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from adjoint.lm.prices import Price
    from adjoint.lm.types import Message, Part, Request

DEFAULT_OUTPUT = 4096
"""Tokens reserved for a reply whose request names no `max_tokens`; under a cap on tokens or dollars also what is sent."""
MESSAGE, TOOLING, IMAGE, CONTEXT = 8, 1024, 50_000, 2_000_000

_OUTPUT = frozenset({
    "max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens", "max_tokens_to_sample", "maxoutputtokens", "num_predict",
})  # fmt: skip
_COUNT = frozenset({"n", "best_of", "candidate_count", "candidatecount", "num_return_sequences"})
_THINKING = frozenset({"budget_tokens", "thinking_budget", "thinkingbudget"})


def upper_bound(request: Request, price: Price | None = None, *, calls: int = 1) -> Usage:
    """The most tokens that the request can take and, if there is a price, the most dollars.

    `calls` is how many calls its client makes of it: each sends the whole input.
    """
    tokens_in, tokens_out = calls * input_bound(request), output_bound(request)
    tokens_out = DEFAULT_OUTPUT * replies(request) if tokens_out is None else tokens_out
    return Usage(calls, tokens_in, tokens_out, 0.0 if price is None else price.usd(tokens_in, tokens_out))


def input_bound(request: Request) -> int:
    size = 0
    for message in request.messages:
        size += _message(message)
    if not (request.tools or request.schema or request.extra):  # most
        return size
    if request.tools or request.schema or any(name in request.extra for name in ("tools", "functions", "response_format")):
        size += TOOLING
    for tool in request.tools:
        size += 2 * (_bytes(tool.name) + _bytes(tool.description) + _bytes(_json(dict(tool.parameters)))) + 64
    if request.schema is not None:
        size += 2 * _bytes(_json(dict(request.schema)))
    return size + (2 * _bytes(_json(dict(request.extra))) if request.extra else 0)


def output_bound(request: Request) -> int | None:
    """The most tokens of output, None if nothing limits them."""
    if not request.extra:  # most
        return None if request.max_tokens is None or request.max_tokens < 0 else request.max_tokens * replies(request)
    limits = [value for value in (request.max_tokens, *_numbers(request.extra, _OUTPUT)) if value is not None and value >= 0]
    return None if not limits else (max(limits) + sum(_numbers(request.extra, _THINKING))) * replies(request)


def replies(request: Request) -> int:
    return max(1, request.n, *_numbers(request.extra, _COUNT)) if request.extra else max(1, request.n)


def _message(message: Message) -> int:
    if isinstance(message.content, str) and not message.tool_calls and not message.tool_call_id:  # most
        return _bytes(message.content) + MESSAGE
    called = sum(_bytes(call.id) + _bytes(call.name) + _bytes(call.arguments) + MESSAGE for call in message.tool_calls)
    if isinstance(message.content, str):
        return _bytes(message.content) + MESSAGE + called + _bytes(message.tool_call_id or "")
    return sum(_part(part) + 1 for part in message.content) + MESSAGE + called + _bytes(message.tool_call_id or "")


def _part(part: Part) -> int:
    text = _bytes(part.text) + _bytes(part.name)
    if part.kind == "text":
        return text
    if part.kind == "image":
        return text + IMAGE
    if part.kind == "file" or not part.data:
        return text + max(CONTEXT, len(part.data))
    return text + len(part.data)


def _numbers(values: Mapping[str, Any], names: frozenset[str], depth: int = 3) -> Iterator[int]:
    """The whole numbers under these names, in nested options too."""
    for name, value in values.items():
        if name.lower() in names and isinstance(value, int) and not isinstance(value, bool):
            yield value
        elif isinstance(value, dict) and depth:
            yield from _numbers(value, names, depth - 1)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
