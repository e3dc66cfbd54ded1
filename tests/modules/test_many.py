"""Several tries, several chains, several programs: which of them counts, and what became of the others."""

import asyncio
import contextlib

import pytest

import adjoint
from adjoint import BestOfN, Ensemble, Example, MultiChainComparison, Parallel, Predict, Prediction, Refine, Score, majority
from adjoint.base.errors import MetricError, ParseError, ProgramError, TransportError, UsageError
from adjoint.program.batch import Failure
from adjoint.testing import ScriptedLM


@contextlib.contextmanager
def answers(*texts, **settings):
    lm = ScriptedLM(list(texts))
    with adjoint.context(lm=lm, ledger=None, **settings):
        yield lm


def brief(inputs, pred):
    """Answers of one word."""
    return 1.0 if " " not in pred.answer else 1 / len(pred.answer)


def test_the_first_try_that_is_good_enough_is_taken():
    with answers("a long one", "short", "unused") as lm:
        found = BestOfN(Predict("question -> answer"), N=3, reward_fn=brief, threshold=1.0)(question="?")
    assert (found.answer, len(lm.requests)) == ("short", 2)
    assert [node.outputs["answer"] for node in found.tape.nodes] == ["short"]
    assert [node.outputs["answer"] for node in found.tape.rejected] == ["a long one"]
    assert found.tape.usage().calls == 2


def test_without_one_the_best_is_taken_and_of_equals_the_earliest():
    with answers("aa bb", "a b", "c d"):
        assert BestOfN(Predict("question -> answer"), N=3, reward_fn=brief, threshold=1.0)(question="?").answer == "a b"


def test_tries_are_samples_of_their_own_and_the_temperature_stays_as_it_was():
    with answers("a b", "c d", sample=4) as lm:
        BestOfN(Predict("question -> answer", temperature=0.3), N=2, reward_fn=brief, threshold=1.0)(question="?")
    first, second = lm.requests
    assert (first.sample, first.temperature, second.temperature) == (4, 0.3, 0.3)
    assert second.sample > 2**20


def test_failed_tries_count_for_each_call_anew():
    program = BestOfN(Predict("question -> answer: int"), N=3, reward_fn=lambda i, p: 1.0, threshold=1.0, fail_count=1)
    for _ in range(2):
        with answers("x", "x", "x", "4"):
            assert program(question="?").answer == 4
    with answers(*"xxxxxx"), pytest.raises(ParseError):
        program(question="?")


def test_when_all_tries_fail_the_last_error_is_raised():
    with answers(*"xxxyyy"), pytest.raises(ParseError) as caught:
        BestOfN(Predict("question -> answer: int"), N=2, reward_fn=brief, threshold=1.0, fail_count=2)(question="?")
    assert caught.value.raw == "y"


@pytest.mark.parametrize("kind", [BestOfN, Refine])
def test_what_the_program_raises_itself_comes_out_as_it_is(kind):
    class Failing(adjoint.Module):
        def forward(self, question):
            raise KeyError(question)

    with answers("x"), pytest.raises(KeyError, match="who"):
        kind(Failing(), N=2, reward_fn=brief, threshold=1.0)(question="who")
    examples, errors = Failing().batch([Example(question="who").with_inputs("question")], return_failed_examples=True)[1:]
    assert [example.question for example in examples] == ["who"]
    assert isinstance(errors[0], KeyError)


def test_a_reward_that_is_no_number_is_an_error():
    with answers("x"), pytest.raises(MetricError, match="return a number"):
        BestOfN(Predict("question -> answer"), N=1, reward_fn=lambda i, p: "good", threshold=1.0)(question="?")


def test_a_reward_may_ask_an_lm_itself_and_that_is_no_call_of_the_program():
    judge = Predict("answer -> ok: bool")
    with answers("Paris", "yes"):
        found = BestOfN(Predict("question -> answer"), N=1, reward_fn=lambda i, p: judge(answer=p.answer).ok, threshold=1)(
            question="?"
        )
    assert len(found.tape.nodes) == 1


def test_the_parameters_of_the_module_are_those_of_the_program():
    program = Refine(Predict("question -> answer"), N=2, reward_fn=brief, threshold=1.0)
    assert [name for name, _ in program.named_predictors()] == ["module", "advise"]


def test_refine_carries_advice_into_the_next_try():
    program = Refine(adjoint.ChainOfThought("question -> answer"), N=2, reward_fn=brief, threshold=1.0)
    with answers(
        "[[reasoning]]\nr\n[[answer]]\na long one", '{"predict": "one word only"}', "[[reasoning]]\nr\n[[answer]]\nshort"
    ) as lm:
        found = program(question="capital?")
    assert found.answer == "short"
    assert lm.requests[2].messages[-1].text.startswith("capital?\n\n")
    assert lm.requests[2].messages[-1].text.endswith("\n\nAdvice after an earlier try: one word only")
    assert "Answers of one word." in lm.requests[1].messages[-1].text
    adviser, taken = found.tape.nodes
    assert [edge.source for edge in taken.parents["note"]] == [adviser]


@pytest.mark.parametrize(
    "said", ["Use one word only.", '{"advice": {"step 1": "Use one word only."}}', '{"advice": "Use one word only."}']
)
def test_advice_for_the_only_step_needs_no_name(said):
    program = Refine(Predict("question -> answer"), N=2, reward_fn=lambda i, p: Score(0.0, "too long"), threshold=1.0)
    with answers("a b", said, "short") as lm:
        assert program(question="?").answer == "a b"
    assert "too long" in lm.requests[1].messages[-1].text
    assert "Use one word only." in lm.requests[2].messages[-1].text


def test_refine_without_readable_advice_is_best_of_n():
    class Two(adjoint.Module):
        def __init__(self):
            self.first, self.second = Predict("question -> draft"), Predict("draft -> answer")

        def forward(self, question):
            return self.second(draft=self.first(question=question).draft)

    program = Refine(Two(), N=2, reward_fn=lambda i, p: Score(0.0, "too long"), threshold=1.0)
    with answers("draft", "a b", "Use one word only.", "draft", "short") as lm:
        assert program(question="?").answer == "a b"
    assert not any("Advice" in message.text for request in lm.requests[3:] for message in request.messages)


def test_chains_are_compared():
    compare = MultiChainComparison("question -> answer", M=2)
    chains = [Prediction(reasoning="two and two", answer="4"), {"rationale": "a guess", "answer": "5"}]
    with answers("[[rationale]]\nThe first.\n[[answer]]\n4") as lm:
        found = compare(chains, question="2+2?")
    assert (found.answer, lm.requests[0].temperature) == ("4", 0.7)
    assert "two and two\nanswer: 4" in lm.requests[0].messages[-1].text
    with pytest.raises(UsageError, match="M=2"):
        compare(chains[:1], question="?")


def test_a_compared_chain_is_an_edge():
    class Compared(adjoint.Module):
        def __init__(self):
            self.think, self.compare = (
                adjoint.ChainOfThought("question -> answer"),
                MultiChainComparison("question -> answer", M=1),
            )

        def forward(self, question):
            return self.compare([self.think(question=question)], question=question)

    with answers("[[reasoning]]\nr\n[[answer]]\n4", "[[rationale]]\nr\n[[answer]]\n4"):
        tape = Compared()(question="?").tape
    assert {edge.source for edge in tape.nodes[1].parents["reasoning_attempt_1"]} == {tape.nodes[0]}


def test_the_majority_wins_and_ties_go_to_the_earliest():
    votes = [Prediction(answer=text) for text in ("5", "The  Four", "four.", "5")]
    assert majority(votes[:3]) is votes[1]
    assert majority(votes) is votes[0]
    assert majority(votes[1:3], normalize=None) is votes[1]
    assert majority([{"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 2, "b": 3}], field="a").b == 2
    assert majority([{"a": "."}, {"a": "x"}]).a == "x"
    with pytest.raises(UsageError, match="nothing to vote"):
        majority([])
    with pytest.raises(UsageError, match="did you mean 'answer'"):
        majority(votes, field="anser")


def test_an_ensemble_asks_all_or_a_seeded_few():
    programs = [Predict("question -> answer") for _ in range(3)]
    with answers("a", "b", "b"):
        assert Ensemble(reduce_fn=majority).compile(programs)(question="?").answer == "b"
    drawn = Ensemble(size=2, seed=1).compile(programs)
    for _ in range(2):
        lm = ScriptedLM(lambda request: "x")
        with adjoint.context(lm=lm, ledger=None):
            assert len(drawn(question="?")) == 2
    assert len(drawn.named_predictors()) == 3
    with pytest.raises(UsageError, match="cannot be"):
        Ensemble(size=4).compile(programs)


class Picky(adjoint.Module):
    def __init__(self):
        self.ask = Predict("q -> a")

    def forward(self, q):
        if q == "bad":
            raise KeyError("bad question")
        return self.ask(q=q)


def echo():
    return adjoint.context(lm=ScriptedLM(lambda request: request.messages[-1].text.upper()), ledger=None)


def test_parallel_calls_keep_their_order_and_failures_are_data():
    program = Picky()
    row = Example(q="c", a="x").with_inputs("q")
    with echo():
        found = Parallel(num_threads=2)([(program, {"q": "a"}), (program, {"q": "bad"}), (program, row), (program, ("d",))])
    assert [item and item.a for item in found] == ["A", None, "C", "D"]
    (failure,) = found.failures
    assert isinstance(failure, Failure)
    assert (failure.index, str(failure)) == (1, "call 1: ProgramError: the program raised KeyError: 'bad question'")


def test_failed_examples_come_back_as_dspy_gives_them():
    with echo():
        results, examples, errors = Parallel(return_failed_examples=True)([(Picky(), {"q": "bad"})])
    assert (results, examples, [type(error) for error in errors]) == ([None], [{"q": "bad"}], [KeyError])


def test_too_many_failures_stop_the_rest():
    with echo() as here, pytest.raises(ProgramError, match="more than 0 calls failed"):
        Picky().batch([{"q": "bad"}] + [{"q": "a"}] * 50, num_threads=1, max_errors=0)
    assert here.lm.requests == []


def test_a_batch_is_a_parallel_of_one_program():
    with echo():
        found = Picky().batch([Example(q=letter).with_inputs("q") for letter in "abc"])
    assert [item.a for item in found] == ["A", "B", "C"]
    assert [len(item.tape.nodes) for item in found] == [1, 1, 1]


def test_a_slow_call_fails_and_is_never_made_twice():
    lm = ScriptedLM(["late"] * 3, delay=0.5)
    with adjoint.context(lm=lm, ledger=None):
        found = Parallel(timeout=0.05)([(Predict("q -> a"), {"q": "?"})])
    assert isinstance(found.failures[0].error, TransportError)
    assert len(lm.requests) == 1


def test_all_of_it_runs_in_asynchronous_code():
    async def all_at_once():
        with echo():
            best = await BestOfN(Picky(), N=1, reward_fn=lambda i, p: 1, threshold=1).acall(q="a")
            many = await Parallel().acall([(Picky(), {"q": "b"})])
        return best.a, many[0].a

    assert asyncio.run(all_at_once()) == ("A", "B")
