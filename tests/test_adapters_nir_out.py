"""Networks written to NIR and read again: the same spikes and parameters; graphs read and written again; and what is refused."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import ConversionError, ParameterError

nir = pytest.importorskip("nir", reason="nir comes with the test extra")
pytest.importorskip("torch", reason="torch comes with the test extra")

from nir_reference import cuba_lif, lif  # noqa: E402

STEPS = 120


def numbers(*sizes, seed=0):
    return np.random.default_rng(seed).normal(size=sizes)


def shape(*sizes):
    return np.array(sizes)


def assert_equal(one, other):
    """Two graphs with the same names, types, numbers and edges; times may differ by the rounding of 1e3."""
    assert sorted(one.nodes) == sorted(other.nodes) and sorted(one.edges) == sorted(other.edges)
    for name, node in one.nodes.items():
        twin = other.nodes[name]
        assert type(node) is type(twin), name
        for field, value in node.to_dict().items():
            if field in ("type", "metadata", "nodes", "edges"):
                continue
            np.testing.assert_allclose(np.asarray(value, dtype=float), np.asarray(twin.to_dict()[field], dtype=float), rtol=3e-16, atol=0.0)


def spikes_of(network, dt, *names, **more):
    result = sim.simulate(network, STEPS * dt, dt=dt, engine="clock", record={name: ["spikes"] for name in names}, **more)
    return {name: (result.spikes[name].times, result.spikes[name].indices) for name in names}


def assert_same_spikes(one, other, least=20):
    assert one.keys() == other.keys()
    for name, trains in one.items():
        assert len(trains[0]) > least, name
        for mine, theirs in zip(trains, other[name], strict=True):
            np.testing.assert_array_equal(mine, theirs)


def assert_same_parameters(one, other, rtol=0.0):
    assert type(one) is type(other)
    for field in dataclasses.fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, (str, bool)) or mine is None:
            assert mine == theirs or (field.name == "v_init" and theirs is None)
        else:
            np.testing.assert_allclose(np.broadcast_to(mine, np.shape(theirs)), theirs, rtol=rtol, atol=0.0, err_msg=field.name)


def layered():
    """A graph whose every linear node lies alone between two populations, as a file of Norse or snnTorch: nothing of it is merged."""
    nodes = {
        "input": nir.Input({"input": shape(2, 6, 5)}),
        "conv": nir.Conv2d((6, 5), 4.0 * numbers(3, 2, 3, 2), (2, 1), (1, 0), (1, 1), 1, numbers(3)),
        "first": lif((3, 3, 4)),
        "gain": nir.Scale(60.0 * numbers(3, 3, 4)),
        "second": lif((3, 3, 4)),
        "flat": nir.Flatten({"input": shape(3, 3, 4)}, 0, -1),
        "third": lif(36, r=np.full(36, 120.0)),
        "fc": nir.Affine(12.0 * numbers(5, 36), numbers(5)),
        "cuba": cuba_lif(5),
        "rec": nir.Linear(numbers(5, 5)),
        "out": nir.Linear(numbers(4, 5)),
        "li": nir.LI(np.full(4, 0.02), np.ones(4), np.zeros(4)),
        "wait": nir.Delay(np.full(5, 0.003)),
        "late": nir.IF(np.full(5, 3000.0), np.full(5, 0.5), np.zeros(5)),
        "v": nir.Output({"output": shape(4)}),
        "z": nir.Output({"output": shape(5)}),
    }
    order = ["input", "conv", "first", "gain", "second", "flat", "third", "fc", "cuba", "out", "li", "v"]
    edges = [*pairwise(order), ("cuba", "rec"), ("rec", "cuba"), ("cuba", "wait"), ("wait", "late"), ("late", "z")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def test_a_graph_read_and_written_is_the_same_graph(tmp_path):
    given = layered()
    for spike in ("step", "delta"):
        model = sim.read_nir(given, dt=0.5, spike=spike)
        path = tmp_path / f"{spike}.nir"
        made = sim.write_nir(model, path)
        # A pulse goes through 1 / dt and back.
        if spike == "step":
            assert_equal(given, made)
            # nir takes the height of a kernel for its width too, so its own test of types is left out.
            assert_equal(given, nir.read(path, type_check=False))
        again = sim.read_nir(path, dt=0.5, spike=spike)
        fed = np.random.default_rng(1).integers(0, 3, (STEPS, 2, 6, 5))
        if spike == "step":
            assert_same_spikes(*(spikes_of(each.fed(fed), 0.5, "first", "third", "cuba", "late") for each in (model, again)), least=15)
        for name, population in model.network.populations.items():
            if not population.model.is_source:
                assert_same_parameters(population.model, again.network.populations[name].model, rtol=3e-16)


def test_merged_nodes_are_written_as_one_that_does_the_same():
    pool = nir.SumPool2d(shape(2, 2), shape(2, 2), shape(0, 0))
    nodes = {
        "input": nir.Input({"input": shape(2, 4, 4)}),
        "pool": pool,
        "scale": nir.Scale(numbers(2, 2, 2)),
        "lif": lif((2, 2, 2)),
        "output": nir.Output({"output": shape(2, 2, 2)}),
    }
    given = nir.NIRGraph(nodes, [("input", "pool"), ("pool", "scale"), ("scale", "lif"), ("lif", "output")], type_check=False)
    model = sim.read_nir(given, dt=1.0)
    made = sim.write_nir(model)
    assert sorted(type(node).__name__ for node in made.nodes.values()) == ["Flatten", "Input", "LIF", "Linear", "Output"]
    fed = np.random.default_rng(2).integers(0, 3, (STEPS, 2, 4, 4))
    assert_same_spikes(*(spikes_of(each.fed(fed), 1.0, "lif") for each in (model, sim.read_nir(made, dt=1.0))))


def source(n, dt, seed=3):
    """Return a population of given spikes, and the same as an array of steps."""
    counts = np.random.default_rng(seed).choice([0, 0, 0, 1], size=(STEPS, n))
    step, index = np.nonzero(counts)
    return sim.Population("source", n, sim.SpikeArray(times=(step + 1) * dt, indices=index)), counts


def wired(model, dt, scale, second=None):
    """Return a network of two populations by every connector that NIR can hold, and its input."""
    given, counts = source(8, dt)
    random = np.random.default_rng(4)
    a, b = sim.Population("a", 12, model), sim.Population("b", (3, 4), second or model)
    pre, post = random.integers(0, 12, (2, 60))
    net = sim.Network(
        sim.Projection(given, a, sim.AllToAll(), weight=scale * random.uniform(0.1, 1.0, 96), delay=0.0),
        sim.Projection(a, a, sim.AllToAll(), weight=-0.1 * scale, delay=dt),
        sim.Projection(a, b, sim.FromArrays(pre, post), weight=scale * random.uniform(0.2, 1.0, 60), delay=dt * random.integers(1, 4, 60)),
        sim.Projection(a, b, sim.OneToOne(), weight=scale, delay=2.0 * dt),
        sim.Projection(given[2:6], b[1], sim.OneToOne(), weight=scale, delay=0.0),
        sim.Projection(b[0, 1:3], a[::6], sim.OneToOne(), weight=scale, delay=3.0 * dt),
    )
    return net, counts


BOXES = {
    "LIFBox": sim.LIFBox(tau_m=6.0, v_rest=0.05, v_th=np.linspace(0.3, 0.6, 12), v_reset=-0.1, i_ext=0.1),
    "LIFBox, Euler": sim.LIFBox(tau_m=np.linspace(3.0, 9.0, 12), r=1.2, v_th=0.4, scheme="euler", i_ext=np.linspace(0.0, 0.2, 12)),
    "LIFBox, no reset": sim.LIFBox(tau_m=6.0, v_th=0.5, scheme="euler", reset="none"),
    "IFBox": sim.IFBox(r=300.0, v_th=0.9),
    "CubaLIF": sim.CubaLIF(tau_m=6.0, tau_syn=np.linspace(2.0, 4.0, 12), w_in=3.0, v_th=0.4, i_ext=-0.02),
    "Threshold": sim.Threshold(v_th=1.5),
}


def shaped(model, sizes):
    """Return a model with parameters per neuron in another shape."""
    arrays = {
        f.name: getattr(model, f.name).reshape(sizes) for f in dataclasses.fields(model) if isinstance(getattr(model, f.name), np.ndarray)
    }
    return dataclasses.replace(model, **arrays)


@pytest.mark.parametrize("name", BOXES)
def test_a_network_of_box_neurons_comes_back_with_its_spikes_and_parameters(name, tmp_path):
    model = BOXES[name]
    net, counts = wired(model, 0.5, 1.5, shaped(model, (3, 4)))
    path = tmp_path / "net.nir"
    sim.write_nir(net, path, dt=0.5)
    again = sim.read_nir(path, dt=0.5, scheme=model.scheme)
    assert_same_spikes(spikes_of(net, 0.5, "a", "b"), spikes_of(again.fed({"source": counts}), 0.5, "a", "b"))
    for one, other in ((model, "a"), (shaped(model, 12), "b")):
        back = again.network.populations[other].model
        # A potential with a threshold has no v_reset of its own in NIR; Threshold has one scheme.
        assert_same_parameters(one, back, rtol=3e-16)


OTHERS = {
    "LIF": (sim.LIF(tau_m=np.linspace(5.0, 15.0, 12), t_ref=0.0, i_ext=150.0, v_reset=-70.0), 0.5, 6.0, 1e-15),
    "IF": (sim.IF(t_ref=0.0, i_ext=20.0), 0.5, 3.0, 1e-15),
    "Leaky": (sim.Leaky(beta=np.linspace(0.2, 0.9, 12), reset_mechanism="zero", reset_delay=False), 1.0, 0.4, 1e-14),
    "Synaptic": (sim.Synaptic(beta=0.8, alpha=0.5, v_th=1.3, reset_mechanism="zero", reset_delay=False), 1.0, 0.4, 1e-14),
    "NorseLIF": (sim.NorseLIF(tau_m=8.0, tau_syn=np.linspace(2.0, 4.0, 12), v_reset=-0.1), 1.0, 0.8, 1e-15),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_come_back_as_what_they_were(name, tmp_path):
    model, dt, scale, rtol = OTHERS[name]
    net, counts = wired(model, dt, scale, shaped(model, (3, 4)))
    path = tmp_path / "net.nir"
    sim.write_nir(net, path, dt=dt)
    again = sim.read_nir(path, dt=dt)
    assert_same_parameters(model, again.network.populations["a"].model, rtol=rtol)
    assert_same_spikes(spikes_of(net, dt, "a", "b"), spikes_of(again.fed({"source": counts}), dt, "a", "b"))


@pytest.mark.parametrize("name", ["Leaky", "Synaptic", "NorseLIF"])
def test_what_others_read_of_an_euler_model_is_an_euler_model(name):
    model, dt, scale, _ = OTHERS[name]
    net, counts = wired(model, dt, scale, shaped(model, (3, 4)))
    made = sim.write_nir(net, dt=dt)
    for node in made.nodes.values():
        node.metadata = {}
    again = sim.read_nir(made, dt=dt)
    assert type(again.network.populations["a"].model) in (sim.LIFBox, sim.CubaLIF)
    assert_same_spikes(spikes_of(net, dt, "a", "b"), spikes_of(again.fed({"source": counts}), dt, "a", "b"))


def test_steps_of_snntorch_may_stand_for_any_time():
    model = OTHERS["Leaky"][0]
    net, counts = wired(model, 1.0, 0.4, shaped(model, (3, 4)))
    made = sim.write_nir(net, dt=0.1)  # the step of snnTorch's own writer
    np.testing.assert_allclose(made.nodes["a"].tau, 1e-4 / (1.0 - model.beta), rtol=1e-12)
    again = sim.read_nir(made, dt=0.1)
    ours, theirs = spikes_of(net, 1.0, "a"), spikes_of(again.fed({"source": counts}), 0.1, "a")
    np.testing.assert_array_equal(np.rint(ours["a"][0]), np.rint(theirs["a"][0] / 0.1))
    np.testing.assert_array_equal(ours["a"][1], theirs["a"][1])


def test_ends_of_a_plain_network_are_found_and_can_be_chosen():
    net, _ = wired(BOXES["LIFBox"], 0.5, 1.0, shaped(BOXES["LIFBox"], (3, 4)))
    made = sim.write_nir(net, dt=0.5)
    assert set(made.inputs) == {"source"} and set(made.outputs) == {"a_output", "b_output"}  # they project to each other
    made = sim.write_nir(net, dt=0.5, outputs=["b"])
    assert set(made.outputs) == {"output"} and ("b", "output") in made.edges
    with pytest.raises(ParameterError, match=r"write_nir\.outputs = 'c' is not known\. Valid: a, b"):
        sim.write_nir(net, dt=0.5, outputs=["c"])


def test_a_convolution_takes_a_bias_per_channel_and_others_go_beside_it():
    given = sim.Population(
        "source", (2, 5, 5), sim.SpikeArray(times=np.repeat(np.arange(1, 21), 10) * 1.0, indices=np.tile(np.arange(10), 20))
    )
    conv = sim.Convolution(numbers(3, 2, 2, 2), stride=1, padding=0)
    for i_ext in (np.repeat([0.1, 0.2, 0.3], 16).reshape(3, 4, 4), np.linspace(0.0, 0.3, 48).reshape(3, 4, 4)):
        cells = sim.Population("cells", (3, 4, 4), sim.LIFBox(v_th=0.3, i_ext=i_ext, scheme="euler"))
        net = sim.Network(sim.Projection(given, cells, conv, delay=0.0))
        made = sim.write_nir(net, dt=1.0)
        again = sim.read_nir(made, dt=1.0).network.populations["cells"]
        np.testing.assert_array_equal(np.ravel(again.model.i_ext), i_ext.ravel())
        assert again.shape == ((3, 4, 4) if len(made.nodes) == 4 else (48,))
        counts = np.zeros((STEPS, 2, 5, 5), dtype=int)
        counts.reshape(STEPS, -1)[:20, :10] = 1
        again_net = sim.read_nir(made, dt=1.0).fed(counts)
        assert_same_spikes(spikes_of(net, 1.0, "cells"), spikes_of(again_net, 1.0, "cells"))


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    net, _ = wired(BOXES["IFBox"], 0.5, 1.0)
    path = tmp_path / "net.nir"
    sim.write_nir(net, path, dt=0.5)
    before = path.read_bytes()
    monkeypatch.setattr(nir, "write", lambda name, graph: (Path(name).write_text("half"), 1 / 0))
    with pytest.raises(ZeroDivisionError):
        sim.write_nir(net, path, dt=0.5)
    assert path.read_bytes() == before and [each.name for each in tmp_path.iterdir()] == ["net.nir"]


def pair(model=None, connector=None, **more):
    a = sim.Population("a", 3, sim.PoissonSource(rate=10.0))
    b = sim.Population("b", 3, model or sim.LIFBox())
    return sim.Network(sim.Projection(a, b, connector or sim.OneToOne(), **more))


REFUSED = {
    "plasticity": (
        lambda: pair(weight=0.5, plasticity=sim.PairSTDP()),
        r"Projection\(a -> b\)\.plasticity = PairSTDP cannot be written: weights in NIR are constant",
    ),
    "conductances": (
        lambda: pair(sim.LIFCondExp()),
        r"Population\('b'\)\.model: NIR has no node for LIFCondExp\. Models that can be written: CubaLI",
    ),
    "drawn weights": (
        lambda: pair(weight=sim.Normal(mean=1.0, std=0.1)),
        r"Projection\(a -> b\)\.weight = Normal.* cannot be written: NIR holds numbers",
    ),
    "drawn parameters": (
        lambda: pair(sim.LIFBox(tau_m=sim.Uniform(low=5.0, high=9.0))),
        r"Population\('b'\)\.model\.tau_m = Uniform.* cannot be written",
    ),
    "drawn synapses": (
        lambda: pair(connector=sim.FixedProbability(0.5)),
        r"Projection\(a -> b\)\.connector = FixedProbability draws its synapses",
    ),
    "a current": (
        lambda: sim.Network(sim.Current(sim.Population("b", 3, sim.LIFBox()), sim.SineCurrent(amplitude=1.0, frequency=5.0))),
        r"Current\('b'\) cannot be written: NIR holds no signals",
    ),
    "refractoriness": (
        lambda: pair(sim.LIF()),
        r"Population\('b'\)\.model\.t_ref = 2 ms cannot be written: NIR's neurons have no refractory period\. Use t_ref=0\.",
    ),
    "a start": (
        lambda: pair(sim.IF(t_ref=0.0, v_init=-60.0)),
        r"Population\('b'\)\.model\.v_init = given cannot be written: NIR says no state",
    ),
    "subtraction": (lambda: pair(sim.LIFBox(reset="subtract")), r"Population\('b'\)\.model\.reset = 'subtract' cannot be written"),
    "snnTorch's subtraction": (
        lambda: pair(sim.Leaky()),
        r"Population\('b'\)\.model\.reset_mechanism = 'subtract' with reset_delay=True cannot be written",
    ),
    "no decay": (
        lambda: pair(sim.Leaky(beta=1.0, reset_mechanism="zero", reset_delay=False)),
        r"Population\('b'\)\.model\.beta = 1 cannot be written",
    ),
    "no way for a bias": (
        lambda: sim.Network(sim.Population("b", 3, sim.LIFBox(i_ext=1.0))),
        r"Population\('b'\)\.model\.i_ext cannot be written",
    ),
    "a name": (lambda: sim.Network(sim.Population("a/b", 3, sim.LIFBox())), r"Population\('a/b'\): a name in NIR must not contain '/'"),
    "what never fires": (
        lambda: sim.Network(sim.Projection(sim.Population("a", 3, sim.LI()), sim.Population("b", 3, sim.LI()), sim.OneToOne())),
        r"Projection\(a -> b\): LI never fires",
    ),
    "integer units": (lambda: sim.Network(sim.Population("a", 3, sim.IntegerInput(s_max=3))), "NIR has no integer units"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_nir_cannot_express_is_refused_by_name(name):
    make, text = REFUSED[name]
    with pytest.raises(ConversionError, match=text):
        sim.write_nir(make(), dt=1.0)


def test_a_step_is_asked_for_where_weights_depend_on_it():
    with pytest.raises(ConversionError, match=r"write_nir\.dt is missing: Population\('b'\) is a LIF, which says its input per step"):
        sim.write_nir(pair(sim.LIF(t_ref=0.0)))
    with pytest.raises(ConversionError, match=r"write_nir\.dt is missing: spike='delta'"):
        sim.write_nir(pair(), spike="delta")
    with pytest.raises(ParameterError, match=r"write_nir\.network = 3 must be a Network"):
        sim.write_nir(3)
    a, b = sim.Population("a", 3, sim.LIFBox()), sim.Population("b", 3, OTHERS["Synaptic"][0])
    mixed = sim.Network(sim.Projection(a, b, sim.OneToOne()))
    with pytest.raises(ConversionError, match=r"write_nir\.dt = 0\.1 ms must be 1 ms: a step of Leaky"):
        sim.write_nir(mixed, dt=0.1)
    assert type(sim.write_nir(pair()).nodes["b"]) is nir.LIF


def test_a_matrix_too_large_for_memory_is_refused_before_it_is_made():
    a, b = (sim.Population(name, 40_000, sim.LIFBox()) for name in "ab")
    net = sim.Network(sim.Projection(a, b, sim.FromArrays([0], [1])))
    with pytest.raises(ConversionError, match=r"Projection\(a -> b\) takes a matrix of 40000 x 40000 numbers"):
        sim.write_nir(net)
