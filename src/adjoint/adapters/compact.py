"""Compact adapters: the short forms that the embedded model was trained on. No other model is asked in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from adjoint.adapters import values
from adjoint.adapters.forms.marked import MarkedForm
from adjoint.adapters.json import JSONAdapter
from adjoint.adapters.turns import TurnAdapter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.adapters.forms.form import Form
    from adjoint.signature.fields import Field

_FORM = MarkedForm()


class CompactAdapter(TurnAdapter):
    """Instruction as system message, one output as plain text and several behind marks, nothing behind the inputs."""

    name = "compact"

    def choose(self, outputs: Sequence[Field]) -> Form:
        del outputs
        return _FORM


class CompactJSONAdapter(JSONAdapter):
    """`JSONAdapter` for the embedded model: types in words, nothing behind the inputs."""

    name = "compact_json"

    def form(self, outputs: Sequence[Field], supports: frozenset[str]) -> str:
        del supports
        shown = ", ".join(f"{json.dumps(field.name)}: <{values.hint(field) or 'text'}>" for field in outputs)
        return f"Reply only with a JSON object:\n{{{shown}}}"

    def remind(self, outputs: Sequence[Field]) -> str:
        del outputs
        return ""
