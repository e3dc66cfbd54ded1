"""A prompt as it would be sent, shown before anything is paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from adjoint.base.json import canonical, plain
from adjoint.base.tokens import most_tokens

if TYPE_CHECKING:
    from adjoint.lm.types import Message, Request

_PER_MESSAGE = 4
"""Tokens that chat formats put around a message."""
_PER_PART = 1600
"""Tokens of an image; sounds and files may have more."""


class Prompt(tuple["Message", ...]):  # noqa: SLOT001 - a tuple with slots could not hold the request
    """The exact messages of one call, with the `request` that carries them."""

    request: Request

    def __new__(cls, request: Request) -> Self:
        made = super().__new__(cls, request.messages)
        made.request = request
        return made

    def __repr__(self) -> str:
        return f"Prompt({len(self)} messages, at most {self.tokens} tokens)"

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(self)

    @property
    def tokens(self) -> int:
        """An upper estimate of the tokens sent, without a tokenizer: messages, tools and schema. Images count 1,600 each."""
        sent = sum(map(_tokens, self))
        carried = [item for item in (self.request.tools, self.request.schema) if item]
        return sent + sum(most_tokens(canonical(plain(item)).decode()) for item in carried)

    def __str__(self) -> str:
        """The prompt as a person reads it."""
        shown = [f"--- {message.role}\n{_shown(message)}" for message in self]
        shown += [f"--- tools\n{', '.join(tool.name for tool in self.request.tools)}"] if self.request.tools else []
        shown += ["--- the reply must match a JSON schema"] if self.request.schema else []
        return "\n".join([*shown, f"--- at most {self.tokens} tokens"])


def _tokens(message: Message) -> int:
    parts = 0 if isinstance(message.content, str) else sum(part.kind != "text" for part in message.content)
    calls = sum(most_tokens(call.name) + most_tokens(call.arguments) for call in message.tool_calls)
    return _PER_MESSAGE + most_tokens(message.text) + calls + _PER_PART * parts


def _shown(message: Message) -> str:
    if isinstance(message.content, str):
        text = message.content
    else:
        text = "".join(part.text or f"[{part.kind} {part.name or part.url[:60] or part.media_type}]" for part in message.content)
    return "\n".join([text, *(f"calls {call.name}({call.arguments})" for call in message.tool_calls)])
