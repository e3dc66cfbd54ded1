"""DSPy's names, for programs that port by `import adjoint as dspy` or by `import adjoint.dspy as dspy`.

All of them are those of `adjoint` itself; the modules here are where DSPy's users look for some of them.
"""

from __future__ import annotations

import importlib
from typing import Any

import adjoint

MODULES = (
    "adapters",
    "clients",
    "dsp",
    "evaluate",
    "experimental",
    "predict",
    "primitives",
    "retrievers",
    "signatures",
    "streaming",
    "teleprompt",
    "utils",
)


def __getattr__(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}") if name in MODULES else getattr(adjoint, name)
