"""Describe the modules that talk to a model, as tasks: agents, code, comparisons, retries, demos, judges and critics.

DSPy's `ProgramOfThought`, `CodeAct` and `RLM` run code in Deno; where that is not installed they cannot be measured and are left out.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.forms.tasks import (
    CITIES,
    DATA,
    HOBBIES,
    MARKUP,
    NAMES,
    ROWS,
    Row,
    Shape,
    Task,
    all_same,
    folded,
    labelled,
    object_counting,
    people,
    says,
    sums,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.forms.tasks import Asked

DENO = "DSPy runs code in Deno, which is not installed"
STEPS = 5
"""The most steps that an agent may take, on both sides."""
Inputs = Mapping[str, Any]

# What the tools know --------------------------------------------------------------------------------------------------

_PEOPLE = {one.name: one for one in people()}
_PRICES = {"kettle": 24.0, "lamp": 35.0, "book": 12.0, "chair": 48.0, "pen": 3.0, "mug": 7.0, "towel": 15.0, "clock": 29.0}
_STOCK = {"kettle": 4, "lamp": 9, "book": 30, "chair": 2, "pen": 120, "mug": 18, "towel": 11, "clock": 6}
_WEATHER = dict(zip(CITIES, ("rain", "sun", "snow", "wind", "fog", "hail") * 2, strict=True))


def _of(table: Mapping[str, Any], key: str, what: str) -> Any:
    found = {name.casefold(): value for name, value in table.items()}.get(str(key).strip().casefold())
    return f"unknown {what}: {key}" if found is None else found


def lookup(name: str) -> Any:
    """Look up the age of a person by name."""
    return _of({one: someone.age for one, someone in _PEOPLE.items()}, name, "person")


def age_of(name: str) -> Any:
    """Give the age of a person."""
    return lookup(name)


def city_of(name: str) -> Any:
    """Give the city in which a person lives."""
    return _of({one: someone.city for one, someone in _PEOPLE.items()}, name, "person")


def hobby_of(name: str) -> Any:
    """Give the favourite hobby of a person."""
    return _of({one: someone.hobbies[0] for one, someone in _PEOPLE.items()}, name, "person")


def price_of(item: str) -> Any:
    """Give the price in euros of one item of the shop."""
    return _of(_PRICES, item, "item")


def stock_of(item: str) -> Any:
    """Give how many of an item the shop has."""
    return _of(_STOCK, item, "item")


def weather_in(city: str) -> Any:
    """Give today's weather in a city."""
    return _of(_WEATHER, city, "city")


def phone_of(name: str) -> Any:
    """Give the phone number of a person."""
    return _of({one: f"555-{1000 + 37 * at}" for at, one in enumerate(_PEOPLE)}, name, "person")


def add(a: float, b: float) -> float:
    """Add two numbers."""
    return float(a) + float(b)


def multiply(a: float, b: float) -> float:
    """Multiply two numbers."""
    return float(a) * float(b)


def days_in(month: str) -> Any:
    """Give the number of days of a month in a common year."""
    days = dict(zip(("january", "february", "march", "april", "may", "june"), (31, 28, 31, 30, 31, 30), strict=True))
    return _of(days, month, "month")


THREE = (age_of, city_of, hobby_of)
TEN = (*THREE, price_of, stock_of, weather_in, phone_of, add, multiply, days_in)

# Right ----------------------------------------------------------------------------------------------------------------


def says_all(expected: Inputs, outputs: Inputs) -> bool:
    """Say whether the answer says each of the expected words."""
    return all(says({name: one}, outputs) for name, wanted in expected.items() for one in wanted)


def near(expected: Inputs, outputs: Inputs) -> bool:
    """Compare numbers to a cent."""
    return all(abs(float(outputs[name]) - value) < 0.01 for name, value in expected.items())


def headline(inputs: Inputs, made: Any) -> float:
    """At most eight words, with the name of the person and the city."""
    text = folded(str(made["headline"]))
    named = sum(folded(word) in text for word in _named(str(inputs["text"])))
    return (named + (1 <= len(text.split()) <= 8)) / 3


def _named(text: str) -> list[str]:
    names = [name for name, _ in NAMES if re.search(rf"\b{name}\b", text)]
    return [names[0], next(city for city in CITIES if city in text)]


def a_headline(expected: Inputs, outputs: Inputs) -> bool:
    """Say whether the headline does what was asked for."""
    return headline(expected, outputs) == 1.0 and not any(mark in str(outputs["headline"]) for mark in MARKUP)


def a_gradient(expected: Inputs, outputs: Inputs) -> bool:
    """Say whether there is a critique of three words or more, without a form in it."""
    del expected
    text = str(outputs["gradient"])
    return len(text.split()) >= 3 and not any(mark in text for mark in MARKUP)


# Programs -------------------------------------------------------------------------------------------------------------


def _both(make: Callable[[Any, Any, Task], Callable[[Inputs], Any]]) -> dict[str, Callable[[Task], Asked]]:
    """Build the same program out of either library: `make(library, signature, task)` gives a function of inputs."""

    def for_adjoint(task: Task) -> Asked:
        import adjoint

        return _asked(make(adjoint, task.shape.adjoint(), task), task)

    def for_dspy(task: Task) -> Asked:
        import dspy

        return _asked(make(dspy, task.shape.dspy(), task), task)

    return {"adjoint": for_adjoint, "dspy": for_dspy}


def _asked(program: Callable[[Inputs], Any], task: Task) -> Asked:
    def ask(inputs: Inputs) -> Inputs:
        found = program(inputs)
        return {name: found[name] for name in task.shape.outputs}

    return ask


def _own(make: Callable[[Any, Any, Task], Callable[[Inputs], Any]]) -> dict[str, Callable[[Task], Asked]]:
    """Build a program of Adjoint alone."""
    return {"adjoint": _both(make)["adjoint"]}


def _called(program: Any) -> Callable[[Inputs], Any]:
    return lambda inputs: program(**inputs)


def _agent(*tools: Callable[..., Any]) -> dict[str, Callable[[Task], Asked]]:
    return _both(lambda library, signature, _: _called(library.ReAct(signature, tools=list(tools), max_iters=STEPS)))


def _compare(library: Any, signature: Any, _: Task) -> Callable[[Inputs], Any]:
    program = library.MultiChainComparison(signature, M=3, temperature=0.0)
    return lambda inputs: program(inputs["attempts"], question=inputs["question"])


def _best(library: Any, signature: Any, _: Task) -> Callable[[Inputs], Any]:
    program = library.Predict(signature, temperature=1.0)
    return _called(library.BestOfN(program, N=2, reward_fn=headline, threshold=1.0))


def _refined(library: Any, signature: Any, _: Task) -> Callable[[Inputs], Any]:
    return _called(library.Refine(library.Predict(signature), N=2, reward_fn=headline, threshold=1.0))


def _vectors(texts: list[str]) -> Any:
    """Count the words of each text in 256 buckets, as vectors of length 1."""
    import numpy as np

    made = np.zeros((len(texts), 256), dtype=np.float32)
    for at, text in enumerate(texts):
        for word in re.findall(r"\w+", text.casefold()):
            made[at, hashlib.sha256(word.encode()).digest()[0]] += 1.0
    return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)


def _nearest(library: Any, signature: Any, _: Task) -> Callable[[Inputs], Any]:
    shown = [library.Example(**row.inputs, **row.expected).with_inputs("text") for row in _intents()[2]]
    nearest, program = library.KNN(3, shown, library.Embedder(_vectors)), library.Predict(signature)
    return lambda inputs: program(**inputs, demos=nearest(**inputs))


def _judged(name: str, *, context: bool = False) -> Callable[[Any, Any, Task], Callable[[Inputs], Any]]:
    def make(library: Any, _: Any, __: Task) -> Callable[[Inputs], Any]:
        home = library if hasattr(library, name) else library.evaluate  # DSPy keeps them there
        judge = getattr(home, name)()

        def judged(inputs: Inputs) -> Inputs:
            example = library.Example(question=inputs["question"], response=inputs["truth"]).with_inputs("question")
            more = {"context": inputs["context"]} if context else {}
            score = judge(example, library.Example(response=inputs["response"], **more))
            return {"ok": float(getattr(score, "value", getattr(score, "score", score))) >= 0.5}

        return judged

    return make


def _criticised(library: Any, _: Any, __: Task) -> Callable[[Inputs], Any]:
    def criticise(inputs: Inputs) -> Inputs:
        told = library.Variable(f"Answer from these facts: {inputs['response']}", role_description="instruction of the model")
        asked = library.Variable(inputs["question"], role_description="question", requires_grad=False)
        answer = library.BlackboxLLM(system_prompt=told)(asked)
        library.TextLoss(f"Say what is wrong with the answer. The truth: {inputs['truth']}")(answer).backward()
        return {"gradient": told.get_gradient_text()}

    return criticise


# Rows -----------------------------------------------------------------------------------------------------------------


def _lookups() -> tuple[Row, ...]:
    return tuple(Row({"question": f"How old is {one.name}?"}, {"answer": one.age}) for one in _PEOPLE.values())


def _three_tools() -> tuple[Row, ...]:
    def ask(at: int, one: Any) -> Row:
        asked: tuple[tuple[str, list[str]], ...] = (
            (f"How old is {one.name}?", [str(one.age)]),
            (f"In which city does {one.name} live?", [one.city]),
            (f"What is the favourite hobby of {one.name}?", [one.hobbies[0]]),
            (f"In which city does {one.name} live, and what is the favourite hobby of {one.name}?", [one.city, one.hobbies[0]]),
        )
        question, words = asked[at % 4]
        return Row({"question": question}, {"answer": words})

    return tuple(ask(at, one) for at, one in enumerate(_PEOPLE.values()))


def _ten_tools() -> tuple[Row, ...]:
    def ask(at: int, one: Any) -> Row:
        item = list(_PRICES)[at % len(_PRICES)]
        asked: tuple[tuple[str, list[str]], ...] = (
            (f"What is the phone number of {one.name}?", [str(phone_of(one.name))]),
            (f"How many of the item {item} does the shop have?", [str(_STOCK[item])]),
            (f"What is the weather in the city where {one.name} lives?", [_WEATHER[one.city]]),
            (f"How old is {one.name}, and in which city does {one.name} live?", [str(one.age), one.city]),
        )
        question, words = asked[at % 4]
        return Row({"question": question}, {"answer": words})

    return tuple(ask(at, one) for at, one in enumerate(_PEOPLE.values()))


def _purchases() -> tuple[Row, ...]:
    pick, made = random.Random(0), []
    for at in range(ROWS):
        first, second = pick.sample(list(_PRICES), 2)
        one, two = pick.randint(2, 6), pick.randint(2, 6)
        if at % 2:
            question = f"What do {one} of the item {first} and {two} of the item {second} cost altogether?"
            made.append(Row({"question": question}, {"answer": one * _PRICES[first] + two * _PRICES[second]}))
        else:
            question = f"What is everything worth that the shop has in stock of the item {first}?"
            made.append(Row({"question": question}, {"answer": _STOCK[first] * _PRICES[first]}))
    return tuple(made)


def _lockers() -> tuple[Row, ...]:
    pick = random.Random(0)
    names = [f"{name} {family}" for name, _ in NAMES for family in ("Smith", "Jones", "Brown", "Taylor", "Walker", "Young", "Hill", "Green")]  # fmt: skip
    pick.shuffle(names)
    codes = {name: str(pick.randint(1000, 9999)) for name in names}
    lines = [f"Locker {at} belongs to {name}, and its code is {codes[name]}." for at, name in enumerate(names, 1)]
    document = "\n".join(lines)
    return tuple(
        Row({"document": document, "question": f"What is the code of the locker of {name}?"}, {"answer": codes[name]})
        for name in names[5 : 5 + ROWS * 7 : 7]
    )


def _attempts() -> tuple[Row, ...]:
    pick, made = random.Random(0), []
    for row in sums():
        answer = row.expected["answer"]
        wrong = answer + pick.choice((-3, -2, 2, 3))
        said = [(answer, "I work it out step by step from the two numbers."), (wrong, "I guess."), (answer, "I count them.")]
        pick.shuffle(said)
        attempts = [{"reasoning": f"{why} That gives {value}.", "answer": value} for value, why in said]
        made.append(Row({"question": row.inputs["question"], "attempts": attempts}, row.expected))
    return tuple(made)


def _headlines() -> tuple[Row, ...]:
    return tuple(Row({"text": one.text}, {"text": one.text}) for one in _PEOPLE.values())


def _intents() -> tuple[tuple[str, ...], tuple[Row, ...], tuple[Row, ...]]:
    """Get eight intents of the bank, three test rows of each, and ten labelled ones of each to choose demos from."""
    labels = ("activate_my_card", "age_limit", "card_arrival", "change_pin", "exchange_rate", "lost_or_stolen_card", "top_up_failed", "transfer_timing")  # fmt: skip
    test = [row for label in labels for row in labelled(DATA / "banking77" / "test.csv", label)[:3]]
    train = [row for label in labels for row in labelled(DATA / "banking77" / "train.csv", label)[:10]]
    random.Random(0).shuffle(test)
    return labels, tuple(test), tuple(train)


def _verdicts(*, wrong_only: bool = False) -> tuple[Row, ...]:
    made = []
    for at, one in enumerate(_PEOPLE.values()):
        told = f"{one.name} is {one.age} years old and lives in {one.city}."
        others = [city for city in CITIES if city != one.city]
        ok = at % 2 == 0 and not wrong_only
        good = f"{one.name} lives in {one.city} and is {one.age} years old."
        bad = f"{one.name} lives in {others[at % len(others)]} and is {one.age + 17} years old."
        given = {
            "question": f"How old is {one.name}, and where does {one.name} live?",
            "truth": told,
            "response": good if ok else bad,
            "context": f"{told} {one.name} likes {HOBBIES[at % len(HOBBIES)]}.",
        }
        made.append(Row(given, {"ok": ok}))
    return tuple(made)


# Tasks ----------------------------------------------------------------------------------------------------------------


def modules() -> list[Task]:
    """Get a task for each module."""
    made: list[Task] = []
    question = {"question": str}

    def module(name: str, inputs: Any, outputs: Any, instruction: str, rows: tuple[Row, ...], right: Any, builders: Any, *, one_call: bool = False, why_not: str = "") -> None:  # fmt: skip
        shape = Shape(inputs, outputs, instruction)
        made.append(Task(name, "module", shape, rows, right, one_call=one_call, builders=builders, why_not=why_not))

    whole, text, answer = {"answer": int}, {"answer": str}, "Answer the question."
    thought = _own(lambda library, signature, _: _called(library.ProgramOfThought(signature)))
    module("program_of_thought", question, whole, answer, object_counting(), all_same, thought, why_not=DENO)
    acts = _own(lambda library, signature, _: _called(library.CodeAct(signature, tools=[price_of, stock_of], max_iters=STEPS)))
    module("code_act", question, {"answer": float}, answer, _purchases(), near, acts, why_not=DENO)
    module("react_1", question, whole, answer, _lookups(), all_same, _agent(lookup))
    module("react_3", question, text, answer, _three_tools(), says_all, _agent(*THREE))
    module("react_10", question, text, answer, _ten_tools(), says_all, _agent(*TEN))
    reads = _own(lambda library, signature, _: _called(library.RLM(signature, max_iters=STEPS)))
    module("rlm", {"document": str, **question}, text, "Answer the question from the document.", _lockers(), says, reads, why_not=DENO)  # fmt: skip
    module("multi_chain", question, whole, answer, _attempts(), all_same, _both(_compare), one_call=True)
    told = "Write a headline of at most eight words with the name of the person and the city."
    module("best_of_n", {"text": str}, {"headline": str}, told, _headlines(), a_headline, _both(_best))
    module("refine", {"text": str}, {"headline": str}, told, _headlines(), a_headline, _both(_refined))
    labels, rows, _ = _intents()
    kind = {"intent": Literal[labels]}
    module("knn", {"text": str}, kind, "Find the intent of the customer of a bank.", rows, all_same, _both(_nearest), one_call=True)  # fmt: skip
    ok = {"ok": bool}
    module("judge", question, ok, "", _verdicts(), all_same, _both(_judged("SemanticF1")), one_call=True)
    module("judge_grounded", question, ok, "", _verdicts(), all_same, _both(_judged("CompleteAndGrounded", context=True)))
    module("judge_verdict", question, ok, "", _verdicts(), all_same, _own(_judged("Judge")), one_call=True, why_not="DSPy has none")  # fmt: skip
    module(
        "critic",
        question,
        {"gradient": str},
        "",
        _verdicts(wrong_only=True),
        a_gradient,
        _own(_criticised),
        why_not="DSPy has none",
    )
    return made
