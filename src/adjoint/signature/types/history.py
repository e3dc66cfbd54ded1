"""History: an earlier conversation as an input, which adapters write as turns of the conversation itself."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class History(BaseModel):
    """Earlier turns, each a mapping from fields of the signature (inputs and outputs) to values.

    >>> History(messages=[{"question": "What is the capital of France?", "answer": "Paris"}]).messages[0]["answer"]
    'Paris'
    """

    adapter_role: ClassVar[str] = "history"
    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: list[dict[str, Any]]
