"""Signatures under the functions that DSPy's programs make them with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.signature.fields import in_words
from adjoint.signature.signature import make, renamed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.signature.signature import Signature


def make_signature(
    signature: Any,
    instructions: str | None = None,
    signature_name: str = "StringSignature",
    custom_types: Mapping[str, Any] | None = None,
) -> type[Signature]:
    """A signature of that name from a shorthand, or from a dictionary of fields and their types.

    >>> make_signature("question -> answer", "Be brief.", "Brief")
    Brief(question -> answer)
    """
    return renamed(make(signature, instructions, custom_types=custom_types), signature_name)


def ensure_signature(signature: Any, instructions: str | None = None) -> type[Signature] | None:
    """A signature from whatever may stand for one; None stays None."""
    return None if signature is None else make(signature, instructions)


def infer_prefix(attribute_name: str) -> str:
    """The name of a field in words. No adapter renders it."""
    return in_words(attribute_name)
