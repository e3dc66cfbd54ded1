"""Reflective, whole-trace, numeric and combined optimizers keep the rules of the shipped conformance suite."""

from adjoint.testing.optimizer_suite import OptimizerConformance


class TestGEPA(OptimizerConformance):
    optimizer = "gepa"
    solves = {"instruction": 150}


class TestGEPAOfAllTexts(OptimizerConformance):
    optimizer, options = "gepa", {"component_selector": "all", "reflection": "reflect"}
    solves = {"pipeline": 200}


class TestSIMBA(OptimizerConformance):
    optimizer, options = "simba", {"bsize": 5, "num_candidates": 3, "max_steps": 2}
    solves = {"instruction": 120}


class TestPOLCA(OptimizerConformance):
    optimizer, options = "polca", {"patience": 1}
    solves = {"instruction": 130, "pipeline": 270}


class TestOptoPrime(OptimizerConformance):
    optimizer, options = "optoprime", {"patience": 1}
    solves = {"instruction": 60, "pipeline": 110, "threshold": 120}


class TestNumbers(OptimizerConformance):
    optimizer, options = "numbers", {"values": 8, "rows": 20, "candidates": 4}
    solves = {"threshold": 600}


class TestChain(OptimizerConformance):
    optimizer, options = "adjoint.optim.strategies.combine:Chain", {"optimizers": ["labeled-few-shot", "tgd"]}
    solves = {"instruction": 200, "demos": 100}


class TestAlternate(OptimizerConformance):
    optimizer, options = "adjoint.optim.strategies.combine:Alternate", {"optimizers": ["labeled-few-shot", "tgd"]}
    solves = {"instruction": 200}


class TestRestart(OptimizerConformance):
    optimizer, options = "adjoint.optim.strategies.combine:Restart", {"optimizer": "tgd", "times": 2}
    solves = {"instruction": 200}


class TestPortfolio(OptimizerConformance):
    optimizer, options = "adjoint.optim.strategies.combine:Portfolio", {"optimizers": ["tgd", "labeled-few-shot"]}
    solves = {"instruction": 200}


class TestBetterTogether(OptimizerConformance):
    optimizer, options = "better-together", {"p": "labeled-few-shot", "q": "tgd", "strategy": "p -> q"}
    solves = {"demos": 100, "instruction": 200}
