"""TextGrad's classes of engines: one for each provider, which take its own names of models."""

from __future__ import annotations

from typing import Any, ClassVar

from adjoint.autograd.named import EXPERIMENTAL, NamedEngine, spelled


class Chat(NamedEngine):
    """A model of one provider: `ChatGroq("llama3-70b-8192")` is `get_engine("groq/llama3-70b-8192")`."""

    provider: ClassVar[str]

    def __init__(self, model_string: str, *given: Any, **options: Any) -> None:
        known = model_string.startswith(f"{self.provider}/")
        super().__init__(model_string if known else f"{self.provider}/{model_string}", *given, **options)


class ChatOpenAI(Chat):
    """OpenAI, or with `base_url` any server that speaks its language."""

    provider = "openai"

    def __init__(self, model_string: str = "gpt-3.5-turbo-0613", *given: Any, **options: Any) -> None:
        super().__init__(model_string, *given, **options)


class AzureChatOpenAI(Chat):
    """A deployment of Azure, through LiteLLM, which reads its variables of the environment."""

    provider = "litellm/azure"


class ChatAnthropic(Chat):
    """Anthropic."""

    provider = "anthropic"


class ChatCohere(Chat):
    """Cohere, through LiteLLM."""

    provider = "litellm/cohere"


class ChatGemini(Chat):
    """Gemini."""

    provider = "gemini"


class ChatGroq(Chat):
    """Groq."""

    provider = "groq"


class ChatTogether(Chat):
    """Together."""

    provider = "together"


class ChatVLLM(Chat):
    """A server of vLLM."""

    provider = "vllm"


class LiteLLMEngine(NamedEngine):
    """What TextGrad's `experimental:` names mean."""

    def __init__(self, model_string: str, *given: Any, **options: Any) -> None:
        super().__init__(EXPERIMENTAL + model_string.removeprefix(EXPERIMENTAL), *given, **options)


class ChatExternalClient(ChatOpenAI):
    """The server and the key of a client of the package `openai`: `ChatExternalClient(client, "model")`."""

    def __init__(self, client: Any, model_string: str, *given: Any, **options: Any) -> None:
        super().__init__(model_string, *given, base_url=str(client.base_url), api_key=client.api_key, **options)


def engine_named(name: str, **options: Any) -> NamedEngine:
    """The engine that a name means, of the class that TextGrad's users expect.

    >>> type(engine_named("vllm-llama-3-8b")).__name__
    'ChatVLLM'
    """
    if name.startswith(EXPERIMENTAL):
        return LiteLLMEngine(name, **options)
    model = spelled(name)
    kinds = (ChatOpenAI, AzureChatOpenAI, ChatAnthropic, ChatCohere, ChatGemini, ChatGroq, ChatTogether, ChatVLLM)
    kind = next((kind for kind in kinds if model.startswith(f"{kind.provider}/")), NamedEngine)
    return kind(model, **options)
