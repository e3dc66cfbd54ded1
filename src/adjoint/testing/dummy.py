"""DummyLM: answers as dictionaries of outputs, written down in the form of the adapter. DSPy's name and arguments."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adjoint.adapters.chat import ChatAdapter
from adjoint.adapters.forms.marked import MarkedForm
from adjoint.lm.scripted import ScriptedLM
from adjoint.lm.types import Response
from adjoint.program.context import adapter_for
from adjoint.program.lm import LM
from adjoint.signature.fields import Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.lm.types import Request

_MARKED = MarkedForm()
_NO_MORE = {"answer": "No more responses"}


class DummyLM(LM):
    r"""`DummyLM([{"answer": "red"}, ...])` answers in order; a mapping answers by what the last message contains.

    With `follow_examples` an input that stands among the demos gets the answer of that demo. `reasoning` lets it think
    natively. `adapter` is the form of its replies, by default that of the context. Whoever asks beyond the last answer
    gets "No more responses". `ScriptedLM` says more about what it is asked and is stricter.

    >>> DummyLM([{"answer": "red"}])("Which colour?")
    ['[[answer]]\nred']
    """

    def __init__(
        self,
        answers: Sequence[Mapping[str, Any]] | Mapping[str, Mapping[str, Any]],
        follow_examples: bool = False,  # noqa: FBT001, FBT002 - DSPy's arguments
        reasoning: bool = False,  # noqa: FBT001, FBT002
        adapter: Any = None,
    ) -> None:
        super().__init__(ScriptedLM(self._answer, name="dummy"), supports={"reasoning"} if reasoning else ())
        self.answers: Any = answers if isinstance(answers, Mapping) else iter(answers)
        self.follow_examples, self.reasoning, self.adapter = follow_examples, reasoning, adapter

    def get_convo(self, index: int) -> tuple[list[dict[str, Any]], list[str]]:
        """The messages and the reply of a call."""
        call = self.history[index]
        return call["messages"], call["outputs"]

    def _answer(self, request: Request) -> Response:
        text, *others = (self._text(request) for _ in range(request.n))
        return Response(text, model=self.name, reasoning="Some reasoning" if self.reasoning else None, others=tuple(others))

    def _text(self, request: Request) -> str:
        shown = self._shown(request) if self.follow_examples else None
        if shown is not None:
            return shown
        if isinstance(self.answers, Mapping):
            said = request.messages[-1].text
            return next((self._written(answer) for key, answer in self.answers.items() if key in said), "No more responses")
        return self._written(next(self.answers, _NO_MORE))

    def _shown(self, request: Request) -> str | None:
        """What was answered when this was asked among the demos."""
        *earlier, last = request.messages
        pairs = itertools.pairwise(earlier)
        return next((reply.text for asked, reply in pairs if asked.role == "user" and asked.content == last.content), None)

    def _written(self, answer: Mapping[str, Any]) -> str:
        adapter: Any = self.adapter or adapter_for(self)
        fields = [Field(name=name, type=type(value), direction="output") for name, value in answer.items()]
        if isinstance(adapter, ChatAdapter):  # a single output is marked too: who reads may expect more of them
            return "\n".join(f"[[{field.name}]]\n{_MARKED.write([field], answer)}" for field in fields)
        return str(adapter.write(fields, answer))
