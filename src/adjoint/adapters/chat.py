"""The Chat adapter: the compact default. One output is plain text; only several outputs are marked `[[name]]`."""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.adapters import values
from adjoint.base.errors import ParseError, UsageError
from adjoint.lm.types import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.lm.types import Response
    from adjoint.signature.fields import Field
    from adjoint.signature.signature import Signature

_MARKER = re.compile(r"^\[\[(\w+)\]\][ \t]*:?[ \t]*", re.MULTILINE)
_ESCAPE = re.compile(r"^(\\*\[\[\w+\]\])", re.MULTILINE)
_LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""Whatever a reader could take for the end of a line."""
_CLOSING = re.compile(r">{3,}")
_UNESCAPE = re.compile(r"^\\(\\*\[\[\w+\]\])", re.MULTILINE)


@dataclass(frozen=True)
class Layout:
    """What can be worked out once for a signature."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    suffix: str
    """What the system message says after the instruction: descriptions of fields and the form of the reply."""

    @classmethod
    def of(cls, signature: type[Signature]) -> Layout:
        inputs, outputs = tuple(signature.input_fields.values()), tuple(signature.output_fields.values())
        parts = []
        described = [f"- {field.name}: {field.desc}" for field in (*inputs, *outputs) if field.desc]
        if described:
            parts.append("\n".join(described))
        for field in outputs:
            field.validator  # noqa: B018 - a type that cannot be checked is refused before anything is asked
        hints = [values.hint(field) for field in outputs]
        if len(outputs) == 1:
            if hints[0]:
                parts.append(f"Reply only with {hints[0]}.")
        else:
            form = "\n".join(f"[[{field.name}]]\n{said or '...'}" for field, said in zip(outputs, hints, strict=True))
            parts.append(f"Reply in this form:\n{form}")
        return cls(inputs, outputs, "".join(f"\n\n{part}" for part in parts))


_layouts: weakref.WeakKeyDictionary[type[Signature], Layout] = weakref.WeakKeyDictionary()


def layout(signature: type[Signature]) -> Layout:
    """The layout of a signature, worked out on first use."""
    found = _layouts.get(signature)
    if found is None:
        found = _layouts[signature] = Layout.of(signature)
    return found


class ChatAdapter:
    """Instruction as system message, demos as earlier turns, the inputs as the last user message."""

    name = "chat"

    def prefix(self, signature: type[Signature], instruction: str, demos: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
        plan = layout(signature)
        messages = [Message("system", instruction + plan.suffix)]
        for number, demo in enumerate(demos):
            if not any(field.name in demo for field in plan.outputs):
                names = ", ".join(field.name for field in plan.outputs)
                message = f"demo {number} has none of the outputs ({names}), so it shows nothing; its fields are {', '.join(demo)}."
                raise UsageError(message)
            messages.append(Message("user", inputs_text(plan.inputs, demo, partial=True)))
            messages.append(Message("assistant", outputs_text(plan.outputs, demo)))
        return tuple(messages)

    def turn(self, signature: type[Signature], inputs: Mapping[str, Any]) -> Message:
        return Message("user", inputs_text(layout(signature).inputs, inputs))

    def parse(self, signature: type[Signature], response: Response) -> dict[str, Any]:
        outputs, whole = layout(signature).outputs, response.finish != "length"
        if len(outputs) == 1:
            only = outputs[0]
            blocks = _blocks(response.text, {only.name}) or {only.name: _unescape(response.text)}
            return {only.name: values.read(only, blocks[only.name], whole=whole)}
        names = {field.name for field in outputs}
        blocks = _blocks(response.text, names) or _members(response.text, names)
        missing = [field for field in outputs if field.name not in blocks and field.required]
        if missing:
            message = (
                f"the reply lacks {', '.join(f'[[{field.name}]]' for field in missing)}; "
                f"it has {', '.join(f'[[{name}]]' for name in blocks) or 'no marked field'}."
            )
            raise ParseError(message, raw=response.text)
        return {
            field.name: values.read(field, blocks[field.name], whole=whole) if field.name in blocks else field.default
            for field in outputs
        }


def inputs_text(fields: Sequence[Field], inputs: Mapping[str, Any], *, partial: bool = False) -> str:
    """The inputs as one user message: bare text if there is one field, else a line or a fenced block for each.

    Two different inputs never give the same text: a value of several lines stands between fences that are longer than
    any fence inside it. Fields left out are written with their default, those whose default is empty not at all.
    `partial` lets fields be absent (demos).
    """
    if not partial:
        inputs = {**{field.name: field.default for field in fields if not field.required}, **inputs}
    present = [field for field in fields if field.name in inputs and not _left_out(field, inputs[field.name])]
    missing = [field.name for field in fields if field.name not in inputs and field.required]
    if missing and not partial:
        message = f"the input {missing[0]!r} is missing; given are {', '.join(inputs) or 'none'}."
        raise UsageError(message)
    if len(fields) == 1 and present:
        return values.write(inputs[present[0].name])
    return "\n".join(_line(field.name, values.write(inputs[field.name])) for field in present)


def outputs_text(fields: Sequence[Field], outputs: Mapping[str, Any]) -> str:
    """The outputs as the assistant writes them: bare text if there is one field, else marked blocks."""
    if len(fields) == 1:
        return _escape(values.write(outputs[fields[0].name]))
    present = [field for field in fields if field.name in outputs]
    return "\n".join(f"[[{field.name}]]\n{_escape(values.write(outputs[field.name]))}" for field in present)


def _left_out(field: Field, value: Any) -> bool:
    return (value is None or (isinstance(value, str) and not value)) and value == field.default


def _line(name: str, text: str) -> str:
    if not _LINE_END.search(text):
        return f"{name}: {text}"
    width = max((len(run) + 1 for run in _CLOSING.findall(text)), default=3)
    return f"{name}:\n{'<' * width}\n{text}\n{'>' * width}"


def _escape(text: str) -> str:
    """Put a backslash before whatever looks like a marker at the start of a line."""
    return _ESCAPE.sub(r"\\\1", text)


def _unescape(text: str) -> str:
    return _UNESCAPE.sub(r"\1", text)


def _blocks(text: str, names: set[str]) -> dict[str, str]:
    """The text behind each marker of `names`; the last block of a name counts, since reasoning may quote an earlier one."""
    marks = [match for match in _MARKER.finditer(text) if match.group(1) in names]
    ends = [match.start() for match in marks[1:]] + [len(text)]
    return {match.group(1): _unescape(text[match.end() : end]).strip() for match, end in zip(marks, ends, strict=False)}


def _members(text: str, names: set[str]) -> dict[str, str]:
    """The outputs in a reply that is a JSON object instead of marked blocks."""
    return {name: values.write(value) for name, value in values.mapping(text).items() if name in names}
