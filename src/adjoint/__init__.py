"""Adjoint: program language models declaratively, differentiate them with text, ship only what is measurably better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adjoint.autograd.backward import set_backward_engine as set_backward_engine
    from adjoint.autograd.llm import BlackboxLLM as BlackboxLLM
    from adjoint.autograd.llm import LLMCall as LLMCall
    from adjoint.autograd.llm import get_engine as get_engine
    from adjoint.autograd.losses import MetricLoss as MetricLoss
    from adjoint.autograd.losses import TextLoss as TextLoss
    from adjoint.autograd.variable import Variable as Variable
    from adjoint.data.loaders import load_rows as load_rows
    from adjoint.data.records import Example as Example
    from adjoint.data.records import Score as Score
    from adjoint.eval.evaluate import Evaluate as Evaluate
    from adjoint.eval.evaluate import aevaluate as aevaluate
    from adjoint.eval.evaluate import compare as compare
    from adjoint.eval.evaluate import evaluate as evaluate
    from adjoint.eval.metrics import exact_match as exact_match
    from adjoint.eval.metrics import f1 as f1
    from adjoint.ledger.store import Ledger as Ledger
    from adjoint.lm.budget import Budget as Budget
    from adjoint.lm.embed import Embedder as Embedder
    from adjoint.modules.chain_of_thought import ChainOfThought as ChainOfThought
    from adjoint.modules.predict import Predict as Predict
    from adjoint.modules.saved import load as load
    from adjoint.optim.bootstrap import BootstrapFewShot as BootstrapFewShot
    from adjoint.optim.bootstrap import BootstrapFewShotWithRandomSearch as BootstrapFewShotWithRandomSearch
    from adjoint.optim.bootstrap import LabeledFewShot as LabeledFewShot
    from adjoint.optim.compile import aoptimize as aoptimize
    from adjoint.optim.compile import optimize as optimize
    from adjoint.optim.tgd import TGD as TGD
    from adjoint.optim.tgd import TextualGradientDescent as TextualGradientDescent
    from adjoint.program.context import configure as configure
    from adjoint.program.context import context as context
    from adjoint.program.lm import LM as LM
    from adjoint.program.module import Module as Module
    from adjoint.program.parameter import Parameter as Parameter
    from adjoint.program.prediction import Prediction as Prediction
    from adjoint.program.tape import Tape as Tape
    from adjoint.signature.fields import InputField as InputField
    from adjoint.signature.fields import OutputField as OutputField
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
    from adjoint.signature.types.tool import ToolCallResults as ToolCallResults
    from adjoint.signature.types.tool import ToolCalls as ToolCalls

__version__ = "0.1.0"

_HOMES = {
    "autograd.backward": ("set_backward_engine",),
    "autograd.llm": ("BlackboxLLM", "LLMCall", "get_engine"),
    "autograd.losses": ("MetricLoss", "TextLoss"),
    "autograd.variable": ("Variable",),
    "data.loaders": ("load_rows",),
    "data.records": ("Example", "Score"),
    "eval.evaluate": ("Evaluate", "aevaluate", "compare", "evaluate"),
    "eval.metrics": ("exact_match", "f1"),
    "ledger.store": ("Ledger",),
    "lm.budget": ("Budget",),
    "lm.embed": ("Embedder",),
    "modules.chain_of_thought": ("ChainOfThought",),
    "modules.predict": ("Predict",),
    "modules.saved": ("load",),
    "optim.bootstrap": ("BootstrapFewShot", "BootstrapFewShotWithRandomSearch", "LabeledFewShot"),
    "optim.compile": ("aoptimize", "optimize"),
    "optim.tgd": ("TGD", "TextualGradientDescent"),
    "program.context": ("configure", "context"),
    "program.lm": ("LM",),
    "program.module": ("Module",),
    "program.parameter": ("Parameter",),
    "program.prediction": ("Prediction",),
    "program.tape": ("Tape",),
    "signature.fields": ("InputField", "OutputField"),
    "signature.signature": ("Signature",),
    "signature.types.base": ("Type",),
    "signature.types.code": ("Code",),
    "signature.types.document": ("Citations", "Document"),
    "signature.types.history": ("History",),
    "signature.types.media": ("Audio", "File", "Image"),
    "signature.types.reasoning": ("Reasoning",),
    "signature.types.tool": ("Tool", "ToolCallResults", "ToolCalls"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [*sorted(_HOME), "__version__"]  # noqa: PLE0604 - built from the table above, so that the two cannot differ


def __getattr__(name: str) -> Any:
    """Import a public name on first use: `import adjoint` itself loads nothing."""
    if name not in _HOME:
        message = f"module 'adjoint' has no attribute {name!r}"
        raise AttributeError(message)
    import importlib

    value = getattr(importlib.import_module(f"adjoint.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
