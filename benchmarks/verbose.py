"""The Chat form of DSPy 3.4, as an adapter: `[[ ## field ## ]]` markers, the structure and the reminder of it. It is read as Chat reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint import ChatAdapter
from adjoint.adapters.base import NOTHING, render
from adjoint.adapters.simple import choices
from adjoint.adapters.written import write
from adjoint.lm.types import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint import Signature
    from adjoint.signature.fields import Field


class VerboseAdapter(ChatAdapter):
    """Texts, labels, numbers, booleans and lists; descriptions of fields are not rendered, as the tasks here have none."""

    name = "verbose"

    def prefix(
        self,
        signature: type[Signature],
        instruction: str,
        demos: Sequence[Mapping[str, Any]],
        *,
        supports: frozenset[str] = NOTHING,
    ) -> tuple[Message, ...]:
        return (Message("system", _system(signature, instruction)), *super().prefix(signature, "", demos, supports=supports)[1:])

    def turn(self, signature: type[Signature], inputs: Mapping[str, Any], *, supports: frozenset[str] = NOTHING) -> Message:
        asked = ", then ".join(f"`{_marker(name)}`{_reminder(field)}" for name, field in signature.output_fields.items())
        reminder = (
            f"Respond with the corresponding output fields, starting with the field {asked}, "
            f"and then ending with the marker for `{_marker('completed')}`."
        )
        return Message("user", f"{super().turn(signature, inputs, supports=supports).text}\n\n{reminder}")

    def ask(self, inputs: Sequence[Field], given: Mapping[str, Any], *, partial: bool = False) -> list[Any]:
        del partial
        return [_blocks({field.name: given[field.name] for field in inputs})]

    def write(self, outputs: Sequence[Field], given: Mapping[str, Any]) -> str:
        return f"{_blocks({field.name: given[field.name] for field in outputs})}\n\n{_marker('completed')}\n"


def differences(
    signature: type[Signature], demos: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """The messages that DSPy itself renders otherwise than `VerboseAdapter`, ours and theirs."""
    ours = render(VerboseAdapter(), signature, signature.instructions, demos, inputs).messages
    import dspy

    theirs = dspy.ChatAdapter().format(peer(signature), [dict(demo) for demo in demos], dict(inputs))
    both = zip(
        ((message.role, message.text) for message in ours), ((said["role"], said["content"]) for said in theirs), strict=True
    )
    return [(text, other) for (role, text), (its, other) in both if (role, text) != (its, other)]


def peer(signature: type[Signature]) -> Any:
    """The signature as DSPy's."""
    import dspy

    inputs = {name: (field.type, dspy.InputField()) for name, field in signature.input_fields.items()}
    outputs = {name: (field.type, dspy.OutputField(**field.constraints)) for name, field in signature.output_fields.items()}
    return dspy.Signature({**inputs, **outputs}, signature.instructions)


def _marker(name: str) -> str:
    return f"[[ ## {name} ## ]]"


def _blocks(fields: Mapping[str, Any]) -> str:
    return "\n\n".join(f"{_marker(name)}\n{_written(value)}" for name, value in fields.items())


def _written(value: Any) -> str:
    return str(value) if isinstance(value, bool) else write(value)


def _system(signature: type[Signature], instruction: str) -> str:
    listed = [
        f"Your {side} fields are:\n"
        + "\n".join(f"{number}. `{name}` ({_type(field)}): " for number, (name, field) in enumerate(fields.items(), 1)).strip()
        for side, fields in (("input", signature.input_fields), ("output", signature.output_fields))
    ]
    shown = (*signature.input_fields.items(), *signature.output_fields.items())
    return "\n".join(
        [
            *listed,
            "All interactions will be structured in the following way, with the appropriate values filled in.",
            "",
            _blocks({name: f"{{{name}}}{_note(signature, field)}" for name, field in shown}),
            "",
            _marker("completed"),
            f"In adhering to this structure, your objective is: \n        {instruction}",
        ]
    )


def _type(field: Field) -> str:
    allowed = choices(field.type)
    return f"Literal[{', '.join(map(repr, allowed))}]" if allowed else getattr(field.type, "__name__", str(field.type))


def _reminder(field: Field) -> str:
    return "" if field.type is str else f" (must be formatted as a valid Python {_type(field)})"


def _note(signature: type[Signature], field: Field) -> str:
    if field.name in signature.input_fields or field.type is str:
        return ""
    allowed = choices(field.type)
    said = f"exactly match (no extra characters) one of: {'; '.join(allowed)}" if allowed else f"be a single {_type(field)} value"
    return f"        # note: the value you produce must {said}"
