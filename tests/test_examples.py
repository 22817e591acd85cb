"""Examples print what the file beside them says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"
GOLDEN = sorted(FOLDER.glob("*.out"))


@pytest.mark.parametrize("expected", GOLDEN, ids=lambda path: path.stem)
def test_an_example_prints_its_expected_output(expected, tmp_path):
    script = expected.with_suffix(".py")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected.read_text()
    assert list(tmp_path.iterdir()) == []
