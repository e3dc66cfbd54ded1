"""What is particular to the reflective, whole-trace, numeric and combined optimizers."""

from __future__ import annotations

import random

import pytest

import adjoint
from adjoint.base.errors import ProgramError, UnknownNameError, UsageError
from adjoint.optim.cost import dollars_of, tokens_of
from adjoint.optim.frontier import instance_front
from adjoint.optim.strategies.auto import Sight, plan_for
from adjoint.optim.strategies.pool import Member, draw, merges
from adjoint.testing import ScriptedLM
from adjoint.testing.planted import HINTS, PIPELINE, THRESHOLD, matches


def rows(n=60):
    return [adjoint.Example(q=f"word{i}", answer=f"WORD{i}").with_inputs("q") for i in range(n)]


def student():
    return adjoint.Predict("q -> answer", "Copy the word.")


def told(example, prediction):
    right = prediction.answer == example.answer
    return adjoint.Score(float(right), "" if right else f"expected: {example.answer}")


def system_of(request):
    return request.messages[0].text


def asks(request, signature):
    return system_of(request).startswith(signature.__doc__[:40])


def capitals(request):
    word = request.messages[-1].text
    return word.upper() if "CAPITALS" in system_of(request) else word


def models(write="Write the word in CAPITALS."):
    return ScriptedLM(capitals, identity="task"), ScriptedLM(write if callable(write) else lambda _: write, identity="proposer")


def optimized(optimizer, write="Write the word in CAPITALS.", program=None, metric=told, **options):
    task, proposer = models(write)
    given = {"trainset": rows(), "metric": metric, "lm": task, "proposer_lm": proposer, **options}
    return adjoint.optimize(program or student(), optimizer=optimizer, **given), task, proposer


# The front ---------------------------------------------------------------------------------------------------------


def pool(*scores):
    return [Member({"t": str(place)}, (), dict(enumerate(map(float, own)))) for place, own in enumerate(scores)]


def test_the_front_holds_who_is_best_somewhere_and_drops_whom_others_cover():
    held = instance_front({place: one.scores for place, one in enumerate(pool((1, 0, 0), (0, 1, 1), (0, 0, 1)))})
    assert {place: sorted(rows_held) for place, rows_held in held.items()} == {0: [0], 1: [1, 2]}


def test_parents_are_drawn_in_proportion_to_the_rows_they_hold_and_the_best_always_can_be():
    members = pool((1, 0, 0, 0), (0, 1, 1, 1), (0.9, 0.9, 0.9, 0.9))
    drawn = [draw(members, "pareto", 2, random.Random(seed)) for seed in range(400)]
    assert 0.5 < drawn.count(1) / 400 < 0.7
    assert drawn.count(2) > 40
    assert {draw(members, "current_best", 2, random.Random(seed)) for seed in range(9)} == {2}
    assert {draw(members, "epsilon_greedy", 2, random.Random(seed)) for seed in range(99)} == {0, 1, 2}


def test_two_programs_that_improved_different_parts_are_merged_part_by_part():
    old = {"a": "old", "b": "old"}
    members = [
        Member(old, (), {"x": 0.0, "y": 0.0}),
        Member({**old, "a": "new"}, (0,), {"x": 1.0, "y": 0.0}),
        Member({**old, "b": "new"}, (0,), {"x": 0.0, "y": 1.0}),
        Member({**old, "a": "newer"}, (1,), {"x": 1.0, "y": 0.5}),
    ]
    pairs = list(merges(members))
    assert ((2, 3), {"a": "newer", "b": "new"}) in [(tuple(sorted(pair)), state) for pair, state in pairs]
    assert not any(set(pair) == {1, 3} for pair, _ in pairs)  # one is the other's ancestor


# GEPA --------------------------------------------------------------------------------------------------------------


def test_gepa_reflects_on_what_failed_and_the_child_wins_its_race():
    result, _, proposer = optimized(adjoint.GEPA(reflection="reflect"))
    assert result.report.verdict == "better"
    assert result.program.instruction == "Write the word in CAPITALS."
    shown = proposer.requests[0].messages[-1].text
    assert "Copy the word." in shown
    assert shown.count("feedback: expected: WORD") == 3


def test_gepa_reflects_in_one_step_and_in_two_by_turns():
    _, _, proposer = optimized(adjoint.GEPA(), "Say nothing new.")
    first, second = system_of(proposer.requests[0]), system_of(proposer.requests[1])
    assert first.startswith("An instruction was followed")
    assert second.startswith("One step of a program")


def test_what_was_refused_is_shown_to_the_next_reflection():
    _, _, proposer = optimized(adjoint.GEPA(reflection="reflect"), "Try harder.")
    assert "Try harder." not in proposer.requests[0].messages[-1].text
    assert "- Try harder." in proposer.requests[1].messages[-1].text


def test_a_run_of_metric_calls_is_a_hard_cap():
    result, _, _ = optimized(
        adjoint.GEPA(max_metric_calls=17, reflection="reflect"), lambda request: f"Try {len(request.key('x'))}."
    )
    assert result.report.cells <= 17 + 2 * 20  # the search, and at most the holdout for both


def test_two_limits_at_once_are_refused():
    with pytest.raises(UsageError, match="takes one of auto"):
        adjoint.GEPA(auto="light", max_metric_calls=10)


def test_what_has_no_meaning_here_is_accepted_or_refused_with_a_reason(caplog):
    optimizer = adjoint.GEPA(told, auto="light", log_dir="logs", track_stats=True, use_wandb=False, seed=5, num_threads=2)
    assert optimizer.compile_options == {"seed": 5, "num_threads": 2}
    with pytest.raises(UsageError, match=r"use_wandb=True.*the ledger has every trial"):
        adjoint.GEPA(use_wandb=True)
    assert "log_dir='logs' has no effect here: every run is in the ledger" in caplog.text
    with pytest.raises(UnknownNameError, match="reflection_lmm"):
        adjoint.GEPA(reflection_lmm="x")
    with pytest.raises(UsageError, match="candidate_selection_strategy='best'"):
        adjoint.GEPA(candidate_selection_strategy="best")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_own_proposer_writes_the_texts(asynchronous):
    seen = []

    def propose(candidate, reflective_dataset, components_to_update):
        seen.append((candidate, reflective_dataset, components_to_update))
        return {"instruction": "Use CAPITALS."}

    async def apropose(**given):
        return propose(**given)

    result, _, proposer = optimized(adjoint.GEPA(instruction_proposer=apropose if asynchronous else propose))
    assert result.program.instruction == "Use CAPITALS."
    assert proposer.requests == []
    candidate, records, names = seen[0]
    assert (candidate, names) == ({"instruction": "Copy the word."}, ["instruction"])
    assert records["instruction"][0]["Inputs"] in {row.q for row in rows()}
    assert records["instruction"][0]["Feedback"].startswith("expected: WORD")


def test_an_own_proposer_that_breaks_is_named():
    def propose(**given):
        raise ValueError("no idea")

    with pytest.raises(ProgramError, match=r"the instruction proposer.*no idea"):
        optimized(adjoint.GEPA(instruction_proposer=propose))


def test_a_metric_of_five_parameters_is_asked_about_the_predictor():
    asked = []

    def metric(gold, pred, trace=None, pred_name=None, pred_trace=None):
        if pred_name is not None:
            asked.append((pred_name, [(dict(inputs), outputs) for _, inputs, outputs in pred_trace]))
            return adjoint.Score(0.0, f"the predictor {pred_name} is to blame")
        return float(pred.answer == gold.answer)

    _, _, proposer = optimized(adjoint.GEPA(reflection="reflect"), metric=metric)
    assert {name for name, _ in asked} == {"self"}
    assert all(calls and calls[0][1]["answer"] == calls[0][0]["q"] for _, calls in asked)
    assert "the predictor self is to blame" in proposer.requests[0].messages[-1].text


def test_a_program_without_a_text_ends_at_once():
    program = student()
    program._instruction.trainable = False
    result, task, _ = optimized(adjoint.GEPA(max_metric_calls=50), program=program)
    assert (result.report.trials, task.requests) == ((), [])


def test_of_several_texts_at_once_each_hears_what_is_said_of_its_own_predictor():
    def metric(gold, pred, trace=None, pred_name=None, pred_trace=None):
        return adjoint.Score(0.0, f"the predictor {pred_name} is to blame" if pred_name else "")

    task, _ = PIPELINE.lms()
    proposer = ScriptedLM(lambda _: "Try harder.", identity="proposer")
    optimizer = adjoint.GEPA(component_selector="all", reflection="reflect")
    adjoint.optimize(
        PIPELINE.student(), trainset=PIPELINE.rows, metric=metric, optimizer=optimizer, lm=task, proposer_lm=proposer
    )
    shown = [request.messages[-1].text for request in proposer.requests[:2]]
    assert [("shout is to blame" in text, "wrap is to blame" in text) for text in shown] == [(True, False), (False, True)]


def test_failed_formats_are_feedback_only_where_that_is_asked_for():
    program = adjoint.Predict("q -> answer: int", "Copy the word.")
    for wanted in (False, True):
        optimizer = adjoint.GEPA(reflection="reflect", add_format_failure_as_feedback=wanted)
        task = ScriptedLM(
            lambda r: "7" if "NUMBER" in system_of(r) or r.messages[1].text.split("\n")[0].endswith("1") else "seven",
            identity=f"{wanted}",
        )
        proposer = ScriptedLM(lambda _: "Give the NUMBER.", identity="proposer")
        data = [adjoint.Example(q=f"word{i}", answer=7).with_inputs("q") for i in range(60)]
        adjoint.optimize(program, trainset=data, metric=adjoint.exact_match, optimizer=optimizer, lm=task, proposer_lm=proposer)
        shown = [request.messages[-1].text for request in proposer.requests]
        assert any("the call failed" in text for text in shown) == wanted


def test_descriptions_of_tools_are_texts_like_any_other_unless_they_are_left_alone():
    def look(word: str) -> str:
        """Look it up."""
        return word

    agent = adjoint.ReAct("q -> answer", tools=[look])
    task = ScriptedLM(lambda _: "nothing", identity="agent")
    changed = {}
    for wanted in (False, True):
        names = []

        def select(texts, state, names=names):
            names.extend(texts)
            return texts[:1]

        optimizer = adjoint.GEPA(component_selector=select, enable_tool_optimization=wanted, auto="light")
        with pytest.raises(ProgramError):  # no call of this agent can be read, and that is all right here
            adjoint.optimize(agent, trainset=rows(), metric=told, optimizer=optimizer, lm=task)
        changed[wanted] = set(names)
    assert changed[True] - changed[False] == {name for name in agent.state_dict() if ".descriptions." in name}


# SIMBA, POLCA, OptoPrime ---------------------------------------------------------------------------------------------


def test_simba_learns_rules_from_the_contrast_of_good_and_bad_runs():
    def flaky(request):
        word, able = request.messages[-1].text, "CAPITALS" in system_of(request) or request.sample % 2
        return word.upper() if able else word

    task = ScriptedLM(flaky, identity="flaky")
    proposer = ScriptedLM(lambda _: "Say that CAPITALS are wanted.", identity="proposer")
    metric = adjoint.exact_match  # it has no words: what is better stands in the good run
    optimizer = adjoint.SIMBA(bsize=6, num_candidates=4, max_steps=2, max_demos=0)
    result = adjoint.optimize(student(), trainset=rows(), metric=metric, optimizer=optimizer, lm=task, proposer_lm=proposer)
    assert result.program.instruction == "Copy the word.\nSay that CAPITALS are wanted."
    assert "feedback: expected: WORD" in proposer.requests[0].messages[-1].text


def test_simba_makes_demos_of_good_runs():
    def flaky(request):
        word = request.messages[-1].text
        return word.upper() if len(request.messages) > 2 or request.sample % 2 else word

    task, proposer = ScriptedLM(flaky, identity="flaky"), ScriptedLM(lambda _: "ok", identity="proposer")
    optimizer = adjoint.SIMBA(bsize=6, num_candidates=4, max_steps=2, max_demos=2)
    result = adjoint.optimize(student(), trainset=rows(), metric=told, optimizer=optimizer, lm=task, proposer_lm=proposer)
    assert result.report.verdict == "better"
    assert all(demo["answer"] == demo["q"].upper() for trial in result.report.trials for demo in trial.state["demos"])


def test_polca_does_not_pay_for_what_says_the_same_again():
    def nearly(request):
        return f"Copy the word{'.' * (len(request.key('x')) % 2 + 1)}"

    result, _, _ = optimized(adjoint.POLCA(), nearly)
    assert result.report.trials == ()
    assert result.report.rounds == 3


def test_optoprime_asks_once_for_all_values_of_a_round():
    task, proposer = PIPELINE.lms()
    optimizer = adjoint.OptoPrime(patience=1)
    given = {"trainset": PIPELINE.rows, "metric": matches, "lm": task, "proposer_lm": proposer}
    result = adjoint.optimize(PIPELINE.student(), optimizer=optimizer, **given)
    assert result.report.verdict == "better"
    assert len(proposer.requests) == 1
    assert "value_1 (instruction): Repeat the word." in proposer.requests[0].messages[-1].text


def test_optoprime_that_writes_no_number_where_one_is_needed_costs_a_candidate():
    task, _ = THRESHOLD.lms()
    proposer = ScriptedLM(lambda _: "[[reasoning]]\nx\n[[value_0]]\nRate it.\n[[value_1]]\nhigh", identity="proposer")
    given = {"trainset": THRESHOLD.rows, "metric": matches, "lm": task, "proposer_lm": proposer}
    result = adjoint.optimize(THRESHOLD.student(), optimizer=adjoint.OptoPrime(), **given)
    assert result.report.trials == ()


# Numbers -----------------------------------------------------------------------------------------------------------


def test_a_threshold_is_calibrated_on_the_replies_that_are_there():
    task, proposer = THRESHOLD.lms()
    optimizer = adjoint.Numbers(values=8, candidates=4)
    given = {"trainset": THRESHOLD.rows, "metric": matches, "lm": task, "proposer_lm": proposer}
    result = adjoint.optimize(THRESHOLD.student(), optimizer=optimizer, **given)
    assert result.report.verdict == "better"
    assert 0.75 < result.state["threshold"] <= 0.8
    assert len(task.requests) <= len(THRESHOLD.rows) < result.report.cells


def test_a_number_knows_its_bounds_and_may_be_an_option_of_requests():
    with pytest.raises(ValueError, match=r"threshold 2 does not lie in \[0, 1\]"):
        adjoint.Number(2, low=0, high=1, role="threshold")
    lm = ScriptedLM(lambda _: "x")
    program = adjoint.Predict("q -> answer", temperature=adjoint.Number(0.7, low=0, high=1.5))
    cooler = program.with_state({**program.state_dict(), "config.temperature": 0.25})
    with adjoint.context(lm=lm, ledger=None):
        program(q="a")
        cooler(q="a")
    assert [request.temperature for request in lm.requests] == [0.7, 0.25]


def test_demos_are_dropped_and_reordered_where_that_helps():
    def confused(request):
        word, turns = request.messages[-1].text, [message.text for message in request.messages[1:-1]]
        return word.upper() if turns[:2] == ["a", "A"] else word

    program = student()
    program.demos = [{"q": "b", "answer": "b"}, {"q": "a", "answer": "A"}]
    lm = ScriptedLM(confused, identity="confused")
    result = adjoint.optimize(program, trainset=rows(), metric=told, optimizer="demo-order", lm=lm)
    assert result.program.demos[0] == {"q": "a", "answer": "A"}
    assert adjoint.optimize(student(), trainset=rows(), metric=told, optimizer="demo-order", lm=lm).report.trials == ()


def priced(price, *, able, name):
    lm = ScriptedLM(
        lambda request: request.messages[-1].text.upper() if able else request.messages[-1].text, identity=name, name=name
    )
    lm.price = price
    return lm


def choosing(*lms):
    program = student()
    program.lm = adjoint.ModelChoice(lms)
    return program


def test_the_model_of_a_predictor_is_chosen_under_a_cap_on_the_cost():
    cheap, good, dear = (
        priced((1, 1), able=False, name="cheap"),
        priced((5, 5), able=True, name="good"),
        priced((99, 99), able=True, name="dear"),
    )
    program = choosing(cheap, dear, good)
    free = adjoint.optimize(program, trainset=rows(), metric=told, optimizer=adjoint.Models())
    assert free.state["lm"] in {1, 2}
    capped = adjoint.optimize(program, trainset=rows(), metric=told, optimizer=adjoint.Models(max_cost=1e-4))
    assert capped.state["lm"] == 2
    assert capped.program(q="word").answer == "WORD"
    assert capped.program.lm.name == "good"
    with pytest.raises(UsageError, match="the program as it is costs"):
        adjoint.optimize(program, trainset=rows(), metric=told, optimizer=adjoint.Models(max_cost=1e-9))


def test_an_unknown_price_is_no_price_of_nothing():
    program = choosing(priced(None, able=True, name="nobody/knows"), priced((1, 1), able=True, name="cheap"))
    with pytest.raises(UsageError, match="what a model costs is not known"):
        adjoint.optimize(program, trainset=rows(), metric=told, optimizer=adjoint.Models(max_cost=1))


def test_a_choice_of_models_must_be_one():
    with pytest.raises(UsageError, match="cannot have chosen number 2"):
        adjoint.ModelChoice([ScriptedLM(["x"])], 2)


def test_costs_are_read_off_the_tape_also_of_kept_replies():
    program = choosing(priced((1, 3), able=True, name="cheap"))
    tapes = [program(q="word").tape for _ in range(2)]
    assert dollars_of(tapes[0]) == dollars_of(tapes[1]) > 0
    assert tokens_of(tapes[0]) == tokens_of(tapes[1]) == 5


# Combinations ------------------------------------------------------------------------------------------------------


def test_a_name_may_say_several_optimizers():
    result, _, _ = optimized("labeled-few-shot -> tgd")
    assert result.report.optimizer == "sequence"
    assert result.program.instruction == "Write the word in CAPITALS."


def test_the_second_of_a_sequence_begins_with_the_best_of_the_first():
    result, _, _ = optimized(adjoint.Chain([adjoint.GEPA(), adjoint.LabeledFewShot(k=2)]))
    last = result.report.trials[-1].state
    assert last["instruction"] == "Write the word in CAPITALS."
    assert len(last["demos"]) == 2


def memory_of(combination, *, rounds, gains, done=(), last=None):
    return {**combination.init({}), "rounds": list(rounds), "gains": list(gains), "done": list(done), "last": last}


def test_whose_turn_it_is():
    two = [adjoint.LabeledFewShot(), adjoint.TGD()]
    alternate = adjoint.Alternate(two)
    assert list(alternate.order(memory_of(alternate, rounds=(1, 0), gains=(0, 0), last=0))) == [1, 0]
    portfolio = adjoint.Portfolio(two)
    assert list(portfolio.order(memory_of(portfolio, rounds=(1, 0), gains=(1, 0)))) == [1, 0]
    assert list(portfolio.order(memory_of(portfolio, rounds=(5, 5), gains=(1, 4)))) == [1, 0]
    restart = adjoint.Restart("tgd", times=3)
    assert list(restart.order(memory_of(restart, rounds=(2, 0, 0), gains=(0, 0, 0), done=[0]))) == []
    assert list(restart.order(memory_of(restart, rounds=(2, 0, 0), gains=(1, 0, 0), done=[0]))) == [1]
    with pytest.raises(UsageError, match="give at least one"):
        adjoint.Chain([])


def test_better_together_takes_its_steps_by_letter():
    both = adjoint.BetterTogether(told, p="labeled-few-shot", w=adjoint.TGD())
    assert (both.strategy, [one.name for one in both.optimizers]) == (
        "p -> w -> p",
        ["labeled-few-shot", "tgd", "labeled-few-shot"],
    )
    assert adjoint.BetterTogether(told, prompt_optimizer=adjoint.TGD(), seed=1).strategy == "p"
    with pytest.raises(UnknownNameError, match="'q'"):
        adjoint.BetterTogether(told, p="tgd", strategy="p -> q")
    task, proposer = models()
    with adjoint.context(lm=task):
        made = both.compile(student(), trainset=rows(), strategy="w -> p", proposer_lm=proposer, valset_ratio=0.1)
    assert made.instruction == "Write the word in CAPITALS."


def sight(**given):
    usual = {
        "texts": True,
        "demos": True,
        "numbers": False,
        "models": False,
        "labels": True,
        "words": True,
        "mean": 0.1,
        "perfect": False,
        "passes": 9.0,
    }
    return Sight(**{**usual, **given})


def test_auto_picks_by_headroom_data_and_budget():
    def plan(**given):
        return plan_for(sight(**given), 40)[0]

    assert plan(perfect=True) == []
    assert plan(passes=2) == [["labeled-few-shot"], ["tgd"]]
    assert plan() == [["labeled-few-shot"], ["tgd"], ["bootstrap-rs"], ["demo-order"]]
    assert plan(passes=99) == [["labeled-few-shot"], ["tgd"], ["bootstrap-rs", "gepa", "polca"], ["demo-order"]]
    assert plan(labels=False, words=False) == [["bootstrap-rs"], ["demo-order"]]
    assert plan(texts=False, demos=False, numbers=True, models=True) == [["numbers"], ["models"]]


def test_auto_explains_its_choice_and_stops_when_all_is_right():
    result, _, _ = optimized("auto", budget=2000)
    assert result.report.verdict == "better"
    assert "auto: mean 0 % on feedback rows (20 in all)" in result.report.notes
    assert result.report.notes[-1] == "auto: the best is right on every feedback row now, so the rest was not tried"
    assert "auto: labeled-few-shot -> tgd" in str(result.report)


def test_auto_tries_nothing_where_nothing_can_be_won():
    lm = ScriptedLM(lambda request: request.messages[-1].text.upper(), identity="perfect")
    result = adjoint.optimize(student(), trainset=rows(), metric=told, optimizer="auto", lm=lm)
    assert (result.report.trials, len(lm.requests)) == ((), 20)
    assert "no headroom" in str(result.report)


def test_an_ensemble_is_filled_with_members_that_are_right_together():
    members = ["Even.", "Odd.", "Low."]

    def partly(request):
        word, system = request.messages[-1].text, system_of(request)
        number = int(word[4:])
        able = {"Even.": number % 3 != 0, "Odd.": number % 3 != 1, "Low.": number % 3 != 2}.get(system, False)
        return word.upper() if able else word

    class Three(adjoint.LabeledFewShot):
        async def ask(self, memory, work):
            return [{**work.best, "instruction": text} for text in members]

    lm = ScriptedLM(partly, identity="partly")
    with adjoint.context(lm=lm):
        made = adjoint.EnsembleSearch(told, optimizer=Three()).compile(student(), trainset=rows())
    assert sorted(program.instruction for program in made.programs) == sorted(members)
    with pytest.raises(UsageError, match="fills an ensemble, not a Predict"):
        adjoint.optimize(student(), trainset=rows(), metric=told, optimizer="ensemble", lm=lm)


# The certified front -------------------------------------------------------------------------------------------------


def test_a_front_holds_what_is_shown_to_be_better_or_cheaper():
    cheap, good, dear = (
        priced((1, 1), able=True, name="cheap"),
        priced((5, 5), able=True, name="good"),
        priced((9, 9), able=False, name="dear"),
    )
    program = choosing(good, cheap, dear)
    data = [adjoint.Example(q=f"word{i}", answer=f"WORD{i}").with_inputs("q") for i in range(300)]
    found = adjoint.front(program, trainset=data, metric=told, optimizer=adjoint.Models(), cost=dollars_of, margin=0.1)
    assert [point.program.lm.name for point in found.points] == ["cheap"]
    point = found.points[0]
    assert (point.shown("cheaper"), point.shown("better"), point.shown("not worse")) == (True, False, True)
    assert point.cost < found.original.cost
    assert found.choose().quality == 1.0
    assert found.choose(max_cost=point.cost).program.lm.name == "cheap"
    with pytest.raises(UsageError, match="no point costs at most"):
        found.choose(max_cost=0)
    assert "cheaper" in str(found)


def test_a_front_again_costs_nothing_and_is_the_same():
    task, proposer = models()
    given = {"trainset": rows(), "metric": told, "optimizer": "gepa", "lm": task, "proposer_lm": proposer}
    first = adjoint.front(student(), **given)
    asked = len(task.requests) + len(proposer.requests)
    again = adjoint.front(student(), **given)
    assert len(task.requests) + len(proposer.requests) == asked
    assert again.points == first.points
    assert [point.shown("better") for point in first.points] == [True]


def test_a_budget_that_ends_in_the_midst_of_a_front_is_kept():
    task, proposer = models()
    found = adjoint.front(student(), trainset=rows(), metric=told, optimizer="gepa", lm=task, proposer_lm=proposer, budget=60)
    assert "the budget of 60 calls is spent" in found.stopped
    assert len(task.requests) + len(proposer.requests) <= 60


# On the embedded model -----------------------------------------------------------------------------------------------

ITEMS = ["lamp", "chair", "kettle", "laptop", "shelf", "backpack", "camera", "charger", "printer", "sofa"]
PEOPLE = [("Ida", "Oslo"), ("Robert", "Munich"), ("Oscar", "Rome"), ("Nina", "Doha"), ("Emma", "Paris"), ("Peter", "London")]


def tickets():
    texts = [
        (f"Hi, I am {name} from {city}. On Friday I ordered a red {item}. It arrived broken.", item)
        for item in ITEMS
        for name, city in PEOPLE
    ]
    return [adjoint.Example(ticket=text, answer=f"[{item}]").with_inputs("ticket") for text, item in texts]


@pytest.mark.parametrize(
    "make",
    [
        adjoint.GEPA,
        adjoint.POLCA,
        lambda: adjoint.SIMBA(bsize=6, num_candidates=3, max_steps=2),
        lambda: adjoint.Chain([adjoint.LabeledFewShot(k=4), adjoint.DemoOrder()]),
        adjoint.Auto,
    ],
    ids=["gepa", "polca", "simba", "demo-order", "auto"],
)
def test_the_embedded_model_is_optimised_offline(make):
    program = adjoint.Predict("ticket -> answer", "Handle the ticket.")
    result = adjoint.optimize(program, trainset=tickets(), metric=told, optimizer=make(), lm="pocket", budget=700)
    assert result.report.verdict == "better", str(result.report)


def test_hints_that_must_be_found_by_trying_are_found():
    task, proposer = HINTS.lms()
    given = {"trainset": HINTS.rows, "metric": matches, "lm": task, "proposer_lm": proposer, "seed": 1}
    assert adjoint.optimize(HINTS.student(), optimizer="polca", **given).report.selection == 1.0
