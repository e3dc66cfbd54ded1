"""The prompt of model-graded evaluation, as a signature: readable, versioned, and itself open to optimisation."""

from __future__ import annotations

from typing import Literal

from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import Signature


class Judge(Signature):
    """Is the output right? Compare it with the expected output or with the rubric, whichever is given. Give the reason in one short sentence, then the verdict."""

    input: str = InputField()
    output: str = InputField()
    expected: str = InputField(default="")
    rubric: str = InputField(default="")
    reason: str = OutputField()
    verdict: Literal["yes", "no"] = OutputField()
