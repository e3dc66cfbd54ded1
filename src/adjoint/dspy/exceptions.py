"""`dspy.utils.exceptions`: DSPy's names of errors. Whoever catches one of them catches ours."""

from adjoint.base.errors import AdjointError as DSPyError
from adjoint.base.errors import AuthError as LMAuthError
from adjoint.base.errors import ContextLengthError as ContextWindowExceededError
from adjoint.base.errors import LMError
from adjoint.base.errors import NoLMError as LMNotConfiguredError
from adjoint.base.errors import ParseError as AdapterParseError
from adjoint.base.errors import RateLimitError as LMRateLimitError
from adjoint.base.errors import RequestError as LMInvalidRequestError
from adjoint.base.errors import ServerError as LMServerError
from adjoint.base.errors import TransportError as LMTransportError

LMTimeoutError = LMTransportError
"""A timeout is a broken connection here, and retried like one."""

__all__ = [
    "AdapterParseError",
    "ContextWindowExceededError",
    "DSPyError",
    "LMAuthError",
    "LMError",
    "LMInvalidRequestError",
    "LMNotConfiguredError",
    "LMRateLimitError",
    "LMServerError",
    "LMTimeoutError",
    "LMTransportError",
]
