"""`LM("provider/model")`: the user's handle on a language model, with its default options."""

from __future__ import annotations

import copy
import inspect
import math
from typing import TYPE_CHECKING, Any, TextIO, overload

from adjoint.base.errors import AuthError, UnknownNameError, UsageError
from adjoint.base.portal import portal
from adjoint.lm.base import NATIVE, BaseLM, identity_of, supports_of
from adjoint.lm.callable import CallableLM
from adjoint.lm.prices import Price
from adjoint.lm.types import Message, Request, messages_of
from adjoint.program import context, observe
from adjoint.program.parameter import Parameter
from adjoint.program.written_lm import Unreached, Written, ask_beneath, beneath

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    from adjoint.lm.callable import Function
    from adjoint.lm.http import Timeouts
    from adjoint.lm.names import ModelType
    from adjoint.lm.types import Response

_OWN = ("adapter", "cache", "callbacks", "concurrency", "num_retries", "price", "supports")
"""What a copy of an LM may change besides the options of its requests."""
OPTIONS = ("temperature", "max_tokens", "stop", "seed", "n", "logprobs")
"""Options of a request that have a field of their own; all others go to the provider as they are."""
_ELSEWHERE = {
    "finetuning_model": "adjoint.finetune(lm, ...) names it",
    "launch_kwargs": "local models are LM('hf/...')",
    "provider": "the model's name says it, as in LM('openai/...')",
    "train_kwargs": "adjoint.finetune(lm, train_kwargs=...) takes them",
    "use_developer_role": "the client knows which role a model takes",
}
"""DSPy's arguments that mean nothing to the provider that they would be sent to."""
_SAID = {"tools": "supports_function_calling", "reasoning": "supports_reasoning", "schema": "supports_response_schema"}
"""DSPy's properties, which a subclass may override."""
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
    `adapter` is how the model is asked where the context has no adapter; by default the one that suits it.
    `supports` says what the model does by itself, of "schema", "tools" and "reasoning"; by default what its client knows.
    A subclass may have a `forward`, an `aforward` or a `__call__` of its own, whose `super()` reaches the model itself.

    >>> LM("pocket", temperature=0.0)
    LM('pocket', temperature=0.0)
    """

    written: Callable[..., Any] | None = None
    """The `__call__` of a subclass, which answers requests."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Whoever calls an LM goes through the gate, so that a subclass's own `__call__` stands behind it."""
        super().__init_subclass__(**options)
        own = vars(cls).get("__call__")
        if own is not None and not inspect.iscoroutinefunction(own):
            cls.written, cls.__call__ = own, LM.__call__  # type: ignore[method-assign]

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
        adapter: Any = None,
        **options: Any,
    ) -> None:
        if base_url is not None and api_base is not None and base_url != api_base:
            message = f"base_url={base_url!r} and api_base={api_base!r} are two names of one address; give one of them."
            raise UsageError(message)
        for name in options.keys() & _ELSEWHERE.keys():
            message = f"LM({name}={options[name]!r}) is not offered: {_ELSEWHERE[name]}."
            raise UsageError(message)
        base_url = api_base if base_url is None else base_url
        if isinstance(model, str):
            client = self._named(model, base_url=base_url, api_key=api_key, timeout=timeout, model_type=model_type)
        else:
            given: object = model
            if not callable(given):
                message = f"LM({model!r:.80}) cannot be; give 'provider/model', 'pocket', another LM, or a function from a prompt to a text."
                raise UsageError(message)
            client = model if isinstance(model, BaseLM) else CallableLM(model)
        self.client: BaseLM = self._behind_own_methods(client)
        self.name = client.name
        self.model = model if isinstance(model, str) else client.name
        self.concurrency = concurrency
        self.price = Price(*price) if isinstance(price, tuple) else price
        given = {"temperature": temperature, "max_tokens": max_tokens}
        self.options = {**{name: value for name, value in given.items() if value is not None}, **options}
        self.model_type, self.cache, self.callbacks, self.num_retries = model_type, cache, tuple(callbacks or ()), num_retries
        self.adapter = getattr(client, "adapter", None) if adapter is None else adapter
        self.supports = supports_of(client) if supports is None else frozenset(supports)
        for name in self.supports - NATIVE:
            raise UnknownNameError.of("feature", name, NATIVE)
        own = {name for name, said in _SAID.items() if getattr(type(self), said) is not getattr(LM, said)}
        self.supports = (self.supports - own) | {name for name in own if getattr(self, _SAID[name])}

    def _named(self, model: str, **where: Any) -> BaseLM:
        """The client of that name. A subclass that answers by itself needs one only if it asks `super()`."""
        from adjoint.lm.names import connect

        try:
            return connect(model, **where)
        except (AuthError, UsageError) as error:
            if not self._answers:
                raise
            return Unreached(model, error)

    @property
    def _answers(self) -> bool:
        """Whether the class has a method of its own that answers."""
        cls = type(self)
        return cls.aforward is not LM.aforward or cls.forward is not LM.forward or cls.written is not None

    def _behind_own_methods(self, client: BaseLM) -> BaseLM:
        awaits = type(self).aforward is not LM.aforward
        return Written(client.name, self, client, awaits=awaits) if self._answers and not isinstance(client, Written) else client

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
        self, prompt: str | None = None, messages: Sequence[dict[str, Any]] | None = None, **options: Any
    ) -> list[str]: ...
    def __call__(
        self, prompt: Request | str | None = None, messages: Sequence[dict[str, Any]] | None = None, **options: Any
    ) -> Coroutine[Any, Any, Response] | list[str]:
        """As an LM: await `lm(request)`. As a person: `lm("hello")` or `lm(messages=[...])` gives a list of `n` texts."""
        if isinstance(prompt, Request):
            return self.client(prompt)
        return portal.run(LM.acall(self, prompt, messages, **options))

    async def acall(
        self, prompt: str | None = None, messages: Sequence[dict[str, Any]] | None = None, **options: Any
    ) -> list[str]:
        """What a person asks, to await: a list of `n` texts."""
        response = await LM.aforward(self, prompt, messages, **options)
        return [response.text, *response.others]

    def forward(self, prompt: str | None = None, messages: Sequence[dict[str, Any]] | None = None, **options: Any) -> Any:
        """For subclasses: `super().forward(...)` in a `forward` of their own asks the model and gives its `Response`."""
        return portal.run(LM.aforward(self, prompt, messages, **options))

    async def aforward(self, prompt: str | None = None, messages: Sequence[dict[str, Any]] | None = None, **options: Any) -> Any:
        """The same, to await."""
        request = request_of(_turns(prompt, messages), {**self.options, **options})
        inner = beneath(self)
        return await (context.send(request, self) if inner is None else ask_beneath(inner, request))

    @property
    def kwargs(self) -> dict[str, Any]:
        """DSPy's name for the default options."""
        return self.options

    @kwargs.setter
    def kwargs(self, options: dict[str, Any]) -> None:
        self.options = options

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

    @classmethod
    def load_state(cls, state: Mapping[str, Any]) -> LM:
        """The LM that `dump_state` of this class, or of DSPy's, has described; keys and addresses come from the environment."""
        known = ("model", "model_type", "cache", "num_retries", *OPTIONS)
        return cls(**{name: state[name] for name in known if name in state})

    def inspect_history(self, n: int = 1, file: TextIO | None = None) -> None:
        """Show the last `n` calls of this very LM, as `adjoint.inspect_history` does."""
        observe.inspect_history(n, file, asked=self)

    @property
    def history(self) -> list[dict[str, Any]]:
        """What this LM was asked lately, oldest first, with `messages`, `outputs`, `usage` and `cost`: at most 1,000 calls of the process."""
        own: list[Any] | None = vars(self).get("_history")
        return observe.history_of(self) if own is None else own

    @history.setter
    def history(self, calls: list[Any]) -> None:
        """Subclasses may keep a list of their own."""
        vars(self)["_history"] = calls

    def copy(self, **options: Any) -> LM:
        """The same endpoint with other default options, or another `cache`, `num_retries`, `price` and the like."""
        if "model" in options:
            message = f"a copy asks the same model; for another one write LM({options['model']!r}, ...)."
            raise UsageError(message)
        made = copy.copy(self)
        if isinstance(self.client, Written):
            made.client = Written(self.name, made, self.client.inner, awaits=self.client.awaits)
        own = {name: options.pop(name) for name in _OWN if name in options}
        vars(made).update(own, options={**self.options, **options})
        return made


def _turns(prompt: str | None, messages: Sequence[dict[str, Any]] | None) -> tuple[Message, ...]:
    turns = messages_of(messages or ())
    return turns if prompt is None else (*turns, Message("user", prompt))


def request_of(messages: tuple[Message, ...], options: dict[str, Any]) -> Request:
    """A request with these options; `None` leaves one at the provider's default, and a parameter stands for its value."""
    if not options:
        return Request(messages, sample=context.current().sample, extra=_NO_EXTRA)
    given = {key: value.value if isinstance(value, Parameter) else value for key, value in options.items() if value is not None}
    sample = given.pop("rollout_id", context.current().sample)
    own = {key: given.pop(key) for key in OPTIONS if key in given}
    if isinstance(own.get("stop"), str):
        own["stop"] = (own["stop"],)
    elif "stop" in own:
        own["stop"] = tuple(own["stop"])
    return Request(messages=messages, sample=sample, extra=given or _NO_EXTRA, **own)
