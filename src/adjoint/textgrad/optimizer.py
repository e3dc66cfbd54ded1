"""`tg.optimizer`: optimizers of Variables."""

from adjoint.optim.strategies.tgd import TGD, TextualGradientDescent, TextualGradientDescentwithMomentum

__all__ = ["TGD", "TextualGradientDescent", "TextualGradientDescentwithMomentum"]
