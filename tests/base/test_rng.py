"""Named seeds are the same in every process."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from adjoint.base import rng
from adjoint.base.json import digest

CODE = """
from adjoint.base import rng
from adjoint.base.json import digest, plain
from adjoint.data.records import Example
from adjoint.data.splits import split
rows = [Example(q=str(i)).with_inputs("q") for i in range(9)]
print(rng.stream(7, "order").random(), digest(plain({"b", "a", "c"})), [r.q for r in split(rows, seed=3).holdout])
"""


def test_seeds_and_digests_do_not_depend_on_the_hash_seed():
    outputs = set()
    for seed in ("0", "1", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", CODE], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_seeds_and_digests_are_those_that_old_runs_were_made_with():
    assert rng.seed_of(0, "order") == 15174640576186603610
    assert digest({"a": [1, None, "ü"]}, length=16) == "da9973f066766a27"


@given(
    st.integers(0, 5),
    st.sampled_from(["order", "demos", "split"]),
    st.integers(0, 5),
    st.sampled_from(["order", "demos", "split"]),
)
def test_streams_are_equal_only_under_the_same_seed_and_name(seed, name, other_seed, other_name):
    same = (seed, name) == (other_seed, other_name)
    assert (rng.stream(seed, name).random() == rng.stream(other_seed, other_name).random()) is same


def test_an_open_stream_does_not_disturb_another():
    alone = rng.stream(1, "b").random()
    rng.stream(1, "a").random()
    assert rng.stream(1, "b").random() == alone
