"""`tg.tasks`: how data is fed. Data sets themselves are not shipped."""

from adjoint.data.batches import DataLoader

__all__ = ["DataLoader"]
