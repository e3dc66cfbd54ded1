"""What the arguments name: programs, metrics and models, in files of the user's or by name, and rows that fit a program.

Program, metric and model files are the user's own code and run with the user's rights. Rows and saved programs are data.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import ProgramError, UnknownNameError, UsageError
from adjoint.base.foreign import foreign_call
from adjoint.cli.settings import model_name
from adjoint.lm.base import BaseLM
from adjoint.program.module import Module

if TYPE_CHECKING:
    from types import ModuleType

    from adjoint.data.records import Example
    from adjoint.program.metric import Metric


def read_program(text: str, code: str | None = None) -> Module:
    """The program `file.py:name`, or a saved one (`best.json`), whose code `code` names where the file is not enough."""
    if text.endswith(".json"):
        from adjoint.modules.saved import load

        return load(text, None if code is None else read_program(code))
    found = _named(text, "program", "a saved program such as best.json")
    if isinstance(found, type) and issubclass(found, Module):
        made: Module = foreign_call(found, ProgramError, f"{text}()")
        return made
    if not isinstance(found, Module):
        message = f"{text} is {found!r}, no program; a program is a module such as adjoint.Predict('question -> answer')."
        raise UsageError(message)
    return found


def read_served(text: str, code: str | None = None) -> tuple[Module | None, BaseLM | None]:
    """A program or an LM, whichever it names: a saved program, `file.py:name` of either, or a model by name."""
    if text.endswith(".json"):
        return read_program(text, code), None
    if ".py" not in text:
        return None, read_lm(text)
    found = _named(text, "program or model", "pocket, provider/model, or a saved program such as best.json")
    if isinstance(found, Module) or (isinstance(found, type) and issubclass(found, Module)):
        return read_program(text), None
    if not isinstance(found, BaseLM) or isinstance(found, type):
        message = f"{text} is {found!r}, neither a program nor a language model."
        raise UsageError(message)
    return None, found


def read_metric(text: str, judge: str | None = None) -> Metric:
    """A metric by name, or `file.py:function`; `judge` names the model of those that ask one."""
    from adjoint.eval.judges import JUDGES
    from adjoint.eval.metrics import METRICS
    from adjoint.program.metric import check

    if text in JUDGES:
        return JUDGES[text](lm=None if judge is None else read_lm(judge))
    if judge is not None:
        message = f"--judge {judge} has no use: the metric {text!r} asks no model; {', '.join(sorted(JUDGES))} do."
        raise UsageError(message)
    if ".py" not in text:
        if text not in METRICS:
            raise UnknownNameError.of("metric", text, [*METRICS, *JUDGES, "file.py:function"])
        return METRICS[text]
    return check(_named(text, "metric", "the name of a metric such as exact_match"))


def read_lm(text: str | None) -> BaseLM:
    """A model by name or `file.py:name`; if none is given, the one that a program file has configured, else the default."""
    from adjoint.program.context import current
    from adjoint.program.lm import LM

    configured = current().lm
    if text is None and configured is not None:
        return configured
    name = model_name(text)
    if ".py:" not in name:
        return LM(name)
    found: BaseLM = _named(name, "model", "provider/model")
    return found


def read_rows(path: str, program: Module | None = None) -> list[Example]:
    """The rows of a file. In flat rows, the fields that the program takes are the inputs."""
    from adjoint.data.loaders import load_rows

    return load_rows(path, inputs=None if program is None else input_names(program))


def input_names(program: Module) -> list[str] | None:
    """What the program takes, if that can be told and nothing of it may be left out."""
    if hasattr(program, "signature"):
        fields = program.signature.input_fields
        return list(fields) if all(field.required for field in fields.values()) else None
    kind = type(program)
    forward = kind.forward if kind.forward is not Module.forward else kind.aforward
    parameters = list(inspect.signature(forward).parameters.values())[1:]
    if any(p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) or p.default is not p.empty for p in parameters):
        return input_names(program.predict) if hasattr(program, "predict") and len(program.predictors()) == 1 else None
    return [parameter.name for parameter in parameters] or None


def _named(text: str, kind: str, instead: str) -> Any:
    """The object that `file.py:name` names."""
    file, colon, name = text.rpartition(":")
    if not (colon and file.endswith(".py") and name):
        offered = f"; {text}:NAME names what is in it" if text.endswith(".py") else ""
        message = f"{text!r} names no {kind}: write file.py:name, or {instead}{offered}."
        raise UsageError(message)
    module = _imported(Path(file))
    if name not in vars(module):
        public = [key for key, value in vars(module).items() if not key.startswith("_") and not inspect.ismodule(value)]
        raise UnknownNameError.of(f"name in {file}", name, public)
    return vars(module)[name]


def _imported(file: Path) -> ModuleType:
    """The file as a module, run once; its directory can be imported from, as when Python runs the file."""
    if not file.is_file():
        message = f"cannot read the file {str(file)!r}: there is none. Give the path of an existing file, as in file.py:name."
        raise UsageError(message)
    resolved = file.resolve()
    name = f"{resolved.stem}_{hashlib.sha256(str(resolved).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    if str(resolved.parent) not in sys.path:
        sys.path.insert(0, str(resolved.parent))
    spec = importlib.util.spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        message = f"{file} cannot be imported; a program file ends in .py."
        raise UsageError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        foreign_call(lambda: spec.loader.exec_module(module), ProgramError, f"importing {file}")  # type: ignore[union-attr]
    except ProgramError:
        del sys.modules[name]
        raise
    return module
