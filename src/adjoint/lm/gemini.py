"""The client for Google's Gemini API: generateContent and streamGenerateContent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adjoint.lm import wire
from adjoint.lm.client import Client, merged, options, system_and_rest
from adjoint.lm.gemini_form import contents, joined_id, tool_config
from adjoint.lm.schema import openapi
from adjoint.lm.types import Delta, Response, TokenLogprob, ToolCall
from adjoint.lm.wire import Malformed

if TYPE_CHECKING:
    from adjoint.lm.http import Endpoint
    from adjoint.lm.types import Finish, Request, Usage

_REFUSALS = (
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR", "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
)  # fmt: skip
_FINISH: dict[str, Finish] = {"STOP": "stop", "MAX_TOKENS": "length", **dict.fromkeys(_REFUSALS, "refusal")}
"""Every other reason (a malformed call, OTHER, one that is not known yet) may have left half a reply: it is an error."""
_OWN = ("safetySettings", "safety_settings", "cachedContent", "cached_content", "labels", "tools", "toolConfig", "tool_config")
"""Options with a place of their own in the body; all others belong to the configuration of the generation."""


class Gemini(Client):
    """One Gemini model. The key goes in a header, never in the address, where logs would keep it.

    A schema is reduced to the subset of OpenAPI that the interface knows. A prompt or a reply that the provider's safety
    filter stops is a reply with `finish == "refusal"`. Thoughts count as output, as they are paid so.
    """

    supports = frozenset({"schema", "tools"})
    what = "content"
    path = "/models/{model}:generateContent"
    many = True

    def payload(self, request: Request) -> dict[str, Any]:
        system, messages = system_and_rest(request)
        extra = options(request)
        config: dict[str, Any] = {
            "temperature": request.temperature,
            "maxOutputTokens": request.max_tokens,
            "stopSequences": list(request.stop) or None,
            "seed": request.seed,
            "candidateCount": request.n if request.n != 1 else None,
            "responseLogprobs": request.logprobs or None,
        }
        if request.schema is not None:
            config.update({"responseMimeType": "application/json", "responseSchema": openapi(request.schema)})
        config = merged(config, {name: value for name, value in extra.items() if name not in _OWN})
        tools = [
            {"name": spec.name, "description": spec.description, "parameters": openapi(spec.parameters)} for spec in request.tools
        ]
        body = {
            "systemInstruction": {"parts": [{"text": system}]} if system else None,
            "contents": contents(messages),
            "tools": [{"functionDeclarations": tools}] if tools else None,
            "toolConfig": tool_config(request.tool_choice),
            "generationConfig": config or None,
        }
        return merged(body, {name: value for name, value in extra.items() if name in _OWN})

    def streamed(self, payload: dict[str, Any]) -> tuple[Endpoint, dict[str, Any]]:
        url = f"{self._endpoint.url.removesuffix(':generateContent')}:streamGenerateContent?alt=sse"
        return replace(self._endpoint, url=url), payload

    def assembly(self) -> GeminiAssembly:
        return GeminiAssembly()

    def read(self, request: Request, data: dict[str, Any]) -> Response:
        candidates = [_Candidate(item) for item in wire.objects(data.get("candidates"), "candidates")]
        blocked = wire.mapping(data.get("promptFeedback"), "feedback").get("blockReason")
        model = wire.string(data.get("modelVersion")) or self.model
        if not candidates and blocked:
            words = f"The prompt was blocked: {wire.string(blocked) or 'no reason given'}."
            return Response(words, finish="refusal", usage=self._usage(request, "", data), model=model)
        if len(candidates) < request.n:
            message = "no candidates with content"
            raise Malformed(message)
        first = candidates[0]
        return Response(
            text=first.text,
            finish=first.finish,
            usage=self._usage(request, "".join(candidate.text for candidate in candidates), data),
            model=model,
            logprobs=_logprobs(first.said) if request.logprobs else None,
            reasoning=first.thoughts or None,
            tool_calls=tuple(first.calls),
            others=tuple(candidate.text for candidate in candidates[1:]),
        )

    def _usage(self, request: Request, text: str, data: dict[str, Any]) -> Usage:
        said = wire.mapping(data.get("usageMetadata"), "usage")
        given, made = wire.count(said.get("promptTokenCount")), wire.count(said.get("candidatesTokenCount"))
        thoughts = wire.count(said.get("thoughtsTokenCount"))
        done = None if made is None and thoughts is None else (made or 0) + (thoughts or 0)
        # A blocked prompt has its own count and no reply.
        return self._bill(request, text, given, 0 if done is None and given is not None and not text else done)

    def _headers(self, key: str | None) -> dict[str, str]:
        return {"x-goog-api-key": key} if key else {}


class _Candidate:
    """One reply, its parts sorted by what they are."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.said = said
        self.text = self.thoughts = ""
        self.calls: list[ToolCall] = []
        for part in wire.objects(wire.mapping(said.get("content"), "content").get("parts"), "parts"):
            if part.get("functionCall") is not None:
                self._call(part)
            elif part.get("thought"):
                self.thoughts += wire.text(part.get("text"), "reasoning")
            else:
                self.text += wire.text(part.get("text"), "content")
        self.finish = self._finish(said.get("finishReason"))

    def _call(self, part: dict[str, Any]) -> None:
        call = wire.mapping(part["functionCall"], "function call")
        name = call.get("name")
        if not isinstance(name, str) or not name:
            message = "a tool call without a name"
            raise Malformed(message)
        number = wire.string(call.get("id")) or f"call_{len(self.calls)}"
        signed = joined_id(number, wire.string(part.get("thoughtSignature")))
        self.calls.append(ToolCall(signed, name, wire.written(call.get("args")) or "{}"))

    def _finish(self, why: object) -> Finish:
        if not isinstance(why, str) or why not in _FINISH:
            message = f"a reply that ended with {why!r}"
            raise Malformed(message)
        return "tool_calls" if self.calls and why == "STOP" else _FINISH[why]


class GeminiAssembly:
    """Every event is a response of its own form, with the parts that are new; the last one says why it ended."""

    def __init__(self) -> None:
        self._top: dict[str, Any] = {}
        self._candidates: dict[int, dict[str, Any]] = {}

    def add(self, event: dict[str, Any], /) -> Delta | None:
        named = ("usageMetadata", "modelVersion", "promptFeedback")
        self._top.update({name: event[name] for name in named if event.get(name) is not None})
        text = thought = ""
        for said in wire.objects(event.get("candidates"), "candidates"):
            index = wire.count(said.get("index")) or 0
            whole = self._candidates.setdefault(index, {"index": index, "content": {"parts": []}})
            parts = wire.objects(wire.mapping(said.get("content"), "content").get("parts"), "parts")
            whole["content"]["parts"] += parts
            whole["finishReason"] = said.get("finishReason") or whole.get("finishReason")
            whole["logprobsResult"] = _longer(whole.get("logprobsResult"), said.get("logprobsResult"))
            if index == 0:
                text += "".join(wire.text(part.get("text"), "content") for part in parts if not part.get("thought"))
                thought += "".join(wire.text(part.get("text"), "reasoning") for part in parts if part.get("thought"))
        return Delta(text, thought)

    def whole(self) -> dict[str, Any]:
        ended = [candidate.get("finishReason") for candidate in self._candidates.values()]
        blocked = wire.mapping(self._top.get("promptFeedback"), "feedback").get("blockReason")
        if not all(ended) or not (ended or blocked):
            message = "a stream that ended before the reply did"
            raise Malformed(message)
        return {**self._top, "candidates": [self._candidates[index] for index in sorted(self._candidates)]}


def _logprobs(candidate: dict[str, Any]) -> tuple[TokenLogprob, ...] | None:
    found = []
    for item in _chosen(candidate.get("logprobsResult")):
        token, value = item.get("token"), wire.number(item.get("logProbability"))
        if not isinstance(token, str) or value is None:
            message = "log probabilities in an unknown form"
            raise Malformed(message)
        found.append(TokenLogprob(token, value))
    return tuple(found) or None


def _chosen(said: object) -> list[dict[str, Any]]:
    return wire.objects(wire.mapping(said, "log probabilities").get("chosenCandidates"), "log probabilities")


def _longer(known: object, new: object) -> dict[str, Any]:
    return {"chosenCandidates": [*_chosen(known), *_chosen(new)]}
