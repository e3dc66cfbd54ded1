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
