"""Names of runs: digests of everything that decides what a run finds, so that the same command names the same run."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING, Any

from adjoint.base.code import code_digest
from adjoint.base.errors import NoLMError
from adjoint.base.json import digest, plain
from adjoint.data.records import id_of
from adjoint.lm.base import identity_of
from adjoint.program.context import active_lm, adapter_for, current
from adjoint.program.module import Module

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.data.records import Example
    from adjoint.lm.base import BaseLM
    from adjoint.program.metric import Metric


def run_id(what: str, program: Module, rows: Sequence[Example], metric: Metric, *more: Any) -> str:
    """The name of a run: a digest of everything that decides it, so the same command names the same run.

    A run that asks anew (`cache` is "off" or "refresh") cannot be continued, so each has a name, and with it an account, of
    its own.
    """
    described = deciding(program, rows, metric, *more)
    if current().cache in ("off", "refresh"):
        described["began"] = uuid.uuid4().hex
    return f"{what}-{digest(described, length=12)}"


def deciding(program: Module, rows: Sequence[Example], metric: Metric, *more: Any) -> dict[str, Any]:
    """What decides a run: the program (its class and state), the rows, the metric, the LM and `more`."""
    return {
        "program": fingerprint(program),
        "rows": [id_of(row) for row in rows],
        "metric": [code_digest(metric), *([fingerprint(metric)] if isinstance(metric, Module) else [])],
        "lm": answerer(_configured()),
        "adapter": _how(_configured()),
        "more": plain(list(more)),
    }


def fingerprint(program: Module) -> str:
    """A digest of the program as it stands: the code and names of its modules, its signatures and its state."""
    modules = [
        [
            name,
            code_digest(type(module)),
            repr(getattr(module, "signature", "")),
            plain(getattr(module, "config", {})),
            answerer(getattr(module, "lm", None)),
        ]
        for name, module in program.named_modules()
    ]
    return digest({"modules": modules, "state": dict(program.state_dict())}, length=16)


def answerer(lm: BaseLM | None) -> Any:
    """Who answers, with which default options."""
    return None if lm is None else [identity_of(lm) or lm.name, plain(getattr(lm, "options", {}))]


def _how(lm: BaseLM | None) -> Any:
    """How it is asked: the class of the adapter, and the forms in which it may differ from others of its class."""
    adapter = adapter_for(lm)
    return [type(adapter).__name__, plain(getattr(adapter, "varies", ()))]


def _configured() -> BaseLM | None:
    """The LM in force, if there is one: programs may have their own, and some strategies need none."""
    with contextlib.suppress(NoLMError):
        return active_lm()
    return None
