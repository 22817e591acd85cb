"""Every notebook runs, its outputs are stored, and its two forms agree."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
SCRIPTS = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
# The Jupyter client warns of its own event loop and sockets; the notebook's own warnings are in its outputs.
@pytest.mark.filterwarnings("default")
def test_a_notebook_runs_and_its_stored_form_is_its_script(script):
    jupytext = pytest.importorskip("jupytext", reason="jupytext comes with the test extra")
    client = pytest.importorskip("nbclient", reason="nbclient comes with the test extra")
    source = jupytext.read(script)
    stored = jupytext.read(script.with_suffix(".ipynb"))
    assert [(cell.cell_type, cell.source) for cell in stored.cells] == [(cell.cell_type, cell.source) for cell in source.cells]
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert any(cell.outputs for cell in code), "store the notebook with its outputs: make notebooks"
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    assert "assert " in code[-1].source, "a notebook ends in the claim it taught"
    client.NotebookClient(source, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()
