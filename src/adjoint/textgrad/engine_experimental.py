"""`tg.engine_experimental`: the second form of engines by hand, which dispatch on texts and lists of parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from adjoint.autograd.chats import ChatExternalClient as OpenAICompatibleEngine
from adjoint.autograd.chats import ChatOpenAI as OpenAIEngine
from adjoint.autograd.chats import LiteLLMEngine
from adjoint.autograd.named import is_cached
from adjoint.base.errors import UsageError
from adjoint.base.paths import inside
from adjoint.lm import engine

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EngineLM", "LiteLLMEngine", "OpenAICompatibleEngine", "OpenAIEngine", "cached"]

F = TypeVar("F", bound="Callable[..., Any]")


class EngineLM(engine.EngineLM, ABC):
    """Base class of such engines: write `_generate_from_single_prompt(self, content, system_prompt=None, **options)`.

    And `_generate_from_multiple_input`, which takes a list of texts and bytes. `system_prompt` is what calls without one
    get. Pictures are refused unless `is_multimodal`.
    """

    def __init__(self, model_string: str, system_prompt: str = "", is_multimodal: bool = False, cache: Any = False) -> None:  # noqa: FBT001, FBT002 - TextGrad's
        self.model_string, self.system_prompt = model_string, system_prompt
        self.is_multimodal, self.cache = is_multimodal, is_cached(cache)

    @abstractmethod
    def _generate_from_single_prompt(self, content: str, system_prompt: str | None = None, **options: Any) -> str: ...

    @abstractmethod
    def _generate_from_multiple_input(self, content: list[Any], system_prompt: str | None = None, **options: Any) -> str: ...

    def generate(self, content: Any, system_prompt: str | None = None, **options: Any) -> str:  # type: ignore[override]
        told = system_prompt or self.system_prompt
        if isinstance(content, str):
            return self._generate_from_single_prompt(content=content, system_prompt=told, **options)
        if not self.is_multimodal and any(isinstance(part, bytes) for part in content):
            message = f"{self.model_string} is not multimodal, and was given a picture; make it with is_multimodal=True."
            raise UsageError(message)
        return self._generate_from_multiple_input(content=content, system_prompt=told, **options)


def cached(function: F) -> F:
    """TextGrad's mark of methods whose results are kept. Here the ledger keeps replies, so it changes nothing."""
    return function


inside(__name__, "base", "litellm", "openai")
