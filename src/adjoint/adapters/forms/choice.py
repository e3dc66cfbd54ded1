"""Which form a model is asked in: by the shape of the outputs, as measured for models that nobody has probed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from adjoint.adapters.example import is_text
from adjoint.adapters.forms.bare import BareForm
from adjoint.adapters.forms.json_object import JSONForm
from adjoint.adapters.forms.lines import LinesForm, is_reasoning
from adjoint.adapters.simple import reads
from adjoint.signature.types.code import Code
from adjoint.signature.types.known import knows_its_form
from adjoint.signature.unions import inner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.adapters.forms.form import Form
    from adjoint.signature.fields import Field

Shape: TypeAlias = Literal["text", "value", "several", "reasoned", "structure", "code"]
"""What decides on a form: one text; one number, truth value or choice; several of these; the same behind reasoning; anything that has
parts, such as a list or a record; anything with code."""

FORMS: Mapping[str, Form] = {form.name: form for form in (BareForm(), JSONForm(), LinesForm())}
"""The forms that a model may be asked in, by name."""

DEFAULTS: Mapping[str, str] = {
    "text": "bare",
    "value": "json",
    "several": "json",
    "reasoned": "lines",
    "structure": "json",
    "code": "lines",
}
"""The best form of each shape over three models of 0.1 to 1.5 billion parameters (`benchmarks/results/forms.md`)."""
SHAPES: tuple[str, ...] = get_args(Shape)


def shape_of(outputs: Sequence[Field]) -> Shape:
    """The shape of the outputs of a signature.

    >>> from adjoint.signature.signature import Signature
    >>> [shape_of(list(Signature(f"q -> {side}").output_fields.values())) for side in ("a", "a: int", "reasoning, a: int", "a: list[int]")]
    ['text', 'value', 'reasoned', 'structure']
    """
    if any(_is_code(field) for field in outputs):
        return "text" if len(outputs) == 1 else "code"
    if len(outputs) == 1:
        said = is_text(outputs[0]) or _is_described(outputs[0])
        return "text" if said else "value" if _is_simple(outputs[0]) else "structure"
    if not all(map(_is_simple, outputs)):
        return "structure"
    return "reasoned" if is_reasoning(outputs[0]) else "several"


def _is_code(field: Field) -> bool:
    bare = inner(field.type)
    return isinstance(bare, type) and issubclass(bare, Code)


def _is_described(field: Field) -> bool:
    """Whether the type says in words what it is read from."""
    bare = inner(field.type)
    return knows_its_form(bare) and bool(bare.description())


def _is_simple(field: Field) -> bool:
    """Whether the value is a text, a number, a truth value or a choice, perhaps or None."""
    return is_text(field) or reads(inner(field.type))
