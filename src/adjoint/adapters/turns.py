"""What all adapters share: instruction as system message, demos and history as earlier turns, inputs as the last message.

An adapter is a subclass that names the `Form` of replies to a signature's outputs (`choose`), or says by itself how they are asked
for (`form`, `remind`), written (`write`) and read (`read`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from adjoint.adapters import native, schemas, written
from adjoint.adapters.base import NOTHING, render
from adjoint.adapters.called import Called
from adjoint.base.errors import ParseError, RefusalError, UsageError
from adjoint.base.parts import Part
from adjoint.lm import openai_form
from adjoint.lm.types import Message, Response
from adjoint.signature.types.known import role_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.adapters.base import Step
    from adjoint.adapters.forms.form import Form
    from adjoint.adapters.pieces import Reader
    from adjoint.signature.fields import Field
    from adjoint.signature.signature import Signature

Pieces: TypeAlias = "list[str | Part]"
"""A text with parts in it."""

_LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""Whatever a reader could take for the end of a line."""
_CLOSING = re.compile(r">{3,}")


@dataclass(frozen=True)
class Layout:
    """What can be worked out once for an adapter, a signature and what the LM supports."""

    signature_name: str
    inputs: tuple[Field, ...]
    """The fields that stand in the user message."""
    outputs: tuple[Field, ...]
    """The fields that stand in the text of the reply."""
    history: Field | None
    tools: tuple[Field, ...]
    """Inputs that go to the LM as tools."""
    outside: tuple[Field, ...]
    """Outputs that come beside the text: reasoning and tool calls of models that have them."""
    suffix: str
    """What the system message says after the instruction: descriptions of fields and the form of the reply."""
    reminder: str
    """What the last message says after the inputs."""

    @classmethod
    def of(cls, adapter: TurnAdapter, signature: type[Signature], supports: frozenset[str]) -> Layout:
        inputs, outputs = tuple(signature.input_fields.values()), tuple(signature.output_fields.values())
        histories = [field for field in inputs if role_of(field.type) == "history"]
        if len(histories) > 1:
            message = f"{signature.__name__} has two histories, {histories[0].name!r} and {histories[1].name!r}; a call has one."
            raise UsageError(message)
        tools, outside = native.split(inputs, outputs, supports)
        for field in outputs:
            field.validator  # noqa: B018 - a type that cannot be checked is refused before anything is asked
        shown = tuple(field for field in inputs if field not in histories and field not in tools)
        said = tuple(field for field in outputs if field not in outside)
        described = [f"- {field.name}: {field.desc}" for field in (*shown, *said) if field.desc]
        parts = ["\n".join(described), adapter.form(said, supports) if said else ""]
        suffix = "".join(f"\n\n{part}" for part in parts if part)
        reminder = adapter.remind(said) if said else ""
        return cls(signature.__name__, shown, said, histories[0] if histories else None, tools, outside, suffix, reminder)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the reply as one object."""
        return schemas.object_schema(self.outputs, self.signature_name)


class TurnAdapter(Called):
    """Pure functions over a signature; see `adapters/base.Adapter` for what each gives.

    `use_native_function_calling` lets the LM call tools in its own way where it can; otherwise tools stand in the prompt.
    """

    name = ""
    varies: tuple[Any, ...] = ()
    """What the forms of two adapters of one class may differ in."""

    def __init_subclass__(cls, **options: Any) -> None:
        """DSPy's hooks of `format` are not asked here, so that overriding one would change nothing."""
        super().__init_subclass__(**options)
        for name in vars(cls):
            if name.startswith("format_"):
                message = (
                    f"{cls.__name__}.{name} would not be asked: override form (the form of replies), ask (inputs), write or read (outputs), "
                    "or format as a whole; or begin with adjoint.Adapter, which asks it."
                )
                raise UsageError(message)

    def __init__(self, *, use_native_function_calling: bool = True) -> None:
        self.use_native_function_calling = use_native_function_calling

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def choose(self, outputs: Sequence[Field]) -> Form:
        """The form of replies with these outputs."""
        message = f"{type(self).__name__} has no form of replies: write choose, or form, write and read."
        raise NotImplementedError(message)

    def form(self, outputs: Sequence[Field], supports: frozenset[str]) -> str:
        """How the prompt asks for these outputs; empty if nothing needs to be said."""
        del supports
        return self.choose(outputs).describe(outputs)

    def remind(self, outputs: Sequence[Field]) -> str:
        """What is said once more behind the inputs; empty if nothing needs to be said."""
        del outputs
        return ""

    def write(self, outputs: Sequence[Field], given: Mapping[str, Any]) -> str:
        """The outputs as the assistant writes them; fields may be absent (demos)."""
        return self.choose(outputs).write(outputs, given)

    def read(self, outputs: Sequence[Field], text: str, *, whole: bool) -> dict[str, Any]:
        """The typed outputs of a reply, or `ParseError`. A text that was cut off is not `whole`."""
        return self.choose(outputs).read(outputs, text, whole=whole)

    def reader(self, outputs: Sequence[Field]) -> Reader | None:
        """What cuts a reply into these outputs while it is being written; None if that cannot be done."""
        return self.choose(outputs).reader(outputs)

    def ask(self, inputs: Sequence[Field], given: Mapping[str, Any], *, partial: bool = False) -> Pieces:
        """The inputs as one user message."""
        return input_pieces(inputs, given, partial=partial)

    def layout(self, signature: type[Signature], supports: frozenset[str] = NOTHING) -> Layout:
        """The layout of a signature, worked out on first use."""
        key = (type(self), self.use_native_function_calling, self.varies, supports)
        found: Layout | None = signature._worked_out.get(key)
        if found is None:
            usable = supports if self.use_native_function_calling else supports - {"tools"}
            found = signature._worked_out[key] = Layout.of(self, signature, usable)
        return found

    def prefix(
        self,
        signature: type[Signature],
        instruction: str,
        demos: Sequence[Mapping[str, Any]],
        *,
        supports: frozenset[str] = NOTHING,
    ) -> tuple[Message, ...]:
        plan = self.layout(signature, supports)
        messages = [Message("system", instruction + plan.suffix)]
        for number, demo in enumerate(demos):
            outputs = (*plan.outputs, *plan.outside)
            if not any(field.name in demo for field in outputs):
                names = ", ".join(field.name for field in outputs)
                message = (
                    f"demo {number} has none of the outputs ({names}), so it shows nothing; its fields are {', '.join(demo)}."
                )
                raise UsageError(message)
            messages += self._earlier(plan, demo)
            messages.append(Message("user", content(self.ask(plan.inputs, demo, partial=True))))
            messages += self._answer(plan, demo, f"demo{number}")
        return tuple(messages)

    def history(
        self, signature: type[Signature], inputs: Mapping[str, Any], *, supports: frozenset[str] = NOTHING
    ) -> tuple[Message, ...]:
        plan = self.layout(signature, supports)
        return tuple(self._earlier(plan, inputs)) if plan.history else ()

    def turn(self, signature: type[Signature], inputs: Mapping[str, Any], *, supports: frozenset[str] = NOTHING) -> Message:
        plan = self.layout(signature, supports)
        asked = self.ask(plan.inputs, inputs)
        return Message("user", content([*asked, f"\n\n{plan.reminder}"] if plan.reminder else asked))

    def options(
        self, signature: type[Signature], inputs: Mapping[str, Any], *, supports: frozenset[str] = NOTHING
    ) -> dict[str, Any]:
        plan = self.layout(signature, supports)
        return {"tools": native.specs(plan.tools, inputs)} if plan.tools else {}

    def format(
        self, signature: type[Signature], demos: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The messages of a call as dictionaries in OpenAI's form, as DSPy's adapters give them."""
        made = render(self, signature, signature.instructions, demos, inputs)
        return [openai_form.chat_message(message) for message in made.messages]

    def parse(
        self, signature: type[Signature], response: Response | str, *, supports: frozenset[str] = NOTHING
    ) -> dict[str, Any]:
        """The typed outputs of a reply, or of its text alone."""
        if isinstance(response, str):
            response = Response(response)
        answered(response)
        plan = self.layout(signature, supports)
        if not plan.outside:
            return self._read(plan, response, signature)
        outside = native.outputs(plan.outside, response)
        if response.tool_calls and not response.text.strip():
            # A model that calls tools says nothing else yet: what is missing is None and not made up.
            said = {field.name: None if field.required else field.fallback for field in plan.outputs}
        else:
            said = self._read(plan, response, signature) if plan.outputs else {}
        found = {**outside, **said}
        return {name: found[name] for name in signature.output_fields}

    def pieces(self, signature: type[Signature], *, supports: frozenset[str] = NOTHING) -> Reader | None:
        """What cuts a reply into its fields while it is being written, if this adapter can."""
        return self.reader(self.layout(signature, supports).outputs)

    def then(self, signature: type[Signature], response: Response) -> Step | None:
        del signature, response
        return None

    def _read(self, plan: Layout, response: Response, signature: type[Signature]) -> dict[str, Any]:
        whole = response.finish != "length"
        try:
            return self.read(plan.outputs, response.text, whole=whole)
        except ParseError as error:
            message = str(error) if whole else f"{error} {cut_off(response)}"
            raise ParseError(
                message,
                raw=response.text,
                adapter_name=type(self).__name__,
                signature=signature,
                found=error.found,
                problems=error.problems,
            ) from None

    def _earlier(self, plan: Layout, given: Mapping[str, Any]) -> list[Message]:
        """The turns of the history, if there is one."""
        if plan.history is None or given.get(plan.history.name) is None:
            return []
        turns: list[Message] = []
        for number, said in enumerate(written.coerced(plan.history, given[plan.history.name]).messages):
            known = {field.name for field in (*plan.inputs, *plan.tools, *plan.outputs, *plan.outside)}
            unknown = [name for name in said if name not in known]
            if unknown:
                message = f"the history has a field {unknown[0]!r}, which the signature lacks; it has {', '.join(sorted(known))}."
                raise UsageError(message)
            if any(field.name in said for field in plan.inputs):
                turns.append(Message("user", content(self.ask(plan.inputs, said, partial=True))))
            if any(field.name in said for field in (*plan.outputs, *plan.outside)):
                turns += self._answer(plan, said, f"turn{number}")
        return turns

    def _answer(self, plan: Layout, given: Mapping[str, Any], call_id: str) -> list[Message]:
        """What the assistant said in a demo or an earlier turn: a text, and tool calls with the answers that they need."""
        present = [field for field in plan.outputs if field.name in given]
        calls = native.calls(plan.outside, given, call_id)
        said = Message("assistant", self.write(plan.outputs, given) if present else "", tool_calls=calls)
        return [said, *(Message("tool", "", tool_call_id=call.id) for call in calls)]


def answered(response: Response) -> None:
    """Raise `RefusalError` if the model declined: its words are no answer."""
    if response.finish == "refusal":
        message = (
            f"the model declined to answer: {response.text[:200]!r}. Say what is wanted in other words, or ask another model."
        )
        raise RefusalError(message)


def cut_off(response: Response) -> str:
    """What to do about a reply that ended too early."""
    after = f" after {response.usage.output_tokens} tokens" if response.usage.output_tokens else ""
    return f"The reply was cut off at its limit{after}: raise max_tokens."


def input_pieces(fields: Sequence[Field], inputs: Mapping[str, Any], *, partial: bool = False) -> Pieces:
    """The inputs as one user message: bare if there is one field, else a line or a fenced block for each.

    Two different inputs never give the same text: a value of several lines stands between fences that are longer than
    any fence inside it. Fields left out are written with their default, those whose default is empty not at all.
    `partial` lets fields be absent (demos).
    """
    shown = present(fields, inputs, partial=partial)
    if len(fields) == 1 and shown:
        return shown[0][1]
    joined: Pieces = []
    for number, (name, pieces) in enumerate(shown):
        joined += ["\n", *_line(name, pieces)] if number else _line(name, pieces)
    return joined


def present(fields: Sequence[Field], inputs: Mapping[str, Any], *, partial: bool = False) -> list[tuple[str, Pieces]]:
    """The fields that are written, each with its value in pieces; raises `UsageError` for a missing one."""
    if not partial:
        absent = [field for field in fields if field.name not in inputs]
        missing = [field.name for field in absent if field.required]
        if missing:
            message = f"the input {missing[0]!r} is missing; given are {', '.join(inputs) or 'none'}."
            raise UsageError(message)
        if absent:
            inputs = {**{field.name: field.fallback for field in absent}, **inputs}
    return [
        (field.name, written.pieces(written.coerced(field, inputs[field.name]) if field.rich else inputs[field.name]))
        for field in fields
        if field.name in inputs and not _left_out(field, inputs[field.name])
    ]


def content(pieces: Pieces) -> str | tuple[Part, ...]:
    """Pieces as the content of a message: a plain text where there is nothing else."""
    if all(type(piece) is str for piece in pieces):  # most
        return "".join(pieces)  # type: ignore[arg-type]
    made: list[Part] = []
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
        else:
            made += [Part("text", text=text), piece] if text else [piece]
            text = ""
    if not made:
        return text
    return (*made, Part("text", text=text)) if text else tuple(made)


def _left_out(field: Field, value: Any) -> bool:
    return (value is None or (isinstance(value, str) and not value)) and value == field.fallback


def _line(name: str, pieces: Pieces) -> Pieces:
    """A value behind its name, between fences if its text has several lines."""
    texts = [piece for piece in pieces if isinstance(piece, str)]
    if not any(_LINE_END.search(text) for text in texts):
        return [f"{name}: ", *pieces]
    width = max((len(run) + 1 for text in texts for run in _CLOSING.findall(text)), default=3)
    return [f"{name}:\n{'<' * width}\n", *pieces, f"\n{'>' * width}"]
