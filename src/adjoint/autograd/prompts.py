"""The prompts of textual gradients, as signatures: readable, versioned, and themselves open to optimisation."""

from __future__ import annotations

from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import Signature


class Critique(Signature):
    """One step of a program gave a wrong output. Compare the output with the feedback on it. Say in one or two short sentences what the instruction should have said about the task or about the form of the answer. Do not write the new instruction. If nothing is wrong, reply: ok. If the instruction is not to blame, reply: not mine."""

    instruction: str = InputField()
    input: str = InputField()
    output: str = InputField()
    feedback: str = InputField()
    critique: str = OutputField()


class Blame(Signature):
    """A program ran in the steps below, and its result got the feedback. The texts are instructions and values that may be changed. Follow the feedback back through the steps and say for each text, in one or two short sentences, what should change in it. Do not write the new text. If a text is right, reply ok for it; if another one is to blame, reply not mine."""

    steps: str = InputField()
    feedback: str = InputField()


class Summary(Signature):
    """Several remarks were made about one text. Write one short remark that says everything they ask for, each point once. Points that were made more often come first; a rare point that is severe is kept. Add nothing of your own."""

    role: str = InputField()
    remarks: str = InputField()
    summary: str = OutputField()


class Rewrite(Signature):
    """Improve the text so that it follows the feedback. Feedback that was given more often counts more. Keep what works, be short and general, and never mention single examples. Reply with the improved text only."""

    role: str = InputField()
    text: str = InputField()
    feedback: str = InputField()
    constraints: str = InputField(default="")
    tried: str = InputField(default="")
    calls: str = InputField(default="")
    examples: str = InputField(default="")
    history: str = InputField(default="")
    past_feedback: str = InputField(default="")
    keep: str = InputField(default="")
    mistake: str = InputField(default="")
    improved: str = OutputField()


REVISE = "Improve the text, which is the solution of a task, so that it meets the criticism. Keep what is right and give the whole solution with every step that it needs. Reply with the improved text only."
"""The proposer's instruction where the text is itself the solution of a task and not a prompt."""


class Edit(Rewrite):
    """Improve the text so that it follows the feedback, by a few small edits. Feedback that was given more often counts more. Leave alone what works. Write each edit as a block of five parts, each on lines of its own: <<<<<<< SEARCH, then the passage as it is, then =======, then the passage as it should be, then >>>>>>> REPLACE. Copy the passage from the text exactly, long enough that it occurs in it only once. Reply with the blocks only."""
