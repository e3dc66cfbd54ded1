"""Adapters as DSPy's programs write them: `format` gives all messages of a call at once, `parse` reads the text of a reply."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from adjoint.adapters import values
from adjoint.adapters.base import NOTHING
from adjoint.adapters.called import Called
from adjoint.adapters.turns import TurnAdapter, answered
from adjoint.base.errors import ParseError, ProgramError, UsageError
from adjoint.base.foreign import foreign_call
from adjoint.lm.types import Response, messages_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.lm.types import Message
    from adjoint.signature.signature import Signature


class Adapter(Called):
    """Base of an adapter of your own: write `parse(signature, completion)`, and `format` or the hooks that it is made of.

    The hooks are `format_field_description(signature)`, `format_field_structure(signature)`, `format_task_description(signature)`,
    `format_user_message_content(signature, inputs, main_request=...)` and `format_assistant_message_content(signature, outputs)`;
    each gives a text.

    >>> class Shout(Adapter):
    ...     def format(self, signature, demos, inputs):
    ...         return [{"role": "user", "content": f"{signature.instructions} {inputs['q'].upper()}"}]
    ...     def parse(self, signature, completion):
    ...         return {"a": completion.strip("!")}
    >>> import adjoint
    >>> with adjoint.context(adapter=Shout(), lm=adjoint.testing.ScriptedLM({"Answer. WHO?": "me!"}), ledger=None):
    ...     adjoint.Predict("q -> a", "Answer.")(q="who?").a
    'me'
    """

    def format(
        self, signature: type[Signature], demos: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """All messages of a call: the three parts of the system message, the demos as earlier turns, the inputs."""
        parts = (self.format_field_description, self.format_field_structure, self.format_task_description)
        turns = [{"role": "system", "content": "\n\n".join(part(signature) for part in parts)}]
        for demo in demos:
            turns.append({"role": "user", "content": self.format_user_message_content(signature, demo)})
            turns.append({"role": "assistant", "content": self.format_assistant_message_content(signature, demo)})
        return [*turns, {"role": "user", "content": self.format_user_message_content(signature, inputs, main_request=True)}]

    def format_task_description(self, signature: type[Signature]) -> str:
        """What is to be done: the instruction."""
        return signature.instructions

    def __getattr__(self, name: str) -> Any:
        message = f"{type(self).__name__} has no {name}"
        if name == "parse" or name.startswith("format_"):
            message += "; an adapter of your own needs parse, and format or the hooks that it is made of."
        raise AttributeError(message)


class Ported:
    """An adapter of that kind as the rest of Adjoint asks it. None of its prompt is prepared ahead, since only whole calls are given."""

    use_native_function_calling = False

    def __init__(self, own: Any) -> None:
        self.own, self.name = own, type(own).__name__

    def __repr__(self) -> str:
        return repr(self.own)

    def messages(
        self, signature: type[Signature], instruction: str, demos: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]
    ) -> tuple[Message, ...]:
        """All messages of a call."""
        told = signature.with_instructions(instruction)
        call = partial(self.own.format, told, [dict(demo) for demo in demos], dict(inputs))
        made = foreign_call(call, ProgramError, f"{self.name}.format")
        return messages_of(made)

    def prefix(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse()

    def history(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse()

    def turn(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse()

    def options(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {}

    def then(self, *_: Any) -> None:
        return None

    def parse(
        self, signature: type[Signature], response: Response | str, *, supports: frozenset[str] = NOTHING
    ) -> dict[str, Any]:
        """What `parse` of the adapter reads, each output of its field's type."""
        del supports
        said = Response(response) if isinstance(response, str) else response
        answered(said)
        found = foreign_call(partial(self.own.parse, signature, said.text), ProgramError, f"{self.name}.parse")
        missing = [name for name in signature.output_fields if not isinstance(found, Mapping) or name not in found]
        if missing:
            message = f"{self.name}.parse gave {found!r:.80}, without {missing[0]!r}; it must give every output by name."
            raise ParseError(message, raw=said.text)
        return {name: values.take(signature._fields[name], found[name]) for name in signature.output_fields}

    def _refuse(self) -> NoReturn:
        message = f"{self.name} gives whole calls only, and here a part of one is needed: use an adapter with form, ask, write and read."
        raise UsageError(message)


def ported(adapter: Any) -> Any:
    """The adapter, in a `Ported` if it is one of DSPy's kind: an `Adapter`, or one of ours with a `format` or `parse` of its own."""
    if isinstance(adapter, Adapter):
        return Ported(adapter)
    if not isinstance(adapter, TurnAdapter):
        return adapter
    plain = type(adapter).format is TurnAdapter.format and "supports" in inspect.signature(adapter.parse).parameters
    return adapter if plain else Ported(adapter)
