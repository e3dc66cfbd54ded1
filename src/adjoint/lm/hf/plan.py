"""From a request to a job: a prompt that leaves no room for a reply is refused here, before the model is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.base.errors import ContextLengthError
from adjoint.lm.hf.chat import PLAIN_STOP, prompt_ids
from adjoint.lm.local import seed_of
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
    return Job(tuple(ids), limit, heat, seed_of(request, number), stop, request.logprobs, say, gone, grammar)


def adapter_of(request: Request) -> str | None:
    """The weights that are to answer, None for the checkpoint's own."""
    name = request.extra.get(ADAPTER)
    return None if name is None else str(name)
