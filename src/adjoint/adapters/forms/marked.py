"""The marked form: a line `[[name]]` before each output; a single output needs no mark.

DSPy's `[[ ## name ## ]]`, which many models have learned, is read as well.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from adjoint.adapters import values, written
from adjoint.adapters.forms.form import Form, collect, lacking
from adjoint.adapters.pieces import MarkedReader

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from adjoint.adapters.pieces import Reader
    from adjoint.signature.fields import Field

_NAME = r"\[\[(?:\w+|[ \t]*##[ \t]*\w+[ \t]*##[ \t]*)\]\]"
_MARKER = re.compile(rf"^{_NAME}[ \t]*:?[ \t]*", re.MULTILINE)
_ESCAPE = re.compile(rf"^(\\*{_NAME})", re.MULTILINE)
_UNESCAPE = re.compile(rf"^\\(\\*{_NAME})", re.MULTILINE)


class MarkedForm(Form):
    """`[[name]]` and the value below it. The embedded model has learned it; others copy the marks and fill them in."""

    name = "marked"

    def describe(self, outputs: Sequence[Field]) -> str:
        hints = [values.hint(field) for field in outputs]
        if len(outputs) == 1:
            return f"Reply only with {hints[0]}." if hints[0] else ""
        shown = (f"[[{field.name}]]\n{said or '...'}" for field, said in zip(outputs, hints, strict=True))
        return "Reply in this form:\n" + "\n".join(shown)

    def write(self, outputs: Sequence[Field], given: Mapping[str, Any]) -> str:
        if len(outputs) == 1:
            return escaped(written.write(given[outputs[0].name]))
        present = [field for field in outputs if field.name in given]
        return "\n".join(f"[[{field.name}]]\n{escaped(written.write(given[field.name]))}" for field in present)

    def read(self, outputs: Sequence[Field], text: str, *, whole: bool = True) -> dict[str, Any]:
        if len(outputs) == 1:
            return collect(outputs, text, lambda field: values.read(field, only(field, text), whole=whole))
        found, last = blocks(text, {field.name for field in outputs})

        def one(field: Field) -> Any:
            if field.name not in found:
                return lacking(field, f"[[{field.name}]]", text)
            # A block that another one follows is complete even if the reply was cut off.
            return values.read(field, found[field.name], whole=whole or field.name != last)

        return collect(outputs, text, one)

    def reader(self, outputs: Sequence[Field]) -> Reader:
        names = [field.name for field in outputs]
        unmarked = names[0] if len(names) == 1 else None
        return MarkedReader(_MARKER, _UNESCAPE, lambda marker: marked(marker, names), unmarked=unmarked)


def only(field: Field, text: str) -> str:
    """The text of the one output, which may stand behind its mark."""
    if "[[" not in text:
        return text
    found, _ = blocks(text, {field.name})
    return found.get(field.name, _UNESCAPE.sub(r"\1", text))


def escaped(text: str) -> str:
    """Put a backslash before whatever looks like a marker at the start of a line."""
    begin = text.lstrip()  # blanks before a reply are no part of it, so a marker may stand behind them
    return _ESCAPE.sub(r"\\\1", begin if _ESCAPE.match(begin) else text)


def blocks(text: str, names: set[str]) -> tuple[dict[str, str], str]:
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
    return {field: _UNESCAPE.sub(r"\1", text[start:end]).strip() for field, (start, end) in spans.items()}, name


def marked(marker: str, names: Container[str]) -> str | None:
    """The name that a marker gives, if it is one of `names`; None for all others, which are text.

    Empty for others in DSPy's form, which is nothing that anybody writes in a text: one of them ends a reply.
    """
    name = marker.strip("[]:# \t")
    if name in names:
        return name
    return "" if "#" in marker else None
