"""Replies held to a JSON schema: a token that would leave the schema's grammar cannot be chosen. Through llguidance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from llguidance import LLMatcher

from adjoint.base.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.lm.hf.checkpoint import Checkpoint


class Grammar:
    """The grammar of one reply, and how far the reply has come in it."""

    def __init__(self, checkpoint: Checkpoint, schema: Mapping[str, Any]) -> None:
        self._matcher = LLMatcher(checkpoint.guide, LLMatcher.grammar_from_json_schema(json.dumps(schema)))
        if self._matcher.is_error():
            message = f"the reply cannot be held to this schema: {self._matcher.get_error().splitlines()[0]}."
            raise RequestError(message)

    def forbidden(self, size: int) -> Any:
        """Which of the `size` tokens of the vocabulary must not come next."""
        bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little")
        found = np.ones(size, bool)  # checkpoints may have more rows of embeddings than tokens; those mean nothing
        found[: len(bits)] = bits[:size] == 0
        return torch.from_numpy(found)

    def take(self, token: int) -> None:
        self._matcher.consume_token(token)
