"""What type checkers know of the public names: mypy --strict and pyright accept this file, and it is never run.

`assert_type` says what an editor shows. What must not pass is written as such, and a needless `ignore` is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, assert_type

import adjoint
from adjoint import ChainOfThought, InputField, Module, OutputField, Predict, Prediction, Signature

if TYPE_CHECKING:
    from adjoint import Example


class Triage(Signature):
    """Say how urgent the ticket is."""

    ticket: str = InputField()
    level: int = OutputField(ge=1, le=5)
    mood: Literal["calm", "angry"] = OutputField()


class Triaged(Prediction):
    """A prediction whose outputs are typed."""

    level: int
    mood: Literal["calm", "angry"]


class HasLevel(Protocol):
    """Only what is named here may be read."""

    level: int


class Desk(Module):
    def __init__(self) -> None:
        self.triage = Predict[Triaged](Triage)
        self.reply = ChainOfThought("ticket, level: int -> reply")

    def forward(self, ticket: str) -> Prediction:
        found = self.triage(ticket=ticket)
        assert_type(found, Triaged)
        assert_type(found.level, int)
        return self.reply(ticket=ticket, level=found.level)


async def awaited() -> None:
    assert_type(await Predict[Triaged](Triage).acall(ticket="help"), Triaged)
    assert_type(await ChainOfThought[Triaged](Triage).acall(ticket="help"), Triaged)
    assert_type(await Predict(Triage).acall(ticket="help"), Prediction)


def typed_results() -> None:
    found = Predict[Triaged](Triage, temperature=0.0)(ticket="help")
    assert_type(found.mood, Literal["calm", "angry"])
    assert_type(found.tape, adjoint.Tape | None)
    assert_type(ChainOfThought[Triaged](Triage)(ticket="help").level, int)
    strict = Predict[HasLevel](Triage)(ticket="help")
    assert_type(strict.level, int)
    strict.levl  # type: ignore[attr-defined]  # noqa: B018
    found.level.upper()  # type: ignore[attr-defined]


def untyped_results() -> None:
    found = Predict("question -> answer")(question="2+2?")
    assert_type(found, Prediction)
    assert_type(found.answer, Any)
    assert_type(found + 1, float)
    assert_type(found >= 0.5, bool)
    predictors: list[Predict] = [Predict("a -> b"), Predict(Triage)]
    assert_type(predictors[0](a="x"), Prediction)


def a_program() -> None:
    desk = Desk()
    assert_type(desk.deepcopy(), Desk)
    assert_type(desk.with_state(desk.state_dict()), Desk)
    assert_type(desk.map_named_predictors(lambda predictor: predictor), Desk)
    desk.set_lm("pocket")
    desk.save("desk.json")
    assert_type(adjoint.load("desk.json"), Module)


def exact(example: Example, prediction: Prediction) -> bool:
    return bool(example.level == prediction.level)


def measured(rows: list[Example]) -> None:
    with adjoint.context(lm=adjoint.LM("pocket", temperature=0.0), ledger=None):
        report = adjoint.evaluate(Desk(), rows, exact)
    assert_type(report.mean, float | None)
    assert_type(report.n, int)
    result = adjoint.optimize(Desk(), trainset=rows, metric=exact, budget="100calls")
    assert_type(result.program, Module)


def differentiated() -> None:
    system = adjoint.Variable("Be brief.", role_description="system prompt", requires_grad=True)
    loss = adjoint.TextLoss("Is the answer right?", engine="pocket")
    loss(system).backward()
    adjoint.TGD([system]).step()
    assert_type(system.value, Any)
