"""Synapses that move: who has them, what they begin with, and that nothing else notices."""

import numpy as np
import pytest

import snnsim as sim
from snnsim.engines.spiking import run_spiking

NAME = "cells -> cells"


def network(rule=None, threshold=0.3, **more):
    noise = sim.Population("noise", 60, sim.PoissonSource(rate=300.0))
    cells = sim.Population("cells", 60, sim.LIF(v_rest=0.0, v_reset=0.0, v_th=10.0, t_ref=2.0))
    rules = [rule or sim.PairSTDP(a_plus=0.05, a_minus=0.06, w_max=1.0), sim.Rewiring(threshold=threshold, weight=0.5, interval=50.0)]
    return sim.Network(
        sim.Projection(noise, cells, sim.OneToOne(), weight=5.0),
        sim.Projection(cells, cells, sim.FixedInDegree(8, autapses=False, multapses=False), weight=0.4, plasticity=rules, **more),
    )


def test_every_target_keeps_its_number_of_synapses_and_none_is_doubled():
    before = run_spiking(network(), duration=40.0, dt=0.5)
    result = run_spiking(network(), duration=460.0, dt=0.5)
    assert result.engine == "clock" and "does not move synapses" in result.why
    source, target = result.connections(NAME)
    assert np.all(np.bincount(target, minlength=60) == 8)
    assert len(np.unique(60 * source + target)) == len(source) and not np.any(source == target)
    old = set(zip(*before.connections(NAME), strict=True))
    assert 20 < len(old - set(zip(source, target, strict=True))) < 480
    assert result.weight_matrix(NAME).sum() == pytest.approx(result.weights[NAME].sum())


def test_only_weak_synapses_move_and_new_ones_begin_with_their_weight():
    rule = sim.SynapticScaling(rate=1.0, beta=1e-9, interval=1000.0)  # does nothing yet
    cells = sim.Population("cells", 20, sim.LIF())
    weight = np.random.default_rng(0).uniform(0.1, 1.0, 40)
    net = sim.Network(
        sim.Projection(cells, cells, sim.FromArrays(np.arange(40) % 20, (np.arange(40) + 1 + np.arange(40) // 20) % 20), weight=weight,
                       plasticity=[rule, sim.Rewiring(threshold=0.4, weight=0.7, interval=10.0)]),
    )  # fmt: skip
    before, after = (run_spiking(net, duration=duration, dt=0.5) for duration in (9.0, 11.0))
    kept = {pair: w for *pair, w in zip(*before.connections(NAME), before.weights[NAME], strict=True) for pair in [tuple(pair)]}
    strong = {pair for pair, w in kept.items() if w >= 0.4}
    now = {pair: w for *pair, w in zip(*after.connections(NAME), after.weights[NAME], strict=True) for pair in [tuple(pair)]}
    assert all(now[pair] == kept[pair] for pair in strong)
    assert {w for pair, w in now.items() if pair not in strong} == {0.7}
    assert after.counts.layers[NAME]["plasticity_updates"] == (weight < 0.4).sum()


@pytest.mark.parametrize(
    "rule",
    [
        sim.PairSTDP(a_plus=0.05, a_minus=0.06),
        sim.PairSTDP(a_plus=0.05, a_minus=0.06, mu_plus=0.5),
        sim.PairSTDP(pairing="nearest_pre_centred"),
    ],
)
def test_threads_and_pieces_change_no_bit(rule):
    net = network(rule)
    whole = run_spiking(net, duration=230.0, dt=0.5, threads=1)
    others = [run_spiking(net, duration=230.0, dt=0.5, threads=3)]
    state = None
    for duration, threads in ((70.0, 2), (80.0, 1), (80.0, 3)):
        piece = run_spiking(net, duration=duration, dt=0.5, threads=threads, start=state)
        state = piece.state
    for other in (*others, piece):
        np.testing.assert_array_equal(whole.weights[NAME], other.weights[NAME])
        for mine, theirs in zip(whole.connections(NAME), other.connections(NAME), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        for name, array in whole.state.arrays.items():
            np.testing.assert_array_equal(array, other.state.arrays[name], err_msg=name)
    assert others[0].counts.to_dict() == whole.counts.to_dict()


def test_with_nothing_to_prune_a_run_is_as_without_the_rule():
    rule = sim.PairSTDP(a_plus=0.05, a_minus=0.06, w_max=1.0)
    noise = network().projections["noise -> cells"]
    plain = sim.Network(noise, sim.Projection(noise.post, noise.post, sim.FixedInDegree(8), weight=0.4, plasticity=rule))
    idle = sim.Network(
        noise,
        sim.Projection(noise.post, noise.post, sim.FixedInDegree(8), weight=0.4, plasticity=[rule, sim.Rewiring(threshold=1e-300)]),
    )
    one, other = (run_spiking(net, duration=200.0, dt=0.5, engine="clock") for net in (plain, idle))
    np.testing.assert_array_equal(one.weights[NAME], other.weights[NAME])


def test_what_cannot_move_is_refused():
    with pytest.raises(sim.CompileError, match='moves synapses, which the event engine cannot. Use engine="clock"'):
        run_spiking(network(), duration=10.0, engine="event")
    with pytest.raises(sim.CompileError, match="has 3 values but synapses that move share one"):
        run_spiking(network(delay=sim.Uniform(low=0.5, high=1.5, step=0.5)), duration=10.0, dt=0.5)
    with pytest.raises(sim.UnrecordedError, match="noise -> cells"):
        run_spiking(network(), duration=1.0, dt=0.5).connections("noise -> cells")
