"""`tg.engine`: engines by name and the base class of users' own."""

from adjoint.autograd.engine import get_engine
from adjoint.lm.engine import EngineLM

__all__ = ["EngineLM", "get_engine"]
