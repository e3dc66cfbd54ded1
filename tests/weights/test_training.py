"""Training: what is learned, what is saved on the way, and that nothing depends on where a run was cut."""

from __future__ import annotations

import asyncio
import json

import pytest

pytest.importorskip("torch", reason="the extra hf is not installed")
pytest.importorskip("transformers", reason="the extra hf is not installed")
pytest.importorskip("peft", reason="the extra hf is not installed")

import torch

import adjoint
from adjoint.base.errors import DataError, UnknownNameError, UsageError
from adjoint.lm import weights
from adjoint.lm.hf import adapters
from adjoint.lm.hf.client import HF
from adjoint.lm.hf.merge import merge
from adjoint.lm.pocket import Pocket
from adjoint.lm.types import Message, Request
from adjoint.optim.weights import losses, tuner
from adjoint.optim.weights.loop import train
from adjoint.optim.weights.recipe import Recipe
from adjoint.optim.weights.rows import Row, jsonl, read
from adjoint.optim.weights.task import Task
from adjoint.optim.weights.tuner import tuner_of

WORDS = ("apple", "banana", "camera", "dog", "egg", "fish", "glass", "house")
ROWS = [Row((Message("system", "Copy."), Message("user", word)), f"[{word}]") for word in WORDS]
PAIRS = [Row(row.messages, row.reply, rejected=row.reply[1:-1]) for row in ROWS]
QUICK = {"rank": 4, "learning_rate": 5e-3, "batch_size": 4, "steps": 6}


def run(lm, rows, folder, recipe, **options):
    task = Task(Recipe.of({**QUICK, **recipe}), rows, folder, **options)
    return lm.engine.run(lambda engine: train(engine, task)).result()


def said(lm, rows, digest=None):
    async def gather():
        extra = {} if digest is None else {"adapter": digest}
        return await asyncio.gather(*(lm(Request(row.messages, max_tokens=8, extra=extra)) for row in rows))

    return [reply.text for reply in asyncio.run(gather())]


class Cut(Exception):
    """The power fails."""


@pytest.mark.parametrize(
    "recipe",
    [{"dropout": 0.1}, {"rank": None, "learning_rate": 1e-3}, {"method": "dpo"}, {"validation": 0.25, "evaluate_every": 2}],
)
def test_a_run_that_was_cut_ends_with_the_same_bits(llama, tmp_path, recipe):
    """After any number of steps, with dropout, with all weights, with a reference model, with rows held back."""
    lm, rows = HF(str(llama)), PAIRS if recipe.get("method") == "dpo" else ROWS

    def fail(step):
        if step.number == 4:
            raise Cut

    whole = run(lm, rows, tmp_path / "whole", {**recipe, "checkpoint_every": 3})
    with pytest.raises(Cut):
        run(lm, rows, tmp_path / "cut", {**recipe, "checkpoint_every": 3}, on_step=fail)
    seen = []
    again = run(lm, rows, tmp_path / "cut", {**recipe, "checkpoint_every": 3}, on_step=seen.append)
    assert [step.number for step in seen] == [5, 6]
    assert (again.weights, again.moments, again.curve) == (whole.weights, whole.moments, whole.curve)


def test_a_run_killed_between_checkpoints_goes_on_from_the_last_one(llama, tmp_path):
    lm = HF(str(llama))
    whole = run(lm, ROWS, tmp_path / "whole", {"checkpoint_every": 2}, snapshots=2)
    run(lm, ROWS, tmp_path / "cut", {"checkpoint_every": 4, "steps": 6}, snapshots=2)  # its checkpoint of step 4 stays
    seen = []
    again = run(lm, ROWS, tmp_path / "cut", {"checkpoint_every": 4, "steps": 6}, snapshots=2, on_step=seen.append)
    assert [step.number for step in seen] == [5, 6]
    assert again.weights == whole.weights
    assert len(whole.weights) == 2


def test_small_portions_give_the_same_step_as_one_large_one(llama, tmp_path):
    lm = HF(str(llama))
    one = run(lm, ROWS, tmp_path / "1", {"steps": 1, "micro_batch": 8, "batch_size": 8})
    four = run(lm, ROWS, tmp_path / "4", {"steps": 1, "micro_batch": 2, "batch_size": 8})
    assert one.curve[0].loss == pytest.approx(four.curve[0].loss, rel=1e-5)
    left, right = adapters.tensors(one.weights[-1]), adapters.tensors(four.weights[-1])
    assert all(torch.allclose(left[name], right[name], atol=1e-4) for name in left)


def test_the_loss_is_the_mean_over_the_tokens_of_the_replies(llama):
    """Against transformers' own loss, with the prompt masked out."""
    checkpoint = HF(str(llama)).engine.run(lambda engine: engine.checkpoint).result()
    items = [losses.encode(checkpoint, row, 64) for row in ROWS[:3]]
    recipe = Recipe()
    total = 0.0
    with torch.no_grad():
        found = losses.loss(checkpoint, checkpoint.model, items, recipe, 1.0 / losses.units(items, recipe))
        for item in items:
            ids = torch.tensor([item.chosen.prompt + item.chosen.reply])
            labels = torch.tensor([[-100] * len(item.chosen.prompt) + item.chosen.reply])
            total += float(checkpoint.model(input_ids=ids, labels=labels).loss) * len(item.chosen.reply)
    assert float(found) == pytest.approx(total / losses.units(items, recipe), rel=1e-4)


def test_adapters_are_switched_call_by_call_and_the_base_stays(llama, tmp_path):
    lm = HF(str(llama))
    before = said(lm, ROWS)
    tuned = [run(lm, ROWS, tmp_path / name, {"seed": seed, "steps": 12}).weights[-1] for seed, name in enumerate("ab")]
    alone = [said(lm, ROWS[:2], digest) for digest in tuned]

    async def mixed():
        asked = [(row, digest) for row in ROWS[:2] for digest in (None, *tuned)]
        replies = await asyncio.gather(
            *(lm(Request(row.messages, max_tokens=8, extra={"adapter": d} if d else {})) for row, d in asked)
        )
        return [reply.text for reply in replies]

    assert asyncio.run(mixed()) == [texts[at] for at in range(2) for texts in (before, *alone)]
    assert alone[0] != before[:2]
    assert said(lm, ROWS) == before


def test_all_weights_can_be_trained_and_the_checkpoint_stays(llama, tmp_path):
    lm = HF(str(llama))
    before = said(lm, ROWS)
    tuned = run(lm, ROWS, tmp_path / "full", {"rank": None, "learning_rate": 5e-3, "steps": 30, "batch_size": 8})
    assert tuned.curve[-1].loss < 0.2 * tuned.curve[0].loss
    assert said(lm, ROWS[:3], tuned.weights[-1]) != before[:3] == said(lm, ROWS[:3])


@pytest.mark.parametrize("rank", [8, None])
def test_trained_weights_become_a_checkpoint_that_says_the_same(rank, tmp_path):
    """Also to the numpy runtime of the embedded model."""
    lm = HF("pocket")
    rate = 5e-3 if rank else 1e-3
    digest = run(lm, ROWS, tmp_path / "run", {"rank": rank, "learning_rate": rate, "steps": 10, "batch_size": 8}).weights[-1]
    lm.engine.run(lambda engine: merge(engine, digest, tmp_path / "merged")).result()
    tuned = said(lm, ROWS, digest)
    assert tuned == said(HF(str(tmp_path / "merged")), ROWS) == said(Pocket(tmp_path / "merged"), ROWS)
    assert tuned != said(lm, ROWS)
    with pytest.raises(UsageError, match="is not empty"):
        lm.engine.run(lambda engine: merge(engine, digest, tmp_path / "merged")).result()


def test_an_encoder_and_decoder_learns_too(t5, tmp_path):
    lm = HF(str(t5))
    tuned = run(lm, ROWS, tmp_path / "t5", {"rank": None, "learning_rate": 5e-3, "steps": 60, "batch_size": 8})
    assert sum(text == row.reply for text, row in zip(said(lm, ROWS, tuned.weights[-1]), ROWS, strict=True)) >= 6


def test_dpo_widens_the_gap_between_good_and_bad(llama, tmp_path):
    tuned = run(HF(str(llama)), PAIRS, tmp_path / "dpo", {"method": "dpo", "steps": 10, "batch_size": 8})
    assert tuned.curve[0].loss == pytest.approx(0.6931, abs=1e-3), "at the start both models are one, and the loss is log 2"
    assert tuned.curve[-1].loss < 0.5


def test_a_policy_step_makes_what_was_good_likelier_and_what_was_bad_less_likely(llama, tmp_path):
    lm = HF(str(llama))
    rows = [Row(ROWS[0].messages, "[apple]", advantage=1.0), Row(ROWS[0].messages, "house", advantage=-1.0)]
    tuned = run(
        lm,
        rows,
        tmp_path / "grpo",
        {"method": "grpo", "steps": 1, "batch_size": 2, "beta": 0.1, "warmup": 0.0, "decay": False, "learning_rate": 2e-2},
    )

    def chances(digest):
        def work(engine):
            model = engine.adapters.model(digest)
            with torch.no_grad():
                found, _ = losses.logprobs(
                    engine.checkpoint, model, [losses.encode(engine.checkpoint, row, 64).chosen for row in rows]
                )
            return found.sum(-1).tolist()

        return lm.engine.run(work).result()

    (good, bad), (better, worse) = chances(None), chances(tuned.weights[-1])
    assert better - good > 0 > worse - bad or better - good > worse - bad


def test_training_stops_when_the_rows_held_back_get_worse(llama, tmp_path):
    """Rows of random answers: what is learned of some helps nothing with the others."""
    rows = [Row((Message("user", one),), WORDS[(at * 5 + 3) % 8]) for at, one in enumerate(WORDS)] * 2
    recipe = {"steps": 200, "validation": 0.5, "evaluate_every": 1, "patience": 2, "learning_rate": 3e-2, "batch_size": 8}
    tuned = run(HF(str(llama)), rows[:8], tmp_path / "stop", recipe)
    measured = [step.validation for step in tuned.curve]
    assert len(measured) < 200
    assert measured.index(min(measured)) == len(measured) - 3


def test_the_same_training_is_done_once(llama):
    seen = []
    lm = HF(str(llama))
    first = tuner.train(lm, ROWS, QUICK, on_step=seen.append)
    second = tuner.train(lm, ROWS, QUICK, on_step=seen.append)
    assert first.weights == second.weights
    assert [step.number for step in seen] == [*range(1, 7), *range(1, 7)]


def test_weights_of_another_checkpoint_are_refused(llama):
    digest = tuner.train(HF(str(llama)), ROWS, QUICK).weights[-1]["adapter"]
    with pytest.raises(UsageError, match="trained from another checkpoint"):
        said(HF("pocket"), ROWS[:1], digest)


def test_a_row_that_is_too_long_is_refused_and_not_cut(llama):
    with pytest.raises(UsageError, match="raise max_length"):
        tuner.train(HF(str(llama)), ROWS, {**QUICK, "max_length": 4})


def test_recipes_say_what_is_wrong_with_them():
    with pytest.raises(UnknownNameError, match="did you mean 'learning_rate'"):
        Recipe.of({"learning_rte": 1.0})
    with pytest.raises(UnknownNameError, match="unknown method"):
        Recipe(method="ppo")
    with pytest.raises(UsageError, match=r"batch_size=0\) cannot be"):
        Recipe(batch_size=0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"targets": ["nope"]}, "unknown layer of targets 'nope'"),
        ({"targets": "q_proj"}, "give a list or None"),
        ({"rank": 10**6}, "the widest layer has"),
        ({"steps": "3"}, "give a whole number of 0 or more or None"),
    ],
)
def test_what_a_checkpoint_cannot_be_trained_with_is_named(llama, given, said):
    with pytest.raises(UsageError, match=said):
        tuner.train(HF(str(llama)), ROWS, {**QUICK, **given})


def test_what_nobody_can_train_says_what_to_use_instead():
    with pytest.raises(UsageError, match="hf/pocket"):
        tuner_of(Pocket())


def test_a_training_file_is_read_as_it_was_written(tmp_path):
    (tmp_path / "rows.jsonl").write_text(jsonl(ROWS), encoding="utf-8")
    assert read(tmp_path / "rows.jsonl") == ROWS
    (tmp_path / "rows.jsonl").write_text(json.dumps({"messages": [{"role": "user", "content": "x"}]}), encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        read(tmp_path / "rows.jsonl")


def test_the_store_keeps_what_a_run_was():
    digest = tuner.train(HF("pocket"), ROWS, QUICK).weights[-1]["adapter"]
    about = weights.about(digest)
    assert (about["kind"], about["rank"], about["targets"]) == (
        "lora",
        4,
        ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"],
    )


def test_a_job_on_a_local_checkpoint_gives_an_lm_that_says_what_it_learned(llama):
    lm = adjoint.LM(f"hf/{llama}", max_tokens=4)
    data = [{"prompt": f"word {number}", "completion": "yes"} for number in range(8)]
    job = adjoint.finetune(lm, data, "completion", {"rank": 8, "learning_rate": 2e-2, "batch_size": 8, "steps": 20})
    assert job.result()("word 3") == ["yes"]
    assert lm("word 3") != ["yes"]
