"""`dspy.signatures`: signatures, their fields, and the functions that make them."""

from adjoint.base.paths import inside
from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.naming import ensure_signature, infer_prefix, make_signature
from adjoint.signature.signature import Signature, SignatureMeta

__all__ = ["InputField", "OutputField", "Signature", "SignatureMeta", "ensure_signature", "infer_prefix", "make_signature"]

inside(__name__, "field", "signature")
