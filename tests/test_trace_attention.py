"""Attention in all its forms: torch's own, and written out by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traced import Module, compare, kinds

torch.manual_seed(1)
QUERY, KEY = torch.randn(2, 3, 8), torch.randn(2, 4, 8)
PAD = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1]]).bool()
TOKENS = torch.tensor([[1, 1, 1], [1, 1, 0]])


class Heads(nn.Module):
    """nn.MultiheadAttention with its arguments fixed."""

    def __init__(self, mask=None, weights=False, average=True, causal=False, **arguments):
        super().__init__()
        torch.manual_seed(2)
        self.inner = nn.MultiheadAttention(8, 2, **{"batch_first": True, **arguments})
        self.weights, self.average, self.causal = weights, average, causal
        self.register_buffer("mask", mask)

    def forward(self, query, key=None, value=None, pad=None):
        key = query if key is None else key
        value = key if value is None else value
        out, weights = self.inner(
            query, key, value, key_padding_mask=pad, attn_mask=self.mask, need_weights=self.weights, average_attn_weights=self.average,
            is_causal=self.causal,
        )  # fmt: skip
        return (out, weights) if self.weights else out


@pytest.mark.parametrize(("weights", "average"), [(False, True), (True, True), (True, False)])
class TestMultiheadAttention:
    def test_of_a_sequence_to_itself(self, weights, average):
        compare(Heads(weights=weights, average=average), QUERY)

    def test_with_padded_keys(self, weights, average):
        compare(Heads(weights=weights, average=average), (QUERY, KEY, KEY, PAD))

    def test_with_places_masked_for_all_and_padded_keys(self, weights, average):
        graph = compare(Heads(torch.triu(torch.ones(3, 4), 2).bool(), weights, average), (QUERY, KEY, KEY, PAD))
        node = next(node for node in graph.nodes.values() if type(node).__name__ == "Softmax")
        assert node.mask is not None or len(node.inputs) == 2

    def test_with_a_finite_bias_on_the_scores(self, weights, average):
        compare(Heads(torch.randn(3, 4), weights, average), (QUERY, KEY, KEY))

    def test_with_a_learned_and_a_zero_key(self, weights, average):
        compare(Heads(weights=weights, average=average, add_bias_kv=True, add_zero_attn=True), (QUERY, KEY, KEY, PAD))

    def test_with_keys_and_values_of_other_widths(self, weights, average):
        model = Heads(weights=weights, average=average, kdim=5, vdim=6, bias=False)
        compare(model, (QUERY, torch.randn(2, 4, 5), torch.randn(2, 4, 6)))


ARGUMENTS = {
    "no bias": {"bias": False},
    "a learned key": {"add_bias_kv": True},
    "a zero key": {"add_zero_attn": True},
    "other keys, learned": {"kdim": 5, "vdim": 6, "add_bias_kv": True},
    "other values, a zero key, no bias": {"vdim": 6, "add_zero_attn": True, "bias": False},
    "sequences before the batch, both keys": {"batch_first": False, "add_bias_kv": True, "add_zero_attn": True},
}


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_every_argument_of_its_constructor(name, weights):
    arguments = ARGUMENTS[name]
    first = arguments.get("batch_first", True)
    inputs = [torch.randn(2, 3, 8), torch.randn(2, 4, arguments.get("kdim", 8)), torch.randn(2, 4, arguments.get("vdim", 8))]
    inputs = tuple(x if first else x.transpose(0, 1) for x in inputs)
    axis = int(not first)
    axes = {"query": axis, "key": axis, "value": axis, "pad": 0}
    # weights have the batch in front whatever the order of the rest
    compare(Heads(weights=weights, **arguments), (*inputs, PAD), batch_axis=axes, output_axis=[axis, 0][: 1 + weights])


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("truth", [False, True])
def test_a_causal_mask_of_any_type_goes_with_padded_keys(weights, truth):
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    mask = mask != 0 if truth else mask
    compare(Heads(mask, weights, causal=True), (QUERY, QUERY + 1, QUERY - 1, TOKENS == 0))


def test_sequences_may_come_before_the_batch():
    compare(Heads(batch_first=False), (QUERY.mT.permute(2, 0, 1), KEY.transpose(0, 1)), batch_axis=1)
    arguments = (QUERY.transpose(0, 1), KEY.transpose(0, 1), KEY.transpose(0, 1), PAD)
    compare(Heads(batch_first=False), arguments, batch_axis={"query": 1, "key": 1, "value": 1, "pad": 0})


def test_a_causal_mask_is_missing_edges_and_no_node():
    graph = compare(Heads(nn.Transformer.generate_square_subsequent_mask(3), causal=True), QUERY)
    assert "Affine" not in kinds(graph) and "Elementwise" not in kinds(graph)
    node = next(node for node in graph.nodes.values() if type(node).__name__ == "Softmax")
    assert node.mask.tolist() == [torch.tril(torch.ones(3, 3)).bool().tolist()] * 2


def test_grouped_queries_with_a_scale_of_their_own():
    model = Module(lambda m, q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True, is_causal=True, scale=0.3))
    compare(model, (torch.randn(2, 4, 3, 5), torch.randn(2, 2, 3, 5), torch.randn(2, 2, 3, 6)))


def test_a_truth_mask_as_an_input():
    q = torch.randn(2, 4, 3, 5)
    mask = torch.tensor([[1, 1, 0], [1, 0, 1]]).bool()[:, None, None, :]
    graph = compare(Module(lambda m, q, k, v, mask: F.scaled_dot_product_attention(q, k, v, attn_mask=mask)), (q, q + 1, q - 1, mask))
    assert [node.kind for node in graph.inputs] == ["real", "real", "real", "index"]


class ByHand(nn.Module):
    """Attention as it is written in a hundred repositories."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
        self.register_buffer("seen", torch.tril(torch.ones(3, 3)))

    def heads(self, x):
        return x.view(*x.shape[:2], 2, 4).transpose(1, 2)

    def forward(self, x, mask=None):
        scores = self.heads(self.query(x)) @ self.heads(self.key(x)).transpose(-2, -1) / 4**0.5
        scores = scores.masked_fill(self.seen == 0, float("-inf"))
        if mask is not None:
            scores = scores.masked_fill(mask[:, None, None, :] == 0, -1e9)
        return (F.softmax(scores, -1) @ self.heads(self.value(x))).transpose(1, 2).flatten(2)


def test_attention_by_hand_is_two_products_and_a_softmax():
    graph = compare(ByHand(), QUERY)
    assert kinds(graph) == ["Input", "Linear", "Linear", "Multiply", "Softmax", "Linear", "Multiply"]


def test_causal_and_padding_masks_meet_in_one_softmax():
    graph = compare(ByHand(), (QUERY, TOKENS))
    node = next(node for node in graph.nodes.values() if type(node).__name__ == "Softmax")
    assert node.mask is not None and len(node.inputs) == 2 and node.inputs[1] in graph.host


def test_a_mask_may_be_added_and_tokens_averaged_by_it():
    def forward(m, x, mask):
        scores = m.query(x) @ m.key(x).mT * 0.3 + (1.0 - mask[:, None, :].to(x.dtype)) * -10000.0
        out = F.softmax(scores, -1) @ m.value(x)
        return (out * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True).clamp(min=1e-9)

    parts = {name: nn.Linear(8, 8) for name in ("query", "key", "value")}
    compare(Module(forward, **parts), (QUERY, TOKENS))


def test_a_mask_added_to_a_learned_bias_before_the_scores_blocks():
    def forward(m, x, mask):
        blocked = (1.0 - mask[:, None, :].to(x.dtype)) * torch.finfo(torch.float32).min
        return F.softmax(m.query(x) @ m.key(x).mT + (m.bias + blocked), -1) @ x

    model = Module(forward, query=nn.Linear(8, 8), key=nn.Linear(8, 8), bias=nn.Parameter(torch.randn(4, 4)))
    x, mask = torch.randn(2, 4, 8), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    graph = compare(model, (x, mask))
    (name,) = (name for name, node in graph.nodes.items() if type(node).__name__ == "Softmax")
    assert len(graph.nodes[name].inputs) == 2
    weights = graph.evaluate((x.numpy(), mask.numpy()))[name]
    assert (weights.reshape(2, 4, 4)[1, :, 2:] == 0.0).all()


def test_rotary_positions_are_scales_and_a_sum():
    angles = torch.arange(3)[:, None] * torch.tensor([1.0, 0.1, 0.01, 0.001])
    cos, sin = (torch.cat([f(angles)] * 2, -1) for f in (torch.cos, torch.sin))

    def turned(m, x):
        first, second = x.chunk(2, -1)
        return x * m.cos + torch.cat([-second, first], -1) * m.sin

    model = Module(lambda m, x: F.softmax(turned(m, m.query(x)) @ turned(m, x).mT, -1) @ x, query=nn.Linear(8, 8), cos=cos, sin=sin)
    graph = compare(model, QUERY)
    assert kinds(graph).count("Affine") == 4 and kinds(graph).count("Add") == 2


def test_softmax_over_any_axis():
    compare(Module(lambda m, x: F.softmax(x, 1)), QUERY)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_decoder_attends_to_itself_and_to_the_memory(norm_first):
    layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first)
    model = Module(
        lambda m, x, y: m.inner(x, y, tgt_mask=m.mask),
        inner=nn.TransformerDecoder(layer, 1),
        mask=nn.Transformer.generate_square_subsequent_mask(3),
    )
    assert kinds(compare(model, (QUERY, KEY))).count("Softmax") == 2


def test_a_whole_transformer_with_masks_of_both_kinds():
    def forward(m, source, target, pad, target_pad):
        mask = torch.triu(torch.ones(3, 3), 1).bool()
        return m.inner(
            source, target, tgt_mask=mask, src_key_padding_mask=pad, tgt_key_padding_mask=target_pad, memory_key_padding_mask=pad
        )

    model = Module(forward, inner=nn.Transformer(8, 2, 1, 1, 16, batch_first=True))
    compare(model, (KEY, QUERY, PAD, TOKENS == 0))


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_whole_transformer_of_sequences_before_the_batch():
    compare(nn.Transformer(8, 2, 1, 1, 16), (KEY.transpose(0, 1), QUERY.transpose(0, 1)), batch_axis=1)
