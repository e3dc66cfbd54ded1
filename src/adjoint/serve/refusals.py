"""What a client is told when there is no answer: a status, and an error in the form that OpenAI's clients read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from adjoint.base import errors

if TYPE_CHECKING:
    from collections.abc import Mapping


class Refused(Exception):  # noqa: N818 - an answer, not a fault of the server
    """The request gets this status and this reason."""

    def __init__(
        self, status: int, message: str, code: str, *, param: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.headers = status, message, code, param, dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> web.Response:
        return web.json_response(self.body, status=self.status, headers=self.headers, dumps=dumps)


_STATUS: tuple[tuple[type[errors.AdjointError], int, str], ...] = (
    (errors.ContextLengthError, 400, "context_length_exceeded"),
    (errors.RequestError, 400, "invalid_request"),
    (errors.RefusalError, 400, "content_filter"),
    (errors.RateLimitError, 429, "rate_limit_exceeded"),
    (errors.BudgetExceeded, 429, "insufficient_quota"),
    (errors.LMError, 502, "model_failed"),
    (errors.ParseError, 502, "reply_not_readable"),
    (errors.UsageError, 400, "invalid_request"),
)
"""The first class that fits decides."""


def refused(error: errors.AdjointError) -> Refused:
    """What a client is told of an error of the model or the program."""
    status, code = next(((status, code) for kind, status, code in _STATUS if isinstance(error, kind)), (500, "program_failed"))
    wait = getattr(error, "retry_after", None)
    return Refused(status, str(error), code, headers=None if wait is None else {"Retry-After": f"{wait:.0f}"})


def bad(message: str, param: str | None = None) -> Refused:
    """The request itself cannot be used."""
    return Refused(400, message, "invalid_request", param=param)


def dumps(value: Any) -> str:
    """JSON as it is sent: a lone surrogate, which a reply may hold, goes out escaped."""
    return json.dumps(value, separators=(",", ":"))
