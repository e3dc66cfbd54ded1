"""ScriptedLM: a language model whose answers a test writes down. It is the one fake; nothing needs to be patched."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from adjoint.base.errors import UsageError
from adjoint.lm.types import Delta, Response, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from adjoint.lm.types import Request

Answer: TypeAlias = str | Response | Exception | type[Exception]
Script: TypeAlias = Sequence[Answer] | Mapping[str | re.Pattern[str], Answer] | Callable[["Request"], Answer | Awaitable[Answer]]

_PIECE = 4
_SHOWN = 300
"""Characters of a prompt that an error message shows."""


class ScriptedLM:
    """Answers from a script, which is one of three things.

    - A list: the answers in order. A mapping: the first rule that is found in the last user message answers, else the
      first that is found in the whole prompt; rules are plain substrings or compiled regular expressions. A function:
      it gets the request and returns the answer, or an awaitable of it.

    An answer is a text, a whole `Response`, or an exception to raise. `identity` None keeps replies out of the cache;
    `delay` is in seconds for each call. `requests` holds what was asked, in order; `max_in_flight` how much at once.

    >>> lm = ScriptedLM({"capital of France": "Paris"})
    >>> from adjoint.lm.types import Message, Request
    >>> asyncio.run(lm(Request((Message("user", "What is the capital of France?"),)))).text
    'Paris'
    """

    def __init__(self, answers: Script, *, name: str = "scripted", identity: str | None = None, delay: float = 0.0) -> None:
        if isinstance(answers, str):
            message = f"a script is a list, a mapping or a function; for one answer write [{answers!r}]."
            raise UsageError(message)
        self.name, self.identity, self.delay = name, identity, delay
        self.price: tuple[float, float] | None = (0.0, 0.0)
        self.requests: list[Request] = []
        self.max_in_flight = 0
        self._script = answers
        self._in_flight = 0

    async def __call__(self, request: Request) -> Response:
        number = len(self.requests)
        self.requests.append(request)
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            await asyncio.sleep(self.delay)
            answer = await self._answer(number, request)
        finally:
            self._in_flight -= 1
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, str):
            return self._reply(request, answer)
        raise answer

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Response, None]:
        """The answer in pieces of four characters, and the whole `Response` last."""
        response = await self(request)
        for start in range(0, len(response.text), _PIECE):
            yield Delta(response.text[start : start + _PIECE])
            await asyncio.sleep(0)
        yield response

    async def _answer(self, number: int, request: Request) -> Answer:
        if not callable(self._script):
            return self._written(self._script, number, request)
        made = self._script(request)
        if isinstance(made, str):  # most
            return made
        answer = await made if inspect.isawaitable(made) else made
        if isinstance(answer, str | Response | Exception) or (isinstance(answer, type) and issubclass(answer, Exception)):
            return answer
        raise self._lost(request, f"its function returned {answer!r}, which is no text, Response or exception")

    def _written(
        self, script: Sequence[Answer] | Mapping[str | re.Pattern[str], Answer], number: int, request: Request
    ) -> Answer:
        if isinstance(script, Mapping):
            return self._rule(script, request)
        if number < len(script):
            return script[number]
        raise self._lost(request, f"it has {len(script)} answers and this is call {number + 1}")

    def _rule(self, rules: Mapping[str | re.Pattern[str], Answer], request: Request) -> Answer:
        users = [message.text for message in request.messages if message.role == "user"]
        for text in (*users[-1:], _prompt(request)):
            for rule, answer in rules.items():
                if rule in text if isinstance(rule, str) else rule.search(text):
                    return answer
        raise self._lost(request, f"none of its {len(rules)} rules is found")

    def _reply(self, request: Request, text: str) -> Response:
        usage = Usage(1, sum(len(message.text.split()) for message in request.messages), len(text.split()))
        return Response(text, usage=usage, model=self.name)

    def _lost(self, request: Request, why: str) -> UsageError:
        prompt = _prompt(request)
        shown = prompt if len(prompt) <= _SHOWN else f"...{prompt[-_SHOWN:]}"
        return UsageError(f"ScriptedLM {self.name!r} has no answer: {why}. The prompt:\n{shown}")


def _prompt(request: Request) -> str:
    return "\n".join(message.text for message in request.messages)
