"""Optimizers of weights: a program teaches its own model, and the certificate decides."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra hf is not installed")
pytest.importorskip("transformers", reason="the extra hf is not installed")
pytest.importorskip("peft", reason="the extra hf is not installed")

import adjoint
from adjoint.base.errors import UsageError
from adjoint.cli.verbs import _stages
from adjoint.demo import tickets
from adjoint.lm.budget import Budget
from adjoint.lm.scripted import ScriptedLM
from adjoint.optim.base import Trial
from adjoint.optim.strategies.better_together import BetterTogether
from adjoint.optim.strategies.bootstrap import LabeledFewShot
from adjoint.optim.strategies.finetune import BootstrapFinetune, Distill, Preferences, RejectionSampling
from adjoint.optim.strategies.grpo import GRPO
from adjoint.program.context import active_ledger

WORDS = ("apple", "banana", "camera", "dog", "egg", "fish", "glass", "house")
ROWS = [
    adjoint.Example(word=f"{one} {two}", answer=f"[{one}]").with_inputs("word") for one in WORDS for two in WORDS if one != two
]
QUICK = {"rank": 8, "learning_rate": 5e-3, "batch_size": 8, "steps": 12}


def exact(example, prediction):
    return prediction.answer == (example.answer if "answer" in example else example.expected)


def teacher(name="teacher"):
    """A large model that knows the task; small ones are shown what it says."""
    return ScriptedLM(lambda request: f"[{request.messages[-1].text.split()[0]}]", identity=name)


def student():
    return adjoint.Predict("word -> answer", "Do it.", max_tokens=8)


def run(optimizer, lm, program=None, rows=ROWS, **options):
    return adjoint.optimize(program or student(), trainset=rows, metric=exact, optimizer=optimizer, lm=lm, seed=1, **options)


def test_the_embedded_checkpoint_teaches_itself_and_the_gain_is_certified():
    """Its own answers under demonstrations become its answers without them."""
    optimizer = BootstrapFinetune(train_kwargs={**QUICK, "steps": 16}, teacher_demos=6)
    result = run(optimizer, "hf/pocket", tickets.program(), tickets.train_rows()[:150])
    assert result.report.verdict == "better"
    assert result.report.shipped
    assert result.program.weights == result.state["weights"]
    assert result.program.demos == []


def test_a_small_t5_learns_from_a_large_prompted_model(t5):
    rows = [
        adjoint.Example(word=f"{word} {number}", answer=f"[{word}]").with_inputs("word") for word in WORDS for number in range(20)
    ]
    optimizer = Distill(teacher_lm=teacher(), train_kwargs={"rank": None, "learning_rate": 5e-3, "batch_size": 16, "steps": 60})
    result = run(optimizer, f"hf/{t5}", rows=rows)
    assert result.report.verdict == "better"


def test_the_loss_curve_is_in_the_ledger_and_a_second_run_trains_nothing(llama):
    optimizer = Distill(teacher_lm=teacher(), train_kwargs=QUICK)
    first = run(optimizer, f"hf/{llama}")
    curve = [event.body["step"] for event in active_ledger().events(first.run_id, "training")]
    assert curve == [*range(1, 13)]
    again = run(optimizer, f"hf/{llama}")
    assert again.run_id == first.run_id
    assert again.state == first.state


def test_whoever_watches_a_run_sees_each_step_of_its_training(llama):
    seen, lines = [], []
    show = _stages("distill", lines.append)

    def watch(progress):
        seen.append(progress.training)
        show(progress)

    run(Distill(teacher_lm=teacher(), train_kwargs=QUICK), f"hf/{llama}", on_progress=watch)
    steps = [step for step in seen if step is not None]
    assert [(step.number, step.total) for step in steps] == [(number, 12) for number in range(1, 13)]
    assert [line.split(", training ")[1] for line in lines if "training" in line] == [
        f"step {step.number} of 12, loss {step.loss:.3g}" for step in steps
    ]


def test_each_predictor_can_have_weights_of_its_own(llama):
    class Two(adjoint.Module):
        def __init__(self):
            self.first = adjoint.Predict("word -> middle", "Do it.", max_tokens=8)
            self.second = adjoint.Predict("middle -> answer", "Do it.", max_tokens=8)

        def forward(self, word):
            return self.second(middle=self.first(word=word).middle)

    def answer(request):
        word = request.messages[-1].text.split()[0]
        return word if word.startswith("[") else f"[{word}]"

    states = []
    for multitask in (True, False):
        optimizer = Distill(teacher_lm=ScriptedLM(answer, identity="t"), multitask=multitask, train_kwargs={**QUICK, "steps": 2})
        states.append(run(optimizer, f"hf/{llama}", Two(), ship="always").report.trials[0].state)
    together, apart = states
    assert together["first.weights"] == together["second.weights"]
    assert apart["first.weights"] != apart["second.weights"]


def test_snapshots_let_the_selection_rows_say_when_to_stop(llama):
    optimizer = Distill(teacher_lm=teacher(), train_kwargs=QUICK, snapshots=3)
    trials = run(optimizer, f"hf/{llama}").report.trials
    assert len({trial.state["weights"]["adapter"] for trial in trials}) == 3


def test_without_a_run_that_passes_nothing_is_trained(llama, caplog):
    optimizer = BootstrapFinetune(teacher_demos=0, train_kwargs=QUICK)
    result = run(optimizer, f"hf/{llama}")
    assert not result.report.trials
    assert "nothing to train on" in caplog.text


def test_distilling_needs_a_teacher(llama):
    with pytest.raises(UsageError, match="Distill needs a teacher"):
        run(Distill(), f"hf/{llama}")


def test_replies_that_pass_are_learned_round_after_round():
    """Sampling finds at times what the greedy reply misses; what passes is learned, and the next round samples from that."""
    rows = tickets.train_rows()[:60]
    program = tickets.program()
    program.demos = [{"ticket": row.ticket, "answer": row.expected} for row in tickets.train_rows()[60:62]]
    optimizer = RejectionSampling(samples=2, rounds=1, teacher_demos=0, train_kwargs={**QUICK, "steps": 4})
    result = run(optimizer, "hf/pocket", program, rows, ship="always")
    assert [trial.note["snapshot"] for trial in result.report.trials] == [1]


def test_preferences_are_learned_from_the_best_and_the_worst_run_of_a_row():
    said = ["[apple]", "house"]
    lm = ScriptedLM(
        lambda request: said[request.sample % 2] if request.messages[-1].text.startswith("apple") else "x", identity="s"
    )
    optimizer = Preferences(teacher_lm=lm, samples=2, train_kwargs={**QUICK, "steps": 2})
    result = run(optimizer, "hf/pocket", rows=[row for row in ROWS if row.word.startswith("apple")] + ROWS[7:16], ship="always")
    assert len(result.report.trials) == 1


def test_rewards_move_the_policy(llama):
    """Two rounds of two steps: the policy goes on from where it was, whether or not it has won its race."""
    optimizer = GRPO(
        num_train_steps=2, num_dspy_examples_per_grpo_step=2, num_rollouts_per_grpo_step=4, num_steps_for_val=1,
        train_kwargs={"rank": 4, "learning_rate": 1e-2},
    )  # fmt: skip

    def short(example, prediction):
        return len(prediction.answer) % 7 / 7

    seen = []
    result = adjoint.optimize(
        student(), trainset=ROWS[:18], metric=short, optimizer=optimizer, lm=f"hf/{llama}", seed=1, on_progress=seen.append
    )
    assert [(at.training.number, at.training.total) for at in seen if at.training] == [(1, 2), (2, 2)]
    notes = [trial.note for trial in result.report.trials]
    assert [note["step"] for note in notes] == [1, 2]
    assert notes[0]["weights"] != notes[1]["weights"]
    assert all(0 <= reward <= 1 for note in notes for reward in note["rewards"])


def test_a_policy_remembers_where_it_is():
    optimizer = GRPO(num_steps_for_val=5)
    memory = optimizer.tell(
        optimizer.init({}), [Trial({}, {}, 0, accepted=False, note={"weights": "w", "moments": "m", "step": 5})]
    )
    assert memory["step"] == 5
    assert (memory["weights"], memory["moments"]) == ("w", "m")


def test_prompts_and_weights_are_optimized_one_after_the_other(llama):
    weights = Distill(teacher_lm=teacher(), exclude_demos=False, train_kwargs={**QUICK, "steps": 2})
    optimizer = BetterTogether(strategy="p -> w", p=LabeledFewShot(2), w=weights)
    trials = run(optimizer, f"hf/{llama}", rows=ROWS[:24], ship="always").report.trials
    assert len(trials[0].state["demos"]) == 2
    assert "weights" in trials[-1].state


@pytest.mark.parametrize(
    ("budget", "said"), [(Budget(seconds=1.0), "1.0 second is spent"), ("40examples", "40 examples is spent")]
)
def test_a_spent_budget_ends_the_training_and_the_run_says_so(llama, budget, said):
    optimizer = Distill(teacher_lm=teacher(), train_kwargs={**QUICK, "steps": 10**6})
    report = run(optimizer, f"hf/{llama}", budget=budget).report
    assert said in report.stopped
    assert not report.shipped


def test_a_cap_on_examples_is_never_passed(llama):
    """Four fifths of 40 are for the search: four steps of 8 rows."""
    optimizer = Distill(teacher_lm=teacher(), train_kwargs={**QUICK, "steps": 10**6})
    result = run(optimizer, f"hf/{llama}", budget="40examples")
    assert len(list(active_ledger().events(result.run_id, "training"))) == 4
