"""`LM("provider/model")`: the user's handle on a language model, with its default options."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, TextIO, overload

from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.base.portal import portal
from adjoint.lm.base import NATIVE, BaseLM, identity_of, supports_of
from adjoint.lm.callable import CallableLM
from adjoint.lm.prices import Price
from adjoint.lm.types import Message, Request
from adjoint.program import context, observe
from adjoint.program.parameter import Parameter

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping, Sequence

    from adjoint.lm.callable import Function
    from adjoint.lm.http import Timeouts
    from adjoint.lm.names import ModelType
    from adjoint.lm.types import Response

_OWN = ("cache", "callbacks", "concurrency", "num_retries", "price", "supports")
"""What a copy of an LM may change besides the options of its requests."""
OPTIONS = ("temperature", "max_tokens", "stop", "seed", "n", "logprobs")
"""Options of a request that have a field of their own; all others go to the provider as they are."""
_NO_EXTRA: Mapping[str, Any] = {}
"""One for all requests that say nothing more: the history keeps a thousand of them."""


class LM:
    """A language model by name: `LM("pocket")` is embedded, `LM("openai/any-model")` any OpenAI-compatible server.

    `anthropic/...` and `gemini/...` are spoken to in their own languages, `litellm/...` through LiteLLM; a function from a
    prompt to a text is a language model too. `model_type` is one of OpenAI's interfaces: "chat", "text" or "responses".
    Keyword options are defaults of every request (`temperature`, `max_tokens`, `stop`, `seed`, `n`, and whatever else the
    provider understands). `base_url` (or `api_base`) and `api_key` override the environment. `concurrency` caps requests in
    flight. With `cache=False` no reply is taken from the ledger; `num_retries` counts what follows the first attempt, by
    default what the context's `retry` says; `callbacks` hear of the calls of this LM.
    `timeout` is seconds for the whole exchange, or `adjoint.lm.http.Timeouts` for its parts.
    `price` is US dollars per million input and output tokens; without it the shipped table or `ADJOINT_PRICES` decides.
    `supports` says what the model does by itself, of "schema", "tools" and "reasoning"; by default what its client knows.

    >>> LM("pocket", temperature=0.0)
    LM('pocket', temperature=0.0)
    """

    def __init__(  # noqa: PLR0917 - DSPy's order of arguments
        self,
        model: str | BaseLM | Function,
        model_type: ModelType = "chat",
        temperature: float | None = None,
        max_tokens: int | None = None,
        cache: bool = True,  # noqa: FBT001, FBT002
        callbacks: Sequence[Any] | None = None,
        num_retries: int | None = None,
        *,
        base_url: str | None = None,
        api_base: str | None = None,
        api_key: str | None = None,
        timeout: float | Timeouts | None = None,
        concurrency: int | None = None,
        price: tuple[float, float] | Price | None = None,
        supports: Iterable[str] | None = None,
        **options: Any,
    ) -> None:
        if base_url is not None and api_base is not None and base_url != api_base:
            message = f"base_url={base_url!r} and api_base={api_base!r} are two names of one address; give one of them."
            raise UsageError(message)
        base_url = api_base if base_url is None else base_url
        if isinstance(model, str):
            from adjoint.lm.names import connect

            client = connect(model, base_url=base_url, api_key=api_key, timeout=timeout, model_type=model_type)
        else:
            client = model if isinstance(model, BaseLM) else CallableLM(model)
        self.client: BaseLM = client
        self.name = client.name
        self.model = model if isinstance(model, str) else client.name
        self.concurrency = concurrency
        self.price = Price(*price) if isinstance(price, tuple) else price
        given = {"temperature": temperature, "max_tokens": max_tokens}
        self.options = {**{name: value for name, value in given.items() if value is not None}, **options}
        self.model_type, self.cache, self.callbacks, self.num_retries = model_type, cache, tuple(callbacks or ()), num_retries
        self.supports = supports_of(client) if supports is None else frozenset(supports)
        for name in self.supports - NATIVE:
            raise UnknownNameError.of("feature", name, NATIVE)

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"LM({self.model!r}{options})"

    @property
    def identity(self) -> str | None:
        return identity_of(self.client)

    @property
    def ends_within(self) -> float:
        """Seconds after which a call has ended by itself, infinite if the client keeps no limit of its own."""
        return float(getattr(self.client, "ends_within", math.inf))

    @overload
    def __call__(self, prompt: Request, /) -> Coroutine[Any, Any, Response]: ...
    @overload
    def __call__(
        self, prompt: str | None = None, *, messages: Sequence[dict[str, str]] | None = None, **options: Any
    ) -> list[str]: ...
    def __call__(
        self, prompt: Request | str | None = None, *, messages: Sequence[dict[str, str]] | None = None, **options: Any
    ) -> Coroutine[Any, Any, Response] | list[str]:
        """As an LM: await `lm(request)`. As a person: `lm("hello")` or `lm(messages=[...])` gives a list of `n` texts."""
        if isinstance(prompt, Request):
            return self.client(prompt)
        return portal.run(self.acall(prompt, messages=messages, **options))

    async def acall(
        self, prompt: str | None = None, *, messages: Sequence[dict[str, str]] | None = None, **options: Any
    ) -> list[str]:
        """What a person asks, to await: a list of `n` texts."""
        turns = [Message(turn["role"], turn["content"]) for turn in messages or ()]  # type: ignore[arg-type]
        if prompt is not None:
            turns.append(Message("user", prompt))
        response = await context.send(request_of(tuple(turns), {**self.options, **options}), self)
        return [response.text, *response.others]

    @property
    def kwargs(self) -> dict[str, Any]:
        """DSPy's name for the default options."""
        return self.options

    @property
    def supports_function_calling(self) -> bool:
        return "tools" in self.supports

    @property
    def supports_reasoning(self) -> bool:
        return "reasoning" in self.supports

    @property
    def supports_response_schema(self) -> bool:
        return "schema" in self.supports

    def dump_state(self) -> dict[str, Any]:
        """Which model this is and how it is asked, as JSON; never a key or an address."""
        about = {"model": self.model, "model_type": self.model_type, "cache": self.cache, "num_retries": self.num_retries}
        return {**about, **{name: value for name, value in self.options.items() if name in OPTIONS}}

    def inspect_history(self, n: int = 1, file: TextIO | None = None) -> None:
        """Show the last `n` calls of this very LM, as `adjoint.inspect_history` does."""
        observe.inspect_history(n, file, asked=self)

    @property
    def history(self) -> list[dict[str, Any]]:
        """What this LM was asked lately, oldest first, with `messages`, `outputs`, `usage` and `cost`: at most 1,000 calls of the process."""
        return observe.history_of(self)

    def copy(self, **options: Any) -> LM:
        """The same endpoint with other default options, or another `cache`, `num_retries`, `price` and the like."""
        made = copy.copy(self)
        own = {name: options.pop(name) for name in _OWN if name in options}
        vars(made).update(own, options={**self.options, **options})
        return made


def request_of(messages: tuple[Message, ...], options: dict[str, Any]) -> Request:
    """A request with these options; `None` leaves one at the provider's default, and a parameter stands for its value."""
    given = {key: value.value if isinstance(value, Parameter) else value for key, value in options.items() if value is not None}
    sample = given.pop("rollout_id", context.current().sample)
    own = {key: given.pop(key) for key in OPTIONS if key in given}
    if isinstance(own.get("stop"), str):
        own["stop"] = (own["stop"],)
    elif "stop" in own:
        own["stop"] = tuple(own["stop"])
    return Request(messages=messages, sample=sample, extra=given or _NO_EXTRA, **own)
