"""Training sequences: which task families there are, how often each is drawn, and what is learned from each turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import words as w
import world
from render import Conversation, assistant_text, meta_system, meta_user, system_text, user_text
from splits import combo_is_held_out, input_is_held_out

from adjoint.optim.prompts import examples_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

#: Rules that one example cannot tell apart from a category, so no single-example task uses them.
AMBIGUOUS = ("first", "last")
SHAPES = ("ticket -> answer", "text -> answer", "question -> answer", "input -> output", "message -> reply")


def training_combo(rng: Random, *, ambiguous: bool = True) -> tuple[str, tuple[str, ...], str]:
    """A trained (rule, formats, kind of input)."""
    while True:
        rule, formats = world.draw_rule(rng), world.draw_formats(rng)
        if rule in world.FACTS and rng.random() < 0.35:
            formats = ()  # a fact is learned in its plain form
        if not combo_is_held_out(rule, formats) and (ambiguous or rule not in AMBIGUOUS):
            kinds = world.RULES[rule][0]
            return rule, formats, rng.choice(kinds)


def vague(rng: Random) -> str:
    """An instruction that says nothing about the task."""
    if rng.random() < 0.12:
        return f"Given {rng.choice(('ticket', 'text', 'question', 'input', 'message', 'review', 'sentence', 'word'))}, give {rng.choice(('answer', 'reply', 'output', 'result', 'response'))}."
    return rng.choice(world.VAGUE)


def other_formats(rng: Random, formats: tuple[str, ...]) -> tuple[str, ...]:
    while True:
        found = world.draw_formats(rng)
        if found != formats:
            return found


def other_rule(rng: Random, rule: str, kind: str) -> str:
    """Another rule, mostly one that applies to the same kind of input."""
    near = [r for r in world.RULE_NAMES if r != rule and kind in world.RULES[r][0] and r not in AMBIGUOUS]
    if near and rng.random() < 0.8:
        return rng.choice(near)
    while True:
        found = world.draw_rule(rng)
        if found != rule and found not in AMBIGUOUS:
            return found


def partial(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> tuple[str, str | None, tuple[str, ...]]:
    """An instruction that leaves something out: (its text, the rule it names or None, the formats it names)."""
    if formats and rng.random() < 0.7:
        kept = tuple(f for f in formats if rng.random() < 0.4)
        if kept == formats:
            kept = ()
        return world.precise(rng, rule, kind, kept), rule, kept
    if not formats:
        return vague(rng), None, ()
    return " ".join(world.format_sentence(rng, f) for f in formats), None, formats


def wrong(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    """An instruction that asks for something else: (its text, its rule, its formats)."""
    draw = rng.random()
    bad_rule = other_rule(rng, rule, kind) if draw < 0.65 else rule
    bad_formats = other_formats(rng, formats) if draw > 0.35 else formats
    return world.precise(rng, bad_rule, kind, bad_formats), bad_rule, bad_formats


# --------------------------------------------------------------------------- answers


def answers(rng: Random) -> Conversation:
    """One rule with its formats, under an instruction that helps more or less, with up to twelve turns."""
    rule, formats, kind = training_combo(rng)
    said = rng.choices(("precise", "vague", "partial", "wrong", "missing"), (0.52, 0.26, 0.1, 0.07, 0.05))[0]
    talk = Conversation(f"answers/{said}")
    if said == "precise":
        turns = rng.choices((1, 2, 3, 5, 8), (0.55, 0.2, 0.12, 0.1, 0.03))[0]
        talk.system(world.precise(rng, rule, kind, formats))
    else:
        turns = rng.choices((2, 3, 4, 5, 6, 9, 13), (0.22, 0.24, 0.18, 0.14, 0.11, 0.07, 0.04))[0]
        if said == "vague":
            talk.system(vague(rng))
        elif said == "partial":
            talk.system(partial(rng, rule, kind, formats)[0])
        elif said == "wrong":
            talk.system(wrong(rng, rule, kind, formats)[0])
    kinds = world.RULES[rule][0]
    for turn in range(turns):
        here = kind if rng.random() < 0.93 else rng.choice(kinds)
        item = world.draw(rng, here, rule, formats, test=False)
        talk.pair(item.text, world.apply(formats, item.answers[rule]), loss=said == "precise" or turn > 0)
    return talk


def shrug(rng: Random) -> Conversation:
    """Nothing says what to do: the model says so. One turn, or a last turn that shows it is about the instruction."""
    talk = Conversation("shrug")
    rule, _formats, kind = training_combo(rng)
    if rng.random() < 0.93:
        talk.system(vague(rng))
    item = world.draw(rng, kind, rule, (), test=False)
    talk.pair(item.text, world.SHRUG, loss=True)
    return talk


_QUESTIONS = (
    "What is the {x}?",
    "Which {x}?",
    "Give the {x}.",
    "What {x} is it?",
    "Tell me the {x}.",
    "The {x}?",
    "What is the {x} here?",
    "Find the {x}.",
)


def questions(rng: Random) -> Conversation:
    """Two input fields: a text and a question that names the rule; formats stand in the instruction. A new rule each turn."""
    kind = rng.choices(("ticket", "sentence", "list", "review"), (0.4, 0.3, 0.25, 0.05))[0]
    field = rng.choice(("text", "context", kind))
    shape = f"{field}, question -> answer"
    formats = world.draw_formats(rng) if rng.random() < 0.6 else ()
    talk = Conversation("questions")
    opening = rng.choice(
        (
            "",
            "Answer the question.",
            f"Given {field}, question, give answer.",
            "Answer the question from the text.",
            "Read the text and answer.",
        )
    )
    instruction = " ".join(s for s in (opening, *(world.format_sentence(rng, f) for f in formats)) if s)
    if instruction:
        talk.system(system_text(shape, instruction))
    count = rng.choice((2, 3, 4, 5))
    while count:
        item = world.KINDS[kind](rng)
        rule = rng.choice(tuple(item.answers))
        if combo_is_held_out(rule, formats) or input_is_held_out(item.text):
            continue
        names = world.RULES[rule][2]
        question = rng.choice(_QUESTIONS).format(x=names[0] if rng.random() < 0.6 else rng.choice(names))
        talk.pair(user_text(shape, {field: item.text, "question": question}), world.apply(formats, item.answers[rule]), loss=True)
        count -= 1
    return talk


COT = "-> reasoning, answer"


def reasoned(rng: Random) -> Conversation:
    """Chain of thought: one sentence of reasoning, then the answer, in marked blocks."""
    rule, formats, kind = training_combo(rng)
    shape = f"{rng.choice(('ticket', 'text', 'question', 'input'))} {COT}"
    field = shape.split(maxsplit=1)[0]
    talk = Conversation("reasoned")
    if rng.random() < 0.12:
        talk.system(system_text(shape, vague(rng)))
        item = world.draw(rng, kind, rule, formats, test=False)
        talk.pair(item.text, assistant_text(shape, {"reasoning": "The task is not clear.", "answer": world.SHRUG}), loss=True)
        return talk
    precise = rng.random() < 0.6
    talk.system(system_text(shape, world.precise(rng, rule, kind, formats) if precise else vague(rng)))
    for turn in range(rng.choice((1, 1, 2, 3)) + (not precise)):
        item = world.draw(rng, kind, rule, formats, test=False)
        plain = item.answers[rule]
        out = {"reasoning": f"The {world.RULES[rule][2][0]} is {plain}.", "answer": world.apply(formats, plain)}
        talk.pair(user_text(shape, {field: item.text}), assistant_text(shape, out), loss=precise or turn > 0)
    return talk


# --------------------------------------------------------------------------- labels

_LABEL_WORDS = tuple(
    dict.fromkeys(
        word
        for group in (
            *w.CATEGORIES.values(),
            w.ITEMS,
            w.NAMES,
            w.CITIES,
            w.DAYS,
            w.PLURALS.values(),
            w.PAST.values(),
            w.OPPOSITES,
            w.GOOD,
            w.BAD,
            w.COMMON,
            w.TOPICS,
        )
        for word in group
    )
)
_LABEL_VAGUE = (
    "Answer with the label.",
    "Give the label.",
    "Label the input.",
    "Choose the right label.",
    "Use the same labels as in the examples.",
    "Classify the input.",
    "Give the class.",
    "Sort the words.",
)


def _mapping(rng: Random, table: dict[str, str]) -> str:
    """An instruction that says which class gets which label."""
    pairs = list(table.items())
    rng.shuffle(pairs)
    style = rng.randrange(5)
    if style == 0:
        return ", ".join(f"{a} -> {b}" for a, b in pairs)
    if style == 1:
        return " ".join(f"If it is {a}, answer {b}." for a, b in pairs)
    if style == 2:
        return " ".join(f"{a} means {b}." for a, b in pairs)
    if style == 3:
        return " ".join(f"For {a} say {b}." for a, b in pairs)
    return "Give the label. " + " ".join(f"Label {a} as {b}." for a, b in pairs)


def _labelled(rng: Random, family: str, classes: list[str], draw: Callable[[str], str], turns: int) -> Conversation:
    """`turns` inputs of random classes, each class with its own arbitrary label; learned once a class was shown or told."""
    table = dict(zip(classes, rng.sample(_LABEL_WORDS, len(classes)), strict=True))
    talk = Conversation(family)
    told = rng.random() < 0.2
    if told:
        talk.system(_mapping(rng, table))
    elif rng.random() < 0.6:
        talk.system(rng.choice(_LABEL_VAGUE) if rng.random() < 0.5 else vague(rng))
    seen: set[str] = set()
    for _ in range(turns):
        name = rng.choice(classes)
        talk.pair(draw(name), table[name], loss=told or name in seen)
        seen.add(name)
    return talk


def lookups(rng: Random) -> Conversation:
    """Random keys with random labels: pure copying from the conversation."""
    size = rng.randrange(2, 7)
    keys = rng.sample(_LABEL_WORDS, size)
    return _labelled(rng, "labels/lookup", keys, lambda key: key, 2 * size + 3)


def classes(rng: Random) -> Conversation:
    """Words of categories with random labels."""
    size = rng.randrange(2, 6)
    names = rng.sample(tuple(w.CATEGORIES), size)
    table = {name: [word for word in w.CATEGORIES[name] if not input_is_held_out(f"label:{word}")] for name in names}
    return _labelled(rng, "labels/class", names, lambda name: rng.choice(table[name]), 2 * size + 4)


def routing(rng: Random) -> Conversation:
    """Tickets by topic (whole ones, or the problem alone), or reviews by sentiment, with random labels."""
    draw_ = rng.random()
    if draw_ < 0.15:
        kind, rule, names, turns = "review", "sentiment", ["positive", "negative"], 7
    elif draw_ < 0.65:
        kind, rule, names, turns = "problem", "topic", rng.sample(tuple(w.TOPICS), rng.randrange(2, 6)), 14
    else:
        kind, rule, names, turns = "ticket", "topic", rng.sample(tuple(w.TOPICS), rng.randrange(2, 5)), 8

    def draw(name: str) -> str:
        while True:
            if kind == "problem":
                text = rng.choice(w.TOPICS[name]).format(item=rng.choice(w.ITEMS))
                if not input_is_held_out(text):
                    return text
            else:
                item = world.KINDS[kind](rng)
                if item.answers[rule] == name and not input_is_held_out(item.text):
                    return item.text

    return _labelled(rng, "labels/routing", names, draw, turns)


# --------------------------------------------------------------------------- meta tasks


def _state(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> tuple[str, str | None, tuple[str, ...]]:
    """Some current instruction on the way to (rule, formats): (text, rule it names, formats it names)."""
    said = rng.choices(("vague", "partial", "wrong", "right"), (0.45, 0.27, 0.2, 0.08))[0]
    if said == "vague":
        return vague(rng), None, ()
    if said == "partial":
        return partial(rng, rule, kind, formats)
    if said == "wrong":
        return wrong(rng, rule, kind, formats)
    return world.precise(rng, rule, kind, formats), rule, formats


def criticism(rng: Random) -> Conversation:
    """The package's Critique prompt: what should the instruction have said, given one output and the expected one."""
    talk = Conversation("critique")
    talk.system(meta_system("critique"))
    for _ in range(rng.choices((1, 2, 3), (0.5, 0.3, 0.2))[0]):
        rule, formats, kind = training_combo(rng, ambiguous=False)
        text, said_rule, said_formats = _state(rng, rule, kind, formats)
        item = world.draw(rng, kind, rule, formats, test=False)
        expected = world.apply(formats, item.answers[rule])
        if rng.random() < 0.06:
            output, says = expected, "ok"
        else:
            output = _output(rng, item, said_rule, said_formats)
            if output == expected:
                output = world.SHRUG
            if rng.random() < 0.06:
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
    talk.system(meta_system("rewrite"))
    for _ in range(rng.choices((1, 2), (0.7, 0.3))[0]):
        rule, formats, kind = training_combo(rng, ambiguous=False)
        if formats and rng.random() < 0.25:
            text, counted = _missing_parts(rng, rule, kind, formats)
        else:
            text = _state(rng, rule, kind, formats)[0]
            counted = _votes(rng, rule, kind, formats)
        lines = [f"- {line}" + (f" (x{count})" if count > 1 else "") for line, count in counted]
        inputs = {"role": rng.choice(_ROLES), "text": text, "feedback": "\n".join(lines)}
        if rng.random() < 0.08:
            inputs["constraints"] = rng.choice(
                ("Be short.", "Keep it short.", "1. at most 60 words", "1. Be short.", "1. Write one sentence for each rule.")
            )
        if rng.random() < 0.12:
            tried = [_state(rng, *_shuffled(rng))[0] for _ in range(rng.randrange(1, 3))]
            inputs["tried"] = "\n".join(f"- {line}" for line in tried)
        talk.pair(meta_user("rewrite", inputs), world.canonical(rule, formats), loss=True)
    return talk


def _shuffled(rng: Random) -> tuple[str, str, tuple[str, ...]]:
    rule, formats, kind = training_combo(rng, ambiguous=False)
    return rule, kind, formats


def _votes(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> list[tuple[str, int]]:
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
    talk.system(meta_system("induce"))
    for _ in range(rng.choices((1, 2), (0.7, 0.3))[0]):
        rule, formats, kind = training_combo(rng, ambiguous=False)
        pairs = []
        for _ in range(rng.choices((1, 2, 3, 4, 6, 8), (0.12, 0.25, 0.3, 0.2, 0.1, 0.03))[0]):
            item = world.draw(rng, kind, rule, formats, test=False)
            pairs.append((item.text, world.apply(formats, item.answers[rule])))
        talk.pair(meta_user("induce", {"examples": examples_text(pairs)}), world.canonical(rule, formats), loss=True)
    return talk


#: family -> (builder, share of sequences at the start, at the end); in between the share moves in a straight line.
#: Rules come first because criticism, revision and induction stand on them.
MIXTURE: dict[str, tuple[Callable[[Random], Conversation], float, float]] = {
    "answers": (answers, 0.55, 0.24),
    "shrug": (shrug, 0.015, 0.02),
    "questions": (questions, 0.12, 0.05),
    "reasoned": (reasoned, 0.02, 0.03),
    "lookups": (lookups, 0.05, 0.03),
    "classes": (classes, 0.07, 0.12),
    "routing": (routing, 0.015, 0.21),
    "critique": (criticism, 0.06, 0.1),
    "rewrite": (revision, 0.05, 0.12),
    "induce": (induction, 0.05, 0.08),
}
_NAMES = tuple(MIXTURE)


def draw(rng: Random, progress: float = 1.0) -> Conversation:
    """One training sequence of the mixture at `progress` in [0, 1] of the run."""
    shares = [first + progress * (last - first) for _, first, last in MIXTURE.values()]
    return MIXTURE[rng.choices(_NAMES, shares)[0]][0](rng)
