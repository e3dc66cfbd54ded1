"""Every error that Adjoint raises on purpose, in one tree.

```
AdjointError
├── UsageError            the caller gave something wrong (also a ValueError)     exit 2
│   ├── SignatureError    a signature, field or type that cannot be used
│   ├── DataError         a row or file that cannot be read, with file and line
│   ├── UnknownNameError  a name that is not registered; the nearest one is offered
│   ├── MissingExtraError an optional dependency is not installed; the command is given
│   ├── NoLMError         a call was made but no language model is configured
│   └── VariableError     what cannot be a Variable, or is none where one is needed (also an AssertionError, an AttributeError)
├── LMError               a language model did not answer                          exit 1
│   ├── AuthError         401, 403: the key is missing or refused (never retried)
│   │   └── MissingKeyError  no key is set (also a ValueError)
│   ├── RequestError      400, 404, 422: the request itself is refused (never retried)
│   ├── ContextLengthError the prompt does not fit the model's context
│   ├── RateLimitError    429: too many requests (retried; may carry `retry_after`)
│   ├── RefusalError      the model answered that it will not (never retried, never read as an answer)
│   ├── ServerError       5xx or a reply that is no valid reply (retried)
│   └── TransportError    connection refused, reset or timed out (retried)
├── ParseError            a reply arrived but does not hold the typed outputs
├── ToolError             a tool is not known, was given wrong arguments, or raised
│   └── ToolArgumentError arguments that the tool does not take (also a ValueError)
├── ProgramError          the program's own code raised
│   └── AssertionFailed   an `Assert` in it does not hold, however often the call was asked again
├── MetricError           the metric raised or returned something that is no score
├── GradientError         the backward pass or an update could not be made
├── LedgerError           the ledger cannot be opened, read or written
├── BudgetExceeded        the next call would break a cap; everything paid is kept  exit 102
└── Interrupted           stopped by a signal; the same command continues           exit 130
```
Each message names the value, what is allowed and the next step. `exit_code` is what the command line returns.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, ClassVar

from adjoint.base.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class AdjointError(Exception):
    """Root of the tree. Messages may quote what others said, so known keys are masked in all of them."""

    exit_code: ClassVar[int] = 1

    def __init__(self, *parts: object) -> None:
        super().__init__(*(redact(part) if isinstance(part, str) else part for part in parts))


class UsageError(AdjointError, ValueError):
    """The caller gave something that cannot be used."""

    exit_code = 2


class SignatureError(UsageError):
    """A signature, a field or a type that cannot be used."""


class DataError(UsageError):
    """A row or a file that cannot be read."""


class UnknownNameError(UsageError):
    """A name that is not known; the message offers the nearest one."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """Build the error for `name`, a `kind` that is none of `known`.

        >>> print(UnknownNameError.of("optimizer", "bootstrp-rs", ["bootstrap-rs", "tgd"]))
        unknown optimizer 'bootstrp-rs'; did you mean 'bootstrap-rs'? Known: bootstrap-rs, tgd
        """
        names = sorted(known)
        near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        return cls(f"unknown {kind} {name!r}{hint} Known: {', '.join(names)}")


class MissingExtraError(UsageError):
    """An optional dependency is missing."""


class NoLMError(UsageError):
    """A program was called while no language model is configured."""


class VariableError(UsageError, AssertionError, AttributeError):
    """No Variable, or no text that one can have. Also what TextGrad raises then."""


class LMError(AdjointError):
    """A language model did not answer."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float | None = None, maybe_billed: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds the provider asked to wait, if it did."""
        self.maybe_billed = maybe_billed
        """Whether the provider may have answered, and so may send a bill."""


class AuthError(LMError):
    """401 or 403: the key is missing or refused."""


class MissingKeyError(AuthError, ValueError):
    """No key is set for a provider that needs one. Also a `ValueError`, as TextGrad's users expect."""


class RequestError(LMError):
    """The provider refuses the request itself."""


class ContextLengthError(LMError):
    """The prompt and the reply do not fit the model's context."""


class RefusalError(LMError):
    """The model declined. Asking the same again would be refused again."""


class RateLimitError(LMError):
    """429: too many requests."""

    retryable = True


class ServerError(LMError):
    """5xx, or a body that is no valid reply."""

    retryable = True


class TransportError(LMError):
    """The connection was refused, broke or timed out; unless it was refused, the call may be billed."""

    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None, maybe_billed: bool = True) -> None:
        super().__init__(message, retry_after=retry_after, maybe_billed=maybe_billed)


class ParseError(AdjointError):
    """A reply arrived that does not hold the typed outputs. Programs of DSPy raise it with `adapter_name`, `signature` and `lm_response`."""

    def __init__(
        self,
        message: str | None = None,
        *,
        raw: str | None = None,
        adapter_name: str = "adapter",
        signature: Any = None,
        lm_response: str = "",
        parsed_result: Any = None,
        found: Mapping[str, Any] | None = None,
        problems: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or f"the {adapter_name} cannot read the reply.")
        self.raw = lm_response if raw is None else raw
        """The reply as received."""
        self.adapter_name, self.signature, self.parsed_result = adapter_name, signature, parsed_result
        self.found: Mapping[str, Any] = found or {}
        """The outputs that the reply does hold."""
        self.problems: Mapping[str, str] = problems or {}
        """What is wrong with each of the others; empty if nothing is known of single outputs."""

    @property
    def lm_response(self) -> str:
        """DSPy's name for the reply."""
        return self.raw


class ToolError(AdjointError):
    """A tool is not known, was given arguments that it does not take, or raised."""


class ToolArgumentError(ToolError, ValueError):
    """A tool was given arguments that it does not take. Also a `ValueError`, as DSPy's users expect."""


class ProgramError(AdjointError):
    """The program's own code raised."""


class AssertionFailed(ProgramError):  # noqa: N818 - what has happened, as its DSPy users call it
    """An assertion of the program does not hold."""


class MetricError(AdjointError):
    """The metric raised, or returned something that is no score."""


class GradientError(AdjointError):
    """The backward pass or an update could not be made."""


class LedgerError(AdjointError):
    """The ledger cannot be opened, read or written."""


class BudgetExceeded(AdjointError):  # noqa: N818 - the field's word for it; "Error" would suggest a fault
    """The next call would break a cap."""

    exit_code = 102


class Interrupted(AdjointError):  # noqa: N818 - a state, not a fault
    """A signal stopped the run; what was received is in the ledger."""

    exit_code = 130


FATAL = (AuthError, BudgetExceeded, Interrupted, LedgerError, UsageError)
"""Errors that every further row and call would meet as well: whoever goes on after errors must let these pass."""
