"""Every node of NIR, read and run, against a brute-force step of its equations; and what is refused."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import ConversionError, FormatError, ParameterError

nir = pytest.importorskip("nir", reason="nir comes with the test extra")
pytest.importorskip("torch", reason="torch comes with the test extra")

import h5py  # noqa: E402
import nir_reference as reference  # noqa: E402
from nir_reference import cuba_lif, lif  # noqa: E402

STEPS, DT = 60, 1.0


def shape(*sizes):
    return np.array(sizes)


def graph(nodes, edges):
    return nir.NIRGraph(nodes, edges, type_check=False)


def chain(sizes, *nodes):
    """Return Input -> nodes -> Output, named n0, n1, ..."""
    named = {f"n{k}": node for k, node in enumerate(nodes)}
    names = ["input", *named, "output"]
    return graph(
        {"input": nir.Input({"input": shape(*sizes)}), **named, "output": nir.Output({"output": None})},
        list(pairwise(names)),
    )


def numbers(*sizes, seed=0):
    return np.random.default_rng(seed).normal(size=sizes)


def ran(model, signals, record=None):
    """Return the run of a network read with DT, and the output of its only Output, float64[STEPS, ...]."""
    what = model.record if record is None else record
    result = sim.simulate(model.fed(signals), STEPS * DT, dt=DT, engine="clock", record=what)
    (name,) = model.outputs.values()
    return result, given_out(model, result, name)


def given_out(model, result, name):
    """Return spikes, or potentials, of a population as float64[STEPS, *shape]."""
    population = model.network.populations[name]
    if name in result.recordings:
        return result.recordings[name]["v"].values.reshape(STEPS, *population.shape)
    out = np.zeros((STEPS, population.size))
    np.add.at(out, (np.rint(result.spikes[name].times / DT).astype(int) - 1, result.spikes[name].indices), 1.0)
    return out.reshape(STEPS, *population.shape)


def signal(*sizes, seed=1, values=False):
    """Return spikes, one number in five two, or values of either sign."""
    random = np.random.default_rng(seed)
    return random.normal(size=(STEPS, *sizes)) if values else random.choice([0, 0, 0, 1, 2], size=(STEPS, *sizes))


C2 = numbers(6, 2, 3, 2)
LINEAR = {
    "Affine": chain((4,), nir.Affine(numbers(3, 4), numbers(3))),
    "Affine of positions": chain((2, 4), nir.Affine(numbers(2, 3, 4), numbers(2, 3))),
    "Linear": chain((4,), nir.Linear(numbers(3, 4))),
    "Scale": chain((2, 3), nir.Scale(numbers(2, 3))),
    "Delay": chain((2, 3), nir.Delay(np.array([[0.0, 0.001, 0.002], [0.005, 0.0, 0.001]]))),
    "Delay, all alike": chain((3,), nir.Delay(np.full(3, 0.004))),
    "Flatten": chain((2, 3, 4), nir.Flatten({"input": shape(2, 3, 4)}, 1, -1), nir.Linear(numbers(2, 5, 12))),
    "Flatten of some axes": chain((2, 3, 4), nir.Flatten({"input": shape(2, 3, 4)}, 0, 1), nir.Scale(numbers(6, 4))),
    "Conv1d": chain((2, 9), nir.Conv1d(9, numbers(3, 2, 4), 2, 1, 1, 1, numbers(3))),
    "Conv1d, dilated, in groups": chain((4, 9), nir.Conv1d(9, numbers(6, 2, 3), 1, 2, 2, 2, numbers(6))),
    "Conv1d, same": chain((2, 9), nir.Conv1d(9, numbers(3, 2, 4), 1, "same", 1, 1, numbers(3))),
    "Conv2d": chain((2, 6, 5), nir.Conv2d((6, 5), C2, (2, 1), (1, 0), 1, 1, numbers(6))),
    "Conv2d, valid": chain((2, 6, 5), nir.Conv2d((6, 5), C2, 1, "valid", 1, 1, np.zeros(6))),
    "Conv2d, same": chain((2, 6, 5), nir.Conv2d((6, 5), C2, 1, "same", 1, 1, numbers(6))),
    "Conv2d, dilated, in groups": chain((4, 7, 6), nir.Conv2d(None, C2, (1, 2), (2, 1), (2, 1), 2, numbers(6))),
    "AvgPool2d": chain((2, 6, 5), nir.AvgPool2d(shape(2, 3), shape(2, 1), shape(1, 1))),
    "SumPool2d": chain((2, 6, 5), nir.SumPool2d(shape(3, 2), shape(1, 2), shape(0, 1))),
    "pool after convolution": chain(
        (2, 6, 5), nir.Conv2d((6, 5), C2, 1, 1, 1, 1, numbers(6)), nir.SumPool2d(shape(2, 2), shape(2, 2), shape(0, 0))
    ),
    "three in a row": chain((4,), nir.Affine(numbers(3, 4), numbers(3)), nir.Scale(numbers(3)), nir.Affine(numbers(2, 3), numbers(2))),
}


@pytest.mark.parametrize("values", [False, True], ids=["spikes", "values"])
@pytest.mark.parametrize("name", LINEAR)
def test_linear_nodes_do_to_spikes_and_values_what_pytorch_does(name, values):
    given = LINEAR[name]
    inputs = signal(*given.nodes["input"].input_type["input"], values=values)
    expected = reference.run(given, {"input": inputs}, DT * 1e-3)["output"]
    _, got = ran(sim.read_nir(given, dt=DT), inputs)
    assert got.shape == expected.shape and np.ptp(expected) > 1.0
    np.testing.assert_allclose(got, expected, rtol=0.0, atol=1e-12)


def ones(n, value=1.0):
    return np.full(n, value)


NEURONS = {
    "LIF": lif(5),
    "IF": nir.IF(ones(5, 90.0), ones(5, 0.5), ones(5, -0.1)),
    "CubaLIF": cuba_lif(5),
    "LI": nir.LI(lif(5).tau, lif(5).r, lif(5).v_leak),
    "I": nir.I(lif(5).r),
    "CubaLI": nir.CubaLI(cuba_lif(5).tau_syn, cuba_lif(5).tau_mem, lif(5).r, lif(5).v_leak, ones(5, 1.5)),
    "Threshold": nir.Threshold(np.linspace(0.0, 1.0, 5)),
}


@pytest.mark.parametrize("values", [False, True], ids=["spikes", "values"])
@pytest.mark.parametrize("name", NEURONS)
def test_neurons_take_the_euler_steps_of_their_equations(name, values):
    given = chain((4,), nir.Affine(numbers(5, 4), 0.3 * numbers(5, seed=2)), NEURONS[name])
    inputs = signal(4, values=values)
    expected = reference.run(given, {"input": inputs}, DT * 1e-3)["output"]
    _, got = ran(sim.read_nir(given, dt=DT), inputs)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(got, expected, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("name", ["LI", "I", "CubaLI"])
def test_a_potential_that_meets_a_threshold_alone_fires_in_every_step_above_it(name):
    given = chain((4,), nir.Linear(numbers(5, 4)), NEURONS[name], nir.Threshold(ones(5, 0.02)), nir.Linear(numbers(2, 5)))
    inputs = signal(4)
    expected = reference.run(given, {"input": inputs}, DT * 1e-3)
    assert 20 < expected["n2"].sum() < STEPS * 5 - 20
    _, got = ran(sim.read_nir(given, dt=DT), inputs)
    np.testing.assert_allclose(got, expected["output"], rtol=0.0, atol=1e-12)


def recurrent():
    """Two layers, each onto itself, the second onto the first; two ways from the first to the second; a delay in a loop."""
    nodes = {
        "input": nir.Input({"input": shape(4)}),
        "w": nir.Linear(numbers(6, 4)),
        "a": lif(6),
        "a_a": nir.Affine(0.5 * numbers(6, 6), 0.1 * numbers(6)),
        "a_b": nir.Linear(4.0 * numbers(3, 6)),
        "short": nir.Linear(np.abs(numbers(3, 6, seed=3))),
        "b": cuba_lif(3),
        "loop": nir.Delay(np.array([0.002, 0.003, 0.002])),
        "b_b": nir.Linear(-0.5 * numbers(3, 3)),
        "b_a": nir.Linear(numbers(6, 3)),
        "output": nir.Output({"output": shape(3)}),
    }
    edges = [
        ("input", "w"),
        ("w", "a"),
        ("a", "a_a"),
        ("a_a", "a"),
        ("a", "a_b"),
        ("a_b", "b"),
        ("a", "short"),
        ("short", "b"),
        ("b", "loop"),
        ("loop", "b_b"),
        ("b_b", "b"),
        ("b", "b_a"),
        ("b_a", "a"),
        ("b", "output"),
    ]
    return graph(nodes, edges)


def test_recurrent_graphs_take_a_step_where_they_close_and_none_elsewhere():
    given, inputs = recurrent(), signal(4)
    # The loop with a Delay takes the Delay alone: what its brute force waits for is one step less.
    given.nodes["loop"].delay -= 0.001
    expected = reference.run(given, {"input": inputs}, DT * 1e-3, late={("a", "a_a"), ("b", "b_a"), ("b_b", "b")})
    given.nodes["loop"].delay += 0.001
    model = sim.read_nir(given, dt=DT)
    result, got = ran(model, inputs, {"a": ["spikes"], "b": ["spikes"]})
    assert 20 < expected["b"].sum() < STEPS * 3 - 20
    np.testing.assert_array_equal(got, expected["b"])
    np.testing.assert_array_equal(given_out(model, result, "a"), expected["a"])
    assert [link.delay if np.ndim(link.delay) == 0 else sorted(set(link.delay)) for link in model.links] == [
        0.0,
        1.0,
        0.0,
        0.0,
        [2.0, 3.0],
        1.0,
    ]


def test_nested_graphs_are_what_their_nodes_are_in_place():
    inner = graph(
        {
            "input": nir.Input({"input": shape(6)}),
            "cell": lif(6),
            "rec": nir.Linear(numbers(6, 6)),
            "output": nir.Output({"output": shape(6)}),
        },
        [("input", "cell"), ("cell", "rec"), ("rec", "cell"), ("cell", "output")],
    )
    deep = graph(
        {"input": nir.Input({"input": shape(6)}), "core": inner, "output": nir.Output({"output": shape(6)})},
        [("input", "core"), ("core", "output")],
    )
    outer = chain((4,), nir.Linear(numbers(6, 4)), deep, nir.Linear(numbers(2, 6)))
    flat = chain((4,), nir.Linear(numbers(6, 4)), lif(6), nir.Linear(numbers(2, 6)))
    flat.nodes["rec"] = inner.nodes["rec"]
    flat.edges += [("n1", "rec"), ("rec", "n1")]
    inputs = signal(4)
    (_, nested), (_, plain) = (ran(sim.read_nir(each, dt=DT), inputs) for each in (outer, flat))
    assert np.ptp(plain) > 1.0
    np.testing.assert_allclose(nested, plain, rtol=0.0, atol=1e-12)
    assert "n1.core.cell" in sim.read_nir(outer, dt=DT).network.populations


def test_several_inputs_and_outputs_are_known_by_their_names():
    nodes = {
        "left": nir.Input({"input": shape(2)}),
        "right": nir.Input({"input": shape(3)}),
        "l": nir.Linear(numbers(4, 2)),
        "r": nir.Affine(numbers(4, 3), numbers(4)),
    }
    nodes |= {
        "lif": lif(4),
        "li": nir.LI(ones(4, 0.01), ones(4), np.zeros(4)),
        "spikes": nir.Output({"output": shape(4)}),
        "v": nir.Output({"output": shape(4)}),
    }
    edges = [("left", "l"), ("right", "r"), ("l", "lif"), ("r", "lif"), ("lif", "li"), ("lif", "spikes"), ("li", "v")]
    given, inputs = graph(nodes, edges), {"left": signal(2), "right": signal(3, seed=5)}
    expected = reference.run(given, inputs, DT * 1e-3)
    model = sim.read_nir(given, dt=DT)
    assert (model.inputs, model.outputs) == ({"left": "left", "right": "right"}, {"spikes": "lif", "v": "li"})
    assert model.record == {"lif": ["spikes"], "li": ["v"]}
    result = sim.simulate(model.fed(inputs), STEPS * DT, dt=DT, engine="clock", record=model.record)
    for name in ("lif", "li"):
        np.testing.assert_allclose(given_out(model, result, name), expected[name], rtol=0.0, atol=1e-12)
    # A bias counts once, however many lead to its node; one silent input changes nothing else.
    alone = sim.simulate(model.fed({"right": inputs["right"]}), STEPS * DT, dt=DT, engine="clock", record=model.record)
    expected = reference.run(given, inputs | {"left": 0 * inputs["left"]}, DT * 1e-3)
    np.testing.assert_array_equal(given_out(model, alone, "lif"), expected["lif"])


def test_a_bias_counts_once_where_two_populations_share_its_node():
    nodes = {
        "input": nir.Input({"input": shape(3)}),
        "a": lif(3),
        "b": cuba_lif(3),
        "x": nir.Affine(numbers(2, 3), numbers(2)),
        "output": nir.Output({"output": None}),
    }
    given = graph(nodes, [("input", "a"), ("input", "b"), ("a", "x"), ("b", "x"), ("x", "output")])
    inputs = signal(3)
    expected = reference.run(given, {"input": inputs}, DT * 1e-3)["output"]
    np.testing.assert_allclose(ran(sim.read_nir(given, dt=DT), inputs)[1], expected, rtol=0.0, atol=1e-12)


def test_the_weights_are_those_of_the_file_whatever_the_step():
    given = chain((4,), nir.Linear(numbers(5, 4)), lif(5))
    for dt in (0.1, 1.0):
        model = sim.read_nir(given, dt=dt)
        (link,) = model.links
        made = np.zeros((5, 4))
        made[link.connector.target, link.connector.source] = link.weight
        np.testing.assert_array_equal(made, given.nodes["n0"].weight)
        neurons = model.network.populations["n1"].model
        np.testing.assert_array_equal(neurons.tau_m, given.nodes["n1"].tau * 1e3)
        np.testing.assert_array_equal(neurons.v_th, given.nodes["n1"].v_threshold)


def test_a_pulse_lifts_the_potential_as_its_area_says_whatever_the_step():
    given = chain((1,), nir.Linear(np.array([[0.02]])), nir.LI(ones(1, 0.01), ones(1, 1.5), np.zeros(1)))
    for dt in (0.5, 0.05):
        model = sim.read_nir(given, dt=dt, scheme="exact", spike="delta")
        inputs = np.zeros((400, 1))
        inputs[0] = 1
        run = sim.simulate(model.fed(inputs.astype(int)), 5.0, dt=dt, engine="clock", record=model.record)
        # A pulse of area 0.02 s makes v = 0.02 s * 1.5 / tau; held for a step it decays a little on the way.
        exact = 0.02 * 1.5 / 0.01 * np.exp(-5.0 / 10.0) * np.expm1(dt / 10.0) / (dt / 10.0)
        assert run.recordings["n1"]["v"].values[-1, 0] == pytest.approx(exact, rel=1e-12)


def test_reset_by_subtraction_is_asked_for():
    given = chain((4,), nir.Linear(numbers(5, 4)), lif(5))
    model = sim.read_nir(given, dt=DT, reset="subtract").network.populations["n1"].model
    assert model.reset == "subtract" and model.scheme == "euler"
    assert sim.read_nir(given, dt=DT, scheme="exact").network.populations["n1"].model.scheme == "exact"


def test_the_exact_trace_of_the_authors_of_nir_comes_from_their_file(refs):
    folder = refs / "nir"
    if not folder.is_dir():
        pytest.skip(f"no reference traces in {folder}")
    inputs, v, fired = np.loadtxt(folder / "lif_exact.csv", delimiter=",").T
    for scheme, bound in (("exact", 1e-8), ("euler", 0.01)):
        model = sim.read_nir(folder / "lif_norse.nir", dt=0.1, scheme=scheme)
        assert (model.inputs, model.outputs) == ({"input": "input"}, {"output": "1"})
        run = sim.simulate(model.fed(inputs[:, None]), 100.0, dt=0.1, engine="clock", record={"1": ["spikes", "v"]})
        np.testing.assert_array_equal(np.rint(run.spikes["1"].times / 0.1) - 1, np.flatnonzero(fired))
        np.testing.assert_allclose(run.recordings["1"]["v"].values[:, 0], v, rtol=0.0, atol=bound)


def test_single_numbers_as_parameters_fit_any_shape_and_tensors_are_arrays():
    import torch

    scalar = {"tau": np.array(0.01), "r": np.array(1.0), "v_leak": np.array(0.0), "v_threshold": np.array(0.3), "v_reset": np.array(0.0)}
    given = chain((2, 3), nir.Scale(numbers(2, 3)), nir.LIF(**{name: torch.tensor(value) for name, value in scalar.items()}))
    assert sim.read_nir(given, dt=DT).network.populations["n1"].shape == (2, 3)


def test_delays_in_single_precision_lie_on_the_grid():
    given = chain((2,), nir.Delay(np.array([0.003, 0.007], dtype=np.float32)))
    np.testing.assert_array_equal(sim.read_nir(given, dt=0.1).links[0].delay, [30 * 0.1, 70 * 0.1])


def loop():
    return graph({"input": nir.Input({"input": shape(2)}), "x": nir.Linear(numbers(2, 2)), "y": nir.Linear(numbers(2, 2)), "lif": lif(2)},
                 [("input", "x"), ("x", "y"), ("y", "x"), ("y", "lif")])  # fmt: skip


def edited(given, **edges):
    given.edges = edges.get("edges", given.edges)
    return given


class Foreign(nir.ir.node.NIRNode):
    def __init__(self):
        self.input_type = self.output_type = {"input": shape(2)}


REFUSED = {
    "LI onto neurons": (
        lambda: chain((2,), nir.LI(ones(2), ones(2), ones(2)), lif(2)),
        "'n0' is of type LI, which sends a potential, not spikes, to 'n1'",
    ),
    "LI through weights": (lambda: chain((2,), nir.I(ones(2)), nir.Linear(numbers(2, 2))), "'n0' is of type I, which sends a potential"),
    "another delay": (
        lambda: chain((2,), nir.Delay(ones(2, 0.0005))),
        r"NIR delay = 0\.5 ms from 'input' to 'output' must be a multiple of dt = 1 ms",
    ),
    "a delay below 0": (lambda: chain((2,), nir.Delay(ones(2, -0.001))), r"'n0': delay = -0\.001 s must be >= 0"),
    "a late bias": (lambda: chain((2,), nir.Affine(numbers(2, 2), ones(2)), nir.Delay(ones(2, 0.001))), "'n1' delays the bias of 'n0'"),
    "a loop without neurons": (loop, "'x' is in a loop of linear nodes alone"),
    "a threshold at reset": (
        lambda: chain((2,), lif(2, v_reset=ones(2), v_threshold=ones(2))),
        r"'n0' of type LIF: LIFBox\.v_reset = 1 must be < v_th = 1",
    ),
    "no leak": (lambda: chain((2,), lif(2, tau=np.zeros(2))), r"'n0' of type LIF: LIFBox\.tau_m = 0 ms must be > 0 ms"),
    "NaN": (lambda: chain((2,), nir.Linear(np.full((2, 2), np.nan))), "'n0': weight must hold finite numbers"),
    "another width": (lambda: chain((3,), nir.Linear(numbers(2, 2))), r"joins an output of shape \(3,\) to an input of shape \(2,\)"),
    "no Flatten": (lambda: chain((2, 3), nir.Linear(numbers(4, 6))), r"joins an output of shape \(2, 3\) to an input of shape \(6,\)"),
    "another bias": (
        lambda: chain((2,), nir.Affine(numbers(3, 2), ones(4))),
        r"'n0': bias \(4,\) must have the shape of its output, \(3,\)",
    ),
    "a kernel too large": (
        lambda: chain((1, 2, 2), nir.SumPool2d(shape(3, 3), shape(1, 1), shape(0, 0))),
        r"'n0': its kernel \(3, 3\) is larger than its input",
    ),
    "same with a stride": (
        lambda: chain((1, 4, 4), nir.Conv2d(None, numbers(1, 1, 2, 2), 2, "same", 1, 1, ones(1))),
        "padding = 'same' needs a stride of 1",
    ),
    "axes that are not there": (
        lambda: chain((4,), nir.Flatten({"input": shape(4)}, 1, -1)),
        "start_dim = 1 and end_dim = -1 must be axes",
    ),
    "an edge to nothing": (lambda: edited(chain((2,), lif(2)), edges=[("input", "gone")]), "NIR edge names 'gone', which is no node"),
    "an edge twice": (lambda: edited(chain((2,), lif(2)), edges=[("input", "n0")] * 2), "is there twice"),
    "an edge into an Input": (lambda: edited(chain((2,), lif(2)), edges=[("n0", "input")]), "leads into an Input"),
    "no shape": (lambda: graph({"pool": nir.SumPool2d(shape(2, 2), shape(2, 2), shape(0, 0))}, []), "the shape of its input is not known"),
    "another type": (lambda: graph({"x": Foreign()}, []), "'x' is of type 'Foreign', which cannot be read"),
    "an arrow in a name": (lambda: graph({"a->b": lif(2)}, []), "'a->b': Population.name = 'a->b' must not contain"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_expressed_is_refused_by_name(name):
    make, text = REFUSED[name]
    with pytest.raises(ConversionError, match=text):
        sim.read_nir(make(), dt=1.0)


def test_files_that_are_no_nir_files_are_refused_by_name(tmp_path):
    with pytest.raises(FormatError, match=r"gone\.nir does not exist"):
        sim.read_nir(tmp_path / "gone.nir", dt=1.0)
    text = tmp_path / "text.nir"
    text.write_text("no HDF5")
    with pytest.raises(FormatError, match=r"text\.nir is damaged or is no NIR file \(OSError"):
        sim.read_nir(text, dt=1.0)
    good = tmp_path / "good.nir"
    nir.write(good, nir.NIRGraph.from_list(nir.Input({"input": shape(2)}), lif(2), nir.Output({"output": shape(2)})))
    whole = good.read_bytes()
    (tmp_path / "half.nir").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match=r"half\.nir is damaged or is no NIR file"):
        sim.read_nir(str(tmp_path / "half.nir"), dt=1.0)
    for change, error, found in (
        (lambda node: node["lif"].__delitem__("tau"), FormatError, "TypeError.*tau"),
        (lambda node: node["lif"].__delitem__("type"), FormatError, "node 'lif' says no type"),
        (lambda node: _retype(node["lif"], "AdEx"), ConversionError, r"node 'lif' is of type 'AdEx', which nir [\d.]+ does not know"),
    ):
        bad = tmp_path / "bad.nir"
        bad.write_bytes(whole)
        with h5py.File(bad, "r+") as file:
            change(file["node/nodes"])
        with pytest.raises(error, match=found):
            sim.read_nir(bad, dt=1.0)
    assert sim.read_nir(good, dt=1.0).outputs == {"output": "lif"}


def _retype(node, kind):
    del node["type"]
    node["type"] = kind


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"dt": 0.0}, r"read_nir\.dt = 0 ms must be > 0 ms"),
        ({"dt": np.ones(2)}, r"read_nir\.dt = array.* must be one number"),
        ({"dt": 1.0, "scheme": "rk4"}, r"read_nir\.scheme = 'rk4' is not known"),
        ({"dt": 1.0, "reset": "zero"}, r"read_nir\.reset = 'zero' is not known\. Valid: value, subtract"),
        ({"dt": 1.0, "spike": "box"}, r"read_nir\.spike = 'box' is not known\. Valid: step, delta"),
    ],
)
def test_arguments_out_of_their_domain_are_refused(more, text):
    with pytest.raises(ParameterError, match=text):
        sim.read_nir(chain((2,), lif(2)), **more)
    with pytest.raises(ParameterError, match=r"read_nir\.source = int must be a path or a nir\.NIRGraph"):
        sim.read_nir(7, dt=1.0)


def test_signals_that_do_not_fit_are_refused():
    model = sim.read_nir(chain((2,), lif(2)), dt=1.0)
    for bad, text in (
        (np.zeros((5, 3)), r"the signal of 'input' has shape \(5, 3\) but must be numbers \(steps, \*\(2,\)\)"),
        (np.full((5, 2), np.nan), "the signal of 'input' must be finite"),
        ({"other": np.zeros((5, 2))}, r"input = 'other' is not known\. Valid: input"),
        (sim.LIF(), "LIF is no source"),
    ):
        with pytest.raises(ParameterError, match=text):
            model.fed(bad)
    assert isinstance(model.fed(sim.PoissonSource(rate=20.0)).populations["input"].model, sim.PoissonSource)


def test_without_the_package_nir_an_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nir", None)
    with pytest.raises(ConversionError, match=r"needs the package nir, which is not installed\. Run: pip install 'snnsim\[nir\]'"):
        sim.read_nir("some.nir", dt=1.0)


def random_graph(random):
    """Return a graph of 2 to 4 populations in a row, with ways that skip and ways back, and the edges that take a step."""
    sizes = [3, *random.integers(2, 6, random.integers(2, 5))]
    nodes, edges, late = {"input": nir.Input({"input": shape(3)})}, [], set()
    names = ["input", *(f"p{k}" for k in range(len(sizes) - 1))]
    for k, name in enumerate(names[1:], start=1):
        nodes[name] = (lif, cuba_lif)[random.integers(2)](int(sizes[k]))

    def way(a, b, back):
        weights = nir.Affine if random.integers(2) else nir.Linear
        matrix = random.normal(size=(sizes[b], sizes[a])) * (1.0 if back else 8.0)
        chain_ = [weights(matrix, *([0.3 * random.normal(size=sizes[b])] if weights is nir.Affine else []))]
        if random.integers(2):
            chain_.insert(0, nir.Scale(random.uniform(0.5, 1.5, sizes[a])))
        if not back and random.integers(2):
            delay = random.integers(0, 4, sizes[a])
            delay[0] = 0  # something goes on at once, so that ways back close loops
            chain_.insert(0, nir.Delay(delay * 1e-3))
        if back:  # before the weights: a bias does not wait
            late.add((names[a], f"{names[a]}_{names[b]}_0"))
        at = names[a]
        for k, node in enumerate(chain_):
            nodes[f"{names[a]}_{names[b]}_{k}"] = node
            edges.append((at, at := f"{names[a]}_{names[b]}_{k}"))
        edges.append((at, names[b]))

    for b in range(1, len(names)):
        way(b - 1, b, False)
        for a in range(1, len(names)):
            if a != b - 1 and random.random() < 0.4:
                way(a, b, a >= b)
    nodes["output"] = nir.Output({"output": shape(sizes[-1])})
    return graph(nodes, [*edges, (names[-1], "output")]), late


@pytest.mark.parametrize("seed", range(12))
def test_random_recurrent_graphs_fire_as_brute_force_does_and_again_once_written(seed, tmp_path):
    given, late = random_graph(np.random.default_rng(seed))
    inputs = signal(3, seed=seed)
    expected = reference.run(given, {"input": inputs}, DT * 1e-3, late=late)
    model = sim.read_nir(given, dt=DT)
    neurons = {name: ["spikes"] for name in model.network.populations if name != "input"}
    result, _ = ran(model, inputs, neurons)
    assert sum(expected[name].sum() for name in neurons) > 20
    for name in neurons:
        np.testing.assert_array_equal(given_out(model, result, name), expected[name], err_msg=name)
    sim.write_nir(model, tmp_path / "again.nir")
    again = sim.read_nir(tmp_path / "again.nir", dt=DT)
    second, _ = ran(again, inputs, neurons)
    for name in neurons:
        np.testing.assert_array_equal(given_out(again, second, name), expected[name], err_msg=name)


JUNK = [None, "x", -1, 0, np.nan, np.array([]), np.ones((2, 2)), np.array("s"), [1, 2], {}, np.ones(2, dtype=complex), 10**9, object()]


def test_a_field_of_another_form_is_refused_or_read_and_nothing_else():
    random, refused = np.random.default_rng(0), 0
    given = [*LINEAR.values(), *(chain((5,), node) for node in NEURONS.values()), recurrent()]
    for _ in range(300):
        one = copy.deepcopy(given[random.integers(len(given))])
        node = one.nodes[list(one.nodes)[random.integers(len(one.nodes))]]
        setattr(node, list(vars(node))[random.integers(len(vars(node)))], JUNK[random.integers(len(JUNK))])
        try:
            sim.read_nir(one, dt=1.0)
        except ConversionError:
            refused += 1
    assert refused > 50
