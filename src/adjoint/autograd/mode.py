"""Whether explicit calls are recorded: `no_grad()` switches it off for a block or a function."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_enabled: ContextVar[bool] = ContextVar("adjoint_grad", default=True)


def grad_enabled() -> bool:
    """Whether explicit calls are recorded here."""
    return _enabled.get()


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Freeze what is computed inside, which then forgets where it came from: as a block or, `@no_grad()`, on a function."""
    token = _enabled.set(False)
    try:
        yield
    finally:
        _enabled.reset(token)
