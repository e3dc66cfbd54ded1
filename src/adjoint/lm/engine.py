"""EngineLM: TextGrad's contract of an engine, `generate(prompt, system_prompt=None)`, as a language model of this house."""

from __future__ import annotations

import base64
import inspect
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import LMError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.lm import wire
from adjoint.lm.base import BaseLM
from adjoint.lm.callable import CallableLM, _wants_request
from adjoint.lm.types import Request, Response, Usage

if TYPE_CHECKING:
    from collections.abc import Callable


class EngineLM:
    """Base class of users' engines: write `generate(self, prompt, system_prompt=None, **options)` and give a text.

    `engine("hello", system_prompt="...")` asks it directly. It is a language model too, accepted wherever one is.

    >>> class Shout(EngineLM):
    ...     def generate(self, prompt, system_prompt=None, **options):
    ...         return prompt.upper()
    >>> Shout()("hello")
    'HELLO'
    """

    model_string: str = ""
    system_prompt: str = ""

    @property
    def name(self) -> str:
        return self.model_string or type(self).__name__

    def generate(self, prompt: Any, system_prompt: str | None = None, **options: Any) -> Any:
        message = f"{type(self).__name__} has no generate; write `def generate(self, prompt, system_prompt=None, **options)`."
        raise NotImplementedError(message)

    def __call__(self, prompt: Any, system_prompt: str | None = None, **options: Any) -> Any:
        if isinstance(prompt, Request):
            return Engine(self.generate, self.name)(prompt)
        return self.generate(prompt, **({} if system_prompt is None else {"system_prompt": system_prompt}), **options)


class Engine:
    """A function `(prompt, system_prompt=None)` as a language model. A synchronous one runs in a thread of its own."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function, self.name = function, name
        self._takes_system = _takes_system(function)

    async def __call__(self, request: Request, /) -> Response:
        system = "\n\n".join(message.text for message in request.messages if message.role == "system")
        prompt = _prompt(request)
        if system and not self._takes_system:
            prompt = [system, *prompt] if isinstance(prompt, list) else f"{system}\n\n{prompt}"
        options = {"system_prompt": system} if system and self._takes_system else {}
        answer = await foreign(self._answer(prompt, options), LMError, f"the engine {self.name}")
        if isinstance(answer, Response):
            return answer
        if not isinstance(answer, str):
            message = f"the engine {self.name} returned a {type(answer).__name__}, which is no text."
            raise LMError(message)
        asked = sum(wire.estimate(message.text) for message in request.messages)
        return Response(answer, usage=Usage(1, asked, wire.estimate(answer)), model=self.name)

    async def _answer(self, prompt: Any, options: dict[str, str]) -> Any:
        if inspect.iscoroutinefunction(self.function):
            return await self.function(prompt, **options)
        made = await portal.in_thread(self.function, prompt, **options)
        return await made if inspect.isawaitable(made) else made


def as_lm(engine: Any) -> BaseLM | None:
    """A language model from one, from an object with `generate`, or from a function; None if it is none of them."""
    if isinstance(engine, EngineLM) and type(engine).__call__ is EngineLM.__call__:
        own: Any = engine
        lm: BaseLM = own
        return lm
    if isinstance(engine, BaseLM) and inspect.iscoroutinefunction(type(engine).__call__):
        return engine
    named = str(getattr(engine, "model_string", None) or getattr(engine, "__name__", None) or type(engine).__name__)
    if isinstance(engine, EngineLM) or callable(getattr(engine, "generate", None)):
        return Engine(engine if callable(engine) else engine.generate, named)
    if isinstance(engine, BaseLM):
        return engine
    if callable(engine):
        return CallableLM(engine) if _wants_request(engine) else Engine(engine, named)
    return None


def _prompt(request: Request) -> Any:
    """What stands in the messages but the system's: one text, or a list of texts and bytes where there are images."""
    turns = [message for message in request.messages if message.role != "system"]
    parts = [part for message in turns if not isinstance(message.content, str) for part in message.content]
    if all(part.kind == "text" for part in parts):
        return "\n\n".join(message.text for message in turns)
    pieces: list[str | bytes] = []
    for message in turns:
        content = message.content
        shown = [content] if isinstance(content, str) else [part.text if part.kind == "text" else part for part in content]
        pieces += [
            piece if isinstance(piece, str) else base64.b64decode(piece.data) if piece.data else piece.url for piece in shown
        ]
    return pieces


def _takes_system(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built in functions may have no signature
        return False
    return any(parameter.name == "system_prompt" or parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
