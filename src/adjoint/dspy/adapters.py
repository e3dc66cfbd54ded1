"""`dspy.adapters`: the forms of prompts and replies, and the types that adapters know."""

from adjoint.adapters.baml import BAMLAdapter
from adjoint.adapters.chat import ChatAdapter
from adjoint.adapters.json import JSONAdapter
from adjoint.adapters.own import Adapter
from adjoint.adapters.two_step import TwoStepAdapter
from adjoint.adapters.xml import XMLAdapter
from adjoint.base.paths import inside
from adjoint.signature.types.base import Type
from adjoint.signature.types.code import Code
from adjoint.signature.types.document import Citations, Document
from adjoint.signature.types.history import History
from adjoint.signature.types.media import Audio, File, Image
from adjoint.signature.types.reasoning import Reasoning
from adjoint.signature.types.tool import Tool
from adjoint.signature.types.tool_calls import ToolCallResults, ToolCalls

__all__ = [
    "Adapter",
    "Audio",
    "BAMLAdapter",
    "ChatAdapter",
    "Citations",
    "Code",
    "Document",
    "File",
    "History",
    "Image",
    "JSONAdapter",
    "Reasoning",
    "Tool",
    "ToolCallResults",
    "ToolCalls",
    "TwoStepAdapter",
    "Type",
    "XMLAdapter",
]

inside(__name__, "base", "baml_adapter", "chat_adapter", "json_adapter", "two_step_adapter", "xml_adapter")
inside(
    __name__,
    "types",
    *(f"types.{name}" for name in ("audio", "base_type", "citation", "code", "document", "file", "history", "image")),
    "types.reasoning",
    "types.tool",
)
