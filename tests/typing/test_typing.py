"""The types of the public names are what the file beside this one says."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_mypy_accepts_the_public_names_as_they_are_used():
    api = pytest.importorskip("mypy.api")
    options = ["--strict", "--config-file", str(HERE.parents[1] / "pyproject.toml")]
    said, errors, status = api.run([*options, str(HERE / "api.py")])
    assert (said.strip().splitlines()[-1][:7], errors, status) == ("Success", "", 0), said


def test_pyright_accepts_them_too_where_it_is_installed():
    pytest.importorskip("pyright")
    done = subprocess.run([sys.executable, "-m", "pyright", str(HERE / "api.py")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip().splitlines()[-1][:8]) == (0, "0 errors"), done.stdout
