"""Connectors and distributions through the compiler and both engines."""

from types import SimpleNamespace

import numpy as np
import pytest

from snnsim.compiler.spiking import compile_spiking
from snnsim.connect import Convolution, DistanceDependent, FixedInDegree, FromSparse, GaussianProfile, LogNormal, Normal, Uniform
from snnsim.engines.spiking import run_spiking
from snnsim.errors import WiringError
from snnsim.models.lif import LIF
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection, description_digest
from snnsim.plasticity.pair_stdp import PairSTDP


def coo(row, col, data, shape):
    """Return what `tocoo` of a scipy matrix returns, as far as a connector looks."""
    array = SimpleNamespace(row=np.array(row), col=np.array(col), data=np.array(data), shape=shape)
    array.tocoo = lambda: array
    return array


EVERY = SpikeArray(times=np.arange(1.0, 13.0), indices=np.arange(12))


def compiled(*args, seed=0, **kwargs):
    return compile_spiking(Network(Projection(*args, **kwargs)), seed=seed, dt=0.1).projections[0]


def test_weights_and_delays_are_drawn_once_per_synapse_from_the_seed():
    pre, post = Population("pre", 12, EVERY), Population("post", 500, LIF())
    given = {"weight": LogNormal(median=0.5, sigma=0.5), "delay": Normal(mean=1.5, std=0.5, low=0.1, step=0.1)}
    part = compiled(pre, post, FixedInDegree(6), **given)
    assert len(part.weight) == 3000 and len(np.unique(part.weight)) > 2990
    assert abs(np.log(part.weight).mean() - np.log(0.5)) < 4 * 0.5 / np.sqrt(3000)
    delay = part.delay[part.which]
    assert len(part.delay) > 10 and abs(delay.mean() - 1.5) < 0.1
    again, other = compiled(pre, post, FixedInDegree(6), **given), compiled(pre, post, FixedInDegree(6), seed=1, **given)
    np.testing.assert_array_equal(part.weight, again.weight)
    assert not np.array_equal(part.weight, other.weight)


def test_the_engines_run_drawn_delays_on_the_grid():
    pre, post = Population("pre", 12, EVERY), Population("post", 50, LIF())
    net = Network(Projection(pre, post, FixedInDegree(6), weight=Uniform(low=5.0, high=9.0), delay=Uniform(low=0.5, high=3.0, step=0.1)))
    trains = [run_spiking(net, duration=20.0, engine=engine).spikes["post"] for engine in ("event", "clock")]
    assert len(trains[0].times) > 20
    for a, b in zip(*((train.times, train.indices) for train in trains), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_a_convolution_delivers_its_weights():
    weight = np.arange(1.0, 13.0).reshape(2, 1, 2, 3)
    connector = Convolution(weight, padding=1)
    pre = Population("image", (1, 3, 4), EVERY)
    post = Population("features", connector.post_shape(pre.shape), LIF(v_th=1e6))
    part = compiled(pre, post, connector)
    dense = np.zeros((12, post.size))
    source = np.repeat(np.arange(12), part.fan_out)
    dense[source, part.target] = part.weight
    # One spike reads the kernel backwards around its place.
    assert sorted(dense[5][dense[5] != 0.0]) == sorted(weight.ravel())
    v = run_spiking(Network(Projection(pre, post, connector)), duration=2.5, dt=0.5, engine="clock", record={"features": ["v"]})
    lift = v.recordings["features"]["v"].values
    assert np.ptp(lift[-1]) > 0.0
    plastic = compiled(pre, post, connector, plasticity=PairSTDP(w_max=20.0))
    np.testing.assert_array_equal(plastic.weight, part.weight)


def test_a_sparse_matrix_delivers_its_weights_and_sorts_array_delays_with_them():
    pre, post = Population("pre", 12, EVERY), Population("post", 4, LIF())
    connector = FromSparse(coo([3, 1, 3], [0, 2, 1], [0.3, 0.1, 0.2], (12, 4)))
    part = compiled(pre, post, connector, delay=np.array([3.0, 1.0, 2.0]))
    assert part.weight.tolist() == [0.1, 0.3, 0.2] and part.target.tolist() == [2, 0, 1]
    assert part.delay[part.which].tolist() == [1.0, 3.0, 2.0]


def test_the_digest_of_a_network_knows_a_profile():
    points = np.random.default_rng(0).random((12, 2))
    pre, post = Population("pre", 12, EVERY), Population("post", 12, LIF())
    profiles = [GaussianProfile(sigma=sigma) for sigma in (0.1, 0.1, 0.2)]
    names = [description_digest(Network(Projection(pre, post, DistanceDependent(profile, points)))) for profile in profiles]
    assert names[0] == names[1] != names[2]


def test_a_connector_with_weights_takes_none_of_the_projection():
    pre, post = Population("pre", 12, EVERY), Population("post", 12, LIF())
    with pytest.raises(WiringError, match="takes no weight"):
        Projection(pre, post, FromSparse(coo([0], [0], [1.0], (12, 12))), weight=1.0)
