"""Frozen dataclasses that are quick to make are dataclasses in everything else."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from adjoint.base.quick import quick


@dataclasses.dataclass(frozen=True, slots=True)
class Plain:
    text: str
    size: int = 3
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)
    hidden: float = dataclasses.field(default=0.5, repr=False, compare=False)


@quick(frozen=True, slots=True)
class Quick:
    text: str
    size: int = 3
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)
    hidden: float = dataclasses.field(default=0.5, repr=False, compare=False)


class Narrower(Quick):
    __slots__ = ()


MADE = [(("a",), {}), (("a", 4), {"hidden": 1.0}), ((), {"text": "a", "extra": {"x": 1}})]


@pytest.mark.parametrize(("given", "named"), MADE)
def test_it_has_the_fields_the_text_and_the_equality_of_a_dataclass(given, named):
    plain, made = Plain(*given, **named), Quick(*given, **named)
    assert dataclasses.asdict(plain) == dataclasses.asdict(made)
    assert repr(plain).replace("Plain", "Quick") == repr(made)
    assert made == Quick(*given, **named) != dataclasses.replace(made, text="b")
    assert made in (copy.copy(made), pickle.loads(pickle.dumps(made)))
    assert type(made) is Quick


def test_it_is_frozen_and_every_default_that_is_made_is_its_own():
    first, second = Quick("a"), Quick("a")
    assert first.extra is not second.extra
    for name in ("text", "other"):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            setattr(first, name, "b")


def test_a_subclass_makes_objects_of_its_own():
    assert type(Narrower("a")) is Narrower
    assert isinstance(dataclasses.replace(Narrower("a"), size=9), Narrower)


def test_a_wrong_call_says_what_is_missing():
    assert inspect.signature(Quick) == inspect.signature(Plain).replace(
        return_annotation=inspect.signature(Quick).return_annotation
    )
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'text'"):
        Quick()
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        Quick("a", colour="red")
