"""The prompts of the proposers, as signatures: readable, versioned, and themselves open to optimisation."""

from __future__ import annotations

from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import Signature


class Induce(Signature):
    """Here are inputs with their right outputs. Say in one or two short sentences what to do with an input to get its output. Reply with this instruction only."""

    examples: str = InputField()
    instruction: str = OutputField()


class Merge(Signature):
    """Here is feedback from several runs, each remark with the number of times it was given. Make one remark of it that says all that should change. What was said more often counts more; drop what contradicts it. Reply with this remark only."""

    feedback: str = InputField()
    merged: str = OutputField()


class Reflect(Signature):
    """An instruction was followed on several inputs. Here are the instruction and, for each input, the output and the feedback on it. Find out what the instruction should have said about the task and about the form of the answer. Reply with the improved instruction only."""

    instruction: str = InputField()
    examples: str = InputField()
    improved: str = OutputField()


class ReflectAgain(Signature):
    """An instruction was followed on several inputs. Here are the instruction, for each input the output and the feedback on it, and instructions that were tried since and were no better. Find out what the instruction should have said about the task and about the form of the answer, and do not repeat what was tried. Reply with the improved instruction only."""

    instruction: str = InputField()
    examples: str = InputField()
    tried: str = InputField()
    improved: str = OutputField()


class Suggest(Signature):
    """A program ran in the steps below, and its results got the feedback. The values are what may be changed; everything else stays. Follow the feedback back through the steps, say in a few sentences which values are to blame and why, and write each value as it should be: in full, in the same kind of words or number. A value that is right is repeated as it is."""

    values: str = InputField()
    steps: str = InputField()
    feedback: str = InputField()
    tried: str = InputField(default="")
    reasoning: str = OutputField()


def examples_text(pairs: list[tuple[str, str]]) -> str:
    r"""Inputs and outputs as the Induce prompt shows them.

    >>> examples_text([("a", "b")])
    'input: a\noutput: b'
    """
    return "\n".join(f"input: {given}\noutput: {wanted}" for given, wanted in pairs)


def runs_text(runs: list[tuple[str, str, str]]) -> str:
    r"""Inputs with what was answered and the feedback on it, as the Reflect prompt shows them.

    >>> print(runs_text([("a", "b", "expected: c"), ("d", "e", "right")]))
    input: a
    output: b
    feedback: expected: c
    <BLANKLINE>
    input: d
    output: e
    feedback: right
    """
    return "\n\n".join(f"input: {given}\noutput: {said}\nfeedback: {feedback}" for given, said, feedback in runs)


class FirstInstruction(Signature):
    """Here is the instruction of one step of a program, with the names of what goes in and what comes out. Write a better instruction for a language model that is to do this step well. Try something new. Reply with the instruction only."""

    fields: str = InputField()
    instruction: str = InputField()
    better: str = OutputField()


class NextInstruction(Signature):
    """Here are instructions for one step of a program that were tried, with their scores between 0 and 100, the best ones last. Where there are examples they show right outputs. Write an instruction that will score higher than all of them and that is different from them. Reply with the instruction only."""

    fields: str = InputField()
    tried: str = InputField()
    examples: str = InputField(default="")
    better: str = OutputField()


class Reasons(Signature):
    """An instruction was followed on several inputs and the outputs were wrong. Here are the instruction and, for each input, the output and the feedback on it. Say in a few short sentences what in the instruction may have led to these mistakes. Do not write a new instruction."""

    instruction: str = InputField()
    mistakes: str = InputField()
    reasons: str = OutputField()


class Repair(Signature):
    """An instruction led to mistakes. Here are the instruction, the mistakes and the reasons that were found for them. Write an instruction that avoids these mistakes, in general and not for these inputs alone. Reply with the instruction only."""

    instruction: str = InputField()
    mistakes: str = InputField()
    reasons: str = InputField()
    improved: str = OutputField()


class Paraphrase(Signature):
    """Say the instruction in other words. Its meaning must stay the same. Reply with the instruction only."""

    instruction: str = InputField()
    paraphrase: str = OutputField()


class Blend(Signature):
    """Here are two instructions for the same task. Make one of them that takes the best of both. Reply with the instruction only."""

    first: str = InputField()
    second: str = InputField()
    blended: str = OutputField()


class Differ(Signature):
    """Here are two instructions for the same task, the best instruction so far, and a basic one. Find out in what the first two differ, change these parts into something new, put them into the best instruction, and blend the result with the basic one. Reply with the final instruction only."""

    first: str = InputField()
    second: str = InputField()
    best: str = InputField()
    basic: str = InputField()
    blended: str = OutputField()


class Rules(Signature):
    """Here are an instruction and examples of how it is rightly followed. Write down the rules that the examples show and that the instruction does not say: short, general, one a line, no more than asked for. Never mention single examples. Reply with the rules only."""

    instruction: str = InputField()
    examples: str = InputField()
    most: str = InputField()
    rules: str = OutputField()


class Restyle(Signature):
    """Write the instruction anew in the manner of thinking that is given, so that a language model does the task better. Reply with the instruction only."""

    instruction: str = InputField()
    manner: str = InputField()
    restyled: str = OutputField()


class Persona(Signature):
    """Here is an instruction for a language model. Say in one or two sentences, beginning with "You are", which expert would follow it best. Reply with these sentences only."""

    instruction: str = InputField()
    persona: str = OutputField()


class Observe(Signature):
    """Here are rows of a data set, and what was observed in other rows of it. Say in a few short sentences what holds for the rows in general: what they are about, what is asked, what form the answers have. Do not repeat what was observed, and never mention single rows."""

    rows: str = InputField()
    observed: str = InputField(default="")
    observations: str = OutputField()


class Summarize(Signature):
    """Here are observations on a data set. Sum them up in two or three short sentences."""

    observations: str = InputField()
    summary: str = OutputField()


class Explain(Signature):
    """Here are the steps of a program with their instructions. Say in a few short sentences what task the program solves and how, and then what the named step has to do in it."""

    program: str = InputField()
    step: str = InputField()
    explanation: str = OutputField()


class Grounded(Signature):
    """Write an instruction for a language model that does one step of a program. You may be told about the data, the program and the step, see examples of the step, and get a tip on the style. Reply with the instruction only."""

    fields: str = InputField()
    instruction: str = InputField()
    data: str = InputField(default="")
    program: str = InputField(default="")
    examples: str = InputField(default="")
    tip: str = InputField(default="")
    proposed: str = OutputField()


def fields_text(signature: type[Signature]) -> str:
    """What goes into a step and what comes out, by name.

    >>> fields_text(Paraphrase)
    'instruction -> paraphrase'
    """
    return f"{', '.join(signature.input_fields)} -> {', '.join(signature.output_fields)}"


def tried_text(tried: list[tuple[str, float]]) -> str:
    r"""Instructions with their scores in [0, 1] as whole percent, the best last.

    >>> tried_text([("Be kind.", 0.9), ("Be brief.", 0.5)])
    'instruction: Be brief.\nscore: 50\n\ninstruction: Be kind.\nscore: 90'
    """
    ordered = sorted(tried, key=lambda one: one[1])
    return "\n\n".join(f"instruction: {text}\nscore: {round(100 * score)}" for text, score in ordered)
