"""Evaluations of several values at once by one LM: TextGrad's critics with fields, with tags, and with pictures."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import engine_of
from adjoint.autograd.llm import as_variable, call_llm
from adjoint.autograd.variable import Variable
from adjoint.base.errors import ParseError, UsageError
from adjoint.base.portal import portal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.autograd.engine import Engine

DEFAULT_TEST_TIME = (
    "You check answers to questions and are hard to convince. Look for mistakes in the reasoning and in the facts, consider "
    "what the other answers have for them, and say what is wrong or missing. Do not answer the question yourself."
)
"""What `MultiChoiceTestTime` tells the critic unless it is told something else."""


class Evaluation(ABC):
    """What evaluations share: the instruction, the roles of the values, and who judges."""

    def __init__(
        self,
        evaluation_instruction: str | Variable,
        role_descriptions: Sequence[str],
        engine: Engine | None = None,
        system_prompt: str | Variable | None = None,
    ) -> None:
        self.evaluation_instruction = as_variable(evaluation_instruction, "instruction of the evaluation")
        self.role_descriptions = list(role_descriptions)
        self.engine = engine_of(engine)
        self.system_prompt = None if system_prompt is None else as_variable(system_prompt, "system prompt of the evaluation")

    @abstractmethod
    def __call__(self, *values: Any) -> Variable: ...

    def forward(self, *values: Any) -> Variable:
        return self(*values)

    async def _judge(self, values: Sequence[Variable]) -> Variable:
        roles = self.role_descriptions
        if len(values) != len(roles):
            message = f"{len(values)} values were given for {len(roles)} roles; give one for each."
            raise UsageError(message)
        instruction = self.evaluation_instruction
        shown = [f"{role}: {value}" for role, value in zip(roles, values, strict=True)]
        slots = {"instruction": instruction, **{f"value_{index}": value for index, value in enumerate(values)}}
        prompt = "\n".join([str(instruction), *shown])
        pictures = any(value.is_image for value in values)
        node, said = await call_llm(
            "judge", self.engine, self.system_prompt, slots, role="judge", prompt=None if pictures else prompt
        )
        return Variable.of(said, "evaluation of the values", node, "value", [instruction, *values], requires_grad=False)


class MultiFieldEvaluation(Evaluation):
    """An LM judges several values by one instruction: `MultiFieldEvaluation(instruction, roles)([question, answer, truth])`.

    The instruction and the values stand in the prompt, each value under its role. The roles of the values are not touched.
    """

    def __call__(self, inputs: Sequence[Variable]) -> Variable:
        return portal.run(self.acall(inputs))

    async def acall(self, inputs: Sequence[Variable]) -> Variable:
        """The evaluation in asynchronous code."""
        return await self._judge(list(inputs))


class MultiFieldTokenParsedEvaluation(MultiFieldEvaluation):
    """The same; `parse_output` reads what stands between two tags of the evaluation."""

    def __init__(
        self,
        evaluation_instruction: str | Variable,
        role_descriptions: Sequence[str],
        engine: Engine | None = None,
        system_prompt: str | Variable | None = None,
        parse_tags: Sequence[str] = ("<RESULT>", "</RESULT>"),
    ) -> None:
        super().__init__(evaluation_instruction, role_descriptions, engine, system_prompt)
        self.parse_tags = tuple(parse_tags)

    def parse_output(self, response: Variable | str) -> str:
        """The text between the tags, in any case; of several pairs the last. Raises `ParseError` if there is none."""
        first, last = (re.escape(tag) for tag in self.parse_tags)
        found = re.findall(f"{first}(.*?){last}", str(response), re.DOTALL | re.IGNORECASE)
        if not found:
            message = f"the evaluation has no text between {self.parse_tags[0]} and {self.parse_tags[1]}."
            raise ParseError(message, raw=str(response))
        return str(found[-1]).strip()


class MultiChoiceTestTime(Evaluation):
    """A critic of answers that knows no truth: `MultiChoiceTestTime(instruction)(question, prediction)`."""

    def __init__(
        self,
        evaluation_instruction: str | Variable = DEFAULT_TEST_TIME,
        engine: Engine | None = None,
        system_prompt: str | Variable | None = None,
    ) -> None:
        super().__init__(evaluation_instruction, ("question", "answer to be checked"), engine, system_prompt)

    def __call__(self, question: str | Variable, prediction: Variable) -> Variable:
        return portal.run(self.acall(question, prediction))

    async def acall(self, question: str | Variable, prediction: Variable) -> Variable:
        """The evaluation in asynchronous code."""
        asked = as_variable(question, "question")
        return await self._judge([asked, prediction])


class ImageQALoss(Evaluation):
    """A critic that sees the picture: `ImageQALoss(instruction)(image, question, response)`."""

    def __init__(
        self, evaluation_instruction: str | Variable, engine: Engine | None = None, system_prompt: str | Variable | None = None
    ) -> None:
        super().__init__(evaluation_instruction, ("picture", "question", "answer"), engine, system_prompt)

    def __call__(self, image: Variable, question: Variable, response: Variable) -> Variable:
        return portal.run(self.acall(image, question, response))

    async def acall(self, image: Variable, question: Variable, response: Variable) -> Variable:
        """The evaluation in asynchronous code."""
        return await self._judge([image, question, response])
