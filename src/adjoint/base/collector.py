"""The garbage collector while much is kept: it looks more seldom, since there is little for it to find."""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_YOUNG, _OLD = 5000, 1000
"""New objects between two young collections, and collections of the middle generation between two full ones."""

_lock = threading.Lock()
_inside = 0
_before = (0, 0)


@contextmanager
def collections_put_off() -> Iterator[None]:
    """A block that keeps what it makes, such as the tapes of all rows.

    Each full collection walks over all of it, and there is one whenever a quarter has been added: at 16,000 rows they cost
    as much as a third of the work. Young ones come every 700 objects, of which one row makes a hundred that stay: they cost a
    fifth. What is freed without the collector is freed as ever. Blocks may overlap in any order.
    """
    global _inside, _before  # noqa: PLW0603 - the collector is the process's, so its setting is too
    with _lock:
        young, middle, old = gc.get_threshold()
        if _inside == 0:
            _before = (young, old)
            gc.set_threshold(max(young, _YOUNG) if young else 0, middle, max(old, _OLD))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                gc.set_threshold(_before[0], gc.get_threshold()[1], _before[1])
