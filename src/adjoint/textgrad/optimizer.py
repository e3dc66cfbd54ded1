"""`tg.optimizer`: optimizers of Variables."""

from adjoint.optim.tgd import TGD, TextualGradientDescent, TextualGradientDescentwithMomentum

__all__ = ["TGD", "TextualGradientDescent", "TextualGradientDescentwithMomentum"]
