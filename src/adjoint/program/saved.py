"""Saved programs: readable JSON that describes predictors by their fields and names no code, no endpoint and no key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import SignatureError, UsageError
from adjoint.base.json import digest, plain
from adjoint.base.secrets import redact
from adjoint.lm import weights
from adjoint.signature import grammar
from adjoint.signature.fields import MISSING, InputField, OutputField
from adjoint.signature.signature import make

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from adjoint.base.json import Json
    from adjoint.program.module import Module
    from adjoint.signature.fields import Field
    from adjoint.signature.signature import Signature

FORMAT = "adjoint.program/1"
CODE = "code"
"""The kind of a program that only its own code can make again."""

_OPTIONS: dict[str, tuple[type, ...]] = {"temperature": (int, float), "max_tokens": (int,), "seed": (int,), "logprobs": (bool,)}
"""Options of a predictor that a file may hold: none of them says who is asked or with which key."""
_CONSTRAINTS = frozenset(
    {"gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "max_digits", "decimal_places"}
)


def write(program: Module, path: str | Path) -> None:
    """Write the program's state, and what its predictors take and give; weights go into the directory NAME.weights beside it."""
    state = dict(program.state_dict())
    made = {"format": FORMAT, "program": type(program).__name__, **_described(program), "digest": "", "state": state}
    body = json.loads(redact(json.dumps(made)))
    body["digest"] = _digest(body)
    try:
        Path(path).write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        message = f"cannot write the program {str(path)!r}: {error.strerror}. Give a path in a directory that exists."
        raise UsageError(message) from None
    weights.save_beside(Path(path), weights.named(state))


def inside(path: str | Path, *, make: bool = False) -> Path:
    """The file of a program that stands in a directory of its own."""
    place = Path(path)
    if make:
        if place.suffix in {".json", ".pkl"}:
            message = (
                f"save_program=True writes into a directory, and {str(path)!r} names a file; give {str(place.with_suffix(''))!r}."
            )
            raise UsageError(message)
        place.mkdir(parents=True, exist_ok=True)
    return place / "program.json"


def read(path: str | Path) -> dict[str, Any]:
    """The body of a program that was saved here or by DSPy, in a file or a directory of its own, or `UsageError`."""
    place = inside(path) if Path(path).is_dir() else Path(path)
    try:
        body = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot read the program {str(path)!r}: {error.strerror}. Give the path of an existing file."
        raise UsageError(message) from None
    except (ValueError, RecursionError) as error:
        message = f"{path} is no saved program: it is not JSON ({error})."
        raise UsageError(message) from None
    if isinstance(body, dict) and is_dspy(body):
        return body
    if not isinstance(body, dict) or body.get("format") != FORMAT or not isinstance(body.get("state"), dict):
        message = f"{path} is no saved program of this version: it needs format {FORMAT!r} and a state. Save it again with program.save."
        raise UsageError(message)
    if not _as_saved(body):
        message = f'{path} is not as it was saved. If you have edited it, write "digest": "" in it; else save the program again.'
        raise UsageError(message)
    weights.load_beside(Path(path), weights.named(body["state"]))
    found: dict[str, Any] = body
    return found


def is_dspy(body: Mapping[str, Any]) -> bool:
    """Whether DSPy has written this: it says which versions have, and has no format of ours."""
    about = body.get("metadata")
    return "format" not in body and isinstance(about, dict) and "dependency_versions" in about


def _as_saved(body: Mapping[str, Any]) -> bool:
    """Whether the digest fits. An empty one says that the file was edited on purpose."""
    try:
        return body.get("digest") in ("", _digest(body))
    except (ValueError, RecursionError):
        return False


def _digest(body: Mapping[str, Any]) -> str:
    """Of all that the file says but the digest itself."""
    return digest({name: value for name, value in body.items() if name != "digest"})


def signature_of(described: Any, where: str | Path) -> type[Signature]:
    """The signature that a file describes. Types are read from a closed list; nothing is imported or looked up."""
    try:
        return make(
            {
                **{name: _field(spec, InputField) for name, spec in described["inputs"].items()},
                **{name: _field(spec, OutputField) for name, spec in described["outputs"].items()},
            }
        )
    except (SignatureError, AttributeError, KeyError, TypeError) as error:
        message = f"{where} describes a signature that cannot be read ({error}); save it again with program.save."
        raise UsageError(message) from None


def options_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the predictor: those that a file may hold, of the right type."""
    given = body.get("options")
    if not isinstance(given, dict):
        return {}
    return {name: given[name] for name, types in _OPTIONS.items() if isinstance(given.get(name), types)}


def _described(program: Module) -> dict[str, Json]:
    """Kind, options and signatures. The kind is `code` if the rest is not enough to make the program again."""
    # Only the class itself counts: a subclass may do anything.
    kind = vars(type(program)).get("kind", CODE)
    predictors = program.named_predictors()
    options: dict[str, Json] = {}
    if kind != CODE:
        given = {name: value for name, value in predictors[0][1].config.items() if value is not None}
        options = {name: given[name] for name, types in _OPTIONS.items() if isinstance(given.get(name), types)}
        fields = predictors[0][1].signature.fields.values()
        if len(options) < len(given) or not all(_is_plain(field) for field in fields):
            kind = CODE
    signatures: dict[str, Json] = {
        name: {"inputs": _side(predictor.signature.input_fields), "outputs": _side(predictor.signature.output_fields)}
        for name, predictor in predictors
    }
    return {"kind": kind, "options": options, "signatures": signatures}


def _side(fields: Mapping[str, Field]) -> dict[str, Json]:
    return {name: _spec(field) for name, field in fields.items()}


def _spec(field: Field) -> dict[str, Json]:
    spec: dict[str, Json] = {"type": grammar.spell(field.type)}
    if field.desc:
        spec["desc"] = field.desc
    if field.constraints:
        spec["constraints"] = plain(dict(field.constraints))
    if field.default is not MISSING:
        spec["default"] = plain(field.default)
    return spec


def _is_plain(field: Field) -> bool:
    """Whether the description says all there is to say."""
    return (
        grammar.spell(field.type) is not None
        and _known(field.constraints)
        and field.factory is None
        and (field.default is MISSING or plain(field.default) == field.default)
    )


def _known(constraints: Iterable[str]) -> bool:
    return _CONSTRAINTS.issuperset(constraints)


def _field(spec: Mapping[str, Any], direction: Any) -> tuple[Any, Field]:
    type_ = grammar.closed(spec["type"])
    constraints = spec.get("constraints", {})
    if not _known(constraints):
        message = f"unknown constraint among {', '.join(constraints)}"
        raise SignatureError(message)
    made: Field = direction(desc=str(spec.get("desc", "")), default=spec.get("default", MISSING), **constraints)
    return type_, made
