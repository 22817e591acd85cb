"""Attention masks of all forms that torch takes, as constants and as inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traced import Module, compare

import snnsim as sim
from snnsim.errors import ConversionError, ParameterError
from snnsim.graph.file import load_graph, save_graph
from snnsim.trace.torch_export import trace_torch

torch.manual_seed(4)
QUERY, KEY = torch.randn(2, 3, 8), torch.randn(2, 4, 8)
PAD = torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0]]).bool()
TRUTH = torch.rand(4, 3, 4) < 0.3  # of 2 samples and 2 heads
TRUTH[..., 0] = False
BIAS = torch.randn(4, 3, 4)


def numbers(mask):
    return torch.zeros(mask.shape).masked_fill(mask, -torch.inf)


MASKS = {"truth": TRUTH, "finite": BIAS, "finite and infinite": BIAS + numbers(TRUTH), "infinite": numbers(TRUTH)}
PADS = {"none": None, "truth": PAD, "numbers": numbers(PAD)}


class Heads(nn.Module):
    """nn.MultiheadAttention with a mask that is a constant, or its argument."""

    def __init__(self, mask=None, weights=False, **arguments):
        super().__init__()
        self.inner = nn.MultiheadAttention(8, 2, batch_first=True, **arguments)
        self.weights = weights
        self.register_buffer("fixed", mask)

    def forward(self, query, key, mask=None, pad=None):
        mask = self.fixed if mask is None else mask
        out, weights = self.inner(query, key, key, attn_mask=mask, key_padding_mask=pad, need_weights=self.weights)
        return (out, weights) if self.weights else out


def given(mask, pad, n=2):
    named = {"query": QUERY, "key": KEY, "mask": mask, "pad": pad}
    return {name: x[: 2 * n if name == "mask" else n] for name, x in named.items() if x is not None}


pytestmark = pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("pad", PADS)
def test_a_mask_of_all_heads_is_an_input(mask, pad):
    graph = compare(Heads(weights=mask == "truth"), given(MASKS[mask], PADS[pad]))
    kinds = {node.name: node.kind for node in graph.inputs}
    assert kinds["mask"] == ("index" if mask == "truth" else "mask") and kinds["query"] == "real"
    assert graph.nodes["mask"].packed and not graph.nodes["query"].packed


@pytest.mark.parametrize(
    ("mask", "pad"), [("truth", "none"), ("finite", "truth"), ("finite and infinite", "numbers"), ("infinite", "truth")]
)
def test_a_mask_of_all_heads_is_a_constant_of_one_sample(mask, pad):
    compare(Heads(MASKS[mask][:2], weights=pad == "truth"), given(None, PADS[pad], n=1))


def test_a_mask_goes_with_learned_and_zero_keys():
    compare(Heads(add_bias_kv=True, add_zero_attn=True), given(MASKS["finite and infinite"], PAD))
    compare(Heads(TRUTH[:2], add_bias_kv=True, add_zero_attn=True, weights=True), given(None, PAD, n=1))


def test_a_mask_may_come_per_sample_and_head():
    model = Module(lambda m, q, k, mask: m.inner(q, k, mask.flatten(0, 1)), inner=Heads())
    compare(model, (QUERY, KEY, TRUTH.reshape(2, 2, 3, 4)))


@pytest.mark.parametrize("mask", ["truth", "finite and infinite", "infinite"])
def test_no_integer_of_a_masked_model_differs_and_blocked_places_get_nothing(mask):
    model, inputs = Heads(weights=True).eval(), given(MASKS[mask], PAD)
    spiking = sim.convert(model, inputs)
    assert sum(layer.mismatches for layer in spiking.certify(inputs).layers) == 0
    with torch.no_grad():
        want = [x.numpy() for x in model(**inputs)]
    got = list(spiking(inputs).outputs.values())
    for one, other in zip(got, want, strict=True):
        assert np.abs(one - other).max() < 0.05 * np.abs(other).max()
    blocked = (TRUTH.reshape(2, 2, 3, 4) | PAD[:, None, None]).all(dim=1).numpy()  # for both heads
    assert blocked.any() and (got[1][blocked] == 0.0).all()


def test_what_is_read_by_more_than_scores_is_no_mask():
    parts = {"query": nn.Linear(8, 8), "other": nn.Linear(3, 3)}

    def scores(m, x, bias):
        return F.softmax(m.query(x) @ x.mT + bias, -1) @ x

    def kind(function):
        graph = trace_torch(Module(function, **parts).eval(), (QUERY, torch.randn(2, 3, 3)))
        return graph.inputs[1].kind

    assert kind(scores) == "mask"
    assert kind(lambda m, x, bias: scores(m, x, (1.0 - bias[:, :1]) * -1e4)) == "mask"
    assert kind(lambda m, x, bias: scores(m, x, m.other(bias))) == "real"
    assert kind(lambda m, x, bias: scores(m, x, bias) + bias.sum()) == "real"
    assert kind(lambda m, x, bias: scores(m, x, F.softmax(bias, -1))) == "real"
    assert kind(lambda m, x, bias: m.query(x) @ x.mT + bias) == "real"


def test_only_a_mask_may_hold_minus_infinity():
    inputs = given(MASKS["infinite"], None)
    model = Heads().eval()
    with pytest.raises(ParameterError, match="'query' holds NaN or infinity"):
        sim.convert(model, {**inputs, "query": torch.full_like(QUERY, -torch.inf)})
    with pytest.raises(ParameterError, match=r"calibration\['mask'\] holds NaN or infinity in 48 of 48 places"):
        sim.convert(model, {**inputs, "mask": torch.full_like(BIAS, torch.inf)})


def test_masks_that_torch_cannot_give_to_one_sample_are_refused():
    with pytest.raises(ConversionError, match=r"as a constant, a mask has shape \[L, S\] or \[heads, L, S\]; as an input"):
        trace_torch(Heads(TRUTH).eval(), given(None, None))
    with pytest.raises(ConversionError, match=r"as an input, which differs between samples, \[batch \* heads, L, S\]"):
        trace_torch(Heads().eval(), {"query": QUERY, "key": KEY, "mask": TRUTH[0]})


def test_a_mask_of_all_heads_keeps_its_form_on_disk(tmp_path):
    inputs = given(MASKS["finite and infinite"], PAD)
    graph = trace_torch(Heads().eval(), inputs)
    save_graph(graph, tmp_path / "graph.npz")
    loaded, _ = load_graph(tmp_path / "graph.npz")
    numbers = {name: x.numpy() for name, x in inputs.items()}
    assert np.allclose(loaded.evaluate(numbers)[loaded.output.name], graph.evaluate(numbers)[graph.output.name], atol=1e-6)


def test_heads_must_divide_the_rows_of_a_mask():
    graph = trace_torch(Heads().eval(), given(TRUTH, None))
    with pytest.raises(ParameterError, match=r"'mask' has shape \(3, 3, 4\) but must have \(batch, 2, 3, 4\)"):
        graph.evaluate({"query": QUERY.numpy(), "key": KEY.numpy(), "mask": TRUTH[:3].numpy()})
