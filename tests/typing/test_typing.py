"""The types of the public names are what the file beside this one says."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_mypy_accepts_the_public_names_as_they_are_used():
    api = pytest.importorskip("mypy.api")
    options = ["--strict", "--config-file", str(HERE.parents[1] / "pyproject.toml")]
    said, errors, status = api.run([*options, str(HERE / "api.py")])
    assert (said.strip().splitlines()[-1][:7], errors, status) == ("Success", "", 0), said
