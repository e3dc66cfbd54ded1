"""Families of the optimisers' own prompts: criticise, rewrite, induce, reflect, judge, merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import drawing
import world
from answers import COT
from drawing import clear_item, other_formats, other_rule, state, vague
from render import Conversation, assistant_text, meta_assistant, meta_system, meta_user

from adjoint.optim.prompts import examples_text, runs_text

if TYPE_CHECKING:
    from random import Random


def _meta(rng: Random, name: str) -> str:
    """The system message of a meta prompt; now and then with sentences missing, so that small edits of it do little harm."""
    text = meta_system(name)
    if rng.random() < 0.8:
        return text
    head, _, tail = text.partition("\n\n")
    kept = [sentence for sentence in head.split(". ") if rng.random() < 0.6] or [head.split(". ")[0]]
    return ". ".join(kept) + (f"\n\n{tail}" if tail else "")


def criticism(rng: Random) -> Conversation:
    """The package's Critique prompt: what should the instruction have said, given one output and the expected one."""
    talk = Conversation("critique")
    talk.system(_meta(rng, "critique"))
    for _ in range(rng.choices((1, 2, 3), (0.5, 0.3, 0.2))[0]):
        rule, formats, kind = drawing.training_combo(rng)
        text, said_rule, said_formats = state(rng, rule, kind, formats)
        item = clear_item(rng, kind, rule, formats)
        expected = world.apply(formats, item.answers[rule])
        if rng.random() < 0.06:
            output, says = expected, "ok"
        else:
            output = _output(rng, item, said_rule, said_formats)
            if output == expected:
                output = world.SHRUG
            if rng.random() < 0.05:
                output = assistant_text("text " + COT, {"reasoning": "The task is not clear.", "answer": output})
            says = world.critique(rule, formats)
        inputs = {"instruction": text, "input": item.text, "output": output, "feedback": f"expected: {expected}"}
        talk.pair(meta_user("critique", inputs), says, loss=True)
    return talk


def _output(rng: Random, item: world.Item, said_rule: str | None, said_formats: tuple[str, ...]) -> str:
    """What a model may have answered: mostly what its instruction asked for, sometimes anything."""
    if rng.random() < 0.12:
        return world.apply(world.draw_formats(rng), rng.choice(list(item.answers.values())))
    if said_rule is None:
        return world.SHRUG if rng.random() < 0.75 else rng.choice(list(item.answers.values()))
    value = item.answers.get(said_rule) or rng.choice(list(item.answers.values()))
    return world.apply(said_formats, value)


_ROLES = ("instruction", "instruction of the step", "the instruction", "instruction of predict", "instruction of the program", "prompt", "instruction for the language model", "instruction of a step of a program")  # fmt: skip


def revision(rng: Random) -> Conversation:
    """The package's Rewrite prompt: the new instruction from the old one and counted, partly wrong feedback."""
    talk = Conversation("rewrite")
    talk.system(_meta(rng, "rewrite"))
    for _ in range(rng.choices((1, 2), (0.7, 0.3))[0]):
        rule, formats, kind = drawing.training_combo(rng)
        if formats and rng.random() < 0.25:
            text, counted = _missing_parts(rng, rule, kind, formats)
        else:
            text = state(rng, rule, kind, formats)[0]
            counted = votes(rng, rule, kind, formats)
        lines = [f"- {line}" + (f" (x{count})" if count > 1 else "") for line, count in counted]
        inputs = {"role": rng.choice(_ROLES), "text": text, "feedback": "\n".join(lines)}
        if rng.random() < 0.08:
            inputs["constraints"] = rng.choice(
                ("Be short.", "Keep it short.", "1. at most 60 words", "1. Be short.", "1. Write one sentence for each rule.")
            )
        if rng.random() < 0.12:
            tried = [state(rng, *_shuffled(rng))[0] for _ in range(rng.randrange(1, 3))]
            inputs["tried"] = "\n".join(f"- {line}" for line in tried)
        talk.pair(meta_user("rewrite", inputs), world.canonical(rule, formats), loss=True)
    return talk


def _shuffled(rng: Random) -> tuple[str, str, tuple[str, ...]]:
    rule, formats, kind = drawing.training_combo(rng)
    return rule, kind, formats


def votes(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> list[tuple[str, int]]:
    """Full criticisms with counts; the true one has the highest count."""
    noise: dict[str, int] = {}
    truth = world.critique(rule, formats)
    for _ in range(rng.choices((0, 1, 2, 3, 5), (0.35, 0.25, 0.2, 0.14, 0.06))[0]):
        draw = rng.random()
        bad_rule = other_rule(rng, rule, kind) if draw < 0.6 else rule
        bad_formats = other_formats(rng, formats) if draw > 0.4 else formats
        line = world.critique(bad_rule, bad_formats)
        if line != truth:
            noise[line] = rng.choice((1, 1, 1, 2, 3, 5))
    top = max(noise.values(), default=0)
    count = top + rng.choice((1, 1, 2, 3, 5, 8, 12)) if noise else rng.choice((1, 1, 2, 3, 4, 6, 9, 12, 16, 20))
    counted = [(truth, count), *noise.items()]
    if rng.random() < 0.75:
        counted.sort(key=lambda pair: -pair[1])
    else:
        rng.shuffle(counted)
    return counted


def _missing_parts(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> tuple[str, list[tuple[str, int]]]:
    """An old instruction with a part missing and feedback that names only the missing part (or says it piecemeal)."""
    sentences = world.critique(rule, formats).split(". ")
    sentences = [s if s.endswith(".") else s + "." for s in sentences]
    if rng.random() < 0.4:
        text, named = vague(rng), sentences
    else:
        kept = [rng.random() < 0.5 for _ in sentences]
        if all(kept):
            kept[-1] = False
        named = [s for s, k in zip(sentences, kept, strict=True) if not k]
        kept_formats = tuple(f for f, k in zip(formats, kept[1:], strict=True) if k)
        if kept[0]:
            text = world.precise(rng, rule, kind, kept_formats)
        else:
            text = " ".join(world.format_sentence(rng, f) for f in kept_formats) or vague(rng)
    counted = [(line, rng.choice((1, 2, 3, 5, 8))) for line in named]
    rng.shuffle(counted)
    return text, counted


def induction(rng: Random) -> Conversation:
    """The package's Induce prompt: the instruction behind some examples."""
    talk = Conversation("induce")
    talk.system(_meta(rng, "induce"))
    for _ in range(rng.choices((1, 2), (0.7, 0.3))[0]):
        rule, formats, kind = drawing.training_combo(rng)
        pairs = []
        for number in range(rng.choices((1, 2, 3, 4, 6, 8), (0.12, 0.25, 0.3, 0.2, 0.1, 0.03))[0]):
            item = world.draw(rng, kind, rule, formats, test=False) if number else clear_item(rng, kind, rule, formats)
            pairs.append((item.text, world.apply(formats, item.answers[rule])))
        talk.pair(meta_user("induce", {"examples": examples_text(pairs)}), world.canonical(rule, formats), loss=True)
    return talk


_FEEDBACK_RIGHT = ("right", "ok", "correct", "The output is right.")


def run_of(
    rng: Random, item: world.Item, rule: str, formats: tuple[str, ...], said: tuple[str | None, tuple[str, ...]]
) -> tuple[str, str, str]:
    """(input, output, feedback) of one answer under an instruction that names `said`."""
    good = world.apply(formats, item.answers[rule])
    output = _output(rng, item, *said)
    return item.text, output, rng.choice(_FEEDBACK_RIGHT) if output == good else f"expected: {good}"


def reflection(rng: Random) -> Conversation:
    """The package's Reflect prompt: the new instruction from the old one and some of its runs with feedback."""
    talk = Conversation("reflect")
    talk.system(_meta(rng, "reflect"))
    for _ in range(rng.choices((1, 2), (0.75, 0.25))[0]):
        rule, formats, kind = drawing.training_combo(rng)
        text, *said = state(rng, rule, kind, formats)
        runs = []
        for number in range(rng.choices((1, 2, 3, 4, 6), (0.1, 0.25, 0.35, 0.2, 0.1))[0]):
            item = world.draw(rng, kind, rule, formats, test=False) if number else clear_item(rng, kind, rule, formats)
            runs.append(run_of(rng, item, rule, formats, (said[0], said[1])))
        talk.pair(
            meta_user("reflect", {"instruction": text, "examples": runs_text(runs)}), world.canonical(rule, formats), loss=True
        )
    return talk


_RIGHT = "The output is right."
_RUBRIC_FORMS = ("{x}", "{x}", "Check this: {x}", "The rule is: {x}", "{x} Nothing else counts.")


def judging(rng: Random) -> Conversation:
    """The package's Judge prompt: an output against what was expected, or against a rule in words."""
    talk = Conversation("judge")
    talk.system(_meta(rng, "judge"))
    brief = rng.random() < 0.75  # comparing is learned on short inputs
    for _ in range(rng.choice((3, 4, 5, 6)) if brief else rng.choice((1, 2, 3))):
        rule, formats, kind = drawing.training_combo(rng)
        while brief and kind not in world.SHORT:
            rule, formats, kind = drawing.training_combo(rng)
        inputs, out = judged(rng, rule, formats, kind, test=False)
        talk.pair(meta_user("judge", inputs), meta_assistant("judge", out), loss=True)
    return talk


def judged(rng: Random, rule: str, formats: tuple[str, ...], kind: str, *, test: bool) -> tuple[dict[str, str], dict[str, str]]:
    """(inputs, outputs) of one judgement, half of them yes."""
    item = clear_item(rng, kind, rule, formats, test=test)
    good = world.apply(formats, item.answers[rule])
    yes = rng.random() < 0.5
    output = good
    while not yes and output == good:
        draw = rng.random()
        other = rng.choice(list(item.answers.values()))
        output = (
            world.SHRUG
            if draw < 0.1
            else world.apply(
                formats if draw < 0.55 else other_formats(rng, formats), other if draw < 0.75 else item.answers[rule]
            )
        )
    inputs = {"input": item.text, "output": output}
    if rng.random() < 0.7:
        inputs["expected"] = good
        reason = _RIGHT if yes else f"Expected was: {good}"
    else:
        inputs["rubric"] = rng.choice(_RUBRIC_FORMS).format(x=world.critique(rule, formats))
        reason = _RIGHT if yes else f"Right would be: {good}"
    return inputs, {"reason": reason, "verdict": "yes" if yes else "no"}


def merging(rng: Random) -> Conversation:
    """The package's Merge prompt: many remarks become one."""
    talk = Conversation("merge")
    talk.system(_meta(rng, "merge"))
    for _ in range(rng.choice((1, 2))):
        rule, formats, kind = drawing.training_combo(rng)
        if formats and rng.random() < 0.35:
            sentences = [s if s.endswith(".") else s + "." for s in world.critique(rule, formats).split(". ")]
            counted = [(line, rng.choice((1, 2, 3, 5, 8))) for line in sentences]
            rng.shuffle(counted)
        else:
            counted = votes(rng, rule, kind, formats)
        lines = [f"- {line}" + (f" (x{count})" if count > 1 else "") for line, count in counted]
        talk.pair(meta_user("merge", {"feedback": "\n".join(lines)}), world.critique(rule, formats), loss=True)
    return talk
