"""CodeAct: an agent that acts by writing code, in which its tools are functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.json import plain
from adjoint.modules.chain_of_thought import ChainOfThought
from adjoint.modules.code import OUTPUT, bench, interpreter_or_default, ran, salvaged, shown
from adjoint.modules.predict import Predict
from adjoint.modules.program_of_thought import writer
from adjoint.modules.tool import Toolbox
from adjoint.program.module import Module
from adjoint.program.tape import Edge, Linked
from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from adjoint.exec.interpreter import Interpreter
    from adjoint.lm.types import Response
    from adjoint.program.prediction import Prediction
    from adjoint.signature.types.tool import Tool

_FINISHED = re.compile(r"^[*_` ]*finished[*_` ]*:[*_` ]*(?:true|yes)\b", re.IGNORECASE | re.MULTILINE)
_ACT = (
    "{task}\n\nDo this step by step: in each step write Python code that brings you nearer to {outputs}, and print what you "
    "need to see. The inputs are variables of the same name, variables stay from step to step, and the functions below can "
    "be called. Say finished once what was printed is enough."
)


class CodeAct(Module):
    """`CodeAct("question -> answer", tools=[search], max_iters=5)`: code is written and run in steps, then the answer given.

    Code runs in the sandbox only (`pip install 'adjoint[sandbox]'`), or in the `interpreter` that you give; tools run in
    this process. The prediction has a `trajectory` (`generated_code_0`, `code_output_0`, ...).
    """

    def __init__(
        self,
        signature: Any,
        tools: Iterable[Tool | Callable[..., Any]],
        max_iters: int = 5,
        interpreter: Interpreter | None = None,
    ) -> None:
        if max_iters < 1:
            message = f"max_iters={max_iters} would run nothing; give 1 or more."
            raise UsageError(message)
        task = make(signature)
        self.interpreter, self.max_iters, self.tools = interpreter_or_default(interpreter), max_iters, Toolbox(tools)
        act = writer(task).append("finished", OutputField(default=False), bool).append("trajectory", InputField(default=""))
        told = _ACT.format(task=task.instructions, outputs=", ".join(task.output_fields))
        self.codeact = Predict(act.with_instructions(told)).salvaging(_salvaged)
        self.extractor = ChainOfThought(task.append("trajectory", InputField(default="")))

    async def aforward(self, **inputs: Any) -> Prediction:
        variables: dict[str, Any] = {name: plain(value) for name, value in inputs.items()}
        steps: list[tuple[str, str]] = []
        edges: list[Edge] = []
        told = self.codeact.signature.with_instructions(f"{self.codeact.instruction}\n\nFunctions:\n{self.tools.listing()}")
        async with bench(self.interpreter, lambda made: made.tools(self.tools)) as session:
            for _ in range(self.max_iters):
                said: Any = await self.codeact.acall(**inputs, trajectory=Linked(_text(steps), edges), signature=told)
                said._node.reads = (*said._node.reads, *self.tools.reads())
                wrote = Edge(said._node, "generated_code", "declared", 1.0)
                node = await session.run(said.generated_code.code, variables, wrote)
                variables = {}  # the session keeps them, and the code may have changed them
                steps.append((said.generated_code.code, shown(node)))
                edges += [wrote, Edge(node, OUTPUT, "declared", 1.0)]
                if (said.finished and node.error is None) or _repeats(steps):
                    break
        found: Prediction = await self.extractor.acall(**inputs, trajectory=Linked(_text(steps), edges))
        found["trajectory"] = {
            name: value
            for number, (code, output) in enumerate(steps)
            for name, value in ((f"generated_code_{number}", code), (f"code_output_{number}", output))
        }
        return found


def _repeats(steps: list[tuple[str, str]]) -> bool:
    """Whether the last step has given only what the one before has given: then more of them would not either."""
    return len(steps) > 1 and steps[-1] == steps[-2]


def _salvaged(response: Response) -> dict[str, Any] | None:
    """A step whose code stands in a fence; whether it is the last one is said in a line or not at all."""
    found = salvaged("generated_code", "", response)
    return found and {**found, "finished": _FINISHED.search(response.text) is not None}


def _text(steps: list[tuple[str, str]]) -> str:
    return "\n".join(ran(code, output) for code, output in steps)
