"""`dspy.utils`: callbacks, status messages, usage, colours of functions, and the LM for tests."""

import sys

from adjoint.base.paths import inside
from adjoint.dspy import exceptions
from adjoint.modules.colours import asyncify, syncify
from adjoint.modules.saved import load
from adjoint.modules.streaming import StatusMessage, StatusMessageProvider
from adjoint.program.events import BaseCallback
from adjoint.program.observe import UsageTracker, track_usage
from adjoint.program.observe import inspect_history as pretty_print_history
from adjoint.testing.dummy import DummyLM

__all__ = [
    "BaseCallback",
    "DummyLM",
    "StatusMessage",
    "StatusMessageProvider",
    "UsageTracker",
    "asyncify",
    "exceptions",
    "load",
    "pretty_print_history",
    "syncify",
    "track_usage",
]

inside(__name__, "asyncify", "callback", "dummies", "inspect_history", "saving", "syncify", "usage_tracker")
sys.modules[f"{__name__}.exceptions"] = exceptions
