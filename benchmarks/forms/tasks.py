"""Describe what is asked: the shapes of signatures, each with its rows and its notion of a right answer.

A `Shape` is said once and made into a signature of either library. Rows are made of templates with a fixed seed, or read from
public data sets under `ADJOINT_DATA` (by default `../shared/data` beside the checkout).
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

ROWS = 24
DATA = Path(os.environ.get("ADJOINT_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
MARKUP = ("[[", "]]", '{"', "<", "```")
"""What a text for people does not contain: a form that was written into it."""

Right = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
Asked = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""A program that is ready: from the inputs of a row to outputs."""


class Person(BaseModel):
    name: str
    age: int
    hobbies: list[str]


class Member(BaseModel):
    name: str
    age: int


class Address(BaseModel):
    street: str
    city: str


class Customer(BaseModel):
    name: str
    age: int
    address: Address | None = None


class Colour(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"


class Past:
    """Stands for either library's type of an earlier conversation."""


@dataclass(frozen=True)
class Shape:
    """The fields of a signature and its instruction, said once for both libraries."""

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    """Types by name; a pair is a type and its description."""
    instruction: str

    def adjoint(self) -> Any:
        """Make the signature for Adjoint."""
        import adjoint

        return adjoint.Signature(self._fields(adjoint), self.instruction)

    def dspy(self) -> Any:
        """Make the signature for DSPy."""
        import dspy

        return dspy.Signature(self._fields(dspy), self.instruction)

    def _fields(self, library: Any) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, type_ in self.inputs.items():
            made[name] = (library.History if type_ is Past else type_, library.InputField())
        for name, said in self.outputs.items():
            type_, desc = said if isinstance(said, tuple) else (said, None)
            made[name] = (type_, library.OutputField() if desc is None else library.OutputField(desc=desc))
        return made

    def given(self, library: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Turn the inputs of a row into what the library takes."""
        return {
            name: library.History(messages=value) if self.inputs.get(name) is Past else value for name, value in inputs.items()
        }


@dataclass(frozen=True)
class Row:
    inputs: Mapping[str, Any]
    expected: Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """One thing to measure: a shape behind `Predict` or `ChainOfThought`, or a module with builders of its own."""

    name: str
    kind: Literal["shape", "module"]
    shape: Shape
    rows: tuple[Row, ...]
    right: Right
    module: str = "Predict"
    one_call: bool = True
    """Whether a program that reads everything makes exactly one call."""
    builders: Mapping[str, Callable[[Task], Asked]] = field(default_factory=dict)
    """For modules: how to make the program, by library ("adjoint", "dspy")."""
    why_not: str = ""
    """Why one library is left out."""

    def build(self, library: str) -> Asked | None:
        """Make the program for "adjoint" or "dspy"; None if it cannot be run there. It asks the context's model."""
        if self.kind == "module":
            builder = self.builders.get(library)
            return None if builder is None else builder(self)
        if library == "adjoint":
            import adjoint as made
        else:
            import dspy as made
        program = getattr(made, self.module)(self.shape.adjoint() if library == "adjoint" else self.shape.dspy())

        def ask(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
            found = program(**self.shape.given(made, inputs))
            return {name: found[name] for name in self.shape.outputs}

        return ask


# Comparing ------------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Turn a value into JSON: records into objects, members of an enumeration into their values, dates into ISO text."""
    if isinstance(value, BaseModel):
        return {name: plain(item) for name, item in value.model_dump().items()}
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def folded(text: str) -> str:
    """Fold case and spaces, and trim punctuation at both ends."""
    return " ".join(text.casefold().split()).strip(" .,;:!?'\"`*()[]{}")


def same(expected: Any, found: Any) -> bool:
    """Compare a value: texts folded, numbers and the rest exactly, lists in any order."""
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, str):
        return isinstance(found, str) and folded(expected) == folded(found)
    if isinstance(expected, float):
        return isinstance(found, int | float) and abs(expected - found) < 1e-6
    if isinstance(expected, list):
        if not isinstance(found, list) or len(expected) != len(found):
            return False
        rest = list(found)
        for item in expected:
            at = next((at for at, other in enumerate(rest) if same(item, other)), None)
            if at is None:
                return False
            del rest[at]
        return True
    if isinstance(expected, dict):
        if not isinstance(found, dict) or len(expected) != len(found):
            return False
        by_name = {folded(name): item for name, item in found.items()}
        return all(folded(name) in by_name and same(item, by_name[folded(name)]) for name, item in expected.items())
    return bool(type(expected) is type(found) and expected == found)


def all_same(expected: Mapping[str, Any], outputs: Mapping[str, Any]) -> bool:
    """Say whether every expected output is there with its value."""
    return all(name in outputs and same(plain(value), plain(outputs[name])) for name, value in expected.items())


def says(expected: Mapping[str, Any], outputs: Mapping[str, Any]) -> bool:
    """Say whether each text output says the expected words, in a short answer without a form in it."""

    def said(wanted: Any, found: Any) -> bool:
        text = str(found)
        if any(mark in text for mark in MARKUP) or len(text.split()) > 25:
            return False
        return re.search(rf"(?<!\w){re.escape(folded(str(wanted)))}(?!\w)", folded(text)) is not None

    return all(name in outputs and said(value, outputs[name]) for name, value in expected.items())


def as_text(expected: Mapping[str, Any], outputs: Mapping[str, Any]) -> bool:
    """Compare as texts, for types of which a number and its digits are both members."""
    return all(name in outputs and folded(str(value)) == folded(str(outputs[name])) for name, value in expected.items())


def a_summary(expected: Mapping[str, Any], outputs: Mapping[str, Any]) -> bool:
    """Say whether it is a text of 20 words or more about the person, without a form in it."""
    text = str(outputs.get("summary") or "")
    return len(text.split()) >= 20 and str(expected["name"]).casefold() in text.casefold() and not any(m in text for m in MARKUP)


# Rows -----------------------------------------------------------------------------------------------------------------

NAMES = (
    ("Ada", "she"), ("Tom", "he"), ("Maria", "she"), ("Omar", "he"), ("Grace", "she"), ("Felix", "he"), ("Nina", "she"),
    ("Hugo", "he"), ("Clara", "she"), ("Ivan", "he"), ("Leila", "she"), ("Marcus", "he"), ("Sofia", "she"), ("Pedro", "he"),
    ("Emma", "she"), ("Noah", "he"), ("Ruth", "she"), ("Simon", "he"), ("Alice", "she"), ("Victor", "he"), ("Hanna", "she"),
    ("David", "he"), ("Julia", "she"), ("Oscar", "he"),
)  # fmt: skip
CITIES = ("London", "Paris", "Berlin", "Madrid", "Rome", "Vienna", "Oslo", "Dublin", "Lisbon", "Prague", "Athens", "Warsaw")
HOBBIES = ("chess", "tennis", "painting", "swimming", "cooking", "gardening", "cycling", "photography", "reading", "hiking", "dancing", "fishing")  # fmt: skip
ADULTS, CHILDREN = (19, 23, 28, 31, 36, 42, 47, 53, 58, 64, 71, 80), (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)


@dataclass(frozen=True)
class Someone:
    name: str
    he: str
    age: int
    city: str
    hobbies: list[str]
    template: int

    @property
    def text(self) -> str:
        """Say everything in one or two sentences."""
        told = ", ".join(self.hobbies[:-1]) + f" and {self.hobbies[-1]}" if len(self.hobbies) > 1 else self.hobbies[0]
        he = self.he.capitalize()
        return (
            f"{self.name} is {self.age} years old and lives in {self.city}. {self.name} likes {told}.",
            f"{self.name}, who is {self.age}, comes from {self.city}. In the evenings {self.he} enjoys {told}.",
            f"I met {self.name} in {self.city} last week. {he} is {self.age} years old and loves {told}.",
            f"My neighbour {self.name} moved to {self.city} and just turned {self.age}. {he} is fond of {told}.",
        )[self.template]


def people(number: int = ROWS, *, young: bool = True) -> list[Someone]:
    """Make different people, every second one a child unless none is wanted."""
    pick = random.Random(0)
    made = []
    for at in range(number):
        name, he = NAMES[at % len(NAMES)]
        age = pick.choice(CHILDREN if young and pick.random() < 0.5 else ADULTS)
        made.append(Someone(name, he, age, pick.choice(CITIES), pick.sample(HOBBIES, pick.choice((1, 2, 2, 3))), at % 4))
    return made


def _rows(make: Callable[[Someone, random.Random], tuple[dict[str, Any], dict[str, Any]]]) -> tuple[Row, ...]:
    pick = random.Random(0)
    return tuple(Row(*make(someone, pick)) for someone in people())


def _arithmetic(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    first, second = pick.randint(3, 20), pick.randint(2, 12)
    thing = pick.choice(("apples", "books", "marbles", "coins", "pencils", "cards"))
    more = pick.choice((True, True, False))
    if more:
        told = f"{someone.name} has {first} {thing} and buys {second} more. How many {thing} does {someone.name} have altogether?"
        return {"question": told}, {"answer": first + second}
    first += second
    told = f"{someone.name} has {first} {thing} and gives {second} of them away. How many {thing} does {someone.name} have left?"
    return {"question": told}, {"answer": first - second}


def _price(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    thing = pick.choice(("a kettle", "a lamp", "a backpack", "a book", "a pair of gloves", "a bicycle pump"))
    price = pick.randint(3, 79) + pick.choice((0.5, 0.99, 0.25, 0.49, 0.0, 0.75))
    told = (f"{someone.name} bought {thing} in {someone.city} for {price:.2f} euros.", f"The shop in {someone.city} sells {thing} at {price:.2f} dollars, said {someone.name}.")  # fmt: skip
    return {"text": told[pick.randint(0, 1)]}, {"price": float(price)}


def _colour(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    colour = pick.choice(list(Colour))
    thing = pick.choice(("bicycle", "coat", "front door", "car", "umbrella", "kitchen chair"))
    told = (f"{someone.name} bought a new {colour.value} {thing} yesterday.", f"After some thought {someone.name} painted the {thing} {colour.value}.", f"The {thing} of {someone.name} is {colour.value}, and it looks good.")  # fmt: skip
    return {"text": told[pick.randint(0, 2)]}, {"colour": colour}


MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _date(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    day = dt.date(pick.randint(2019, 2026), pick.randint(1, 12), pick.randint(1, 28))
    said = (f"{day.day} {MONTHS[day.month - 1]} {day.year}", f"{MONTHS[day.month - 1]} {day.day}, {day.year}")[pick.randint(0, 1)]
    told = (f"The meeting is on {said}.", f"{someone.name} flies to {someone.city} on {said}.", f"Please send the report to {someone.name} by {said}.")  # fmt: skip
    return {"text": told[pick.randint(0, 2)]}, {"day": day}


def _phone(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    there = someone.template % 2 == 0
    number = f"555-{pick.randint(1000, 9999)}"
    end = f" You can call {someone.name} at {number}." if there else f" {someone.name} prefers to be visited at home."
    return {"text": someone.text + end}, {"phone": number if there else None}


def _some(someone: Someone, pick: random.Random, most: int = 3) -> list[tuple[str, int]]:
    others = pick.sample([name for name, _ in NAMES if name != someone.name], pick.randint(1, most - 1))
    return [(someone.name, someone.age), *((name, pick.randint(6, 80)) for name in others)]


def _told(people: list[tuple[str, int]], pick: random.Random) -> str:
    if pick.random() < 0.5:
        return " ".join(f"{name} is {age} years old." for name, age in people)
    return "In our club there are " + ", ".join(f"{name} ({age})" for name, age in people[:-1]) + f" and {people[-1][0]} ({people[-1][1]})."  # fmt: skip


def _records(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    people = _some(someone, pick)
    return {"text": _told(people, pick)}, {"people": [Member(name=name, age=age) for name, age in people]}


def _dict(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    people = _some(someone, pick)
    return {"text": _told(people, pick)}, {"ages": dict(people)}


def _nested(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    street = f"{pick.randint(1, 99)} {pick.choice(('Mill Lane', 'Station Road', 'Park Street', 'Church Walk'))}"
    there = someone.template != 1
    end = f" lives at {street} in {someone.city}." if there else " did not want to say where to write to."
    address = Address(street=street, city=someone.city) if there else None
    text = f"Our customer {someone.name} is {someone.age} years old. {someone.name}{end}"
    return {"text": text}, {"customer": Customer(name=someone.name, age=someone.age, address=address)}


def _question(someone: Someone, pick: random.Random) -> tuple[str, Any]:
    if pick.random() < 0.5:
        return f"How old is {someone.name}?", someone.age
    asked = (
        f"Where does {someone.name} live?",
        f"Which city does {someone.name} come from?",
        f"In which city did I meet {someone.name}?",
        f"Which city did {someone.name} move to?",
    )
    return asked[someone.template], someone.city


def _union(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    question, answer = _question(someone, pick)
    return {"text": someone.text, "question": question}, {"answer": answer}


def _qa(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    question, answer = _question(someone, pick)
    return {"text": someone.text, "question": question}, {"answer": str(answer)}


def _three(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    hobby = pick.choice(HOBBIES)
    text = f"{someone.name} is {someone.age} years old and lives in {someone.city}. On Sundays {someone.he} goes in for {hobby}."
    return {"text": text}, {"name": someone.name, "city": someone.city, "hobby": hobby}


def _long_in(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    others = [one for one in people(young=False) if one.name != someone.name]
    told = pick.sample(others, 14)
    told.insert(pick.randint(2, 12), someone)
    text = " ".join(one.text for one in told)
    if pick.random() < 0.5:
        return {"passage": text, "question": f"How old is {someone.name}?"}, {"answer": str(someone.age)}
    return {"passage": text, "question": f"Which city does the passage name for {someone.name}?"}, {"answer": someone.city}


def _long_out(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    job = pick.choice(("a nurse", "a baker", "a teacher", "a carpenter", "a librarian", "a bus driver"))
    pet = pick.choice(("an old dog", "two cats", "a parrot", "a rabbit"))
    he = someone.he.capitalize()
    text = (
        f"{someone.name} works as {job} in {someone.city}. {he} gets up at six every morning and takes the tram to work. "
        f"At home {someone.he} keeps {pet}, which needs a lot of care. At the weekend {someone.name} likes "
        f"{' and '.join(someone.hobbies)}. Next year {someone.he} wants to move to the country and to buy a small house with a garden."
    )
    return {"text": text}, {"name": someone.name}


def _history(someone: Someone, pick: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    del pick
    first = f"{someone.name} is {someone.age} years old and lives in {someone.city}. Who is this about?"
    past = [{"question": first, "answer": someone.name}, {"question": f"Where does {someone.he} live?", "answer": someone.city}]
    return {"question": f"And how old is {someone.he}?", "history": past}, {"answer": str(someone.age)}


REVIEWS = (
    ("A warm and funny story that I would watch again tomorrow.", "positive"),
    ("The plot makes no sense and the jokes fall flat.", "negative"),
    ("Two hours of my life that I will never get back.", "negative"),
    ("The lead actress is wonderful in every scene.", "positive"),
    ("A dull script, wooden acting and a silly ending.", "negative"),
    ("One of the best thrillers of the last ten years.", "positive"),
    ("The music alone is worth the price of the ticket.", "positive"),
    ("I fell asleep before the film was half over.", "negative"),
    ("It is far too long and never finds its point.", "negative"),
    ("A brave, honest and moving portrait of a family.", "positive"),
    ("My children laughed from beginning to end.", "positive"),
    ("Everything about this sequel feels tired.", "negative"),
    ("Beautiful pictures and a story that stays with you.", "positive"),
    ("The dialogue sounds as if nobody had ever spoken it aloud.", "negative"),
    ("Clever, fast and full of surprises.", "positive"),
    ("A cheap copy of a much better film.", "negative"),
    ("I left the cinema with a big smile on my face.", "positive"),
    ("The effects are poor and the hero is a bore.", "negative"),
    ("A small masterpiece that deserves a large audience.", "positive"),
    ("Not even the great cast can save this mess.", "negative"),
    ("The director gets everything right this time.", "positive"),
    ("What a waste of a good idea.", "negative"),
    ("Tense, well acted and beautifully shot.", "positive"),
    ("I cannot recommend this to anybody.", "negative"),
)
QUESTIONS = (
    ("What does NASA stand for?", "abbreviation"),
    ("What is the full form of the abbreviation DVD?", "abbreviation"),
    ("What does the acronym UNICEF mean?", "abbreviation"),
    ("What do the letters PhD stand for?", "abbreviation"),
    ("What is photosynthesis?", "description"),
    ("Why do leaves turn red in autumn?", "description"),
    ("How does a refrigerator work?", "description"),
    ("What is the meaning of the word frugal?", "description"),
    ("What animal is the fastest on land?", "entity"),
    ("What colour is a ripe lemon?", "entity"),
    ("What instrument did Louis Armstrong play?", "entity"),
    ("Which sport is played at Wimbledon?", "entity"),
    ("Who wrote Romeo and Juliet?", "human"),
    ("Who was the first person to walk on the moon?", "human"),
    ("Which scientist discovered penicillin?", "human"),
    ("Who painted the Mona Lisa?", "human"),
    ("Where is the Eiffel Tower?", "location"),
    ("What is the capital of Australia?", "location"),
    ("Which country has the most inhabitants?", "location"),
    ("In which city were the first modern Olympic Games held?", "location"),
    ("How many legs does a spider have?", "number"),
    ("In what year did the Second World War end?", "number"),
    ("How far is it from the Earth to the Moon?", "number"),
    ("How much does an African elephant weigh?", "number"),
)
KINDS = ("abbreviation", "description", "entity", "human", "location", "number")


def _shuffled(pairs: Any, given: str, wanted: str) -> tuple[Row, ...]:
    order = list(pairs)
    random.Random(0).shuffle(order)
    return tuple(Row({given: text}, {wanted: label}) for text, label in order[:ROWS])


def banking77() -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """Read the 77 labels and a seeded sample of the test rows."""
    with (DATA / "banking77" / "test.csv").open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    labels = tuple(sorted({row["category"] for row in found}))
    sample = random.Random(0).sample(found, ROWS)
    return labels, tuple(Row({"text": row["text"]}, {"intent": row["category"]}) for row in sample)


def labelled(path: Path, label: str) -> list[Row]:
    """Read the rows of Banking77 that have the label."""
    with path.open(encoding="utf-8") as file:
        return [Row({"text": row["text"]}, {"intent": label}) for row in csv.DictReader(file) if row["category"] == label]


def sums() -> tuple[Row, ...]:
    """Make questions that take one step of arithmetic."""
    return _rows(_arithmetic)


def object_counting() -> tuple[Row, ...]:
    """Read the first rows of object counting."""
    found = json.loads((DATA / "bbh" / "object_counting.json").read_text(encoding="utf-8"))["examples"][:ROWS]
    return tuple(Row({"question": row["input"]}, {"answer": int(row["target"])}) for row in found)


def gsm8k() -> tuple[Row, ...]:
    """Read the first rows of GSM8K's test set."""
    with (DATA / "gsm8k" / "test.jsonl").open(encoding="utf-8") as file:
        found = [json.loads(next(file)) for _ in range(ROWS)]
    return tuple(Row({"question": r["question"]}, {"answer": int(r["answer"].split("####")[1].replace(",", ""))}) for r in found)


# Tasks ----------------------------------------------------------------------------------------------------------------


def _shapes() -> list[Task]:
    text: dict[str, Any] = {"text": str}
    made: list[Task] = []

    def shape(name: str, outputs: Any, instruction: str, rows: Any, *, inputs: Any = text, right: Right = all_same) -> Task:
        found = rows if isinstance(rows, tuple) else _rows(rows)
        task = Task(name, "shape", Shape(inputs, outputs, instruction), found, right)
        made.append(task)
        return task

    def reasoned(task: Task, name: str) -> None:
        made.append(Task(name, "shape", task.shape, task.rows, task.right, "ChainOfThought"))

    def person(one: Someone, _: Any) -> Any:
        return {"text": one.text}, {"person": Person(name=one.name, age=one.age, hobbies=one.hobbies)}

    kind = {"kind": Literal[KINDS]}
    question: dict[str, Any] = {"question": str}
    both: dict[str, Any] = {"text": str, "question": str}
    shape("name_age", {"name": str, "age": int}, "Extract the name and the age of the person.", lambda one, _: ({"text": one.text}, {"name": one.name, "age": one.age}))  # fmt: skip
    listed = shape("list", {"hobbies": list[str]}, "List the hobbies of the person.", lambda one, _: ({"text": one.text}, {"hobbies": one.hobbies}))  # fmt: skip
    record = shape("record", {"person": Person}, "Extract what is said of the person.", person)
    reasoned(listed, "list_reasoning")
    reasoned(record, "record_reasoning")
    adult = shape("bool", {"adult": bool}, "Say whether the person is an adult, that is 18 or older.", lambda one, _: ({"text": one.text}, {"adult": one.age >= 18}))  # fmt: skip
    reasoned(adult, "bool_reasoning")
    shape("int", {"age": int}, "Extract the age of the person.", lambda one, _: ({"text": one.text}, {"age": one.age}))
    step = shape("int_reasoning", {"answer": int}, "Answer the question.", sums(), inputs=question)
    made.remove(step)
    reasoned(step, "int_reasoning")
    shape("float", {"price": float}, "Extract the price.", _price)
    shape("literal2", {"sentiment": Literal["positive", "negative"]}, "Say whether the review is positive or negative.", _shuffled(REVIEWS, "text", "sentiment"))  # fmt: skip
    six = shape("literal6", kind, "Say what kind of answer the question asks for.", _shuffled(QUESTIONS, "question", "kind"), inputs=question)  # fmt: skip
    reasoned(six, "literal6_reasoning")
    labels, rows = banking77()
    shape("literal77", {"intent": Literal[labels]}, "Find the intent of the customer of a bank.", rows)
    shape("enum", {"colour": Colour}, "Say which colour the text is about.", _colour)
    shape("date", {"day": dt.date}, "Extract the date.", _date)
    shape("optional", {"phone": str | None}, "Extract the phone number, if there is one.", _phone)
    shape("records", {"people": list[Member]}, "List the people with their ages.", _records)
    shape("nested", {"customer": Customer}, "Extract the customer, with the address if it is known.", _nested)
    shape("dict", {"ages": (dict[str, int], "from names to ages")}, "Extract the age of each person.", _dict)
    shape("union", {"answer": int | str}, "Answer the question from the text, with a number if it asks for one.", _union, inputs=both, right=as_text)  # fmt: skip
    shape("qa", {"answer": str}, "Answer the question from the text.", _qa, inputs=both, right=says)
    three = shape("three", {"name": str, "city": str, "hobby": str}, "Extract the name, the city and the hobby.", _three)
    made.remove(three)
    reasoned(three, "three")
    shape("long_in", {"answer": str}, "Answer the question from the passage.", _long_in, inputs={"passage": str, "question": str}, right=says)  # fmt: skip
    shape("long_out", {"summary": str}, "Summarise the text in three or four sentences, and name the person.", _long_out, right=a_summary)  # fmt: skip
    shape("history", {"answer": str}, "Answer the question.", _history, inputs={"question": str, "history": Past}, right=says)
    for name, found in (("counting", object_counting()), ("gsm8k", gsm8k())):
        made.append(
            Task(name, "shape", Shape(question, {"answer": int}, "Answer the question."), found, all_same, "ChainOfThought")
        )
    return made


@cache
def tasks() -> dict[str, Task]:
    """Get all tasks by name, shapes before modules, in the order in which they are measured."""
    from benchmarks.forms.modules import modules  # it needs this file

    found = [*_shapes(), *modules()]
    return {task.name: task for task in found}
