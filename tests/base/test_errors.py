"""The error tree is as drawn, and names teach."""

import inspect
import re

import pytest

from adjoint.base import errors
from adjoint.base.errors import AdjointError, UnknownNameError


def drawn():
    """The tree in the module's docstring as `(depth, name)`."""
    lines = re.findall(r"^([│ ├└─]*)(\w+)", inspect.getdoc(errors).split("```")[1].strip(), re.MULTILINE)
    return [(len(lead) // 4, name) for lead, name in lines]


def classes():
    return {name: cls for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, AdjointError)}


def test_the_drawing_names_every_error_and_no_other():
    assert sorted(name for _, name in drawn()) == sorted(classes())


def test_the_drawing_shows_each_error_below_its_parent():
    path = []
    for depth, name in drawn():
        path[depth:] = [name]
        assert [base.__name__ for base in classes()[name].__mro__[1 : depth + 1]] == path[:-1][::-1]


def test_usage_errors_are_value_errors_with_exit_code_two():
    usage = [cls for cls in classes().values() if issubclass(cls, errors.UsageError)]
    assert len(usage) > 1
    assert all(issubclass(cls, ValueError) and cls.exit_code == 2 for cls in usage)


@pytest.mark.parametrize(("name", "code"), [("BudgetExceeded", 102), ("Interrupted", 130), ("LMError", 1), ("ParseError", 1)])
def test_exit_codes_are_those_of_the_drawing(name, code):
    assert classes()[name].exit_code == code


def test_only_what_may_pass_is_retried():
    assert {name for name, cls in classes().items() if getattr(cls, "retryable", False)} == {
        "RateLimitError",
        "ServerError",
        "TransportError",
    }


def test_an_unknown_name_offers_the_nearest_one():
    assert "did you mean 'tgd'" in str(UnknownNameError.of("optimizer", "tdg", ["tgd", "mipro"]))
    assert "did you mean" not in str(UnknownNameError.of("optimizer", "zzzzzz", ["tgd", "mipro"]))
