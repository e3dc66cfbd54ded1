"""Problems with a planted optimum: small programs whose score depends on a parameter, and language models that know the way.

The model that answers does so by what stands in its prompt; the one that proposes finds the optimum only where the optimizer
shows it what gives it away. Both are `ScriptedLM`s, so a problem is solved in milliseconds and each call is counted.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.base import rng
from adjoint.data.records import Example, Score
from adjoint.lm.scripted import ScriptedLM
from adjoint.modules.predict import Predict
from adjoint.program.module import Module
from adjoint.program.parameter import Parameter
from adjoint.program.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable

    from adjoint.lm.scripted import Answer
    from adjoint.lm.types import Request

    Script = Callable[[Request], Answer]

_HINTS = ("Be alpha.", "Be beta.", "Be gamma.", "Be delta.", "Be omega.")
"""What the proposer of `HINTS` adds: the first two help with one half of the rows each, the last one ruins everything."""
_MEMBER = re.compile(r'"(\w+)": ([\["<{])')
_LABEL = re.compile(r"^([\w ]+): <", re.MULTILINE)


@dataclass(frozen=True)
class Problem:
    """What is to be optimised and who answers. `answer` is the program's model, `propose` the critic and proposer."""

    name: str
    about: str
    student: Callable[[], Module]
    rows: tuple[Example, ...]
    answer: Script
    propose: Script

    def lms(self, **options: Any) -> tuple[ScriptedLM, ScriptedLM]:
        """The two models, new and with nothing asked yet."""
        return (
            ScriptedLM(self.answer, identity=f"{self.name}-task", **options),
            ScriptedLM(self.propose, identity=f"{self.name}-proposer", **options),
        )


def matches(example: Example, prediction: Prediction) -> Score:
    """The metric of all problems; its feedback says what was expected."""
    right = prediction["answer"] == example["answer"]
    return Score(float(right), "" if right else f"expected: {example['answer']}")


def prompt_of(request: Request) -> str:
    """Everything that a request says."""
    return "\n".join(message.text for message in request.messages)


def saying(request: Request, text: str) -> str:
    """A reply in the form that the request asks for, with the same text in every field."""
    _, _, form = request.messages[0].text.partition("in this form:\n")
    if form.startswith("{"):
        return json.dumps({name: [text] if begin == "[" else text for name, begin in _MEMBER.findall(form)})
    return "\n".join(f"{name}: {text}" for name in _LABEL.findall(form)) or text


def _copy() -> Module:
    return Predict("q -> answer", "Copy the word.")


def _words(wanted: str = "{}") -> tuple[Example, ...]:
    return tuple(Example(q=f"word{n}", answer=wanted.format(f"WORD{n}")).with_inputs("q") for n in range(60))


def _follow(request: Request) -> str:
    word = request.messages[-1].text
    return word.upper() if "CAPITALS" in request.messages[0].text else word


def _infer(request: Request) -> str:
    """Sees what is wanted if a right answer, or what somebody has inferred from one, stands in the prompt."""
    seen = re.search(r"WORD\d|CAPITALS", prompt_of(request))
    return saying(request, "Write the word in CAPITALS." if seen else "Copy the word with care.")


INSTRUCTION = Problem(
    "instruction", "the instruction must say a word that rows and feedback give away", _copy, _words(), _follow, _infer
)


def _hinted(request: Request) -> str:
    instruction, word = request.messages[0].text, request.messages[-1].text
    hint = _HINTS[int(word[-1]) % 2]
    return word.upper() if hint in instruction and _HINTS[-1] not in instruction else word


def _guess(request: Request) -> str:
    """Knows nothing of the rows: takes the instruction that stands last in the prompt and adds a hint or takes one away."""
    instructions = re.findall(r"Copy the word\.(?: Be \w+\.)*", prompt_of(request))
    text = instructions[-1] if instructions else "Copy the word."
    hint = rng.stream(0, request.key("guess")).choice(_HINTS)
    return saying(request, text.replace(f" {hint}", "") if hint in text else f"{text} {hint}")


HINTS = Problem(
    "hints", "two hints must be found by trying, each worth half of the score, among others", _copy, _words(), _hinted, _guess
)


def _imitate(request: Request) -> str:
    turns = [message.text for message in request.messages[1:]]
    shown = zip(turns[:-1:2], turns[1:-1:2], strict=True)
    return turns[-1].upper() if sum(said == given.upper() for given, said in shown) >= 2 else turns[-1]


DEMOS = Problem(
    "demos", "two right demos must be in the prompt", _copy, _words(), _imitate, lambda request: saying(request, "Copy the word.")
)


class _Pipeline(Module):
    def __init__(self) -> None:
        self.shout = Predict("q -> loud", "Copy the word.")
        self.wrap = Predict("loud -> answer", "Repeat the word.")

    def forward(self, q: str) -> Prediction:
        return self.wrap(loud=self.shout(q=q).loud)


def _two_steps(request: Request) -> str:
    """Small letters become capitals, and capitals get brackets; each call does one of it, and only if it is told to."""
    instruction, word = request.messages[0].text, request.messages[-1].text
    if word.islower():
        return word.upper() if "CAPITALS" in instruction else word
    return f"[{word}]" if "BRACKETS" in instruction else word


def _infer_both(request: Request) -> str:
    seen = re.search(r"WORD\d|CAPITALS", prompt_of(request))
    return saying(request, "Use CAPITALS and BRACKETS." if seen else "Take care.")


PIPELINE = Problem("pipeline", "two predictors must each be told their part", _Pipeline, _words("[{}]"), _two_steps, _infer_both)


class _Gate(Module):
    def __init__(self) -> None:
        self.rate = Predict("q -> score: float", "Rate it.")
        self.threshold = Parameter(0.3, kind="number", role="threshold")

    def forward(self, q: str) -> Prediction:
        return Prediction(answer="yes" if self.rate(q=q).score >= self.threshold.value else "no")


_RATED = tuple(Example(q=f"{n / 120:.3f}", answer="yes" if n >= 96 else "no").with_inputs("q") for n in range(120))
THRESHOLD = Problem(
    "threshold",
    "a threshold must move from 0.3 to 0.8",
    _Gate,
    _RATED,
    lambda request: request.messages[-1].text,
    lambda request: saying(request, "0.8"),
)

PROBLEMS = {problem.name: problem for problem in (INSTRUCTION, HINTS, DEMOS, PIPELINE, THRESHOLD)}
