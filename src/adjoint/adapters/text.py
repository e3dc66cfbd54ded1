"""Inputs and outputs of a call as text, apart from any prompt: how demos are shown to proposers and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters.forms.marked import MarkedForm
from adjoint.adapters.turns import input_pieces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.signature.fields import Field

_MARKED = MarkedForm()


def inputs_text(fields: Sequence[Field], inputs: Mapping[str, Any], *, partial: bool = False) -> str:
    """The inputs of a call as text; images, sounds and files are named only."""
    pieces = input_pieces(fields, inputs, partial=partial)
    return "".join(piece if isinstance(piece, str) else f"[{piece.kind}]" for piece in pieces)


def outputs_text(fields: Sequence[Field], outputs: Mapping[str, Any]) -> str:
    """The outputs as the compact adapter writes them: bare text if there is one field, else marked blocks."""
    return _MARKED.write(fields, outputs)
