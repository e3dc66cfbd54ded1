"""Floor 8: what users need to test their own programs: the scripted LM, DSPy's dummy, the fake provider and the conformance suites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.lm.scripted import ScriptedLM

if TYPE_CHECKING:
    from adjoint.testing.dummy import DummyLM
    from adjoint.testing.provider import FakeProvider, Raw

__all__ = ["DummyLM", "FakeProvider", "Raw", "ScriptedLM"]


def __getattr__(name: str) -> Any:
    """The fake provider brings a web server and the dummy the gate, so they are imported on first use."""
    if name == "DummyLM":
        from adjoint.testing.dummy import DummyLM

        return DummyLM
    if name in ("FakeProvider", "Raw"):
        from adjoint.testing import provider

        return getattr(provider, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
