"""The public names, one by one: whoever adds, renames or removes one says so here."""

import re
from pathlib import Path

import adjoint

NAMES = ["Audio", "BlackboxLLM", "BootstrapFewShot", "BootstrapFewShotWithRandomSearch", "Budget", "ChainOfThought", "Citations", "Code", "Document", "Embedder", "Evaluate", "Example", "File", "History", "Image", "InputField", "LLMCall", "LM", "LabeledFewShot", "Ledger", "MetricLoss", "Module", "OutputField", "Parameter", "Predict", "Prediction", "Reasoning", "Score", "Signature", "TGD", "Tape", "TextLoss", "TextualGradientDescent", "Tool", "ToolCallResults", "ToolCalls", "Type", "Variable", "aevaluate", "aoptimize", "compare", "configure", "context", "evaluate", "exact_match", "f1", "get_engine", "load", "load_rows", "optimize", "set_backward_engine", "__version__"]

TESTING = ["FakeProvider", "Raw", "ScriptedLM"]


def test_the_public_names_are_these():
    assert sorted(adjoint.__all__) == sorted(NAMES)


def test_what_is_said_to_type_checkers_is_what_is_there():
    source = Path(adjoint.__file__).read_text(encoding="utf-8")
    said = re.findall(r"^    from adjoint\.\S+ import \w+ as (\w+)$", source, re.MULTILINE)
    assert sorted([*said, "__version__"]) == sorted(adjoint.__all__)


def test_the_shipped_test_doubles_are_these():
    from adjoint import testing

    assert set(TESTING) <= set(testing.__all__)
    assert all(getattr(testing, name) for name in TESTING)
