"""Code as models write it: fences of all kinds, a bare name of the language, words around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoint import Code
from adjoint.signature.types.code import blocks

PYTHON = Code["python"]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("python\nprint(1 + 1 + 1)", "print(1 + 1 + 1)"),
        ("Python:\nprint(10)", "print(10)"),
        ("python\nprint(2)\n```", "print(2)"),
        ("print(2)\n```", "print(2)"),
        ("```python\nobjects = 3\nprint(objects)\n```", "objects = 3\nprint(objects)"),
        ("```py\nprint(1)```", "print(1)"),
        ("```python\nprint(1)```\nIt prints 1.", "print(1)"),
        ("```print(1)```", "print(1)"),
        ("```python print(1)```", "print(1)"),
        ("``` python\nprint(1)", "print(1)"),
        ('```python title="sum.py"\nprint(1)\n```', "print(1)"),
        ("  ```python\n  print(1)\n  ```", "  print(1)"),
        ("```\nx = 1\n```\nThe same again:\n```\nx = 1\n```", "x = 1"),
    ],
)
def test_python_is_found_however_it_is_marked(reply, code):
    assert PYTHON.parse(reply).code == code


@pytest.mark.parametrize("text", ["x = 1", "```a```b", "a `b` c", "python = 3\nprint(python)", ""])
def test_what_is_no_fence_stays_as_it_is(text):
    assert PYTHON.parse(text).code == text


def test_the_name_of_another_language_is_code():
    assert PYTHON.parse("json\nx").code == "json\nx"
    assert Code.parse("python\nx").code == "python\nx"
    assert Code["javascript"].parse("js\nlet x").code == "let x"


def test_blocks_know_their_language():
    assert [(block.language, block.code) for block in blocks("```py\na\n```\nIt prints:\n```\nb\n```\n```bash\nc")] == [
        ("python", "a"), ("", "b"), ("bash", "c"),
    ]  # fmt: skip


def test_a_schema_speaks_of_code_and_a_prompt_of_a_block():
    assert PYTHON.description() == "python code in a ```python block"
    assert PYTHON.model_json_schema() == {"type": "string", "description": "python code"}


@given(st.text(alphabet="`ab \n~#=()pythnj", max_size=40))
def test_code_of_any_kind_comes_back_from_its_own_form(code):
    for kind in (PYTHON, Code):
        assert kind.parse(kind(code=code).format()).code == code
