"""The JSON adapter: the reply is one JSON object, enforced by the LM where it can be and shown by example elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters.forms.json_object import JSONForm
from adjoint.adapters.turns import TurnAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.adapters.forms.form import Form
    from adjoint.signature.fields import Field
    from adjoint.signature.signature import Signature

_FORM = JSONForm()


class JSONAdapter(TurnAdapter):
    """Outputs are members of one JSON object; inputs stand as in the Chat adapter."""

    name = "json"

    def choose(self, outputs: Sequence[Field]) -> Form:
        del outputs
        return _FORM

    def form(self, outputs: Sequence[Field], supports: frozenset[str]) -> str:
        return "Reply in JSON." if "schema" in supports else super().form(outputs, supports)

    def remind(self, outputs: Sequence[Field]) -> str:
        return self.choose(outputs).remind(outputs)

    def options(
        self, signature: type[Signature], inputs: Mapping[str, Any], *, supports: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        found = super().options(signature, inputs, supports=supports)
        plan = self.layout(signature, supports)
        # Models that may call tools must be free not to write the object.
        return {**found, "schema": plan.schema} if "schema" in supports and plan.outputs and not plan.tools else found
