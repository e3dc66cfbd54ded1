"""`dspy.predict`: the modules."""

from adjoint.base.paths import inside
from adjoint.modules.best_of_n import BestOfN
from adjoint.modules.chain_of_thought import ChainOfThought
from adjoint.modules.code_act import CodeAct
from adjoint.modules.knn import KNN
from adjoint.modules.multi_chain import MultiChainComparison
from adjoint.modules.parallel import Parallel
from adjoint.modules.predict import Predict
from adjoint.modules.program_of_thought import ProgramOfThought
from adjoint.modules.react import ReAct
from adjoint.modules.refine import Refine
from adjoint.modules.rlm import RLM
from adjoint.modules.vote import majority
from adjoint.signature.types.tool import Tool

__all__ = [
    "KNN",
    "RLM",
    "BestOfN",
    "ChainOfThought",
    "CodeAct",
    "MultiChainComparison",
    "Parallel",
    "Predict",
    "ProgramOfThought",
    "ReAct",
    "Refine",
    "Tool",
    "majority",
]

inside(
    __name__, "aggregation", "best_of_n", "chain_of_thought", "code_act", "knn", "multi_chain_comparison", "parallel", "predict"
)
inside(__name__, "program_of_thought", "react", "refine", "rlm")
