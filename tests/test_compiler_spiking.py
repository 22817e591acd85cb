"""Flat arrays of a compiled network."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.compiler.spiking import compile_spiking
from snnsim.connect import Dense, DistanceDependent, FixedInDegree, FixedProbability, FromArrays, Normal, OneToOne
from snnsim.errors import CompileError, ParameterError, WiringError
from snnsim.models.lif import LIF
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.pair_stdp import PairSTDP

PRE, POST = Population("pre", 6, LIF()), Population("post", 7, LIF())


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 40), same_delay=st.booleans())
def test_every_synapse_keeps_its_target_weight_and_delay(seed, n, same_delay):
    random = np.random.default_rng(seed)
    source, target = random.integers(6, size=n), random.integers(7, size=n)
    weight, delay = random.normal(size=n), 1.5 if same_delay else random.integers(1, 4, size=n) / 2
    net = Network(Projection(PRE, POST, FromArrays(source, target), weight=weight, delay=delay))
    part = compile_spiking(net, seed=0, dt=0.1).projections[0]
    assert np.all(np.diff(part.delay) > 0) and (part.which is None or len(part.delay) > 1)
    stored = []
    for s in range(6):
        synapses = range(part.row_ptr[s], part.row_ptr[s + 1])
        assert np.all(np.diff(part.target[synapses.start : synapses.stop].astype(int)) >= 0)
        delays = part.delay[np.zeros(n, dtype=int) if part.which is None else part.which]
        stored += [(s, part.target[k], delays[k], part.weight[min(k, len(part.weight) - 1)]) for k in synapses]
    assert sorted(stored) == sorted(zip(source, target, np.broadcast_to(delay, n), weight, strict=True))
    np.testing.assert_array_equal(part.fan_out, np.bincount(source, minlength=6))


def test_uniform_weights_and_delays_are_stored_once_and_targets_in_two_bytes():
    part = compile_spiking(Network(Projection(PRE, POST, FixedProbability(1.0), weight=0.5)), seed=0, dt=0.1).projections[0]
    assert part.weight.tolist() == [0.5] and part.target.dtype == np.uint16 and len(part.target) == 42
    assert part.delay.tolist() == [1.0] and part.which is None
    plastic = Projection(PRE, POST, FixedProbability(1.0), weight=0.5, plasticity=PairSTDP())
    # An engine gives each synapse that learns a weight of its own.
    assert compile_spiking(Network(plastic), seed=0, dt=0.1).projections[0].weight.tolist() == [0.5]


def test_what_synapses_keep_is_as_narrow_as_loses_nothing():
    def part(**given):
        return compile_spiking(Network(Projection(PRE, POST, FixedProbability(1.0), **given)), seed=0, dt=0.1).projections[0]

    assert part(weight=np.arange(42) + 0.5).weight.dtype == np.float32
    odd = np.arange(42) + 0.1
    assert part(weight=odd).weight.dtype == np.float64 and part(weight=odd).weight.tolist() == odd.tolist()
    assert part(weight=np.full(42, 1e300)).weight.dtype == np.float64
    assert part(weight=Normal(mean=1.0, std=0.1)).weight.dtype == np.float32
    few, many = part(delay=np.arange(1, 43) % 3 + 1.0), part(delay=Normal(mean=1.5, std=0.75, low=0.1, step=0.1))
    assert few.delay.tolist() == [1.0, 2.0, 3.0] and few.which.dtype == many.which.dtype == np.uint8
    assert many.delay[0] >= 0.1 and np.allclose(many.delay / 0.1, np.rint(many.delay / 0.1))
    wide = compile_spiking(Network(Projection(PRE, Population("wide", 65_537, LIF()), FixedProbability(0.01))), seed=0, dt=0.1)
    assert wide.projections[0].target.dtype == np.uint32


def test_compiled_arrays_cannot_be_written():
    part = compile_spiking(Network(Projection(PRE, POST, FixedProbability(0.5))), seed=0, dt=0.1).projections[0]
    for array in (part.target, part.weight, part.delay, part.row_ptr):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_connectivity_depends_on_the_seed_and_the_number_of_the_projection_alone():
    one = Network(Projection(PRE, POST, FixedProbability(0.5)))
    two = Network(Projection(PRE, POST, FixedProbability(0.5)), Projection(POST, PRE, FixedProbability(0.5)))
    first, again, other = (compile_spiking(net, seed=s, dt=0.1).projections for net, s in ((one, 1), (two, 1), (one, 2)))
    np.testing.assert_array_equal(first[0].target, again[0].target)
    assert first[0].target.tolist() != other[0].target.tolist()


@pytest.mark.parametrize("field", ["weight", "delay"])
def test_an_array_of_another_length_than_the_synapses_is_refused(field):
    net = Network(Projection(PRE, PRE, OneToOne(), **{field: np.ones(5)}))
    with pytest.raises(ParameterError, match=rf"Projection\(pre -> pre\)\.{field} = array\(5,\).* here 6"):
        compile_spiking(net, seed=0, dt=0.1)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (
            {"connector": FixedInDegree(6)},
            WiringError,
            r"\.connector: FixedInDegree\.n = 6 must be <= 5, the pairs .* Choose a smaller n, or allow multapses",
        ),
        (
            {"connector": DistanceDependent(lambda distance: distance + 2.0, np.arange(6.0))},
            ParameterError,
            r"\.connector: DistanceDependent\.profile\(1\) = 3 must lie in \[0, 1\]",
        ),
        ({"weight": Normal(mean=1e39, std=1.0)}, ParameterError, r"\.weight: Normal = .* must stay below 3\.4e38"),
    ],
)
def test_what_goes_wrong_in_a_draw_names_its_projection(given, error, words):
    with pytest.raises(error, match=r"^Projection\(pre -> pre\)" + words):
        compile_spiking(Network(Projection(PRE, PRE, **({"connector": FixedProbability(1.0)} | given))), seed=0, dt=0.1)


def test_a_connector_without_a_list_of_synapses_is_refused():
    with pytest.raises(CompileError, match="Dense computes integer fan-out"):
        compile_spiking(Network(Projection(PRE, POST, Dense(np.ones((6, 7), dtype=int)))), seed=0, dt=0.1)


@pytest.mark.parametrize(("seed", "dt", "name"), [(-1, 0.1, "seed"), (0.5, 0.1, "seed"), (0, 0.0, "dt"), (0, np.nan, "dt")])
def test_a_wrong_seed_or_step_is_refused(seed, dt, name):
    with pytest.raises(ParameterError, match=f"^{name} = "):
        compile_spiking(Network(PRE), seed=seed, dt=dt)
