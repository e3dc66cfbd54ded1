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


class Rewrite(Signature):
    """Improve the text so that it follows the feedback. Feedback that was given more often counts more. Keep what works, be short and general, and never mention single examples. Reply with the improved text only."""

    role: str = InputField()
    text: str = InputField()
    feedback: str = InputField()
    constraints: str = InputField(default="")
    tried: str = InputField(default="")
    improved: str = OutputField()
