"""The live line: what is under way, on stderr and only where somebody watches. Everything else goes to stdout."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def watched(*, quiet: bool) -> bool:
    """Whether a person sees stderr on a terminal that can redraw a line."""
    return not quiet and sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


@contextmanager
def live(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Give a function that shows a text in place of the one before. It may be called from any thread."""
    if not watched(quiet=quiet):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.status import Status
    from rich.text import Text

    with Status("", console=Console(stderr=True)) as status:
        yield lambda text: status.update(Text(text))
