"""The public names, one by one: whoever adds, renames or removes one says so here."""

import re
from pathlib import Path

import adjoint

NAMES = """
    AdaptiveAdapter Adapter Alternate Assert Audio Auto BAMLAdapter BaseCallback BaseLM BayesianSignatureOptimizer BestOfN
    BetterTogether BlackboxLLM BootstrapFewShot BootstrapFewShotWithOptuna BootstrapFewShotWithRandomSearch
    BootstrapFinetune BootstrapRS Budget CAPO COPRO Chain ChainOfThought ChatAdapter Citations Code CodeAct
    CompleteAndGrounded Completions DataLoader DemoOrder Distill Document Embedder Embeddings EmbeddingsWithScores
    EngineLM Ensemble EnsembleSearch Evaluate EvoPrompt Example File FormattedLLMCall Front FunctionLoss GEPA GRPO
    History Image ImageQALoss InferRules InputField JSONAdapter Judge KNN KNNFewShot LLMCall LM LabeledFewShot Ledger
    MIPRO MIPROv2 MetricLoss ModelChoice Models Module MultiChainComparison MultiChoiceTestTime MultiFieldEvaluation
    MultiFieldTokenParsedEvaluation MultimodalLLMCall Number Numbers OPRO OptoPrime OutputField POLCA Pairwise Parallel
    Parameter Portfolio Predict Prediction Preferences ProTeGi ProgramOfThought PromptWizard RLM ReAct Reasoning Refine
    RejectionSampling Restart Retrieve Rubric SIMBA Sampling Score SemanticF1 Signature SignatureOptimizer StatusMessage
    StatusMessageProvider Stop StreamListener StreamResponse StringBasedFunction Suggest TGD Tape TextLoss
    TextualGradientDescent TextualGradientDescentwithMomentum Tool ToolCallResults ToolCalls TwoStepAdapter Type
    Variable XMLAdapter acalibrate aevaluate aggregate answer_exact_match answer_passage_match aoptimize asyncify
    calibrate compare configure context ensure_signature evaluate exact_match f1 finetune front get_engine headroom
    infer_prefix inspect_history json_match load load_rows majority make_signature near_duplicates no_grad numeric_match
    op optimize optimize_each outlook plan set_backward_engine settings solve streamify sum syncify track_usage
    __version__
""".split()  # noqa: SIM905 - names are words

TESTING = ["DummyLM", "FakeProvider", "Raw", "ScriptedLM"]


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
