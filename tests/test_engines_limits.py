"""What a run refuses, and what it must bear: long delays, crowds of threads, runs side by side."""

import copy
import pickle
import threading
import time
import warnings

import numpy as np
import pytest

from snnsim.connect import FixedProbability, FixedTotalNumber, FromArrays, OneToOne
from snnsim.distributions import Uniform
from snnsim.engines import available
from snnsim.engines.parts import cut_populations
from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError, SimulationError
from snnsim.models.lif import LIF
from snnsim.models.lif_cond_exp import LIFCondExp
from snnsim.models.lif_exp import LIFExp
from snnsim.models.poisson import PoissonSource
from snnsim.models.regular import RegularSource
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection, description_digest
from snnsim.plasticity.pair_stdp import PairSTDP


def driven(n=40, model=None, weight=6.0, **more):
    noise, cells = Population("noise", n, PoissonSource(rate=900.0)), Population("cells", n, model or LIF())
    return Network(Projection(noise, cells, OneToOne(), weight=weight, **more))


def assert_same_run(one, other):
    assert one.counts.to_dict() == other.counts.to_dict()
    for name, train in one.spikes.items():
        np.testing.assert_array_equal(train.times, other.spikes[name].times)
        np.testing.assert_array_equal(train.indices, other.spikes[name].indices)


@pytest.mark.parametrize("engine", ["clock", "event"])
def test_a_recording_larger_than_the_machine_is_refused_with_its_size_and_a_remedy(engine):
    with pytest.raises(SimulationError, match=r"asks for 80 TB of samples, which must fit .* Record fewer neurons"):
        run_spiking(Network(Population("a", 1000, LIF())), duration=1e9, engine=engine, record={"a": ["v"]})


@pytest.mark.parametrize(("delay", "words"), [(1e9, "the spikes of 10000000003 steps"), (np.array([1.0, 1e9]), "the input written ahead")])
def test_a_delay_that_no_memory_spans_is_refused_on_the_clock_and_taken_by_the_event_engine(delay, words):
    a, b = Population("a", 1000, RegularSource(rate=50.0)), Population("b", 1000, LIF())
    net = Network(Projection(a, b, FromArrays([0, 1], [0, 1]), delay=delay))
    with pytest.raises(
        ParameterError, match=rf"{words}.* GiB but must fit in .* Shorten the longest delay, raise dt, or use engine=\"event\""
    ):
        run_spiking(net, duration=1.0, engine="clock")
    assert run_spiking(net, duration=100.0, engine="event").counts.total("spikes") == 5 * 1000


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_delay_that_the_container_has_no_memory_for_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr(available, "_GROUP", tmp_path)
    a, b = Population("a", 1000, RegularSource(rate=50.0)), Population("b", 1000, LIF())
    net = Network(Projection(a, b, OneToOne(), delay=100.0))
    limit = tmp_path / name
    limit.parent.mkdir(exist_ok=True)
    for unlimited in ("max", "9223372036854771712"):
        limit.write_text(f"{unlimited}\n")
        assert run_spiking(net, duration=1.0, engine="clock").duration == 1.0
    limit.write_text(f"{2**23}\n")
    with pytest.raises(ParameterError, match=r"GiB but must fit in the 0\.00781 GiB of this machine or container\. Shorten"):
        run_spiking(net, duration=1.0, engine="clock")


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (driven(weight=1e39), r"Projection\(noise -> cells\)\.weight of size 1e\+39 must lie within 3\.4e\+38 in single precision"),
        (driven(model=LIF(v_th=1e300)), r"Population\('cells'\)\.model gives a number of size 1e\+300, which must lie within"),
    ],
)
def test_numbers_beyond_single_precision_are_refused_there_alone(net, words):
    with pytest.raises(ParameterError, match=words):
        run_spiking(net, duration=1.0, engine="clock", precision="single")
    assert run_spiking(net, duration=1.0, engine="clock").duration == 1.0


def test_a_run_that_turns_to_no_number_says_where():
    words = r"lost v of neuron \d+ of population 'cells', which is not a number at 10 ms: .* Lower the weights"
    with pytest.raises(SimulationError, match=words):
        run_spiking(driven(model=LIFCondExp(), weight=1e308), duration=10.0, engine="clock")


@pytest.mark.parametrize("engine", ["clock", "event"])
def test_the_smallest_number_as_a_weight_changes_nothing(engine):
    assert len(run_spiking(driven(weight=5e-324), duration=20.0, engine=engine).spikes["cells"]) == 0


def test_parts_make_up_every_population_and_none_is_one_neuron_of_several():
    sizes = np.arange(1, 2200)
    for threads in (1, 2, 3, 5, 64, 1000):
        low = cut_populations(sizes.tolist(), threads)
        parts = np.diff(low, axis=0)
        assert np.all(low[0] == 0) and np.all(low[-1] == sizes) and np.all(parts >= 0)
        assert not np.any((parts == 1) & (sizes > 1))
        assert np.all(low[:-1, 1023:] % 64 == 0)


@pytest.mark.parametrize("n", [1, 3, 1023, 1024, 1025, 1088])
def test_more_threads_than_neurons_and_edges_of_words_change_nothing(n):
    noise, cells = Population("noise", n, PoissonSource(rate=300.0)), Population("cells", n, LIF(v_init=Uniform(low=-65.0, high=-51.0)))
    net = Network(
        Projection(noise, cells, OneToOne(), weight=6.0, delay=0.0),
        Projection(cells, cells, FixedProbability(0.2), weight=0.05, delay=0.3),
        Projection(cells, cells, FixedTotalNumber(20 * n, autapses=True, multapses=True), weight=-0.05, delay=0.2),
    )
    one = run_spiking(net, duration=10.0, engine="clock")
    for threads in (2, 20, 64):
        assert_same_run(one, run_spiking(net, duration=10.0, engine="clock", threads=threads))


@pytest.mark.parametrize(("model", "state"), [(LIF, "v"), (LIFExp, "i_syn_exc")])
def test_hundreds_of_spikes_in_one_step_are_all_counted_through_rows_of_bits(model, state):
    # One neuron fires 300 times in a step, then 600 neurons fire in one: a byte counts to 255.
    n = 1100
    times, neurons = np.concatenate([np.full(300, 1.0), np.full(600, 2.0)]), np.concatenate([np.full(300, 7), np.arange(600)])
    burst, cells = Population("burst", n, SpikeArray(times=times, indices=neurons)), Population("cells", n, model(v_th=1e9))
    net = Network(Projection(burst, cells, FixedProbability(0.3)))
    exact = run_spiking(net, duration=3.1, engine="event", record={"cells": [state]})
    for threads in (1, 2, 3):
        ours = run_spiking(net, duration=3.1, engine="clock", record={"cells": [state]}, threads=threads)
        np.testing.assert_allclose(ours.recordings["cells"][state].values, exact.recordings["cells"][state].values, atol=1e-11)
        assert ours.counts.layers["burst -> cells"]["synops"] == exact.counts.layers["burst -> cells"]["synops"] > 100_000


def test_a_run_with_many_spikes_under_way_over_a_long_delay_continues_at_once():
    # 1 s in 10,000 steps, and 50,000 spikes: looking at all of them for every step took minutes.
    a, b = Population("a", 1000, PoissonSource(rate=50.0)), Population("b", 1000, LIF())
    net = Network(Projection(a, b, OneToOne(), weight=20.0, delay=1000.0))
    first = run_spiking(net, duration=1000.0, engine="clock")
    began = time.perf_counter()
    second = run_spiking(net, duration=200.0, engine="clock", threads=2, start=first.state)
    assert time.perf_counter() - began < 5.0
    assert_same_run(run_spiking(net, duration=1200.0, engine="clock", record={"b": ["spikes"]}), _after(second, first))


def _after(second, first):
    assert len(first.spikes["b"]) == 0
    return type(second)(**(vars(second) | {"counts": first.counts + second.counts}))


def test_runs_side_by_side_do_not_disturb_each_other_nor_the_filters_of_warnings():
    noise, cells = Population("noise", 40, PoissonSource(rate=900.0)), Population("cells", 40, LIF())
    net = Network(Projection(noise, cells, OneToOne(), weight=6.0), Projection(cells, cells, FixedProbability(0.5), weight=0.2))
    alone = {engine: run_spiking(net, duration=30.0, engine=engine) for engine in ("clock", "event")}
    failures, filters = [], list(warnings.filters)

    def work(threads):
        try:
            for _ in range(20):
                assert_same_run(alone["clock"], run_spiking(net, duration=30.0, engine="clock", threads=threads))
                assert_same_run(alone["event"], run_spiking(net, duration=30.0, engine="event"))
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=work, args=(threads,), daemon=True) for threads in (1, 2, 3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120.0)
        assert not worker.is_alive()
    assert not failures
    assert warnings.filters == filters


def test_a_network_and_its_result_travel_through_pickles_and_copies():
    noise, cells = (
        Population("noise", 40, PoissonSource(rate=900.0)),
        Population("cells", (5, 8), LIF(v_init=Uniform(low=-65.0, high=-51.0))),
    )
    chain = Population("chain", 40, LIF(v_th=np.linspace(-55.0, -50.0, 40)))
    net = Network(
        Projection(noise, cells, OneToOne(), weight=6.0),
        Projection(cells[:, ::2], chain[[3, 1, 2]], FixedProbability(0.5), weight=0.5, plasticity=PairSTDP()),
        Projection(
            chain, chain[np.arange(40) % 3 == 0], FixedProbability(0.5), weight=np.float64(0.3), delay=Uniform(low=1.0, high=2.0, step=0.1)
        ),
    )
    first = run_spiking(net, duration=10.0, engine="clock")
    for again in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert description_digest(again) == description_digest(net) and list(again.projections) == list(net.projections)
        assert_same_run(first, run_spiking(again, duration=10.0, engine="clock"))
    result = pickle.loads(pickle.dumps(first))
    assert_same_run(first, result)
    assert_same_run(*(run_spiking(net, duration=5.0, engine="clock", start=state) for state in (first.state, result.state)))
    with pytest.raises(AttributeError, match="immutable"):
        again.populations["cells"].name = "other"
