"""Examples print what the file beside them says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import snnsim as sim

FOLDER = Path(__file__).resolve().parents[1] / "examples"
GOLDEN = sorted(FOLDER.glob("*.out"))


@pytest.mark.parametrize("expected", GOLDEN, ids=lambda path: path.stem)
def test_an_example_prints_its_expected_output(expected, tmp_path):
    script = expected.with_suffix(".py")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected.read_text()
    assert list(tmp_path.iterdir()) == []


def test_training_again_gives_the_shipped_model_within_one_percent(tmp_path):
    pytest.importorskip("torch", reason="torch comes with the test extra")
    command = [sys.executable, str(FOLDER / "train_digits_transformer.py"), "--out", "model.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    accuracy = float(re.search(r"held-out accuracy (\S+)", done.stdout)[1])
    shipped, about = sim.data.load_model("digits")
    assert accuracy == pytest.approx(about["held_out_accuracy"], abs=0.01)
    graph, facts = sim.data.load_model(str(tmp_path / "model.npz"))
    assert facts["held_out_accuracy"] == pytest.approx(accuracy, abs=1e-4)
    assert list(graph.nodes) == list(shipped.nodes)
