"""Judges: metrics that ask a language model, and what is known about how far they can be trusted."""

from adjoint.eval.judges.base import JudgeMetric
from adjoint.eval.judges.calibrate import Calibration, acalibrate, calibrate
from adjoint.eval.judges.pairwise import Pairwise, prefer
from adjoint.eval.judges.rectify import Rectified, rectified_mean
from adjoint.eval.judges.rubric import Rubric
from adjoint.eval.judges.semantic import CompleteAndGrounded, SemanticF1
from adjoint.eval.judges.verdict import Judge

JUDGES: dict[str, type[JudgeMetric]] = {"complete_and_grounded": CompleteAndGrounded, "judge": Judge, "semantic_f1": SemanticF1}
"""The judges that the command line knows by name."""

__all__ = [
    "JUDGES",
    "Calibration", "CompleteAndGrounded", "Judge", "Pairwise", "Rectified", "Rubric", "SemanticF1", "acalibrate", "calibrate", "prefer",
    "rectified_mean",
]  # fmt: skip
