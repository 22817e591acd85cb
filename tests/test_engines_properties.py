"""Both engines on random networks: what must never change a bit, and what is counted, against brute force."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import CONTINUOUS, DISCRETE, DT, random_network

from snnsim.compiler.spiking import compile_spiking
from snnsim.connect import FixedProbability, FromArrays, OneToOne
from snnsim.engines.spiking import run_spiking
from snnsim.io.state import load_state, save_state
from snnsim.models.adex import AdEx
from snnsim.models.hodgkin_huxley import HodgkinHuxley
from snnsim.models.integrate_fire import IF
from snnsim.models.lif import LIF
from snnsim.models.lif_cond_alpha import LIFCondAlpha
from snnsim.models.lif_exp import LIFExp
from snnsim.models.poisson import PoissonSource
from snnsim.models.regular import RegularSource
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.pair_stdp import PairSTDP

DURATION = 10.0
SEEDS = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from(["small", "small", "large", "discrete"])


def everything(net):
    """Record all there is."""
    return {name: ["spikes", *population.model.states] for name, population in net.populations.items()}


def described(kind, seed):
    """Return a random network, and the arguments of its runs."""
    dt = 1.0 if kind == "discrete" else DT
    models = tuple(DISCRETE if kind == "discrete" else CONTINUOUS)
    net = random_network(seed, models=models, large=kind == "large", plastic=kind != "large", duration=DURATION, dt=dt)
    return net, {"engine": "clock", "dt": dt, "seed": seed % 1000, "record": everything(net)}


def joined(pieces):
    """Return consecutive results as one."""
    counts = pieces[0].counts
    for piece in pieces[1:]:
        counts += piece.counts
    first, last = pieces[0], pieces[-1]
    spikes = {
        name: SimpleNamespace(**{field: np.concatenate([getattr(piece.spikes[name], field) for piece in pieces]) for field in TRAIN})
        for name in first.spikes
    }
    recordings = {
        name: {
            state: SimpleNamespace(values=np.concatenate([piece.recordings[name][state].values for piece in pieces])) for state in states
        }
        for name, states in first.recordings.items()
    }
    return SimpleNamespace(spikes=spikes, recordings=recordings, weights=last.weights, counts=counts, state=last.state)


TRAIN = ("times", "indices")


def assert_same(one, other):
    """Spikes, states, weights, counts and what a continuation needs, bit for bit."""
    for name, train in one.spikes.items():
        for field in TRAIN:
            np.testing.assert_array_equal(getattr(train, field), getattr(other.spikes[name], field), err_msg=f"{field} of {name}")
    for name, states in one.recordings.items():
        for state, recording in states.items():
            np.testing.assert_array_equal(recording.values, other.recordings[name][state].values, err_msg=f"{state} of {name}")
    assert list(one.weights) == list(other.weights)
    for name, weight in one.weights.items():
        np.testing.assert_array_equal(weight, other.weights[name], err_msg=f"weights of {name}")
    assert one.counts.to_dict() == other.counts.to_dict()
    assert one.state.time == pytest.approx(other.state.time, rel=1e-12)
    assert set(one.state.arrays) == set(other.state.arrays)
    for name, array in one.state.arrays.items():
        assert array.dtype == other.state.arrays[name].dtype
        np.testing.assert_array_equal(array, other.state.arrays[name], err_msg=f"saved {name}")


@settings(max_examples=120)
@given(seed=SEEDS, kind=KINDS, precision=st.sampled_from(["double", "single"]))
def test_the_number_of_threads_changes_no_bit(seed, kind, precision):
    net, run = described(kind, seed)
    one = run_spiking(net, duration=DURATION, precision=precision, **run)
    for threads in (2, 3):
        assert_same(one, run_spiking(net, duration=DURATION, precision=precision, threads=threads, **run))


@settings(max_examples=120)
@given(seed=SEEDS, kind=KINDS, precision=st.sampled_from(["double", "single"]), cuts=st.sets(st.integers(1, 9), min_size=1, max_size=2))
def test_pieces_on_any_threads_and_through_a_file_have_the_bits_of_one_run(tmp_path_factory, seed, kind, precision, cuts):
    net, run = described(kind, seed)
    whole = run_spiking(net, duration=DURATION, precision=precision, **run)
    path, pieces, state, now = tmp_path_factory.mktemp("state") / "state.npz", [], None, 0.0
    for k, end in enumerate([*sorted(cuts), DURATION]):
        pieces.append(run_spiking(net, duration=end - now, precision=precision, threads=1 + (seed + k) % 3, start=state, **run))
        save_state(pieces[-1].state, path)
        state, now = load_state(path), end
    assert_same(whole, joined(pieces))


@settings(max_examples=60)
@given(seed=SEEDS, cut=st.floats(0.5, 9.5))
def test_pieces_of_an_event_run_have_the_bits_of_one_run(seed, cut):
    net = random_network(seed, models=(LIF, LIFExp, IF), duration=DURATION, rest=1.0)
    run = {"engine": "event", "dt": DT, "seed": seed % 1000, "record": everything(net)}
    whole = run_spiking(net, duration=DURATION, **run)
    first = run_spiking(net, duration=cut, **run)
    assert_same(whole, joined([first, run_spiking(net, duration=DURATION - cut, start=first.state, **run)]))


@settings(max_examples=40)
@given(seed=SEEDS, kind=KINDS, engine=st.sampled_from(["clock", "event"]))
def test_what_is_recorded_and_who_watches_changes_no_bit(seed, kind, engine):
    net, run = described(kind, seed)
    if engine == "event":
        net = random_network(seed, models=(LIF, LIFExp, IF), duration=DURATION, rest=1.0)
    run |= {"engine": engine, "record": everything(net)}
    full = run_spiking(net, duration=DURATION, **run)
    for record in ({}, {name: ["spikes"] for name in net.populations}):
        other = run_spiking(net, duration=DURATION, progress=lambda fraction: None, **(run | {"record": record}))
        assert other.counts.to_dict() == full.counts.to_dict()
        for name in record:
            np.testing.assert_array_equal(other.spikes[name].times, full.spikes[name].times)
            np.testing.assert_array_equal(other.spikes[name].indices, full.spikes[name].indices)
        for name, array in full.state.arrays.items():
            np.testing.assert_array_equal(array, other.state.arrays[name], err_msg=name)


@settings(max_examples=60)
@given(seed=SEEDS, engine=st.sampled_from(["clock", "event"]), model=st.sampled_from([LIF, IF]))
def test_relabelled_neurons_make_the_same_spikes_under_their_new_names(seed, engine, model):
    # Weights and their sums are exact, so the order of addition does not matter.
    random = np.random.default_rng(seed)
    n, m, k = 40, 400, 300
    new = random.permutation(n)
    source, target, weight = random.integers(n, size=m), random.integers(n, size=m), random.integers(-64, 96, m) / 16
    late = random.integers(1, 30, m) * DT
    times, to, v_th = random.integers(1, 80, k) * DT, random.integers(n, size=k), random.uniform(-60.0, -50.0, n)

    def spikes(label):
        order = np.argsort(label)
        cells, drive = Population("cells", n, model(v_th=v_th[order])), Population("drive", n, SpikeArray(times=times, indices=label[to]))
        net = Network(
            Projection(drive, cells, OneToOne(), weight=5.25, delay=DT),
            Projection(cells, cells, FromArrays(label[source], label[target]), weight=weight, delay=late),
        )
        found = run_spiking(net, duration=DURATION, engine=engine, dt=DT).spikes["cells"]
        return found.times, order[found.indices]

    plain, renamed = spikes(np.arange(n)), spikes(new)
    assert len(plain[0]) > 5
    back = np.lexsort((renamed[1], renamed[0]))
    np.testing.assert_array_equal(plain[0], renamed[0][back])
    np.testing.assert_array_equal(plain[1], renamed[1][back])


@pytest.mark.parametrize(("model", "weight"), [(LIF, 2.3), (LIFExp, 160.0), (IF, 2.3)])
def test_clock_and_event_engine_meet_as_the_step_shrinks(model, weight):
    random = np.random.default_rng(5)
    drive = Population("drive", 30, SpikeArray(times=random.uniform(0.5, 60.0, 900), indices=random.integers(30, size=900)))
    cells = Population("cells", 30, model(v_th=random.uniform(-56.0, -54.0, 30), i_ext=50.0))
    net = Network(
        Projection(drive, cells, OneToOne(), weight=weight, delay=1.0), Projection(cells, cells, FixedProbability(0.2), weight=0.1 * weight)
    )
    exact = run_spiking(net, duration=60.0, engine="event", dt=0.5).spikes["cells"]
    assert len(exact) > 60
    off = []
    for dt in (0.25, 2.0**-5, 2.0**-8, 2.0**-11):
        found = run_spiking(net, duration=60.0, engine="clock", dt=dt).spikes["cells"]
        pairs = [(np.array(exact.of(i)), np.array(found.of(i))) for i in range(30)]
        alike = [np.abs(a - b).max(initial=0.0) if len(a) == len(b) else 60.0 for a, b in pairs]
        off.append(float(np.mean(alike)))
    # First order: the step is halved three times between the last two.
    assert off[-1] < 16 * 2.0**-11 and off[-1] < off[-2] / 4, off


@pytest.mark.parametrize("model", [LIF, LIFExp])
def test_engines_count_alike_where_their_spikes_agree(model):
    # All times are on the grid, and the delay lets the last spikes arrive: both see the same arrivals.
    random = np.random.default_rng(2)
    m, n = 300, 25
    drive = Population("drive", n, SpikeArray(times=random.integers(1, 300, m) * DT, indices=random.integers(n, size=m)))
    cells = Population("cells", n, model())
    weight = 20.0 if model is LIF else 1.0
    net = Network(
        Projection(drive, cells, FixedProbability(0.3), weight=weight, delay=1.0), Projection(cells, cells, FixedProbability(0.2))
    )
    clock, event = (run_spiking(net, duration=45.0, engine=engine, dt=DT) for engine in ("clock", "event"))
    np.testing.assert_array_equal(clock.spikes["cells"].times, event.spikes["cells"].times)
    for layer, kind in (("drive", "spikes"), ("cells", "spikes"), ("drive -> cells", "synops"), ("cells -> cells", "synops")):
        assert clock.counts.layers[layer].get(kind) == event.counts.layers[layer].get(kind), (layer, kind)


@settings(max_examples=40)
@given(seed=SEEDS, kind=KINDS, threads=st.sampled_from([1, 2]))
def test_operations_are_those_of_a_brute_force_count(seed, kind, threads):
    net, run = described(kind, seed)
    result = run_spiking(net, duration=DURATION, threads=threads, **run)
    compiled, names, dt = compile_spiking(net, seed=run["seed"], dt=run["dt"]), list(net.populations), run["dt"]
    n_steps = round(DURATION / dt)
    made = {name: np.rint(train.times / dt).astype(int) for name, train in result.spikes.items()}
    # By step, and by excitation and inhibition where they act differently: the sum of the weights, and whether any came.
    arrives = {name: np.zeros((2, n_steps + 1, 2, population.size)) for name, population in net.populations.items()}
    for part in compiled.projections:
        pre, post, spikes = names[part.pre], names[part.post], result.spikes[names[part.pre]]
        assert result.counts.layers[part.name].get("synops", 0) == int(part.fan_out[spikes.indices].sum()), part.name
        late = np.rint(part.delay / dt).astype(int)
        weight = np.broadcast_to(part.weight, len(part.target))
        for step, source in zip(made[pre], spikes.indices, strict=True):
            mine = slice(part.row_ptr[source], part.row_ptr[source + 1])
            at = step + (late[0] if part.which is None else late[part.which[mine]])
            here = np.broadcast_to(at <= n_steps, len(part.target[mine]))
            to, size = part.target[mine][here], weight[mine][here]
            channel = (size < 0.0) * (net.populations[post].model.channels - 1)
            np.add.at(arrives[post][0], (np.broadcast_to(at, len(here))[here], channel, to), size)
            arrives[post][1][np.broadcast_to(at, len(here))[here], channel, to] = 1.0
    for name, population in net.populations.items():
        layer = result.counts.layers[name]
        assert layer.get("spikes", 0) == len(result.spikes[name])
        if population.model.is_source:
            continue
        assert layer.get("updates_driven", 0) + layer.get("updates_idle", 0) == population.size * n_steps
        if all(part.plasticity is None for part in compiled.projections if names[part.post] == name):
            # Weights of one size and opposite sign cancel to 0 or to rounding, as the order of addition will have it.
            least, most = (np.count_nonzero(sums.any(axis=1)) for sums in (np.abs(arrives[name][0]) > 1e-9, arrives[name][1]))
            assert least <= layer.get("updates_driven", 0) <= most


@settings(max_examples=20)
@given(seed=SEEDS, model=st.sampled_from([*CONTINUOUS, HodgkinHuxley, LIFCondAlpha]), n=st.sampled_from([1, 9, 40]))
def test_single_precision_stays_near_double_where_nothing_fires(seed, model, n):
    random = np.random.default_rng(seed)
    weight = 0.05 * CONTINUOUS.get(model, 2.0)
    source = Population("source", n, RegularSource(rate=random.uniform(20.0, 200.0, n)))
    cells = Population("cells", n, model())
    net = Network(
        Projection(source, cells, OneToOne(), weight=weight, delay=DT),
        Projection(source, cells, FixedProbability(0.2), weight=-0.5 * weight, delay=3 * DT),
    )
    run = {"duration": 20.0, "engine": "clock", "dt": DT, "record": everything(net)}
    double, single = (run_spiking(net, precision=precision, **run) for precision in ("double", "single"))
    assert len(double.spikes["cells"]) == len(single.spikes["cells"]) == 0
    np.testing.assert_array_equal(double.spikes["source"].times, single.spikes["source"].times)
    for state in model.states:
        ours, theirs = (result.recordings["cells"][state].values for result in (single, double))
        assert np.max(np.abs(ours - theirs)) <= 1e-4 * max(np.max(np.abs(theirs)), 1e-3), state


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("model", [AdEx, HodgkinHuxley])
def test_models_with_a_scheme_of_their_own_fire_in_both_precisions(model, precision):
    weight = {AdEx: 6.0, HodgkinHuxley: 1500.0}[model]
    noise, cells = Population("noise", 12, PoissonSource(rate=900.0)), Population("cells", 12, model())
    net = Network(Projection(noise, cells, OneToOne(), weight=weight))
    runs = [run_spiking(net, duration=40.0, engine="clock", precision=precision, threads=k, record=everything(net)) for k in (1, 2)]
    assert len(runs[0].spikes["cells"]) > 3
    assert_same(*runs)


@pytest.mark.parametrize("threads", [1, 2])
def test_several_spikes_of_one_source_in_a_step_are_the_same_before_and_after_a_cut_in_single_precision(threads):
    # Dense sources answer by counts, a restored run by lists: currents plus 4.3 pA times 3 must be rounded alike.
    noise, cells = Population("noise", 2000, PoissonSource(rate=16_000.0)), Population("cells", 2000, LIFExp(v_th=1e4))
    net = Network(Projection(noise, cells, OneToOne(), weight=4.3, delay=8 * DT))
    run = {"engine": "clock", "dt": DT, "precision": "single", "record": everything(net)}
    whole = run_spiking(net, duration=8.0, **run)
    first = run_spiking(net, duration=4.0, **run)
    assert_same(whole, joined([first, run_spiking(net, duration=4.0, start=first.state, threads=threads, **run)]))


@pytest.mark.parametrize("threads", [2, 3])
def test_learning_is_counted_and_kept_alike_however_the_run_is_cut_or_shared(threads):
    # A rare source and busy targets: histories fill up, and are emptied at another step by every division of the work.
    rare, busy = Population("rare", 5, PoissonSource(rate=20.0)), Population("busy", 9, PoissonSource(rate=900.0))
    cells = Population("cells", 9, LIF(t_ref=0.25))
    net = Network(
        Projection(busy, cells, OneToOne(), weight=16.0, delay=1.0),
        Projection(rare, cells, FixedProbability(0.8), weight=0.5, delay=3.0, plasticity=PairSTDP()),
    )
    run = {"engine": "clock", "dt": DT, "record": everything(net)}
    whole = run_spiking(net, duration=200.0, **run)
    assert whole.counts.total("plasticity_updates") > 1000
    assert_same(whole, run_spiking(net, duration=200.0, threads=threads, **run))
    pieces = [run_spiking(net, duration=77.0, threads=threads, **run)]
    pieces.append(run_spiking(net, duration=123.0, start=pieces[0].state, **run))
    assert_same(whole, joined(pieces))
