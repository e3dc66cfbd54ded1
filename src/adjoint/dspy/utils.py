"""`dspy.utils`: callbacks, status messages, and the LM for tests."""

from adjoint.dspy import exceptions
from adjoint.modules.streaming import StatusMessage, StatusMessageProvider
from adjoint.program.events import BaseCallback
from adjoint.program.observe import inspect_history as pretty_print_history
from adjoint.testing.dummy import DummyLM

__all__ = ["BaseCallback", "DummyLM", "StatusMessage", "StatusMessageProvider", "exceptions", "pretty_print_history"]
