"""The main job, on a few images."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

import snnsim as sim
from snnsim.errors import ParameterError
from snnsim.report import save
from snnsim.report.comparison import DEFAULT_PROFILES, TABLE_CODES, TABLE_SCHEDULES
from snnsim.report.precision import precision_of
from snnsim.report.tables import layers_table, show
from snnsim.report.verdict import verdict


@pytest.fixture(scope="module")
def comparison():
    return sim.compare(samples=12, seed=3)


def test_the_json_holds_every_number(comparison, tmp_path):
    _, path = save.save(comparison, tmp_path)
    data = json.loads(path.read_text())
    assert set(data["accuracy"]) == {"float", "quantised", "spiking"}
    assert data["certificate"]["mismatches"] == 0
    assert {"name", "compared", "mismatches"} <= set(data["certificate"]["layers"][0])
    assert sum(layer["compared"] for layer in data["certificate"]["layers"]) == data["certificate"]["compared"] > 0
    assert [(run["code"], run["schedule"]) for run in data["counts"]["spiking"]] == [(c, s) for s in TABLE_SCHEDULES for c in TABLE_CODES]
    assert tuple(data["energy"]) == DEFAULT_PROFILES
    assert data["seconds"] > 0 and data["samples"] == 12
    assert data["agreement"]["logits"]["cosine"] > 0.999
    assert [layer["name"] for layer in data["layers"] if layer["unit"]] == list(comparison.spiking.integer_graph.layers)
    assert {call for layer in data["layers"] for call in layer["calls"]} == set(comparison.task.graph.nodes) - {"pixels"}
    assert data["bits"] == {"weights": 8, "activations": 8}
    run = data["counts"]["spiking"][0]
    assert run["synops_per_inference"] == sum(kinds.get("synops", 0) for kinds in run["layers"].values()) / 12
    assert sum(entry["total"] is not None for entry in data["energy"]["horowitz45"]["entries"]) == 8


def test_the_page_is_one_self_contained_file(comparison, tmp_path):
    page, _ = save.save(comparison, tmp_path)
    text = page.read_text()
    assert text.count("data:image/png;base64,") == 4
    assert not re.search(r'(src|href)="(?!data:)', text)
    for words in (
        "travelling through the layers",
        "What each operation became",
        "Attention, from spikes",
        "Spikes per layer",
        "Energy, with its uncertainty",
    ):
        assert words in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]


def test_the_verdict_names_winner_ratio_and_remedy(comparison):
    text = " ".join(verdict(comparison))
    best = {
        kind: min(e.report.total.nominal for e in comparison.energy["horowitz45"] if e.what.startswith(kind) and e.report.total)
        for kind in ("ANN", "SNN")
    }
    assert best["ANN"] < best["SNN"]
    assert "the ANN int8, zero-skipping wins" in text
    assert f"{best['SNN'] / best['ANN']:.0f} times as much" in text
    assert "Plain unary spikes lose to the int8 ANN" in text
    assert "What would change it" in text


def test_few_bits_are_named_wherever_the_report_speaks_of_integers(tmp_path):
    comparison = sim.compare(samples=2, bits=4, weight_bits=5, profiles=["horowitz45"])
    bits = [row.weight_bits for row in comparison.spiking.layers if row.operation == "Linear" and row.unit]
    assert max(bits) == 5
    levels = {row.name: row.levels for row in comparison.spiking.layers}
    assert levels["block0.hidden"] == 16 and levels["block0.mid"] == 255
    page, data = (path.read_text() for path in save.save(comparison, tmp_path))
    text = Console(width=200, file=io.StringIO())
    show(comparison, text)
    terminal = text.file.getvalue()
    assert "int8" not in page + data + terminal
    for words in ("ANN W5A4, dense", "W5A4 integer program", "weights 5, values 4, other sums 8"):
        assert words in page and words in terminal
    assert json.loads(data)["bits"] == {"weights": 5, "activations": 4}


@pytest.mark.parametrize(
    ("given", "name", "text"),
    [
        ((8, None, None), "int8", "weights 8, values 8"),
        ((4, None, None), "int4", "weights 4, values 4, other sums 8"),
        ((16, None, None), "int16", "weights 16, values 16"),
        ((8, 10, None), "W8A10", "weights 8, values 10"),
        ((8, {"*": 6}, 4), "W4A6", "weights 4, values 6"),
        ((4, {"Softmax": 6}, {"a": 3, "*": 5}), "W3..5A6..8", "weights 3..5, values 6..8"),
    ],
)
def test_precision_says_which_bits_were_asked_for(given, name, text):
    precision = precision_of(*given)
    assert (precision.name, precision.text) == (name, text)


def test_what_is_folded_stands_dim_below_its_layer_and_has_a_row_of_its_own_on_the_page(comparison, tmp_path):
    text = Console(width=200, file=io.StringIO())
    text.print(layers_table(comparison.spiking))
    lines = [line.rstrip() for line in text.file.getvalue().splitlines()]
    at = next(i for i, line in enumerate(lines) if line.startswith(" norm "))
    assert lines[at + 1] == "   folded: Linear, Add"
    page = save.save(comparison, tmp_path)[0].read_text()
    assert page.count('<tr class="folded">') == sum(not row.unit for row in comparison.spiking.layers) > 5
    assert '<tr class="folded"><td>block1.down</td><td>Linear</td><td></td><td>folded into norm</td>' in page


def test_the_verdict_can_go_to_the_spikes(comparison, monkeypatch):
    """Where membranes and weights cost nothing and multiplications much, spikes win, and the verdict says so."""
    from dataclasses import replace

    from snnsim.hardware.profile import Interval

    def cheaper(entry):
        factor = 1e-4 if entry.what.startswith("SNN graded") else 1.0
        parts = {r: {k: Interval(*(factor * v for v in i)) for k, i in kinds.items()} for r, kinds in entry.report.parts.items()}
        return replace(entry, report=replace(entry.report, parts=parts))

    other = replace(comparison, energy={"horowitz45": tuple(map(cheaper, comparison.energy["horowitz45"]))})
    text = " ".join(verdict(other))
    assert "the SNN graded, settled wins" in text
    assert "What would change it" not in text


def test_no_winner_is_named_where_nothing_compares(comparison):
    from dataclasses import replace

    other = replace(comparison, energy={"tianjic28": comparison.energy["tianjic28"]})
    assert verdict(other) == ["None of the chosen profiles prices both the ANN and the spiking network, so there is no winner to name."]


def test_the_same_seed_gives_the_same_report_at_any_thread_count(comparison):
    other = sim.compare(samples=12, seed=3, threads=1)
    strip = [save.to_dict(c) for c in (comparison, other)]
    for data in strip:
        data.pop("seconds")
        for run in data["counts"]["spiking"]:
            run.pop("seconds")
    assert strip[0] == strip[1]
    assert sim.compare(samples=12, seed=4).certificate.digest != comparison.certificate.digest


def test_another_code_and_schedule_is_shown_beside_the_table(tmp_path):
    comparison = sim.compare(samples=2, code="binary", schedule="shuffled", profiles=["seneca22"])
    assert (comparison.main.code, comparison.main.schedule) == ("binary", "shuffled")
    assert len(comparison.runs) == 7
    save.save(comparison, tmp_path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"bits": 1}, "bits = 1 must be >= 2"),
        ({"weight_bits": 17}, "weight_bits = 17 must be <= 16"),
        ({"samples": 0}, "samples = 0 must be >= 1: the held-out split has 360"),
        ({"samples": 361}, "samples = 361 must be <= 360"),
        ({"samples": 2.5}, "samples = 2.5 must be a whole number"),
        ({"threads": 0}, "threads = 0 must be >= 1"),
        ({"seed": -1}, "seed = -1 must be >= 0"),
        ({"code": "rate"}, "code = 'rate' is not known. Valid: unary, binary, signed_digit, graded"),
        ({"schedule": "timed"}, "schedule = 'timed' is not known. Valid: settled, eager, shuffled"),
        ({"profiles": ["tpu"]}, "profile = 'tpu' is not known. Valid: a100"),
        ({"profiles": []}, "profiles is empty"),
        ({"profiles": "horowitz45"}, "must be a list of names"),
        ({"code": []}, "Valid: unary"),
        ({"progress": 3}, "progress = 3 must be a function"),
        ({"model": []}, "Valid: digits"),
        ({"model": "bert"}, "model = 'bert' is not known. Valid: digits"),
        ({"model": "net.pt2"}, "model = 'net.pt2' needs samples of its own. Give data"),
        ({"model": 3}, "model = 3 is not known"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(change, text):
    with pytest.raises(ParameterError, match=text):
        sim.compare(**change)


def test_a_failure_while_writing_leaves_nothing_behind(comparison, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(save.Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save.save(comparison, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_model_for_another_task_is_refused_before_any_work(tmp_path):
    import numpy as np

    from snnsim.graph.file import save_graph
    from snnsim.graph.ir import Graph
    from snnsim.graph.nodes import Input, Linear

    x = Input(name="x", inputs=(), shape=(3,), low=0, high=4, step=0.5)
    save_graph(Graph([x, Linear(name="o", inputs=("x",), shape=(2,), weight=np.ones((2, 3)), bias=np.zeros(2))]), tmp_path / "other.npz")
    with pytest.raises(ParameterError, match=r"reads \(3,\) in 0 .. 4 and answers \(2,\); the digits are \(16, 4\)"):
        sim.compare(str(tmp_path / "other.npz"))
