"""The embedded language model: a small Llama in numpy, trained from scratch on a procedural world of tasks."""

from __future__ import annotations

from adjoint.lm.pocket.client import OutOfVocabularyWarning, Pocket

__all__ = ["OutOfVocabularyWarning", "Pocket"]
