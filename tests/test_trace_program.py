"""Exported programs: recurrent layers unrolled, files, batches, and torch left as it was."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from torch import nn
from traced import Module, compare

from snnsim.errors import ConversionError
from snnsim.trace.torch_export import trace_torch

X = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("cls", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("arguments", [{}, {"num_layers": 2}, {"bidirectional": True}])
def test_recurrent_layers_are_unrolled(cls, arguments):
    torch.manual_seed(0)
    compare(Module(lambda m, x: m.inner(x)[0][:, -1], inner=cls(3, 2, batch_first=True, **arguments)), X)


def test_the_final_states_are_outputs_too():
    torch.manual_seed(0)
    compare(nn.RNN(3, 2, 2, batch_first=True), X, output_axis=[0, 1])
    compare(Module(lambda m, x: m.inner(x)[0], inner=nn.LSTM(3, 4, proj_size=2, batch_first=True)), X)


@pytest.mark.parametrize("cls", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_cells_are_unrolled(cls):
    torch.manual_seed(0)

    def forward(m, x):
        state = m.cell(x[:, 1], m.cell(x[:, 0]))
        return state[0] if isinstance(state, tuple) else state

    compare(Module(forward, cell=cls(3, 2)), X)


def _linear():
    torch.manual_seed(0)
    return nn.Linear(3, 2).eval()


def test_a_program_a_file_and_a_module_give_the_same_graph(tmp_path):
    x = torch.randn(4, 3)
    free = torch.export.export(_linear(), (x,), dynamic_shapes={"input": {0: torch.export.Dim("batch")}})
    torch.export.save(free, tmp_path / "model.pt2")
    one = torch.export.export(_linear(), (x[:1],))
    graphs = [trace_torch(_linear(), x), trace_torch(free), trace_torch(free, x), trace_torch(tmp_path / "model.pt2"), trace_torch(one)]
    for graph in graphs:
        assert np.array_equal(graph.evaluate(x.numpy())[graph.output.name], graphs[0].evaluate(x.numpy())["linear"])


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of torch, about itself
def test_a_program_of_core_operations_is_translated_too():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4, 4), nn.LayerNorm(4))
    model = nn.Sequential(*model, nn.Unflatten(1, (2, 2)), nn.TransformerEncoderLayer(2, 1, 4, batch_first=True)).eval()
    x = torch.randn(2, 3, 4, 4)
    program = torch.export.export(model, (x[:1],)).run_decompositions()
    graph = trace_torch(program)
    with torch.no_grad():
        want = model.double()(x.double()).numpy()
    assert np.allclose(graph.evaluate(x.numpy())[graph.output.name], want, rtol=1e-9, atol=1e-12)


def test_a_program_of_a_fixed_batch_is_refused_with_the_remedy():
    program = torch.export.export(_linear(), (torch.randn(4, 3),))
    with pytest.raises(ConversionError, match="its batch fixed at 4.*dynamic_shapes"):
        trace_torch(program)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(ConversionError, match="is no file"):
        trace_torch(tmp_path / "missing.pt2")
    (tmp_path / "bad.pt2").write_bytes(b"hello")
    with pytest.raises(ConversionError, match="damaged"):
        trace_torch(tmp_path / "bad.pt2")


def test_torch_is_as_it_was_after_an_export_that_fails(capfd):
    from torch.nn.modules import transformer

    before = torch.backends.mha.get_fastpath_enabled(), transformer._detect_is_causal_mask, logging.root.manager.disable
    with pytest.raises(ConversionError, match="data-dependent.*torch.where"):
        trace_torch(Module(lambda m, x: x * 2 if x.sum() > 0 else x).eval(), X)
    assert (torch.backends.mha.get_fastpath_enabled(), transformer._detect_is_causal_mask, logging.root.manager.disable) == before
    assert capfd.readouterr() == ("", "")


def test_weights_of_half_precision_are_taken_as_they_are():
    model = _linear().to(torch.bfloat16)
    graph = trace_torch(model, torch.zeros(1, 3, dtype=torch.bfloat16))
    assert np.array_equal(graph.output.weight, model.weight.detach().double().numpy())
