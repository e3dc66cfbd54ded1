"""`tg.loss`: critics."""

from adjoint.autograd.evaluations import (
    DEFAULT_TEST_TIME,
    ImageQALoss,
    MultiChoiceTestTime,
    MultiFieldEvaluation,
    MultiFieldTokenParsedEvaluation,
)
from adjoint.autograd.losses import TextLoss

__all__ = [
    "DEFAULT_TEST_TIME",
    "ImageQALoss",
    "MultiChoiceTestTime",
    "MultiFieldEvaluation",
    "MultiFieldTokenParsedEvaluation",
    "TextLoss",
]
