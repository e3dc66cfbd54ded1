"""The client for every server that speaks OpenAI's chat completions: OpenAI itself, vLLM, Ollama, LM Studio, ..."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adjoint.base.errors import ServerError, UsageError
from adjoint.base.portal import portal
from adjoint.lm import guard
from adjoint.lm.http import Endpoint, address, usable_key
from adjoint.lm.types import Response, TokenLogprob, Usage

if TYPE_CHECKING:
    from adjoint.lm.types import Finish, Request

PATH = "/chat/completions"

_FINISH: dict[str, Finish] = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "refusal",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
"""Reasons to finish; whatever else servers say (stop, eos, null) is an ordinary end."""


def key_variable(provider: str) -> str:
    """The environment variable that holds a provider's key.

    >>> key_variable("openai")
    'OPENAI_API_KEY'
    """
    return f"{provider.upper()}_API_KEY"


class OpenAIChat:
    """One model at one endpoint. `price` is US dollars per million input and output tokens, if it is known.

    `timeout` is in seconds, for the whole exchange. Calls may come from any event loop; the traffic runs on the portal's.
    """

    def __init__(
        self,
        model: str,
        *,
        provider: str = "openai",
        base_url: str,
        api_key: str | None,
        timeout: float = 120.0,
        price: tuple[float, float] | None = None,
    ) -> None:
        if not timeout > 0:
            message = f"a timeout of {timeout} s cannot be; give seconds above 0."
            raise UsageError(message)
        variable = key_variable(provider)
        key = usable_key(api_key, variable)
        url = address(base_url, PATH)
        self.model = model
        self.name = f"{provider}/{model}"
        self.identity = f"{self.name}@{url.removesuffix(PATH)}"
        self.price = price
        # Where no key is asked for, nobody sends a bill.
        self._free = key is None or guard.is_loopback(url)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._endpoint = Endpoint(url=url, headers=headers, key=key, key_variable=variable, timeout=timeout)
        # OpenAI's reasoning models refuse the old name of this option; other servers may not know the new one.
        own = urlsplit(url).hostname == "api.openai.com"
        self._max_tokens = "max_completion_tokens" if own else "max_tokens"

    def __repr__(self) -> str:
        return f"OpenAIChat({self.identity!r})"

    async def __call__(self, request: Request) -> Response:
        return await portal.here(self._ask(request))

    async def _ask(self, request: Request) -> Response:
        return self._response(request, await self._endpoint.post(self.payload(request)))

    def payload(self, request: Request) -> dict[str, Any]:
        """What is sent: the messages and the options that are set, nothing else."""
        options = {
            "temperature": request.temperature,
            self._max_tokens: request.max_tokens,
            "stop": list(request.stop) or None,
            "seed": request.seed,
            "logprobs": request.logprobs or None,
        }
        if request.extra.get("stream"):
            message = "replies are read whole; leave out the option stream=True."
            raise UsageError(message)
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        given = {name: value for name, value in options.items() if value is not None}
        return {"model": self.model, "messages": messages, **given, **request.extra}

    def _response(self, request: Request, data: dict[str, Any]) -> Response:
        choices = data.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(message, dict):
            raise self._broken("no choices with a message")
        if choice.get("finish_reason") == "error":
            raise self._broken("a reply that ended in an error")
        text = self._text(message)
        finish = "refusal" if message.get("refusal") else _FINISH.get(str(choice.get("finish_reason")), "stop")
        model = data.get("model")
        return Response(
            text=text,
            finish=finish,
            usage=self._usage(request, text, data.get("usage")),
            model=model if isinstance(model, str) else self.model,
            logprobs=self._logprobs(choice.get("logprobs")) if request.logprobs else None,
            reasoning=_string(message.get("reasoning_content")) or _string(message.get("reasoning")),
        )

    def _text(self, message: dict[str, Any]) -> str:
        """The content; a refusal's words; or, if a reply only calls tools, the calls as JSON, so that none is lost."""
        content = message.get("content")
        if isinstance(content, list):
            content = "".join(_string(part.get("text")) or "" for part in content if isinstance(part, dict))
        if content is not None and not isinstance(content, str):
            raise self._broken(f"a {type(content).__name__} as content")
        if content or not (message.get("refusal") or message.get("tool_calls")):
            return content or ""
        return _string(message.get("refusal")) or json.dumps(message.get("tool_calls"), ensure_ascii=False)

    def _usage(self, request: Request, text: str, said: object) -> Usage:
        """The provider's count of tokens; four bytes count as one token where it gives none, so that a cap still bites."""
        usage = said if isinstance(said, dict) else {}
        given, made = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
        tokens_in = sum(_estimate(message.text) for message in request.messages) if given is None else given
        tokens_out = _estimate(text) if made is None else made
        return Usage(1, tokens_in, tokens_out, self._usd(tokens_in, tokens_out, usage.get("cost")))

    def _usd(self, tokens_in: int, tokens_out: int, cost: object) -> float | None:
        if self.price is not None:
            return (tokens_in * self.price[0] + tokens_out * self.price[1]) / 1e6
        if isinstance(cost, int | float) and math.isfinite(cost) and cost >= 0:  # OpenRouter reports what it charges
            return float(cost)
        return 0.0 if self._free else None

    def _logprobs(self, said: object) -> tuple[TokenLogprob, ...] | None:
        content = said.get("content") if isinstance(said, dict) else None
        if not isinstance(content, list):
            return None
        found = []
        for item in content:
            token, value = (item.get("token"), item.get("logprob")) if isinstance(item, dict) else (None, None)
            if not isinstance(token, str) or not isinstance(value, int | float) or not math.isfinite(value):
                raise self._broken("log probabilities in an unknown form")
            found.append(TokenLogprob(token, float(value)))
        return tuple(found)

    def _broken(self, what: str) -> ServerError:
        return ServerError(f"{self._endpoint.url} sent {what}; that is no chat completion.")


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _estimate(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass")) // 4 + 1
