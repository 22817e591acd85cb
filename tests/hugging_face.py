"""Models of Hugging Face transformers, tiny and random, and what they take. No network: nothing is downloaded."""

from __future__ import annotations

import os

import pytest
import torch

os.environ.setdefault("HF_HUB_OFFLINE", "1")
transformers = pytest.importorskip("transformers", reason="transformers comes with the test extra")

IDS = torch.randint(1, 30, (3, 7), generator=torch.Generator().manual_seed(0))
MASK = torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [1] * 2 + [0] * 5])
MASKED = {"input_ids": IDS, "attention_mask": MASK}
#: without weights of a usual size all attention is flat and every row of tokens the same
SPREAD = {"initializer_range": 0.3}
SMALL = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16} | SPREAD


def bert(attention="sdpa"):
    return transformers.BertModel(transformers.BertConfig(**SMALL, max_position_embeddings=12, attn_implementation=attention))


def gpt2(attention="sdpa"):
    config = transformers.GPT2Config(
        vocab_size=30, n_embd=8, n_layer=2, n_head=2, n_positions=12, attn_implementation=attention,
        bos_token_id=0, eos_token_id=0, **SPREAD,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config)


def vit():
    config = transformers.ViTConfig(
        hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=8, patch_size=4, num_labels=3, **SPREAD
    )
    return transformers.ViTForImageClassification(config)


def t5():
    config = transformers.T5Config(vocab_size=30, d_model=8, d_kv=4, d_ff=16, num_layers=2, num_heads=2)
    return transformers.T5ForConditionalGeneration(config)


def llama():
    config = transformers.LlamaConfig(**SMALL, num_key_value_heads=1, max_position_embeddings=12)
    return transformers.LlamaForCausalLM(config)


def roberta():
    return transformers.RobertaModel(transformers.RobertaConfig(**SMALL, max_position_embeddings=12))
