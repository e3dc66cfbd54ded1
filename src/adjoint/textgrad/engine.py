"""`tg.engine`: engines by name, the classes that make them, and the base class of users' own."""

from adjoint.autograd.engine import get_engine
from adjoint.autograd.named import NamedEngine
from adjoint.autograd.named import NamedEngine as ChatOpenAI
from adjoint.autograd.named import NamedEngine as LiteLLMEngine
from adjoint.lm.engine import EngineLM

__all__ = ["ChatOpenAI", "EngineLM", "LiteLLMEngine", "NamedEngine", "get_engine"]
