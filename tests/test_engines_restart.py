"""Trials within a run: what returns to the start, what stays, and that it is the runs of the trials one after the other, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import ParameterError, SimulationError

TRIAL, N_TRIALS, N_IN, N = 60.0, 4, 30, 20
LEAKY = {"tau_m": 15.0, "v_th": -58.0, "t_ref": 3.0}


def input_spikes(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Steps 1 ... of all trials and neurons, those of the last steps of a trial included: they are under way when it ends."""
    random = np.random.default_rng(seed)
    step, neuron = np.nonzero(random.random((round(TRIAL) * N_TRIALS, N_IN)) < 0.06)
    return step + 1.0, neuron


def pairs(n_pre: int, n_post: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return np.nonzero(np.random.default_rng(seed).random((n_pre, n_post)) < 0.6)


def network(times, neuron, rules, weight, *, model=None, delay=2.0, back=1.5) -> sim.Network:
    """Sources onto cells, plastic; cells among themselves, with a delay each; and a population that gives dopamine."""
    x = sim.Population("x", N_IN, sim.SpikeArray(times=times, indices=neuron))
    cells = sim.Population("cells", N, sim.LIF(**LEAKY) if model is None else model)
    giver = sim.Population("giver", 2, sim.LIF(**LEAKY))
    recurrent = sim.FixedProbability(0.4)
    return sim.Network(
        sim.Projection(x, cells, sim.FromArrays(*pairs(N_IN, N, 1)), weight=weight, delay=delay, plasticity=rules),
        sim.Projection(cells, cells, recurrent, weight=back, delay=sim.Uniform(low=1.0, high=9.0, step=1.0)),
        sim.Projection(x[:10], giver, sim.AllToAll(), weight=3.0, delay=4.0),
        sim.Projection(giver, cells, sim.AllToAll(), weight=-back, delay=3.0),
    )


def start_weights(scale: float = 1.0) -> np.ndarray:
    return scale * np.random.default_rng(2).uniform(0.5, 2.5, len(pairs(N_IN, N, 1)[0]))


def delays() -> np.ndarray:
    return np.random.default_rng(3).integers(1, 6, len(pairs(N_IN, N, 1)[0])).astype(float)


def one_by_one(build, **given) -> tuple[list, np.ndarray, dict]:
    """Run every trial alone, from the start, with the weights that the last one left. Returns spikes, weights, counts."""
    times, neuron = input_spikes()
    weight, spikes, counts = None, [], {}
    for k in range(N_TRIALS):
        mine = (times > k * TRIAL) & (times <= (k + 1) * TRIAL)
        result = sim.simulate(build(times[mine] - k * TRIAL, neuron[mine], weight), TRIAL, dt=1.0, engine="clock", **given)
        weight = result.weights["x -> cells"]
        spikes += [(time + k * TRIAL, index) for time, index in zip(*flat(result), strict=True)]
        for layer, numbers in result.counts.layers.items():
            for what, number in numbers.items():
                counts[layer, what] = counts.get((layer, what), 0) + number
    return spikes, weight, counts


def flat(result) -> tuple[list, list]:
    trains = result.spikes["cells"]
    return trains.times.tolist(), trains.indices.tolist()


def same_as_one_by_one(build, threads=1, **given) -> None:
    spikes, weight, counts = one_by_one(build, **given)
    result = sim.simulate(
        build(*input_spikes(), None), TRIAL * N_TRIALS, dt=1.0, engine="clock", trials=sim.Trials(TRIAL, keep={}), threads=threads, **given
    )
    assert list(zip(*flat(result), strict=True)) == spikes and len(spikes) > 20
    assert np.array_equal(result.weights["x -> cells"], weight)
    assert {(layer, what): n for layer, numbers in result.counts.layers.items() for what, n in numbers.items()} == counts


STDP = {"a_plus": 0.02, "a_minus": 0.015, "w_max": 5.0}
RULES = {
    "bank": lambda: sim.PairSTDP(**STDP),
    "bank opened anew within a trial": lambda: sim.PairSTDP(**STDP, tau_plus=4.1, tau_minus=3.3),
    "axonal, nearest": lambda: sim.PairSTDP(**STDP, pairing="nearest_symmetric", delay="axonal"),
    "replayed": lambda: sim.PairSTDP(**STDP, mu_plus=1.0, mu_minus=1.0),
    "a variable of the synapse": lambda: sim.PairSTDP(**STDP, pairing="nearest_pre_centred"),
    "triplets": lambda: sim.TripletSTDP(w_max=5.0),
    "release": lambda: [sim.TsodyksMarkram(), sim.PairSTDP(**STDP)],
    "reward": lambda: sim.RewardSTDP(dopamine="giver", w_max=5.0, tau_c=3.0),
    "potential": lambda: sim.ClopathSTDP(w_max=5.0, theta_plus=-60.0, theta_minus=-64.0),
    "scaled at the end of a trial": lambda: [sim.PairSTDP(**STDP), sim.WeightNormalisation(total=30.0, interval=TRIAL)],
    "scaled within and at the end": lambda: [sim.PairSTDP(**STDP, delay="axonal"), sim.WeightNormalisation(total=30.0, interval=20.0)],
    "rates": lambda: sim.RateHebb(eta=1e-4, w_min=0.0, w_max=5.0),
}


@pytest.mark.parametrize("rule", RULES)
def test_trials_are_the_runs_of_the_trials_with_the_weights_carried_over(rule):
    axonal_alone = rule in ("reward", "potential")

    def build(times, neuron, weight):
        return network(times, neuron, RULES[rule](), start_weights() if weight is None else weight, delay=2.0 if axonal_alone else delays())

    same_as_one_by_one(build, threads=2)


CHARGE = {"c_m": 200.0, "tau_m": 15.0, "v_th": -58.0, "t_ref": 3.0}
MODELS = {
    "IF": (lambda: sim.IF(v_th=-58.0, t_ref=3.0), 1.0),
    "LIFExp": (lambda: sim.LIFExp(**CHARGE), 150.0),
    "LIFAlpha": (lambda: sim.LIFAlpha(**CHARGE), 150.0),
    "ALIF": (lambda: sim.ALIF(**LEAKY, q=0.0), 1.0),
    "LIFCondExp": (lambda: sim.LIFCondExp(), 4.0),
    "AdEx": (lambda: sim.AdEx(), 8.0),
    "Izhikevich": (lambda: sim.Izhikevich(), 6.0),
}


@pytest.mark.parametrize("model", MODELS)
def test_every_state_of_a_model_returns_to_its_start(model):
    make, scale = MODELS[model]

    def build(times, neuron, weight):
        weight = start_weights(scale) if weight is None else weight
        return network(times, neuron, sim.PairSTDP(a_plus=0.02, a_minus=0.015, w_max=1e4), weight, model=make(), back=scale)

    same_as_one_by_one(build)


def test_trials_in_single_precision_are_their_runs_too():
    def build(times, neuron, weight):
        return network(times, neuron, sim.PairSTDP(**STDP), start_weights() if weight is None else weight)

    same_as_one_by_one(build, precision="single")


def test_no_bit_depends_on_threads_pieces_or_recording():
    def run(**given):
        return sim.simulate(net, dt=1.0, engine="clock", trials=TRIAL, **given)

    net = network(*input_spikes(), RULES["scaled within and at the end"](), start_weights(), model=sim.ALIF(**LEAKY), delay=delays())
    whole = run(duration=TRIAL * N_TRIALS)
    recorded = run(duration=TRIAL * N_TRIALS, threads=2, record={"cells": ["spikes", "v", "theta"], "x": ["spikes"]})
    assert flat(recorded) == flat(whole) and len(flat(whole)[0]) > 20
    parts, state = [], None
    for threads, length in enumerate((37.0, 23.0, 10.0, 50.0, 61.0, TRIAL * N_TRIALS - 181.0), start=1):
        part = run(duration=length, start=state, threads=1 + threads % 2)
        parts += list(zip(*flat(part), strict=True))
        state = part.state
    assert parts == list(zip(*flat(whole), strict=True))
    for other in (recorded, part):
        assert np.array_equal(other.weights["x -> cells"], whole.weights["x -> cells"])
    assert set(state.arrays) == set(whole.state.arrays)
    for name, array in whole.state.arrays.items():
        assert np.array_equal(array, state.arrays[name]), name


def test_a_run_that_ends_before_its_trial_is_one_without_trials():
    net = network(*input_spikes(), sim.PairSTDP(**STDP), start_weights())
    without, within = (sim.simulate(net, TRIAL, dt=1.0, engine="clock", trials=trials) for trials in (None, TRIAL + 1.0))
    assert flat(without) == flat(within)
    for name, array in without.state.arrays.items():
        assert np.array_equal(array, within.state.arrays[name]), name


def brute_force(weight: np.ndarray, steps: list[np.ndarray], trial: int, b: float, q: float, keep: bool) -> tuple[list, np.ndarray]:
    """Follow ALIF step by step, weights as a matrix, delay 1 step, input in mV. Returns spikes, theta after every step."""
    n, p = weight.shape[1], {"tau_m": 12.0, "tau_w": 30.0, "tau_theta": 500.0, "v_th": -58.0, "c_m": 200.0, "t_ref": 3}
    spikes, thetas = [], []
    theta = np.zeros(n)
    for step, fired in enumerate(steps):
        if step % trial == 0:
            v, w, left, arriving = np.full(n, -65.0), np.zeros(n), np.zeros(n), np.zeros(n)
            theta = theta if keep else np.zeros(n)
        rate_m, rate_w = 1.0 / p["tau_m"], 1.0 / p["tau_w"]
        # v' = -v / tau_m - w / c_m under a w that decays: exact over a step of 1 ms.
        gain = (np.exp(-rate_w) - np.exp(-rate_m)) / (rate_m - rate_w) / p["c_m"]
        free = left <= 0
        v = np.where(free, -65.0 + (v + 65.0) * np.exp(-rate_m) - w * gain + arriving, v)
        left = np.where(free, left, left - 1)
        w, theta = w * np.exp(-rate_w), theta * np.exp(-1.0 / p["tau_theta"])
        out = free & (v >= p["v_th"] + theta)
        v, left, w, theta = np.where(out, -65.0, v), np.where(out, p["t_ref"], left), w + b * out, theta + q * out
        spikes += [(step + 1.0, i) for i in np.flatnonzero(out)]
        thetas.append(theta.copy())
        arriving = fired @ weight
    return spikes, np.array(thetas)


@pytest.mark.parametrize("keep", [True, False])
def test_slow_thresholds_stay_or_go_as_told_and_all_else_returns_step_by_step(keep):
    random = np.random.default_rng(5)
    weight, steps = random.uniform(0.5, 2.0, (N_IN, N)), list(random.random((160, N_IN)) < 0.1)
    at, neuron = np.nonzero(np.array(steps))
    x = sim.Population("x", N_IN, sim.SpikeArray(times=at + 1.0, indices=neuron))
    model = sim.ALIF(tau_m=12.0, v_th=-58.0, t_ref=3.0, b=40.0, q=0.7, tau_w=30.0, tau_theta=500.0)
    cells = sim.Population("cells", N, model)
    net = sim.Network(sim.Projection(x, cells, sim.AllToAll(), weight=weight.ravel(), delay=1.0))
    trials = 40.0 if keep else sim.Trials(40.0, keep={"cells": []})
    result = sim.simulate(net, 160.0, dt=1.0, trials=trials, record={"cells": ["spikes", "theta"]})
    assert result.engine == "clock"
    spikes, theta = brute_force(weight, steps, 40, 40.0, 0.7, keep)
    assert list(zip(*flat(result), strict=True)) == spikes and len(spikes) > 50
    np.testing.assert_allclose(result.recordings["cells"]["theta"].values, theta, rtol=1e-12, atol=1e-12)
    # The sample at the end of a trial is of before the return; a trial begins with a threshold only where it is kept.
    first = result.recordings["cells"]["theta"].values[40]
    assert (first.min() > 0.5) == keep


def test_sources_and_currents_go_on_over_trials():
    sources = {"poisson": sim.PoissonSource(rate=80.0), "regular": sim.RegularSource(rate=70.0)}
    parts = [sim.Population(name, 5, model) for name, model in sources.items()]
    cell = sim.Population("cell", 1, sim.LIF(tau_m=10.0, t_ref=2.0))
    late = sim.Current(cell, sim.StepCurrent(times=[0.0, 130.0], values=[0.0, 400.0]))
    net = sim.Network(*parts, late)
    record = {name: ["spikes"] for name in (*sources, "cell")}
    plain, trials = (sim.simulate(net, 200.0, dt=1.0, engine="clock", record=record, trials=trials) for trials in (None, 25.0))
    for name in sources:
        assert np.array_equal(plain.spikes[name].times, trials.spikes[name].times) and len(plain.spikes[name].times) > 20
    assert plain.spikes["cell"].times.min() > 130.0 and trials.spikes["cell"].times.min() > 130.0
    assert np.array_equal(plain.spikes["cell"].times[:1], trials.spikes["cell"].times[:1])
    assert len(trials.spikes["cell"].times) < len(plain.spikes["cell"].times)


def test_the_rate_that_scaling_follows_outlasts_a_trial_and_the_rates_of_hebb_do_not():
    times, neuron = input_spikes()
    scaled = sim.SynapticScaling(rate=20.0, beta=0.5, tau=300.0, interval=20.0)
    result = sim.simulate(network(times, neuron, scaled, start_weights()), 240.0, dt=1.0, engine="clock", trials=TRIAL)
    counted = [np.bincount(i, minlength=N) for i in np.array_split(*split_at(result, 20.0, 12))]
    rate, weight, target = np.full(N, 20.0), start_weights(), pairs(N_IN, N, 1)[1]
    for count in counted:
        rate = np.exp(-20.0 / 300.0) * rate + (1.0 - np.exp(-20.0 / 300.0)) * count / 0.02
        weight = weight * np.exp(0.5 * 0.02 * (20.0 - rate))[target]
    np.testing.assert_allclose(result.weights["x -> cells"], weight, rtol=1e-12)
    hebb = network(times, neuron, sim.RateHebb(), start_weights())
    after = sim.simulate(hebb, TRIAL, dt=1.0, engine="clock", trials=TRIAL).state.arrays
    assert not after["upkeep.0.0.pre"].any() and not after["upkeep.0.0.post"].any()


def split_at(result, every: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    trains = result.spikes["cells"]
    return trains.indices, np.searchsorted(trains.times, every * np.arange(1, n), side="right")


def test_a_state_that_is_lost_within_a_trial_is_told_at_its_end():
    x = sim.Population("x", 1, sim.SpikeArray(times=[5.0, 5.0, 6.0]))
    cells = sim.Population("cells", 2, sim.IF(v_th=1e308, v_reset=-65.0))
    lost = [sim.Projection(x, cells, sim.AllToAll(), weight=weight, delay=1.0) for weight in (-1.7e308, -1.7e308, 1.7e308, 1.7e308)]
    with pytest.raises(SimulationError, match=r"lost v of neuron 0 of population 'cells', which is not a number at 20 ms"):
        sim.simulate(sim.Network(*lost), 40.0, dt=1.0, engine="clock", trials=20.0)


def small(rules=None):
    x, cells = sim.Population("x", 2, sim.PoissonSource(rate=5.0)), sim.Population("cells", 3, sim.LIF())
    return sim.Network(sim.Projection(x, cells, sim.AllToAll(), weight=0.5, plasticity=rules))


@pytest.mark.parametrize(
    ("trials", "rules", "text"),
    [
        (0.0, None, r"Trials.length = 0 ms must be > 0 ms"),
        (-3.0, None, r"Trials.length = -3 ms must be > 0 ms"),
        (float("nan"), None, r"Trials.length = nan ms must be finite"),
        (True, None, r"simulate.trials = True must be the length of a trial in ms"),
        ("350", None, r"simulate.trials = '350' must be the length"),
        (10.25, None, r"simulate.trials = 10.25 ms must be a multiple >= 1 of dt = 0.1 ms: a trial ends with a step"),
        (0.01, None, r"simulate.trials = 0.01 ms must be a multiple >= 1 of dt"),
        (sim.Trials(10.0, keep={"cell": ["v"]}), None, r"Trials.keep: population = 'cell' is not known. Valid: x, cells"),
        (sim.Trials(10.0, keep={"cells": ["theta"]}), None, r"Trials.keep\['cells'\]: state = 'theta' is not known. Valid: v"),
        (10.0, sim.BCM(), r"BCM.tau_slow = 1000 ms averages over more than a trial of 10 ms"),
        (10.0, sim.CovarianceHebb(), r"CovarianceHebb.tau_mean = 1000 ms averages"),
        (25.0, sim.RateHebb(interval=10.0), r"RateHebb.interval = 10 ms must divide simulate.trials = 25 ms"),
    ],
)
def test_trials_that_cannot_be_are_refused(trials, rules, text):
    with pytest.raises(ParameterError, match=text):
        sim.simulate(small(rules), 100.0, trials=trials)


def test_rules_without_running_means_or_learning_take_trials():
    sim.simulate(small(sim.CovarianceHebb(rate_pre=5.0, rate_post=5.0)), 20.0, trials=10.0)
    sim.simulate(small(sim.BCM()), 20.0, trials=10.0, learning=False)


def test_the_event_engine_refuses_trials_and_auto_takes_the_clock():
    chosen = sim.simulate(small(), 20.0, trials=10.0)
    assert chosen.engine == "clock" and chosen.why == "the event engine does not return to the start after trials"
    with pytest.raises(ParameterError, match=r'simulate.trials = 10 ms must be left out in the event engine.*engine="clock"'):
        sim.simulate(small(), 20.0, trials=10.0, engine="event")
    begun = sim.simulate(small(), 20.0, engine="event")
    with pytest.raises(ParameterError, match=r"must be left out in the event engine"):
        sim.simulate(small(), 20.0, trials=10.0, start=begun.state)


def test_trials_say_what_they_take():
    with pytest.raises(ParameterError, match=r"Trials.keep = \['theta'\] must map population names to lists"):
        sim.Trials(10.0, keep=["theta"])
    with pytest.raises(ParameterError, match=r"Trials.keep\['cells'\] = 'theta' must be a list of states"):
        sim.Trials(10.0, keep={"cells": "theta"})
    with pytest.raises(ParameterError, match=r"Trials.length = array.* must be one number"):
        sim.Trials(np.array([1.0, 2.0]))
    unit = sim.Population("unit", 2, sim.IntegerInput(s_min=-1, s_max=1))
    with pytest.raises(ParameterError, match=r"simulate.trials = 10.0 does not apply to a network of integer models"):
        sim.simulate(sim.Network(unit), trials=10.0, inputs=np.zeros((1, 2), int))


def test_a_state_can_be_continued_twice_with_the_same_bits():
    net = network(*input_spikes(), sim.PairSTDP(**STDP), start_weights())
    begun = sim.simulate(net, TRIAL, dt=1.0, engine="clock")
    before = {name: array.copy() for name, array in begun.state.arrays.items()}
    first, second = (sim.simulate(net, TRIAL, start=begun.state).weights["x -> cells"] for _ in range(2))
    assert np.array_equal(first, second)
    for name, array in before.items():
        assert np.array_equal(array, begun.state.arrays[name]), name
