"""`tg.autograd`: functions of Variables, and the base class of users' modules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from adjoint.autograd.algebra import (
    aggregate,
    sum,  # noqa: A004 - TextGrad's name
)
from adjoint.autograd.functions import StringBasedFunction
from adjoint.autograd.llm import FormattedLLMCall, LLMCall, MultimodalLLMCall, OrderedFieldsMultimodalLLMCall
from adjoint.autograd.llm import LLMCallWithExamples as LLMCall_with_in_context_examples
from adjoint.autograd.written import BackwardContext, Function

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from adjoint.autograd.engine import Engine
    from adjoint.autograd.variable import Variable

__all__ = [
    "BackwardContext",
    "FormattedLLMCall",
    "Function",
    "LLMCall",
    "LLMCall_with_in_context_examples",
    "Module",
    "MultimodalLLMCall",
    "OrderedFieldsMultimodalLLMCall",
    "StringBasedFunction",
    "aggregate",
    "formatted_llm_call",
    "llm_call",
    "sum",
]


class Module(ABC):
    """Base class of modules by hand: subclasses write `forward` and, for an optimizer, `parameters`."""

    def parameters(self) -> Iterable[Variable]:
        return ()

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> Any: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def named_parameters(self) -> Iterator[tuple[str, Variable]]:
        """Each parameter with its role."""
        return ((one.role_description, one) for one in self.parameters())

    def zero_grad(self) -> None:
        for one in self.parameters():
            one.reset_gradients()


def llm_call(
    input_variable: Variable, engine: Engine, response_role_description: str | None = None, system_prompt: Variable | None = None
) -> Variable:
    """`LLMCall(engine, system_prompt)` and its call in one."""
    role = () if response_role_description is None else (response_role_description,)
    return LLMCall(engine, system_prompt)(input_variable, *role)


def formatted_llm_call(  # noqa: PLR0917 - TextGrad's order of arguments
    inputs: Mapping[str, Variable],
    response_role_description: str,
    engine: Engine,
    format_string: str,
    fields: Mapping[str, Any],
    system_prompt: Variable | None = None,
) -> Variable:
    """`FormattedLLMCall(engine, format_string, fields, system_prompt)` and its call in one."""
    return FormattedLLMCall(engine, format_string, fields, system_prompt)(inputs, response_role_description)
