"""The two-step adapter: one model answers in free words, another one copies the typed outputs out of them.

It stays pure: `then` gives the second request, and whoever made the first one asks it.
"""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adjoint.adapters import values
from adjoint.adapters.base import Step, render
from adjoint.adapters.chat import ChatAdapter
from adjoint.adapters.own import ported
from adjoint.adapters.text import inputs_text
from adjoint.adapters.turns import TurnAdapter, answered, cut_off
from adjoint.base.errors import ParseError, UsageError
from adjoint.lm.base import supports_of
from adjoint.signature.fields import Field
from adjoint.signature.signature import make

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.adapters.base import Adapter
    from adjoint.adapters.turns import Layout
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Response
    from adjoint.signature.signature import Signature

REPLY = "reply"
_INSTRUCTION = "Copy {names} out of the reply. Add nothing that it does not say."

_extractions: weakref.WeakKeyDictionary[type[Signature], type[Signature]] = weakref.WeakKeyDictionary()


class TwoStepAdapter(TurnAdapter):
    """`TwoStepAdapter(extraction_lm)`: for models that answer better when no form is asked of them.

    `adapter` is how the second model is asked (by default as in the Chat adapter). Demos show free replies.
    """

    name = "two_step"
    asks_once = False

    def __init__(
        self, extraction_lm: BaseLM | None = None, *, extraction_model: BaseLM | None = None, adapter: Adapter | None = None
    ) -> None:
        super().__init__(use_native_function_calling=False)
        lm = extraction_lm or extraction_model
        if lm is None or isinstance(lm, str):
            message = "TwoStepAdapter needs the LM that extracts: TwoStepAdapter(adjoint.LM('openai/...'))."
            raise UsageError(message)
        self.extraction_lm = lm
        self.adapter: Adapter = ported(adapter or ChatAdapter())

    def form(self, outputs: Sequence[Field], supports: frozenset[str]) -> str:
        del supports
        said = [f"- {field.name}: {values.hint(field)}" if values.hint(field) else f"- {field.name}" for field in outputs]
        return "Say clearly in your reply:\n" + "\n".join(said)

    def write(self, outputs: Sequence[Field], given: Mapping[str, Any]) -> str:
        return inputs_text(outputs, given, partial=True)

    def read(self, outputs: Sequence[Field], text: str, *, whole: bool) -> dict[str, Any]:
        """Not how this adapter reads: the second model's reply is read by the second adapter."""
        raise NotImplementedError

    def reader(self, outputs: Sequence[Field]) -> None:
        """Free words are not cut into fields."""

    def layout(self, signature: type[Signature], supports: frozenset[str] = frozenset()) -> Layout:
        """Everything stands in the text, since only that reaches the second model."""
        del supports
        return super().layout(signature)

    def parse(
        self, signature: type[Signature], response: Response | str, *, supports: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        """Read a reply of the second model."""
        return self.adapter.parse(extraction(signature), response, supports=supports)

    def then(self, signature: type[Signature], response: Response) -> Step:
        answered(response)
        if response.finish == "length":
            raise ParseError(cut_off(response), raw=response.text)
        made, supports = extraction(signature), supports_of(self.extraction_lm)
        inputs = dict.fromkeys(made.input_fields, response.text)
        request = render(self.adapter, made, made.instructions, (), inputs, supports=supports)
        defaults = {name: value for name, value in getattr(self.extraction_lm, "options", {}).items() if value is not None}
        known = {name: defaults.pop(name) for name in ("temperature", "max_tokens", "seed") if name in defaults}
        return Step(self.extraction_lm, replace(request, extra=defaults, **known), made, self.adapter, supports)


def extraction(signature: type[Signature]) -> type[Signature]:
    """The signature of the second step: a reply in, the same outputs out."""
    found = _extractions.get(signature)
    if found is None:
        outputs = signature.output_fields
        name = REPLY if REPLY not in outputs else f"{REPLY}_text"
        text = Field(name=name, direction="input")
        made = make({name: (str, text), **{key: (field.type, field) for key, field in outputs.items()}})
        found = _extractions[signature] = made.with_instructions(_INSTRUCTION.format(names=", ".join(outputs)))
    return found
