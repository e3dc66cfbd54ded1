"""What every test stands on: a ledger and a directory of its own, no network beyond this machine, no default LM."""

from __future__ import annotations

import pytest

import adjoint
from adjoint.lm import guard


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path, monkeypatch):
    """Each test runs in an empty directory, with its own ledger and without settings of the machine."""
    for name in ("ADJOINT_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ADJOINT_LEDGER", str(tmp_path / "ledger.db"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(guard, "ALLOW_PAID_CALLS", False)
    adjoint.configure(lm=None, ledger="default")
