"""`dspy.utils`: callbacks, status messages, usage, colours of functions, and the LM for tests."""

import sys
from types import SimpleNamespace

from adjoint.base.paths import inside
from adjoint.dspy import exceptions
from adjoint.modules.colours import asyncify, syncify
from adjoint.modules.saved import load
from adjoint.modules.streaming import StatusMessage, StatusMessageProvider
from adjoint.program.events import BaseCallback, active_call
from adjoint.program.observe import UsageTracker, track_usage
from adjoint.program.observe import inspect_history as pretty_print_history
from adjoint.signature.types.tool import Tool
from adjoint.testing.dummy import DummyLM

ACTIVE_CALL_ID = SimpleNamespace(get=active_call)
convert_langchain_tool, convert_mcp_tool = Tool.from_langchain, Tool.from_mcp_tool

__all__ = [
    "ACTIVE_CALL_ID",
    "BaseCallback",
    "DummyLM",
    "StatusMessage",
    "StatusMessageProvider",
    "UsageTracker",
    "asyncify",
    "convert_langchain_tool",
    "convert_mcp_tool",
    "exceptions",
    "load",
    "pretty_print_history",
    "syncify",
    "track_usage",
]

inside(
    __name__, "asyncify", "callback", "dummies", "inspect_history", "langchain_tool", "mcp", "saving", "syncify", "usage_tracker"
)
sys.modules[f"{__name__}.exceptions"] = exceptions
