"""Every optimizer keeps the rules of the shipped conformance suite."""

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
