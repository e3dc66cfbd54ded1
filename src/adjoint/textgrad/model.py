"""`tg.model`: models as functions of Variables."""

from adjoint.autograd.llm import BlackboxLLM

__all__ = ["BlackboxLLM"]
