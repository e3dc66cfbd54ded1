"""The acceptance tests in their short forms; `make acceptance` runs the full ones."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.acceptance.kit import ROOT

SCRIPTS = sorted(file.stem for file in ROOT.glob("tests/acceptance/a[0-9]*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_short_form_passes(name):
    command = [sys.executable, "-m", f"tests.acceptance.{name}", "--short"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-2000:]
