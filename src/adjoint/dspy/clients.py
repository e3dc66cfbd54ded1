"""`dspy.clients`: language models and embedders."""

from adjoint.base.paths import inside
from adjoint.program.embed import Embedder
from adjoint.program.lm import LM
from adjoint.program.observe import inspect_history
from adjoint.program.own_lm import BaseLM

__all__ = ["LM", "BaseLM", "Embedder", "inspect_history"]

inside(__name__, "base_lm", "embedding", "lm")
