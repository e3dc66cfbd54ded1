"""Signatures in a module with postponed evaluation of annotations, where every annotation is a string."""

from __future__ import annotations

from typing import Literal, Optional

import pydantic
import pytest

from adjoint import InputField, OutputField, Signature
from adjoint.base.errors import SignatureError


class Place(pydantic.BaseModel):
    city: str


class Find(Signature):
    """Find the place."""

    text: str = InputField()
    hint: str | None = InputField()
    places: list[Place] = OutputField()
    kind: Literal["town", "river"] = OutputField()
    note: Optional[str] = OutputField()  # noqa: UP045 - the older spelling is read as well


def test_postponed_annotations_are_resolved():
    found = {name: field.type for name, field in Find.fields.items()}
    assert found["places"] == list[Place]
    assert found["kind"] == Literal["town", "river"]
    assert found["note"] == Optional[str]  # noqa: UP045
    assert [name for name, field in Find.fields.items() if not field.required] == ["hint", "note"]


def test_postponed_annotations_find_local_types():
    class Local(pydantic.BaseModel):
        x: int

    class Uses(Signature):
        """Use it."""

        q: str = InputField()
        out: Local = OutputField()

    assert Uses.fields["out"].type is Local


def test_a_postponed_annotation_of_nothing_teaches():
    with pytest.raises(SignatureError, match="unknown type 'Nowhere'"):

        class Wrong(Signature):
            q: Nowhere = InputField()  # noqa: F821
