"""Names of models: `provider/model` to the client that answers, with endpoints and keys from arguments or environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjoint.base.errors import AuthError, UnknownNameError, UsageError
from adjoint.lm.guard import is_loopback
from adjoint.lm.openai import OpenAIChat, key_variable

if TYPE_CHECKING:
    from adjoint.lm.base import BaseLM

TIMEOUT = 120.0
"""Seconds for one call unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider is found by default, and whether it wants a key."""

    base_url: str
    needs_key: bool = True


PROVIDERS = {
    "openai": Provider("https://api.openai.com/v1"),
    "together": Provider("https://api.together.xyz/v1"),
    "groq": Provider("https://api.groq.com/openai/v1"),
    "openrouter": Provider("https://openrouter.ai/api/v1"),
    "deepseek": Provider("https://api.deepseek.com/v1"),
    "mistral": Provider("https://api.mistral.ai/v1"),
    "vllm": Provider("http://localhost:8000/v1", needs_key=False),
    "ollama": Provider("http://localhost:11434/v1", needs_key=False),
    "lmstudio": Provider("http://localhost:1234/v1", needs_key=False),
}
"""Each reads `<NAME>_API_KEY` and `<NAME>_BASE_URL`."""


def connect(model: str, *, base_url: str | None = None, api_key: str | None = None, timeout: float | None = None) -> BaseLM:
    """The client for a model by name: `pocket` is embedded, `provider/model` is a server.

    Arguments win over the environment, which wins over the provider's default address. `timeout` is in seconds.

    >>> connect("ollama/llama3.2", base_url="http://localhost:11434/v1")
    OpenAIChat('ollama/llama3.2@http://localhost:11434/v1')
    """
    if model == "pocket":
        from adjoint.lm.pocket.client import Pocket

        return Pocket()
    name, slash, rest = model.partition("/")
    if not (name and slash and rest):
        example = f"openai/{rest or name or 'gpt-4o-mini'}"
        message = f"{model!r} names no model; write provider/model, for example {example}, or pocket."
        raise UsageError(message)
    provider = PROVIDERS.get(name)
    if provider is None:
        raise UnknownNameError.of("provider", name, PROVIDERS)
    url = base_url or os.environ.get(f"{name.upper()}_BASE_URL") or provider.base_url
    key = api_key or os.environ.get(key_variable(name))
    client = OpenAIChat(rest, provider=name, base_url=url, api_key=key, timeout=TIMEOUT if timeout is None else timeout)
    if provider.needs_key and not (key or "").strip() and not is_loopback(url):
        message = f"no {key_variable(name)} for {model}: set it, or use LM('pocket') which needs none."
        raise AuthError(message)
    return client
