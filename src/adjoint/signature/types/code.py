"""Code: program text in a language, written plainly and read out of its fence."""

from __future__ import annotations

import re
from typing import Any, ClassVar, NamedTuple

from pydantic import model_serializer, model_validator

from adjoint.signature.types.base import Type

_ALIASES = {
    "py": "python",
    "python3": "python",
    "js": "javascript",
    "ts": "typescript",
    "sh": "bash",
    "shell": "bash",
    "c++": "cpp",
    "golang": "go",
    "rs": "rust",
    "yml": "yaml",
}
"""Other names that models give a language."""
_LANGUAGES = frozenset({*_ALIASES.values(), "c", "html", "java", "json", "r", "ruby", "sql", "xml"})
_ONE_LINE = re.compile(r"^(`{3,})([^`\n]+)\1$", re.MULTILINE)
_TICKS = 3
"""Marks that a fence has at least."""
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
        """The code in a fence, as models write it and are asked to; longer than any that stands in it."""
        width = max(map(len, re.findall(r"`+", self.code)), default=0)
        ticks = "`" * max(width + 1, 3)
        return f"{ticks}{self.language}\n{self.code}\n{ticks}"

    @classmethod
    def description(cls) -> str:
        return f"{cls.language or 'program'} code in a ```{cls.language} block"

    @classmethod
    def parse(cls, text: str) -> Code:
        return cls(code=cls.find(text))

    @classmethod
    def find(cls, text: str) -> str:
        """The code that a text is, or holds."""
        return unfenced(text, cls.language)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        """A text is the code itself, as in JSON."""
        return {"code": cls.find(given)} if isinstance(given, str) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        del schema, handler
        return {"type": "string", "description": f"{cls.language or 'program'} code"}

    @model_serializer
    def _as_text(self) -> str:
        return self.code


class Block(NamedTuple):
    """What stands in a fence, and the language that the fence names."""

    code: str
    language: str


def unfenced(text: str, language: str = "") -> str:
    r"""The code in the one fence of the text; of several that differ none is meant more, so that raises ValueError.

    A fence may have any length, and ends only with one as long. Without a fence all of the text is code, but for a first line that
    only names the language.

    >>> unfenced("a = 1"), unfenced("python\na = 1", "python")
    ('a = 1', 'a = 1')
    """
    found = blocks(text)
    if len({block.code.strip() for block in found}) > 1:
        message = f"{len(found)} blocks of code, where one is wanted"
        raise ValueError(message)
    return found[0].code if found else unnamed(text, language)


def unnamed(text: str, language: str) -> str:
    """The text without a first line that only names the language, and without a fence at the end that never began."""
    first, _, rest = text.partition("\n")
    named = first.strip().strip("*_`:").casefold()
    if not language:
        return text
    code = rest if _ALIASES.get(named, named) == language else text
    return re.sub(r"\n[ \t]*`{3,}\s*\Z", "", code)


def blocks(text: str) -> list[Block]:
    r"""What stands in the fences of a text. One that never ends goes to the end of the text, or of its last line of code.

    >>> blocks("```python\nprint(1)```"), blocks("```py print(1)```")
    ([Block(code='print(1)', language='python')], [Block(code='print(1)', language='python')])
    """
    found: list[Block] = []
    inside: list[str] | None = None
    ticks = language = beside = ""
    for line in text.split("\n"):
        mark = line.strip()
        run = mark[: len(mark) - len(mark.lstrip("`"))]
        if inside is None:
            if short := _ONE_LINE.match(mark):
                found.append(_of_line(short[2]))
            elif len(run) >= _TICKS and "`" not in mark[len(run) :]:
                beside, language = _of_line(mark[len(run) :])
                inside, ticks = [], run
        elif mark == run and len(run) >= len(ticks):
            found.append(Block("\n".join(inside) or beside, language))
            inside = None
        else:
            inside.append(line)
    if inside:
        code = "\n".join(inside)
        # A fence that was closed behind the code in its last line; what follows are words about it.
        found.append(Block(code.partition(f"{ticks}\n")[0].removesuffix(ticks), language))
    return found


def _of_line(said: str) -> Block:
    """What stands behind the marks of a fence in their line: a language, or code with or without one before it."""
    word, _, rest = said.strip().partition(" ")
    name = word.casefold()
    if not rest and re.fullmatch(r"[\w+#.-]*", word):
        return Block("", _ALIASES.get(name, name))
    known = _ALIASES.get(name, name)
    return Block(rest.strip(), known) if known in _LANGUAGES else Block(said.strip(), "")
