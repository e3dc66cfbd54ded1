"""Refusals: from a status and a provider's words to the error of the tree that they mean, in one line and without the key."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from adjoint.base.errors import AuthError, ContextLengthError, RateLimitError, RequestError, ServerError
from adjoint.lm import waits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.errors import LMError

_QUOTED = 300
"""Characters of a provider's own words that an error message quotes."""
_TOO_LONG = re.compile(
    r"context[ _](length|window|size)|maximum context|max_new_tokens|prompt is too long|reduce the length"
    r"|exceeds the maximum number of tokens",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(r"API[ _]key not valid|API_KEY_INVALID")
"""Gemini calls a wrong key a bad request."""
_RETRY_DELAY = re.compile(rb'"retryDelay":\s*"(\d{1,9}(?:\.\d{1,9})?)s"')
_NO_CREDIT = ("insufficient_quota", "billing_error")
_STATUS = {
    "authentication_error": 401, "invalid_api_key": 401, "permission_error": 403, "not_found_error": 404,
    "invalid_request_error": 400, "context_length_exceeded": 400, "request_too_large": 413, "billing_error": 402,
    "insufficient_quota": 402, "rate_limit_error": 429, "rate_limit_exceeded": 429, "overloaded_error": 529,
}  # fmt: skip
"""The status that belongs to a provider's word, for errors inside a reply that began well."""
_WORD = re.compile(r"[\w.-]{8,}")


def refusal(status: int, headers: Mapping[str, str], body: bytes, *, url: str, key: str | None, key_variable: str) -> LMError:
    """The error that belongs to a status and to the provider's words."""
    said, code = said_in(body)
    kind: type[LMError] = RequestError
    hint = ""
    if status in (401, 403) or (status == 400 and _BAD_KEY.search(said)):
        kind, hint = AuthError, f" The key is missing or refused; set {key_variable} to one that this endpoint takes."
    elif status == 402 or code in _NO_CREDIT:
        kind, hint = AuthError, f" The account behind {key_variable} has no credit left; waiting does not help."
    elif status == 429:
        kind = RateLimitError
    elif status >= 500 or status in (408, 409, 425):
        kind = ServerError
    elif status < 400:
        hint = f" Redirects ({clean(headers.get('location', ''), key)}) are not followed; give the right base URL."
    elif code == "context_length_exceeded" or _TOO_LONG.search(said):
        kind = ContextLengthError
    elif status in (404, 405):
        hint = " Check the model's name, and that the base URL has its path (most end in /v1)."
    message = f"{url} answered {status}: {(clean(said, key) or 'no text').rstrip('.')}.{hint}"
    return kind(message, retry_after=_asked(headers, body) if kind.retryable else None)


def clean(text: str, key: str | None) -> str:
    """A provider's words on one line, short, and without the key or any longer part of it."""
    if key:
        text = text.replace(key, "[key]")
        text = _WORD.sub(lambda word: "[key]" if word[0] in key else word[0], text)
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}..."


def said_in(body: bytes) -> tuple[str, str]:
    """What an error body says, and its code: read from the forms in use (OpenAI, FastAPI, plain text, HTML)."""
    text = body[: 2**16].decode("utf-8", "replace").strip()
    if text[:200].lower().startswith(("<!doctype", "<html")):
        return "an HTML page", ""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text, ""
    error = data.get("error", data) if isinstance(data, dict) else data
    if not isinstance(error, dict):
        return error if isinstance(error, str) else text, ""
    words = next((error[name] for name in ("message", "detail") if isinstance(error.get(name), str)), text)
    codes = [error[name] for name in ("code", "type") if isinstance(error.get(name), str)]
    return words, codes[0] if codes else ""


def status_inside(error: object) -> int:
    """The status that an error without one of its own stands for."""
    if not isinstance(error, dict):
        return 500
    for name in ("code", "type"):
        code = error.get(name)
        if isinstance(code, int) and 400 <= code < 600:
            return code
        if isinstance(code, str) and code in _STATUS:
            return _STATUS[code]
    return 500


def _asked(headers: Mapping[str, str], body: bytes) -> float | None:
    """How long to wait: from the headers, else from the details of Gemini's errors."""
    said = _RETRY_DELAY.search(body[: 2**16])
    return waits.first(waits.asked(headers), float(said[1]) if said else None)
