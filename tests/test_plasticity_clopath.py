"""Voltage-based STDP against a sum over the recorded potential."""

import dataclasses

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import CompileError, ParameterError
from snnsim.models.spiking import NeuronModel

DT = 0.25  # ms, exact in binary
RULE = {"a_ltd": 4e-4, "a_ltp": 3e-4, "theta_minus": -68.0, "theta_plus": -56.0, "tau_minus": 10.0, "tau_plus": 7.0, "tau_x": 15.0}


def integrated(v, spiked, pre, weight, delay, rule, v_init, dt, grown=None):
    """One synapse, grid point by grid point. v, spiked : [steps]; pre : times of its source, on the grid

    grown : (step, weight) of the synapse that takes its place, which knows the trace of its source
    """
    u_minus = u_plus = v_init
    x, held = 0.0, 0
    arrivals = np.bincount(np.rint((np.asarray(pre) + delay) / dt).astype(int), minlength=len(v) + 1)
    for k in range(len(v)):
        weight = grown[1] if grown and grown[0] == k else weight
        x *= np.exp(-dt / rule.tau_x)
        for _ in range(arrivals[k + 1]):
            weight = max(rule.w_min, weight - rule.a_ltd * max(0.0, u_minus - rule.theta_minus))
            x += 1.0 / rule.tau_x
        held = round(rule.t_spike / dt) if spiked[k] and rule.v_spike is not None else max(held - 1, 0)
        u = rule.v_spike if held > 0 else v[k]
        u_minus += (u - u_minus) * -np.expm1(-dt / rule.tau_minus)
        u_plus += (u - u_plus) * -np.expm1(-dt / rule.tau_plus)
        weight = min(rule.w_max, weight + rule.a_ltp * x * max(0.0, u - rule.theta_plus) * max(0.0, u_plus - rule.theta_minus) * dt)
    return weight


def network(model, rule, seed=1, n_pre=6, n_post=4, weight=0.5, delays=(0.5, 1.25, 3.0), drive=(1.0, 12.0)):
    """Plastic synapses, and strong ones that make the cells fire, from trains of their own."""
    random = np.random.default_rng(seed)
    times, indices = random.integers(2, 760, 120) * DT, random.integers(n_pre, size=120)
    pre = sim.Population("pre", n_pre, sim.SpikeArray(times=times, indices=indices))
    kicked = random.integers(2, 760, 90) * DT, random.integers(n_post, size=90)
    kicks = sim.Population("kicks", n_post, sim.SpikeArray(times=kicked[0], indices=kicked[1]))
    post = sim.Population("post", n_post, model)
    source, target = np.divmod(random.permutation(n_pre * n_post)[: n_pre * n_post - 4], n_post)
    delay = random.choice(delays, len(source))
    plastic = sim.Projection(
        pre, post, sim.FromArrays(source, target), weight=weight * random.uniform(0.5, 1.5, len(source)), delay=delay, plasticity=rule
    )
    net = sim.Network(plastic, sim.Projection(kicks, post, sim.OneToOne(), weight=drive[1], delay=drive[0]))
    return net, (times, indices), (source, target, delay, plastic.weight)


MODELS = {
    "delta": (sim.LIF(t_ref=2.0), {}, (1.0, 12.0)),
    "current": (sim.LIFExp(t_ref=2.0), {"theta_plus": -60.0}, (1.0, 3000.0)),
    "clamped": (sim.LIF(t_ref=2.0, v_init=-61.0), {"v_spike": 33.0, "t_spike": 1.5, "theta_plus": -45.3, "a_ltp": 1e-5}, (1.0, 12.0)),
    "adex": (sim.AdEx(t_ref=2.0), {"v_spike": 33.0, "theta_plus": -45.3, "theta_minus": -70.6, "a_ltp": 3e-6}, (1.0, 60.0)),
    "epochs": (sim.LIF(t_ref=2.0), {"tau_x": 1.0}, (1.0, 12.0)),  # the bank is opened anew every 10 ms
}


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_the_sum_over_the_recorded_potential(name):
    model, changed, drive = MODELS[name]
    rule = sim.ClopathSTDP(**RULE | changed, w_min=0.2, w_max=0.8)
    net, (times, indices), (source, target, delay, weight) = network(model, rule, drive=drive)
    record = {"post": ["v", "spikes"], "pre -> post": [sim.Record("weight", every=10.0)]}
    result = sim.simulate(net, 200.0, engine="clock", dt=DT, record=record)
    v, spikes = result.recordings["post"]["v"].values, result.spikes["post"]
    spiked = np.zeros(v.shape, dtype=bool)
    spiked[np.rint(spikes.times / DT).astype(int) - 1, spikes.indices] = True
    v_init = model.v_rest if model.v_init is None else model.v_init
    order = np.lexsort((target, source))

    def summed(rule, end):
        steps = round(end / DT)
        mine = [times[(indices == i) & (times + lag <= end)] for i, lag in zip(source, delay, strict=True)]
        return np.array(
            [integrated(v[:steps, target[k]], spiked[:steps, target[k]], mine[k], weight[k], delay[k], rule, v_init, DT) for k in order]
        )

    seen = result.recordings["pre -> post"]["weight"].values
    for end, got in ((200.0, result.weights["pre -> post"]), (200.0, seen[19]), (70.0, seen[6])):
        np.testing.assert_allclose(got, summed(rule, end), rtol=1e-9)
    # Cells fired, and without either side of the rule weights would be others.
    assert len(spikes) > 20
    for side in ("a_ltp", "a_ltd"):
        assert np.abs(summed(dataclasses.replace(rule, **{side: 0.0}), 200.0) - seen[19]).max() > 0.02


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_no_bit_depends_on_threads_or_pieces(threads):
    def net():
        return network(sim.LIF(t_ref=2.0), sim.ClopathSTDP(**RULE, v_spike=0.0, t_spike=2.0), n_post=70)[0]

    whole = sim.simulate(net(), 200.0, engine="clock", dt=DT)
    first = sim.simulate(net(), 90.75, engine="clock", dt=DT, threads=threads)
    second = sim.simulate(net(), 109.25, engine="clock", dt=DT, threads=threads, start=first.state)
    np.testing.assert_array_equal(second.weights["pre -> post"], whole.weights["pre -> post"])
    for name, array in whole.state.arrays.items():
        np.testing.assert_array_equal(second.state.arrays[name], array, err_msg=name)
    updates = [result.counts.layers["pre -> post"]["plasticity_updates"] for result in (first, second, whole)]
    assert updates[0] + updates[1] == updates[2] > 0


def test_synapses_that_move_begin_anew_and_all_others_go_on():
    # Onto target 0 come all sources, by strong synapses, so that all have traces; the weak ones onto the others move once, at 100 ms.
    rule = sim.ClopathSTDP(**RULE, w_min=0.2, w_max=0.8)
    old, (times, indices), _ = network(sim.LIF(t_ref=2.0), rule)
    plastic, drive = old.projections.values()
    random, source, target = np.random.default_rng(5), np.r_[np.arange(6), 0:3, 3:6, 1:4], np.repeat([0, 1, 2, 3], [6, 3, 3, 3])
    weight = np.where(target == 0, 0.75, random.uniform(0.3, 0.6, 15))
    rules = [rule, sim.Rewiring(threshold=0.45, weight=0.5, interval=100.0)]
    moving = sim.Projection(plastic.pre, plastic.post, sim.FromArrays(source, target), weight=weight, delay=1.25, plasticity=rules)
    net, arguments = sim.Network(moving, drive), {"engine": "clock", "dt": DT}
    result = sim.simulate(net, 199.0, record={"post": ["v", "spikes"]}, **arguments)
    v, spikes = result.recordings["post"]["v"].values, result.spikes["post"]
    spiked = np.zeros(v.shape, dtype=bool)
    spiked[np.rint(spikes.times / DT).astype(int) - 1, spikes.indices] = True
    before = {(i, j): w for i, j, w in zip(source, target, weight, strict=True)}
    got = {(i, j): w for i, j, w in zip(*result.connections("pre -> post"), result.weights["pre -> post"], strict=True)}
    assert 2 <= len(set(got) - set(before)) <= 7
    for (i, j), w in got.items():
        grown = None if (i, j) in before else (400, 0.5)
        mine = times[(indices == i) & (times + 1.25 <= 199.0)]
        expected = integrated(v[:, j], spiked[:, j], mine, before.get((i, j), 0.5), 1.25, rule, -65.0, DT, grown)
        assert w == pytest.approx(expected, rel=1e-9)
    first = sim.simulate(net, 80.0, threads=2, **arguments)
    second = sim.simulate(net, 119.0, threads=3, start=first.state, **arguments)
    np.testing.assert_array_equal(second.weights["pre -> post"], result.weights["pre -> post"])


def test_filters_begin_at_the_potential_at_which_learning_is_switched_on():
    def parts():
        cells = sim.Population("post", 2, sim.LIF(i_ext=140.0))  # rests at -51 mV, below threshold
        pre = sim.Population("pre", 1, sim.SpikeArray(times=[200.5], indices=[0]))
        return sim.Network(
            sim.Projection(pre, cells, sim.AllToAll(), weight=0.5, plasticity=sim.ClopathSTDP(a_ltd=0.01, theta_minus=-60.0))
        )

    rest = sim.simulate(parts(), 200.0, dt=DT, learning=False, record={"post": ["v"]})
    v = rest.recordings["post"]["v"].values[-1, 0]
    result = sim.simulate(parts(), 5.0, dt=DT, start=rest.state)
    np.testing.assert_allclose(result.weights["pre -> post"], 0.5 - 0.01 * (v + 60.0), rtol=1e-4)
    assert v > -52.0


def pair(lag, rate, n=5):
    """Return the change by n pairs at a rate, post `lag` ms after pre, with neurons that are driven over threshold."""
    period = 1000.0 / rate
    pre, kick = 50.0 + period * np.arange(n), 49.0 + lag + period * np.arange(n)
    cells = sim.Population("post", 1, sim.AdEx(tau_syn_exc=0.5, t_ref=2.0))
    drive = sim.Population("drive", 1, sim.SpikeArray(times=np.round(kick, 1), indices=np.zeros(n, int)))
    source = sim.Population("pre", 1, sim.SpikeArray(times=np.round(pre, 1), indices=np.zeros(n, int)))
    rule = sim.ClopathSTDP(v_spike=33.0, t_spike=2.0)
    net = sim.Network(
        sim.Projection(source, cells, sim.OneToOne(), weight=0.5, delay=0.1, plasticity=rule),
        sim.Projection(drive, cells, sim.OneToOne(), weight=800.0, delay=0.1),
    )
    result = sim.simulate(net, 1000.0 + n * period, engine="clock")
    assert len(result.spikes["post"]) == n
    return result.weights["pre -> post"][0] - 0.5


def test_pairs_with_post_first_depress_at_low_rates_and_potentiate_at_high_ones():
    # As in fig. 2b of the source, after Sjostrom, Turrigiano & Nelson (2001): at high rates the order hardly matters.
    assert pair(-10.0, 1.0) < -0.005 < pair(-10.0, 20.0) < 0.0 < 0.02 < pair(-10.0, 50.0)
    assert min(pair(10.0, rate) for rate in (1.0, 20.0, 50.0)) > 0.02


def test_the_event_engine_refuses_the_rule():
    net, *_ = network(sim.LIF(), sim.ClopathSTDP())
    with pytest.raises(CompileError, match='ClopathSTDP.*no steps. Use engine="clock"'):
        sim.simulate(net, 1.0, engine="event")
    assert sim.simulate(net, 1.0, dt=DT).engine == "clock"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Counter(NeuronModel):
    states = ("count",)

    def clock_form(self, n, dt):
        return sim.LIF().clock_form(n, dt)


def test_a_model_without_a_potential_is_refused_with_its_states():
    net, *_ = network(Counter(), sim.ClopathSTDP())
    with pytest.raises(
        CompileError, match=r"pre -> post.*ClopathSTDP follows the potential v, which Counter does not have: its states are count"
    ):
        sim.simulate(net, 1.0, dt=DT)


def test_more_delays_than_banks_are_refused():
    net, *_ = network(sim.LIF(), sim.ClopathSTDP(), n_pre=40, delays=np.arange(1, 101) * DT)
    with pytest.raises(CompileError, match="takes at most 64"):
        sim.simulate(net, 1.0, dt=DT)


def test_a_spike_off_the_grid_is_refused():
    net, *_ = network(sim.LIF(), sim.ClopathSTDP(v_spike=33.0, t_spike=0.3))
    with pytest.raises(ParameterError, match=r"t_spike = 0\.3 ms must be a multiple"):
        sim.simulate(net, 1.0, dt=DT)


@pytest.mark.parametrize("wrong", [{"tau_x": 0.0}, {"a_ltp": -1.0}, {"delay": "dendritic"}, {"t_spike": 0.0}, {"w_min": 2.0}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError, match=f"ClopathSTDP.{next(iter(wrong))}"):
        sim.ClopathSTDP(**wrong)
