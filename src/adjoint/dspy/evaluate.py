"""`dspy.evaluate`: the evaluator and the metrics that DSPy has."""

from adjoint.eval.evaluator import Evaluate
from adjoint.eval.judges.semantic import CompleteAndGrounded, SemanticF1
from adjoint.eval.metrics import EM, F1, HotPotF1, answer_exact_match, answer_passage_match, normalize_text, precision_score
from adjoint.eval.report import Report as EvaluationResult

__all__ = [
    "EM",
    "F1",
    "CompleteAndGrounded",
    "Evaluate",
    "EvaluationResult",
    "HotPotF1",
    "SemanticF1",
    "answer_exact_match",
    "answer_passage_match",
    "normalize_text",
    "precision_score",
]
