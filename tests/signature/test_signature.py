"""Signatures: two spellings, one immutable thing, errors that teach."""

# ruff: noqa: UP006, UP007, UP035, UP045 - the older spellings are read as well

import pickle
import subprocess
import sys
from typing import Annotated, Any, List, Literal, Optional, Union

import pydantic
import pytest

from adjoint import ChainOfThought, InputField, OutputField, Predict, Prediction, Signature
from adjoint.base.errors import SignatureError, UnknownNameError, UsageError
from adjoint.data.records import Example
from adjoint.signature.fields import RESULT_METHODS


class Person(pydantic.BaseModel):
    name: str
    age: int = 0


class Message(pydantic.BaseModel):
    """Named like a class of the package, which must never be taken for it."""

    body: str


class Triage(Signature):
    """Say how urgent the ticket is."""

    ticket: str = InputField(desc="as the customer wrote it")
    level: int = OutputField(ge=1, le=5)


def types(signature):
    return {name: field.type for name, field in signature.fields.items()}


def test_both_spellings_give_the_same_fields_and_instruction():
    class Written(Signature):
        """Answer briefly."""

        question: str = InputField()
        context: list[str] = InputField()
        answer: float = OutputField()

    spelled = Signature("question, context: list[str] -> answer: float", "Answer briefly.")
    assert spelled.equals(Written)
    assert spelled.signature == "question, context -> answer"


def test_a_dict_of_fields_is_a_third_spelling():
    made = Signature({"question": InputField(), "answer": (int, OutputField(desc="digits"))}, "Count.")
    assert made.equals(Signature("question -> answer: int", "Count.").with_updated_fields("answer", desc="digits"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("str", str),
        ("int", int),
        ("list[str]", list[str]),
        ("dict[str, list[int]]", dict[str, list[int]]),
        ("Literal['a', 'b -> c', 3]", Literal["a", "b -> c", 3]),
        ("Optional[int]", Optional[int]),
        ("int | None", Union[int, None]),
        ("List[Person]", List[Person]),
        ("Person", Person),
        ("Message", Message),
        ("Any", Any),
        ("typing.Any", Any),
        ("pydantic.BaseModel", pydantic.BaseModel),
        ("'Person'", Person),
        ("tuple[int, ...]", tuple[int, ...]),
    ],
)
def test_types_of_the_shorthand_are_those_of_the_caller(text, expected):
    assert types(Predict(f"q -> out: {text}").signature)["out"] == expected


def test_local_types_and_custom_types_are_found():
    class Local(pydantic.BaseModel):
        x: int

    assert types(ChainOfThought("q -> out: Local").predict.signature)["out"] is Local
    assert types(Signature("q -> out: Elsewhere", custom_types={"Elsewhere": Local}))["out"] is Local


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a -> b -> c", "exactly one '->'"),
        ("a, b", "exactly one '->'"),
        ("", "exactly one '->'"),
        ("a ->", "no output"),
        ("a -> a", "input and as output"),
        ("a, a -> b", "twice"),
        ("a -> b: Nowhere", "unknown type 'Nowhere'"),
        ("a -> b: int[str]", "is no type"),
        ("a -> b: typing.Nope", "is no type"),
        ("a -> b: Literal[x]", "is no type"),
        ("a -> b: 'int['", "is no type"),
        ("a -> b: print(1)", "is no type"),
        ("a -> class", "cannot read"),
        ("a = 1 -> b", "defaults have no meaning"),
        ("*a -> b", "stars"),
        ("a): pass # -> b", "cannot read"),
        ("a b -> c", "cannot read"),
        ("_a -> b", "leading underscore"),
    ],
)
def test_an_unreadable_shorthand_is_refused_with_the_reason(text, says):
    with pytest.raises(SignatureError, match=says.replace("(", r"\(")):
        Signature(text)


@pytest.mark.parametrize("name", ["config", "demos", "lm", "signature"])
def test_an_input_named_like_an_option_of_a_call_is_refused(name):
    with pytest.raises(SignatureError, match="options of a call"):
        Signature(f"{name} -> answer")
    assert name in Signature(f"question -> {name}").output_fields


@pytest.mark.parametrize("name", ["items", "keys", "tape", "get", "toDict"])
def test_an_output_that_would_hide_a_method_is_refused(name):
    with pytest.raises(SignatureError, match="hide a method"):
        Signature(f"question -> {name}")


def test_every_public_name_of_a_prediction_and_an_example_is_reserved():
    public = {name for cls in (Prediction, Example) for name in dir(cls) if not name.startswith("_")}
    assert public == RESULT_METHODS


def test_a_bare_annotation_is_refused():
    with pytest.raises(SignatureError, match="neither input nor output"):

        class Bare(Signature):
            question: str
            answer: str = OutputField()


def test_a_constraint_that_nobody_knows_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'max_length'"):
        OutputField(maxlength=3)


def test_a_type_that_cannot_be_checked_is_refused_before_a_call():
    class Odd:
        pass

    with pytest.raises(SignatureError, match="cannot be checked"):
        Predict("q -> a: Odd").render(q="?")
    assert Odd.__name__ == "Odd"


@pytest.mark.parametrize(
    ("type_", "constraint"), [("str", "multiple_of"), ("int", "pattern"), ("bool", "gt"), ("float", "max_length")]
)
def test_a_constraint_without_meaning_for_the_type_is_refused(type_, constraint):
    with pytest.raises(SignatureError, match="has no meaning"):
        Signature(f"q -> a: {type_}").with_updated_fields("a", **{constraint: 2})


def test_a_signature_never_changes():
    with pytest.raises(SignatureError, match="never changes"):
        Triage.instructions = "Other."
    with pytest.raises(TypeError):
        Triage.fields["x"] = None
    with pytest.raises(SignatureError, match="no instances"):
        Triage()


def test_every_edit_returns_a_new_signature():
    before = (dict(Triage.fields), Triage.instructions)
    more = Triage.append("why", OutputField()).prepend("note", OutputField()).insert(1, "lang", InputField(), str)
    assert more.signature == "ticket, lang -> note, level, why"
    assert more.delete("note").with_instructions("New.").instructions == "New."
    assert Triage.append_instructions("Be brief.").instructions == "Say how urgent the ticket is.\n\nBe brief."
    assert (dict(Triage.fields), Triage.instructions) == before


def test_an_edited_field_keeps_what_was_not_named():
    edited = Triage.with_updated_fields("level", float, desc="urgency", le=10)
    field = edited.fields["level"]
    assert (field.type, field.desc, field.constraints) == (float, "urgency", {"ge": 1, "le": 10})
    assert list(edited.fields) == list(Triage.fields)


@pytest.mark.parametrize(
    "edit", [lambda s: s.delete("nope"), lambda s: s.with_updated_fields("nope"), lambda s: s.append("level", OutputField())]
)
def test_edits_of_absent_or_present_fields_are_refused(edit):
    with pytest.raises(SignatureError, match=r"has no field|already has"):
        edit(Triage)


def test_without_a_docstring_the_instruction_names_the_fields():
    assert Signature("question, context -> answer").instructions == "Given question, context, give answer."


def test_a_subclass_inherits_fields_and_instruction():
    class Longer(Triage):
        reason: str = OutputField()

    class Other(Longer):
        """Say it differently."""

    class Plain(Signature):
        q: str = InputField()
        a: str = OutputField()

    class PlainLonger(Plain):
        b: str = OutputField()

    assert Longer.signature == "ticket -> level, reason"
    assert (Longer.instructions, Other.instructions) == (Triage.instructions, "Say it differently.")
    assert PlainLonger.instructions == "Given q, give a, b."


def test_optional_fields_may_be_left_out_and_none_is_a_default():
    made = Signature("q, hint: Optional[str] -> a, note: str | None")
    assert [name for name, field in made.fields.items() if not field.required] == ["hint", "note"]


def test_a_field_without_annotation_is_text_and_annotated_types_keep_their_checks():
    class Small(Signature):
        """Count."""

        question = InputField()
        count: Annotated[int, pydantic.Field(le=9)] = OutputField()

    assert types(Small)["question"] is str
    with pytest.raises(pydantic.ValidationError):
        Small.fields["count"].validator.validate_python(10)


@pytest.mark.parametrize("thing", [3, None, ["q -> a"], int, {"q": str}, {"q": (InputField(), str)}])
def test_what_is_no_signature_is_refused(thing):
    with pytest.raises(UsageError):
        Predict(thing)


def test_a_signature_shows_its_types():
    assert (
        repr(Signature("q, n: int -> a: list[str], b: Literal['x']"))
        == "StringSignature(q, n: int -> a: list[str], b: Literal['x'])"
    )


@pytest.mark.parametrize(
    "signature",
    [Signature("question -> answer: int", "Count."), Signature("a -> b").append("c", OutputField(desc="more")), Signature],
    ids=["a text", "an edit", "a declaration"],
)
def test_a_signature_goes_to_another_process(signature):
    back = pickle.loads(pickle.dumps(signature))
    assert (repr(back), back.instructions, dict(back.fields)) == (repr(signature), signature.instructions, dict(signature.fields))
    assert all(field.required for field in back.fields.values())


def test_a_signature_declared_in_a_notebook_goes_to_another_process():
    cloudpickle = pytest.importorskip("cloudpickle")

    class Local(Signature):
        """Count."""

        question: str = InputField()
        answer: int = OutputField(ge=0)

    program = Predict(Local)
    program.render(question="q")
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).render(question='q'))"
    sent = subprocess.run([sys.executable, "-c", code], input=cloudpickle.dumps(program), capture_output=True, check=True)
    assert sent.stdout.decode().strip() == str(program.render(question="q"))
    assert pickle.loads(cloudpickle.dumps(Local)) is Local
    with pytest.raises(SignatureError, match="never changes"):
        Local.__doc__ = "Sum."


def test_a_program_with_a_text_as_signature_goes_to_another_process():
    program = Predict("question -> answer", "Count.")
    program.render(question="q")  # what adapters work out from a signature stays behind
    assert pickle.loads(pickle.dumps(program)).render(question="q") == program.render(question="q")
