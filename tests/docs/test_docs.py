"""The documentation is executed: every Python block of every page runs, in order, page by page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")] if "```python" in page.read_text("utf-8"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_python_block_of_the_page_runs(page, tmp_path):
    """A page is read from top to bottom, so its blocks share their names; the examples lie where a reader has them."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    names = {"__name__": "docs"}
    for block in BLOCK.finditer(page.read_text("utf-8")):
        line = page.read_text("utf-8")[: block.start()].count("\n") + 2
        exec(compile("\n" * (line - 1) + block[1], str(page), "exec"), names)
