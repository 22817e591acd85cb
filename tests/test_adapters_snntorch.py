"""snnTorch in and out: the same spikes in every one of 100 steps, potentials to rounding, and clear words where that cannot be."""

import numpy as np
import pytest
from torch_networks import STEPS, at_rest, in_its_precision, louder, ours, spikes, stepwise, torch_and

import snnsim as sim
from snnsim.errors import ConversionError, ParameterError

torch, snntorch = torch_and("snntorch")
from torch import nn  # noqa: E402

CLOSE = {"rtol": 0.0, "atol": 1e-12}


def neurons(kind, **more):
    return getattr(snntorch, kind)(init_hidden=True, spike_grad=in_its_precision, **more)


def one_step(module, row, _):
    module(row)


def compare(module, imported, values, layers, least=30):
    """Assert that every spike of every layer is the same, and the potential kept by the module at the end."""
    at_rest(module)
    theirs = stepwise(module, values, layers, one_step)
    rasters, states, result = ours(imported, values, layers)
    for name in layers:
        assert least < theirs[name].sum() < theirs[name].size - least, name
        np.testing.assert_array_equal(rasters[name], theirs[name] > 0, err_msg=name)
        kept = dict(module.named_modules())[name].mem[0].detach().numpy()
        np.testing.assert_allclose(states[name]["v"][-1].ravel(), kept.ravel(), **CLOSE)
    return result


#: snnTorch has the others with a reset in the step after the spike alone
IN_TIME = [(kind, False) for kind in ("Leaky", "Synaptic", "RLeaky")]


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize(("kind", "delay"), [*((k, True) for k in ("Leaky", "Synaptic", "RLeaky", "RSynaptic", "Lapicque")), *IN_TIME])
def test_every_neuron_and_reset_makes_the_same_spikes(kind, reset, delay):
    torch.manual_seed(1)
    own = {"beta": torch.tensor(0.8)} if kind == "Lapicque" else {"beta": torch.rand(25)}
    own |= {"alpha": torch.rand(25)} if kind.endswith("Synaptic") else {}
    own |= {"linear_features": 25} if kind.startswith("R") else {}
    own |= {} if kind == "Lapicque" else {"reset_delay": delay}
    layer = neurons(kind, threshold=0.5 + torch.rand(25), reset_mechanism=reset, **own)
    module = louder(nn.Sequential(nn.Linear(12, 25), layer).double(), 8.0 if kind == "Lapicque" else 2.0)
    compare(module, sim.from_snntorch(module), spikes(2, (12,)), ["1"])


def test_a_deep_network_passes_spikes_through_all_layers_in_one_step():
    torch.manual_seed(2)
    module = nn.Sequential(
        nn.Linear(20, 40), neurons("Leaky", beta=0.9, learn_beta=True, learn_threshold=True), nn.Dropout(0.5),
        nn.Linear(40, 30, bias=False), neurons("Synaptic", alpha=0.5, beta=1.7), nn.Linear(30, 15),
        neurons("RLeaky", beta=0.6, all_to_all=False, V=torch.rand(15), output=True),
    ).double()  # fmt: skip
    louder(module, 2.0)
    imported = sim.from_snntorch(module)
    assert (imported.input, imported.outputs, imported.dt, dict(imported.layers)) == ("input", ("6",), 1.0, {"1": "1", "4": "4", "6": "6"})
    module.eval()
    result = compare(module, imported, spikes(3, (20,)), ["1", "4", "6"])
    assert result.counts.layers["input -> 1"]["synops"] == 40 * spikes(3, (20,)).sum()


def test_convolutions_pooling_and_batch_norm_become_weights():
    torch.manual_seed(3)
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, stride=2), nn.BatchNorm2d(4), neurons("Leaky", beta=torch.rand(4, 1, 1)), nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 2), neurons("Leaky", beta=0.5), nn.Flatten(), nn.Linear(24, 9), nn.BatchNorm1d(9), neurons("Leaky", beta=0.8),
    ).double()  # fmt: skip
    for layer in (module[1], module[8]):
        layer.running_mean.normal_(0.0, 0.3)
        layer.running_var.uniform_(0.3, 0.8)
        nn.init.normal_(layer.bias, 0.2)
    louder(module, 3.5)
    imported = sim.from_snntorch(module, torch.zeros(1, 2, 12, 12, dtype=torch.float64))
    assert {name: population.shape for name, population in imported.network.populations.items()} == {
        "input": (2, 12, 12), "2": (4, 6, 6), "5": (6, 2, 2), "9": (9,)
    }  # fmt: skip
    assert len(imported.network.projections["input -> 2"].connector.source) < 2 * 4 * 9 * 36 + 1  # zeros are no synapses
    module.eval()
    compare(module, imported, spikes(4, (2, 12, 12)), ["2", "5", "9"])


class Written(nn.Module):
    """A network as snnTorch's tutorials write it: modules as attributes, time within forward, states by hand."""

    def __init__(self):
        super().__init__()
        self.lif2 = snntorch.Leaky(beta=0.8, spike_grad=in_its_precision)  # in another order than they are called
        self.fc1, self.fc2 = nn.Linear(16, 30), nn.Linear(30, 10)
        self.lif1 = snntorch.Leaky(beta=0.9, spike_grad=in_its_precision)

    def forward(self, x):
        mem1, mem2, out = self.lif1.init_leaky(), self.lif2.init_leaky(), []
        for row in x:
            spk1, mem1 = self.lif1(self.fc1(row.view(len(row), -1)), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            out.append(spk2)
        return torch.stack(out)


def test_a_network_written_by_hand_is_followed_by_its_calls():
    torch.manual_seed(5)
    module = louder(Written().double(), 2.0)
    values = spikes(6, (4, 4))
    with torch.no_grad():
        theirs = module(torch.as_tensor(values[:, None], dtype=torch.float64))[:, 0].numpy() > 0
    imported = sim.from_snntorch(module, torch.zeros(3, 1, 4, 4, dtype=torch.float64), inputs=values.reshape(STEPS, 16))
    assert imported.outputs == ("lif2",)
    result = sim.simulate(imported.network, STEPS, dt=1.0, engine="clock", record={"lif2": ["spikes"]})
    assert theirs.sum() > 50
    np.testing.assert_array_equal(imported.raster(result), theirs)


def test_values_that_are_no_spikes_flow_in_as_currents_and_a_linear_end_is_read_as_a_potential():
    torch.manual_seed(6)
    module = louder(nn.Sequential(nn.Linear(12, 25), neurons("Leaky", beta=0.7), nn.Linear(25, 5)).double(), 2.0)
    values = np.random.default_rng(7).normal(size=(STEPS, 12))
    at_rest(module)
    theirs = stepwise(module, values, ["1", "2"], one_step)
    rasters, states, _ = ours(sim.from_snntorch(module), values, ["1", "2"])
    assert theirs["1"].sum() > 100
    np.testing.assert_array_equal(rasters["1"], theirs["1"] > 0)
    np.testing.assert_allclose(states["2"]["v"], theirs["2"], rtol=0.0, atol=1e-12)
    assert not rasters["2"].any()


@pytest.mark.parametrize("first", [lambda: [nn.Conv1d(1, 2, 3)], list], ids=["convolution", "nothing"])
def test_values_flow_in_through_sparse_connections_too(first):
    torch.manual_seed(16)
    module = nn.Sequential(*first(), neurons("Leaky", beta=0.7, threshold=0.5)).double()
    values = np.random.default_rng(17).normal(size=(STEPS, 1, 30))
    compare(module, sim.from_snntorch(module, torch.zeros(1, 1, 30, dtype=torch.float64)), values, [str(len(module) - 1)])


def test_counts_of_spikes_and_threads_change_nothing():
    torch.manual_seed(8)
    module = louder(nn.Sequential(nn.Linear(12, 25), neurons("Leaky", beta=0.7)).double(), 1.5)
    values = np.random.default_rng(9).integers(0, 3, size=(STEPS, 12))
    imported = sim.from_snntorch(module)
    compare(module, imported, values, ["1"])
    one, two = (ours(imported, values, ["1"], threads=threads)[1]["1"]["v"] for threads in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), neurons("Leaky", beta=0.7))
    module(torch.ones(1, 4))
    before = module[2].mem.detach().clone()
    sim.from_snntorch(module)
    assert module.training and module[1].training
    assert torch.equal(module[2].mem, before) and not module[0]._forward_hooks


class Around(nn.Module):
    """A module with an operation in forward."""

    def __init__(self, operation):
        super().__init__()
        self.fc1, self.lif1, self.fc2, self.lif2 = nn.Linear(6, 6), snntorch.Leaky(beta=0.5), nn.Linear(6, 6), snntorch.Leaky(beta=0.5)
        self.operation = operation

    def forward(self, x):
        spk, mem = self.lif1(self.fc1(x))
        return self.lif2(self.fc2(self.operation(self, x, spk, mem)))


class Remembering(nn.Module):
    """A module that feeds the spikes of the last call back by hand."""

    def __init__(self):
        super().__init__()
        self.fc1, self.back = nn.Linear(6, 6), nn.Linear(6, 6)
        self.lif1, self.last = snntorch.Leaky(beta=0.5, init_hidden=True), None

    def forward(self, x):
        current = self.fc1(x)
        if self.last is not None:
            current = current + self.back(self.last)
        self.last = self.lif1(current)
        return self.last


def odd(kind, **more):
    layer = getattr(snntorch, kind)(**{"beta": 0.5, "init_hidden": True} | more)
    return nn.Sequential(nn.Linear(4, 3), layer)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: odd("Alpha", alpha=0.9), "module '1' is Alpha, which must be one of Leaky, Synaptic.*Train it"),
        (lambda: odd("Leaky", graded_spikes_factor=2.0), "'1'.graded_spikes_factor = 2.0 must be 1.*next layer"),
        (lambda: odd("Leaky", inhibition=True), "'1'.inhibition must be False"),
        (lambda: odd("Leaky", state_quant=lambda x: x), "'1'.state_quant must be False"),
        (lambda: odd("Leaky", spike_grad=lambda x: (x > 1.0).float()), "'1'.spike_grad must fire where v > threshold"),
        (lambda: odd("Leaky", threshold=-1.0), r"module '1' cannot be taken over: Leaky\.v_th = -1 must be > 0"),
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(), neurons("Leaky", beta=0.5)), "module '1' is ReLU.*It is not linear"),
        (lambda: nn.Sequential(nn.Linear(4, 3)), "no module of neurons was called"),
        (lambda: nn.Sequential(neurons("Leaky", beta=0.5)), "sample is missing"),
        (lambda: Around(lambda self, x, spk, mem: spk + x), "module 'fc2' gets a tensor that no module made.*RLeaky"),
        (lambda: Around(lambda self, x, spk, mem: spk.mul_(2.0)), "module 'fc2' gets a tensor that no module made"),
        (lambda: Around(lambda self, x, spk, mem: spk[:, :3]), "module 'fc2' gets a tensor that no module made"),
        (lambda: Around(lambda self, x, spk, mem: mem), "module 'fc2' gets a state of 'lif1', not its spikes"),
        (lambda: Around(lambda self, x, spk, mem: self.fc1(spk)), "module 'fc1' was called with the output of 'the input' and of 'lif1'"),
        (Remembering, "module 'lif1' gets a tensor that no module made"),
        (lambda: 3, "from_snntorch.module = 3 must be a torch.nn.Module"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Inhibition is an unstable feature")
def test_what_cannot_be_the_same_is_refused_with_module_and_remedy(make, text):
    with pytest.raises(ConversionError, match=text):
        sim.from_snntorch(make())


def test_a_sample_or_input_of_another_shape_is_refused():
    module = nn.Sequential(nn.Linear(4, 3), neurons("Leaky", beta=0.5))
    with pytest.raises(ConversionError, match=r"sample of shape \(1, 5\) does not pass through the module"):
        sim.from_snntorch(module, torch.zeros(1, 5))
    with pytest.raises(ParameterError, match=r"fed\.values.*must have shape \(steps, 4\)"):
        sim.from_snntorch(module, inputs=np.zeros((7, 5)))
    with pytest.raises(ParameterError, match="must be finite"):
        sim.from_snntorch(module, inputs=np.full((7, 4), np.nan))


def chain(recurrent=True, **more):
    """Return our own network: a source and three populations one behind the other."""
    random = np.random.default_rng(11)
    at, index = np.nonzero(spikes(12, (12,)))
    source = sim.Population("source", 12, sim.SpikeArray(times=at + 1.0, indices=index))
    first = sim.Population("first", 20, sim.Leaky(beta=random.random(20), i_ext=random.normal(0.0, 0.1, 20), **more))
    second = sim.Population("second", 15, sim.Synaptic(beta=0.5, alpha=0.6, v_th=1.5, reset_mechanism="zero"))
    third = sim.Population("third", 10, sim.Leaky(beta=0.8, reset_mechanism="zero_with_input"))
    parts = [
        sim.Projection(source, first, sim.FixedProbability(0.6), weight=0.7, delay=0.0),
        sim.Projection(first, second, sim.AllToAll(), weight=random.normal(0.1, 0.5, 300), delay=0.0),
        sim.Projection(second, third, sim.AllToAll(), weight=random.normal(0.2, 0.5, 150), delay=0.0),
    ]
    if recurrent:
        parts.append(sim.Projection(second, second, sim.FixedProbability(0.3), weight=-0.3, delay=1.0))
    return sim.Network(*parts), spikes(12, (12,))


@pytest.mark.parametrize("recurrent", [True, False])
def test_a_network_goes_out_trains_and_comes_back_with_its_spikes(recurrent):
    net, values = chain(recurrent)
    names = ["first", "second", "third"]
    module = sim.to_snntorch(net, dtype=torch.float64, seed=4, learn_beta=True)
    record = {name: ["spikes"] for name in names}
    mine = sim.simulate(net, STEPS, dt=1.0, engine="clock", seed=4, record=record)
    at_rest(module)
    theirs = stepwise(module, values, names, one_step)
    back = sim.from_snntorch(module)
    for name in names:
        assert theirs[name].sum() > 40
        np.testing.assert_array_equal(back.raster(mine, name), theirs[name] > 0)
    compare(module, back, values, names)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    optimiser = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(4):
        at_rest(module)
        potential = sum(module(row[None])[-1].mean() for row in torch.as_tensor(values[:20], dtype=torch.float64))
        optimiser.zero_grad()
        ((potential - 3.0) ** 2).backward()
        optimiser.step()
    assert sum(not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True)) >= 8
    module.eval()
    compare(module, sim.from_snntorch(module), values, names)


def test_a_linear_end_and_the_shape_of_an_input_survive_the_way_out_and_back():
    torch.manual_seed(13)
    module = louder(nn.Sequential(nn.Flatten(), nn.Linear(12, 9), neurons("Leaky", beta=0.7), nn.Linear(9, 4)).double(), 2.0)
    imported = sim.from_snntorch(module, torch.zeros(1, 3, 4, dtype=torch.float64))
    again = sim.to_snntorch(imported, dtype=torch.float64)
    assert [type(layer).__name__ for layer in again] == ["Flatten", "Linear", "Leaky", "Linear"]
    assert torch.equal(again[1].weight, module[1].weight) and torch.equal(again[3].bias, module[3].bias)


def rewired(**changes):
    """Return the chain with one thing changed."""
    net, _ = chain(recurrent=False)
    first, second, third = (net.populations[name] for name in ("first", "second", "third"))
    extra = {
        "late": lambda: sim.Projection(first, second, sim.AllToAll(), weight=1.0, delay=2.0),
        "second input": lambda: sim.Projection(first, third, sim.AllToAll(), weight=1.0, delay=0.0),
        "current": lambda: sim.Current(first, sim.StepCurrent(times=[0.0], values=[0.1])),
        "two sources": lambda: sim.Projection(sim.Population("b", 3, sim.PoissonSource(rate=9.0)), first, sim.AllToAll(), delay=0.0),
        "model": lambda: sim.Projection(third, sim.Population("lif", 3, sim.LIF()), sim.AllToAll(), delay=0.0),
        "back late": lambda: sim.Projection(second, second, sim.AllToAll(), weight=0.1, delay=2.0),
    }[changes["add"]]()
    return sim.Network(*net.projections.values(), extra)


@pytest.mark.parametrize(
    ("add", "text"),
    [
        ("late", "leave one population, which must feed one other"),
        ("second input", "leave one population, which must feed one other"),
        ("current", "Current.*has no counterpart in a module"),
        ("two sources", "has 2 sources, which must be one"),
        ("model", r"Population\('lif'\) has the model LIF, which must be one of Leaky, Synaptic"),
        ("back late", r"Projection\(second -> second\)\.delay = 2 ms must be 1 ms"),
    ],
)
def test_a_network_that_is_no_module_is_refused_by_the_part_that_is_in_the_way(add, text):
    with pytest.raises(ConversionError, match=text):
        sim.to_snntorch(rewired(add=add))


class TwoHeads(nn.Module):
    """One layer read by two."""

    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(8, 12), neurons("Leaky", beta=0.8)
        self.left, self.right = nn.Linear(12, 5), nn.Linear(12, 4)
        self.lif_left, self.lif_right = neurons("Leaky", beta=0.7), neurons("Leaky", beta=0.6)

    def forward(self, x):
        spk = self.lif(self.fc(x))
        return self.lif_left(self.left(spk)), self.lif_right(self.right(spk))


def test_two_heads_are_two_outputs_which_must_be_named():
    torch.manual_seed(14)
    module = louder(TwoHeads().double(), 2.0)
    imported = sim.from_snntorch(module)
    assert imported.outputs == ("lif_left", "lif_right")
    result = compare(module, imported, spikes(15, (8,)), ["lif", "lif_left", "lif_right"])
    with pytest.raises(ParameterError, match="must be named: there are outputs lif_left, lif_right"):
        imported.raster(result)
    with pytest.raises(ConversionError, match="leave one population, which must feed one other"):
        sim.to_snntorch(imported)
