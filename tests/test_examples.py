"""Examples print what the file beside them says."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import snnsim as sim
from snnsim import analysis

FOLDER = Path(__file__).resolve().parents[1] / "examples"
SHARED = FOLDER.parents[1] / "shared" / "data"

#: They read what does not ship; their expected output is theirs who have it.
NEED_DATA = ("convert_minilm", "convert_mnist_cnn", "sparse_decoding")
#: Run at a smaller size, in a test of its own.
SHORTENED = ("analog_chips", "convert_char_gpt")
GOLDEN = sorted(path for path in FOLDER.glob("*.out") if path.stem not in NEED_DATA + SHORTENED)


#: They take a while, and draw in the run that prints.
LESSONS = (
    "dynamic_sparsity", "few_shot_readout", "inhibitory_plasticity", "own_rule", "pattern_detection", "placement",
    "principal_components", "reward", "selectivity", "sweep", "unsupervised_digits",
)  # fmt: skip


#: They show another library at work, which the test extra brings.
PEERS = {
    "nir_exchange": ("nir", "snntorch"),
    "placement": ("pymetis",),
    "rate_baselines": ("torch",),
    "rate_fine_tuning": ("torch", "snntorch"),
    "sweep": ("distributed", "scipy"),
}


def check_picture(path: Path) -> None:
    image = matplotlib.image.imread(path)
    assert min(image.shape[:2]) > 300 and image[..., :3].std() > 0.05  # drawn on, not blank


@pytest.mark.parametrize("expected", GOLDEN, ids=lambda path: path.stem)
def test_an_example_prints_its_expected_output(expected, tmp_path, tmp_path_factory):
    for package in PEERS.get(expected.stem, ()):
        pytest.importorskip(package, reason=f"{package} comes with the test extra")
    script, picture = expected.with_suffix(".py"), tmp_path_factory.mktemp("pictures") / "picture.png"
    options = ["--picture", str(picture)] if expected.stem in LESSONS else []
    done = subprocess.run([sys.executable, str(script), *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected.read_text()
    assert list(tmp_path.iterdir()) == []
    if options:
        check_picture(picture)


def parts(said: str) -> tuple[str, ...]:
    """Return what convert_char_gpt printed: the certificate, how many characters, by which codes, the text, the costs."""
    return re.fullmatch(r"([^\n]*\n)(\d+)( characters written [^\n]*:\n)(.*)\n(character 128 of .*)", said, re.DOTALL).groups()


def test_a_language_model_writes_by_spikes_the_text_that_was_recorded(tmp_path):
    pytest.importorskip("torch", reason="torch comes with the test extra")
    picture = tmp_path / "picture.png"
    # One character more than fill the context: it is read again. Its integer program reads it all for every character.
    command = [sys.executable, str(FOLDER / "convert_char_gpt.py"), "--length", "113", "--picture", str(picture)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said, recorded = parts(done.stdout), parts((FOLDER / "convert_char_gpt.out").read_text())
    assert (said[1], recorded[1]) == ("113", "500")
    assert recorded[3].startswith(said[3]) and len(said[3]) == 113 + len("KING RICHARD II:\n")
    assert [said[i] for i in (0, 2, 4)] == [recorded[i] for i in (0, 2, 4)]
    check_picture(picture)
    assert list(tmp_path.iterdir()) == [picture]


def test_analog_chips_cost_what_the_recorded_run_said(monkeypatch, capsys):
    """With one chip of each kind instead of three: what is left to compare is all but the means over chips."""
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(sys, "argv", ["analog_chips", "--chips", "1"])
    runpy.run_path(str(FOLDER / "analog_chips.py"), run_name="__main__")
    said, recorded = capsys.readouterr().out.splitlines(), (FOLDER / "analog_chips.out").read_text().splitlines()
    costs = next(i for i, line in enumerate(recorded) if line.startswith("one image, nJ"))
    assert said[costs:] == recorded[costs:]
    assert said[:2] == recorded[:2]
    rows = [line[:34].strip() for line in recorded[3:costs]]
    assert [line[:34].strip() for line in said[3:costs]] == rows and len(rows) == 9
    assert [line.split()[-1] for line in said[3:costs]] == [line.split()[-1] for line in recorded[3:costs]]  # the readout of one chip


def test_a_text_too_short_to_fill_the_context_is_refused(monkeypatch, capsys):
    pytest.importorskip("torch", reason="torch comes with the test extra")
    monkeypatch.setattr(sys, "argv", ["convert_char_gpt", "--length", "111"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(FOLDER / "convert_char_gpt.py"), run_name="__main__")
    assert "--length must be at least 112" in capsys.readouterr().err


PICTURES = {"cuba": ["--duration", "500"], "coba": ["--duration", "300"], "microcircuit": ["--scale", "0.05", "--duration", "1000"]}


@pytest.mark.parametrize("name", [*PICTURES, "currents"])
def test_an_example_draws_its_picture(name, tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    monkeypatch.setattr(sys, "argv", [name, *PICTURES.get(name, []), "--picture", str(path)])
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    check_picture(path)


@pytest.mark.parametrize("name", PICTURES)
def test_a_run_too_short_to_measure_is_refused_before_it_starts(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--duration", "50"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    assert re.search(r"--duration (must be )?at least \d+ ms", capsys.readouterr().err)


def test_convolutional_networks_say_by_spikes_what_the_recorded_run_said(monkeypatch, capsys):
    pytest.importorskip("torch", reason="torch comes with the test extra")
    if not (SHARED / "mnist").exists():
        pytest.skip(f"no MNIST in {SHARED / 'mnist'}")
    monkeypatch.setattr(sys, "argv", ["convert_mnist_cnn", "--mnist", str(SHARED / "mnist"), "--images", "100"])
    runpy.run_path(str(FOLDER / "convert_mnist_cnn.py"), run_name="__main__")
    said, recorded = capsys.readouterr().out, (FOLDER / "convert_mnist_cnn.out").read_text()
    # The counts are of the first 100 images, whatever the number classified.
    counted = [line for line in recorded.splitlines() if line.startswith("  ")]
    assert len(counted) == 4 * 8
    assert [line for line in said.splitlines() if line.startswith("  ")] == counted
    assert said.count(", 0 mismatches") == 4


def test_sparse_decoding_says_what_is_recorded_of_whatever_does_not_depend_on_the_text(monkeypatch, capsys):
    pytest.importorskip("torch", reason="torch comes with the test extra")
    text = SHARED / "text" / "tinyshakespeare.txt"
    if not text.exists():
        pytest.skip(f"no text at {text}")
    monkeypatch.setattr(sys, "argv", ["sparse_decoding", "--text", str(text), "--pieces", "1"])
    runpy.run_path(str(FOLDER / "sparse_decoding.py"), run_name="__main__")
    said, recorded = capsys.readouterr().out.splitlines(), (FOLDER / "sparse_decoding.out").read_text().splitlines()
    assert len(said) == len(recorded)

    def costs(lines):
        """Return MACs, share skipped, energy and share of weights where nothing is decided by values."""
        return [line[33:].replace("*", " ").split()[:4] for line in lines if line.startswith(("ANN dense", "ANN top k attention"))]

    assert costs(said) == costs(recorded) and len(costs(said)) == 3
    perplexities = [float(line[22:33]) for line in said[2:]]
    assert min(perplexities) > 1.0 and max(perplexities) < 20.0


def test_an_example_without_its_data_says_what_to_give(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["convert_mnist_cnn"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(FOLDER / "convert_mnist_cnn.py"), run_name="__main__")
    assert "give --mnist FOLDER, with t10k-images-idx3-ubyte" in capsys.readouterr().err


def test_the_microcircuit_fires_as_in_nest_at_the_same_scale():
    module = runpy.run_path(str(FOLDER / "microcircuit.py"))
    synapses = np.log(1.0 - module["PROBABILITIES"]) / np.log(1.0 - 1.0 / np.outer(module["SIZES"], module["SIZES"]))
    assert (module["SIZES"].sum(), np.rint(synapses).sum()) == (77_169, 298_880_968)  # the published sizes
    run = sim.simulate(module["network"](0.1, np.random.default_rng(1)), 1_200.0, engine="clock", seed=2)
    trains = [run.spikes[name] for name in module["NAMES"]]
    rates = np.array([analysis.population_rate(train, 1_000.0, window=(200.0, 1_200.0))[1][0] for train in trains])
    # NEST 3.10 with the parameters of the example, two runs of 2 s; in 1 s these rates are known to some 10 %.
    nest = np.array([[0.50, 2.12, 4.01, 5.00, 6.35, 7.91, 0.81, 7.03], [0.48, 2.10, 3.91, 5.07, 6.70, 7.75, 0.93, 7.03]]).mean(axis=0)
    assert np.abs(rates / nest - 1.0).max() < 0.25
    assert rates.sum() == pytest.approx(nest.sum(), rel=0.05)


def test_a_shorter_training_comes_within_one_percent_of_the_shipped_model(tmp_path):
    pytest.importorskip("torch", reason="torch comes with the test extra")
    command = [sys.executable, str(FOLDER / "train_digits_transformer.py"), "--epochs", "60", "--out", "model.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    accuracy = float(re.search(r"held-out accuracy (\S+)", done.stdout)[1])
    shipped, about = sim.data.load_model("digits")
    assert accuracy == pytest.approx(about["held_out_accuracy"], abs=0.01)
    graph, facts = sim.data.load_model(str(tmp_path / "model.npz"))
    assert facts["held_out_accuracy"] == pytest.approx(accuracy, abs=1e-4)
    assert list(graph.nodes) == list(shipped.nodes)
