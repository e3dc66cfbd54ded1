"""`dspy.teleprompt`: the optimizers, which are public names of `adjoint` too."""

from __future__ import annotations

from typing import Any

import adjoint


def __getattr__(name: str) -> Any:
    return getattr(adjoint, name)
