"""`tg.engine`: engines by name, the classes that make them, and the base class of users' own."""

from adjoint.autograd.chats import (
    AzureChatOpenAI,
    ChatAnthropic,
    ChatCohere,
    ChatExternalClient,
    ChatGemini,
    ChatGroq,
    ChatOpenAI,
    ChatTogether,
    ChatVLLM,
    LiteLLMEngine,
)
from adjoint.autograd.engine import get_engine
from adjoint.autograd.named import NamedEngine
from adjoint.lm.engine import EngineLM

__all__ = [
    "AzureChatOpenAI",
    "CachedEngine",
    "ChatAnthropic",
    "ChatCohere",
    "ChatExternalClient",
    "ChatGemini",
    "ChatGroq",
    "ChatOpenAI",
    "ChatTogether",
    "ChatVLLM",
    "EngineLM",
    "LiteLLMEngine",
    "NamedEngine",
    "get_engine",
]


class CachedEngine:
    """Base class of engines that look their replies up themselves: `_check_cache(prompt)`, `_save_cache(prompt, response)`.

    They are kept while the engine lives. What is to last is in the ledger: nothing is written to `cache_path`.
    """

    def __init__(self, cache_path: str) -> None:
        self.cache_path = cache_path
        self.cache: dict[str, str] = {}

    def _check_cache(self, prompt: str) -> str | None:
        return self.cache.get(prompt)

    def _save_cache(self, prompt: str, response: str) -> None:
        self.cache[prompt] = response
