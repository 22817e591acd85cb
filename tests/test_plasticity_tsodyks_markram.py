"""Short-term plasticity: what spikes release, against NEST and against its equations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nest_traces import load
from pairing_reference import busy, scripted

from snnsim.connect import FromArrays
from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError
from snnsim.models.integrate_fire import IF
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.pair_stdp import PairSTDP
from snnsim.plasticity.tsodyks_markram import TsodyksMarkram

ENGINES = ("clock", "event")


def listening(times, indices, rule, *, weight, delay, source, target):
    """Return a network whose targets add up what they receive."""
    pre = Population("pre", max(source) + 1, SpikeArray(times=times, indices=indices))
    post = Population("post", max(target) + 1, IF(v_th=1e9, v_reset=0.0))
    return Network(Projection(pre, post, FromArrays(source, target), weight=weight, delay=delay, plasticity=rule))


def received(net, engine, duration, dt):
    """Return what came in every step by target, float[n_steps, n_targets]."""
    result = run_spiking(net, duration=duration, engine=engine, dt=dt, record={"post": ["v"]})
    return np.diff(result.recordings["post"]["v"].values, axis=0, prepend=0.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_released_weights_are_those_of_nest(refs, engine):
    trace, reference = load(refs, "plast_tsodyks2_synapse_d1")
    given = reference["params"]
    # NEST's u of 0.5 is that of the first spike, which comes after no other: ours starts before it.
    rule = TsodyksMarkram(U=given["U"], tau_rec=given["tau_rec"], tau_fac=given["tau_fac"], u_init=0.0, x_init=given["x"])
    net = listening(trace["pre"], np.zeros(20, int), rule, weight=given["weight"], delay=reference["delay"], source=[0], target=[0])
    steps = received(net, engine, reference["T"], 0.1)
    arrived = steps[np.abs(steps) > 1e-6]
    np.testing.assert_allclose(arrived, trace["weights"], rtol=1e-10)


def by_definition(times, rule):
    """Return what each spike releases, from one to the next."""
    u, x, last, released = rule.u_init, rule.x_init, 0.0, []
    for t in times:
        x = 1.0 - (1.0 - x) * np.exp(-(t - last) / rule.tau_rec)
        u = u * np.exp(-(t - last) / rule.tau_fac) if rule.tau_fac > 0.0 else 0.0
        u += rule.U * (1.0 - u)
        released.append(u * x)
        x -= u * x
        last = t
    return released


@pytest.mark.parametrize("engine", ENGINES)
@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    cut=st.integers(1, 63),
    tau_fac=st.sampled_from([0.0, 5.0, 300.0]),
    tau_rec=st.sampled_from([2.0, 150.0]),
)
def test_spikes_release_what_the_equations_say_for_any_trains_delays_and_cuts(engine, seed, cut, tau_fac, tau_rec):
    random = np.random.default_rng(seed)
    n = int(random.integers(0, 60))
    times, indices = np.sort(random.integers(1, 110, n)) / 2, random.integers(2, size=n)  # some at once
    source, target = np.array([0, 0, 1, 1, 0]), np.array([0, 1, 2, 3, 1])
    weight, delay = random.normal(0.0, 10.0, 5), random.integers(1, 16, 5) / 2
    rule = TsodyksMarkram(
        U=random.uniform(0.05, 1.0), tau_rec=tau_rec, tau_fac=tau_fac, u_init=random.uniform(), x_init=random.uniform()
    )  # fmt: skip
    net = listening(times, indices, rule, weight=weight, delay=delay, source=source, target=target)
    expected = np.zeros((128, 4))
    for k in range(5):
        mine = times[indices == source[k]]
        np.add.at(expected[:, target[k]], np.rint(2 * (mine + delay[k])).astype(int) - 1, weight[k] * np.array(by_definition(mine, rule)))
    first = run_spiking(net, duration=float(cut), engine=engine, dt=0.5, record={"post": ["v"]})
    second = run_spiking(net, duration=64.0 - cut, engine=engine, dt=0.5, record={"post": ["v"]}, start=first.state)
    v = np.concatenate([piece.recordings["post"]["v"].values for piece in (first, second)])
    np.testing.assert_allclose(v, np.cumsum(expected, axis=0), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("engine", ENGINES)
def test_beside_stdp_the_released_share_is_that_of_the_weight_the_spike_meets(engine):
    times, post = np.arange(10.0, 100.0, 7.0), np.arange(12.0, 100.0, 9.0)
    pair, short = PairSTDP(a_plus=0.05, a_minus=0.03), TsodyksMarkram(U=0.4, tau_rec=30.0, tau_fac=20.0)
    zeros = np.zeros(len(times), int), np.zeros(len(post), int)
    weights, now, state = [], 0.0, None
    plain = scripted(1, 1, (times, zeros[0]), (post, zeros[1]), [0], [0], 0.5, 1.0, pair)
    both = scripted(1, 1, (times, zeros[0]), (post, zeros[1]), [0], [0], 0.5, 1.0, [pair, short])
    for time in times:
        result = run_spiking(plain, duration=time - now, engine=engine, dt=0.5, start=state)
        weights.append(result.weights["pre -> post"][0])
        now, state = time, result.state
    run = {"duration": 101.0, "engine": engine, "dt": 0.5, "record": {"post": ["v"]}}
    silent, result = run_spiking(scripted(1, 1, ([], []), (post, zeros[1]), [0], [0], 0.5, 1.0, pair), **run), run_spiking(both, **run)
    v, base = (each.recordings["post"]["v"].values[:, 0] for each in (result, silent))
    at = np.rint(2 * (times + 1.0)).astype(int) - 1
    here = ~np.isin(times + 1.0, post)  # a neuron that fires is reset
    # What is left of earlier ones is taken off: the membrane forgets by the same factor in every step.
    fade = np.exp(-0.5 / 20.0)
    jump = (v - base)[at] - fade * (v - base)[at - 1]
    np.testing.assert_allclose(jump[here], (np.array(weights) * by_definition(times, short))[here], rtol=1e-9)
    np.testing.assert_array_equal(result.weights["pre -> post"], run_spiking(plain, **run).weights["pre -> post"])


@pytest.mark.parametrize("rule", [TsodyksMarkram(U=0.3, tau_fac=50.0), [PairSTDP(), TsodyksMarkram(tau_rec=90.0)]])
def test_threads_and_cuts_change_no_bit(rule):
    net = busy(rule, weight=0.5)
    run = {"engine": "clock", "dt": 0.25, "seed": 3, "record": {"cells": ["spikes", "v"]}}
    one = run_spiking(net, duration=60.0, **run)
    assert len(one.spikes["cells"]) > 50
    for threads in (2, 3):
        first = run_spiking(net, duration=23.0, threads=threads, **run)
        second = run_spiking(net, duration=37.0, threads=4 - threads, start=first.state, **run)
        values = np.concatenate([piece.recordings["cells"]["v"].values for piece in (first, second)])
        np.testing.assert_array_equal(values, one.recordings["cells"]["v"].values)
        for name, weight in one.weights.items():
            np.testing.assert_array_equal(second.weights[name], weight)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"U": 0.0}, r"TsodyksMarkram\.U = 0 must be > 0\."),
        ({"U": 1.5}, r"TsodyksMarkram\.U = 1\.5 must be <= 1\."),
        ({"tau_rec": 0.0}, r"TsodyksMarkram\.tau_rec = 0 ms must be > 0 ms"),
        ({"tau_fac": -1.0}, r"TsodyksMarkram\.tau_fac = -1 ms must be >= 0 ms"),
        ({"x_init": 2.0}, r"TsodyksMarkram\.x_init = 2 must be <= 1"),
        ({"u_init": np.nan}, r"TsodyksMarkram\.u_init = nan must be finite"),
        ({"tau_rec": np.array([1.0, 2.0])}, r"TsodyksMarkram\.tau_rec = array.* must be one number for the projection"),
        ({"tau_facil": 1.0}, r"'tau_facil' is not known\. Valid: U, tau_rec, tau_fac, u_init, x_init\. Did you mean 'tau_fac'"),
    ],
)
def test_wrong_parameters_are_refused(wrong, message):
    with pytest.raises(ParameterError, match=message):
        TsodyksMarkram(**wrong)
