"""Code: program text in a language, written plainly and read out of its fence."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import model_serializer, model_validator

from adjoint.signature.types.base import Type

_FENCE = re.compile(r"^```([\w+#.-]*)[ \t]*\n", re.MULTILINE)
_languages: dict[str, type[Code]] = {}


class Code(Type):
    r"""`Code["python"]` is the type of Python code; plain `Code` is code of any language.

    >>> Code["python"].parse("Here it is:\n```python\nprint(1)\n```").code
    'print(1)'
    """

    code: str
    language: ClassVar[str] = ""

    def __class_getitem__(cls, language: Any) -> type[Code]:
        """The type for one language, the same object each time."""
        name = str(language).lower()
        if name not in _languages:
            made = type(f"Code_{re.sub(r'[^0-9a-z]', '_', name)}", (Code,), {"language": name, "__module__": __name__})
            _languages[name] = made
        return _languages[name]

    def __str__(self) -> str:
        return self.code

    def format(self) -> str:
        """The text as it is; in a fence if it would otherwise be taken for one."""
        if not _FENCE.search(self.code):
            return self.code
        ticks = "`" * (max(len(run) for run in re.findall(r"`+", self.code)) + 1)
        return f"{ticks}{self.language}\n{self.code}\n{ticks}"

    @classmethod
    def description(cls) -> str:
        return f"{cls.language or 'program'} code"

    @classmethod
    def parse(cls, text: str) -> Code:
        return cls(code=unfenced(text))

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        """A text is the code itself, as in JSON."""
        return {"code": unfenced(given)} if isinstance(given, str) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        del schema, handler
        return {"type": "string", "description": cls.description()}

    @model_serializer
    def _as_text(self) -> str:
        return self.code


def unfenced(text: str) -> str:
    """The code in the one fence of the text; of several that are alike none is meant more, so that raises ValueError.

    A fence may have any length, and ends only with one as long.

    >>> unfenced("a = 1")
    'a = 1'
    """
    blocks = _blocks(text)
    if len(blocks) > 1:
        message = f"{len(blocks)} blocks of code, where one is wanted"
        raise ValueError(message)
    return blocks[0] if blocks else text


def _blocks(text: str) -> list[str]:
    """What stands in the fences of a text. One that never ends goes to the end of the text."""
    found: list[str] = []
    inside: list[str] | None = None
    ticks = ""
    for line in text.split("\n"):
        mark = line.strip()
        run = mark[: len(mark) - len(mark.lstrip("`"))]
        if inside is None:
            if len(run) >= 3 and "`" not in mark[len(run) :]:
                inside, ticks = [], run
        elif mark == run and len(run) >= len(ticks):
            found.append("\n".join(inside))
            inside = None
        else:
            inside.append(line)
    if inside is not None:
        found.append("\n".join(inside))
    return found
