"""`dspy.primitives`: rows, predictions and programs."""

from adjoint.base.paths import inside
from adjoint.data.records import Example
from adjoint.program.completions import Completions
from adjoint.program.module import Module
from adjoint.program.prediction import Prediction

__all__ = ["Completions", "Example", "Module", "Prediction"]

inside(__name__, "example", "module", "prediction")
