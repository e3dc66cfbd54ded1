"""What the facts about TextGrad's programs share."""

from __future__ import annotations

import pytest

import adjoint.textgrad as tg
from adjoint.autograd import engine as engines


@pytest.fixture(autouse=True)
def clean_process(monkeypatch):
    """No engine of the process is left by the test before."""
    monkeypatch.setattr(engines, "_engine", {})


class Dummy(tg.EngineLM):
    """Says one thing to everybody and keeps what it was asked."""

    def __init__(self, said="<IMPROVED_VARIABLE>better</IMPROVED_VARIABLE>"):
        self.said, self.asked = said, []

    def generate(self, prompt, system_prompt=None, **options):
        self.asked.append((prompt, system_prompt))
        return self.said


def text(value, role="text", **options):
    return tg.Variable(value, role_description=role, **options)
