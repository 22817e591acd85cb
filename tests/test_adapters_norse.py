"""Norse in and out: the same spikes in every one of 100 steps, potentials to rounding, and clear words where that cannot be."""

import numpy as np
import pytest
from torch_networks import STEPS, louder, ours, spikes, stepwise, torch_and

import snnsim as sim
from snnsim.errors import ConversionError

torch, _ = torch_and("norse")
import norse.torch as norse  # noqa: E402
from norse.torch.functional.reset import reset_subtract, reset_value  # noqa: E402
from torch import nn  # noqa: E402

CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def one_step(module, row, state):
    return module(row, state)[1]


def compare(module, imported, values, layers, least=30):
    """Assert that every spike of every layer is the same."""
    theirs = stepwise(module, values, layers, one_step)
    rasters, states, _ = ours(imported, values, layers)
    for name in layers:
        assert least < theirs[name].sum() < theirs[name].size - least, name
        np.testing.assert_array_equal(rasters[name], theirs[name] > 0, err_msg=name)
    return states


def parameters(kind, n, **more):
    """Return parameters that differ from neuron to neuron, in doubles."""
    values = {"tau_mem_inv": 60.0 + 100.0 * torch.rand(n), "v_th": 0.3 + 0.3 * torch.rand(n), "v_reset": -0.2 * torch.rand(n)}
    values["v_leak"] = torch.tensor(0.1)
    if kind == "LIF":
        values["tau_syn_inv"] = 100.0 + 100.0 * torch.rand(n)
    return getattr(norse, f"{kind}Parameters")(**{name: value.double() for name, value in values.items()}, **more)


@pytest.mark.parametrize("dt", [0.001, 0.0005])
@pytest.mark.parametrize("kind", ["LIFCell", "LIFRecurrentCell", "LIFBoxCell", "subtracting LIFBoxCell"])
def test_every_neuron_makes_the_same_spikes(kind, dt):
    torch.manual_seed(1)
    if kind == "LIFRecurrentCell":
        layer = norse.LIFRecurrentCell(25, 25, parameters("LIF", 25), dt=dt)
    elif kind == "LIFCell":
        layer = norse.LIFCell(parameters("LIF", 25), dt=dt)
    else:
        method = reset_subtract if kind.startswith("sub") else reset_value
        layer = norse.LIFBoxCell(parameters("LIFBox", 25, reset_method=method), dt=dt)
    module = louder(norse.SequentialState(nn.Linear(12, 25), layer).double(), 5.0)
    imported = sim.from_norse(module)
    assert imported.dt == 1e3 * dt
    compare(module, imported, spikes(2, (12,)), ["1"])


@pytest.mark.parametrize("readout", ["LICell", "LIBoxCell"])
def test_a_deep_network_ends_in_a_potential(readout):
    torch.manual_seed(3)
    p = norse.LIFParameters(v_th=torch.tensor(0.4))
    module = norse.SequentialState(
        nn.Conv2d(1, 3, 3), norse.LIFCell(p), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(27, 20), norse.LIFRecurrentCell(20, 15, p),
        nn.Linear(15, 4), getattr(norse, readout)(),
    ).double()  # fmt: skip
    louder(module, 7.0)
    values = spikes(4, (1, 8, 8))
    imported = sim.from_norse(module, torch.zeros(1, 1, 8, 8, dtype=torch.float64))
    assert imported.outputs == ("7",)
    compare(module, imported, values, ["1", "5"])
    theirs = stepwise(module, values, ["7"], one_step)["7"]
    rasters, states, _ = ours(imported, values, ["7"])
    np.testing.assert_allclose(states["7"]["v"], theirs, **CLOSE)
    assert not rasters["7"].any() and np.abs(theirs).max() > 0.1


def test_modules_that_loop_over_time_are_taken_over_too():
    torch.manual_seed(5)
    module = norse.SequentialState(nn.Linear(12, 20), norse.LIF(), norse.LIFRecurrent(20, 10), nn.Linear(10, 3), norse.LI()).double()
    louder(module, 6.0)
    values = spikes(6, (12,))
    with torch.no_grad():
        potential, _ = module(torch.as_tensor(values[:, None], dtype=torch.float64))
    imported = sim.from_norse(module)
    _, states, result = ours(imported, values, ["2", "4"])
    assert len(result.spikes["2"]) > 100
    np.testing.assert_allclose(states["4"]["v"], potential[:, 0].numpy(), **CLOSE)


def test_a_convolution_lifted_over_time_is_followed():
    torch.manual_seed(7)
    module = norse.SequentialState(norse.Lift(nn.Conv2d(1, 2, 3)), norse.LIF(), nn.Flatten(2), nn.Linear(32, 5), norse.LIF()).double()
    louder(module, 30.0)
    values = spikes(8, (1, 6, 6))
    with torch.no_grad():
        fired, _ = module(torch.as_tensor(values[:, None], dtype=torch.float64))
    imported = sim.from_norse(module, torch.zeros(1, 1, 1, 6, 6, dtype=torch.float64))
    assert [population.shape for population in imported.network.populations.values()] == [(1, 6, 6), (2, 4, 4), (5,)]
    rasters, _, _ = ours(imported, values, ["4"])
    assert fired.sum() > 50
    np.testing.assert_array_equal(rasters["4"], fired[:, 0].numpy() > 0)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: [nn.Linear(4, 3), norse.LIFAdExCell()], "module '1' is LIFAdExCell, which must be one of LIFCell, .*Train it"),
        (lambda: [nn.Linear(4, 3), norse.LIFRefracCell()], "module '1' is LIFRefracCell, which must be one of"),
        (lambda: [nn.Linear(4, 3), norse.LIFCell(), norse.LIFCell(dt=0.002)], "steps .* s, which must be one"),
        (
            lambda: [nn.Linear(4, 3), norse.LIFBoxCell(norse.LIFBoxParameters(reset_method=lambda z, v, *_: v))],
            "p.reset_method must be reset_value or",
        ),
        (lambda: [nn.Linear(4, 3), norse.LIFCell(norse.LIFParameters(tau_mem_inv=torch.tensor(0.0)))], "inverse time constant .* > 0"),
        (lambda: [nn.Linear(4, 3), norse.LIFCell(norse.LIFParameters(v_reset=torch.tensor(2.0)))], "v_reset = 2 must be < v_th = 1"),
        (lambda: [norse.RecurrentSequential(nn.Linear(4, 4), norse.LIFCell())], "is RecurrentSequential, whose feedback"),
    ],
)
def test_what_cannot_be_the_same_is_refused_with_module_and_remedy(make, text):
    with pytest.raises(ConversionError, match=text):
        sim.from_norse(norse.SequentialState(*make()))


def chain():
    """Return our own network: a source and three populations one behind the other."""
    random = np.random.default_rng(9)
    at, index = np.nonzero(spikes(10, (12,)))
    source = sim.Population("source", 12, sim.SpikeArray(times=0.5 * (at + 1.0), indices=index))
    first = sim.Population("first", 20, sim.NorseLIF(tau_m=5.0 + 5.0 * random.random(20), v_th=0.5, i_ext=random.normal(0.0, 0.1, 20)))
    second = sim.Population("second", 15, sim.NorseLIF(v_th=0.4, v_reset=-0.1))
    third = sim.Population("third", 10, sim.NorseLIFBox(tau_m=3.0, reset_mechanism="subtract", v_th=0.3))
    return sim.Network(
        sim.Projection(source, first, sim.FixedProbability(0.6), weight=0.9, delay=0.0),
        sim.Projection(first, second, sim.AllToAll(), weight=random.normal(0.2, 0.8, 300), delay=0.0),
        sim.Projection(second, second, sim.FixedProbability(0.3), weight=-0.3, delay=0.5),
        sim.Projection(second, third, sim.AllToAll(), weight=random.normal(1.0, 2.0, 150), delay=0.0),
    )


def test_a_network_goes_out_trains_and_comes_back_with_its_spikes():
    net, values, names = chain(), spikes(10, (12,)), ["first", "second", "third"]
    module = sim.to_norse(net, dt=0.5, dtype=torch.float64, seed=4)
    assert [type(layer).__name__ for layer in module] == ["Linear", "LIFCell", "LIFRecurrentCell", "Linear", "LIFBoxCell"]
    mine = sim.simulate(net, 0.5 * STEPS, dt=0.5, engine="clock", seed=4, record={name: ["spikes"] for name in names})
    places = ["1", "2", "4"]
    back = sim.from_norse(module)
    theirs = stepwise(module, values, places, one_step)
    for name, place in zip(names, places, strict=True):
        trains = mine.spikes[name]
        assert len(trains) > 40
        np.testing.assert_array_equal(np.stack([np.rint(trains.times / 0.5) - 1, trains.indices]), np.nonzero(theirs[place] > 0))
    compare(module, back, values, places)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    optimiser = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(4):
        state, total = None, 0.0
        for row in torch.as_tensor(values[:30], dtype=torch.float64):
            out, state = module(row[None], state)
            total = total + out.mean()
        optimiser.zero_grad()
        ((total - 8.0) ** 2).backward()
        optimiser.step()
    assert all(not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    compare(module, sim.from_norse(module), values, places)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (sim.NorseLIFBox(), "must be a NorseLIF that fires"),
        (sim.NorseLIF(i_ext=0.1), r"model\.i_ext must be 0 in a recurrent population"),
        (sim.NorseLIF(v_rest=np.linspace(0.0, 0.1, 3)), r"model\.v_rest must be one number"),
        (sim.Leaky(), "model Leaky, which must be one of NorseLIF, NorseLIFBox"),
    ],
)
def test_a_population_that_norse_has_not_is_refused(model, text):
    source, cells = sim.Population("source", 3, sim.PoissonSource(rate=9.0)), sim.Population("cells", 3, model)
    net = sim.Network(sim.Projection(source, cells, sim.AllToAll(), delay=0.0), sim.Projection(cells, cells, sim.AllToAll(), delay=1.0))
    with pytest.raises(ConversionError, match=text):
        sim.to_norse(net)


def test_a_readout_goes_out_as_a_leaky_integrator():
    module = norse.SequentialState(nn.Linear(4, 3), norse.LIFCell(), nn.Linear(3, 2), norse.LICell())
    again = sim.to_norse(sim.from_norse(module))
    assert [type(layer).__name__ for layer in again] == ["Linear", "LIFCell", "Linear", "LICell"]
    assert torch.equal(again[0].weight, module[0].weight)
