"""The JSON adapter: the reply is one JSON object, enforced by the LM where it can be and described in the prompt elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from adjoint.adapters import loose_json, values
from adjoint.adapters.pieces import JSONReader
from adjoint.adapters.turns import TurnAdapter
from adjoint.base.errors import ParseError
from adjoint.base.json import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.adapters.pieces import Reader
    from adjoint.signature.fields import Field
    from adjoint.signature.signature import Signature


class JSONAdapter(TurnAdapter):
    """Outputs are members of one JSON object; inputs stand as in the Chat adapter."""

    name = "json"

    def form(self, outputs: Sequence[Field], supports: frozenset[str]) -> str:
        if "schema" in supports:
            return "Reply in JSON."
        shown = ", ".join(f"{json.dumps(field.name)}: <{values.hint(field) or 'text'}>" for field in outputs)
        return f"Reply only with a JSON object:\n{{{shown}}}"

    def write(self, outputs: Sequence[Field], given: Mapping[str, Any]) -> str:
        return json.dumps({field.name: plain(given[field.name]) for field in outputs if field.name in given}, ensure_ascii=False)

    def read(self, outputs: Sequence[Field], text: str, *, whole: bool) -> dict[str, Any]:
        names = {field.name for field in outputs}
        members = loose_json.members(text, names, whole=whole)
        if not members and len(outputs) == 1 and "{" not in text:
            return {outputs[0].name: values.read(outputs[0], text, whole=whole)}  # one value needs no object around it
        missing = [field.name for field in outputs if field.name not in members and field.required]
        if missing:
            message = f"the reply lacks {', '.join(map(repr, missing))}; it has {', '.join(map(repr, members)) or 'no JSON object with outputs'}."
            raise ParseError(message, raw=text)
        return {
            field.name: values.take(field, members[field.name], whole=whole) if field.name in members else field.fallback
            for field in outputs
        }

    def reader(self, outputs: Sequence[Field]) -> Reader:
        return JSONReader([field.name for field in outputs])

    def options(
        self, signature: type[Signature], inputs: Mapping[str, Any], *, supports: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        found = super().options(signature, inputs, supports=supports)
        plan = self.layout(signature, supports)
        # Models that may call tools must be free not to write the object.
        return {**found, "schema": plan.schema} if "schema" in supports and plan.outputs and not plan.tools else found
