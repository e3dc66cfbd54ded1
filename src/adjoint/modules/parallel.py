"""Parallel: many calls of modules at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.portal import portal
from adjoint.program.batch import Options, run_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.program.batch import Pair, Results


class Parallel:
    """`Parallel(num_threads=8)([(program, example), ...])` gives the results in order, None where a call failed.

    `results.failures` says which failed and why. Programs may be plain functions too.
    Inputs are Examples, mappings or tuples; without `access_examples` an Example is itself the one argument. `timeout` is in
    seconds for each call (none by default); a slow call is never made a second time, so `straggler_limit` has no meaning and is accepted
    for DSPy's sake, as `disable_progress_bar` is. With `return_failed_examples` the result is
    `(results, failed examples, errors)`.
    """

    def __init__(
        self,
        num_threads: int | None = None,
        max_errors: int | None = None,
        *,
        access_examples: bool = True,
        return_failed_examples: bool = False,
        provide_traceback: bool | None = None,
        disable_progress_bar: bool = False,
        timeout: float | None = None,
        straggler_limit: int = 3,
    ) -> None:
        del disable_progress_bar, straggler_limit
        self.options = Options(
            num_threads, max_errors, timeout, provide_traceback=bool(provide_traceback), access_examples=access_examples
        )
        self.return_failed_examples = return_failed_examples

    def __call__(self, exec_pairs: Sequence[Pair]) -> Results | tuple[Results, list[Any], list[Exception]]:
        return portal.run(self.acall(exec_pairs))

    async def acall(self, exec_pairs: Sequence[Pair]) -> Results | tuple[Results, list[Any], list[Exception]]:
        """The same, to await."""
        # What a Parallel inside is given is a list of pairs, and not a list of arguments.
        pairs = [(program, (given,) if isinstance(program, Parallel) else given) for program, given in exec_pairs]
        found = await run_all(pairs, self.options)
        if not self.return_failed_examples:
            return found
        return found, *found.apart()
