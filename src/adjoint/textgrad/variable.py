"""`tg.variable`."""

from adjoint.autograd.variable import Variable

__all__ = ["Variable"]
