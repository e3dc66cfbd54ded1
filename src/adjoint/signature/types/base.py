"""The base class of types that know their own form: how a value is written into a prompt and read from a reply."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel

if TYPE_CHECKING:
    from adjoint.base.parts import Part


class Type(BaseModel):
    """A pydantic model that may say how it is written, described and read. Every method has a default.

    >>> class Celsius(Type):
    ...     degrees: float
    ...     def format(self) -> str:
    ...         return f"{self.degrees} °C"
    ...     @classmethod
    ...     def description(cls) -> str:
    ...         return "a temperature such as 21.5 °C"
    ...     @classmethod
    ...     def parse(cls, text: str) -> "Celsius":
    ...         return cls(degrees=float(text.removesuffix("°C")))
    >>> Celsius.parse(Celsius(degrees=21.5).format())
    Celsius(degrees=21.5)
    """

    knows_its_form: ClassVar[bool] = True

    def format(self) -> str | list[Part] | list[Any]:
        """How the value stands in a prompt: a text, or parts (`Part`, texts, or OpenAI's dictionaries)."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), ensure_ascii=False)

    @classmethod
    def description(cls) -> str:
        """What a reply must look like, in words; empty for the JSON schema of the fields."""
        return ""

    @classmethod
    def parse(cls, text: str) -> Self | Any:
        """What a reply means: a value, or the plain data of one. `NotImplemented` reads JSON; ValueError refuses."""
        del text
        return NotImplemented
