"""Retry: errors that may pass are tried again with full jitter; the others end at once."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjoint.base.errors import LMError, UsageError
from adjoint.lm.base import Wrapper

if TYPE_CHECKING:
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and how long to try.

    `attempts` counts the first one (>= 1). Waits are uniform in [0, base * 2**k] seconds, at most `longest`, and never
    shorter than what the provider asks for in `Retry-After`. `deadline` seconds after the first attempt has failed the
    last error stands: what a request waits for its slot before is not its fault. One attempt may take `timeout` seconds.
    """

    attempts: int = 5
    base: float = 0.05
    longest: float = 20.0
    deadline: float = 300.0
    timeout: float = 600.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            message = f"{self.attempts} attempts cannot be; the first one counts, so give 1 or more."
            raise UsageError(message)


class Retry(Wrapper):
    """Asks again after a retryable `LMError`. Source of the jitter: Brooker, "Exponential Backoff And Jitter" (2015)."""

    def __init__(self, inner: BaseLM, policy: RetryPolicy) -> None:
        super().__init__(inner)
        self.policy = policy

    async def __call__(self, request: Request) -> Response:
        failed: float | None = None
        for attempt in range(self.policy.attempts):
            try:
                return await self.inner(request)
            except LMError as error:
                wait = self._wait(attempt, error)
                failed = time.monotonic() if failed is None else failed
                late = time.monotonic() - failed + wait > self.policy.deadline
                if not error.retryable or attempt + 1 == self.policy.attempts or late:
                    raise
            await asyncio.sleep(wait)
        raise AssertionError  # the last attempt returned or raised

    def _wait(self, attempt: int, error: LMError) -> float:
        # Jitter shifts when a request is sent, never what it says, so it needs no named seed.
        drawn = random.uniform(0, min(self.policy.longest, self.policy.base * 2**attempt))  # noqa: S311
        return max(drawn, error.retry_after or 0.0)
