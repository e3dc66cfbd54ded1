"""`dspy.evaluate`: the evaluator and the metrics that DSPy has. They are found on the function `adjoint.evaluate` as well."""

from adjoint.base.paths import inside
from adjoint.eval.evaluate import evaluate
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
    "evaluate",
    "normalize_text",
    "precision_score",
]

# What is a module in DSPy is a function here: `dspy.evaluate.Evaluate` must be found on it too.
vars(evaluate).update({name: globals()[name] for name in __all__ if name != "evaluate"})

inside(__name__, "auto_evaluation", "evaluate", "metrics")
