"""Delivery, for every way of keeping synapses: what neurons receive is a dense product shifted by the delay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snnsim as sim
from snnsim.compiler.spiking import compile_spiking
from snnsim.engines.clock import _build
from snnsim.kernels.layout import BITS, LEARNED, MATRIX, ONE_TO_ONE, ROWS, SPREAD

N_PRE, STEPS, DT = 7, 24, 0.5
FADES = {"i_syn_exc": np.exp(-DT / 5.0), "i_syn_inh": np.exp(-DT / 10.0)}


def network(model, source, target, n_post, weight, delay, fired, **more):
    """Return sources that fire `fired[step, neuron]` times, and neurons that only listen."""
    steps, neurons = np.nonzero(fired)
    repeats = fired[steps, neurons]
    times = np.repeat((steps + 1) * DT, repeats)
    pre = sim.Population("pre", N_PRE, sim.SpikeArray(times=times, indices=np.repeat(neurons, repeats)))
    post = sim.Population("post", n_post, model)
    return sim.Network(sim.Projection(pre, post, sim.FromArrays(source, target), weight=weight, delay=delay, **more))


def received(source, target, n_post, weight, delay, fired):
    """Return the sums of the weights >= 0 and < 0 that arrive, float64[2, step, target], by brute force."""
    out = np.zeros((2, STEPS, n_post))
    for s, t, w, d in zip(source, target, np.broadcast_to(weight, source.shape), np.broadcast_to(delay, source.shape), strict=True):
        late = round(d / DT)
        out[int(w < 0), late:, t] += w * fired[: STEPS - late, s]
    return out


def layout(net):
    return _build(compile_spiking(net, seed=0, dt=DT), None, learns=frozenset([0])).plan.kind[0]


def check(source, target, n_post, weight, delay, fired, *, threads, model, kind=None):
    arriving = received(source, target, n_post, weight, delay, fired)
    quiet = {"v_th": 1e9, "t_ref": 0.0}
    if model == "IF":
        net = network(sim.IF(v_reset=0.0, v_init=0.0, **quiet), source, target, n_post, weight, delay, fired)
        expected = {"v": np.cumsum(arriving.sum(axis=0), axis=0)}
    else:
        net = network(sim.LIFExp(**quiet), source, target, n_post, weight, delay, fired)
        expected = {}
        for (name, fade), inputs in zip(FADES.items(), arriving, strict=True):
            expected[name] = np.zeros((STEPS, n_post))
            for k in range(STEPS):
                expected[name][k] = expected[name][k - 1] * fade * (k > 0) + inputs[k]
    assert kind is None or layout(net) == kind
    result = sim.simulate(net, STEPS * DT, dt=DT, engine="clock", threads=threads, record={"post": list(expected)})
    for name, values in expected.items():
        np.testing.assert_allclose(
            result.recordings["post"][name].values, values, rtol=1e-12, atol=1e-12 * (1.0 + np.abs(weight).max(initial=0.0))
        )
    layers = result.counts.layers
    fan_out = np.bincount(source, minlength=N_PRE)
    assert layers["pre -> post"].get("synops", 0) == np.sum(fired * fan_out)
    assert layers["post"].get("updates_driven", 0) == np.count_nonzero(counted(source, target, n_post, delay, fired))


def counted(source, target, n_post, delay, fired):
    return received(source, target, n_post, np.ones(len(source)), delay, fired)[0]


@pytest.mark.parametrize("model", ["IF", "LIFExp"])
@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 60),
    n_post=st.integers(1, 20),
    weights=st.sampled_from(["one", "minus", "single", "double"]),
    delays=st.sampled_from(["one", "each"]),
    threads=st.integers(1, 3),
)
def test_lists_of_targets(model, seed, n, n_post, weights, delays, threads):
    random = np.random.default_rng(seed)
    source, target = random.integers(N_PRE, size=n), random.integers(n_post, size=n)
    some = random.integers(1, 9, n) + 0.5
    sign = np.where(target % 2, 1.0, -1.0)  # inputs of both signs onto one neuron may cancel, and it then counts as idle
    weight = {"one": 1.5, "minus": -0.25, "single": some * sign, "double": random.normal(size=n)}[weights]
    delay = 1.0 if delays == "one" else random.integers(1, 6, size=n) * DT
    # Two spikes of one source in one step are one of the cases.
    fired = random.integers(0, 3, size=(STEPS, N_PRE)) * (random.random((STEPS, N_PRE)) < 0.4)
    check(source, target, n_post, weight, delay, fired, threads=threads, model=model)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("model", ["IF", "LIFExp"])
@pytest.mark.parametrize("weight", [0.5, -0.5])
def test_rows_of_bits(model, weight, threads):
    random = np.random.default_rng(5)
    n_post = 1100
    source, target = np.nonzero(random.random((N_PRE, n_post)) < 0.2)
    fired = random.integers(0, 2, size=(STEPS, N_PRE))
    fired[3, 2] = 300  # more than a byte counts
    fired[5] = 60  # in all more than a byte counts
    check(source, target, n_post, weight, 1.0, fired, threads=threads, model=model, kind=BITS)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(("model", "kind"), [("IF", MATRIX), ("LIFExp", ROWS)])
@pytest.mark.parametrize("single", [True, False])
def test_a_full_matrix(model, kind, single, threads):
    random = np.random.default_rng(12)
    source, target = (axis.ravel() for axis in np.indices((N_PRE, 37)))
    weight = random.normal(size=N_PRE * 37)
    weight = weight.astype(np.float32).astype(float) if single else weight
    fired = random.integers(0, 3, size=(STEPS, N_PRE)) * (random.random((STEPS, N_PRE)) < 0.7)  # groups of four and the rest
    check(source, target, 37, weight, 1.0, fired, threads=threads, model=model, kind=kind)


@pytest.mark.parametrize("precision", ["double", "single"])
def test_a_full_matrix_gives_the_same_bits_for_any_number_of_threads(precision):
    random = np.random.default_rng(13)
    pre = sim.Population("pre", 90, sim.PoissonSource(rate=100.0))
    post = sim.Population("post", 133, sim.IF(v_reset=0.0, v_init=0.0, v_th=1.5))
    net = sim.Network(
        sim.Projection(pre, post, sim.AllToAll(), weight=random.normal(0.05, 0.3, 90 * 133), delay=1.0),
        sim.Projection(post, post, sim.AllToAll(autapses=True), weight=random.normal(-0.01, 0.1, 133 * 133), delay=0.5),
    )
    assert _build(compile_spiking(net, seed=0, dt=DT), None).plan.kind == [MATRIX, MATRIX]
    options = {"engine": "clock", "dt": DT, "precision": precision, "record": {"post": ["spikes", "v"]}}
    one, two, three = (sim.simulate(net, 60.0, threads=threads, **options) for threads in (1, 2, 3))
    assert len(one.spikes["post"]) > 500
    for other in (two, three):
        np.testing.assert_array_equal(other.spikes["post"].times, one.spikes["post"].times)
        np.testing.assert_array_equal(other.recordings["post"]["v"].values, one.recordings["post"]["v"].values)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("weight", [0.5, None])
def test_targets_beyond_two_bytes(weight, threads):
    random = np.random.default_rng(6)
    n_post = 65_600
    source, target = random.integers(N_PRE, size=500), np.append(random.integers(n_post, size=498), [65_535, 65_599])
    fired = random.integers(0, 2, size=(STEPS, N_PRE))
    weight = random.normal(size=500) if weight is None else weight
    check(source, target, n_post, weight, 1.0, fired, threads=threads, model="IF", kind=ROWS)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("model", ["IF", "LIFExp"])
def test_one_to_one(model, threads):
    fired = np.random.default_rng(7).integers(0, 3, size=(STEPS, N_PRE))
    check(np.arange(N_PRE), np.arange(N_PRE), N_PRE, -2.0, 1.5, fired, threads=threads, model=model, kind=ONE_TO_ONE)


def test_the_layout_follows_what_is_uniform():
    fired = np.zeros((STEPS, N_PRE), dtype=int)
    source, target = np.arange(N_PRE), np.zeros(N_PRE, dtype=int)
    pairs = (source, target, 3)
    assert layout(network(sim.IF(), *pairs, 0.5, 1.0, fired)) == ROWS
    assert layout(network(sim.IF(), *pairs, 0.5, np.arange(1, 8) * DT, fired)) == SPREAD
    assert layout(network(sim.IF(), *pairs, 0.5, 1.0, fired, plasticity=sim.PairSTDP())) == LEARNED
    # Neuron i to neuron i of a larger population: its partners may belong to another thread.
    assert layout(network(sim.IF(), source, source, 8, 0.5, 1.0, fired)) == ROWS
    # A matrix has one entry for a pair, and every pair.
    full = np.repeat(source, 2), np.tile([0, 1], N_PRE)
    assert layout(network(sim.IF(), *full, 2, np.arange(14.0), 1.0, fired)) == MATRIX
    assert layout(network(sim.IF(), full[0][:-1], full[1][:-1], 2, np.arange(13.0), 1.0, fired)) == ROWS
    assert layout(network(sim.IF(), full[0], np.zeros(14, dtype=int), 2, np.arange(14.0), 1.0, fired)) == ROWS
    # A bit cannot say that a pair has two synapses.
    random = np.random.default_rng(8)
    source, target = random.integers(N_PRE, size=4000), random.integers(1024, size=4000)
    assert layout(network(sim.IF(), source, target, 1024, 0.5, 1.0, fired)) == ROWS
