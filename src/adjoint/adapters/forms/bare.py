"""The bare form: one output, whose text is the whole reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.adapters.example import wanted
from adjoint.adapters.forms.marked import MarkedForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.signature.fields import Field


class BareForm(MarkedForm):
    """For one text: nothing stands around it, and what looks like a mark inside it is escaped."""

    name = "bare"

    def describe(self, outputs: Sequence[Field]) -> str:
        said = wanted(outputs[0])
        return f"Reply only with {said}." if said else ""
