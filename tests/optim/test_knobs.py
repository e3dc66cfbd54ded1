"""Knobs of optimizers: what cannot be is refused where it is given, in words."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

import adjoint
from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.optim.knobs import annotations_of
from adjoint.optim.registry import ALLOCATORS, OPTIMIZERS
from adjoint.optim.strategy import Strategy
from adjoint.optim.weights.recipe import Recipe

NAN = float("nan")
WRONG = {
    "int": ["3", 1.5, True, NAN, [3], -1],
    "int | None": ["3", 1.5, True, -1],
    "float": ["0.5", True, NAN, float("inf"), -2.0],
    "float | None": ["0.5", NAN, [0.5]],
    "bool": ["yes", 1, None],
    "bool | None": ["yes", 1],
    "Metric | None": ["exact_match", 3, lambda example: True],
    "Module | None": ["program", 3],
    "Mapping[str, Any] | None": ["abc", 3, [3]],
    "Sequence[str] | None": ["Be brief.", 3],
}
SIGNED = {"seed", "verbose", "format_failure_score"}


def kind_of(path):
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def wrong_knobs(path):
    """Each knob of a class that has a plain type, with values that it cannot have."""
    for name, annotation in annotations_of(kind_of(path)).items():
        for value in WRONG.get(annotation, ()):
            if not (name in SIGNED and value in (-1, -2.0)):
                yield name, value


@pytest.mark.parametrize("path", sorted({*OPTIMIZERS.values(), *ALLOCATORS.values()}))
def test_what_a_knob_cannot_be_is_refused_where_it_is_given(path):
    kind = kind_of(path)
    for name, value in wrong_knobs(path):
        with pytest.raises(UsageError, match=r"cannot be; give|the metric"):
            kind(**{name: value})


@pytest.mark.parametrize("path", sorted({*OPTIMIZERS.values(), *ALLOCATORS.values()}))
def test_defaults_are_what_a_knob_can_be(path):
    assert kind_of(path)().name


def test_a_misspelled_knob_is_told_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown argument of COPRO 'bredth'; did you mean 'breadth'"):
        adjoint.COPRO(bredth=3)
    with pytest.raises(UnknownNameError, match="unknown argument of InferRules 'num_rule'; did you mean 'num_rules'"):
        adjoint.InferRules(num_rule=3)
    with pytest.raises(UsageError, match="COPRO: too many positional arguments; its arguments are prompt_model, metric"):
        adjoint.COPRO(None, None, 5, 1, 1.0, False, "more")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: adjoint.COPRO(breadth=0), r"COPRO\(breadth=0\) cannot be; give a whole number of 1 or more"),
        (lambda: adjoint.BootstrapRS(metric_threshold=80), "give a number from 0 to 1 or None"),
        (lambda: adjoint.EvoPrompt(mode="best"), r"EvoPrompt\(mode='best'\) cannot be; give 'ga' or 'de'"),
        (lambda: adjoint.TGD(policy="best"), "policy='best' is not known; 'fused'"),
        (lambda: adjoint.TGD(new_variable_tags=["<new>"]), "give two texts"),
        (lambda: adjoint.MIPROv2(sampler=3), "unknown sampler 3"),
        (lambda: adjoint.MIPROv2(grounds={"tips": True}), "unknown ground 'tips'"),
        (lambda: adjoint.BootstrapFinetune(train_kwargs=3), r"train_kwargs=3\) cannot be; give a mapping or None"),
        (lambda: Recipe(batch_size=0), r"Recipe\(batch_size=0\) cannot be"),
        (lambda: adjoint.Restart(adjoint.COPRO), "COPRO'> is no optimizer; give a name or an object"),
        (lambda: adjoint.EnsembleSearch(optimizer=None), "None is no optimizer"),
    ],
)
def test_the_error_names_the_value_and_what_is_allowed(make, said):
    with pytest.raises(UsageError, match=said):
        make()


def test_what_the_knobs_of_ones_own_optimizer_may_be_is_ones_own_affair():
    class Mine(Strategy):
        name = "mine"

        def __init__(self, metric=None, *, offset: int = 3) -> None:
            super().__init__(metric)
            self.offset = offset

    assert "offset" in inspect.signature(Mine).parameters
    assert [Mine(offset=value).offset for value in (0, -1)] == [0, -1]
    with pytest.raises(UsageError, match="metric"):
        Mine(metric=3)
