"""What tells one function or object from another, in any process."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import snnsim as sim
from snnsim.sweeps.fingerprint import fingerprint


def of(value):
    return fingerprint("sweep.shared['x']", value)


def network(weight=1.0):
    exc = sim.Population("exc", 3, sim.LIF(tau_m=20.0))
    noise = sim.Current(exc, sim.StepCurrent(times=[1.0], values=[2.0]))
    return sim.Network(sim.Projection(exc, exc, sim.FixedProbability(0.5), weight=weight, plasticity=sim.PairSTDP()), noise)


LOOP: list = [1]
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (1, 1, 2),
        (1, np.int64(1), 1.0),
        ("a", "a", "b"),
        ({"a": 1}, {"a": 1}, {"a": 2}),
        ({1, "two", (3,)}, {(3,), "two", 1}, {1}),
        (np.arange(3), np.arange(3), np.arange(3.0)),
        (np.arange(4), np.arange(4), np.arange(4).reshape(2, 2)),
        (partial(max, 1), partial(max, 1), partial(max, 2)),
        (network(), network(), network(2.0)),
        (LOOP, LOOP, [1]),
        ([[1], [1]], [[1]] * 2, [[1], [2]]),
    ],
)
def test_equal_things_have_one_name_and_different_ones_two(one, same, other):
    assert of(one) == of(same) != of(other)


def test_an_object_that_cannot_travel_is_refused(tmp_path):
    with open(tmp_path / "file", "w") as stream, pytest.raises(sim.ParameterError, match="cannot be told from another"):
        of(stream)


def test_comments_and_layout_do_not_make_another_function(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    texts = {
        "one": "def f(x):\n    return x + 1\n",
        "two": "def f( x ):\n    # why\n    return (x+1)\n",
        "three": "def f(x):\n    return x + 2\n",
    }
    names = {}
    for name, text in texts.items():
        (tmp_path / f"sweep_{name}.py").write_text(text)
        names[name] = of(__import__(f"sweep_{name}").f)
    assert names["one"] == names["two"] != names["three"]


def test_a_name_does_not_depend_on_the_process():
    code = (
        "import sys, snnsim as sim; from snnsim.sweeps.fingerprint import fingerprint\n"
        "print(fingerprint('x', ({'a', 'b', 'c'}, lambda x: x in {'a', 'b', 'c'}, sim.Network(sim.Population('exc', 3, sim.LIF())))))"
    )
    here = of(({"a", "b", "c"}, lambda x: x in {"a", "b", "c"}, sim.Network(sim.Population("exc", 3, sim.LIF()))))
    for seed in ("1", "2"):  # sets come in another order
        done = subprocess.run(
            [sys.executable, "-c", code], env={**__import__("os").environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        assert done.stdout.strip() == here, done.stderr
