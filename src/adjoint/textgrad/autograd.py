"""`tg.autograd`: functions of Variables."""

from adjoint.autograd.algebra import (
    aggregate,
    sum,  # noqa: A004 - TextGrad's name
)
from adjoint.autograd.functions import StringBasedFunction
from adjoint.autograd.llm import FormattedLLMCall, LLMCall, MultimodalLLMCall, OrderedFieldsMultimodalLLMCall

__all__ = ["FormattedLLMCall", "LLMCall", "MultimodalLLMCall", "OrderedFieldsMultimodalLLMCall", "StringBasedFunction", "aggregate", "sum"]
