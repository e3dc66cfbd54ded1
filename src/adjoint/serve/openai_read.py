"""What OpenAI's clients ask, read strictly: what cannot be honoured is refused with the reason and never dropped in silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from adjoint.base.errors import UsageError
from adjoint.base.parts import part_of
from adjoint.lm.types import Message, Request, Role, ToolCall, ToolSpec
from adjoint.lm.wire import number
from adjoint.serve.refusals import bad

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.parts import Part

MANY = 64
"""Replies to one request at most."""
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "best_of": (1,), "echo": (False,), "frequency_penalty": (0,), "logit_bias": ({},), "presence_penalty": (0,), "suffix": ("",),
    "response_format": ({"type": "text"},), "tools": ([],), "top_logprobs": (0,), "top_p": (1,),
}  # fmt: skip
"""Options at a value that changes nothing."""
_BOOKKEEPING = frozenset({
    "metadata", "model", "parallel_tool_calls", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier",
    "store", "stream", "stream_options", "user",
})  # fmt: skip
"""What says nothing about the reply itself."""
_ROLES: dict[str, Role] = {**{role: role for role in get_args(Role)}, "developer": "system"}
_KINDS = ("text", "image_url", "input_audio", "file")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request (or several: one a prompt) and how it is to be answered."""

    requests: tuple[Request, ...]
    stream: bool
    usage: bool
    """Whether the stream ends with the usage."""


def chat(body: Mapping[str, Any], supports: frozenset[str]) -> Asked:
    """The request in a body of `/v1/chat/completions`."""
    turns = body.get("messages")
    if not isinstance(turns, list) or not turns:
        reason = "messages must be a list with at least one message."
        raise bad(reason, "messages")
    messages = tuple(_message(turn, f"messages[{at}]") for at, turn in enumerate(turns))
    rest = {name: value for name, value in body.items() if name != "messages"}
    return _asked((messages,), rest, supports)


def text(body: Mapping[str, Any], supports: frozenset[str]) -> Asked:
    """The requests in a body of `/v1/completions`: one turn of a user for each prompt."""
    given = body.get("prompt")
    prompts = [given] if isinstance(given, str) else given
    if not isinstance(prompts, list) or not prompts or not all(isinstance(prompt, str) for prompt in prompts):
        reason = "prompt must be a text or a list of texts; token ids are not taken."
        raise bad(reason, "prompt")
    rest = {name: value for name, value in body.items() if name != "prompt"}
    scored = rest.get("logprobs")
    if scored is not None:  # the old interface counts the alternatives; the tokens' own are given for any count
        rest["logprobs"] = scored if isinstance(scored, bool) else _whole(rest, "logprobs", 0) is not None
    return _asked(tuple((Message("user", prompt),) for prompt in prompts), rest, supports)


def _asked(prompts: tuple[tuple[Message, ...], ...], body: dict[str, Any], supports: frozenset[str]) -> Asked:
    given = {name: value for name, value in body.items() if value is not None}
    request = _request(prompts[0], given, supports)
    if len(prompts) * request.n > MANY:
        reason = f"at most {MANY} replies can be asked for at once."
        raise bad(reason, "n")
    options = given.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage") is True
    return Asked(tuple(request.with_options(messages=messages) for messages in prompts), _flag(given, "stream"), usage)


def _request(messages: tuple[Message, ...], given: dict[str, Any], supports: frozenset[str]) -> Request:
    longest = "max_completion_tokens" if "max_completion_tokens" in given else "max_tokens"
    temperature = _temperature(given)
    own: dict[str, Any] = {
        "temperature": temperature,
        "max_tokens": _whole(given, longest, 1),
        "stop": _stop(given.get("stop")),
        "seed": _whole(given, "seed", None),
        "n": _whole(given, "n", 1) or 1,
        "logprobs": _flag(given, "logprobs"),
    }
    if any(message.tool_calls or message.role == "tool" for message in messages) and "tools" not in supports:
        reason = "this model takes no tool calls or results of tools; write them as text."
        raise bad(reason, "messages")
    own.update(_tools(given, supports), schema=_schema(given, supports))
    known = {"max_tokens", "max_completion_tokens", "tools", "tool_choice", *own, *_BOOKKEEPING}
    if own["schema"] is not None:
        known.add("response_format")
    if temperature == 0:
        known.add("top_p")  # the likeliest token is the likeliest of any share
    extra = {name: value for name, value in given.items() if name not in known and value not in _NEUTRAL.get(name, ())}
    return Request(messages, extra=extra, **own)


def _message(turn: Any, where: str) -> Message:
    role = _ROLES.get(str(turn.get("role"))) if isinstance(turn, dict) else None
    if role is None:
        reason = f"{where} needs a role of {', '.join(sorted(_ROLES))}."
        raise bad(reason, where)
    calls = tuple(_call(call, f"{where}.tool_calls") for call in _list(turn.get("tool_calls"), f"{where}.tool_calls"))
    answered = turn.get("tool_call_id")
    return Message(role, _content(turn.get("content"), where), calls, answered if isinstance(answered, str) else None)


def _content(content: Any, where: str) -> str | tuple[Part, ...]:
    """Text as it is; a list of texts is one text, and stays a list only for what is more."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = tuple(_part(part, f"{where}.content[{at}]") for at, part in enumerate(_list(content, f"{where}.content")))
    return "\n".join(part.text for part in parts) if all(part.kind == "text" for part in parts) else parts


def _part(given: Any, where: str) -> Part:
    kind = given.get("type") if isinstance(given, dict) else None
    try:
        if kind in _KINDS:
            return part_of(given)
    except UsageError:
        pass  # said below, with its place
    reason = f"{where} must be a part of type {', '.join(_KINDS)}, with its value under that name."
    raise bad(reason, where)


def _call(call: Any, where: str) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        reason = f"{where} must hold calls of functions, with their names."
        raise bad(reason, where)
    return ToolCall(str(call.get("id", "")), function["name"], str(function.get("arguments", "")))


def _tools(given: Mapping[str, Any], supports: frozenset[str]) -> dict[str, Any]:
    tools = _list(given.get("tools"), "tools")
    if tools and "tools" not in supports:
        reason = "this model cannot call tools; describe them in the prompt instead."
        raise bad(reason, "tools")
    choice = given.get("tool_choice")
    if isinstance(choice, dict):
        choice = (choice.get("function") or {}).get("name")
    return {"tools": tuple(_tool(tool) for tool in tools), "tool_choice": choice if tools and isinstance(choice, str) else None}


def _tool(tool: Any) -> ToolSpec:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        reason = "tools must hold functions, with their names."
        raise bad(reason, "tools")
    parameters = function.get("parameters") or {}
    return ToolSpec(function["name"], str(function.get("description") or ""), parameters if isinstance(parameters, dict) else {})


def _schema(given: Mapping[str, Any], supports: frozenset[str]) -> dict[str, Any] | None:
    form = given.get("response_format")
    if form is None or form == {"type": "text"}:
        return None
    if "schema" not in supports:
        reason = "this model cannot be held to a form of its reply; leave out response_format and ask for the form in the prompt."
        raise bad(reason, "response_format")
    named = form.get("json_schema") if isinstance(form, dict) else None
    schema = named.get("schema") if isinstance(named, dict) else None
    return schema if isinstance(schema, dict) else None


def _temperature(given: Mapping[str, Any]) -> float | None:
    if "temperature" not in given:
        return None
    value = number(given["temperature"])
    if value is None or value < 0:
        reason = f"temperature is {given['temperature']!r:.40}; it must be a number of 0 or more."
        raise bad(reason, "temperature")
    return value


def _stop(given: Any) -> tuple[str, ...]:
    stops = [given] if isinstance(given, str) else _list(given, "stop")
    if not all(isinstance(stop, str) and stop for stop in stops):
        reason = "stop must be a text or a list of texts, none of them empty."
        raise bad(reason, "stop")
    return tuple(stops)


def _whole(given: Mapping[str, Any], name: str, least: int | None) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
        reason = f"{name} is {value!r:.40}; it must be a whole number{'' if least is None else f' of {least} or more'}."
        raise bad(reason, name)
    return value


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        reason = f"{name} is {value!r:.40}; it must be true or false."
        raise bad(reason, name)
    return value


def _list(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        reason = f"{where} must be a list."
        raise bad(reason, where)
    return value
