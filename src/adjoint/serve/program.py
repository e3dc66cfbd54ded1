"""A program behind HTTP: its inputs as a JSON object in, its outputs as one out."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

from adjoint.base.json import plain
from adjoint.data.records import Record
from adjoint.program.context import context
from adjoint.program.module import Module
from adjoint.serve.body import read_body
from adjoint.serve.refusals import bad, dumps
from adjoint.signature import grammar
from adjoint.signature.fields import CALL_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.ledger.store import Ledger
    from adjoint.lm.base import BaseLM
    from adjoint.signature.fields import Field
    from adjoint.signature.signature import Signature


class ProgramHandlers:
    """Answers for one program, whose calls go to `lm`."""

    def __init__(self, program: Module, lm: BaseLM, ledger: Ledger | None) -> None:
        self.program, self.lm, self.ledger = program, lm, ledger
        self.signature = signature_of(program)

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/", self.predict), web.post("/predict", self.predict), web.get("/schema", self.schema)]

    async def predict(self, request: web.Request) -> web.Response:
        inputs = self._inputs(await read_body(request))
        with context(lm=self.lm, ledger=self.ledger):
            made = await self.program.acall(**inputs)
        outputs = dict(made.items()) if isinstance(made, Record) else {"output": made}
        return web.json_response(plain(outputs), dumps=dumps)

    async def schema(self, request: web.Request) -> web.Response:
        del request
        body: dict[str, Any] = {"program": type(self.program).__name__, "model": self.lm.name}
        if self.signature is None:
            names, more = parameters(self.program)
            body.update(
                inputs=[{"name": name, "required": needed} for name, needed in names.items()], outputs=None, more_inputs=more
            )
        else:
            body["inputs"] = [_described(field) for field in self.signature.input_fields.values()]
            body["outputs"] = [_described(field) for field in self.signature.output_fields.values()]
        return web.json_response(body, dumps=dumps)

    def _inputs(self, body: dict[str, Any]) -> dict[str, Any]:
        """The inputs that the program takes, of their types."""
        fields = None if self.signature is None else self.signature.input_fields
        if fields is None:
            needed, more = parameters(self.program)
        else:
            needed, more = {name: field.required for name, field in fields.items()}, False
        for name in body:
            # Options of a call (which model, which demos) are its owner's to choose, not a client's.
            if name in CALL_OPTIONS or (name not in needed and not more):
                reason = f"{name!r:.80} is no input; the inputs are {', '.join(needed)}."
                raise bad(reason, name)
        missing = [name for name, required in needed.items() if required and name not in body]
        if missing:
            reason = f"the input {', '.join(missing)} is missing."
            raise bad(reason, missing[0])
        return body if fields is None else {name: _checked(fields[name], value) for name, value in body.items()}


def signature_of(program: Module) -> type[Signature] | None:
    """What the program takes and gives, if it is one predictor or a chain of thought; else None."""
    is_chain = vars(type(program)).get("kind") == "chain_of_thought"
    inner: Any = getattr(program, "predict", None) if is_chain else program
    return getattr(inner, "signature", None)


def parameters(program: Module) -> tuple[dict[str, bool], bool]:
    """The inputs of a program that is code: whether each is needed, and whether it takes others."""
    kind = type(program)
    forward = kind.forward if kind.forward is not Module.forward else kind.aforward
    given = list(inspect.signature(forward).parameters.values())[1:]
    named = {one.name: one.default is one.empty for one in given if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    return named, any(one.kind is one.VAR_KEYWORD for one in given)


def _checked(field: Field, value: Any) -> Any:
    if field.rich:
        return value
    try:
        return field.validator.validate_python(value)
    except ValidationError as error:
        reason = f"the input {field.name!r} does not fit its type: {error.errors()[0]['msg']}."
        raise bad(reason, field.name) from None


def _described(field: Field) -> dict[str, Any]:
    body: dict[str, Any] = {"name": field.name, "type": grammar.spell(field.type) or str(field.type), "required": field.required}
    if field.desc:
        body["desc"] = field.desc
    return {**body, "schema": _json_schema(field)}


def _json_schema(field: Field) -> Mapping[str, Any] | None:
    try:
        return field.validator.json_schema()
    except PydanticInvalidForJsonSchema:
        return None
