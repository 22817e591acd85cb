"""A torch model beside its graph: the same numbers, in double precision, for every sample of a batch."""

from __future__ import annotations

import copy

import numpy as np
import torch

from snnsim.graph.ir import Graph
from snnsim.trace.torch_export import trace_torch


def compare(model, sample, *, batch_axis=0, tolerance=1e-9, trace_double=False, output_axis=None) -> Graph:
    """Trace a model, hold every output against the module's own, and return the graph.

    sample : tensor, tuple of tensors, or mapping of argument name to tensor
    """
    model = model.eval()
    exact = copy.deepcopy(model).double()
    graph = trace_torch(exact if trace_double else model, sample, batch_axis=batch_axis)
    wanted = run(exact, sample)
    given = sample if isinstance(sample, dict) else (sample if isinstance(sample, tuple) else (sample,))
    given = list(given.values()) if isinstance(given, dict) else [x for x in given if x is not None]
    axes = [batch_axis] * len(given) if isinstance(batch_axis, int) else [batch_axis.get(node.name, 0) for node in graph.inputs]
    values = graph.evaluate({node.name: np.moveaxis(x.numpy(), axis, 0) for node, x, axis in zip(graph.inputs, given, axes, strict=True)})
    output_axes = output_axis if isinstance(output_axis, list) else [axes[0] if output_axis is None else output_axis] * len(wanted)
    assert len(graph.outputs) == len(wanted)
    for node, want, axis in zip(graph.outputs, wanted, output_axes, strict=True):
        want = np.moveaxis(want.numpy(), axis, 0)
        assert values[node.name].shape == want.shape
        error = np.abs(values[node.name] - want).max() / max(np.abs(want).max(), 1e-30)
        assert error <= tolerance, (node.name, error)
    return graph


def run(model, sample) -> list[torch.Tensor]:
    """Return what a model in double precision returns, as a list of tensors."""

    def wide(x):
        return x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # it writes zeros where tokens are padded
    try:
        with torch.no_grad():
            if isinstance(sample, dict):
                result = model(**{name: wide(x) for name, x in sample.items()})
            else:
                result = model(*map(wide, sample if isinstance(sample, tuple) else (sample,)))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return [leaf for leaf in torch.utils._pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor)]


def kinds(graph: Graph) -> list[str]:
    """Return the names of the operations, in order."""
    return [type(node).__name__ for node in graph.nodes.values()]


class Module(torch.nn.Module):
    """A module whose forward is a function of the module and its inputs; tensors become buffers."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, torch.Tensor) and not isinstance(part, torch.nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)
