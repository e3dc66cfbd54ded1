"""Names of models: `provider/model` to the client that answers, with endpoints and keys from arguments or environment."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from adjoint.base.errors import MissingKeyError, UnknownNameError, UsageError
from adjoint.lm.client import key_variable
from adjoint.lm.guard import is_loopback
from adjoint.lm.http import address
from adjoint.lm.openai import OpenAIChat

if TYPE_CHECKING:
    from adjoint.lm.base import BaseLM
    from adjoint.lm.client import Client
    from adjoint.lm.http import Timeouts

ModelType: TypeAlias = Literal["chat", "text", "responses"]
"""Which of OpenAI's interfaces to speak: chat completions, the legacy completions, or responses."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider is found by default, whether it wants a key, and which language it speaks.

    `keys` and `urls` are further variables of the environment that other tools read for the same thing.
    """

    base_url: str
    needs_key: bool = True
    speaks: Literal["openai", "anthropic", "gemini"] = "openai"
    keys: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


PROVIDERS = {
    "openai": Provider("https://api.openai.com/v1", urls=("OPENAI_API_BASE",)),
    "anthropic": Provider("https://api.anthropic.com", speaks="anthropic"),
    "gemini": Provider("https://generativelanguage.googleapis.com/v1beta", speaks="gemini", keys=("GOOGLE_API_KEY",)),
    "together": Provider("https://api.together.xyz/v1", keys=("TOGETHERAI_API_KEY",)),
    "groq": Provider("https://api.groq.com/openai/v1"),
    "openrouter": Provider("https://openrouter.ai/api/v1"),
    "deepseek": Provider("https://api.deepseek.com/v1"),
    "mistral": Provider("https://api.mistral.ai/v1"),
    "vllm": Provider("http://localhost:8000/v1", needs_key=False, urls=("HOSTED_VLLM_API_BASE",)),
    "ollama": Provider("http://localhost:11434/v1", needs_key=False),
    "lmstudio": Provider("http://localhost:1234/v1", needs_key=False, urls=("LM_STUDIO_API_BASE",)),
}
"""Each reads `<NAME>_API_KEY` and `<NAME>_BASE_URL` first."""


def connect(
    model: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float | Timeouts | None = None,
    model_type: ModelType = "chat",
) -> BaseLM:
    """The client for a model by name: `pocket` is embedded, `provider/model` is a server, `hf/...` is a checkpoint
    in this process (a directory or a name of the hub), `litellm/...` goes through LiteLLM.

    Arguments win over the environment, which wins over the provider's default address. `timeout` is in seconds, or `Timeouts`.

    >>> connect("ollama/llama3.2", base_url="http://localhost:11434/v1")
    OpenAIChat('ollama/llama3.2@http://localhost:11434/v1')
    """
    if model_type not in get_args(ModelType):
        kind = "model_type"
        raise UnknownNameError.of(kind, model_type, get_args(ModelType))
    if model == "pocket":
        from adjoint.lm.pocket.client import Pocket

        return Pocket()
    name, rest = named(model)
    if name == "hf":
        from adjoint.lm.hf.client import HF

        return HF(rest)
    if name == "litellm":
        from adjoint.lm.bridge import LiteLLM

        return LiteLLM(rest, base_url=base_url, api_key=api_key, timeout=timeout)
    provider = PROVIDERS.get(name)
    if provider is None:
        raise UnknownNameError.of("provider", name, [*PROVIDERS, "hf", "litellm"])
    url, key = placed(model, name, base_url, api_key)
    return _class(name, provider, model_type)(rest, provider=name, base_url=url, api_key=key, timeout=timeout)


def named(model: str, *, example: str = "gpt-4o-mini") -> tuple[str, str]:
    """The provider and the model in `provider/model`."""
    name, slash, rest = model.partition("/")
    if not (name and slash and rest):
        near = "did you mean 'pocket'? Else " if difflib.get_close_matches(model.casefold(), ["pocket"], cutoff=0.75) else ""
        shown = f"{name}/{example}" if name in PROVIDERS else f"openai/{rest or name or example}"
        message = f"{model!r} names no model; {near}write provider/model, for example {shown}, or pocket."
        raise UsageError(message)
    return name, rest


def placed(model: str, name: str, base_url: str | None, api_key: str | None) -> tuple[str, str | None]:
    """The base URL of a provider's model and the key, which must be there unless none is needed."""
    provider = PROVIDERS[name]
    url = address(base_url or _first(f"{name.upper()}_BASE_URL", *provider.urls) or provider.base_url, "")
    key = api_key or _first(key_variable(name), *provider.keys)
    if provider.needs_key and not (key or "").strip() and not is_loopback(url):
        message = f"no {key_variable(name)} for {model}: set it, or use LM('pocket') which needs none."
        raise MissingKeyError(message)
    return url, key


def _first(*variables: str) -> str | None:
    """The value of the first of these variables that is set."""
    return next((value for name in variables if (value := os.environ.get(name))), None)


def _class(name: str, provider: Provider, model_type: ModelType) -> type[Client]:
    """The client that speaks a provider's language, imported when it is needed."""
    if provider.speaks != "openai" and model_type != "chat":
        message = f"model_type={model_type!r} is one of OpenAI's interfaces; {name} has its own, so leave it out."
        raise UsageError(message)
    if provider.speaks == "anthropic":
        from adjoint.lm.anthropic import Anthropic

        return Anthropic
    if provider.speaks == "gemini":
        from adjoint.lm.gemini import Gemini

        return Gemini
    if model_type == "text":
        from adjoint.lm.completions import OpenAIText

        return OpenAIText
    if model_type == "responses":
        from adjoint.lm.responses import OpenAIResponses

        return OpenAIResponses
    return OpenAIChat
