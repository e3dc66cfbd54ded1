"""Images, sounds and files: inputs that a model sees or hears, as parts of a message instead of text."""

from __future__ import annotations

import base64
import io
import mimetypes
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, model_serializer, model_validator

from adjoint.base.deps import need
from adjoint.base.errors import UsageError
from adjoint.base.parts import Part, of_url
from adjoint.signature.types.base import Type

_ADDRESSES = ("http://", "https://", "gs://", "s3://", "data:")
_MOST_BYTES = 50_000_000
"""Bytes beyond which nothing is downloaded."""
_SECONDS = 30.0


class Media(Type):
    """What images, sounds and files share: an address, which may hold the bytes themselves (`data:...`)."""

    model_config = ConfigDict(extra="forbid")
    kind: ClassVar[Literal["image", "audio", "file"]]
    default_media_type: ClassVar[str]

    url: str = ""
    media_type: str = ""
    filename: str = ""
    file_id: str = ""

    def __init__(self, url: str | bytes | None = None, **fields: Any) -> None:
        """An address or the bytes. A file of this machine is read by `from_path` only, so that no data can name one."""
        if isinstance(url, bytes):
            fields = {"url": _data_url(url, fields.get("media_type") or self.default_media_type), **fields}
        elif url is not None:
            fields = {"url": url, **fields}
        super().__init__(**fields)

    @classmethod
    def from_url(cls, url: str, *, download: bool = False, media_type: str = "") -> Self:
        """Something on the web. The provider fetches it; with `download` it is fetched here and sent along."""
        made = cls(url=url, media_type=media_type)
        if not download or url.startswith("data:"):
            return made
        data, said = _downloaded(url)
        return cls.from_bytes(data, media_type=media_type or said)

    @classmethod
    def from_path(cls, path: str | Path, *, media_type: str = "") -> Self:
        """A file of this machine."""
        place = Path(path)
        try:
            data = place.read_bytes()
        except OSError as error:
            message = f"cannot read {str(path)!r}: {error.strerror}. Give the path of an existing file."
            raise UsageError(message) from None
        guessed = media_type or mimetypes.guess_type(place.name)[0] or cls.default_media_type
        return cls.from_bytes(data, media_type=guessed, filename=place.name)

    from_file = from_path

    @classmethod
    def from_bytes(cls, data: bytes, *, media_type: str = "", filename: str = "") -> Self:
        kind = media_type or cls.default_media_type
        return cls(url=_data_url(data, kind), media_type=kind, filename=filename)

    @classmethod
    def from_file_id(cls, file_id: str, *, filename: str = "") -> Self:
        """Something that the provider already has, by the name that it gave."""
        return cls(file_id=file_id, filename=filename)

    def format(self) -> list[Part]:
        if self.file_id:
            return [Part(self.kind, file_id=self.file_id, name=self.filename, media_type=self.media_type)]
        return [of_url(self.kind, self.url, name=self.filename, media_type=self.media_type)]

    def __repr__(self) -> str:
        shown = self.file_id or (self.url if len(self.url) <= 60 else f"{self.url[:40]}... {len(self.url)} characters")
        return f"{type(self).__name__}({shown!r})"

    __str__ = __repr__

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        """A text is an address, as in JSON."""
        return {"url": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _has_content(self) -> Self:
        if not self.file_id and not self.url.startswith(_ADDRESSES):
            name = type(self).__name__
            message = f"{self.url[:80]!r} is no address; for a file of this machine write {name}.from_path(...)"
            raise ValueError(message)
        return self

    @model_serializer
    def _as_json(self) -> dict[str, str]:
        return {name: value for name in type(self).model_fields if (value := getattr(self, name))}


class Image(Media):
    """A picture: `Image("https://...")`, `Image.from_path("cat.png")`, `Image.from_PIL(picture)`.

    >>> Image("https://example.org/cat.png").format()[0].kind
    'image'
    """

    kind = "image"
    default_media_type = "image/png"

    def __init__(self, url: Any = None, *, download: bool = False, **fields: Any) -> None:
        """An address, the bytes, or a picture of the Pillow library; with `download` the picture is fetched here and sent along."""
        if hasattr(url, "save"):
            url = _encoded(url, "PNG")
        elif download and isinstance(url, str) and not url.startswith("data:"):
            url, said = _downloaded(url)
            fields.setdefault("media_type", said)
        super().__init__(url, **fields)

    @classmethod
    def from_PIL(cls, image: Any, *, format: str = "PNG") -> Self:  # noqa: N802, A002 - DSPy's and Pillow's names
        """A picture of the Pillow library."""
        return cls.from_bytes(_encoded(image, format), media_type=f"image/{format.lower()}")

    @classmethod
    def from_array(cls, array: Any, *, format: str = "PNG") -> Self:  # noqa: A002 - Pillow's name
        """Pixels of a numpy array: height x width, or height x width x channels, of 8 bits."""
        return cls.from_PIL(need("PIL.Image", extra="images", why="pictures from arrays").fromarray(array), format=format)


class Audio(Media):
    """A sound: `Audio.from_path("call.wav")`, `Audio.from_array(samples, sampling_rate)`."""

    kind = "audio"
    default_media_type = "audio/wav"

    def __init__(
        self, url: str | bytes | None = None, *, data: str | None = None, audio_format: str = "wav", **fields: Any
    ) -> None:
        """An address, the bytes, or with `data` the bytes in base64."""
        if data is not None:
            url, fields["media_type"] = f"data:audio/{audio_format};base64,{data}", f"audio/{audio_format}"
        super().__init__(url, **fields)

    @property
    def data(self) -> str:
        """The bytes in base64; empty for a sound that is only named."""
        return self.url.partition(";base64,")[2]

    @property
    def audio_format(self) -> str:
        """Such as `wav` or `mp3`."""
        return self.media_type.partition("/")[2]

    @classmethod
    def from_array(cls, array: Any, sampling_rate: int) -> Self:
        """Samples in [-1, 1] (or 16-bit integers), one column a channel, as a WAV file of 16 bits."""
        import wave

        import numpy as np

        samples = np.asarray(array)
        if samples.ndim not in (1, 2) or samples.dtype.kind not in "fi" or samples.size == 0:
            message = f"a sound is an array of numbers with one or two dimensions, not of shape {samples.shape} and type {samples.dtype}."
            raise UsageError(message)
        if samples.dtype.kind == "f":
            samples = np.rint(np.clip(np.nan_to_num(samples), -1.0, 1.0) * 32767)
        sink = io.BytesIO()
        with wave.open(sink, "wb") as out:
            out.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
            out.setsampwidth(2)
            out.setframerate(sampling_rate)
            out.writeframes(np.clip(samples, -32768, 32767).astype("<i2").tobytes())
        return cls.from_bytes(sink.getvalue(), media_type="audio/wav")


class File(Media):
    """A document such as a PDF: `File.from_path("contract.pdf")`, `File.from_file_id("file-abc")`."""

    kind = "file"
    default_media_type = "application/octet-stream"

    def __init__(self, url: str | bytes | None = None, *, file_data: str | None = None, **fields: Any) -> None:
        """An address or the bytes; `file_data` is DSPy's name for a `data:` address."""
        super().__init__(file_data if url is None else url, **fields)

    @classmethod
    def from_path(
        cls, path: str | Path, filename: str | None = None, mime_type: str | None = None, *, media_type: str = ""
    ) -> Self:
        """A file of this machine, under its own name or another one; `mime_type` is DSPy's name for `media_type`."""
        made = super().from_path(path, media_type=mime_type or media_type)
        return made if filename is None else made.model_copy(update={"filename": filename})

    @classmethod
    def from_bytes(cls, data: bytes, filename: str | None = None, mime_type: str | None = None, *, media_type: str = "") -> Self:
        """The bytes of a file; `mime_type` is DSPy's name for `media_type`."""
        return super().from_bytes(data, media_type=mime_type or media_type, filename=filename or "")

    @property
    def file_data(self) -> str:
        """The address that holds the bytes; empty for a file that is only named."""
        return self.url


def _encoded(image: Any, form: str) -> bytes:
    """A picture of the Pillow library as a file of this format."""
    sink = io.BytesIO()
    image.save(sink, format=form)
    return sink.getvalue()


def _data_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _downloaded(url: str) -> tuple[bytes, str]:
    """The bytes behind a web address, and their media type as the server says."""
    from urllib.request import urlopen

    if not url.startswith(("http://", "https://")):
        message = f"only http and https can be downloaded, not {url[:80]!r}."
        raise UsageError(message)
    try:
        with urlopen(url, timeout=_SECONDS) as reply:  # noqa: S310 - the scheme is checked above
            data, said = reply.read(_MOST_BYTES + 1), reply.headers.get_content_type()
    except OSError as error:
        message = f"cannot download {url[:200]!r}: {error}. Check the address, or give the file with from_path."
        raise UsageError(message) from None
    if len(data) > _MOST_BYTES:
        message = f"{url[:200]!r} is larger than {_MOST_BYTES:,} bytes; let the provider fetch it (download=False)."
        raise UsageError(message)
    return data, said
