"""The prompts of model-graded evaluation, as signatures: readable, versioned, and themselves open to optimisation."""

from __future__ import annotations

from typing import Literal

from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import Signature


class Judge(Signature):
    """Is the output right? Compare it with the expected output or with the rubric, whichever is given. Give the reason in one short sentence, then the verdict."""

    input: str = InputField()
    output: str = InputField()
    expected: str = InputField(default="")
    rubric: str = InputField(default="")
    reason: str = OutputField()
    verdict: Literal["yes", "no"] = OutputField()


class Coverage(Signature):
    """Compare a response with the ground truth for the question. Find the key ideas of each and see which of them stand in the other, whatever the words. Ideas count, not style."""

    question: str = InputField()
    ground_truth: str = InputField()
    system_response: str = InputField()
    recall: float = OutputField(desc="share of the ideas of the ground truth that the response has, from 0 to 1", ge=0, le=1)
    precision: float = OutputField(desc="share of the ideas of the response that the ground truth has, from 0 to 1", ge=0, le=1)


class CoverageByIdeas(Signature):
    """Compare a response with the ground truth for the question. First list the key ideas of each, then say which of them stand in the other, whatever the words, and only then give the shares."""

    question: str = InputField()
    ground_truth: str = InputField()
    system_response: str = InputField()
    ground_truth_ideas: list[str] = OutputField(desc="the key ideas of the ground truth")
    response_ideas: list[str] = OutputField(desc="the key ideas of the response")
    discussion: str = OutputField(desc="which ideas of one stand in the other")
    recall: float = OutputField(desc="share of the ideas of the ground truth that the response has, from 0 to 1", ge=0, le=1)
    precision: float = OutputField(desc="share of the ideas of the response that the ground truth has, from 0 to 1", ge=0, le=1)


class Completeness(Signature):
    """How much of the ground truth for the question does the response say? List the key ideas of the ground truth, say which of them the response has, then give the share."""

    question: str = InputField()
    ground_truth: str = InputField()
    system_response: str = InputField()
    ground_truth_ideas: list[str] = OutputField(desc="the key ideas of the ground truth")
    discussion: str = OutputField(desc="which of them the response has")
    completeness: float = OutputField(desc="share of the ideas that the response has, from 0 to 1", ge=0, le=1)


class Groundedness(Signature):
    """How much of what the response claims is supported by the retrieved context? List the claims, say which of them the context or plain common sense supports, then give the share."""

    question: str = InputField()
    retrieved_context: str = InputField()
    system_response: str = InputField()
    claims: list[str] = OutputField(desc="what the response claims")
    discussion: str = OutputField(desc="which of the claims are supported")
    groundedness: float = OutputField(desc="share of the claims that are supported, from 0 to 1", ge=0, le=1)


class Grade(Signature):
    """Grade the output by the one criterion and by nothing else. Give the reason in one or two sentences, then the grade on the scale."""

    input: str = InputField()
    output: str = InputField()
    expected: str = InputField(default="")
    criterion: str = InputField()
    scale: str = InputField()
    reason: str = OutputField()
    grade: int = OutputField()


class Preference(Signature):
    """Which of the two outputs is better for the input? Go by the criterion only; neither place nor length makes an output better. Give the reason in one or two sentences, then first, second or tie."""

    input: str = InputField()
    criterion: str = InputField()
    first: str = InputField()
    second: str = InputField()
    reason: str = OutputField()
    better: Literal["first", "second", "tie"] = OutputField()
