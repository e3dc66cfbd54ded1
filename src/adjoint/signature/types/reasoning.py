"""Reasoning: a text that the model thinks before it answers; models that think natively fill it without being asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class Reasoning(str):
    """A text in every respect; the type only says where it comes from.

    >>> Reasoning(content="Two and two.").upper()
    'TWO AND TWO.'
    """

    __slots__ = ()
    knows_its_form: ClassVar[bool] = True
    adapter_role: ClassVar[str] = "reasoning"

    def __new__(cls, content: object = "") -> Self:
        return super().__new__(cls, content)

    @property
    def content(self) -> str:
        """The text itself, under DSPy's name."""
        return str(self)

    def format(self, *args: Any, **kwargs: Any) -> str:
        """The text; with arguments what `str.format` makes of it."""
        return str.format(self, *args, **kwargs) if args or kwargs else str(self)

    @classmethod
    def description(cls) -> str:
        return ""

    @classmethod
    def parse(cls, text: str) -> Reasoning:
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())
