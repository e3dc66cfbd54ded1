"""ProgramOfThought: write a program, run it in the sandbox, and answer from what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import ProgramError, UsageError
from adjoint.base.json import plain
from adjoint.modules.chain_of_thought import ChainOfThought
from adjoint.modules.code import OUTPUT, PYTHON, Program, bench, interpreter_or_default, shown, without_output
from adjoint.modules.predict import Predict
from adjoint.program.module import Module
from adjoint.program.tape import Edge, Linked
from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import make

if TYPE_CHECKING:
    from adjoint.exec.interpreter import Interpreter
    from adjoint.program.prediction import Prediction
    from adjoint.signature.signature import Signature
    from adjoint.signature.types.code import Code

_WRITE = (
    "{task}\n\nDo this by writing a short Python program. First copy the facts that count into variables, such as a dict, leaving "
    "out what does not belong to them. Then compute {outputs} from these variables and print it. {inputs}"
)
_SHOWN = 200
"""Characters of a program that was cut off which its author sees again."""
_AGAIN = "{write}\n\nAn earlier attempt failed. Correct it."


class ProgramOfThought(Module):
    """`ProgramOfThought("question -> answer: float")(question=...)`: code is written, run, and corrected up to `max_iters` times.

    Code runs in the sandbox only (`pip install 'adjoint[sandbox]'`), or in the `interpreter` that you give.
    """

    def __init__(self, signature: Any, max_iters: int = 3, interpreter: Interpreter | None = None) -> None:
        if max_iters < 1:
            message = f"max_iters={max_iters} would run nothing; give 1 or more."
            raise UsageError(message)
        task = make(signature)
        self.interpreter, self.max_iters = interpreter_or_default(interpreter), max_iters
        write = _WRITE.format(task=task.instructions, outputs=", ".join(task.output_fields), inputs=_inputs(task))
        first = writer(task).with_instructions(write)
        self.code_generate = Predict(first)
        again = first.append("previous_code", InputField(), PYTHON).append("error", InputField())
        self.code_regenerate = Predict(again.with_instructions(_AGAIN.format(write=write)))
        self.generate_output = ChainOfThought(
            task.append("final_generated_code", InputField(), PYTHON).append("code_output", InputField())
        )

    async def aforward(self, **inputs: Any) -> Prediction:
        variables = {name: plain(value) for name, value in inputs.items()}
        async with bench(self.interpreter, lambda _: {}) as session:
            said: Any = await self.code_generate.acall(**inputs)
            for number in range(self.max_iters):
                wrote = Edge(said._node, "generated_code", "declared", 1.0)
                node = await session.run(said.generated_code.code, variables, wrote)
                ran = Edge(node, OUTPUT, "declared", 1.0)
                code = said.generated_code.code
                problem = node.error or ("" if node.outputs[OUTPUT] else without_output(code))
                last = number + 1 == self.max_iters
                if not problem or (last and node.error is None):
                    found: Prediction = await self.generate_output.acall(
                        **inputs,
                        final_generated_code=Linked(said.generated_code, [wrote]),
                        code_output=Linked(shown(node), [ran]),
                    )
                    return found
                if not last:
                    said = await self.code_regenerate.acall(
                        **inputs,
                        previous_code=Linked(_begun(said.generated_code, problem), [wrote]),
                        error=Linked(problem, [ran]),
                    )
        message = f"none of {self.max_iters} programs ran; the last error was {node.error}"
        raise ProgramError(message)


def _begun(code: Code, problem: str) -> Code:
    """The code of an earlier attempt; of one that never ends, as when a model repeats itself, only how it begins."""
    return type(code)(code=code.code[:_SHOWN]) if problem.startswith("SyntaxError: unexpected EOF") else code


def _inputs(task: type[Signature]) -> str:
    """What the program may begin with."""
    names = list(task.input_fields)
    return (
        f"The input {names[0]} is a variable already."
        if len(names) == 1
        else f"The inputs {', '.join(names)} are variables already."
    )


def writer(task: type[Signature]) -> type[Signature]:
    """A signature with the inputs of the task, whose output is code."""
    fields = {name: (spec.type, spec) for name, spec in task.input_fields.items()}
    return make({**fields, "generated_code": (Program, OutputField())})
