"""Adjoint: program language models declaratively, differentiate them with text, ship only what is measurably better."""

__version__ = "0.1.0"
