"""`tg.autograd`: functions of Variables."""

from adjoint.autograd.algebra import (
    aggregate,
    sum,  # noqa: A004 - TextGrad's name
)
from adjoint.autograd.functions import StringBasedFunction
from adjoint.autograd.llm import FormattedLLMCall, LLMCall, MultimodalLLMCall, OrderedFieldsMultimodalLLMCall
from adjoint.autograd.llm import LLMCallWithExamples as LLMCall_with_in_context_examples

__all__ = [
    "FormattedLLMCall", "LLMCall", "LLMCall_with_in_context_examples", "MultimodalLLMCall", "OrderedFieldsMultimodalLLMCall",
    "StringBasedFunction", "aggregate", "sum",
]  # fmt: skip
