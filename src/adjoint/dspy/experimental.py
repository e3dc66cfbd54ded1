"""`dspy.experimental`: what is experimental there and not here."""

from adjoint.signature.types.document import Citations, Document

__all__ = ["Citations", "Document"]
