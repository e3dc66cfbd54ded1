"""The Chat adapter: the compact default. One output is plain text; only several outputs are marked `[[name]]`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from adjoint.adapters import loose_json, values, written
from adjoint.adapters.pieces import MarkedReader
from adjoint.adapters.turns import TurnAdapter, input_pieces
from adjoint.base.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from adjoint.adapters.pieces import Reader
    from adjoint.signature.fields import Field

_NAME = r"\[\[(?:\w+|[ \t]*##[ \t]*\w+[ \t]*##[ \t]*)\]\]"
"""A marker, `[[name]]`; DSPy's `[[ ## name ## ]]`, which many models have learned, is read as well."""
_MARKER = re.compile(rf"^{_NAME}[ \t]*:?[ \t]*", re.MULTILINE)
_ESCAPE = re.compile(rf"^(\\*{_NAME})", re.MULTILINE)
_UNESCAPE = re.compile(rf"^\\(\\*{_NAME})", re.MULTILINE)


class ChatAdapter(TurnAdapter):
    """Instruction as system message, demos as earlier turns, the inputs as the last user message.

    With `use_json_adapter_fallback` a reply that is JSON instead of marked fields is read as well, without asking again.
    """

    name = "chat"

    def __init__(self, *, use_json_adapter_fallback: bool = True, use_native_function_calling: bool = True) -> None:
        super().__init__(use_native_function_calling=use_native_function_calling)
        self.use_json_adapter_fallback = use_json_adapter_fallback

    def form(self, outputs: Sequence[Field], supports: frozenset[str]) -> str:
        del supports
        hints = [values.hint(field) for field in outputs]
        if len(outputs) == 1:
            return f"Reply only with {hints[0]}." if hints[0] else ""
        marked = (f"[[{field.name}]]\n{said or '...'}" for field, said in zip(outputs, hints, strict=True))
        return "Reply in this form:\n" + "\n".join(marked)

    def write(self, outputs: Sequence[Field], given: Mapping[str, Any]) -> str:
        return outputs_text(outputs, given)

    def read(self, outputs: Sequence[Field], text: str, *, whole: bool) -> dict[str, Any]:
        if len(outputs) == 1:
            return {outputs[0].name: self._only(outputs[0], text, whole=whole)}
        names = {field.name for field in outputs}
        blocks, last = _blocks(text, names)
        members = {} if blocks or not self.use_json_adapter_fallback else loose_json.members(text, names, whole=whole)
        found = {}
        for field in outputs:
            if field.name in blocks:
                # A block that another one follows is complete even if the reply was cut off.
                found[field.name] = values.read(field, blocks[field.name], whole=whole or field.name != last)
            elif field.name in members:
                found[field.name] = values.take(field, members[field.name], whole=whole)
            elif not field.required:
                found[field.name] = field.fallback
            else:
                raise _lacking(outputs, blocks or members, text)
        return found

    def reader(self, outputs: Sequence[Field]) -> Reader:
        names = [field.name for field in outputs]
        return MarkedReader(names, _MARKER, _UNESCAPE, lambda marker: marked(marker, names))

    def _only(self, field: Field, text: str, *, whole: bool) -> Any:
        """The one output, whose reply needs no marker."""
        body = text
        if "[[" in text:
            blocks, _ = _blocks(text, {field.name})
            body = blocks.get(field.name, _unescape(text))
        try:
            return values.read(field, body, whole=whole)
        except ParseError:
            members = loose_json.members(text, {field.name}, whole=whole) if self.use_json_adapter_fallback else {}
            if not members:
                raise
            return values.take(field, members[field.name], whole=whole)


def inputs_text(fields: Sequence[Field], inputs: Mapping[str, Any], *, partial: bool = False) -> str:
    """The inputs of a call as text; images, sounds and files are named only."""
    pieces = input_pieces(fields, inputs, partial=partial)
    return "".join(piece if isinstance(piece, str) else f"[{piece.kind}]" for piece in pieces)


def outputs_text(fields: Sequence[Field], outputs: Mapping[str, Any]) -> str:
    """The outputs as the assistant writes them: bare text if there is one field, else marked blocks."""
    if len(fields) == 1:
        return _escape(written.write(outputs[fields[0].name]))
    present = [field for field in fields if field.name in outputs]
    return "\n".join(f"[[{field.name}]]\n{_escape(written.write(outputs[field.name]))}" for field in present)


def _lacking(outputs: Sequence[Field], found: Mapping[str, Any], text: str) -> ParseError:
    missing = ", ".join(f"[[{field.name}]]" for field in outputs if field.name not in found and field.required)
    has = ", ".join(f"[[{name}]]" for name in found) or "no marked field"
    return ParseError(f"the reply lacks {missing}; it has {has}.", raw=text)


def _escape(text: str) -> str:
    """Put a backslash before whatever looks like a marker at the start of a line."""
    begin = text.lstrip()  # blanks before a reply are no part of it, so a marker may stand behind them
    return _ESCAPE.sub(r"\\\1", begin if _ESCAPE.match(begin) else text)


def _unescape(text: str) -> str:
    return _UNESCAPE.sub(r"\1", text)


def _blocks(text: str, names: set[str]) -> tuple[dict[str, str], str]:
    """The text behind each marker of `names`, and the name of the last; of blocks with one name the last counts.

    Reasoning may quote an earlier one.
    """
    text = text.lstrip()
    spans: dict[str, tuple[int, int]] = {}
    name, begin = "", 0
    for match in _MARKER.finditer(text):
        found = marked(match.group(), names)
        if found is not None:
            spans[name] = begin, match.start()
            name, begin = found, match.end()
    spans[name] = begin, len(text)
    spans.pop("", None)  # what stands before the first marker, or behind the one that ends a reply
    return {field: _unescape(text[start:end]).strip() for field, (start, end) in spans.items()}, name


def marked(marker: str, names: Container[str]) -> str | None:
    """The name that a marker gives, if it is one of `names`; None for all others, which are text.

    Empty for others in DSPy's form, which is nothing that anybody writes in a text: one of them ends a reply.
    """
    name = marker.strip("[]:# \t")
    if name in names:
        return name
    return "" if "#" in marker else None
