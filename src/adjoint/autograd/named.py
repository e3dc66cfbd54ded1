"""Engines that TextGrad's users ask directly, with `generate`: an LM, or one by a name that they write."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import given
from adjoint.autograd.llm import as_variable, content_of
from adjoint.base.errors import UsageError
from adjoint.base.portal import portal
from adjoint.lm.engine import EngineLM
from adjoint.lm.names import PROVIDERS
from adjoint.lm.types import Message, Request
from adjoint.program.context import active_lm, send
from adjoint.program.lm import LM, request_of

if TYPE_CHECKING:
    from adjoint.lm.base import BaseLM

EXPERIMENTAL = "experimental:"
_SHORT = {
    "haiku": "claude-3-haiku-20240307",
    "opus": "claude-3-opus-20240229",
    "sonnet": "claude-3-sonnet-20240229",
    "sonnet-3.5": "claude-3-5-sonnet-20240620",
    "together-llama-3-70b": "together-meta-llama/Llama-3-70b-chat-hf",
    "vllm-llama-3-8b": "vllm-meta-llama/Meta-Llama-3-8B-Instruct",
    **{name: f"litellm/cohere/{name}" for name in ("command", "command-light", "command-r", "command-r-plus")},
}
_FAMILIES = {"gpt-": "openai", "claude-": "anthropic", "gemini-": "gemini"}
_LITELLM = {"hosted_vllm": "vllm", "lm_studio": "lmstudio", "ollama_chat": "ollama", "together_ai": "together"}
"""LiteLLM's names of providers that have a client here under another one."""
_SERVERS = {"azure": "litellm/azure", "together": "together", "groq": "groq", "ollama": "ollama", "vllm": "vllm"}
_log = logging.getLogger("adjoint.engine")


class DirectEngine(EngineLM):
    """A language model that is asked as TextGrad's engines are, and gives one text; by default the context's, when it is asked."""

    def __init__(self, lm: Any = None) -> None:
        self.lm = lm

    @property
    def opening(self) -> str:
        """The system prompt of calls that have none of their own."""
        return self.system_prompt

    def __call__(self, prompt: Any, system_prompt: str | None = None, **options: Any) -> Any:
        if isinstance(prompt, Request):
            return self.lm(prompt)
        return self.generate(prompt, system_prompt, **options)

    def generate(self, content: Any, system_prompt: str | None = None, **options: Any) -> str:  # type: ignore[override]
        """One text, for a text or a list of texts and pictures."""
        return portal.run(self.agenerate(content, system_prompt, **options))

    async def agenerate(self, content: Any, system_prompt: str | None = None, **options: Any) -> str:
        """`generate` in asynchronous code."""
        lm = self.lm or active_lm()
        pieces = [content] if isinstance(content, str) else [as_variable(one, "part of a prompt").content for one in content]
        told = system_prompt or self.opening
        messages = [Message("system", told)] if told else []
        messages.append(Message("user", content_of(pieces)))
        return (await send(request_of(tuple(messages), {**getattr(lm, "options", {}), **options}), lm)).text


class NamedEngine(DirectEngine):
    """What `get_engine(name)` gives: an LM that is called as TextGrad's engines are, and gives one text.

    `engine.generate("hi", system_prompt="...")` and `engine("hi", system_prompt="...")` take a text, or a list of texts and
    pictures (bytes). The name is `provider/model`, or one of TextGrad's (see `spelled`). `system_prompt` is what calls
    without one of their own begin with, by default nothing; `is_multimodal` is kept, and pictures are sent in any case.
    Options, and all else, are those of `LM`, which is `engine.lm`.

    >>> NamedEngine("gpt-4o", api_key="...").model
    'openai/gpt-4o'
    """

    def __init__(
        self,
        model_string: str,
        system_prompt: str = "",
        is_multimodal: bool = True,  # noqa: FBT001, FBT002 - TextGrad's
        **options: Any,
    ) -> None:
        if "cache" in options:
            options["cache"] = is_cached(options["cache"])
        super().__init__(LM(spelled(model_string), **options))
        self.model_string = self.lm.model.partition("/")[2] or self.lm.model
        self.system_prompt, self.is_multimodal = system_prompt, is_multimodal

    @property
    def name(self) -> str:
        return str(self.lm.name)

    @property
    def base_url(self) -> str | None:
        """Where the server of the model is."""
        return (self.lm.identity or "").partition("@")[2] or None

    def __getattr__(self, name: str) -> Any:
        if name == "lm" or name.startswith("_"):  # asked for by copies in the making
            raise AttributeError(name)
        return getattr(self.lm, name)


def direct(lm: BaseLM | None) -> Any:
    """What a program asks directly: the engine as the user gave it, or a language model in TextGrad's form."""
    asked = given(lm)
    return asked if asked is not lm or isinstance(lm, EngineLM) else DirectEngine(lm)


def is_cached(cache: Any) -> bool:
    """Whether replies are kept. They are in the ledger, also where a program brings a store of its own."""
    if isinstance(cache, bool):
        return cache
    if not (callable(getattr(cache, "get", None)) and callable(getattr(cache, "set", None))):
        message = f"cache={cache!r:.60} is neither True nor False; replies are kept in the ledger."
        raise UsageError(message)
    _log.warning("replies are kept in the ledger, and not in %r", cache)
    return True


def spelled(name: str) -> str:
    """The `provider/model` that one of TextGrad's names means; any other name stays as it is.

    `experimental:` goes to the provider's own client, and through LiteLLM only to providers that have none here.

    >>> [spelled(name) for name in ("gpt-4o", "sonnet", "groq-llama3-70b", "openai/gpt-4o")]
    ['openai/gpt-4o', 'anthropic/claude-3-sonnet-20240229', 'groq/llama3-70b', 'openai/gpt-4o']
    >>> [spelled(f"experimental:{name}") for name in ("gpt-4o", "together_ai/meta-llama/Llama-3-8b", "cohere/command-r")]
    ['openai/gpt-4o', 'together/meta-llama/Llama-3-8b', 'litellm/cohere/command-r']
    """
    if name.startswith(EXPERIMENTAL):
        provider, slash, model = spelled(name.removeprefix(EXPERIMENTAL)).partition("/")
        known = _LITELLM.get(provider, provider)
        return f"{known}{slash}{model}" if known in (*PROVIDERS, "litellm") else f"litellm/{provider}{slash}{model}"
    name = _SHORT.get(name, name)
    for server, provider in _SERVERS.items():
        if name.startswith(f"{server}-"):
            return f"{provider}/{name.removeprefix(f'{server}-')}"
    return next((f"{provider}/{name}" for start, provider in _FAMILIES.items() if name.startswith(start)), name)
