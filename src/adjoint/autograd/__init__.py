"""Floor 6: textual gradients, from a loss back to the parameters that caused it."""

from __future__ import annotations

from typing import Any

_HOMES = {
    "algebra": ("aggregate", "sum"),
    "backward": ("abackward", "estimate"),
    "functions": ("StringBasedFunction", "op"),
    "llm": ("FormattedLLMCall", "LLMCall", "MultimodalLLMCall", "OrderedFieldsMultimodalLLMCall"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Names that TextGrad's users look for in `tg.autograd`, imported on first use."""
    if name not in _HOME:
        message = f"module 'adjoint.autograd' has no attribute {name!r}"
        raise AttributeError(message)
    import importlib

    return getattr(importlib.import_module(f"adjoint.autograd.{_HOME[name]}"), name)
