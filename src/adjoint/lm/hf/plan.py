"""From a request to a job: what cannot be honoured is refused here, before the model is asked."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from adjoint.base.errors import ContextLengthError, RequestError
from adjoint.lm.hf.chat import PLAIN_STOP, prompt_ids
from adjoint.lm.weights import ADAPTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from adjoint.lm.hf.checkpoint import Checkpoint
    from adjoint.lm.hf.decode import Job
    from adjoint.lm.types import Request

DEFAULT_MAX_TOKENS = 512
"""Tokens of a reply unless told otherwise; fewer where the context ends before."""


def plan(
    checkpoint: Checkpoint, request: Request, number: int, *, say: Callable[[str], None] | None, gone: Callable[[], bool]
) -> Job:
    """Reply number `number` of a request as a job. Raises `ContextLengthError` if the prompt leaves no room for it."""
    from adjoint.lm.hf.decode import Job

    tokenizer, encodes = checkpoint.tokenizer, checkpoint.encodes
    ids = prompt_ids(tokenizer, request.messages, encodes=encodes)
    limit = DEFAULT_MAX_TOKENS if request.max_tokens is None else request.max_tokens
    if checkpoint.context is not None:
        room = checkpoint.context - (0 if encodes else len(ids))
        if room < 1 or len(ids) > checkpoint.context:
            message = (
                f"the prompt has {len(ids)} tokens, and the checkpoint takes {checkpoint.context} with the reply: "
                "use fewer or shorter demos, or a model with a longer context."
            )
            raise ContextLengthError(message)
        limit = min(limit, room)
    plain = tokenizer.chat_template is None and not encodes
    stop = (*request.stop, PLAIN_STOP) if plain else request.stop
    heat = request.temperature or 0.0
    grammar = None
    if request.schema is not None:
        from adjoint.lm.hf.schema import Grammar

        grammar = Grammar(checkpoint, request.schema)
    return Job(tuple(ids), limit, heat, _seed(request, number), stop, request.logprobs, say, gone, grammar)


def adapter_of(request: Request) -> str | None:
    """The weights that are to answer, None for the checkpoint's own."""
    name = request.extra.get(ADAPTER)
    return None if name is None else str(name)


def refuse_what_means_nothing(request: Request, name: str) -> None:
    """Raise `RequestError` for a request that a local checkpoint cannot take as it stands."""
    reason = None
    unknown = sorted(set(request.extra) - {ADAPTER})
    if not request.messages:
        reason = "the request has no message; give at least one"
    elif any(part.kind != "text" for m in request.messages if not isinstance(m.content, str) for part in m.content):
        reason = f"{name} reads text only here; leave out images, sounds and files"
    elif request.tools:
        reason = f"{name} calls no tools by itself; use an adapter that writes tool calls as text"
    elif unknown:
        reason = f"{name} knows no option {unknown[0]!r}; leave it out"
    elif request.temperature is not None and not request.temperature >= 0:
        reason = f"temperature is {request.temperature}; it must be 0 (greedy) or more"
    elif request.max_tokens is not None and request.max_tokens < 1:
        reason = f"max_tokens is {request.max_tokens}; it must be 1 or more"
    elif request.n < 1:
        reason = f"n is {request.n}; it must be 1 or more"
    if reason is not None:
        raise RequestError(f"{reason}.")


def _seed(request: Request, number: int) -> int:
    """The seed of one sampled reply: the same for the same seed, messages and number of the draw, and for nothing else."""
    if not request.temperature:
        return 0
    said = "\x00".join(f"{message.role}\x00{message.text}" for message in request.messages)
    base = f"{request.seed}\x00{request.sample}\x00{number}\x00{said}"
    return int.from_bytes(hashlib.sha256(base.encode("utf-8", errors="replace")).digest()[:8], "big")
