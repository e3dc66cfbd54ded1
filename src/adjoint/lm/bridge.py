"""The bridge to LiteLLM, for providers without a client here: `litellm/provider/model`, with the extra `[litellm]`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adjoint.base.deps import need
from adjoint.base.errors import (
    AuthError,
    ContextLengthError,
    LMError,
    RateLimitError,
    RequestError,
    ServerError,
    TransportError,
)
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.base.secrets import Secret
from adjoint.lm import guard, refusals
from adjoint.lm.http import Timeouts
from adjoint.lm.openai import OpenAIChat
from adjoint.lm.wire import Malformed

if TYPE_CHECKING:
    from adjoint.lm.types import Request, Response

_KINDS: dict[str, type[LMError]] = {
    "ContextWindowExceededError": ContextLengthError,
    "AuthenticationError": AuthError,
    "PermissionDeniedError": AuthError,
    "RateLimitError": RateLimitError,
    "BadRequestError": RequestError,
    "NotFoundError": RequestError,
    "UnprocessableEntityError": RequestError,
    "UnsupportedParamsError": RequestError,
    "ContentPolicyViolationError": RequestError,
    "Timeout": TransportError,
    "APIConnectionError": TransportError,
    "InternalServerError": ServerError,
    "ServiceUnavailableError": ServerError,
    "BadGatewayError": ServerError,
    "APIError": ServerError,
}
"""What LiteLLM raises, by the name of the class; the first class of the error's own line of ancestors decides."""


class LiteLLM:
    """A model that LiteLLM knows. Requests and replies have the form of chat completions, as LiteLLM's own have.

    LiteLLM's retries are switched off: attempts, waits and budgets are counted here. Keys and addresses come from the
    environment as LiteLLM reads it, unless they are given.
    """

    def __init__(
        self, model: str, *, base_url: str | None = None, api_key: str | None = None, timeout: float | Timeouts | None = None
    ) -> None:
        self._litellm = need("litellm", extra="litellm", why="models named litellm/...")
        self.model, self.timeout = model, Timeouts.of(timeout).total
        self.name = f"litellm/{model}"
        self.identity = f"{self.name}@{base_url}" if base_url else self.name
        self._key = None if api_key is None else Secret(api_key)
        self._url = base_url
        # The reader of chat completions needs an address for its messages only; nothing is sent to it.
        self._chat = OpenAIChat(model, provider="litellm", base_url=base_url or "http://litellm.invalid/v1", api_key="-")

    def __repr__(self) -> str:
        return f"LiteLLM({self.identity!r})"

    async def __call__(self, request: Request, /) -> Response:
        return await portal.here(self._ask(request))

    async def _ask(self, request: Request) -> Response:
        guard.check(self._url or "https://litellm.invalid")
        own = {"api_key": self._revealed(), "api_base": self._url, "timeout": self.timeout, "num_retries": 0}
        options = {**self._chat.payload(request), **{name: value for name, value in own.items() if value is not None}}
        who = f"LiteLLM for {self.model}"
        try:
            async with asyncio.timeout(self.timeout):  # LiteLLM's own limit begins anew with each byte
                answer = await foreign(self._litellm.acompletion(**options), LMError, who)
        except LMError as error:
            raise self._typed(error, who) from error.__cause__
        except TimeoutError as error:
            message = f"{who} did not answer within {self.timeout:g} s. Raise the timeout, or see whether the server hangs."
            raise TransportError(message) from error
        try:
            return self._chat.read(request, answer.model_dump())
        except Malformed as error:
            message = f"{who} sent {error}; that is no chat completion."
            raise ServerError(message) from error

    def _revealed(self) -> str | None:
        return None if self._key is None else self._key.reveal()

    def _typed(self, error: LMError, who: str) -> LMError:
        said = refusals.clean(str(error.__cause__), self._revealed())
        raised, kinds = error.__cause__, list[type[LMError]]()
        while raised is not None:
            names = [kind.__name__ for kind in type(raised).__mro__]
            kinds += [_KINDS[name] for name in names if name in _KINDS][:1]
            raised = raised.__cause__ or raised.__context__
        # LiteLLM calls a connection that broke an error of the server; what it comes from tells.
        broke = TransportError in kinds and kinds[0] is ServerError
        kind = TransportError if broke else kinds[0] if kinds else LMError
        return kind(f"{who}: {said}")
