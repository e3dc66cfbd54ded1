"""Who may ask: the Host and Origin of a request and its token. A web page that somebody visits must reach nothing here."""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjoint.serve.refusals import Refused

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]/@\s]+)(?::(\d{1,5}))?")
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
HEALTH = "/healthz"
"""The one path that needs no token."""


@dataclass(frozen=True)
class Policy:
    """What is allowed at one address.

    On loopback the Host must be this machine and this port, exactly: a name that a web page has pointed here (DNS
    rebinding) is neither. Off loopback there is a token, and the port may be another one (a proxy, a container); the Host
    must be the bound one, an IP address, this machine's name, or one of `names`.
    """

    host: str
    port: int
    token: str | None = None
    names: frozenset[str] = frozenset()

    def check(self, path: str, headers: CIMultiDictProxy[str]) -> None:
        """Raise `Refused` unless the request may be answered."""
        said = [value.lower() for value in headers.getall("Host", [])]
        if len(said) != 1 or not self._known(said[0]):
            message = f"the Host {', '.join(said)!r:.120} is not served here; use the address that the server has told, or --allow-host."
            raise Refused(403, message, "host_not_allowed")
        origins = headers.getall("Origin", [])
        if origins not in ([], [f"http://{said[0]}"]) or headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            message = "pages of other sites may not ask here."
            raise Refused(403, message, "origin_not_allowed")
        if self.token is not None and path != HEALTH and not self._authorized(headers.getall("Authorization", [])):
            message = "the token is missing or wrong: send Authorization: Bearer TOKEN (the api_key of OpenAI's client)."
            raise Refused(401, message, "invalid_api_key", headers={"WWW-Authenticate": "Bearer"})

    def _known(self, said: str) -> bool:
        found = _HOST.fullmatch(said)
        if found is None:
            return False
        name, port = found[1], int(found[2] or 80)
        if name in self.names:
            return True
        if is_loopback(self.host):
            return name in (*_LOCAL, _bracketed(self.host)) and port == self.port
        return name in {*_LOCAL, _bracketed(self.host), socket.gethostname().lower()} or _is_address(name)

    def _authorized(self, said: list[str]) -> bool:
        wanted = f"Bearer {self.token}".encode()
        return len(said) == 1 and hmac.compare_digest(said[0].encode("utf-8", "surrogateescape"), wanted)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address. A name other than localhost counts as reached by others."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host.strip("[]")).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()
