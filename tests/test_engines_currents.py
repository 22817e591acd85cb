"""Currents from outside, in both engines, against closed forms."""

import numpy as np
import pytest
from nest_traces import load

import snnsim as sim
from snnsim.compiler.spiking import compile_spiking
from snnsim.engines import event, event_machine, event_state
from snnsim.engines.currents import widened
from snnsim.engines.recording import Recorder
from snnsim.engines.tables import RunState
from snnsim.engines.takes import check_record
from snnsim.errors import CompileError

ENGINES = ("clock", "event")
HIGH = 1e6  # mV: a threshold that nobody reaches
R = 20.0 / 200.0  # GOhm, of the default membrane


def flow(model, *currents, n=1, duration=100.0, **arguments):
    """Run n neurons under signals, or under (index, signal) onto a view; returns the result."""
    cells = sim.Population("cells", n, model)
    parts = [sim.Current(cells[s[0]], s[1]) if isinstance(s, tuple) else sim.Current(cells, s) for s in currents]
    arguments = {"record": {"cells": ["spikes", *model.states]}} | arguments
    return sim.simulate(sim.Network(*parts) if parts else sim.Network(cells), duration, **arguments)


def trace(result, state="v"):
    recording = result.recordings["cells"][state]
    return recording.times, recording.values


def current_of(result, dt=0.1, c_m=200.0):
    """Return the current that an IF neuron without threshold has integrated, step by step: float64[steps, n]."""
    values = trace(result)[1]
    return np.diff(values, axis=0, prepend=0.0) * c_m / dt


LINE = sim.IF(v_th=HIGH, v_reset=-HIGH, v_init=0.0)


def relaxed(t, times, values, tau=20.0):
    """Return r_m times the low-passed step current at t, from 0 mV at 0 ms."""
    v = np.zeros(len(t))
    for begin, jump in zip(times, np.diff(values, prepend=0.0), strict=True):
        v += np.where(t > begin, R * jump * -np.expm1(-np.maximum(t - begin, 0.0) / tau), 0.0)
    return v


@pytest.mark.parametrize(
    ("engine", "model"),
    [("event", sim.LIF), ("event", sim.LIFExp)]
    + [("clock", model) for model in (sim.LIF, sim.LIFExp, sim.LIFAlpha, sim.ALIF, sim.LIFCondExp, sim.LIFCondAlpha, sim.HomeostaticLIF)],
)
def test_a_leaky_membrane_follows_steps_exactly(engine, model):
    times, values = [0.0, 20.0, 50.3], [40.0, 120.0, -50.0]
    result = flow(model(v_th=HIGH, v_rest=0.0, v_reset=-HIGH, v_init=0.0), sim.StepCurrent(times=times, values=values), engine=engine)
    t, v = trace(result)
    np.testing.assert_allclose(v[:, 0], relaxed(t, times, values), atol=1e-11)


def test_a_change_off_the_grid_is_exact_in_the_event_engine_and_of_second_order_on_the_clock():
    times, values = [3.03, 20.07, 20.09], [100.0, -30.0, 60.0]
    model, signal = sim.LIF(v_th=HIGH, v_rest=0.0, v_reset=-HIGH), sim.StepCurrent(times=times, values=values)
    t, v = trace(flow(model, signal, engine="event"))
    np.testing.assert_allclose(v[:, 0], relaxed(t, times, values), atol=1e-12)
    for dt in (0.1, 0.05):
        t, v = trace(flow(model, signal, engine="clock", dt=dt))
        # At most the area of a rectangle of one step, misplaced by half a step: jump R dt^2 / (8 tau^2), twice.
        assert np.max(np.abs(v[:, 0] - relaxed(t, times, values))) < 250.0 * R * dt**2 / (8 * 20.0**2)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_integrator_sums_up_samples(engine):
    samples = np.random.default_rng(1).normal(size=(30, 2)) * 100.0
    t, v = trace(flow(LINE, sim.SampledCurrent(values=samples, interval=1.5, start=2.0), n=2, engine=engine))
    whole = np.concatenate([np.zeros((1, 2)), np.cumsum(samples * 1.5, axis=0)]) / 200.0
    edges = 2.0 + 1.5 * np.arange(31)
    np.testing.assert_allclose(v, np.array([np.interp(t, edges, whole[:, i]) for i in (0, 1)]).T, atol=1e-10)


def test_izhikevich_and_adex_follow_a_step_as_written_out():
    signal = sim.StepCurrent(times=[10.0, 60.0], values=[9.0, -2.0])
    _, v = trace(flow(sim.Izhikevich(), signal, engine="clock"))
    x, u, expected = -65.0, -13.0, []
    for step in range(1000):
        drive = 0.0 if step < 100 else (9.0 if step < 600 else -2.0)
        x, u = x + 0.1 * (0.04 * x * x + 5.0 * x + 140.0 - u + drive), u + 0.1 * 0.02 * (0.2 * x - u)
        if x >= 30.0:
            x, u = -65.0, u + 8.0
        expected.append(x)
    np.testing.assert_allclose(v[:, 0], expected, rtol=1e-12)
    # AdEx without upswing and adaptation is a leaky membrane.
    quiet = sim.AdEx(a=0.0, v_th=0.0, v_peak=100.0, v_reset=-80.0, v_rest=-70.0, g_leak=10.0, c_m=200.0)
    t, v = trace(flow(quiet, sim.StepCurrent(times=[10.0, 60.0], values=[50.0, -50.0]), engine="clock"))
    np.testing.assert_allclose(v[:, 0] + 70.0, relaxed(t, [10.0, 60.0], [50.0, -50.0]), atol=1e-5)


SPIKING = [
    (sim.LIF, 400.0), (sim.LIFExp, 400.0), (sim.LIFAlpha, 400.0), (sim.ALIF, 500.0), (sim.IF, 100.0), (sim.LIFCondExp, 400.0),
    (sim.LIFCondAlpha, 400.0), (sim.HomeostaticLIF, 400.0), (sim.AdEx, 700.0), (sim.Izhikevich, 10.0), (sim.HodgkinHuxley, 650.0),
]  # fmt: skip


@pytest.mark.parametrize(("model", "amplitude"), SPIKING)
@pytest.mark.parametrize("per_neuron", [False, True])
def test_a_constant_current_is_i_ext(model, amplitude, per_neuron):
    drive = amplitude * np.array([1.0, 0.5, 0.8])
    values, i_ext = ([drive], drive) if per_neuron else ([amplitude], amplitude)
    ours = flow(model(), sim.StepCurrent(times=[0.0], values=values), n=3, engine="clock")
    plain = flow(model(i_ext=i_ext), n=3, engine="clock")
    assert len(plain.spikes["cells"].times) > 0
    np.testing.assert_array_equal(ours.spikes["cells"].times, plain.spikes["cells"].times)
    for state in model.states:
        if "Cond" in model.__name__:
            # One product of a sum there, one sum of products here.
            np.testing.assert_allclose(trace(ours, state)[1], trace(plain, state)[1], rtol=1e-11)
        else:
            np.testing.assert_array_equal(trace(ours, state)[1], trace(plain, state)[1])


@pytest.mark.parametrize("model", [sim.LIF, sim.LIFExp, sim.IF])
def test_a_constant_current_is_i_ext_off_the_clock_too(model):
    ours = flow(model(), sim.StepCurrent(times=[0.0], values=[400.0]), engine="event")
    plain = flow(model(i_ext=400.0), engine="event")
    np.testing.assert_array_equal(ours.spikes["cells"].times, plain.spikes["cells"].times)
    np.testing.assert_array_equal(trace(ours)[1], trace(plain)[1])
    assert ours.counts.layers == plain.counts.layers


@pytest.mark.parametrize("model", [sim.LIF, sim.LIFExp])
def test_a_current_that_changes_while_a_neuron_is_refractory_sets_its_next_spike(model):
    """One spike under 400 pA, then another current from within refractoriness on."""
    first = 20.0 * np.log(40.0 / (40.0 - 15.0))
    for later in (800.0, 160.0, 100.0):
        signal = sim.StepCurrent(times=[0.0, first + 1.0], values=[400.0, later])
        times = flow(model(), signal, engine="event", duration=60.0).spikes["cells"].times[:5]
        # 160 pA lift v to 16 mV above rest, 100 pA to 10 mV: then the spike that was foreseen must not come.
        interval = 20.0 * np.log(R * later / (R * later - 15.0)) if R * later > 15.0 else np.inf
        expected = first + (2.0 + interval) * np.arange(5) if interval < np.inf else np.array([first])
        np.testing.assert_allclose(times, expected[expected < 60.0], rtol=1e-12)


@pytest.mark.parametrize("model", [sim.LIF, sim.LIFExp, sim.IF])
def test_the_clock_tends_to_the_event_engine(model):
    samples = 180.0 + 200.0 * np.random.default_rng(2).normal(size=(20, 3))
    currents = (sim.SampledCurrent(values=samples, interval=5.0), ([2, 0], sim.StepCurrent(times=[7.53, 40.0], values=[80.0, 0.0])))
    exact = flow(model(), *currents, n=3, engine="event").spikes["cells"]
    assert len(exact.times) > 8
    for dt in (0.1, 0.02, 0.005):
        grid = flow(model(), *currents, n=3, engine="clock", dt=dt).spikes["cells"]
        for i in range(3):
            ours, theirs = (s.times[s.indices == i] for s in (grid, exact))
            assert len(ours) == len(theirs)
            # Every spike waits for the end of its step: lateness adds up.
            np.testing.assert_allclose(ours, theirs, atol=dt * 1.6 * len(theirs))


def test_the_response_to_a_sine_tends_to_the_transfer_function():
    frequency, amplitude = 40.0, 300.0
    omega, errors = 2e-3 * np.pi * frequency, []
    for dt in (0.2, 0.1):
        signal = sim.SineCurrent(amplitude=amplitude, frequency=frequency, phase=0.7, offset=50.0)
        t, v = trace(flow(sim.LIF(v_th=HIGH, v_rest=0.0, v_reset=-HIGH), signal, duration=600.0, dt=dt))
        late = t > 500.0
        gain, lag = R / np.hypot(1.0, omega * 20.0), np.arctan(omega * 20.0)
        expected = 50.0 * R + amplitude * gain * np.sin(omega * t[late] + 0.7 - lag)
        errors.append(np.max(np.abs(v[late, 0] - expected)))
    assert errors[1] < 1e-5 * R * amplitude and errors[0] / errors[1] == pytest.approx(4.0, rel=0.02)


def test_a_sine_has_the_mean_of_every_step_also_where_it_begins_and_ends():
    rows = {"amplitude": np.array([100.0, 50.0]), "frequency": np.array([30.0, 7.0]), "phase": np.array([0.0, 2.0])}
    signal = sim.SineCurrent(**rows, offset=10.0, start=3.04, stop=17.27)
    got = current_of(flow(LINE, signal, n=2, duration=20.0))
    edges = np.clip(0.1 * np.arange(201), 3.04, 17.27)[:, None]
    omega = 2e-3 * np.pi * rows["frequency"]
    whole = 10.0 * edges - rows["amplitude"] * np.cos(omega * edges + rows["phase"]) / omega
    np.testing.assert_allclose(got, np.diff(whole, axis=0) / 0.1, atol=1e-8)


@pytest.mark.parametrize("interval", [None, 0.5])
@pytest.mark.parametrize("tau", [None, 4.0])
def test_noise_gives_the_membrane_its_stationary_variance(interval, tau):
    n, std, held = 4000, 200.0, interval or 0.1
    signal = sim.NoiseCurrent(mean=30.0, std=std, interval=interval, tau=tau)
    v = trace(flow(sim.LIF(v_th=HIGH, v_rest=0.0, v_reset=-HIGH), signal, n=n, duration=150.0, record={"cells": ["v"]}))[1][-1]
    a, b = np.exp(-held / 20.0), 0.0 if tau is None else np.exp(-held / tau)
    variance = (1.0 - a) / (1.0 + a) * (1.0 + a * b) / (1.0 - a * b) * (R * std) ** 2
    assert np.mean(v) == pytest.approx(30.0 * R, abs=4.0 * np.sqrt(variance / n))
    assert np.var(v) == pytest.approx(variance, rel=4.0 * np.sqrt(2.0 / n))


def test_noise_is_held_for_its_interval_and_each_neuron_has_its_own():
    signal = sim.NoiseCurrent(mean=5.0, std=20.0, interval=0.5, start=1.0, stop=90.3)
    got = current_of(flow(LINE, signal, n=50))
    assert np.all(np.abs(got[:10]) < 1e-9) and np.all(np.abs(got[903:]) < 1e-9)
    within = got[10:900].reshape(-1, 5, 50)
    np.testing.assert_allclose(within, within[:, :1] * np.ones((1, 5, 1)), atol=1e-8)
    x = (within[:, 0] - 5.0) / 20.0
    n = x.size
    assert abs(x.mean()) < 4 / np.sqrt(n) and x.var() == pytest.approx(1.0, rel=4 * np.sqrt(2 / n))
    assert abs(np.mean(x[1:] * x[:-1])) < 4 / np.sqrt(n) and abs(np.mean(x[:, 1:] * x[:, :-1])) < 4 / np.sqrt(n)
    assert np.abs(x).max() > 3.0 and np.mean(np.abs(x) < 1.0) == pytest.approx(0.6827, abs=4 * 0.47 / np.sqrt(n))


def test_correlated_noise_is_an_ornstein_uhlenbeck_process():
    got = current_of(flow(LINE, sim.NoiseCurrent(std=np.linspace(10.0, 20.0, 400), tau=3.0), n=400)) / np.linspace(10.0, 20.0, 400)
    independent = 400 * 100.0 / 6.0
    for lag in (0, 1, 10, 30, 100):
        expected = np.exp(-0.1 * lag / 3.0)
        assert np.mean(got[lag:] * got[: len(got) - lag]) == pytest.approx(expected, abs=5.0 / np.sqrt(independent))
    assert np.var(got[0]) == pytest.approx(1.0, rel=4 * np.sqrt(2 / 400))  # stationary from the first step on


def test_shared_noise_is_the_same_for_all_and_other_currents_and_seeds_give_other_noise():
    shared, own = sim.NoiseCurrent(std=20.0, shared=True), sim.NoiseCurrent(std=20.0)
    got = current_of(flow(LINE, shared, n=3, duration=5.0))
    assert np.all(got == got[:, :1])
    scaled = current_of(flow(LINE, sim.NoiseCurrent(std=[20.0, 40.0, 0.0], shared=True), n=3, duration=5.0))
    np.testing.assert_allclose(scaled, got * [1.0, 2.0, 0.0], atol=1e-8)
    first = current_of(flow(LINE, own, n=300, duration=20.0))
    second = current_of(flow(LINE, own, own, n=300, duration=20.0)) - first
    seeded = current_of(flow(LINE, own, n=300, duration=20.0, seed=1))
    for other in (second, seeded):
        assert other.std() == pytest.approx(20.0, rel=0.02)
        assert np.corrcoef(first.ravel(), other.ravel())[0, 1] == pytest.approx(0.0, abs=4 / np.sqrt(first.size))


def test_currents_add_up_and_a_view_gets_its_own_in_its_order():
    values = np.array([[1.0, 2.0, 3.0]]) * 100.0
    signals = (
        sim.StepCurrent(times=[0.0], values=[10.0]), ([4, 0, 2], sim.StepCurrent(times=[0.0], values=values)),
        (slice(1, 3), sim.SampledCurrent(values=[7.0], interval=50.0)),
    )  # fmt: skip
    for engine in ENGINES:
        v = trace(flow(LINE, *signals, n=5, engine=engine))[1]
        first = np.array([210.0, 17.0, 317.0, 10.0, 110.0])
        np.testing.assert_allclose(v[499], first * 50.0 / 200.0, rtol=1e-10)
        np.testing.assert_allclose(v[-1], (first * 100.0 - [0.0, 350.0, 350.0, 0.0, 0.0]) / 200.0, rtol=1e-10)
    both = flow(sim.LIF(), *(sim.StepCurrent(times=[0.0], values=[200.0]),) * 2, n=1, engine="event")
    np.testing.assert_array_equal(both.spikes["cells"].times, flow(sim.LIF(i_ext=400.0), engine="event").spikes["cells"].times)


EVERYTHING = (
    sim.StepCurrent(times=[3.0, 21.0], values=[450.0, 350.0]),
    sim.NoiseCurrent(std=300.0, interval=0.7, tau=3.0),
    sim.NoiseCurrent(std=50.0, shared=True, interval=1.3, tau=8.0, start=2.0),
    ([9, 0, 4, 6], sim.NoiseCurrent(std=300.0, tau=2.0, stop=40.0)),
    ([8, 1], sim.SineCurrent(amplitude=[90.0, 300.0], frequency=50.0)),
    (slice(2, 7), sim.NoiseCurrent(std=100.0)),
)


@pytest.mark.parametrize("precision", ["double", "single"])
def test_no_bit_depends_on_threads_or_on_where_a_run_is_cut(precision):
    run = {"n": 10, "engine": "clock", "precision": precision, "seed": 5}
    whole = flow(sim.LIFExp(), *EVERYTHING, duration=60.0, **run)
    assert len(whole.spikes["cells"].times) > 20
    for threads in (2, 3, 16):
        other = flow(sim.LIFExp(), *EVERYTHING, duration=60.0, threads=threads, **run)
        np.testing.assert_array_equal(trace(other)[1], trace(whole)[1])
        assert other.counts.layers == whole.counts.layers
    start = flow(sim.LIFExp(), *EVERYTHING, duration=2.2, threads=16, **run)
    middle = flow(sim.LIFExp(), *EVERYTHING, duration=26.6, threads=3, start=start.state, **run)
    rest = flow(sim.LIFExp(), *EVERYTHING, duration=31.2, threads=2, start=middle.state, **run)
    values = np.concatenate([trace(part)[1] for part in (start, middle, rest)])
    np.testing.assert_array_equal(values, trace(whole)[1])


def test_a_saved_run_continues_with_the_same_noise(tmp_path):
    whole = flow(sim.LIF(), *EVERYTHING, n=10, duration=20.0)
    sim.save_state(flow(sim.LIF(), *EVERYTHING, n=10, duration=9.1).state, tmp_path / "half")
    rest = flow(sim.LIF(), *EVERYTHING, n=10, duration=10.9, start=sim.load_state(next(tmp_path.iterdir())))
    np.testing.assert_array_equal(trace(rest)[1], trace(whole)[1][91:])


@pytest.mark.parametrize("model", [sim.LIF, sim.LIFExp, sim.IF])
def test_an_event_run_cut_at_a_change_goes_on_with_the_same_bits(model):
    signal = sim.SampledCurrent(values=250.0 + 200.0 * np.random.default_rng(3).normal(size=(12, 4)), interval=5.0)
    whole = flow(model(), signal, n=4, duration=60.0, engine="event")
    halves = [flow(model(), signal, n=4, duration=25.0, engine="event")]
    halves.append(flow(model(), signal, n=4, duration=35.0, engine="event", start=halves[0].state))
    np.testing.assert_array_equal(np.concatenate([trace(half)[1] for half in halves]), trace(whole)[1])
    totals = [result.counts.totals() for result in (whole, *halves)]
    assert totals[0] == {kind: sum(half.get(kind, 0) for half in totals[1:]) for kind in totals[0]}


def test_an_event_run_may_be_cut_at_any_instant_also_within_a_change():
    signal = sim.SampledCurrent(values=300.0 + 200.0 * np.random.default_rng(4).normal(size=(6, 3)), interval=7.0)
    cells = sim.Population("cells", 3, sim.LIF())
    compiled = compile_spiking(sim.Network(sim.Current(cells, signal)), seed=0, dt=0.1)
    state, spikes, between, reached = None, [], 0, event.PAUSED
    while reached != event.REACHED:
        machine, desk = event_machine.build(compiled, state)
        recorder = Recorder(compiled, check_record([cells], None, 0.1), unit=1.0, first=0, last=600)
        log, samples = recorder.log(3), recorder.samples()
        reached = event.run_event(60.0, 1, 0.1, *event_machine.needed(machine), log, samples)
        spikes += log.time[: log.size[0]].tolist()
        between += machine.currents.between[0]
        state = RunState("event", 0.1, 0, compiled.digest, max(0.0, machine.agenda.now[0]), event_state.saved(machine, desk, compiled))
    assert between == 6  # one for each change after that at 0 ms
    np.testing.assert_array_equal(spikes, flow(sim.LIF(), signal, n=3, duration=60.0, engine="event").spikes["cells"].times)


def test_changes_of_current_are_driven_updates_of_the_event_engine():
    signal = sim.StepCurrent(times=[0.0, 10.0, 20.0, 30.0], values=[0.0, 10.0, 20.0, 30.0])
    counts = flow(sim.LIF(), signal, n=7, engine="event").counts.layers["cells"]
    # What holds from 0 ms on is no change.
    assert (counts.get("updates_driven"), counts.get("updates_idle", 0), counts.get("spikes", 0)) == (3 * 7, 0, 0)
    on_clock = flow(sim.LIF(), signal, n=7, engine="clock").counts.layers["cells"]
    assert (on_clock.get("updates_driven", 0), on_clock["updates_idle"]) == (0, 7 * 1000)


def test_coefficients_stay_common_where_all_neurons_get_the_same():
    cells = sim.Population("cells", 6, sim.LIF())
    for target, signal, width in (
        (cells, EVERYTHING[0], 1), (cells, EVERYTHING[2], 1), (cells, EVERYTHING[1], 6), (cells[:2], EVERYTHING[0], 6),
    ):  # fmt: skip
        compiled = compile_spiking(sim.Network(sim.Current(target, signal)), seed=0, dt=0.1)
        forms = [model.clock_form(6, 0.1) for model in compiled.models]
        assert widened(compiled, forms)[0].coef.shape[1] == width
    each = flow(sim.LIF(tau_m=np.linspace(10.0, 20.0, 6)), EVERYTHING[0], n=6, engine="clock")
    for i, tau in enumerate(np.linspace(10.0, 20.0, 6)):
        np.testing.assert_array_equal(trace(each)[1][:, i], trace(flow(sim.LIF(tau_m=tau), EVERYTHING[0], engine="clock"))[1][:, 0])


def test_a_forecast_knows_coefficients_and_numbers_per_neuron():
    cells = sim.Population("cells", 1000, sim.LIF())
    plain, common, own = (
        sim.forecast(sim.Network(*parts), 10.0).state["cells"]
        for parts in ((cells,), (sim.Current(cells, EVERYTHING[0]),), (sim.Current(cells, EVERYTHING[1]),))
    )
    assert plain == common and own >= plain + 1000 * 8 * (5 + 3)


def test_spikes_and_currents_act_together():
    cell, source = (
        sim.Population("cells", 1, sim.LIF(v_rest=0.0, v_reset=-HIGH, v_th=HIGH)),
        sim.Population("s", 1, sim.SpikeArray(times=[9.0])),
    )
    parts = (
        sim.Projection(source, cell, sim.OneToOne(), weight=3.0, delay=1.0),
        sim.Current(cell, sim.StepCurrent(times=[10.0], values=[100.0])),
    )
    for engine in ENGINES:
        t, v = trace(sim.simulate(sim.Network(*parts), 50.0, engine=engine, record={"cells": ["v"]}))
        kick = np.where(t > 10.0 - 1e-9, 3.0 * np.exp(-np.maximum(t - 10.0, 0.0) / 20.0), 0.0)
        np.testing.assert_allclose(v[:, 0], relaxed(t, [10.0], [100.0]) + kick, atol=1e-12)


def test_only_the_clock_runs_sines_and_noise_and_auto_says_so():
    for signal in (sim.SineCurrent(amplitude=1.0, frequency=5.0), sim.NoiseCurrent(std=1.0)):
        name = type(signal).__name__
        with pytest.raises(CompileError, match=f'{name} changes at every moment or at random.*engine="clock"'):
            flow(sim.LIF(), signal, engine="event")
        result = flow(sim.LIF(), signal, engine="auto", duration=1.0)
        assert result.engine == "clock" and name in result.why
    calm = flow(sim.LIF(), sim.StepCurrent(times=[5.0], values=[10.0]), n=100, duration=2000.0, record={})
    assert calm.engine == "event"


def test_a_model_whose_forms_name_no_row_is_refused(monkeypatch):
    monkeypatch.setattr(sim.LIF, "inflow", None)
    for engine in ENGINES:
        with pytest.raises(CompileError, match="LIF takes no current: its form has current=None"):
            flow(sim.LIF(), sim.StepCurrent(times=[0.0], values=[10.0]), engine=engine)


@pytest.mark.parametrize(("name", "model", "engine"), [("iaf_psc_exp_dc", sim.LIFExp, "clock"), ("iaf_psc_delta_ps_dc", sim.LIF, "event")])
def test_a_step_is_that_of_a_dc_generator_of_nest_once_its_delay_is_over(refs, name, model, engine):
    _, reference = load(refs, f"dc_{name}")
    given = reference["params_full_initial"]
    names = {"tau_m": "tau_m", "v_rest": "E_L", "v_th": "V_th", "v_reset": "V_reset", "t_ref": "t_ref", "c_m": "C_m"}
    edges = [reference[edge] + reference["gen_delay"] for edge in ("start", "stop")]
    signal = sim.StepCurrent(times=edges, values=[reference["amp"], 0.0])
    result = flow(model(**{ours: given[theirs] for ours, theirs in names.items()}), signal, duration=500.0, engine=engine)
    np.testing.assert_allclose(result.spikes["cells"].times, reference["spikes"], atol=1e-9)
