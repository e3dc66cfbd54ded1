"""What a model does by itself: calling tools and thinking apart from the reply, to and from typed fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters import loose_json, written
from adjoint.base.errors import ParseError
from adjoint.lm.types import ToolCall, ToolSpec
from adjoint.signature.types.known import role_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.lm.types import Response
    from adjoint.signature.fields import Field


def split(
    inputs: Sequence[Field], outputs: Sequence[Field], supports: frozenset[str]
) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    """The inputs that go to the LM as tools, and the outputs that come beside its text."""
    tools = tuple(field for field in inputs if role_of(field.type) == "tools")
    calls = tuple(field for field in outputs if role_of(field.type) == "tool_calls")
    if "tools" not in supports or not tools or not calls:
        tools = calls = ()
    thoughts = tuple(field for field in outputs if role_of(field.type) == "reasoning" and "reasoning" in supports)
    if len(thoughts) == len(outputs):
        thoughts = ()  # a reply must hold something
    return tools, (*thoughts, *calls)


def specs(tools: Sequence[Field], inputs: Mapping[str, Any]) -> tuple[ToolSpec, ...]:
    """The tools that the inputs hold, as requests carry them."""
    given = [tool for field in tools for tool in held(written.coerced(field, inputs.get(field.name)))]
    return tuple(ToolSpec(tool.name, tool.desc, tool.parameters) for tool in given)


def held(value: Any) -> list[Any]:
    """One tool, several or none, as a list."""
    return [] if value is None else list(value) if isinstance(value, list | tuple | set) else [value]


def outputs(fields: Sequence[Field], response: Response) -> dict[str, Any]:
    """The outputs that stand beside the text of a reply."""
    return {
        field.name: written.coerced(field, response.reasoning or "")
        if role_of(field.type) == "reasoning"
        else _calls(field, response)
        for field in fields
    }


def _calls(field: Field, response: Response) -> Any:
    found = []
    for call in response.tool_calls:
        arguments = loose_json.mapping(call.arguments) if call.arguments.strip() else {}
        if not arguments and call.arguments.strip() not in ("", "{}", "null"):
            message = f"the arguments of the call of {call.name!r} are no JSON object: {call.arguments[:200]!r}."
            raise ParseError(message, raw=call.arguments)
        found.append({"name": call.name, "args": arguments, "id": call.id})
    return written.coerced(field, found)


def calls(fields: Sequence[Field], given: Mapping[str, Any], prefix: str) -> tuple[ToolCall, ...]:
    """The tool calls of an earlier turn, as messages carry them. Calls without an id get one."""
    wanted = [field for field in fields if role_of(field.type) == "tool_calls" and given.get(field.name) is not None]
    made = [call for field in wanted for call in written.coerced(field, given[field.name]).tool_calls]
    return tuple(
        ToolCall(call.id or f"{prefix}_{number}", call.name, written.write(call.args)) for number, call in enumerate(made)
    )
