"""The Chat adapter, the default: each shape of outputs is asked for in the form that models do best."""

from __future__ import annotations

import re
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from adjoint.adapters.forms.choice import DEFAULTS, FORMS, SHAPES, shape_of
from adjoint.adapters.forms.marked import MarkedForm
from adjoint.adapters.pieces import AnyReader
from adjoint.adapters.turns import TurnAdapter
from adjoint.base.errors import ParseError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.adapters.forms.form import Form
    from adjoint.adapters.pieces import Reader
    from adjoint.signature.fields import Field

_JSON_BEGINS = re.compile(r"\s*(?:```\w*\s*)?\{")
OTHER: Mapping[str, str] = {"json": "lines", "lines": "json", "bare": "bare"}
"""The form to try where one is not answered."""
_MARKED = MarkedForm()
_OTHERS = (FORMS["json"], FORMS["lines"], _MARKED)
"""Forms in which models answer although nobody asked for them."""


class ChatAdapter(TurnAdapter):
    """Instruction as system message, demos as earlier turns, the inputs and a reminder of the form as the last user message.

    One text is asked for as it is, most else as JSON by example, plain values behind reasoning as labelled lines. `forms` names other
    forms for some shapes of outputs, as `adjoint probe` measures them: `ChatAdapter(forms={"reasoned": "json"})`. A reply in another
    form than the one that was asked for is read as well; with `use_json_adapter_fallback=False` only the one that was.

    >>> from adjoint import Signature
    >>> print(ChatAdapter().turn(Signature("text -> name, age: int"), {"text": "Ada is 36."}).text)
    Ada is 36.
    <BLANKLINE>
    Reply only with the JSON.
    """

    name = "chat"

    def __init__(
        self,
        *,
        forms: Mapping[str, str] | None = None,
        use_json_adapter_fallback: bool = True,
        use_native_function_calling: bool = True,
    ) -> None:
        super().__init__(use_native_function_calling=use_native_function_calling)
        for shape, form in (forms or {}).items():
            if shape not in SHAPES:
                raise UnknownNameError.of("shape of outputs", shape, SHAPES)
            if form not in FORMS:
                raise UnknownNameError.of("form", form, FORMS)
        self.forms: Mapping[str, str] = {**DEFAULTS, **(forms or {})}
        self.varies = tuple(self.forms.values())
        self.use_json_adapter_fallback = use_json_adapter_fallback

    def choose(self, outputs: Sequence[Field]) -> Form:
        return FORMS[self.forms[shape_of(outputs)]]

    def remind(self, outputs: Sequence[Field]) -> str:
        return self.choose(outputs).remind(outputs)

    def read(self, outputs: Sequence[Field], text: str, *, whole: bool) -> dict[str, Any]:
        forms = [self.choose(outputs)]
        if self.use_json_adapter_fallback:
            looks_like_json = len(outputs) > 1 and _JSON_BEGINS.match(text) is not None
            forms = [_OTHERS[0], *forms, *_OTHERS[1:]] if looks_like_json else [*forms, *_OTHERS]
        failed = []
        for form in forms:
            try:
                return form.read(outputs, text, whole=whole)
            except ParseError as error:
                failed.append(error)
        raise max(failed, key=lambda error: len(error.found))

    def reader(self, outputs: Sequence[Field]) -> Reader:
        others = {"[[": partial(_MARKED.reader, outputs)}
        if len(outputs) > 1:
            others |= dict.fromkeys(("{", "``"), partial(FORMS["json"].reader, outputs))
        return AnyReader(partial(self.choose(outputs).reader, outputs), others)

    @cached_property
    def second(self) -> ChatAdapter:
        """The adapter that asks for everything but plain texts in another form: what is tried before a call is given up."""
        forms = {shape: OTHER[form] for shape, form in self.forms.items()}
        return ChatAdapter(forms=forms, use_native_function_calling=self.use_native_function_calling)
