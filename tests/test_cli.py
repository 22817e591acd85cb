"""The command line, as a stranger meets it: in a process of its own."""

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


def snnsim(*arguments, cwd) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from snnsim.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "COLUMNS": "80"})


def test_help_explains_itself(tmp_path):
    done = snnsim("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "compare" in done.stdout
    options = snnsim("compare", "--help", cwd=tmp_path).stdout
    assert all(name in options for name in ("--images", "--code", "--schedule", "--profile", "--out", "--seed", "--threads", "--json"))
    assert snnsim("--version", cwd=tmp_path).stdout.strip() == f"snnsim {sim.__version__}"


def test_compare_prints_its_tables_and_writes_both_files(tmp_path):
    done = snnsim("compare", "--images", 6, "--out", "deep/folder", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("Accuracy on 6 held-out images", "Certificate", "Operations per inference", "Energy per inference", "wins with"):
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
        (["--profile", "tpu"], "Valid: horowitz45"),
        (["bert"], "Valid: digits"),
        (["damaged.npz"], "damaged.npz is damaged"),
        (["foreign.npz"], "has no header"),
        (["infinite.npz"], "holds NaN or infinity"),
        (["missing.npz"], "missing.npz does not exist"),
        (["--images", "0"], "images = 0 must be >= 1"),
        (["--images", "361"], "images = 361 must be <= 360"),
        (["--images", "many"], "valid integer"),
        (["--threads", "0"], "threads = 0 must be >= 1"),
        (["--seed", "-1"], "seed = -1 must be >= 0"),
        (["--out", "damaged.npz/x"], "cannot be written to"),
        (["--out", "/proc/nowhere"], "cannot be written to"),
        (["--colour", "red"], "No such option"),
        (["--out", "taken"], "report.json is a folder there"),
        (["--out", "new/deep", "--code", "rate"], "Valid: unary"),
        (["--out", "new/deep", "--images", "0"], "images = 0 must be >= 1"),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2_and_nothing_written(tmp_path, arguments, text):
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 no archive")
    np.savez(tmp_path / "foreign.npz", weights=np.zeros(3))
    shipped = Path(sim.__file__).parent / "data" / "digits_transformer.npz"
    with np.load(shipped) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["embed/bias"] = np.full_like(arrays["embed/bias"], np.nan)
    np.savez(tmp_path / "infinite.npz", **arrays)
    (tmp_path / "taken" / "report.json").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    done = snnsim("compare", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert text in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("snnsim: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_full_disk_behind_standard_output_is_said_and_leaves_the_reports_whole(tmp_path):
    command = [sys.executable, "-c", "from snnsim.cli import main; main()", "compare", "--images", "2", "--json"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "could not be printed: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["images"] == 2


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
