"""The garbage collector while much is kept: full collections are put off, since there is nothing for them to find."""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SELDOM = 1000
"""Collections of the middle generation between two full ones."""

_lock = threading.Lock()
_inside = 0
_before = 0


@contextmanager
def full_collections_put_off() -> Iterator[None]:
    """A block that keeps what it makes, such as the tapes of all rows.

    Each full collection walks over all of it, and there is one whenever a quarter has been added: at 16,000 rows they cost
    as much as a third of the work. What young collections find is freed as ever. Blocks may overlap in any order.
    """
    global _inside, _before  # noqa: PLW0603 - the collector is the process's, so its setting is too
    with _lock:
        young, middle, old = gc.get_threshold()
        if _inside == 0:
            _before = old
            gc.set_threshold(young, middle, max(old, _SELDOM))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                young, middle, _ = gc.get_threshold()
                gc.set_threshold(young, middle, _before)
