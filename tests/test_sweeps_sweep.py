"""`sweep` in this process: what comes out, what is refused, and what survives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest

import snnsim as sim

here = partial(sim.sweep, scheduler="sync")


def noisy(g, eta, seed):
    random = np.random.default_rng(seed)
    return {"rate": g * eta + random.standard_normal(), "regime": "fast" if g > 3 else "slow", "counts": random.integers(9, size=(2, 2))}


def test_a_row_is_what_the_function_returns_for_its_parameters():
    table = here(noisy, {"g": [3, 4], "eta": [0.9, 2.0]}, seeds=3)
    assert table.columns == ("g", "eta", "seed", "rate", "regime", "counts") and len(table) == 12
    for row in table:
        expected = noisy(row["g"], row["eta"], row["seed"])
        assert row["rate"] == expected["rate"] and row["regime"] == expected["regime"]
        np.testing.assert_array_equal(row["counts"], expected["counts"])


def test_a_function_of_one_value_and_no_seed_needs_neither_names_nor_seeds():
    table = here(lambda x: x**2, {"x": [1, 2, 3]})
    assert table.columns == ("x", "value") and table["value"].tolist() == [1, 4, 9]


def test_what_all_points_share_is_an_argument():
    table = here(lambda x, scale: scale[x], {"x": [0, 1]}, shared={"scale": np.array([0.5, 0.25])})
    assert table["value"].tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (float("nan"), "value: the function returned nan"),
        (np.float32("inf"), "value: the function returned inf"),
        (None, "value: the function returned None"),
        (np.array([1.0, np.nan]), "value: 1 of 2 numbers are not finite"),
    ],
)
def test_what_is_no_number_is_missing_with_a_reason(returned, reason):
    table = here(lambda x: returned if x else 1.5, {"x": [0, 1]})
    assert [row["value"] for row in table] == [1.5, None]
    assert table.problems == ("", reason)
    assert table["value"].mask.tolist() == [False, True] and not np.isnan(table["value"].data).any()


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (object(), "TypeError: the function returned 'value' of type object"),
        (1j, "complex"),
        ({}, "an empty mapping"),
        ({"x": 3}, "a value named 'x'"),
        ({"seed": 3}, "a value named 'seed'"),
        ({3: 3}, "a value named 3"),
        (np.array([2**64 - 1], dtype=np.uint64), "past 2^63 - 1"),
    ],
)
def test_what_is_no_cell_of_a_table_fails_by_name(returned, says):
    with pytest.raises(sim.SimulationError) as caught:
        here(lambda x: returned, {"x": [7]})
    assert says in str(caught.value) and "x = 7" in str(caught.value)


def fails(g, seed):
    if g == 4:
        raise ZeroDivisionError("no inhibition left")
    return float(g)


def test_a_point_that_fails_names_its_parameters_and_where():
    with pytest.raises(sim.SimulationError, match="the point g = 4, seed = 5 failed: ZeroDivisionError: no inhibition left") as caught:
        here(fails, {"g": [3, 4, 5]}, seeds=[5])
    assert "in fails" in caught.value.__notes__[0]


def test_points_that_fail_are_recorded_where_asked_and_the_others_kept():
    table = here(fails, {"g": [3, 4, 5]}, seeds=[5], on_error="record")
    assert [row["value"] for row in table] == [3.0, None, 5.0]
    assert table.problems == ("", "ZeroDivisionError: no inhibition left", "")


def test_every_point_must_return_the_same_names():
    def names(x):
        return {"rate": 1.0} if x < 2 else {"cv": 1.0}

    with pytest.raises(sim.SimulationError, match="x = 2 failed: returned cv, where another point returned rate"):
        here(names, {"x": [1, 2]})
    table = here(names, {"x": [1, 2]}, on_error="record")
    assert table.values == ("rate",) and table.problems[1].startswith("returned cv")


def never(**point):
    raise AssertionError("nothing may run")


def two(g, eta=1.0):
    raise AssertionError("nothing may run")


@pytest.mark.parametrize(
    ("function", "points", "settings", "says"),
    [
        (3, {"g": [1]}, {}, "sweep.function = 3 must be callable"),
        (two, {"gg": [1]}, {}, "sweep.function two: parameter = 'gg' is not known. Valid: g, eta. Did you mean 'g'?"),
        (two, {"eta": [1.0]}, {}, "sweep.function two needs 'g', which no point has"),
        (two, {"g": [1]}, {"seeds": 2}, "parameter = 'seed' is not known"),
        (noisy, {"g": [1], "eta": [1]}, {}, "needs 'seed', which no point has. Give seeds=10"),
        (two, {"g": [1]}, {"shared": {"g": 3}}, "sweep.shared['g'] is a parameter of the points"),
        (two, {"g": [1]}, {"shared": 3}, "sweep.shared = int must be a mapping"),
        (two, {"g": [1]}, {"on_error": "skip"}, "sweep.on_error = 'skip' is not known. Valid: raise, record"),
        (two, {"g": [1]}, {"scheduler": "procesess"}, "Did you mean 'processes'?"),
        (two, {"g": [1]}, {"scheduler": 3}, "sweep.scheduler = 3 must be a name"),
        (two, {"g": [1]}, {"workers": 2}, "sweep.workers = 2 applies to workers that the sweep starts"),
        (two, {"g": [1]}, {"scheduler": "threads", "workers": 0}, "sweep.workers = 0 must be >= 1"),
        (two, {"g": [1]}, {"progress": 3}, "sweep.progress = 3 must be"),
        (two, {"g": [1]}, {"store": "sweep.h5"}, "sweep.store = 'sweep.h5' must end in .jsonl"),
        (two, {"g": [1]}, {"store": "nowhere/sweep.jsonl"}, "'nowhere' is none"),
        (two, {"g": [1]}, {"store": 3}, "sweep.store = 3 must be the path"),
    ],
)
def test_a_call_that_cannot_work_is_refused_before_any_point_runs(function, points, settings, says):
    with pytest.raises(sim.ParameterError) as caught:
        sim.sweep(function, points, **{"scheduler": "sync", **settings})
    assert says in str(caught.value)


def test_progress_counts_points_and_those_of_before(tmp_path):
    seen = []
    here(lambda x: x, {"x": [1, 2]}, progress=seen.append)
    assert seen == [0.0, 0.5, 1.0]
    assert len(here(lambda x: x, {"x": [1, 2]}, progress=True)) == 2


def test_ctrl_c_keeps_what_is_done():
    def pressed(x):
        if x == 3:
            raise KeyboardInterrupt
        return x

    table = here(pressed, {"x": [1, 2, 3, 4]})
    assert table.cut and table["value"].tolist() == [1, 2]


def test_ctrl_c_within_a_run_does_not_make_a_result_of_half_a_run(tmp_path):
    network = sim.Network(sim.Population("exc", 10, sim.LIF(i_ext=300.0)))
    done = []

    def run(x, network):
        if x == 1:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        result = sim.simulate(network, 10.0 if x == 0 else 1e9, engine="clock")
        done.append(x)
        return result.duration

    began = time.monotonic()
    table = here(run, {"x": [0, 1]}, shared={"network": network}, store=tmp_path / "s.jsonl")
    assert table.cut and table["value"].tolist() == [10.0] and done == [0]
    assert time.monotonic() - began < 30.0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


SCRIPT = """
import os, sys, time
import snnsim as sim
def point(x, seed):
    time.sleep(0.03)
    return {"value": (seed + x) / 7.0, "text": f"{x}"}
table = sim.sweep(point, {"x": list(range(12))}, seeds=2, scheduler="sync", store=sys.argv[1])
table.save(sys.argv[2])
"""


def test_a_sweep_killed_in_the_middle_goes_on_and_ends_bit_for_bit_as_if_it_had_not_been(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    store = tmp_path / "killed.jsonl"
    running = subprocess.Popen([sys.executable, str(script), str(store), str(tmp_path / "never.csv")])
    while not store.exists() or store.read_bytes().count(b"\n") < 6:
        assert running.poll() is None
        time.sleep(0.005)
    running.kill()
    assert running.wait() == -signal.SIGKILL
    before = store.read_bytes()
    assert 6 <= before.count(b"\n") < 25
    store.write_bytes(before + b'{"row": 23, "values": {"val')  # as if it had died within a line
    for name in (store, tmp_path / "whole.jsonl"):
        subprocess.run([sys.executable, str(script), str(name), str(tmp_path / f"{name.stem}.csv")], check=True)
    assert store.read_bytes().startswith(before)  # nothing was run again
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def square(x, seed):
    with open(os.environ["SWEEP_LOG"], "a") as ran:
        ran.write(f"{x}\n")
    return {"y": x / 3.0, "z": np.arange(3.0) / 7.0}


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def test_a_finished_store_is_read_and_nothing_is_run(tmp_path, log):
    first = here(square, {"x": [1, 2]}, seeds=2, store=tmp_path / "s.jsonl")
    ran = log.read_text()
    second = here(square, {"x": [1, 2]}, seeds=2, store=tmp_path / "s.jsonl")
    assert log.read_text() == ran == "1\n1\n2\n2\n"
    assert first["y"].tolist() == second["y"].tolist()
    for one, other in zip(first, second, strict=True):
        assert one["z"].tobytes() == other["z"].tobytes() and one["z"].dtype == other["z"].dtype


def changed(x, seed):
    return {"y": x / 3.0 + 1.0}


@pytest.mark.parametrize(
    ("function", "points", "settings", "differs"),
    [
        (square, {"x": [1, 3]}, {}, "its points['x'] is [1, 2], here it is [1, 3]"),
        (square, {"x": [1, 2]}, {"seeds": 3}, "its seeds is 2, here it is 3"),
        (square, {"x": [1, 2]}, {"seed": 1}, "its seed is 0, here it is 1"),
        (square, {"x": [1, 2]}, {"paired": False}, "its paired is true, here it is false"),
        (changed, {"x": [1, 2]}, {}, 'its function[\'name\'] is "square", here it is "changed"'),
        (lambda x, seed, k: x, {"x": [1, 2]}, {"shared": {"k": 1}}, "its function['name']"),
    ],
)
def test_a_store_of_another_sweep_is_refused_with_what_differs(function, points, settings, differs, tmp_path, log):
    here(square, {"x": [1, 2]}, seeds=2, store=tmp_path / "s.jsonl")
    with pytest.raises(sim.ParameterError) as caught:
        here(function, points, **{"seeds": 2, "store": tmp_path / "s.jsonl", **settings})
    assert differs in str(caught.value)


def test_a_function_with_another_body_or_closure_is_another_function(tmp_path):
    def made(k):
        return lambda x: x * k

    here(made(2), {"x": [1]}, store=tmp_path / "s.jsonl")
    assert here(made(2), {"x": [1]}, store=tmp_path / "s.jsonl")["value"].tolist() == [2]
    with pytest.raises(sim.ParameterError, match="function\\['code'\\]"):
        here(made(3), {"x": [1]}, store=tmp_path / "s.jsonl")


def test_recorded_failures_stay_and_are_run_again_where_they_may_not_be(tmp_path):
    store, broken = tmp_path / "s.jsonl", tmp_path / "broken"
    broken.touch()

    def point(x):
        if x == 2 and os.path.exists(broken):
            raise OSError("no space")
        return x

    first = here(point, {"x": [1, 2]}, store=store, on_error="record")
    assert first.problems == ("", "OSError: no space")
    broken.unlink()
    assert here(point, {"x": [1, 2]}, store=store, on_error="record").problems == first.problems
    assert here(point, {"x": [1, 2]}, store=store)["value"].tolist() == [1, 2]


def test_a_failure_that_ends_a_sweep_leaves_the_others_in_the_store(tmp_path):
    with pytest.raises(sim.SimulationError):
        here(fails, {"g": [3, 4]}, seeds=[5], store=tmp_path / "s.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert lines[1:] == [{"row": 0, "values": {"value": 3.0}, "problem": ""}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello\n", "holds no sweep of snnsim"),
        ("hello", "holds no sweep of snnsim"),
        ('{"format": "snnsim-state"}\n', "holds no sweep of snnsim"),
        ('{"format": "snnsim-sweep", "version": 99}\n', "has version 99; this snnsim reads up to 1"),
        ('{"format": "snnsim-sweep", "version": 1}\n{"row": 0, "val\n{"row": 1}\n', "is damaged in line 2"),
        ('{"format": "snnsim-sweep", "version": 1}\n{"row": 0, "values": {"y": NaN}, "problem": ""}\n', "is damaged in line 2"),
        ('{"format": "snnsim-sweep", "version": 1}\n{"row": -1, "values": {"y": 1}, "problem": ""}\n', "row = -1 is no number of a point"),
        ('{"format": "snnsim-sweep", "version": 1}\n{"row": true, "values": {"y": 1}, "problem": ""}\n', "row = True is no number"),
        ('{"format": "snnsim-sweep"}\n', "version = None is no whole number"),
    ],
)
def test_a_foreign_or_damaged_store_is_refused_and_left_as_it_is(text, says, tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_text(text)
    with pytest.raises(sim.FormatError, match=says):
        here(lambda x: x, {"x": [1]}, store=path)
    assert path.read_text() == text


def test_a_store_with_a_row_past_the_points_is_refused(tmp_path):
    path = tmp_path / "s.jsonl"
    here(_square, {"x": [1, 2]}, store=path)
    path.write_text(path.read_text().replace('"row": 1', '"row": 99'))
    with pytest.raises(sim.FormatError, match="holds row 99 of a sweep of 2 points"):
        here(_square, {"x": [1, 2]}, store=path)


def _square(x):
    return x * x


def test_two_sweeps_never_write_to_one_store(tmp_path):
    path = tmp_path / "s.jsonl"

    def inner(x):
        with pytest.raises(sim.SimulationError, match="is being written by another sweep"):
            here(lambda y: y, {"y": [1]}, store=path)
        return x

    assert here(inner, {"x": [1]}, store=path)["value"].tolist() == [1]
