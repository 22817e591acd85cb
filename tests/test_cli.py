"""The command line, as a stranger meets it: in a process of its own, or, for the many ways to be refused, within this one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import snnsim as sim
from snnsim.cli import main
from snnsim.graph.file import save_graph
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Input, Linear


def snnsim(*arguments, cwd) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from snnsim.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "COLUMNS": "80"})


@pytest.fixture
def within(monkeypatch, capfd):
    """Return a function that runs the command line in this process: a new one loads numba for a second before it refuses."""

    def run(*arguments, cwd) -> subprocess.CompletedProcess:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["snnsim", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        return subprocess.CompletedProcess(sys.argv, stop.value.code or 0, *capfd.readouterr())

    return run


def test_help_explains_itself(tmp_path):
    done = snnsim("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "compare" in done.stdout
    options = snnsim("compare", "--help", cwd=tmp_path).stdout
    assert all(
        name in options
        for name in ("--data", "--samples", "--images", "--code", "--schedule", "--profile", "--out", "--seed", "--threads", "--json")
    )
    assert snnsim("--version", cwd=tmp_path).stdout.strip() == f"snnsim {sim.__version__}"


def test_energy_prints_a_table_per_chip_and_writes_both_files(tmp_path):
    done = snnsim("energy", "--samples", 3, "--profile", "horowitz45", "--profile", "a100", "--bits", 4, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("ANN fp32, dense", "ANN int4, zero-skipping", "SNN graded, settled", "NVIDIA A100", "runs no spikes", "horowitz45: ANN"):
        assert words in done.stdout
    table = json.loads((tmp_path / "energy.json").read_text())
    assert table["inferences"] == 3
    assert (tmp_path / "energy.html").exists()


def test_compare_prints_its_tables_and_writes_both_files(tmp_path):
    done = snnsim("compare", "--images", 6, "--out", "deep/folder", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in (
        "Answers on 6 held-out images",
        "Layers: what each operation became",
        "Certificate",
        "Operations per inference",
        "Energy per inference",
        "wins with",
    ):
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert sorted(path.name for path in (tmp_path / "deep/folder").iterdir()) == ["report.html", "report.json"]


def test_json_on_standard_output_is_the_written_file(tmp_path):
    done = snnsim("compare", "--images", 3, "--json", "--profile", "seneca22", cwd=tmp_path)
    assert json.loads(done.stdout) == json.loads((tmp_path / "report.json").read_text())
    assert list(json.loads(done.stdout)["energy"]) == ["seneca22"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--code", "rate"], "Valid: unary, binary, signed_digit, graded"),
        (["--schedule", "timed"], "Valid: settled, eager, shuffled"),
        (["--profile", "tpu"], "Valid: a100"),
        (["bert"], "Valid: digits"),
        (["damaged.npz"], "damaged.npz is damaged"),
        (["foreign.npz"], "has no header"),
        (["infinite.npz"], "holds NaN or infinity"),
        (["missing.npz"], "missing.npz does not exist"),
        (["--images", "0"], "samples = 0 must be >= 1"),
        (["--images", "361"], "samples = 361 must be <= 360"),
        (["--images", "many"], "valid integer"),
        (["--threads", "0"], "threads = 0 must be >= 1"),
        (["--seed", "-1"], "seed = -1 must be >= 0"),
        (["--out", "damaged.npz/x"], "cannot be written to"),
        (["--out", "/proc/nowhere"], "cannot be written to"),
        (["--colour", "red"], "No such option"),
        (["--out", "taken"], "report.json is a folder there"),
        (["--out", "new/deep", "--code", "rate"], "Valid: unary"),
        (["--out", "new/deep", "--images", "0"], "samples = 0 must be >= 1"),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2_and_nothing_written(tmp_path, within, arguments, text):
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 no archive")
    np.savez(tmp_path / "foreign.npz", weights=np.zeros(3))
    shipped = Path(sim.__file__).parent / "data" / "digits_transformer.npz"
    with np.load(shipped) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["embed/bias"] = np.full_like(arrays["embed/bias"], np.nan)
    np.savez(tmp_path / "infinite.npz", **arrays)
    (tmp_path / "taken" / "report.json").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    done = within("compare", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert text in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("snnsim: ")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--profile", "tpu"], "Valid: a100"),
        (["--bits", "1"], "bits = 1 must be >= 2"),
        (["--tokens", "0"], "tokens = 0 must be >= 1"),
        (["--seed", "-1"], "seed = -1 must be >= 0"),
        (["--samples", "0"], "samples = 0 must be >= 1"),
        (["--out", "/proc/nowhere"], "cannot be written to"),
        (["--out", "taken"], "energy.json is a folder there"),
    ],
)
def test_bad_input_to_energy_is_one_line_before_anything_is_counted(tmp_path, within, arguments, text):
    (tmp_path / "taken" / "energy.json").mkdir(parents=True)
    done = within("energy", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert text in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.strip()]) == 1, done.stderr
    assert not list(tmp_path.rglob("*.html"))


@pytest.mark.parametrize("arguments", [["--code", "rate"], ["missing.npz"], ["--colour", "red"]])
def test_a_process_of_its_own_says_and_returns_the_same(tmp_path, within, arguments):
    here, apart = within("compare", *arguments, cwd=tmp_path), snnsim("compare", *arguments, cwd=tmp_path)
    assert here.returncode == apart.returncode == 2
    assert here.stderr == apart.stderr and here.stdout == apart.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def own(tmp_path):
    """A folder with a graph of one's own, and samples for it."""
    random = np.random.default_rng(0)
    layer = Linear(name="scores", inputs=("x",), shape=(3,), weight=random.normal(size=(3, 4)), bias=random.normal(size=3))
    save_graph(Graph([Input(name="x", inputs=(), shape=(4,), kind="real"), layer]), tmp_path / "own.npz")
    x = random.normal(size=(20, 4))
    np.savez(tmp_path / "samples.npz", x=x, labels=random.integers(0, 3, size=20))
    np.savez(tmp_path / "wrong.npz", x=x[:, :3])
    np.savez(tmp_path / "hollow.npz", x=x * np.nan)
    return tmp_path


def test_a_model_and_data_of_ones_own_are_compared(own):
    done = snnsim("compare", "own.npz", "--data", "samples.npz", "--profile", "horowitz45", cwd=own)
    assert done.returncode == 0, done.stderr
    for words in ("Answers on 10 samples", "accuracy, spiking network", "scores: cosine", "calibrated on 10 of the 20 samples given"):
        assert words in done.stdout
    assert json.loads((own / "report.json").read_text())["model"] == "own.npz"


def test_bits_are_those_asked_for(own):
    done = snnsim("compare", "own.npz", "--data", "samples.npz", "--profile", "horowitz45", "--bits", 4, cwd=own)
    assert done.returncode == 0, done.stderr
    assert "int4 integer program" in done.stdout and "int8" not in done.stdout
    done = snnsim("convert", "own.npz", "--data", "samples.npz", "--out", "net.npz", "--bits", 4, "--weight-bits", 6, cwd=own)
    assert done.returncode == 0, done.stderr
    rows = {row.name: row for row in sim.load_converted(own / "net.npz").layers}
    assert (rows["x"].levels, rows["scores"].weight_bits) == (15, 6)


def test_a_converted_network_is_proven_saved_and_loaded_again(own):
    done = snnsim("convert", "own.npz", "--data", "samples.npz", "--out", "net.npz", "--activation-bits", 10, cwd=own)
    assert done.returncode == 0, done.stderr
    assert "Layers: what each operation became" in done.stdout
    assert "112 integers compared with the integer program, 0 mismatches" in done.stdout
    model = sim.load_converted(own / "net.npz")
    assert {row.name: row.levels for row in model.layers} == {"x": 1023, "scores": 1}
    with np.load(own / "samples.npz") as samples:
        graph, _ = sim.data.load_model(str(own / "own.npz"))
        np.testing.assert_allclose(model(samples["x"]).outputs["scores"], graph.evaluate(samples["x"])["scores"], atol=0.03)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["compare", "own.npz"], "Give data for it, for example --data samples.npz"),
        (["compare", "own.npz", "--data", "missing.npz"], "missing.npz does not exist"),
        (["compare", "own.npz", "--data", "wrong.npz"], "wrong.npz: 'x' has shape (20, 3) but must have (batch, 4)"),
        (["compare", "own.npz", "--data", "hollow.npz"], "hollow.npz: 'x' holds NaN or infinity"),
        (["compare", "own.npz", "--data", "own.npz"], "array = 'header' is not known. Valid: x, labels, calibration_x"),
        (["compare", "own.npz", "--data", "samples.npz", "--samples", "11"], "samples = 11 must be <= 10"),
        (["compare", "net.pt2"], "needs samples of its own"),
        (["convert", "own.npz", "--data", "samples.npz", "--out", "net.txt"], "must end in .npz"),
        (["convert", "own.npz", "--data", "samples.npz", "--out", "nowhere/net.npz"], "cannot be written to"),
        (["convert", "own.npz", "--data", "samples.npz"], "Missing option '--out'"),
        (["convert", "own.npz", "--data", "wrong.npz", "--out", "net.npz"], "wrong.npz: 'x' has shape (20, 3)"),
        (["convert", "own.npz", "--data", "samples.npz", "--out", "net.npz", "--weight-bits", "17"], "weight_bits = 17 must be <= 16"),
    ],
)
def test_models_and_data_that_do_not_fit_are_one_line_with_exit_code_2(own, within, arguments, text):
    before = sorted(own.rglob("*"))
    done = within(*arguments, cwd=own)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and text in lines[0], done.stderr
    assert sorted(own.rglob("*")) == before


def test_a_damaged_torch_program_is_one_line_too(own, within):
    pytest.importorskip("torch", reason="torch comes with the test extra")
    (own / "bad.pt2").write_text("no program")
    done = within("convert", "bad.pt2", "--data", "samples.npz", "--out", "net.npz", cwd=own)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and "bad.pt2' cannot be read by torch" in lines[0], done.stderr


def test_a_full_disk_behind_standard_output_is_said_and_leaves_the_reports_whole(tmp_path):
    command = [sys.executable, "-c", "from snnsim.cli import main; main()", "compare", "--images", "2", "--json"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "could not be printed: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["samples"] == 2


def test_ctrl_c_leaves_no_partial_report(tmp_path):
    command = [sys.executable, "-c", "from snnsim.cli import main; main()", "compare"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    maps = Path(f"/proc/{process.pid}/maps")
    until = time.monotonic() + 60
    while maps.exists() and "llvmlite" not in maps.read_text() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1.0)  # numba is loaded: the run itself is under way
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "snnsim: interrupted; no report was written."
    assert list(tmp_path.iterdir()) == []
