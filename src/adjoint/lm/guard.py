"""The switch that keeps tests from spending money: when it is off, a call that leaves this machine is an error."""

from __future__ import annotations

import functools
import ipaddress
from urllib.parse import urlsplit

from adjoint.base.errors import UsageError

ALLOW_PAID_CALLS = True
"""Set `adjoint.lm.guard.ALLOW_PAID_CALLS = False` in a test suite; servers on this machine can still be called."""


@functools.lru_cache(maxsize=256)
def is_loopback(url: str) -> bool:
    """Whether the URL names this machine. Decided by its text alone: no name is looked up.

    >>> is_loopback("http://127.0.0.1:8000/v1"), is_loopback("https://api.openai.com/v1")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def check(url: str) -> None:
    """Raise `UsageError` if calls that leave this machine are switched off and this would be one."""
    if not ALLOW_PAID_CALLS and not is_loopback(url):
        message = (
            f"a call to {url} was stopped: adjoint.lm.guard.ALLOW_PAID_CALLS is False. "
            "Use adjoint.testing.ScriptedLM or FakeProvider here, or set it to True."
        )
        raise UsageError(message)
