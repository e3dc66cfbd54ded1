"""The tape knows what fed each call, and says how it knows."""

import asyncio
import contextvars
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydantic
import pytest

import adjoint
from adjoint.base.portal import portal
from adjoint.testing import ScriptedLM

LONG = "The river floods every spring in the valley."
OTHER = "A dam upstream would hold the water back."


def fresh(answers):
    """An LM whose replies are new objects, as those of a server are."""
    left = iter(answers)
    return ScriptedLM(lambda request: "".join(list(next(left))))


class Two(adjoint.Module):
    """Asks `first`, makes something of its output, and asks `second`."""

    def __init__(self, make, first="q -> out", second="text -> done"):
        self.first, self.second, self.make = adjoint.Predict(first), adjoint.Predict(second), make

    def forward(self, q):
        return self.second(text=self.make(self.first(q=q)))


def edges(program, answers, q="What happens there?"):
    """The edges of the last call, as `(source, field, how)`."""
    with adjoint.context(lm=fresh(answers), ledger=None):
        tape = program(q=q).tape
    return [(edge.source.seq, edge.field, edge.how) for edge in tape.nodes[-1].edges()]


@pytest.mark.parametrize(
    ("make", "how"),
    [
        (lambda p: p.out, "identity"),
        (lambda p: [p.out, "x"], "identity"),
        (lambda p: {"deep": [p.out]}, "identity"),
        (lambda p: p, "identity"),
        (lambda p: f"Say: {p.out}!", "contained"),
        (lambda p: " | ".join(("first", p.out)), "contained"),  # noqa: FLY002 - join is what is tested
        (lambda p: "{} and so on".format(p.out), "contained"),  # noqa: UP032 - format is what is tested
        (lambda p: "%s and so on" % p.out, "contained"),  # noqa: UP031
        (lambda p: p.out + " indeed", "contained"),
        (lambda p: p.out.upper(), "contained"),
        (lambda p: "  ".join(p.out.split()), "contained"),
        (lambda p: p.out[:30] + "...", "contained"),
        (lambda p: json.dumps({"answer": p.out}), "contained"),
        (lambda p: json.dumps(p.toDict()), "contained"),
        (lambda p: str(len(p.out)), "read"),
        (lambda p: "long" if len(p["out"]) > 9 else "short", "read"),
        (lambda p: {"x": "one"}.get(p.get("out"), "other"), "read"),
    ],
)
def test_each_way_to_pass_a_text_on_is_found(make, how):
    assert edges(Two(make), [LONG, "ok"]) == [(0, "out", how)]


def test_a_contained_text_says_where_it_stands():
    with adjoint.context(lm=fresh([LONG, "ok"]), ledger=None):
        node = Two(lambda p: f"Say: {p.out}!")(q="?").tape.nodes[-1]
    (edge,) = node.edges()
    assert node.inputs["text"][slice(*edge.span)] == LONG


def test_numbers_and_control_flow_are_known_from_reading():
    assert edges(Two(lambda p: p.out + 1, "q -> out: int", "text: int -> done"), ["42", "ok"]) == [(0, "out", "read")]
    assert edges(Two(lambda p: int(p.out) * 2, second="text: int -> done"), ["42", "ok"]) == [(0, "out", "read")]


def test_a_choice_passed_on_is_identity_and_an_equal_constant_is_not():
    label = "q -> out: Literal['positive', 'negative']"
    assert edges(Two(lambda p: p.out, label), ["positive", "ok"]) == [(0, "out", "identity")]
    assert edges(Two(lambda _: "positive", label), ["positive", "ok"]) == [(0, "out", "order")]


@pytest.mark.parametrize("answer", ["yes", "positive", LONG])
def test_a_constant_makes_no_edge_by_content(answer):
    found = edges(Two(lambda _: "yes"), [answer, "ok"])
    assert found == [(0, "out", "order")]


def test_parts_of_a_model_are_found():
    class Person(pydantic.BaseModel):
        name: str
        home: str

    program = Two(lambda p: p.out.home, "q -> out: Person")
    assert Person.__name__ == "Person"
    assert edges(program, ['{"name": "Ada", "home": "London"}', "ok"]) == [(0, "out", "identity")]


def test_what_stands_in_the_programs_own_input_needs_no_call():
    program = Two(lambda _: LONG)
    assert edges(program, [LONG, "ok"], q=LONG) == []


def test_each_turn_of_a_loop_feeds_the_next():
    class Loop(adjoint.Module):
        def __init__(self):
            self.step = adjoint.Predict("text -> out")

        def forward(self, q):
            for _ in range(3):
                q = self.step(text=q).out
            return adjoint.Prediction(out=q)

    with adjoint.context(lm=fresh([LONG, OTHER, LONG + OTHER]), ledger=None):
        nodes = Loop()(q="?").tape.nodes
    assert [[edge.source.seq for edge in node.edges()] for node in nodes] == [[], [0], [1]]


def test_a_retry_feeds_from_the_call_that_succeeded():
    class Retry(adjoint.Module):
        def __init__(self):
            self.ask, self.use = adjoint.Predict("q -> out: int"), adjoint.Predict("n: int -> done")

        def forward(self, q):
            try:
                found = self.ask(q=q)
            except adjoint.base.errors.ParseError:
                found = self.ask(q=q)
            return self.use(n=found.out)

    with adjoint.context(lm=fresh(["many", "still many", "too many", "7", "ok"]), ledger=None):
        nodes = Retry()(q="?").tape.nodes
    assert "ParseError" in nodes[0].error
    assert [(edge.source.seq, edge.how) for edge in nodes[2].edges()] == [(1, "read")]


def test_gathered_calls_feed_what_comes_after_them():
    class Gather(adjoint.Module):
        def __init__(self):
            self.left, self.right, self.join = (adjoint.Predict(s) for s in ("q -> a", "q -> b", "text -> done"))

        async def aforward(self, q):
            left, right = await asyncio.gather(self.left.acall(q=q), self.right.acall(q=q))
            return await self.join.acall(text=f"{left.a}\n{right.b}")

    lm = ScriptedLM(lambda request: {"?": LONG}.get(request.messages[-1].text, "ok") + str(lm.requests.index(request)))
    with adjoint.context(lm=lm, ledger=None):
        tape = portal.run(Gather().acall(q="?")).tape
    assert [(edge.source.seq, edge.how) for edge in tape.nodes[2].edges()] == [(0, "contained"), (1, "contained")]


def test_threads_with_a_copied_context_write_on_the_same_tape():
    class Threads(adjoint.Module):
        def __init__(self):
            self.ask, self.join = adjoint.Predict("q -> out"), adjoint.Predict("text -> done")

        def forward(self, q):
            with ThreadPoolExecutor(2) as pool:
                jobs = [pool.submit(contextvars.copy_context().run, lambda n=n: self.ask(q=f"{q}{n}")) for n in range(2)]
            return self.join(text=" ".join(job.result().out for job in jobs))

    with adjoint.context(lm=ScriptedLM(lambda r: f"The long answer to {r.messages[-1].text}"), ledger=None):
        tape = Threads()(q="?").tape
    assert {(edge.source.inputs["q"], edge.how) for edge in tape.nodes[2].edges()} == {("?0", "contained"), ("?1", "contained")}


def test_link_declares_what_no_evidence_shows():
    def vowels(prediction):
        made = "".join(letter for letter in prediction.out if letter in "aeiou") * 3
        return adjoint.program.context.current().tape.link(made, from_=prediction.out)

    assert edges(Two(vowels), [LONG, "ok"]) == [(0, "out", "declared")]


def test_arrays_as_inputs_are_asked_for_no_truth():
    class Table(adjoint.Module):
        def __init__(self):
            self.ask = adjoint.Predict("rows: Any, more: Any -> out")

        def forward(self, rows):
            self.ask(rows=rows, more="x")
            return self.ask(rows=rows * 2, more="y")

    with adjoint.context(lm=fresh([LONG, "ok"]), ledger=None):
        assert Table()(rows=np.arange(3)).out == "ok"


def test_an_input_with_fields_named_like_those_of_a_variable_is_data():
    class Graph(pydantic.BaseModel):
        edges: list[str]
        value: int = 3

    with adjoint.context(lm=fresh(["ok"]), ledger=None):
        tape = adjoint.Predict("graph: Graph -> out")(graph=Graph(edges=["a-b"])).tape
    assert tape.nodes[0].inputs["graph"] == Graph(edges=["a-b"])


def test_a_variable_brings_its_declared_edge():
    text = adjoint.Variable("Some text.", role_description="the text")
    with adjoint.context(lm=fresh(["ok"]), ledger=None):
        (node,) = adjoint.Predict("text -> done")(text=text).tape.nodes
    assert node.inputs == {"text": "Some text."}
    assert [(edge.source, edge.how) for edge in node.edges()] == [(text.node, "declared")]


def test_explain_says_calls_edges_and_how_sure_they_are():
    with adjoint.context(lm=fresh([LONG, "ok"]), ledger=None):
        tape = Two(lambda p: f"Say: {p.out}")(q="?").tape
    assert tape.explain() == "0 first\n1 second\n    text <- 0 first.out  contained 0.95 at 5..49"
    assert adjoint.Tape().explain() == "nothing was recorded"


def test_the_tape_is_json():
    with adjoint.context(lm=fresh([LONG, "ok"]), ledger=None):
        body = Two(lambda p: f"Say: {p.out}")(q="?").tape.to_json()
    assert json.loads(json.dumps(body)) == body
    assert body["inputs"] == {"q": "?"}
    assert body["nodes"][1]["edges"] == [
        {"input": "text", "source": 0, "field": "out", "how": "contained", "confidence": 0.95, "span": [5, 49]}
    ]
    assert body["nodes"][0]["parameters"] == {"instruction": "Given q, give out.", "demos": []}
