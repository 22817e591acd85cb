"""Points and seeds: a function of what was asked for, and of nothing else."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.sweeps.plan import derived_seeds, make_plan


def plan(points, *, seeds=None, seed=0, draws=None, paired=True):
    return make_plan(points, seeds=seeds, seed=seed, draws=draws, paired=paired)


def test_a_grid_is_every_combination_with_the_last_name_fastest():
    made = plan({"g": [3, 4], "eta": np.array([0.9, 2.0])})
    assert made.names == ("g", "eta")
    assert made.rows == ((3, 0.9), (3, 2.0), (4, 0.9), (4, 2.0))
    assert all(type(value) in (int, float) for row in made.rows for value in row)


def test_listed_points_stay_in_their_order():
    made = plan([{"g": 5, "chip": "b"}, {"chip": "a", "g": 3}])
    assert (made.names, made.rows) == (("g", "chip"), ((5, "b"), (3, "a")))


def test_seeds_are_those_of_numpys_counter():
    expected = [int(np.random.SeedSequence(11, spawn_key=(0, k)).generate_state(1)[0]) for k in range(4)]
    assert [row[-1] for row in plan({"g": [3]}, seeds=4, seed=11).rows] == expected


def test_more_seeds_or_values_leave_the_others_as_they_are():
    few, many = plan({"g": [3]}, seeds=3), plan({"g": [2, 3]}, seeds=7)
    assert set(few.rows) < set(many.rows)
    few, many = (plan({"g": g}, seeds=n, paired=False) for g, n in (([3], 3), ([2, 3], 7)))
    assert set(few.rows) < set(many.rows)


def test_paired_points_share_their_seeds_and_independent_ones_share_none():
    for paired, different in ((True, 5), (False, 10)):
        made = plan({"g": [3, 4]}, seeds=5, paired=paired)
        assert len({row[-1] for row in made.rows}) == different


def test_no_seed_comes_twice(monkeypatch):
    class Narrow(np.random.SeedSequence):  # two bits, so that most words come again
        def generate_state(self, n_words, dtype=np.uint32):
            return super().generate_state(n_words, dtype) % 4

    monkeypatch.setattr(np.random, "SeedSequence", Narrow)
    assert sorted(derived_seeds(0, 4, (0,))) == [0, 1, 2, 3]


def test_draws_are_the_same_at_every_point_of_the_rest_and_within_their_bounds():
    made = plan({"g": sim.Uniform(low=3.0, high=8.0), "n": [10, 20]}, draws=5)
    assert made.names == ("g", "n", "draw")
    of = {n: [row[0] for row in made.rows if row[1] == n] for n in (10, 20)}
    assert of[10] == of[20] and len(set(of[10])) == 5 and all(3.0 <= g < 8.0 for g in of[10])
    assert "draw" not in made.arguments(0)
    again = plan({"eta": sim.Uniform(low=0.0, high=1.0), "g": sim.Uniform(low=3.0, high=8.0)}, draws=9)
    assert [row[1] for row in again.rows][:5] == of[10]


@pytest.mark.parametrize(
    ("points", "settings", "says"),
    [
        ({}, {}, "sweep.points = {} names no parameter"),
        ([], {}, "sweep.points = [] holds no point"),
        ([{}], {}, "holds no point"),
        (3, {}, "sweep.points = 3 must be a mapping"),
        ({"g": []}, {}, "sweep.points['g'] = [] is empty"),
        ({"g": 3}, {}, "sweep.points['g'] = 3 must be a list of values: [3]"),
        ({"chip": "loihi"}, {}, "must be a list of values: ['loihi']"),
        ({"g": {3, 4}}, {}, "must be a list of values"),
        ({"g": [3, 4, 3]}, {}, "holds 3 twice"),
        ({"g": [float("nan")]}, {}, "sweep.points['g'][0] = nan must be finite"),
        ({"model": [object]}, {}, "Pass objects by sweep(shared="),
        ({"problem": [1]}, {}, "the column 'problem' is made by the sweep"),
        ({3: [1]}, {}, "3 must be the name of a parameter"),
        ([{"g": 3}, {"eta": 3}], {}, "sweep.points[1] names eta but sweep.points[0] names g"),
        ([{"g": 3}, {"g": 3}], {}, "holds {'g': 3} twice"),
        ({"seed": [1]}, {"seeds": 3}, "Leave one out"),
        ({"g": [3]}, {"seeds": 0}, "sweep.seeds = 0 must be >= 1"),
        ({"g": [3]}, {"seeds": [1, 1]}, "sweep.seeds holds 1 twice"),
        ({"g": [3]}, {"seeds": [-1]}, "sweep.seeds = -1 must be >= 0"),
        ({"g": [3]}, {"seed": -1}, "sweep.seed = -1 must be >= 0"),
        ({"g": [3]}, {"paired": 1}, "sweep.paired = 1 must be True or False"),
        ({"g": [3]}, {"draws": 3}, "sweep.draws = 3 needs a distribution"),
        ([{"g": 3}], {"draws": 3}, "not to a list of points"),
        ({"g": sim.Uniform(low=0.0, high=1.0)}, {}, "sweep.draws is missing"),
        ({"g": sim.Uniform(low=0.0, high=1.0), "draw": [1]}, {"draws": 2}, "the column 'draw' is made by the sweep"),
    ],
)
def test_what_is_no_sweep_is_refused_with_its_reason(points, settings, says):
    with pytest.raises(sim.ParameterError) as caught:
        plan(points, **settings)
    assert says in str(caught.value)
