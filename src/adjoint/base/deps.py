"""Optional dependencies: import on first use, and say how to install what is missing."""

from __future__ import annotations

import importlib
from typing import Any

from adjoint.base.errors import MissingExtraError


def need(module: str, *, extra: str, why: str) -> Any:
    """Import `module` or raise `MissingExtraError` with the command that installs its extra.

    >>> need("no_such_package", extra="hf", why="local models")
    Traceback (most recent call last):
    adjoint.base.errors.MissingExtraError: local models need 'no_such_package'. Install it with: pip install 'adjoint[hf]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f"{why} need {module!r}. Install it with: pip install 'adjoint[{extra}]'"
        raise MissingExtraError(message) from error
