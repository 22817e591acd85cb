"""Frozen neurons against the flight of each neuron by itself, and against exact arithmetic."""

from collections import Counter
from decimal import Decimal, getcontext

import numpy as np
import pytest

from snnsim.connect import FixedProbability, FromArrays, OneToOne
from snnsim.engines.spiking import run_spiking
from snnsim.kernels.delta_flight import advance_delta
from snnsim.kernels.frozen import LONGEST, advance_frozen, move_up, strike
from snnsim.models.integrate_fire import IF
from snnsim.models.lif import LIF
from snnsim.models.poisson import PoissonSource
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection


def test_lif_is_frozen_where_it_cannot_fire_by_itself_and_all_fade_alike():
    assert LIF().event_form(2).advance is LIF(v_th=np.array([-50.0, -40.0])).event_form(2).advance is advance_frozen
    assert LIF(tau_m=np.array([20.0, 20.0])).event_form(2).fade == 0.05
    for driven in (LIF(i_ext=200.0), LIF(v_rest=-50.0), LIF(tau_m=np.array([20.0, 10.0])), LIF(i_ext=np.array([0.0, 400.0]))):
        assert driven.event_form(2).advance is advance_delta and driven.event_form(2).fade is None
    assert IF().event_form(2).fade == 0.0 and IF(i_ext=-1.0).event_form(2).fade is None


def test_potentials_over_many_time_constants_are_those_of_exact_arithmetic():
    getcontext().prec = 40
    random = np.random.default_rng(4)
    times, weights = np.sort(random.uniform(0.0, 900.0, 300)), random.uniform(-1.5, 1.6, 300)
    source, cell = Population("source", 300, SpikeArray(times=times, indices=np.arange(300))), Population("cell", 1, LIF(v_th=-30.0))
    net = Network(Projection(source, cell, FromArrays(np.arange(300), np.zeros(300, int)), weight=weights, delay=2.0**-10))
    result = run_spiking(net, duration=1000.0, engine="event", dt=5.0, record={"cell": ["v", "spikes"]})
    assert len(result.spikes["cell"]) == 0
    v = result.recordings["cell"]["v"]
    arrivals = times + 2.0**-10
    kicks = [(Decimal(weight), Decimal(at)) for weight, at in zip(weights, arrivals, strict=True)]
    exact = [-65 + sum(w * ((at - Decimal(t)) / 20).exp() for w, at in kicks if at < t) for t in map(float, v.times)]
    assert max(abs(Decimal(float(x)) - y) for x, y in zip(v.values[:, 0], exact, strict=True)) < 3e-14


def test_a_frozen_population_fires_as_one_of_neurons_that_fly_one_by_one():
    random = np.random.default_rng(3)
    s, t, weight = random.integers(200, size=4000), random.integers(200, size=4000), random.choice([-1.0, 1.1], size=4000)

    def run(**varied):
        source, cells = Population("source", 200, PoissonSource(rate=80.0)), Population("cells", 200, LIF(**varied))
        kick = Projection(source, cells, OneToOne(), weight=7.0, delay=1.0)
        net = Network(kick, Projection(cells, cells, FromArrays(s, t), weight=weight, delay=1.5))
        return run_spiking(net, duration=300.0, engine="event", seed=5)

    frozen, flying = run(), run(tau_m=np.append(np.full(199, 20.0), 20.0 * (1 + 1e-15)))
    assert len(frozen.spikes["cells"]) > 1000
    np.testing.assert_array_equal(frozen.spikes["cells"].times, flying.spikes["cells"].times)
    np.testing.assert_array_equal(frozen.spikes["cells"].indices, flying.spikes["cells"].indices)
    assert frozen.counts.layers == flying.counts.layers


@pytest.mark.parametrize("t_ref", [0.0, 3.0])
@pytest.mark.parametrize("compiled", [True, False])
def test_a_strike_and_the_list_of_touched_neurons_do_the_same(compiled, t_ref):
    random, n = np.random.default_rng(8), 50
    call = (lambda kernel: kernel) if compiled else (lambda kernel: kernel.py_func)
    gap = random.uniform(10.0, 15.0, n)
    coef = np.stack([gap, np.zeros(n), np.zeros(n), np.full(n, 0.05), np.full(n, t_ref)])
    states, results = [], []
    for struck in (True, False):
        random = np.random.default_rng(9)
        u, clocks, inputs = random.uniform(-5.0, 12.0, (1, n)), np.repeat([[0.0], [-np.inf], [np.inf]], n, axis=1), np.zeros((1, n))
        u[0, ::7], clocks[1, ::7] = np.inf, 20.0
        fired, tally = np.zeros(n, np.int32), np.zeros(3, np.int64)
        for t in (5.0, 19.0, 21.0, 40.0):
            targets = np.sort(random.permutation(n)[:30]).astype(np.uint32)
            weight = random.choice([0.0, -1.0, 4.0, 9.0], size=30)
            touched = targets.astype(np.int32)
            if struck:
                touched = np.empty(30, np.int32)
                k, driven = call(strike)(targets, weight, 0, 1, np.exp(t * 0.05), u[0], coef[0], inputs[0], touched)
                tally[:2] += driven, 30 - k - driven
                touched = touched[:k]
            else:
                inputs[0, targets] = weight
            n_fired = call(advance_frozen)(t, touched, u, clocks, coef, inputs, np.uint64(0), fired, tally)
            results.append(fired[:n_fired].copy())
        states.append((u, clocks, inputs, tally))
    assert sum(map(len, results)) > 20
    for one, other in zip(results[:4], results[4:], strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_weight_for_all_strikes_as_the_same_weight_for_each():
    targets, touched = np.array([1, 4, 6], dtype=np.uint16), np.empty(3, np.int32)
    outcome = []
    for weight, stride, gap in ((np.array([2.0]), 0, np.array([10.0])), (np.full(3, 2.0), 1, np.full(8, 10.0))):
        u, inputs = np.array([0.0, 3.0, 0.0, 0.0, 9.0, 0.0, np.inf, 0.0]), np.zeros(8)
        counted = strike(targets, weight, 0, stride, 1.5, u, gap, inputs, touched)
        outcome.append((*counted, *u, *inputs, *touched[:1]))
    assert outcome[0] == outcome[1]
    assert outcome[0][:2] == (1, 2)


def test_moving_the_time_of_states_up_leaves_the_infinite_ones_alone():
    for kernel in (move_up, move_up.py_func):
        u, last = np.array([2.0, np.inf, -4.0]), np.zeros(3)
        kernel(20.0, u, last, 0.05)
        np.testing.assert_allclose(u, [2 / np.e, np.inf, -4 / np.e], rtol=1e-15)
        assert np.all(last == 20.0)
        kernel(1e9, u, last, 0.05)
        np.testing.assert_array_equal(u, [0.0, np.inf, 0.0])


def test_a_run_cut_anywhere_has_the_bits_of_a_whole_one():
    source, cells = Population("source", 30, PoissonSource(rate=40.0)), Population("cells", 30, LIF())
    net = Network(
        Projection(source, cells, OneToOne(), weight=9.0, delay=1.0), Projection(cells, cells, FixedProbability(0.3), weight=1.0, delay=1.5)
    )
    record = {"cells": ["spikes", "v"]}
    whole = run_spiking(net, duration=600.0, engine="event", record=record)
    start, pieces, totals = None, [], Counter()
    for duration in (1.25, 80.0, 0.625, 400.0, 118.125):
        piece = run_spiking(net, duration=duration, engine="event", record=record, start=start)
        pieces.append(piece.recordings["cells"]["v"].values)
        totals.update(piece.counts.layers["cells"])
        start = piece.state
    assert 3 * LONGEST < 600.0 / 20.0
    np.testing.assert_array_equal(np.concatenate(pieces), whole.recordings["cells"]["v"].values)
    assert totals == Counter(whole.counts.layers["cells"]) and totals["spikes"] > 100
    for name, array in whole.state.arrays.items():
        if name not in ("agenda.now",):
            np.testing.assert_array_equal(start.arrays[name], array, err_msg=name)
