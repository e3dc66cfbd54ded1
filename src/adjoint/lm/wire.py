"""Reading what servers send: small strict readers of untrusted JSON, and what all clients write the same way."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from adjoint.lm.types import Message, Part


class Malformed(Exception):  # noqa: N818 - never leaves a client, which turns it into a ServerError with the address
    """A reply has a form that cannot be read; the message says what came."""


def string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def text(value: object, what: str) -> str:
    """A text; null counts as empty. Anything else is malformed: dropping it would lose a part of the reply in silence."""
    if value is None or isinstance(value, str):
        return value or ""
    message = f"a {type(value).__name__} as {what}"
    raise Malformed(message)


def count(value: object) -> int | None:
    """A count of tokens, or None if it is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def number(value: object) -> float | None:
    """A finite number, or None."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) else None


def mapping(value: object, what: str) -> dict[str, Any]:
    """An object; null counts as empty."""
    if value is None or isinstance(value, dict):
        return value or {}
    message = f"a {type(value).__name__} as {what}"
    raise Malformed(message)


def objects(value: object, what: str) -> list[dict[str, Any]]:
    """A list of objects; null counts as empty."""
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    message = f"no {what} that are objects"
    raise Malformed(message)


def estimate(words: str) -> int:
    """Tokens of a text where nobody counts them: four bytes make one."""
    return len(words.encode("utf-8", "surrogatepass")) // 4 + 1


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are set."""
    return {name: value for name, value in options.items() if value is not None}


def data_url(part: Part) -> str:
    """The address of an image or a file: its own, or its bytes as a `data:` URL."""
    return part.url or f"data:{part.media_type or 'application/octet-stream'};base64,{part.data}"


def only_text(messages: Iterable[Message], who: str) -> None:
    """Refuse parts that are no text, for interfaces that take none."""
    for message in messages:
        if not isinstance(message.content, str) and any(part.kind != "text" for part in message.content):
            what = f"{who} takes text only, not images, sounds or files."
            raise UsageError(what)


def unsupported(part: Part, who: str) -> UsageError:
    form = "by file id" if part.file_id else "by URL" if part.url else part.media_type or "without a media type"
    return UsageError(f"{who} takes no {part.kind} {form}.")


def arguments(text: str) -> dict[str, Any]:
    """The arguments of a tool call as an object. A model's broken JSON goes back as it came, under one name."""
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"arguments": text}


def written(value: object) -> str:
    """The arguments of a tool call as text; servers that send an object have them written here."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)
