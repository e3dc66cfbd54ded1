"""`load`: a saved program as a program again, from the file alone where that is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.modules.chain_of_thought import ChainOfThought
from adjoint.modules.predict import Predict
from adjoint.program import saved

if TYPE_CHECKING:
    from pathlib import Path

    from adjoint.program.module import Module

KINDS: dict[str, type[Predict | ChainOfThought]] = {"predict": Predict, "chain_of_thought": ChainOfThought}
"""The programs that their description is enough for."""


def load(path: str | Path, program: Module | None = None, *, allow_pickle: bool = False) -> Module:
    """The program that `program.save(path)` has written.

    A single `Predict` or `ChainOfThought` is made again from its description. Any other is code, which no file names: give
    `program`, and a copy of it with the saved state is returned. `allow_pickle` is DSPy's; no file is ever unpickled. Raises `UsageError` if there is too little or no such file.
    """
    del allow_pickle
    body = saved.read(path)
    if saved.is_dspy(body) and program is not None:
        made = program.deepcopy()
        made.load_state(body)
        return made
    return (program or _rebuilt(body, path)).with_state(body["state"])


def _rebuilt(body: dict[str, Any], path: str | Path) -> Module:
    kind, signatures = body.get("kind"), body.get("signatures")
    if kind not in KINDS or not isinstance(signatures, dict) or len(signatures) != 1:
        message = (
            f"{path} holds the state of {body.get('program')!r}, but not its code: "
            "name it with --program file.py:name, or adjoint.load(path, program)."
        )
        raise UsageError(message)
    signature = saved.signature_of(next(iter(signatures.values())), path)
    return KINDS[kind](signature, **saved.options_of(body))
