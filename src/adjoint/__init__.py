"""Adjoint: program language models declaratively, differentiate them with text, ship only what is measurably better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adjoint.adapters.adaptive import AdaptiveAdapter as AdaptiveAdapter
    from adjoint.adapters.baml import BAMLAdapter as BAMLAdapter
    from adjoint.adapters.chat import ChatAdapter as ChatAdapter
    from adjoint.adapters.json import JSONAdapter as JSONAdapter
    from adjoint.adapters.own import Adapter as Adapter
    from adjoint.adapters.two_step import TwoStepAdapter as TwoStepAdapter
    from adjoint.adapters.xml import XMLAdapter as XMLAdapter
    from adjoint.autograd.algebra import aggregate as aggregate
    from adjoint.autograd.algebra import sum as sum
    from adjoint.autograd.engine import get_engine as get_engine
    from adjoint.autograd.engine import set_backward_engine as set_backward_engine
    from adjoint.autograd.evaluations import ImageQALoss as ImageQALoss
    from adjoint.autograd.evaluations import MultiChoiceTestTime as MultiChoiceTestTime
    from adjoint.autograd.evaluations import MultiFieldEvaluation as MultiFieldEvaluation
    from adjoint.autograd.evaluations import MultiFieldTokenParsedEvaluation as MultiFieldTokenParsedEvaluation
    from adjoint.autograd.functions import StringBasedFunction as StringBasedFunction
    from adjoint.autograd.llm import BlackboxLLM as BlackboxLLM
    from adjoint.autograd.llm import FormattedLLMCall as FormattedLLMCall
    from adjoint.autograd.llm import LLMCall as LLMCall
    from adjoint.autograd.llm import MultimodalLLMCall as MultimodalLLMCall
    from adjoint.autograd.losses import FunctionLoss as FunctionLoss
    from adjoint.autograd.losses import MetricLoss as MetricLoss
    from adjoint.autograd.losses import TextLoss as TextLoss
    from adjoint.autograd.mode import no_grad as no_grad
    from adjoint.autograd.op import op as op
    from adjoint.autograd.variable import Variable as Variable
    from adjoint.data.batches import DataLoader as DataLoader
    from adjoint.data.duplicates import near_duplicates as near_duplicates
    from adjoint.data.loaders import load_rows as load_rows
    from adjoint.data.records import Example as Example
    from adjoint.data.records import Score as Score
    from adjoint.eval.evaluate import aevaluate as aevaluate
    from adjoint.eval.evaluate import evaluate as evaluate
    from adjoint.eval.evaluator import Evaluate as Evaluate
    from adjoint.eval.judges.calibrate import acalibrate as acalibrate
    from adjoint.eval.judges.calibrate import calibrate as calibrate
    from adjoint.eval.judges.pairwise import Pairwise as Pairwise
    from adjoint.eval.judges.rubric import Rubric as Rubric
    from adjoint.eval.judges.semantic import CompleteAndGrounded as CompleteAndGrounded
    from adjoint.eval.judges.semantic import SemanticF1 as SemanticF1
    from adjoint.eval.judges.verdict import Judge as Judge
    from adjoint.eval.metrics import answer_exact_match as answer_exact_match
    from adjoint.eval.metrics import answer_passage_match as answer_passage_match
    from adjoint.eval.metrics import exact_match as exact_match
    from adjoint.eval.metrics import f1 as f1
    from adjoint.eval.metrics import json_match as json_match
    from adjoint.eval.metrics import numeric_match as numeric_match
    from adjoint.eval.plan import plan as plan
    from adjoint.eval.sampling import Sampling as Sampling
    from adjoint.eval.several import compare as compare
    from adjoint.ledger.store import Ledger as Ledger
    from adjoint.lm.budget import Budget as Budget
    from adjoint.lm.engine import EngineLM as EngineLM
    from adjoint.modules.assertions import Assert as Assert
    from adjoint.modules.assertions import Suggest as Suggest
    from adjoint.modules.best_of_n import BestOfN as BestOfN
    from adjoint.modules.chain_of_thought import ChainOfThought as ChainOfThought
    from adjoint.modules.code_act import CodeAct as CodeAct
    from adjoint.modules.colours import asyncify as asyncify
    from adjoint.modules.colours import syncify as syncify
    from adjoint.modules.ensemble import Ensemble as Ensemble
    from adjoint.modules.knn import KNN as KNN
    from adjoint.modules.multi_chain import MultiChainComparison as MultiChainComparison
    from adjoint.modules.parallel import Parallel as Parallel
    from adjoint.modules.predict import Predict as Predict
    from adjoint.modules.program_of_thought import ProgramOfThought as ProgramOfThought
    from adjoint.modules.react import ReAct as ReAct
    from adjoint.modules.refine import Refine as Refine
    from adjoint.modules.retrieve import Embeddings as Embeddings
    from adjoint.modules.retrieve import EmbeddingsWithScores as EmbeddingsWithScores
    from adjoint.modules.retrieve import Retrieve as Retrieve
    from adjoint.modules.rlm import RLM as RLM
    from adjoint.modules.saved import load as load
    from adjoint.modules.streaming import StatusMessage as StatusMessage
    from adjoint.modules.streaming import StatusMessageProvider as StatusMessageProvider
    from adjoint.modules.streaming import StreamListener as StreamListener
    from adjoint.modules.streaming import StreamResponse as StreamResponse
    from adjoint.modules.streaming import streamify as streamify
    from adjoint.modules.vote import majority as majority
    from adjoint.optim.compile import aoptimize as aoptimize
    from adjoint.optim.compile import optimize as optimize
    from adjoint.optim.outlook import headroom as headroom
    from adjoint.optim.outlook import outlook as outlook
    from adjoint.optim.several import optimize_each as optimize_each
    from adjoint.optim.solve import solve as solve
    from adjoint.optim.stop import Stop as Stop
    from adjoint.optim.strategies.auto import Auto as Auto
    from adjoint.optim.strategies.better_together import BetterTogether as BetterTogether
    from adjoint.optim.strategies.bootstrap import BootstrapFewShot as BootstrapFewShot
    from adjoint.optim.strategies.bootstrap import BootstrapFewShotWithRandomSearch as BootstrapFewShotWithRandomSearch
    from adjoint.optim.strategies.bootstrap import BootstrapRS as BootstrapRS
    from adjoint.optim.strategies.bootstrap import LabeledFewShot as LabeledFewShot
    from adjoint.optim.strategies.capo import CAPO as CAPO
    from adjoint.optim.strategies.capo import EvoPrompt as EvoPrompt
    from adjoint.optim.strategies.combine import Alternate as Alternate
    from adjoint.optim.strategies.combine import Chain as Chain
    from adjoint.optim.strategies.combine import Portfolio as Portfolio
    from adjoint.optim.strategies.combine import Restart as Restart
    from adjoint.optim.strategies.copro import COPRO as COPRO
    from adjoint.optim.strategies.copro import SignatureOptimizer as SignatureOptimizer
    from adjoint.optim.strategies.ensemble import EnsembleSearch as EnsembleSearch
    from adjoint.optim.strategies.finetune import BootstrapFinetune as BootstrapFinetune
    from adjoint.optim.strategies.finetune import Distill as Distill
    from adjoint.optim.strategies.finetune import Preferences as Preferences
    from adjoint.optim.strategies.finetune import RejectionSampling as RejectionSampling
    from adjoint.optim.strategies.front import Front as Front
    from adjoint.optim.strategies.front import front as front
    from adjoint.optim.strategies.gepa import GEPA as GEPA
    from adjoint.optim.strategies.grpo import GRPO as GRPO
    from adjoint.optim.strategies.infer_rules import InferRules as InferRules
    from adjoint.optim.strategies.knn import KNNFewShot as KNNFewShot
    from adjoint.optim.strategies.mipro import MIPRO as MIPRO
    from adjoint.optim.strategies.mipro import BayesianSignatureOptimizer as BayesianSignatureOptimizer
    from adjoint.optim.strategies.mipro import MIPROv2 as MIPROv2
    from adjoint.optim.strategies.numeric import DemoOrder as DemoOrder
    from adjoint.optim.strategies.numeric import Models as Models
    from adjoint.optim.strategies.numeric import Numbers as Numbers
    from adjoint.optim.strategies.opro import OPRO as OPRO
    from adjoint.optim.strategies.optoprime import OptoPrime as OptoPrime
    from adjoint.optim.strategies.optuna_search import BootstrapFewShotWithOptuna as BootstrapFewShotWithOptuna
    from adjoint.optim.strategies.polca import POLCA as POLCA
    from adjoint.optim.strategies.prompt_wizard import PromptWizard as PromptWizard
    from adjoint.optim.strategies.protegi import ProTeGi as ProTeGi
    from adjoint.optim.strategies.simba import SIMBA as SIMBA
    from adjoint.optim.strategies.tgd import TGD as TGD
    from adjoint.optim.strategies.tgd import TextualGradientDescent as TextualGradientDescent
    from adjoint.optim.strategies.tgd import TextualGradientDescentwithMomentum as TextualGradientDescentwithMomentum
    from adjoint.optim.weights.order import finetune as finetune
    from adjoint.program.choice import ModelChoice as ModelChoice
    from adjoint.program.completions import Completions as Completions
    from adjoint.program.context import configure as configure
    from adjoint.program.context import context as context
    from adjoint.program.embed import Embedder as Embedder
    from adjoint.program.events import BaseCallback as BaseCallback
    from adjoint.program.lm import LM as LM
    from adjoint.program.module import Module as Module
    from adjoint.program.observe import inspect_history as inspect_history
    from adjoint.program.observe import track_usage as track_usage
    from adjoint.program.own_lm import BaseLM as BaseLM
    from adjoint.program.parameter import Number as Number
    from adjoint.program.parameter import Parameter as Parameter
    from adjoint.program.prediction import Prediction as Prediction
    from adjoint.program.settings import settings as settings
    from adjoint.program.tape import Tape as Tape
    from adjoint.signature.fields import InputField as InputField
    from adjoint.signature.fields import OutputField as OutputField
    from adjoint.signature.naming import ensure_signature as ensure_signature
    from adjoint.signature.naming import infer_prefix as infer_prefix
    from adjoint.signature.naming import make_signature as make_signature
    from adjoint.signature.signature import Signature as Signature
    from adjoint.signature.types.base import Type as Type
    from adjoint.signature.types.code import Code as Code
    from adjoint.signature.types.document import Citations as Citations
    from adjoint.signature.types.document import Document as Document
    from adjoint.signature.types.history import History as History
    from adjoint.signature.types.media import Audio as Audio
    from adjoint.signature.types.media import File as File
    from adjoint.signature.types.media import Image as Image
    from adjoint.signature.types.reasoning import Reasoning as Reasoning
    from adjoint.signature.types.tool import Tool as Tool
    from adjoint.signature.types.tool_calls import ToolCallResults as ToolCallResults
    from adjoint.signature.types.tool_calls import ToolCalls as ToolCalls

__version__ = "0.1.0"

_HOMES = {
    "adapters.baml": ("BAMLAdapter",),
    "adapters.adaptive": ("AdaptiveAdapter",),
    "adapters.chat": ("ChatAdapter",),
    "adapters.json": ("JSONAdapter",),
    "adapters.own": ("Adapter",),
    "adapters.two_step": ("TwoStepAdapter",),
    "adapters.xml": ("XMLAdapter",),
    "autograd.algebra": ("aggregate", "sum"),
    "autograd.engine": ("get_engine", "set_backward_engine"),
    "autograd.evaluations": ("ImageQALoss", "MultiChoiceTestTime", "MultiFieldEvaluation", "MultiFieldTokenParsedEvaluation"),
    "autograd.functions": ("StringBasedFunction",),
    "autograd.llm": ("BlackboxLLM", "FormattedLLMCall", "LLMCall", "MultimodalLLMCall"),
    "autograd.losses": ("FunctionLoss", "MetricLoss", "TextLoss"),
    "autograd.mode": ("no_grad",),
    "autograd.op": ("op",),
    "autograd.variable": ("Variable",),
    "data.batches": ("DataLoader",),
    "data.duplicates": ("near_duplicates",),
    "data.loaders": ("load_rows",),
    "data.records": ("Example", "Score"),
    "dspy.evaluate": ("evaluate",),
    "eval.evaluate": ("aevaluate",),
    "eval.evaluator": ("Evaluate",),
    "eval.judges.calibrate": ("acalibrate", "calibrate"),
    "eval.judges.pairwise": ("Pairwise",),
    "eval.judges.rubric": ("Rubric",),
    "eval.judges.semantic": ("CompleteAndGrounded", "SemanticF1"),
    "eval.judges.verdict": ("Judge",),
    "eval.metrics": ("answer_exact_match", "answer_passage_match", "exact_match", "f1", "json_match", "numeric_match"),
    "eval.plan": ("plan",),
    "eval.sampling": ("Sampling",),
    "eval.several": ("compare",),
    "ledger.store": ("Ledger",),
    "lm.budget": ("Budget",),
    "lm.engine": ("EngineLM",),
    "modules.assertions": ("Assert", "Suggest"),
    "modules.best_of_n": ("BestOfN",),
    "modules.chain_of_thought": ("ChainOfThought",),
    "modules.code_act": ("CodeAct",),
    "modules.colours": ("asyncify", "syncify"),
    "modules.ensemble": ("Ensemble",),
    "modules.knn": ("KNN",),
    "modules.multi_chain": ("MultiChainComparison",),
    "modules.parallel": ("Parallel",),
    "modules.predict": ("Predict",),
    "modules.program_of_thought": ("ProgramOfThought",),
    "modules.react": ("ReAct",),
    "modules.refine": ("Refine",),
    "modules.retrieve": ("Embeddings", "EmbeddingsWithScores", "Retrieve"),
    "modules.rlm": ("RLM",),
    "modules.saved": ("load",),
    "modules.streaming": ("StatusMessage", "StatusMessageProvider", "StreamListener", "StreamResponse", "streamify"),
    "modules.vote": ("majority",),
    "optim.compile": ("aoptimize", "optimize"),
    "optim.outlook": ("headroom", "outlook"),
    "optim.several": ("optimize_each",),
    "optim.stop": ("Stop",),
    "optim.solve": ("solve",),
    "optim.strategies.auto": ("Auto",),
    "optim.strategies.better_together": ("BetterTogether",),
    "optim.strategies.bootstrap": ("BootstrapFewShot", "BootstrapFewShotWithRandomSearch", "BootstrapRS", "LabeledFewShot"),
    "optim.strategies.capo": ("CAPO", "EvoPrompt"),
    "optim.strategies.combine": ("Alternate", "Chain", "Portfolio", "Restart"),
    "optim.strategies.copro": ("COPRO", "SignatureOptimizer"),
    "optim.strategies.ensemble": ("EnsembleSearch",),
    "optim.strategies.finetune": ("BootstrapFinetune", "Distill", "Preferences", "RejectionSampling"),
    "optim.strategies.front": ("Front", "front"),
    "optim.strategies.gepa": ("GEPA",),
    "optim.strategies.grpo": ("GRPO",),
    "optim.strategies.infer_rules": ("InferRules",),
    "optim.strategies.knn": ("KNNFewShot",),
    "optim.strategies.mipro": ("MIPRO", "BayesianSignatureOptimizer", "MIPROv2"),
    "optim.strategies.numeric": ("DemoOrder", "Models", "Numbers"),
    "optim.strategies.opro": ("OPRO",),
    "optim.strategies.optoprime": ("OptoPrime",),
    "optim.strategies.optuna_search": ("BootstrapFewShotWithOptuna",),
    "optim.strategies.polca": ("POLCA",),
    "optim.strategies.prompt_wizard": ("PromptWizard",),
    "optim.strategies.protegi": ("ProTeGi",),
    "optim.strategies.simba": ("SIMBA",),
    "optim.strategies.tgd": ("TGD", "TextualGradientDescent", "TextualGradientDescentwithMomentum"),
    "optim.weights.order": ("finetune",),
    "program.choice": ("ModelChoice",),
    "program.completions": ("Completions",),
    "program.context": ("configure", "context"),
    "program.embed": ("Embedder",),
    "program.events": ("BaseCallback",),
    "program.lm": ("LM",),
    "program.module": ("Module",),
    "program.observe": ("inspect_history", "track_usage"),
    "program.own_lm": ("BaseLM",),
    "program.parameter": ("Number", "Parameter"),
    "program.prediction": ("Prediction",),
    "program.settings": ("settings",),
    "program.tape": ("Tape",),
    "signature.fields": ("InputField", "OutputField"),
    "signature.naming": ("ensure_signature", "infer_prefix", "make_signature"),
    "signature.signature": ("Signature",),
    "signature.types.base": ("Type",),
    "signature.types.code": ("Code",),
    "signature.types.document": ("Citations", "Document"),
    "signature.types.history": ("History",),
    "signature.types.media": ("Audio", "File", "Image"),
    "signature.types.reasoning": ("Reasoning",),
    "signature.types.tool": ("Tool",),
    "signature.types.tool_calls": ("ToolCallResults", "ToolCalls"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

_MODULES = {
    "autograd": "autograd",
    "judges": "eval.judges",
    "metrics": "eval.metrics",
    **{name: f"textgrad.{name}" for name in ("config", "engine", "loss", "model", "optimizer", "tasks")},
    **{name: f"dspy.{name}" for name in ("clients", "experimental", "predict", "primitives", "retrievers", "signatures")},
    **{name: f"dspy.{name}" for name in ("streaming", "teleprompt", "utils")},
}
"""Modules that are attributes without having been imported, as TextGrad's and DSPy's are (`tg.loss`, `dspy.streaming`)."""

_ERRORS = frozenset(
    {
        "AdapterParseError", "ContextWindowExceededError", "DSPyError", "LMAuthError", "LMError", "LMInvalidRequestError",
        "LMNotConfiguredError", "LMRateLimitError", "LMServerError", "LMTimeoutError", "LMTransportError",
    }
)  # fmt: skip
"""DSPy's names of errors, which are `adjoint.base.errors` under its own."""

__all__ = [*sorted(_HOME), "__version__"]  # noqa: PLE0604 - built from the table above, so that the two cannot differ


def __getattr__(name: str) -> Any:
    """Import a public name on first use: `import adjoint` itself loads nothing."""
    if name not in _HOME and name not in _MODULES and name not in _ERRORS:
        message = f"module 'adjoint' has no attribute {name!r}"
        raise AttributeError(message)
    import importlib

    if name in _MODULES:
        return importlib.import_module(f"adjoint.{_MODULES[name]}")
    if name in _ERRORS:
        return getattr(importlib.import_module("adjoint.dspy.exceptions"), name)
    value = getattr(importlib.import_module(f"adjoint.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
