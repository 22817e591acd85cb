"""Graphs that Norse and snnTorch wrote, or run themselves: the same spikes in the same steps."""

from __future__ import annotations

import contextlib
import io
from itertools import pairwise

import numpy as np
import pytest

import snnsim as sim

nir = pytest.importorskip("nir", reason="nir comes with the test extra")
torch = pytest.importorskip("torch", reason="torch comes with the test extra")

STEPS = 150
OLD = pytest.mark.filterwarnings("ignore:nirtorch.* is being deprecated:DeprecationWarning")


def shape(*sizes):
    return np.array(sizes)


def quarters(*sizes, seed=0, scale=1.0):
    """Return random weights that single precision holds exactly."""
    return (np.rint(np.random.default_rng(seed).normal(size=sizes) * 16.0 * scale) / 16.0).astype(np.float32)


def ours(graph, inputs, dt, name, **more):
    """Return the spikes of a population, bool[STEPS, n]."""
    model = sim.read_nir(graph, dt=dt, **more)
    result = sim.simulate(model.fed(inputs), STEPS * dt, dt=dt, engine="clock", record={name: ["spikes"]})
    fired = np.zeros((STEPS, model.network.populations[name].size), dtype=int)
    np.add.at(fired, (np.rint(result.spikes[name].times / dt).astype(int) - 1, result.spikes[name].indices), 1)
    return fired


def assert_same(one, other):
    assert 30 < other.sum() < other.size - 30
    np.testing.assert_array_equal(one, other)


def spikes(*sizes, seed=3, p=0.4):
    return (np.random.default_rng(seed).random((STEPS, *sizes)) < p).astype(int)


def chain(sizes, *nodes, recurrent=()):
    named = {f"n{k}": node for k, node in enumerate(nodes)}
    names = ["input", *named, "output"]
    last = nodes[-1].output_type["output"]
    ends = {"input": nir.Input({"input": shape(*sizes)}), **named, "output": nir.Output({"output": last})}
    return nir.NIRGraph(ends, [*pairwise(names), *recurrent], type_check=False)


def norse_run(graph, inputs, dt):
    """Return what Norse gives out when it runs a graph, step by step; dt in ms."""
    norse = pytest.importorskip("norse.torch", reason="norse is installed apart")
    module, state, out = norse.from_nir(graph, dt=dt * 1e-3), None, []
    for row in torch.tensor(inputs, dtype=torch.float32):
        with torch.no_grad():
            fired, state = module(row[None], state)
        out.append(np.ravel(fired.numpy()))
    return np.array(out).astype(int)


def ones(n, value=1.0):
    return np.full(n, value, dtype=np.float32)


@OLD
def test_norse_runs_lif_layers_to_the_same_spikes():
    lif = [nir.LIF(ones(n, tau), ones(n), ones(n, 0.0625), ones(n, 0.3), ones(n, 0.0)) for n, tau in ((20, 0.01), (8, 0.006))]
    graph = chain(
        (6,), nir.Affine(quarters(20, 6, scale=2.0), quarters(20)), lif[0], nir.Affine(quarters(8, 20, seed=1), quarters(8, seed=2)), lif[1]
    )
    inputs = spikes(6)
    for name, upto in (("n1", 3), ("n3", 5)):
        part = chain((6,), *list(graph.nodes.values())[1:upto])
        assert_same(ours(graph, inputs, 1.0, name), norse_run(part, inputs, 1.0))


@OLD
def test_norse_runs_current_based_layers_to_the_same_spikes():
    n = 20
    cuba = nir.CubaLIF(ones(n, 0.004), ones(n, 0.01), ones(n, 2.0), ones(n, 0.0), ones(n, 0.4), ones(n, 0.0), ones(n, 1.5))
    graph = chain((6,), nir.Affine(quarters(n, 6, scale=2.0), quarters(n)), cuba)
    inputs = spikes(6)
    assert_same(ours(graph, inputs, 1.0, "n1"), norse_run(graph, inputs, 1.0))


@OLD
def test_norse_runs_convolutions_and_pools_to_the_same_spikes():
    sizes = (3, 6, 6)
    cells = nir.LIF(ones(sizes, 0.01), ones(sizes), ones(sizes, 0.0), ones(sizes, 0.3), ones(sizes, 0.0))
    conv = nir.Conv2d((6, 6), quarters(3, 2, 3, 3), 1, 1, 1, 1, quarters(3))
    graph = chain((2, 6, 6), conv, cells)
    inputs = spikes(2, 6, 6)
    assert_same(ours(graph, inputs, 1.0, "n1"), norse_run(graph, inputs, 1.0))
    # Norse's pool takes sizes of absolute values, so that it pools spikes alone.
    last = nir.LIF(ones((3, 3, 3), 0.002), ones((3, 3, 3)), ones((3, 3, 3), 0.0), ones((3, 3, 3), 0.7), ones((3, 3, 3), 0.0))
    deep = chain((2, 6, 6), conv, cells, nir.SumPool2d(shape(2, 2), shape(2, 2), shape(0, 0)), last)
    assert_same(ours(deep, inputs, 1.0, "n3"), norse_run(deep, inputs, 1.0))


@OLD
def test_integrators_of_norse_take_a_spike_as_a_pulse():
    graph = chain((6,), nir.Affine(quarters(20, 6), quarters(20)), nir.IF(ones(20), ones(20, 2.03), ones(20, 0.0)))
    inputs = spikes(6)
    # A bias is a current for us, and one more pulse in each step for Norse.
    graph.nodes["n0"].bias[:] = 0.0
    assert_same(ours(graph, inputs, 1.0, "n1", spike="delta"), norse_run(graph, inputs, 1.0))


@OLD
def test_the_file_of_norse_among_the_references_fires_as_norse_does(refs):
    path = refs / "nir" / "lif_norse.nir"
    if not path.is_file():
        pytest.skip(f"no reference file {path}")
    inputs = spikes(1, p=0.7)
    assert_same(ours(path, inputs, 0.1, "1"), norse_run(nir.read(path), inputs, 0.1))


@OLD
def test_a_network_that_norse_wrote_is_read_and_fires_as_it_did(tmp_path):
    norse = pytest.importorskip("norse.torch", reason="norse is installed apart")
    torch.manual_seed(1)
    full = {"tau_mem_inv": torch.full((20,), 100.0), "v_leak": torch.zeros(20), "v_th": torch.full((20,), 0.05)}
    net = norse.SequentialState(torch.nn.Linear(6, 20), norse.LIFBoxCell(norse.LIFBoxParameters(**full), dt=0.001))
    net[0].weight.data *= 2.0
    with contextlib.redirect_stdout(io.StringIO()):
        graph = norse.to_nir(net, torch.zeros(6), dt=1.0)  # Norse writes dt / tau_mem_inv: a time in s for dt=1 alone
    inputs, state, expected = spikes(6), None, []
    for row in torch.tensor(inputs, dtype=torch.float32):
        with torch.no_grad():
            fired, state = net(row, state)
        expected.append(fired.numpy())
    (name,) = sim.read_nir(graph, dt=1.0).outputs.values()
    assert_same(ours(graph, inputs, 1.0, name), np.array(expected).astype(int))


SNN_DT = 0.1  # ms; snnTorch's reader and writer know no other


def snntorch_net():
    snntorch = pytest.importorskip("snntorch", reason="snntorch comes with the test extra")
    torch.manual_seed(2)
    more = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}
    leaky = snntorch.Leaky(beta=torch.linspace(0.5, 0.95, 20), threshold=torch.full((20,), 0.9), **more)
    synaptic = snntorch.Synaptic(
        alpha=torch.full((8,), 0.6), beta=torch.full((8,), 0.85), threshold=torch.full((8,), 0.8), output=True, **more
    )
    net = torch.nn.Sequential(torch.nn.Linear(6, 20), leaky, torch.nn.Linear(20, 8), synaptic)
    for layer in (net[0], net[2]):
        layer.weight.data *= 2.0
    return net


def snntorch_run(net, inputs):
    out = []
    for row in torch.tensor(inputs, dtype=torch.float32):
        with torch.no_grad():
            got = net(row)
        out.append((got[0] if isinstance(got, tuple) else got).numpy())
    return np.array(out).astype(int)


@OLD
def test_a_network_that_snntorch_wrote_is_read_and_fires_as_it_did(tmp_path):
    net = snntorch_net()
    from snntorch.export_nir import export_to_nir

    with contextlib.redirect_stdout(io.StringIO()):
        graph = export_to_nir(net, torch.zeros(6))
    path = tmp_path / "net.nir"
    nir.write(path, graph, compression=None)
    inputs = spikes(6)
    (name,) = sim.read_nir(path, dt=SNN_DT).outputs.values()
    assert_same(ours(path, inputs, SNN_DT, name), snntorch_run(snntorch_net(), inputs))


def test_snntorch_runs_a_network_of_ours_to_the_same_spikes():
    pytest.importorskip("snntorch", reason="snntorch comes with the test extra")
    from snntorch.import_nir import import_from_nir

    n = 20
    source = sim.Population("input", 6, sim.SpikeArray(times=np.empty(0), indices=np.empty(0, dtype=int)))
    cells = sim.Population("cells", n, sim.Leaky(beta=0.75, v_th=0.9, reset_mechanism="zero", reset_delay=False))
    weights = quarters(n, 6).astype(float)
    post, pre = (axis.ravel() for axis in np.indices((n, 6)))
    net = sim.Network(sim.Projection(source, cells, sim.FromArrays(pre, post), weight=weights.ravel(), delay=0.0))
    graph = sim.write_nir(net, dt=SNN_DT)
    inputs = spikes(6)
    with contextlib.redirect_stdout(io.StringIO()):
        module = import_from_nir(graph)
    state, expected = None, []
    for row in torch.tensor(inputs, dtype=torch.float32):
        with torch.no_grad():
            fired, state = module(row, state)
        expected.append(fired.numpy())
    assert_same(ours(graph, inputs, SNN_DT, "cells"), np.array(expected).astype(int))


@OLD
def test_a_recurrent_network_that_snntorch_wrote_fires_as_it_did():
    snntorch = pytest.importorskip("snntorch", reason="snntorch comes with the test extra")
    from snntorch.export_nir import export_to_nir

    torch.manual_seed(4)
    n = 20
    cells = snntorch.RLeaky(
        beta=torch.full((n,), 0.8),
        threshold=torch.full((n,), 0.9),
        linear_features=n,
        reset_mechanism="zero",
        reset_delay=False,
        init_hidden=True,
    )
    net = torch.nn.Sequential(torch.nn.Linear(6, n), cells)
    net[0].weight.data *= 2.0
    cells.recurrent.weight.data *= 2.0
    cells.recurrent.bias.data *= 0.0
    inputs = spikes(6)
    expected = snntorch_run(net, inputs)
    cells.reset_mem()
    with contextlib.redirect_stdout(io.StringIO()):
        graph = export_to_nir(net, torch.zeros(6))
    model = sim.read_nir(graph, dt=SNN_DT)
    (name,) = model.outputs.values()
    assert any(link.pre == link.post == name for link in model.links)
    assert_same(ours(graph, inputs, SNN_DT, name), expected)
