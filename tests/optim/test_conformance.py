"""Every optimizer keeps the rules of the shipped conformance suite. The numbers of calls are bounds, not records.

The problem that costs least stands first: it is the one that most facts are shown with.
"""

from adjoint.testing.optimizer_suite import OptimizerConformance


class TestLabeledFewShot(OptimizerConformance):
    optimizer, options = "labeled-few-shot", {"k": 4}
    solves = {"demos": 60}


class TestBootstrapFewShot(OptimizerConformance):
    optimizer = "bootstrap"
    solves = {"demos": 75}


class TestBootstrapRS(OptimizerConformance):
    optimizer, options = "bootstrap-rs", {"num_candidate_programs": 3}
    solves = {"demos": 200}


class TestBootstrapWithOptuna(OptimizerConformance):
    optimizer, options = "bootstrap-optuna", {"num_candidate_programs": 4, "sampler": "tpe"}
    solves = {"demos": 160}


class TestCOPRO(OptimizerConformance):
    optimizer, options = "copro", {"breadth": 5}
    solves = {"hints": 200}


class TestMIPROv2(OptimizerConformance):
    optimizer, options = "mipro", {"sampler": "tpe"}
    solves = {"demos": 200, "instruction": 260, "pipeline": 500}


class TestOPRO(OptimizerConformance):
    optimizer, options = "opro", {"num_candidates": 4, "steps": 5}
    solves = {"instruction": 90, "hints": 220}


class TestProTeGi(OptimizerConformance):
    optimizer, options = "protegi", {"minibatch": 12, "groups": 2, "rounds": 2, "paraphrases": 1}
    solves = {"instruction": 130, "pipeline": 500}


class TestCAPO(OptimizerConformance):
    optimizer, options = "capo", {"population": 4}
    solves = {"demos": 120, "hints": 260}


class TestEvoPrompt(OptimizerConformance):
    optimizer, options = "evoprompt", {"population": 4}
    solves = {"hints": 340}


class TestEvoPromptDE(OptimizerConformance):
    optimizer, options = "evoprompt", {"population": 4, "mode": "de"}
    solves = {"hints": 260}


class TestInferRules(OptimizerConformance):
    optimizer, options = "infer-rules", {"num_candidates": 3}
    solves = {"demos": 120, "instruction": 130}


class TestPromptWizard(OptimizerConformance):
    optimizer, options = "prompt-wizard", {"rounds": 2, "styles": 2}
    solves = {"demos": 180, "instruction": 220, "pipeline": 450}


class TestTGD(OptimizerConformance):
    optimizer = "tgd"
    solves = {"instruction": 110, "pipeline": 250}
