"""A future that nobody can cancel: what it stands for happens, whoever waits."""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


class Lasting(asyncio.Future[T]):
    """Who is cancelled while awaiting it hears of that when it has ended, and can look what came of it.

    `asyncio.shield` does the same for any awaitable, with a second future and two more turns of the loop for each wait.
    """

    def cancel(self, msg: object = None) -> bool:
        del msg
        return False
