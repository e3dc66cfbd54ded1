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
