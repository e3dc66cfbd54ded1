"""The page for DSPy's users says what is there, and nothing else."""

import re
from pathlib import Path

import adjoint

PAGE = (Path(__file__).parents[2] / "docs" / "migrating.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ?(.*?) ?\|$", PAGE, re.MULTILINE)

NAMES = """
    Example Prediction Completions Signature InputField OutputField ensure_signature make_signature infer_prefix Image
    Audio File History Code Reasoning Tool ToolCalls ToolCallResults Type experimental.Citations experimental.Document
    experimental.Choice experimental.Score experimental.Noul experimental.TypeSafe experimental.ReAnchor Module Predict
    ChainOfThought ReAct ReActV2 ProgramOfThought CodeAct RLM Flex BestOfN Refine MultiChainComparison majority KNN
    Parallel PythonInterpreter LocalInterpreter CodeInterpreter ChatAdapter JSONAdapter XMLAdapter TwoStepAdapter
    BAMLAdapter LM configure_cache track_usage inspect_history Embedder Embeddings retrievers.EmbeddingsWithScores
    ColBERTv2 Retrieve Evaluate evaluate.SemanticF1 evaluate.CompleteAndGrounded settings configure context streamify
    streaming.StreamListener streaming.StreamResponse streaming.StatusMessage streaming.StatusMessageProvider asyncify
    syncify utils.BaseCallback load Assert Suggest DummyLM LabeledFewShot BootstrapFewShot
    BootstrapFewShotWithRandomSearch Ensemble BootstrapFewShotWithOptuna KNNFewShot COPRO MIPROv2 SIMBA GEPA
    BootstrapFinetune GRPO BetterTogether InferRules AvatarOptimizer
""".split()  # noqa: SIM905 - names are words
"""DSPy's public names."""


def found(dotted):
    """Whether adjoint has the name."""
    value = adjoint
    for name in dotted.split("."):
        if not hasattr(value, name):
            return False
        value = getattr(value, name)
    return True


def test_every_public_name_of_dspy_has_a_row():
    named = [name for name, _, _ in ROWS]
    assert [name for name in NAMES if name not in named] == []
    assert len(named) == len(set(named))


def test_what_is_the_same_is_there():
    assert [name for name, status, _ in ROWS if status == "same" and not found(name)] == []


def test_what_is_not_offered_is_not_there():
    assert [name for name, status, _ in ROWS if status == "not offered" and found(name)] == []


def test_what_differs_or_is_missing_says_why():
    assert {status for _, status, _ in ROWS} <= {"same", "different", "not offered"}
    assert [name for name, status, why in ROWS if status != "same" and not why] == []


def test_names_that_the_page_points_to_are_there():
    pointed = re.findall(r"`adjoint\.([A-Z]\w*)`", PAGE)
    assert [name for name in pointed if not found(name)] == []
