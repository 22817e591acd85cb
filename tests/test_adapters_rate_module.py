"""Rate-coded conversions out to snnTorch and Norse, trained there, and back: the same spikes in every one of 100 steps."""

import copy

import numpy as np
import pytest
from rate_graphs import cnn, mlp
from torch_networks import STEPS, in_its_precision, torch_and

import snnsim as sim
from snnsim.conversion.balance import Balance
from snnsim.conversion.rate_model import RateModel
from snnsim.conversion.rate_plan import RatePlan
from snnsim.errors import ConversionError, ParameterError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Activation, Conv, Input, Linear, layout

torch, snntorch = torch_and("snntorch")
from torch import nn  # noqa: E402

FRAMEWORKS = ("snntorch", "norse")
SETTINGS = {
    "if": {},
    "if, over threshold for long": {"percentile": 60.0},
    "if, reset to zero": {"reset": "zero"},
    "lif": {"neuron": "lif", "tau_m": 6.0, "percentile": 60.0},
    "lif, reset to zero": {"neuron": "lif", "tau_m": 6.0, "reset": "zero"},
    "half a threshold": {"method": "qcfs", "steps": 8},
    "lif, half a threshold": {"neuron": "lif", "tau_m": 6.0, "initial": "half"},
    "calibrated": {"initial": "calibrated", "bias": "calibrated", "steps": 4},
    "spikes in": {"encoding": "spikes"},
}


def data(graph, n=6, seed=3):
    return np.abs(np.random.default_rng(seed).normal(size=(n, *graph.input.shape)))


def out(framework, model, **options):
    if framework == "norse":
        pytest.importorskip("norse")
        return sim.to_norse(model, dtype=torch.float64, **options)
    return sim.to_snntorch(model, dtype=torch.float64, **options)


def back(framework, module):
    return sim.from_norse(module) if framework == "norse" else sim.from_snntorch(module)


def theirs(module, x, steps=STEPS):
    """Run a module. Returns outputs [trials, steps, ...] and spikes by layer, bool[trials, steps, n]."""
    seen = {name: [] for name in module.layers}
    handles = [
        layer.register_forward_hook(lambda _, given, found, name=name: seen[name].append(found.detach().flatten(1).numpy() != 0.0))
        for name, layer in module.layers.items()
    ]
    with torch.no_grad():
        outputs = module(torch.tensor(x), steps=steps).numpy().swapaxes(0, 1)
    for handle in handles:
        handle.remove()
    return outputs, {name: np.stack(each, axis=1) for name, each in seen.items()}


def ours(model, x, steps=STEPS):
    """Run a model. Returns the same."""
    result = model(x, steps=steps, record={name: ["spikes"] for name in model.plan.layers})
    rasters = {}
    for name in model.plan.layers:
        trains = result.spikes[name]
        raster = np.zeros((len(x) * steps, model.network.populations[name].size), dtype=bool)
        raster[np.rint(trains.times).astype(np.int64) - 1, trains.indices] = True
        rasters[name] = raster.reshape(len(x), steps, -1)
    return model.scores(result), rasters


def assert_same(model, module, x, tolerance=1e-12):
    (said, fired), (meant, wanted) = theirs(module, x), ours(model, x)
    np.testing.assert_allclose(said, meant, rtol=0.0, atol=tolerance)
    assert fired.keys() == wanted.keys()
    for name, raster in wanted.items():
        assert 0.01 < raster.mean() < 0.99, name
        np.testing.assert_array_equal(fired[name], raster, err_msg=name)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_layer_of_a_perceptron_fires_in_the_same_steps(settings, framework):
    graph = mlp()
    model = sim.convert_rate(graph, data(graph, 40), **settings)
    module = out(framework, model)
    assert_same(model, module, data(graph))
    assert_same(back(framework, module), module, data(graph))


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", ["if", "lif", "spikes in"])
def test_convolutions_pooling_and_residual_sums_make_the_same_spikes_and_stay_what_they_are(name, framework):
    graph = cnn()
    model = sim.convert_rate(graph, data(graph, 40), **SETTINGS[name])
    module = out(framework, model)
    assert_same(model, module, data(graph, 3))
    learned = [node for node in graph.nodes.values() if isinstance(node, (Conv, Linear))]
    for node in learned:
        part = module.parts[node.name].conv if isinstance(node, Conv) else module.parts[node.name]
        assert isinstance(part, nn.Conv2d if isinstance(node, Conv) else nn.Linear) and part.weight.numel() == node.weight.size
    assert len(learned) == 4


class Residual(nn.Module):
    """A residual network as one writes it in torch."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.first, self.second = nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1, groups=2)
        self.head = nn.Linear(6 * 4, 5)

    def forward(self, x):
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(x + self.second(torch.relu(self.first(x))))
        return self.head(nn.functional.avg_pool2d(nn.functional.max_pool2d(x, 2), 2).flatten(1))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_residual_network_of_torch_goes_the_whole_way(framework):
    torch.manual_seed(4)
    x = np.random.default_rng(5).random((30, 1, 8, 8))
    model = sim.convert_rate(Residual().double().eval(), torch.tensor(x))
    assert_same(model, out(framework, model), x[:3])


def dyadic(seed=0):
    """Return a perceptron all of whose sums are exact in doubles, so that thresholds are met exactly again and again."""
    random = np.random.default_rng(seed)
    nodes, source = [Input(name="x", inputs=(), shape=(6,), kind="real")], "x"
    for i, (n_in, n_out) in enumerate([(6, 16), (16, 12), (12, 4)], start=1):
        weight, bias = random.integers(-3, 5, size=(n_out, n_in)) / 4.0, random.integers(-1, 2, n_out) / 2.0
        nodes.append(Linear(name=f"fc{i}", inputs=(source,), shape=(n_out,), weight=weight, bias=bias))
        source = f"fc{i}"
        if i < 3:
            nodes.append(Activation(name=f"relu{i}", inputs=(source,), shape=(n_out,), function="relu"))
            source = f"relu{i}"
    return Graph(nodes)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(("reset", "start"), [("subtract", 0.0), ("subtract", 1.5), ("subtract", 4.0), ("zero", 0.0), ("zero", 1.5)])
def test_thresholds_that_are_met_and_starts_above_them_change_nothing(reset, start, framework):
    plan = RatePlan(dyadic(), encoded=False)
    balances = {name: Balance(2.0, start, 0.0) for name in plan.layers}
    model = RateModel(plan, balances, beta=1.0, reset=reset, steps=STEPS)
    x = np.random.default_rng(1).integers(0, 4, size=(5, 6)) / 4.0
    met = model(x, record={"relu2": ["v", "spikes"]})
    after = met.recordings["relu2"]["v"].values
    trains = met.spikes["relu2"]
    if reset == "subtract":
        assert (after[np.rint(trains.times).astype(int) - 1, trains.indices] == 0.0).sum() > 100  # u was the threshold
    assert_same(model, out(framework, model), x, tolerance=0.0 if framework == "snntorch" else 1e-12)


def trained(module, x, y, epochs=40):
    """Train the outputs after 4 steps. Returns the losses."""
    optimiser, losses = torch.optim.Adam(module.parameters(), lr=0.003), []
    for _ in range(epochs):
        loss = ((module(torch.tensor(x), steps=4)[-1] - torch.tensor(y)) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("graph", [mlp(), cnn()], ids=["perceptron", "convolutions"])
def test_training_lowers_the_loss_and_the_trained_module_comes_back_with_its_spikes(graph, framework):
    x = data(graph, 20)
    model = sim.convert_rate(graph, x, initial="half")
    module = out(framework, model)
    before = model.scores(model(x[:3]))
    losses = trained(module, x, graph.evaluate(x)[graph.output.name])
    assert np.mean(losses[-5:]) < 0.7 * losses[0]
    assert all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in module.parameters())
    again = back(framework, module)
    assert_same(again, module, data(graph, 3, seed=8))
    assert np.abs(again.scores(again(x[:3])) - before).max() > 1e-3
    np.testing.assert_array_equal(model.scores(model(x[:3])), before)  # the model it came from is as it was


@pytest.mark.parametrize("name", ["if", "lif, reset to zero"])
def test_thresholds_are_learned_too(name):
    graph = mlp()
    x = data(graph, 20)
    model = sim.convert_rate(graph, x, **SETTINGS[name])
    module = sim.to_snntorch(model, dtype=torch.float64, learn_threshold=True)
    trained(module, x, graph.evaluate(x)["fc3"], epochs=3)
    again = sim.from_snntorch(module)
    assert all(again.thresholds[name] != model.thresholds[name] for name in model.thresholds)
    assert_same(again, module, data(graph, 3, seed=8))


def test_a_surrogate_of_the_user_gives_gradients_and_no_spikes():
    graph = mlp()
    model = sim.convert_rate(graph, data(graph))
    x = torch.tensor(data(graph))
    gradients = []
    for surrogate in (in_its_precision, snntorch.surrogate.fast_sigmoid(slope=5)):
        module = sim.to_snntorch(model, dtype=torch.float64, spike_grad=surrogate)
        assert_same(model, module, x.numpy())
        module(x).square().mean().backward()
        gradients.append(module.parts["fc1"].weight.grad)
    assert gradients[0].any() and not torch.allclose(*gradients)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_module_can_be_copied_saved_and_run_in_single_precision(framework):
    graph = cnn()
    x = data(graph, 4)
    model = sim.convert_rate(graph, x)
    module = out(framework, model)
    trained(module, x, np.zeros((4, 3)), epochs=1)
    copied, other = copy.deepcopy(module), out(framework, model)
    assert not torch.equal(other(torch.tensor(x)), module(torch.tensor(x)))
    other.load_state_dict(module.state_dict())
    for same in (copied, other):
        assert torch.equal(same(torch.tensor(x)), module(torch.tensor(x)))
    wider = out(framework, sim.convert_rate(graph, 2.0 * x))
    wider.load_state_dict(module.state_dict())
    assert dict(back(framework, wider).thresholds) == dict(back(framework, module).thresholds)
    assert torch.equal(wider(torch.tensor(x)), module(torch.tensor(x)))
    single = sim.to_norse(model) if framework == "norse" else sim.to_snntorch(model)
    assert single(torch.tensor(x)).dtype == torch.get_default_dtype() == torch.float32
    assert_same(back(framework, single), out(framework, back(framework, single)), x)


def test_several_outputs_come_by_name():
    nodes = list(mlp().nodes.values())
    graph = Graph(nodes, ["fc2", "fc3"])
    x = data(graph)
    model = sim.convert_rate(graph, x)
    found, meant = sim.to_snntorch(model, dtype=torch.float64)(torch.tensor(x)), model(x).outputs
    assert found.keys() == meant.keys()
    for name, value in meant.items():
        np.testing.assert_allclose(found[name].detach().numpy().swapaxes(0, 1), value, atol=1e-12)


def rate_model(**settings):
    graph = mlp()
    return sim.convert_rate(graph, data(graph), **settings)


def changed(change):
    module = sim.to_snntorch(rate_model())
    change(module.neurons["relu1"].cell)
    return module


def leaking_less():
    pytest.importorskip("norse")
    module = sim.to_norse(rate_model())
    module.neurons["relu1"].cell.p = module.neurons["relu1"].cell.p._replace(v_th=torch.tensor(0.1))
    return module


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: sim.to_snntorch(rate_model(), learn_beta=True), "learn_beta = True must be False for a RateModel.*Leave it out"),
        (lambda: sim.to_snntorch(rate_model(neuron="lif"), learn_threshold=True), "learn_threshold = True must be False.*reset='zero'"),
        (lambda: sim.to_norse(rate_model(), dt=0.5), r"to_norse\.dt = 0\.5 must be None for a RateModel"),
        (lambda: sim.to_snntorch(rate_model().network), "must be the RateModel that it belongs to.*Give the model"),
        (lambda: sim.to_norse(rate_model().fed(np.ones((1, 6)))), "must be the RateModel that it belongs to"),
        (lambda: sim.from_snntorch(changed(lambda cell: cell.beta.fill_(0.5))), r"neurons 'relu1': cell\.beta = 0\.5 must be 1\.0"),
        (lambda: sim.from_snntorch(changed(lambda cell: setattr(cell, "inhibition", True))), r"cell\.inhibition = True must be False"),
        (lambda: sim.from_snntorch(changed(lambda cell: setattr(cell, "spike_grad", nn.ReLU()))), r"cell\.spike_grad = .ReLU"),
        (lambda: sim.from_norse(leaking_less()), r"neurons 'relu1': cell\.p\.v_th = 0\.1.* must be "),
        (lambda: sim.from_snntorch(nn.Sequential(sim.to_snntorch(rate_model()))), "module '0' is a RateModule, which must be the whole"),
        (lambda: sim.from_snntorch(sim.to_snntorch(rate_model()), inputs=np.ones((3, 6))), r"inputs must be None for a RateModule"),
        (lambda: sim.to_snntorch(rate_model())(torch.ones(2, 5)), r"inputs of shapes \[\(2, 5\)\] must be x\[batch, 6\]"),
    ],
)
def test_what_cannot_be_the_same_is_refused_with_a_remedy(act, text):
    pytest.importorskip("norse")
    with pytest.raises(ConversionError, match=text):
        act()


def test_steps_below_one_are_refused():
    with pytest.raises(ParameterError, match="steps"):
        sim.to_snntorch(rate_model())(torch.ones(1, 6), steps=0)


@pytest.mark.parametrize("take_out", ["to_snntorch", "to_norse"])
@pytest.mark.parametrize("part", ["model", "network"])
def test_exact_conversions_say_what_to_train_instead(part, take_out):
    pytest.importorskip("norse")
    graph = mlp()
    exact = sim.convert(graph, data(graph, 40))
    with pytest.raises(ConversionError, match=r"no surrogate gradient\. Train the float model.*sim\.fine_tune.*sim\.convert_rate"):
        getattr(sim, take_out)(exact if part == "model" else exact.network)


def test_names_that_a_module_cannot_tell_apart_are_refused():
    x = Input(name="x", inputs=(), shape=(3,), kind="real")
    first = layout("values", x, np.array([2, 1, 0]))  # a name that torch's ModuleDict has itself
    relu = Activation(name="a.b", inputs=("values",), shape=(3,), function="relu")
    last = Linear(name="out", inputs=("a.b",), shape=(2,), weight=np.ones((2, 3)), bias=np.zeros(2))
    graph = Graph([x, first, relu, last])
    model = sim.convert_rate(graph, data(graph))
    assert_close = ours(model, data(graph), 20)[0]
    np.testing.assert_allclose(theirs(sim.to_snntorch(model, dtype=torch.float64), data(graph), 20)[0], assert_close, atol=1e-12)
    twice = Activation(name="a_b", inputs=("a.b",), shape=(3,), function="relu")
    end = Linear(name="out", inputs=("a_b",), shape=(2,), weight=np.ones((2, 3)), bias=np.zeros(2))
    graph = Graph([x, first, relu, twice, end])
    with pytest.raises(ConversionError, match=r"must differ when '\.' becomes '_'"):
        sim.to_snntorch(sim.convert_rate(graph, data(graph)))


def test_a_reset_in_time_would_not_do_as_snntorch_compares_with_less_after_it():
    driven = [1.6, 1.6, 1.6, 0.0, 0.0, 0.0]
    fired = {}
    for delay in (True, False):
        cell = snntorch.Leaky(beta=1.0, reset_delay=delay, init_hidden=True)
        fired[delay] = [int(cell(torch.tensor([x]))) for x in driven]
    assert fired == {True: [1, 1, 1, 1, 0, 0], False: [1, 1, 1, 0, 0, 0]}  # 4.8 / 1: four spikes, as of RateNeuron
    assert cell.mem.item() == pytest.approx(1.8)  # over threshold and silent
    source = sim.Population("neuron", 1, sim.RateNeuron())
    current = sim.Current(source, sim.SampledCurrent(values=np.array(driven)[:, None], interval=1.0))
    result = sim.simulate(sim.Network(source, current), 6.0, dt=1.0, engine="clock", record={"neuron": ["spikes"]})
    assert list(result.spikes["neuron"].times) == [1.0, 2.0, 3.0, 4.0]
