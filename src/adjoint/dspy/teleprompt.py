"""`dspy.teleprompt`: the optimizers, which are public names of `adjoint` too."""

from __future__ import annotations

from typing import Any

import adjoint
from adjoint.base.paths import inside
from adjoint.program.prediction import Prediction as ScoreWithFeedback

__all__ = ["ScoreWithFeedback"]


def __getattr__(name: str) -> Any:
    return getattr(adjoint, name)


inside(
    __name__,
    "bettertogether",
    "bootstrap",
    "bootstrap_finetune",
    "copro_optimizer",
    "ensemble",
    "gepa",
    "gepa.gepa",
    "gepa.gepa_utils",
    "grpo",
)
inside(__name__, "infer_rules", "knn_fewshot", "mipro_optimizer_v2", "random_search", "simba", "teleprompt_optuna", "vanilla")
