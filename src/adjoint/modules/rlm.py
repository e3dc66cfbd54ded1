"""RLM: a recursive language model. It looks at inputs of any length with code, and asks language models about pieces of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from adjoint.adapters.written import write
from adjoint.base.errors import ToolError, UsageError
from adjoint.base.json import plain
from adjoint.exec.local import all_of
from adjoint.modules.chain_of_thought import ChainOfThought
from adjoint.modules.code import OUTPUT, Program, bench, interpreter_or_default, ran, salvaged, shown
from adjoint.modules.predict import Predict
from adjoint.modules.tool import Toolbox
from adjoint.program.context import current
from adjoint.program.module import Module
from adjoint.program.prediction import Prediction
from adjoint.program.tape import Edge, Linked, Tape
from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from adjoint.exec.interpreter import Interpreter
    from adjoint.lm.base import BaseLM
    from adjoint.modules.code import Bench
    from adjoint.signature.signature import Signature
    from adjoint.signature.types.tool import Tool

_PREVIEW = 300
_ACT = (
    "{task}\n\nThe inputs are variables of a Python session already, and may be far too long to read or to write down. Use them by "
    "name: look at them with code, step by "
    "step: slice, search, split, and print what you need to see (at most {limit} characters of it are shown). Variables stay from "
    "step to step. llm_query(prompt) asks a language model, which sees only its prompt; llm_query_batched(prompts) asks it several "
    "at once. When you know the result, call SUBMIT({outputs})."
)


class RLM(Module):
    """`RLM("document, question -> answer")(document=..., question=...)` for documents of any length.

    An LM writes code in a session that holds the inputs; the code may call `llm_query`, `llm_query_batched`, the `tools`,
    and `SUBMIT`. There are at most `max_iters` steps and `max_llm_calls` queries a call; a step shows `max_output_chars`.
    Queries go to `sub_lm`, by default the same LM. Without a SUBMIT the answer is taken from the steps
    (`termination_reason` is then "forced_submit"). The prediction has a `trajectory`, a list of steps.
    """

    def __init__(
        self,
        signature: Any,
        max_iters: int = 20,
        max_llm_calls: int = 50,
        max_output_chars: int = 10_000,
        *,
        tools: Iterable[Tool | Callable[..., Any]] = (),
        sub_lm: BaseLM | None = None,
        interpreter: Interpreter | None = None,
    ) -> None:
        if max_iters < 1 or max_llm_calls < 0 or max_output_chars < 1:
            message = f"max_iters={max_iters}, max_llm_calls={max_llm_calls} and max_output_chars={max_output_chars} cannot be."
            raise UsageError(message)
        self._task = make(signature)
        self.interpreter, self.tools = interpreter_or_default(interpreter), Toolbox(tools)
        self.max_iters, self.max_llm_calls, self.max_output_chars = max_iters, max_llm_calls, max_output_chars
        outputs = ", ".join(f"{name}=..." for name in self._task.output_fields)
        step = make(
            {"variables": (str, InputField()), "history": (str, InputField(default="")), "reasoning": (str, OutputField())}
        )
        step = step.append("code", OutputField(), Program)
        told = _ACT.format(task=self._task.instructions, limit=max_output_chars, outputs=outputs)
        self.generate_action = Predict(step.with_instructions(told)).salvaging(partial(salvaged, "code", "reasoning"))
        self.query = Predict("prompt -> response", "Answer the prompt.")
        self.query.lm = sub_lm
        self.extract = ChainOfThought(_extract(self._task))

    async def aforward(self, **inputs: Any) -> Prediction:
        missing = [name for name, field in self._task.input_fields.items() if field.required and name not in inputs]
        if missing:
            message = f"the input {missing[0]!r} is missing; given are {', '.join(inputs) or 'none'}."
            raise UsageError(message)
        work = _Work(self)
        variables: dict[str, Any] = {name: plain(value) for name, value in inputs.items()}
        about = "\n".join(_about(name, value) for name, value in variables.items())
        told = self.generate_action.signature.with_instructions(
            "\n\nFunctions:\n".join(part for part in (self.generate_action.instruction, self.tools.listing()) if part)
        )
        async with bench(self.interpreter, work.functions) as session:
            for _ in range(self.max_iters):
                said: Any = await self.generate_action.acall(variables=about, history=work.history(), signature=told)
                said._node.reads = (*said._node.reads, *self.tools.reads())
                wrote = Edge(said._node, "code", "declared", 1.0)
                node = await session.run(said.code.code, variables, wrote)
                variables = {}  # the session keeps them
                text = shown(node, self.max_output_chars)
                work.add({"reasoning": said.reasoning, "code": said.code.code, "output": text})
                work.edges += [wrote, Edge(node, OUTPUT, "declared", 1.0)]
                if work.submitted is not None:
                    return work.ended(work.submitted)
                if work.repeats > 1:
                    break
        found: Prediction = await self.extract.acall(variables=about, history=work.history())
        found["trajectory"], found["termination_reason"] = work.steps, "forced_submit"
        return found


class _Work:
    """One call of an RLM: its steps, the queries that are left, and what was submitted."""

    def __init__(self, rlm: RLM) -> None:
        self.rlm, self.left = rlm, rlm.max_llm_calls
        self.steps: list[dict[str, str]] = []
        self.edges: list[Edge] = []
        self.submitted: dict[str, Any] | None = None
        self.repeats = 0
        """Steps that gave what the one before them had given."""
        self.bench: Bench | None = None

    def add(self, step: dict[str, str]) -> None:
        """Keep a step; one that repeats the code of the one before is told so."""
        if self.steps and self.steps[-1]["code"] == step["code"]:
            self.repeats += 1
            step["output"] += "\n(This is the code of the step before. Look at something else, or call SUBMIT.)"
        self.steps.append(step)

    def functions(self, bench: Bench) -> dict[str, Callable[..., Any]]:
        self.bench = bench
        own = {"llm_query": bench.function(self.ask), "llm_query_batched": bench.function(self.ask_all), "SUBMIT": self.submit}
        return {**bench.tools(self.rlm.tools), **own}

    async def ask(self, prompt: str) -> str:
        return (await self.ask_all([prompt]))[0]

    async def ask_all(self, prompts: list[str]) -> list[str]:
        """Ask the LM of the queries, all at once; refused as a whole if there are more than are left."""
        if len(prompts) > self.left:
            message = f"only {self.left} of {self.rlm.max_llm_calls} queries are left, and {len(prompts)} were asked for; work with what you have."
            raise ToolError(message)
        self.left -= len(prompts)
        author = [] if self.bench is None else self.bench.author
        found = await all_of(self.rlm.query.acall(prompt=Linked(str(prompt), author)) for prompt in prompts)
        if self.bench is not None:
            self.bench.made += [Edge(item._node, "response", "declared", 1.0) for item in found if item._node is not None]
        return [str(item.response) for item in found]

    def submit(self, *args: Any, **named: Any) -> str:
        """Take the outputs if they have their types; else the code sees what is wrong."""
        fields = self.rlm._task.output_fields
        given = {**dict(zip(fields, args, strict=False)), **named}
        wrong = [name for name in given if name not in fields] or [
            name for name in fields if name not in given and fields[name].required
        ]
        if wrong or len(args) > len(fields):
            message = f"SUBMIT takes {', '.join(fields)}; {wrong[0] if wrong else 'more'} does not fit."
            raise ValueError(message)
        made = {name: field.fallback for name, field in fields.items() if not field.required}
        for name, value in given.items():
            try:
                made[name] = fields[name].validator.validate_python(value)
            except ValidationError as error:
                message = f"{name} cannot be {write(value)[:200]}: {error.errors(include_url=False)[0]['msg']}"
                raise ValueError(message) from None
        self.submitted = {name: made[name] for name in fields}
        return "submitted"

    def history(self) -> Linked:
        text = "\n".join(f"{step['reasoning']}\n{ran(step['code'], step['output'])}" for step in self.steps)
        return Linked(text, self.edges)

    def ended(self, outputs: dict[str, Any]) -> Prediction:
        """The prediction of what was submitted, which comes from the last run."""
        here = current().tape
        tape = here if here is not None else Tape()
        node = tape.open("submit", outputs, declared=dict.fromkeys(outputs, self.edges[-1:]))
        node.outputs = dict(outputs)
        found = Prediction.of(dict(outputs), node, tape)
        found["trajectory"], found["termination_reason"] = self.steps, "submit"
        return found


def _extract(task: type[Signature]) -> type[Signature]:
    """The outputs of the task, from what the steps have shown."""
    fields: dict[str, Any] = {"variables": (str, InputField()), "history": (str, InputField(default=""))}
    outputs = {name: (spec.type, spec) for name, spec in task.output_fields.items()}
    return make({**fields, **outputs}).with_instructions(f"{task.instructions}\n\nAnswer from what the session has shown so far.")


def _about(name: str, value: Any) -> str:
    """What the LM is told of a variable: type, length, and how it begins."""
    text = write(value)
    size = f", {len(value)} items" if isinstance(value, list | dict) else ""
    return f"{name}: {type(value).__name__}{size}, {len(text)} characters, begins with {text[:_PREVIEW]!r}"
