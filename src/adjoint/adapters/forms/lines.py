"""The labelled form: `Reasoning: ...` and then `Answer: ...`, for reasoning before plain values, and for code."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.adapters import example, values, written
from adjoint.adapters.forms.form import Form, collect, copied, lacking
from adjoint.adapters.pieces import MarkedReader
from adjoint.base.errors import ParseError
from adjoint.signature.fields import in_words
from adjoint.signature.types.known import role_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.adapters.pieces import Reader
    from adjoint.signature.fields import Field

_LEAD = r"[ \t]*(?:(?:[-*+>]|#+|\d+\.)[ \t]+)?[*_`]{0,3}"
"""What models put before a label: bullets, numbers, headings, bold."""
_LEAD_LENGTH = 12
_LONGEST_REMINDER = 100
"""Characters of a type in the reminder; what needs more stands in the form above."""
_REASONING = frozenset({"rationale", "reasoning"})


class LinesForm(Form):
    """`Label: value`, one below the other. A model that reasons freely before a value is right more often than inside of JSON."""

    name = "lines"

    def describe(self, outputs: Sequence[Field]) -> str:
        above, labels = example.listed(outputs), _of(outputs).of
        shown = "\n".join(f"{labels[field.name]}: {_placeholder(field)}" for field in outputs)
        return f"{above}\n\nReply in this form:\n{shown}" if above else f"Reply in this form:\n{shown}"

    def remind(self, outputs: Sequence[Field]) -> str:
        labels = _of(outputs).of
        named = " and then ".join(f'"{labels[field.name]}:"{_reminded(field)}' for field in outputs)
        return f"Reply with {named}."

    def write(self, outputs: Sequence[Field], given: Mapping[str, Any]) -> str:
        labels = _of(outputs)
        return "\n".join(
            f"{labels.of[field.name]}: {labels.escape.sub(_backslashed, written.write(given[field.name]).strip())}"
            for field in outputs
            if field.name in given
        )

    def read(self, outputs: Sequence[Field], text: str, *, whole: bool = True) -> dict[str, Any]:
        labels = _of(outputs)
        found, last = _blocks(outputs, labels, text)

        def one(field: Field) -> Any:
            if not found and len(outputs) == 1 and not example.is_text(field):
                return values.read(field, text, whole=whole)  # one value needs no label
            label = f'"{labels.of[field.name]}:"'
            if field.name not in found:
                return lacking(field, label, text)
            said = found[field.name]
            if said == _placeholder(field) or example.repeats(field, said):
                raise copied(label, text)
            # A block that another one follows is complete even if the reply was cut off.
            return _value(field, said, whole=whole or field.name != last)

        return collect(outputs, text, one)

    def reader(self, outputs: Sequence[Field]) -> Reader:
        labels = _of(outputs)
        longest = max(map(len, labels.names)) + _LEAD_LENGTH
        return MarkedReader(
            labels.head,
            labels.line,
            lambda mark: labels.names[labels.head.match(mark)["name"].casefold()],  # type: ignore[index]
            unmarked=outputs[0].name if is_reasoning(outputs[0]) else None,
            maybe=re.compile(rf"[^:\n]{{0,{longest}}}(:[*_`]{{0,3}}[ \t]*)?"),
        )


@dataclass(frozen=True, slots=True)
class _Labels:
    """The labels of some outputs, and the expressions that find them."""

    of: dict[str, str]
    """The label of each output: its name as people write it (`due_date` is `Due Date`) where no two are alike."""
    names: dict[str, str]
    """The output that each spelling of a label, in small letters, stands for."""
    head: re.Pattern[str]
    """A label at the beginning of a line with what stands around it; the group `name` is its words."""
    within: re.Pattern[str]
    """The same, or behind the end of a sentence."""
    escape: re.Pattern[str]
    """What must be escaped in a value: a label in any line but the first."""
    escaped: re.Pattern[str]
    """What was."""
    line: re.Pattern[str]
    """What was, where a line stands alone."""


@functools.lru_cache(maxsize=512)
def _labels(fields: tuple[str, ...]) -> _Labels:
    made = {name: in_words(name) for name in fields}
    alone = len({label.casefold() for label in made.values()}) == len(made) and all(made.values())
    of = made if alone else {name: name for name in made}
    names = {name.casefold(): name for name in of} | {label.casefold(): name for name, label in of.items()}
    words = {word for pair in of.items() for word in pair}
    named = "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word))))
    head = rf"{_LEAD}(?P<name>{named})[*_`]{{0,3}}[ \t]*:[*_`]{{0,3}}[ \t]*"
    return _Labels(
        of,
        names,
        re.compile(f"^{head}", re.MULTILINE | re.IGNORECASE),
        re.compile(rf"(?:^|(?<=[.!?;,]\s)){head}", re.MULTILINE | re.IGNORECASE),
        re.compile(rf"(?<=\n)(\\*{head})", re.IGNORECASE),
        re.compile(rf"(?<=\n)\\(\\*{head})", re.IGNORECASE),
        re.compile(rf"^\\(\\*{head})", re.IGNORECASE),
    )


def _of(outputs: Sequence[Field]) -> _Labels:
    return _labels(tuple(field.name for field in outputs))


def _backslashed(match: re.Match[str]) -> str:
    return "\\" + match.group()


def _blocks(outputs: Sequence[Field], labels: _Labels, text: str) -> tuple[dict[str, str], str]:
    """The text behind each label, up to the next one, and the last output that has one.

    Reasoning may stand before the first label without one of its own. Where a label comes again, a model has gone on to a next
    question, which nobody asked.
    """
    marks = list(labels.head.finditer(text))
    if len(marks) < len(outputs):  # all in one line
        within = list(labels.within.finditer(text))
        marks = within if len({mark["name"].casefold() for mark in within}) > len(marks) else marks
    found: dict[str, str] = {}
    last = ""
    for mark, end in zip(marks, [*(mark.start() for mark in marks[1:]), len(text)], strict=False):
        name = labels.names[mark["name"].casefold()]
        if name in found:
            break
        found[name] = labels.escaped.sub(r"\1", text[mark.end() : end]).strip()
        last = name
    first = outputs[0]
    before = text[: marks[0].start()].strip() if marks else ""
    if before and first.name not in found and is_reasoning(first):
        found[first.name] = before
    return found, last


def _placeholder(field: Field) -> str:
    if is_reasoning(field):
        return "<think step by step>"
    if example.has_parts(field):
        return example.of_field(field)
    return f"<{example.wanted(field) or field.name.replace('_', ' ')}>"


def _reminded(field: Field) -> str:
    said = "" if example.has_parts(field) else example.wanted(field)
    return f" ({said})" if 0 < len(said) <= _LONGEST_REMINDER else ""


def is_reasoning(field: Field) -> bool:
    """Whether an output is what the model thinks before it answers."""
    return example.is_text(field) and (field.name in _REASONING or role_of(field.type) == "reasoning")


def _value(field: Field, text: str, *, whole: bool) -> Any:
    """The value behind a label; its first line where the whole has no plain meaning."""
    try:
        return values.read(field, text, whole=whole)
    except ParseError:
        first, _, more = text.partition("\n")
        if not first.strip() or not more.strip():
            raise
        return values.read(field, first)
