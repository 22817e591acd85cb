"""A comparison of the user's own model and data: what is divided, what is refused, and what the report says."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from float_graphs import attention, cnn, samples

import snnsim as sim
from snnsim.errors import ConversionError, FormatError, ParameterError
from snnsim.graph.file import save_graph
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Input, Linear
from snnsim.report import figures, runs, save, tables
from snnsim.report.quality import agreement
from snnsim.report.samples import divide, read_arrays
from snnsim.report.task import read_model


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(3)
    graph, x = cnn(random), random.integers(-8, 9, size=(30, 7, 7, 2))
    return graph, x, graph.evaluate(x)["logits"].argmax(axis=1)


@pytest.fixture(scope="module")
def compared(images):
    graph, x, labels = images
    return sim.compare(graph, {"x": x, "labels": labels}, profiles=["horowitz45"], seed=2)


def test_half_of_the_samples_calibrate_and_the_others_are_compared(images, compared):
    _, x, labels = images
    task = compared.task
    assert compared.samples == 15 and len(task.samples.calibration["image"]) == 15
    both = np.concatenate([task.samples.inputs["image"], task.samples.calibration["image"]])
    assert sorted(map(bytes, both.astype(np.int64))) == sorted(map(bytes, x.astype(np.int64)))
    place = {bytes(sample): label for sample, label in zip(x.astype(np.int64), labels, strict=True)}
    assert [place[bytes(sample)] for sample in task.samples.inputs["image"]] == task.samples.labels.tolist()
    assert task.facts == "15 samples; calibrated on 15 of the 30 samples given, chosen by the seed, and compared on others."


def test_labels_give_accuracies_and_every_output_an_agreement(compared):
    assert compared.accuracy["float"] == 1.0  # the labels are what the float model names
    assert compared.accuracy["spiking"] == compared.accuracy["quantised"] >= 0.8
    assert compared.certificate.mismatches == 0 and all(run.mismatches == 0 for run in compared.runs)
    model, x = compared.spiking, compared.task.samples.inputs
    got, wanted = model.outputs(model.reference(x))["logits"], compared.task.graph.evaluate(x)["logits"]
    cosine, largest, part = compared.agreement["logits"]
    assert largest == np.abs(got - wanted).max() and part == largest / np.abs(wanted).max()
    assert cosine == pytest.approx((got * wanted).sum() / np.sqrt((got**2).sum() * (wanted**2).sum()))


def test_agreement_is_defined_for_zeros_too():
    zero, one = np.zeros(3), np.array([0.0, 2.0, 0.0])
    assert agreement(zero, zero) == (1.0, 0.0, 0.0)
    assert agreement(zero, one) == (0.0, 2.0, 1.0)
    assert agreement(one, zero) == (0.0, 2.0, 1.0)


def test_the_report_of_a_convolutional_network_has_no_attention_but_everything_else(compared, tmp_path):
    page, data = save.save(compared, tmp_path)
    text, numbers = page.read_text(), json.loads(data.read_text())
    assert text.count("data:image/png;base64,") == 3 and "Attention" not in text
    assert re.search(r"<td>max</td><td>Max</td><td>MaxRow</td><td>group</td><td>4 x 4 x 4 x 4</td>", text)
    assert numbers["model"] == "graph" and numbers["samples"] == 15 and numbers["data"] == compared.task.facts
    assert [row["name"] for row in numbers["layers"]] == [row.name for row in compared.spiking.layers]
    assert not figures.can_draw(compared, "attention")
    figures.draw_overview(compared)


def test_two_inputs_two_outputs_and_no_labels(tmp_path):
    random = np.random.default_rng(1)
    graph, inputs = attention(random), samples(random, 24)
    inputs |= {f"calibration_{name}": array for name, array in samples(random, 30).items()}
    found = sim.compare(graph, inputs, samples=5, profiles=["horowitz45"])
    assert found.accuracy is None and set(found.agreement) == {"answer", "rms"} and found.samples == 5
    assert "calibrated on 30 samples given for it" in found.task.facts
    assert figures.can_draw(found, "attention")
    page, data = save.save(found, tmp_path)
    assert page.read_text().count("data:image/png;base64,") == 4
    numbers = json.loads(data.read_text())
    assert numbers["accuracy"] is None
    assert numbers["past_the_calibrated_range"].keys() <= {"rows", "extra"}
    assert [row["label"] for row in numbers["layers"]][:2] == ["host"] * 2


def test_a_comparison_in_batches_counts_what_one_batch_does(images, compared, monkeypatch):
    graph, x, labels = images
    monkeypatch.setattr(runs, "_AT_ONCE", 4 * 674)  # four samples at a time
    other = sim.compare(graph, {"image": x, "labels": labels}, profiles=["horowitz45"], seed=2)
    assert other.certificate.compared == compared.certificate.compared
    assert [run.counts.totals() for run in other.runs] == [run.counts.totals() for run in compared.runs]
    assert [run.steps for run in other.runs] == [run.steps for run in compared.runs]
    assert other.agreement == compared.agreement and other.accuracy == compared.accuracy
    assert {name: c.totals() for name, c in other.baselines.items()} == {name: c.totals() for name, c in compared.baselines.items()}


def test_numbers_past_the_calibrated_range_are_told_not_warned_of():
    graph = Graph([
        Input(name="x", inputs=(), shape=(2,), kind="real"),
        Linear(name="o", inputs=("x",), shape=(2,), weight=np.eye(2), bias=np.zeros(2)),
    ])  # fmt: skip
    data = {"x": np.array([[1.0, -4.0], [0.5, 0.3]]), "calibration_x": np.array([[1.0, -2.0], [0.5, 0.3]])}
    found = sim.compare(graph, data, profiles=["horowitz45"])
    assert found.beyond == {"x": 0.25}
    assert ("x: past the calibrated range", "25 % of the numbers") in tables.quality_rows(found)
    assert found.agreement["o"].largest == pytest.approx(2.0, abs=0.02)


def test_a_raster_of_very_many_events_draws_some_of_them(compared, monkeypatch):
    from matplotlib.figure import Figure

    monkeypatch.setattr(figures, "_DOTS", 50)
    figure = Figure()
    figures.draw_raster(compared, figure)
    titles = [ax.get_title() for ax in figure.axes]
    assert any(re.search(r"[\d,]+ events, every \d+th drawn", title) for title in titles)


# --- data that do not fit

IMAGE = Input(name="image", inputs=(), shape=(3, 2), kind="real")
GRAPH = Graph([IMAGE, Linear(name="o", inputs=("image",), shape=(3, 4), weight=np.ones((4, 2)), bias=np.zeros(4))])
GOOD = np.random.default_rng(0).normal(size=(6, 3, 2))


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({}, "here: input 'image' is missing"),
        ({"picture": GOOD}, "here: array = 'picture' is not known. Valid: image, labels, calibration_image"),
        ({"image": GOOD, "label": np.zeros(6)}, "'label' is not known.*Did you mean 'labels'"),
        ({"image": GOOD[:, :2]}, r"here: 'image' has shape \(6, 2, 2\) but must have \(batch, 3, 2\)"),
        ({"image": GOOD[0]}, r"'image' has shape \(3, 2\) but must have \(batch, 3, 2\)"),
        ({"image": GOOD[:0]}, "'image' holds no sample"),
        ({"image": GOOD[:1]}, "here holds 1 sample, which cannot both set the scales and be compared"),
        ({"image": GOOD.astype(str)}, "'image' of dtype .* must hold numbers"),
        ({"image": GOOD * np.nan}, "'image' holds NaN or infinity. Clean the data"),
        ({"image": np.full((6, 3, 2), np.inf)}, "'image' holds NaN or infinity"),
        ({"image": np.full((6, 3, 2), 0.5)}, "'image' holds nothing but 0.5: no range of activations follows"),
        ({"image": GOOD, "labels": np.zeros((6,), int)}, r"'labels' has shape \(6,\) but must have \(6, 3\), one class for every answer"),
        ({"image": GOOD, "labels": np.full((6, 3), 4)}, "'labels' holds 4 but the model tells 4 classes apart: 0 .. 3"),
        ({"image": GOOD, "labels": np.full((6, 3), -1)}, "'labels' holds -1 but"),
        ({"image": GOOD, "labels": np.full((6, 3), 0.5)}, "'labels' of dtype float64 must hold whole numbers"),
        ({"image": GOOD, "calibration_image": GOOD[:, 1:]}, r"here, calibration_image: 'image' has shape \(6, 2, 2\)"),
        ({"image": GOOD, "calibration_image": GOOD * np.inf}, "here, calibration_image: 'image' holds NaN or infinity"),
        ({"image": GOOD, "calibration_image": np.zeros((2, 3, 2))}, "here, calibration: 'image' holds nothing but 0"),
        ({"image": GOOD, "calibration_other": GOOD}, "'calibration_other' is not known"),
    ],
)
def test_data_that_do_not_fit_the_model_are_named(arrays, text):
    with pytest.raises(ParameterError, match=text):
        divide(arrays, "here", GRAPH, samples=None, seed=0)


def test_more_samples_than_there_are_cannot_be_compared():
    with pytest.raises(ParameterError, match="samples = 4 must be <= 3: here has 3 to compare on"):
        divide({"x": GOOD}, "here", GRAPH, samples=4, seed=0)
    assert len(divide({"x": GOOD, "calibration": GOOD}, "here", GRAPH, samples=6, seed=0).inputs["image"]) == 6


def test_calibration_is_given_for_all_inputs_or_none():
    random = np.random.default_rng(0)
    graph, inputs = attention(random), samples(random, 6)
    with pytest.raises(ParameterError, match="lacks calibration_tokens: give calibration arrays for all inputs, or for none"):
        divide({**inputs, "calibration_extra": inputs["extra"]}, "here", graph, samples=None, seed=0)


def test_files_that_hold_no_arrays_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("not an archive")
    np.savez(tmp_path / "objects.npz", x=np.array([{"a": 1}], dtype=object))
    np.savez(tmp_path / "cut.npz", x=GOOD)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:-40])
    for name, text in (("text.npz", "is no .npz file"), ("objects.npz", "holds more than plain arrays"), ("cut.npz", "is no .npz file")):
        with pytest.raises(FormatError, match=text):
            read_arrays(tmp_path / name)
    with pytest.raises(FormatError, match="missing.npz does not exist"):
        read_arrays(tmp_path / "missing.npz")
    with pytest.raises(ParameterError, match="data = int must be the path of an .npz file, or a mapping"):
        read_arrays(3)
    with pytest.raises(ParameterError, match="data holds no input"):
        sim.compare(GRAPH, {"labels": np.zeros(3)})


def test_a_graph_file_and_a_shipped_name_take_data_too(tmp_path):
    save_graph(GRAPH, tmp_path / "own.npz")
    found = sim.compare(tmp_path / "own.npz", {"x": GOOD}, profiles=["horowitz45"])
    assert found.task.name == "own.npz" and found.certificate.mismatches == 0
    x, labels = sim.data.patches(sim.data.load_digits("test")[0][:8]), sim.data.load_digits("test")[1][:8]
    found = sim.compare("digits", {"pixels": x, "labels": labels}, profiles=["horowitz45"])
    assert found.samples == 4 and found.accuracy["spiking"] == 1.0


def test_a_module_of_torch_is_compared_with_arrays_of_numpy(tmp_path):
    torch = pytest.importorskip("torch", reason="torch comes with the test extra")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)).eval()
    x = np.random.default_rng(0).normal(size=(12, 5))
    found = sim.compare(model, {"x": x, "calibration": x}, profiles=["horowitz45"])
    assert found.task.name == "Sequential" and found.agreement["2"].cosine > 0.999
    torch.export.save(torch.export.export(model, (torch.zeros(1, 5),)), tmp_path / "net.pt2")
    np.savez(tmp_path / "x.npz", input=x, calibration_input=x)
    assert sim.compare(tmp_path / "net.pt2", tmp_path / "x.npz", profiles=["horowitz45"]).agreement == found.agreement
    with pytest.raises(ConversionError, match="train mode"):
        sim.compare(model.train(), {"x": x})
    (tmp_path / "bad.pt2").write_text("no program")
    with pytest.raises(ConversionError, match="bad.pt2.* cannot be read by torch"):
        read_model(tmp_path / "bad.pt2", x)
