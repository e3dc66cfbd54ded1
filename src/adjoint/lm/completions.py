"""The client for OpenAI's legacy completions, which base models still speak: a prompt in, its continuation out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.lm import wire
from adjoint.lm.client import Client, merged, options
from adjoint.lm.openai import FINISH
from adjoint.lm.openai_stream import Choices
from adjoint.lm.types import Delta, Response, TokenLogprob
from adjoint.lm.wire import Malformed

if TYPE_CHECKING:
    from adjoint.lm.types import Request


class OpenAIText(Client):
    """`LM(..., model_type="text")`. The messages become one prompt, with a blank line between two of them.

    There are no roles, tools or parts here; a schema is not enforced. Without `max_tokens` OpenAI stops after 16 tokens,
    which shows as `finish == "length"`.
    """

    what = "completion"
    path = "/completions"
    many = True

    def payload(self, request: Request) -> dict[str, Any]:
        wire.only_text(request.messages, "the completions interface")
        if request.tools:
            message = "the completions interface has no tools; leave out model_type='text'."
            raise UsageError(message)
        body = {
            "model": self.model,
            "prompt": "\n\n".join(message.text for message in request.messages),
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "stop": list(request.stop) or None,
            "seed": request.seed,
            "n": request.n if request.n != 1 else None,
            "logprobs": 1 if request.logprobs else None,
        }
        return merged(body, options(request))

    def streamed(self, payload: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return self._endpoint, {"stream_options": {"include_usage": True}, **payload, "stream": True}

    def assembly(self) -> TextAssembly:
        return TextAssembly()

    def read(self, request: Request, data: dict[str, Any]) -> Response:
        choices = wire.objects(data.get("choices"), "choices")
        texts = [wire.text(choice.get("text"), "text") for choice in choices if choice.get("text") is not None]
        if len(texts) < request.n:
            message = "no choices with a text"
            raise Malformed(message)
        usage = wire.mapping(data.get("usage"), "usage")
        tokens = wire.count(usage.get("prompt_tokens")), wire.count(usage.get("completion_tokens"))
        return Response(
            text=texts[0],
            finish=FINISH.get(str(choices[0].get("finish_reason")), "stop"),
            usage=self._bill(request, "".join(texts), *tokens, wire.number(usage.get("cost"))),
            model=wire.string(data.get("model")) or self.model,
            logprobs=_logprobs(choices[0].get("logprobs")) if request.logprobs else None,
            others=tuple(texts[1:]),
        )


class TextAssembly(Choices):
    """Each choice is a text."""

    def begun(self) -> dict[str, Any]:
        return {"text": "", "logprobs": {"tokens": [], "token_logprobs": []}}

    def more(self, choice: dict[str, Any], said: dict[str, Any]) -> Delta:
        text = wire.text(said.get("text"), "text")
        choice["text"] += text
        chances = wire.mapping(said.get("logprobs"), "log probabilities")
        for name in ("tokens", "token_logprobs"):
            choice["logprobs"][name] += _listed(chances.get(name))
        return Delta(text)


def _logprobs(said: object) -> tuple[TokenLogprob, ...] | None:
    found = wire.mapping(said, "log probabilities")
    tokens, values = _listed(found.get("tokens")), _listed(found.get("token_logprobs"))
    numbers = [wire.number(value) for value in values]
    if len(tokens) != len(values) or not all(isinstance(token, str) for token in tokens):
        message = "log probabilities in an unknown form"
        raise Malformed(message)
    # The first token of an echoed prompt has none.
    return tuple(TokenLogprob(token, value) for token, value in zip(tokens, numbers, strict=True) if value is not None) or None


def _listed(value: object) -> list[Any]:
    if value is None or isinstance(value, list):
        return value or []
    message = "log probabilities in an unknown form"
    raise Malformed(message)
