"""Assert and Suggest: the call that breaks one is asked again with the reason, everything else is replayed."""

import asyncio
import contextlib

import pytest

import adjoint
from adjoint import Predict
from adjoint.base.errors import AssertionFailed, ProgramError
from adjoint.modules.assertions import SuggestionWarning
from adjoint.testing import ScriptedLM


class Chain(adjoint.Module):
    """Two calls; the second must not shout."""

    def __init__(self, check=adjoint.Assert, **options):
        self.plan, self.say = Predict("topic -> plan"), Predict("plan -> line")
        self.check, self.options, self.runs = check, options, 0

    def forward(self, topic):
        self.runs += 1
        line = self.say(plan=self.plan(topic=topic).plan).line
        self.check(line == line.lower(), "write in small letters", **self.options)
        return adjoint.Prediction(line=line)


@contextlib.contextmanager
def answers(*texts, **settings):
    lm = ScriptedLM(list(texts))
    with adjoint.context(lm=lm, ledger=None, **settings):
        yield lm


def test_the_last_call_is_shown_its_output_and_the_message_and_the_rest_is_replayed():
    with answers("greet the reader", "HELLO", "hello") as lm:
        program = Chain()
        found = program(topic="x")
    assert (found.line, program.runs, len(lm.requests)) == ("hello", 2, 3)
    assert [(message.role, message.text) for message in lm.requests[2].messages] == [
        *[(message.role, message.text) for message in lm.requests[1].messages],
        ("assistant", "HELLO"),
        ("user", "This does not do: write in small letters\nAnswer again, in the same form."),
    ]


def test_the_tape_holds_the_calls_that_count_and_the_remark_and_all_that_was_paid():
    with answers("greet the reader", "HELLO", "hello"):
        tape = Chain()(topic="x").tape
    assert [node.outputs for node in tape.nodes] == [{"plan": "greet the reader"}, {"line": "hello"}]
    assert [node.outputs for node in tape.rejected] == [{"line": "HELLO"}]
    assert tape.nodes[1].parents["plan"][0].source is tape.nodes[0]
    (remark,) = tape.remarks
    assert (remark.kind, remark.text, remark.again, remark.settled) == ("assert", "write in small letters", True, True)
    assert (remark.score.value, remark.score.feedback) == (0.0, "write in small letters")
    assert (tape.backtracks, tape.usage().calls) == (1, 3)


def test_after_the_last_try_an_assert_fails_with_its_message():
    with (
        answers("plan", "A", "B", "C") as lm,
        pytest.raises(AssertionFailed, match=r"small letters \(asked again 2 times\)") as raised,
    ):
        Chain()(topic="x")
    assert isinstance(raised.value, ProgramError)
    assert [len(request.messages) for request in lm.requests] == [2, 2, 4, 6]


def test_a_suggestion_warns_and_goes_on():
    with answers("plan", "A", "B"), pytest.warns(SuggestionWarning, match="small letters"):
        found = Chain(adjoint.Suggest, max_backtracks=1)(topic="x")
    assert found.line == "B"
    assert [(remark.again, remark.settled) for remark in found.tape.remarks] == [(True, False), (False, False)]


def test_the_context_says_how_often_a_call_is_sent_back():
    with answers("plan", "A", max_backtracks=0) as lm, pytest.raises(AssertionFailed):
        Chain()(topic="x")
    assert len(lm.requests) == 2


def test_a_target_is_asked_again_in_place_of_the_last_call_and_what_depends_on_it_too():
    program = Chain()
    program.options = {"target": program.plan}
    with answers("shout", "HELLO", "whisper", "hello") as lm:
        assert program(topic="x").line == "hello"
    assert lm.requests[2].messages[-1].text.startswith("This does not do")
    assert [message.text for message in lm.requests[3].messages[1:]] == ["whisper"]


class Rows(adjoint.Module):
    """Asserts inside a loop, over an inner module."""

    def __init__(self):
        self.inner = adjoint.ChainOfThought("row -> n: int")

    def forward(self, rows):
        total = 0
        for row in rows:
            n = self.inner(row=row).n
            adjoint.Assert(n < 10, f"{n} is too large for {row}")
            total += n
        return adjoint.Prediction(total=total)


def test_each_call_of_a_loop_has_tries_of_its_own_and_keeps_its_correction():
    script = {"a": 0, "b": 0}

    def answer(request):
        row = request.messages[1].text[0]
        script[row] += 1
        return f"[[reasoning]]\n.\n[[n]]\n{'99' if script[row] < 3 else '4'}"

    lm = ScriptedLM(answer)
    with adjoint.context(lm=lm, ledger=None):
        found = Rows()(rows=["a", "b"])
    assert (found.total, script, len(lm.requests)) == (8, {"a": 3, "b": 3}, 6)
    assert (len(found.tape.nodes), len(found.tape.rejected), found.tape.backtracks) == (2, 4, 4)


def test_a_broad_except_in_a_forward_does_not_stop_the_way_back():
    class Careless(Chain):
        def forward(self, topic):
            try:
                return super().forward(topic=topic)
            except Exception:  # noqa: BLE001
                return None

    with answers("plan", "A", "b"):
        assert Careless()(topic="x").line == "b"


def test_a_module_that_is_called_by_another_is_run_again_alone():
    class Outer(adjoint.Module):
        def __init__(self):
            self.first, self.chain, self.runs = Predict("q -> topic"), Chain(), 0

        def forward(self, q):
            self.runs += 1
            return self.chain(topic=self.first(q=q).topic)

    with answers("topic", "plan", "A", "b") as lm:
        outer = Outer()
        found = outer(q="?")
    assert (found.line, outer.runs, outer.chain.runs, len(lm.requests)) == ("b", 1, 2, 4)
    assert len(found.tape.nodes) == 3


def test_an_outer_assert_replays_what_an_inner_one_has_corrected():
    class Outer(adjoint.Module):
        def __init__(self):
            self.chain, self.close = Chain(), Predict("line -> end")

        def forward(self, topic):
            end = self.close(line=self.chain(topic=topic).line).end
            adjoint.Assert(end == "bye", "say bye")
            return adjoint.Prediction(end=end)

    with answers("plan", "HELLO", "hello", "ciao", "bye") as lm:
        found = Outer()(topic="x")
    assert (found.end, len(lm.requests)) == ("bye", 5)
    assert [node.outputs for node in found.tape.nodes] == [{"plan": "plan"}, {"line": "hello"}, {"end": "bye"}]


def test_asynchronous_forwards_go_back_as_well():
    class Awaits(adjoint.Module):
        def __init__(self):
            self.ask = Predict("q -> a")

        async def aforward(self, q):
            found = await asyncio.gather(self.ask.acall(q=q), self.ask.acall(q=q + "!"))
            adjoint.Assert(found[1].a == "b", "say b")
            return adjoint.Prediction(a=found[0].a + found[1].a)

    lm = ScriptedLM(lambda request: "b" if len(request.messages) > 2 else "a")
    with adjoint.context(lm=lm, ledger=None):
        assert asyncio.run(Awaits().acall(q="?")).a == "ab"
        assert Awaits()(q="?").a == "ab"
    assert len(lm.requests) == 6


def test_outside_of_a_program_there_is_nothing_to_go_back_to():
    with pytest.raises(AssertionFailed, match="no call"):
        adjoint.Assert(False, "no call")
    assert adjoint.Assert(True) is True


def test_a_condition_without_a_message_is_named_by_its_place():
    with pytest.raises(AssertionFailed, match=r"a condition in test_a_condition_without.*, line \d+"):
        adjoint.Assert(0)


def test_the_tape_as_json_tells_of_remarks_and_of_what_was_sent_back():
    with answers("greet the reader", "HELLO", "hello"):
        body = Chain()(topic="x").tape.to_json()
    assert [node["outputs"] for node in body["rejected"]] == [{"line": "HELLO"}]
    assert body["remarks"] == [{"kind": "assert", "text": "write in small letters", "node": 1, "again": True, "settled": True}]


def test_a_call_that_nobody_waits_for_any_more_is_no_part_of_the_result():
    class Hasty(adjoint.Module):
        """Objects to one answer while another call has not even begun."""

        def __init__(self):
            self.ask, self.late = Predict("q -> a"), Predict("q -> b")

        async def aforward(self, q):
            async def later():
                await asyncio.sleep(0.02)
                return await self.late.acall(q=q)

            waiting = asyncio.ensure_future(later())
            found = await self.ask.acall(q=q)
            adjoint.Assert(found.a == "good", "be good")
            await asyncio.sleep(0.05)
            return adjoint.Prediction(a=found.a, b=(await waiting).b)

    lm = ScriptedLM(lambda request: "good" if len(request.messages) > 2 else "bad")
    with adjoint.context(lm=lm, ledger=None):
        found = asyncio.run(Hasty().acall(q="?"))
    assert (found.a, found.b) == ("good", "bad")
    assert [node.outputs for node in found.tape.nodes] == [{"a": "good"}, {"b": "bad"}]
    assert len(found.tape.rejected) == 2


def test_a_metric_sees_what_assertions_have_said():
    rows = [adjoint.Example(topic="x", line="hello").with_inputs("topic")]

    def metric(example, prediction, tape):
        said = [remark.score.feedback for remark in tape.remarks]
        return adjoint.Score(1.0 - 0.5 * len(said), "; ".join(said))

    with answers("plan", "HELLO", "hello"):
        report = adjoint.evaluate(Chain(), rows, metric)
    assert (report.mean, report.cells[0].score.feedback, report.cells[0].usage.calls) == (0.5, "write in small letters", 3)
