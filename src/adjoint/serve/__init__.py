"""A language model or a program behind HTTP: OpenAI's interface for the one, JSON in and JSON out for the other."""

from __future__ import annotations

from adjoint.serve.server import Server

__all__ = ["Server"]
