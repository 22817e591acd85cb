"""Graph files: round trip, and what a damaged or foreign file is answered."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import FormatError
from snnsim.graph.file import load_graph, save_graph

SHIPPED = Path(sim.__file__).parent / "data" / "digits_transformer.npz"


def rewrite(path: Path, change) -> Path:
    """Copy the shipped file to `path` with `change` applied to its dictionary of arrays."""
    with np.load(SHIPPED) as archive:
        arrays = {name: archive[name] for name in archive.files}
    change(arrays)
    with path.open("wb") as stream:
        np.savez(stream, **arrays)
    return path


def with_header(arrays, **values):
    header = {**json.loads(bytes(arrays["header"])), **values}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)


def test_a_saved_graph_loads_as_it_was(tmp_path):
    graph, about = sim.data.load_model("digits")
    save_graph(graph, tmp_path / "copy.npz", about=about)
    copy, facts = load_graph(tmp_path / "copy.npz")
    assert facts == about
    assert list(copy.nodes) == list(graph.nodes)
    x = sim.data.patches(sim.data.load_digits("test")[0][:5])
    for name, value in graph.evaluate(x).items():
        assert (copy.evaluate(x)[name] == value).all()


def test_a_truncated_file_is_called_damaged(tmp_path):
    path = tmp_path / "cut.npz"
    path.write_bytes(SHIPPED.read_bytes()[:20_000])
    with pytest.raises(FormatError, match=r"cut.npz is damaged"):
        load_graph(path)


def test_flipped_bytes_are_noticed(tmp_path):
    content = bytearray(SHIPPED.read_bytes())
    content[30_000:30_050] = bytes(50)
    path = tmp_path / "flipped.npz"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="is damaged"):
        load_graph(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 but no more"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"x.npz"):
        load_graph(path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda a: a.pop("header"), "has no header"),
        (lambda a: with_header(a, format="weights"), "has format 'weights'"),
        (lambda a: with_header(a, version=99), "has version 99"),
        (lambda a: a.update({"embed/weight": np.full_like(a["embed/weight"], np.inf)}), "'embed'.weight holds NaN or infinity"),
        (lambda a: a.pop("block1.q/weight"), "is damaged"),
        (lambda a: a.update({"block0.k/weight": a["block0.k/weight"][:, :5]}), "'block0.k' .* cannot take"),
        (lambda a: with_header(a, version=-3), "is damaged"),
        (lambda a: with_header(a, about=None), "is damaged"),
        (lambda a: a.update({"embed/bias": a["embed/bias"] * (1 + 2j)}), "is damaged"),
        (lambda a: a.update({"header": np.frombuffer(b"[" * 100_000, dtype=np.uint8)}), "is damaged"),
        (
            lambda a: with_header(
                a, nodes=[{"op": "Input", "name": "x", "inputs": [], "shape": [10**11, 4], "low": 0, "high": 1, "step": 1.0, "arrays": []}]
            ),
            "must hold sizes in 1 .. 2.24",
        ),
        (
            lambda a: with_header(
                a, nodes=[{"op": "Input", "name": "x", "inputs": [], "shape": [4], "low": 0, "high": 1, "step": -1.0, "arrays": []}]
            ),
            "'x'.step = -1.0 must be a finite number > 0",
        ),
        (lambda a: with_header(a, nodes=[{"op": "Eval", "name": "x", "arrays": []}]), "is damaged"),
    ],
)
def test_a_foreign_or_changed_file_says_what_is_wrong(tmp_path, change, text):
    with pytest.raises(FormatError, match=text):
        load_graph(rewrite(tmp_path / "changed.npz", change))


def test_a_missing_file_is_named():
    with pytest.raises(FormatError, match="nowhere.npz does not exist"):
        load_graph("nowhere.npz")


def test_loading_never_executes_code(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([Bomb()], dtype=object), allow_pickle=True)
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.npy", stream.getvalue())
    with pytest.raises(FormatError):
        load_graph(path)
    assert not (tmp_path / "executed").exists()
    pickle.loads(pickle.dumps(Bomb()))  # the bomb does work
    assert (tmp_path / "executed").exists()
