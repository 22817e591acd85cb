"""Models of Hugging Face transformers: the graph computes what they do, and the spikes what the integer program does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hugging_face import IDS, MASKED, bert, gpt2, llama, roberta, t5, vit
from traced import compare, kinds

import snnsim as sim

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

#: models that cast to single precision in the middle, so that a copy in double precision is not exact either
SINGLE = 1e-6

#: contexts without padding, to calibrate on
FULL = {
    "input_ids": torch.randint(0, 30, (24, 7), generator=torch.Generator().manual_seed(1)),
    "attention_mask": torch.ones(24, 7, dtype=torch.int64),
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(5)


def hold_as_spikes(graph, calibration, sample):
    """Hold the spiking network to its integer program on other samples, padded ones among them, and that to the graph on more bits."""
    values = graph.evaluate({name: array.numpy() for name, array in calibration.items()})
    errors = []
    for bits in (8, 12):
        spiking = sim.convert(graph, calibration, activation_bits=bits, weight_bits=bits)
        found = spiking.outputs(spiking.reference(calibration))
        errors.append(max(np.abs(found[name] - values[name]).max() / np.abs(values[name]).max() for name in found))
        for code in ("graded", "signed_digit"):
            certificate = spiking.verify(spiking(sample, code=code), spiking.reference(sample))
            assert (certificate.mismatches, len(certificate.layers)) == (0, len(spiking.integer_graph.layers))
    assert errors[1] < min(0.03, errors[0] / 2)


def test_bert_with_a_mask():
    graph = compare(bert(), MASKED)
    assert "encoder.layer.0.attention.self.query" in graph.nodes
    assert all(len(node.inputs) == 2 for node in graph.nodes.values() if type(node).__name__ == "Softmax")
    hold_as_spikes(graph, FULL, MASKED)


def test_bert_with_eager_attention_and_types_of_tokens():
    graph = compare(bert("eager"), MASKED | {"token_type_ids": (IDS > 15).long()})
    assert [(node.name, node.high) for node in graph.inputs] == [("input_ids", 29), ("attention_mask", 1), ("token_type_ids", 1)]


def test_bert_without_a_mask():
    compare(bert(), {"input_ids": IDS})


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_gpt2_with_a_mask(attention):
    graph = compare(gpt2(attention), MASKED)
    if attention == "sdpa":
        hold_as_spikes(graph, FULL, MASKED)


def test_gpt2_without_a_mask():
    compare(gpt2(), {"input_ids": IDS})


def test_vit():
    images = torch.randn(24, 3, 8, 8)
    graph = compare(vit(), {"pixel_values": images[:2]})
    hold_as_spikes(graph, {"pixel_values": images}, {"pixel_values": images[:3] / 2})


def test_t5_encoder_and_decoder_with_relative_bias_and_masks():
    sample = MASKED | {"decoder_input_ids": IDS[:, :4]}
    graph = compare(t5(), sample, tolerance=SINGLE)
    assert kinds(graph).count("LayerNorm") == 12, "every RMSNorm that T5 writes out"
    hold_as_spikes(graph, FULL | {"decoder_input_ids": FULL["input_ids"][:, :4]}, sample)


def test_llama_with_grouped_queries_and_rotary_positions():
    graph = compare(llama(), MASKED, tolerance=SINGLE)
    assert kinds(graph).count("LayerNorm") == 5
    hold_as_spikes(graph, FULL, MASKED)


def test_roberta_counts_its_positions_on_the_host():
    graph = compare(roberta(), MASKED)
    hold_as_spikes(graph, FULL, MASKED)
