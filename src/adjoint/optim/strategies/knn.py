"""KNNFewShot: at every call, the demos are bootstrapped from the training rows that are nearest to the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.data.splits import Split, distinct
from adjoint.modules.knn import KNN
from adjoint.optim.compile import always_right
from adjoint.optim.knobs import require
from adjoint.optim.strategies.bootstrap import BootstrapFewShot
from adjoint.optim.study import Study
from adjoint.program.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.data.records import Example
    from adjoint.program.embed import Embedder


class KNNFewShot:
    """`KNNFewShot(k, trainset, vectorizer, **bootstrap).compile(student)` is a program with demos of its own for each call.

    They are made from the `k` nearest rows as `BootstrapFewShot(**bootstrap)` makes them, without a metric from every run. A
    run of the teacher is in the ledger, so a row that was near once costs nothing again.
    """

    def __init__(
        self,
        k: int,
        trainset: Sequence[Example],
        vectorizer: Embedder | Callable[[list[str]], Any],
        **few_shot_bootstrap_args: Any,
    ) -> None:
        require("KNNFewShot", "k", k, "int")
        self.nearest = KNN(k, distinct(trainset), vectorizer)
        self.bootstrap = BootstrapFewShot(**few_shot_bootstrap_args)

    def compile(self, student: Module, *, teacher: Module | None = None, trainset: Any = None) -> Module:
        """The program that does it; the student itself is left alone. The rows are those of the constructor."""
        if trainset is not None:
            message = "KNNFewShot has its rows from its constructor: KNNFewShot(k, trainset, vectorizer).compile(student)."
            raise UsageError(message)
        require("KNNFewShot.compile", "student", student, "Module")
        if teacher is not None:
            self.bootstrap.teacher = teacher
        return NearestDemos(student.deepcopy(), self.nearest, self.bootstrap)


class NearestDemos(Module):
    """A program that is shown what is near. Its parameters are those of the program; saved and loaded, it is the program."""

    def __init__(self, program: Module, nearest: KNN, bootstrap: BootstrapFewShot) -> None:
        self.program, self.nearest, self.bootstrap = program, nearest, bootstrap

    async def aforward(self, **inputs: Any) -> Any:
        return await (await self._shown(await self.nearest.acall(**inputs))).acall(**inputs)

    async def _shown(self, rows: Sequence[Example]) -> Module:
        metric = self.bootstrap.metric or always_right
        study = Study(self.program, self.bootstrap, metric, Split(tuple(rows), (), ()), limit=len(rows))
        return await study.propose()
