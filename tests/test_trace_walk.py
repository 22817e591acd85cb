"""What is refused: always the operation, its place in the user's source, and what to do."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traced import Module

from snnsim.errors import ConversionError
from snnsim.trace.torch_export import trace_torch

X = torch.ones(3, 4)


def _counts(m, x):
    m.n.add_(1)
    return x * m.n


REFUSED = {
    "dropout at work": (lambda m, x: F.dropout(x, 0.3), "p = 0.3.*model.eval"),
    "random numbers": (lambda m, x: x + torch.rand_like(x), "rand_like.*random numbers.*as an input"),
    "random constants": (lambda m, x: x + torch.randn(4), "randn.*random numbers"),
    "control flow on numbers": (lambda m, x: x * 2 if x.sum() > 0 else x, "torch.export cannot export.*torch.where"),
    "sizes from numbers": (lambda m, x: x[:, : int(x[0, 0].item())], "torch.export cannot export"),
    "places chosen by truth": (lambda m, x: x[x > 0], "size depends on numbers"),
    "log softmax": (lambda m, x: F.log_softmax(x, 1), "Return the logits"),
    "argmax": (lambda m, x: x.argmax(1), "Return the logits"),
    "places of maxima": (lambda m, x: x.max(1).indices, "its result 1.*first result alone"),
    "order": (lambda m, x: x.topk(2)[0], "puts values in order"),
    "complex numbers": (lambda m, x: torch.fft.rfft(x).abs(), "_fft_r2c"),
    "buffers that change": (_counts, "changes the buffer 'n' in place"),
    "masked scores elsewhere": (lambda m, x: x.masked_fill(m.n == 0, float("-inf")).exp(), "other than a softmax"),
    "no result": (lambda m, x: None, "returns no tensor"),
    "a constant result": (lambda m, x: m.n, "does not depend on its input"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name):
    function, words = REFUSED[name]
    with pytest.raises(ConversionError, match=words):
        trace_torch(Module(function, n=torch.zeros(1)).eval(), X)


SAMPLES = {
    "none": (None, "sample is missing"),
    "too many": ((X, X), "holds 2 inputs but forward takes 1: input"),
    "another name": ({"inputs": X}, "Did you mean 'input'"),
    "no batch": (torch.tensor(1.0), "batch axis 0"),
    "nothing": (torch.zeros(0, 4), "holds no sample"),
    "another width": (torch.zeros(2, 5), r"model\(\*sample\) runs"),
    "complex": (X.to(torch.complex64), "complex"),
    "text": (["abc"], "must be a tensor"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_that_does_not_fit_is_refused(name):
    sample, words = SAMPLES[name]
    with pytest.raises(ConversionError, match=words):
        trace_torch(nn.Linear(4, 2).eval(), tuple(sample) if isinstance(sample, list) else sample)


def test_a_model_in_train_mode_is_refused_by_the_name_of_its_module():
    model = nn.Sequential(nn.Linear(4, 2), nn.Dropout()).eval()
    model[1].train()
    with pytest.raises(ConversionError, match=r"'1'.*model.eval\(\)"):
        trace_torch(model, X)


def test_models_that_cannot_be_read_are_refused():
    with pytest.raises(ConversionError, match="Wrap functions in a Module"):
        trace_torch(lambda x: x, X)
    with pytest.raises(ConversionError, match="'n' is complex, quantised or sparse"):
        trace_torch(Module(lambda m, x: x, n=torch.eye(4).to_sparse()).eval(), X)


def test_integers_that_are_no_tokens_are_refused():
    with pytest.raises(ConversionError, match="holds 4 but looks up no embedding table"):
        trace_torch(Module(lambda m, x: x * 2).eval(), torch.tensor([[3, 4]]))


class Inverse(nn.Module):
    def forward(self, matrix):
        return torch.linalg.inv(matrix)


def test_an_unknown_operation_is_named_with_the_line_that_asks_for_it():
    model = nn.Sequential(nn.Identity(), Inverse()).eval()
    with pytest.raises(ConversionError, match=r"aten.linalg_inv_ex \(.*test_trace_walk.py:\d+: return torch.linalg.inv\(m"):
        trace_torch(model, torch.eye(2)[None])
