"""Parts: the pieces of a message that are not plain text. They stand below the floor of both types and language models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from adjoint.base.errors import UsageError


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a message that is not plain text: an image, a sound, a file; or text between such pieces.

    `data` is base64 with its `media_type` ("image/png"), or `url` says where the provider finds it, or `file_id` is the
    provider's own name for an uploaded file; `name` is a file's.
    """

    kind: Literal["text", "image", "audio", "file"]
    text: str = ""
    data: str = ""
    url: str = ""
    media_type: str = ""
    name: str = ""
    file_id: str = ""


def part_of(given: Any) -> Part:
    """A part from a part, a text, or OpenAI's form of one, which users' own types may have written for DSPy.

    >>> part_of({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}).url
    'https://example.org/a.png'
    """
    if isinstance(given, Part):
        return given
    if isinstance(given, str):
        return Part("text", text=given)
    if isinstance(given, Mapping):
        kind, body = given.get("type"), given.get(str(given.get("type")))
        if kind == "text" and isinstance(body, str):
            return Part("text", text=body)
        if kind == "image_url" and isinstance(body, Mapping):
            return of_url("image", str(body.get("url", "")))
        if kind == "input_audio" and isinstance(body, Mapping):
            return Part("audio", data=str(body.get("data", "")), media_type=f"audio/{body.get('format', 'wav')}")
        if kind == "file" and isinstance(body, Mapping):
            made = of_url("file", str(body.get("file_data", "")))
            return Part(
                "file", "", made.data, made.url, made.media_type, str(body.get("filename", "")), str(body.get("file_id", ""))
            )
    message = f"format() must give a text or a list of parts, not {given!r:.80}; write Part('image', url=...) or a text."
    raise UsageError(message)


def of_url(kind: Literal["image", "audio", "file"], url: str, *, name: str = "", media_type: str = "") -> Part:
    """A part from an address; what stands in a `data:` address is taken out of it.

    >>> of_url("image", "data:image/png;base64,AAAA")
    Part(kind='image', text='', data='AAAA', url='', media_type='image/png', name='', file_id='')
    """
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return Part(kind, data=data, media_type=head[5:-7] or media_type, name=name)
    return Part(kind, url=url, media_type=media_type, name=name)
