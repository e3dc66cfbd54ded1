"""Broken: from what aiohttp raises on the way to a server and back to the error of the tree that it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.base.errors import ServerError, TransportError
from adjoint.lm.refusals import clean

if TYPE_CHECKING:
    from adjoint.base.errors import LMError
    from adjoint.lm.http import Timeouts


def broken(error: Exception, *, url: str, key: str | None, timeouts: Timeouts) -> LMError:
    """The error that belongs to one of aiohttp's or of the system; only a server that was never reached sends no bill."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError):
        why = clean(str(error.os_error), key)
        return TransportError(f"cannot reach {url}: {why}. Is the server running and the base URL right?", maybe_billed=False)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        late = f"{url} did not take a connection within {timeouts.connect:g} s. Is the base URL right?"
        return TransportError(late, maybe_billed=False)
    if isinstance(error, TimeoutError):
        return TransportError(
            f"{url} did not answer within {timeouts.total:g} s. Raise the timeout, or see whether the server hangs."
        )
    if isinstance(error, aiohttp.ClientResponseError):
        return ServerError(f"{url} does not speak HTTP as it should: {clean(error.message, key)}.")
    return TransportError(f"the connection to {url} broke ({type(error).__name__}); the call can be made again.")
