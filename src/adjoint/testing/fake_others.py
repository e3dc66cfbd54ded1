"""The fake provider's side of Anthropic's Messages API and of Google's Gemini API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from adjoint.testing.fake_openai import counts, pieces, words

if TYPE_CHECKING:
    from adjoint.lm.types import Response
    from adjoint.testing.fake_openai import Body, Messages

_STOP = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal", "tool_calls": "tool_use"}
_KINDS = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY", "tool_calls": "STOP"}


class Anthropic:
    """Anthropic's `/v1/messages`."""

    part = "content"

    def messages(self, body: Body) -> Messages:
        system = body.get("system")
        texts = system if isinstance(system, str) else "".join(block["text"] for block in system or ())
        turns = [{**message, "content": _text(message["content"])} for message in body["messages"]]
        return [*([{"role": "system", "content": texts}] if texts else []), *turns]

    def whole(self, body: Body, said: Response) -> Body:
        given, made = counts(sum(words(message["content"]) for message in self.messages(body)), said)
        content: list[Body] = [
            *([{"type": "thinking", "thinking": said.reasoning, "signature": "c2lnbmVk"}] if said.reasoning else []),
            *([{"type": "text", "text": said.text}] if said.text else []),
            *({"type": "tool_use", "id": c.id, "name": c.name, "input": json.loads(c.arguments)} for c in said.tool_calls),
        ]
        return {
            "id": "fake",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": content,
            "stop_reason": _STOP[said.finish],
            "stop_sequence": None,
            "usage": {"input_tokens": given, "output_tokens": made},
        }

    def events(self, body: Body, said: Response) -> list[Body]:
        whole = self.whole(body, said)
        usage = whole["usage"]
        start = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
        made: list[Body] = [{"type": "message_start", "message": start}, {"type": "ping"}]
        for index, block in enumerate(whole["content"]):
            made += _block_events(index, block)
        end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
        made.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": usage["output_tokens"]}})
        return [*made, {"type": "message_stop"}]

    def error(self, status: int, text: str, code: str) -> Body:  # noqa: ARG002 - the same shape as its siblings
        kind = _KINDS.get(status, "overloaded_error" if status == 529 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": text}}


class Gemini:
    """Google's `generateContent` and `streamGenerateContent`."""

    part = "candidates"

    def messages(self, body: Body) -> Messages:
        system = _parts_text((body.get("systemInstruction") or {}).get("parts", []))
        turns = [{"role": turn["role"], "content": _parts_text(turn["parts"])} for turn in body["contents"]]
        return [*([{"role": "system", "content": system}] if system else []), *turns]

    def whole(self, body: Body, said: Response) -> Body:
        first: Body = {
            "index": 0,
            "finishReason": _REASONS[said.finish],
            "content": {"role": "model", "parts": self._parts(said)},
        }
        if (body.get("generationConfig") or {}).get("responseLogprobs"):
            chosen = [{"token": token, "logProbability": -0.25} for token in said.text.split()]
            first["logprobsResult"] = {"chosenCandidates": chosen}
        others = [
            {"index": number, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": text}]}}
            for number, text in enumerate(said.others, 1)
        ]
        given, made = counts(sum(words(message["content"]) for message in self.messages(body)), said)
        thoughts = words(said.reasoning or "")
        usage = {"promptTokenCount": given, "candidatesTokenCount": made, "thoughtsTokenCount": thoughts}
        return {"candidates": [first, *others], "usageMetadata": usage, "modelVersion": body["model"]}

    def events(self, body: Body, said: Response) -> list[Body]:
        whole = self.whole(body, said)
        made: list[Body] = []
        for candidate in whole["candidates"]:
            index = candidate["index"]
            split = [part for item in candidate["content"]["parts"] for part in _split(item)]
            made += [{"candidates": [{"index": index, "content": {"role": "model", "parts": [part]}}]} for part in split]
            made.append({"candidates": [{**candidate, "content": {"role": "model", "parts": []}}]})
        made[-1].update(usageMetadata=whole["usageMetadata"], modelVersion=whole["modelVersion"])
        return made

    def error(self, status: int, text: str, code: str) -> Body:
        return {"error": {"code": status, "message": text, "status": code.upper()}}

    def _parts(self, said: Response) -> list[Body]:
        return [
            *([{"text": said.reasoning, "thought": True}] if said.reasoning else []),
            *([{"text": said.text}] if said.text else []),
            *(
                {"functionCall": {"id": c.id, "name": c.name, "args": json.loads(c.arguments)}, "thoughtSignature": "c2lnbmVk"}
                for c in said.tool_calls
            ),
        ]


def _block_events(index: int, block: Body) -> list[Body]:
    """One block as it is streamed: begun empty, continued in pieces, ended."""
    if block["type"] == "tool_use":
        start, text = {**block, "input": {}}, json.dumps(block["input"])
        half = len(text) // 2
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", text[:half], text[half:])]
    else:
        name = "thinking" if block["type"] == "thinking" else "text"
        start = {"type": block["type"], name: ""}
        deltas = [{"type": f"{name}_delta", name: piece} for piece in pieces(block[name])]
        deltas += [{"type": "signature_delta", "signature": "c2lnbmVk"}] if name == "thinking" else []
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _split(part: Body) -> list[Body]:
    return [{**part, "text": piece} for piece in pieces(part["text"])] if "text" in part else [part]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(block.get("text", block.get("content", ""))) for block in content)


def _parts_text(parts: list[Body]) -> str:
    return "\n".join(part["text"] for part in parts if "text" in part)
