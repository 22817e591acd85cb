"""Converted models on disk: the same integers in another process without torch, and what a damaged or forged file is answered."""

from __future__ import annotations

import copy
import importlib
import io
import json
import pkgutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from float_graphs import attention, cnn, samples
from hypothesis import given, settings
from hypothesis import strategies as st

import snnsim as sim
import snnsim.models
from snnsim.errors import FormatError, ParameterError
from snnsim.io.archive import described, fingerprint, forms
from snnsim.io.converted import UNITS
from snnsim.models.integer import IntegerUnit


@pytest.fixture(scope="module")
def models():
    """Two converted graphs that hold every operation and every unit, each with inputs."""
    random = np.random.default_rng(0)
    images, texts = random.integers(-8, 9, size=(20, 7, 7, 2)), samples(random, 20)
    return {"cnn": (sim.convert(cnn(random), images), images), "attention": (sim.convert(attention(random), texts), texts)}


@pytest.fixture(scope="module")
def files(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted")
    for name, (model, _) in models.items():
        sim.save_converted(model, folder / f"{name}.npz")
    return {name: folder / f"{name}.npz" for name in models}


def contents(path):
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return json.loads(bytes(arrays.pop("header"))), arrays


def forge(path: Path, header, arrays) -> Path:
    """Write a file whose checksum fits whatever it holds."""
    header = {**header, "arrays": forms(arrays)}
    header["sha256"] = fingerprint(arrays, described(header))
    with path.open("wb") as stream:
        np.savez(stream, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **arrays)
    return path


@pytest.mark.parametrize("name", ["cnn", "attention"])
def test_a_loaded_model_is_the_saved_one_integer_for_integer(models, files, name):
    model, inputs = models[name]
    loaded = sim.load_converted(str(files[name]))
    assert loaded.compiled.digest == model.compiled.digest and loaded.layers == model.layers
    for code, schedule in (("signed_digit", "settled"), ("unary", "shuffled")):
        one, other = (each(inputs, code=code, schedule=schedule, seed=3) for each in (model, loaded))
        assert loaded.verify(one, loaded.reference(inputs)).mismatches == 0
        assert one.counts.to_dict() == other.counts.to_dict()
        for output, value in one.outputs.items():
            np.testing.assert_array_equal(other.outputs[output], value)
    assert sim.simulate(loaded.network, inputs=loaded.encode(inputs), start=model(inputs).state).counts.totals() == {}


def test_another_process_loads_it_without_torch(models, files, tmp_path):
    model, inputs = models["attention"]
    np.savez(tmp_path / "inputs.npz", **inputs)
    script = (
        "import sys, numpy as np, snnsim as sim\n"
        f"model = sim.load_converted({str(files['attention'])!r})\n"
        "result = model(dict(np.load('inputs.npz')))\n"
        "np.savez('outputs.npz', **result.outputs)\n"
        "assert 'torch' not in sys.modules, 'torch was loaded'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "outputs.npz") as outputs:
        for name, value in model(inputs).outputs.items():
            np.testing.assert_array_equal(outputs[name], value)


def test_saving_what_was_loaded_gives_the_same_contents(files, tmp_path):
    for name, path in files.items():
        sim.save_converted(sim.load_converted(path), tmp_path / f"{name}.npz")
        before, after = contents(path), contents(tmp_path / f"{name}.npz")
        assert before[0] == after[0]
        assert all((before[1][key] == after[1][key]).all() for key in before[1])


def test_a_file_of_before_operations_were_kept_gives_the_rows_of_its_populations(models, files, tmp_path):
    header, arrays = contents(files["cnn"])
    assert header.pop("places")
    loaded = sim.load_converted(forge(tmp_path / "old.npz", header, arrays))
    rows = [row for row in models["cnn"][0].layers if row.unit]
    assert loaded.layers == [row._replace(operation="", calls=()) for row in rows] and len(rows) < len(models["cnn"][0].layers)


def test_weights_that_layers_share_are_stored_once_and_laid_out_once(tmp_path):
    from snnsim.graph.ir import Graph
    from snnsim.graph.nodes import Activation, Input, Linear

    weight = np.random.default_rng(0).normal(size=(64, 64))
    nodes = [Input(name="x", inputs=(), shape=(64,), low=-4, high=4, step=1.0)]
    for i in range(2):
        nodes.append(Linear(name=f"l{i}", inputs=("x",), shape=(64,), weight=weight, bias=np.zeros(64)))
        nodes.append(Activation(name=f"a{i}", inputs=(f"l{i}",), shape=(64,), function="relu"))
    model = sim.convert(Graph(nodes, ["a0", "a1"]), np.random.default_rng(1).integers(-4, 5, size=(9, 64)))
    sim.save_converted(model, tmp_path / "twice.npz")
    _, arrays = contents(tmp_path / "twice.npz")
    assert sum(array.dtype == np.int8 for array in arrays.values()) == 1
    assert sim.load_converted(tmp_path / "twice.npz").compiled.net.weights8.size == 64 * 64


def test_every_unit_of_the_package_can_be_saved():
    for module in pkgutil.iter_modules(snnsim.models.__path__):
        importlib.import_module(f"snnsim.models.{module.name}")
    ours = {cls for cls in IntegerUnit.__subclasses__() if cls.__module__.startswith("snnsim.")}
    assert ours == set(UNITS)


def test_only_a_converted_model_is_saved(tmp_path):
    with pytest.raises(ParameterError, match=r"save_converted.model = int must be a SpikingModel. Give what sim.convert returned"):
        sim.save_converted(3, tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


# --- files that are not what they should be


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_called_damaged(files, tmp_path, part):
    content = files["cnn"].read_bytes()
    path = tmp_path / "cut.npz"
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(FormatError, match=r"cut.npz is damaged or is no snnsim converted model"):
        sim.load_converted(path)


@settings(max_examples=120)
@given(data=st.data())
def test_a_flipped_bit_is_noticed_or_changes_nothing(files, models, tmp_path_factory, data):
    content = bytearray(files["cnn"].read_bytes())
    place = data.draw(st.integers(0, 8 * len(content) - 1))
    content[place // 8] ^= 1 << place % 8
    path = tmp_path_factory.getbasetemp() / "flipped.npz"
    path.write_bytes(content)
    try:
        loaded = sim.load_converted(path)
    except FormatError:
        return
    assert loaded.compiled.digest == models["cnn"][0].compiled.digest  # a date or another field that nobody reads


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda h, a: h.update(format="snnsim-graph"), "has format 'snnsim-graph', not 'snnsim-converted'"),
        (lambda h, a: h.update(version=2), "has version 2; this snnsim reads up to 1. Upgrade"),
        (lambda h, a: h.update(version="1"), "its header has the wrong form"),
        (lambda h, a: h["layers"][1]["unit"].update({"is": "Popen"}), "is damaged .*'Popen'"),
        (lambda h, a: h["layers"][1]["unit"].update(theta=0), "does not hold a valid converted model: Staircase.theta = 0 must be >= 1"),
        (lambda h, a: h["layers"][1]["unit"].pop("theta"), "a Staircase with the fields"),
        (lambda h, a: h["layers"][1]["unit"].update(extra=1), "a Staircase with the fields"),
        (lambda h, a: h["layers"].reverse(), "reads a later one, or none"),
        (lambda h, a: h["layers"].append(h["layers"][-1]), "two layers of one name"),
        (lambda h, a: h["layers"][0].update(shape=[7, 7, -2]), "has the shape"),
        (lambda h, a: h["layers"][0].update(shape=[2**20, 2**20, 2]), "more units than an index of 32 bits"),
        (lambda h, a: h["layers"][1].update(scale=float("nan")), "Layer.scale = float where"),
        (lambda h, a: h["layers"][1].update(scale=None), "Layer.scale = NoneType where"),
        (lambda h, a: h["layers"][1]["edges"][0].update(gain=0), "it must be one whole number other than 0"),
        (lambda h, a: h["layers"][1]["edges"][0].update(gain=1.5), "FiltersEdge.gain = float where"),
        (lambda h, a: h["layers"][1]["edges"][0].update(groups=3), "Filters.groups = 3 must divide"),
        (lambda h, a: h["layers"][1]["edges"][0].update(space=[7, 7, 3]), "is damaged"),
        (lambda h, a: h["ports"]["named"].pop("image"), "its ports are not its input layers"),
        (lambda h, a: h["ports"]["named"]["image"].update(low=-9), "port 'image' does not fit its layer"),
        (lambda h, a: h["host"][0].update(low="a"), "Input.low = str where"),
        (lambda h, a: h["outputs"]["named"]["logits"]["pieces"][0].update(source="none"), "is damaged .*none"),
        (lambda h, a: h["places"][0].update(into=["none"]), "an operation that is part of no layer"),
        (lambda h, a: h["places"][0].update(shape="x"), "Place.shape = str where"),
        (lambda h, a: h.pop("host"), "is damaged .*host"),
        (lambda h, a: a.popitem(), "is damaged"),
        (lambda h, a: a.update({k: v.astype(np.float32) for k, v in a.items() if v.dtype == np.int8}), "where whole numbers belong"),
        (lambda h, a: a.update({k: v * np.nan for k, v in a.items() if v.dtype == np.float64}), "no finite real number"),
        (lambda h, a: a.update({k: v[..., :1] for k, v in a.items() if v.dtype == np.int8}), "is damaged|not hold a valid converted model"),
    ],
)
def test_a_forged_file_is_refused_with_the_rule(files, tmp_path, change, text):
    header, arrays = contents(files["cnn"])
    change(header, arrays)
    with pytest.raises(FormatError, match=text):
        sim.load_converted(forge(tmp_path / "forged.npz", header, arrays))


def leaves(value, path=()):
    """Yield where every plain value, list and dictionary of some JSON stands."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from leaves(item, (*path, key))


@settings(max_examples=400)
@given(data=st.data(), name=st.sampled_from(["cnn", "attention"]))
def test_whatever_a_forged_header_says_the_answer_is_a_model_or_a_format_error(files, tmp_path_factory, data, name):
    header, arrays = contents(files[name])
    header = copy.deepcopy({key: value for key, value in header.items() if key not in ("arrays", "sha256")})
    places = [path for path in leaves(header) if path]
    *above, last = data.draw(st.sampled_from(places))
    part = header
    for key in above:
        part = part[key]
    junk = st.one_of(
        st.none(), st.booleans(), st.integers(-3, 60), st.just(2**70), st.floats(), st.just("x"), st.just([]), st.just({}),
        st.just([1, 2]), st.just({"array": "a0"}), st.just({"array": "none"}), st.just({"is": "Layer"}), st.just({"is": "str"}),
    )  # fmt: skip
    part[last] = data.draw(junk)
    path = forge(tmp_path_factory.getbasetemp() / "junk.npz", header, arrays)
    try:
        loaded = sim.load_converted(path)
    except FormatError:
        return
    assert isinstance(loaded, sim.SpikingModel)


@settings(max_examples=150)
@given(data=st.data(), name=st.sampled_from(["cnn", "attention"]))
def test_whatever_forged_arrays_hold_the_answer_is_a_model_or_a_format_error(files, tmp_path_factory, data, name):
    header, arrays = contents(files[name])
    key = data.draw(st.sampled_from(sorted(arrays)))
    kind = data.draw(st.sampled_from([np.int8, np.int16, np.int32, np.int64, np.uint8, np.float32, np.float64, np.bool_]))
    with np.errstate(all="ignore"):
        changed = arrays[key].astype(kind) if data.draw(st.booleans()) else arrays[key].copy()
    if data.draw(st.booleans()):
        changed = changed.ravel()[: data.draw(st.integers(0, changed.size))]
    elif changed.size:
        changed.ravel()[data.draw(st.integers(0, changed.size - 1))] = data.draw(st.sampled_from([0, 1, 120]))
    path = forge(tmp_path_factory.getbasetemp() / "junk.npz", header, {**arrays, key: changed})
    try:
        loaded = sim.load_converted(path)
    except FormatError:
        return
    assert isinstance(loaded, sim.SpikingModel)


def test_a_checksum_that_does_not_fit_is_noticed(files, tmp_path):
    header, arrays = contents(files["cnn"])
    header["layers"][1]["unit"]["s_max"] -= 1
    path = tmp_path / "changed.npz"
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **arrays)
    with pytest.raises(FormatError, match="its contents do not match the checksum in its header"):
        sim.load_converted(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 but no more"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(FormatError, match=r"x.npz is damaged"):
        sim.load_converted(tmp_path / "x.npz")


def test_other_files_of_ours_and_missing_ones_are_named(tmp_path, models):
    model, inputs = models["cnn"]
    sim.save_state(model(inputs[:1]).state, tmp_path / "state.npz")
    with pytest.raises(FormatError, match="has format 'snnsim-state', not 'snnsim-converted'. Give a file made by save_converted"):
        sim.load_converted(tmp_path / "state.npz")
    with pytest.raises(FormatError, match="nowhere.npz does not exist"):
        sim.load_converted(tmp_path / "nowhere.npz")


def test_loading_never_executes_code(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([Bomb()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("header.npy", stream.getvalue())
    with pytest.raises(FormatError):
        sim.load_converted(tmp_path / "bomb.npz")
    assert not (tmp_path / "executed").exists()
