"""Rows by delay: what a neuron receives is a dense product shifted by the delays, with the same bits however it is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels_deliver import DT, N_PRE, STEPS, check, layout, network

import snnsim as sim
from snnsim.compiler.spiking import compile_spiking
from snnsim.engines import clock
from snnsim.kernels.layout import LEARNED, SPREAD, TIMED
from snnsim.kernels.timed import BATCH


def crowd(random, n, n_post):
    """Return sources, targets and delays of n synapses, pairs of several synapses among them."""
    return random.integers(N_PRE, size=n), random.integers(n_post, size=n), random.integers(1, 6, size=n) * DT


@pytest.mark.parametrize("model", ["IF", "LIFExp"])
@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(280, 500),
    n_post=st.integers(1, 60),
    weights=st.sampled_from(["one", "minus", "uneven", "single", "double"]),
    threads=st.integers(1, 3),
)
def test_rows_by_delay(model, seed, n, n_post, weights, threads):
    random = np.random.default_rng(seed)
    source, target, delay = crowd(random, n, n_post)
    some = (random.integers(1, 9, n) + 0.5) * np.where(target % 2, 1.0, -1.0)
    weight = {"one": 1.5, "minus": -0.25, "uneven": 0.1, "single": some, "double": random.normal(size=n)}[weights]
    # Two spikes of one source in one step are one of the cases.
    fired = random.integers(0, 3, size=(STEPS, N_PRE)) * (random.random((STEPS, N_PRE)) < 0.4)
    check(source, target, n_post, weight, delay, fired, threads=threads, model=model, kind=TIMED)


@pytest.mark.parametrize("threads", [1, 2])
def test_targets_beyond_two_bytes(threads):
    random = np.random.default_rng(6)
    source, target, delay = crowd(random, 500, 65_600)
    target[-2:] = 65_535, 65_599
    check(source, target, 65_600, random.normal(size=500), delay, np.ones((STEPS, N_PRE), int), threads=threads, model="IF", kind=TIMED)


@pytest.mark.parametrize("threads", [1, 2])
def test_more_runs_in_a_step_than_are_listed_at_a_time(threads):
    n, delays = 600, 3
    assert n * delays > BATCH
    source = np.repeat(np.arange(n), 8 * delays)
    delay = DT * np.tile(np.repeat(np.arange(1, delays + 1), 8), n)
    random = np.random.default_rng(3)
    target, weight = random.integers(30, size=len(source)), random.normal(size=len(source))
    pre = sim.Population("pre", n, sim.SpikeArray(times=np.repeat([DT, 2 * DT, 3 * DT], n), indices=np.tile(np.arange(n), 3)))
    post = sim.Population("post", 30, sim.IF(v_th=1e9, v_reset=0.0, v_init=0.0, t_ref=0.0))
    net = sim.Network(sim.Projection(pre, post, sim.FromArrays(source, target), weight=weight, delay=delay))
    assert layout(net) == TIMED
    v = sim.simulate(net, 8 * DT, dt=DT, engine="clock", threads=threads, record={"post": ["v"]}).recordings["post"]["v"].values
    # Every synapse has been taken three times.
    np.testing.assert_allclose(v[-1], 3.0 * np.bincount(target, weight, 30), rtol=0.0, atol=1e-10)


def mixed():
    """Return a network that keeps its synapses by delay, in lists, for learning and one to one, and fires."""
    cells = {name: sim.Population(name, n, sim.LIFExp(v_init=sim.Uniform(low=-70.0, high=-51.0))) for name, n in (("a", 90), ("b", 41))}
    wait, weight = sim.Uniform(low=0.2, high=0.8, step=0.1), sim.Normal(mean=60.0, std=6.0, low=0.0)
    parts = [
        sim.Projection(cells["a"], cells["b"], sim.FixedOutDegree(30), weight=weight, delay=wait),
        sim.Projection(cells["a"], cells["a"], sim.FixedOutDegree(40), weight=weight, delay=wait),
        sim.Projection(cells["b"], cells["a"], sim.FixedOutDegree(12), weight=-200.0, delay=wait),
        sim.Projection(cells["b"], cells["b"], sim.FixedOutDegree(9), weight=50.0, plasticity=sim.PairSTDP(w_max=100.0)),
    ]
    for each in cells.values():
        noise = sim.Population(f"noise_{each.name}", each.size, sim.PoissonSource(rate=9_000.0))
        parts.append(sim.Projection(noise, each, sim.OneToOne(), weight=80.0, delay=0.7))
    return sim.Network(*parts)


@pytest.mark.parametrize("precision", ["double", "single"])
def test_no_bit_depends_on_threads_or_on_where_a_run_is_cut(precision):
    net = mixed()
    record = {name: ["spikes", "v", "i_syn_exc", "i_syn_inh"] for name in "ab"}
    run = {"engine": "clock", "seed": 4, "record": record, "precision": precision}
    whole = sim.simulate(net, 60.0, **run)
    assert whole.spikes["a"].times.size > 200 and whole.spikes["b"].times.size > 50
    for threads, then in ((2, 3), (3, 1), (1, 2)):
        first = sim.simulate(net, 21.3, threads=threads, **run)
        second = sim.simulate(net, 60.0 - 21.3, threads=then, start=first.state, **run)
        for name in "ab":
            times = np.concatenate([first.spikes[name].times, second.spikes[name].times])
            np.testing.assert_array_equal(times, whole.spikes[name].times)
            for state in record[name][1:]:
                traces = [run.recordings[name][state].values for run in (first, second, whole)]
                np.testing.assert_array_equal(np.concatenate(traces[:2])[-200:], traces[2][-200:])


def test_the_layout_follows_the_synapses_of_a_run():
    machine = clock._build(compile_spiking(mixed(), seed=0, dt=0.1), None, 2, learns=frozenset([3]))
    assert machine.plan.kind[:4] == [TIMED, TIMED, SPREAD, LEARNED]
    # Delays that would make the run remember very many steps.
    random = np.random.default_rng(1)
    source, target, delay = crowd(random, 400, 9)
    fired = np.zeros((STEPS, N_PRE), dtype=int)
    assert layout(network(sim.IF(), source, target, 9, 1.0, delay, fired)) == TIMED
    assert layout(network(sim.IF(), source, target, 9, 1.0, 300.0 * delay, fired)) == SPREAD


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_row_is_sorted_by_delay_projection_and_target(threads):
    compiled = compile_spiking(mixed(), seed=2, dt=0.1)
    machine = clock._build(compiled, None, threads)
    for part in machine.parts:
        rows, cells, bundle = part.timed, part.cells, 0
        assert rows.pre[bundle] == 0 and rows.weight.dtype == np.float32
        delays = np.unique(rows.due[:, 0])
        for source in range(90):
            expected = []
            for q in (0, 1):
                projection, steps = compiled.projections[q], machine.plan.steps[q]
                low, n = cells.low[projection.post], cells.size[projection.post]
                for i in range(projection.row_ptr[source], projection.row_ptr[source + 1]):
                    target = int(projection.target[i]) - low
                    if 0 <= target < n:
                        column = cells.input_first[projection.post] + target
                        expected.append((steps[projection.which[i]], q, column, projection.weight[i]))
            expected.sort()
            start, run = rows.start[source], rows.run[source * (len(delays) + 1) :][: len(delays) + 1].astype(int)
            stop = start + run[-1]
            np.testing.assert_array_equal(rows.column[start:stop], [column for _, _, column, _ in expected])
            np.testing.assert_array_equal(rows.weight[start:stop], np.array([weight for *_, weight in expected], dtype=np.float32))
            np.testing.assert_array_equal(np.repeat(delays, np.diff(run)), [delay for delay, *_ in expected])


def test_a_network_compiled_for_one_run_lets_its_synapses_go_and_another_keeps_them():
    kept, spared = (compile_spiking(mixed(), seed=2, dt=0.1) for _ in range(2))
    arguments = {"duration": 20.0, "record": []}
    one, other = clock.run(kept, **arguments), clock.run(spared, **arguments, spare=True)
    assert [len(part.target) > 0 for part in kept.projections] == [True] * 6
    assert [len(part.target) > 0 for part in spared.projections] == [False, False, True, True, True, True]
    for before, after in zip(kept.projections, spared.projections, strict=True):
        np.testing.assert_array_equal(before.fan_out, after.fan_out)
    assert one.counts.layers == other.counts.layers and one.counts.layers["a -> b"]["synops"] > 0
    for name, array in one.state.arrays.items():
        np.testing.assert_array_equal(array, other.state.arrays[name])
