"""From a torch module to a float graph: exported by torch.export, then walked operation by operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from snnsim.errors import ConversionError
from snnsim.graph.ir import Graph
from snnsim.trace.builder import Builder
from snnsim.trace.fold import fold_affines
from snnsim.trace.inputs import input_value
from snnsim.trace.mask_inputs import mask_inputs
from snnsim.trace.values import Value
from snnsim.trace.walk import Walk

if TYPE_CHECKING:
    import torch

BatchAxis = int | Mapping[str, int]


def trace_torch(model: Any, sample: Any = None, *, batch_axis: BatchAxis = 0) -> Graph:
    """Return the float graph of a torch model.

    Parameters
    ----------
    model : torch.nn.Module in eval mode, torch.export.ExportedProgram, or the path of a .pt2 file
    sample : tensor or array, a tuple of them, or a mapping of argument name to tensor
        what the model takes, of any batch size: its shapes and types count, not its numbers. An exported program needs none.
    batch_axis : int or mapping of argument name to int     the axis of the samples in every input; outputs use the first one

    Returns
    -------
    Graph   inputs are named by the arguments of `forward`: floats are real inputs, integers and truth values indices

    Raises
    ------
    ConversionError   naming the operation that has no spiking form, its place in the user's source, and what to do
    """
    torch = _torch()
    from snnsim.trace.program import export

    with torch.no_grad():
        program, arguments = export(model, sample, batch_axis)
        return translate(program, arguments, batch_axis)


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ConversionError("trace_torch: torch is not installed, and only it can read a torch model. Run: pip install torch.") from None
    return torch


def translate(program: torch.export.ExportedProgram, arguments: Mapping[str, Any], batch_axis: BatchAxis) -> Graph:
    """Walk an exported program of one sample."""
    walk = Walk(Builder(), program)
    samples = list(arguments.values()) if len(arguments) == len(walk.inputs) else [None] * len(walk.inputs)
    masks = mask_inputs(program.graph, walk.inputs.values())
    for (name, node), sample in zip(walk.inputs.items(), samples, strict=True):
        walk.values[node] = input_value(walk.builder, name, node, _axis(batch_axis, name), sample, node in masks)
    outputs = walk.run()
    first = next(iter(walk.inputs), "")
    names = [_output(walk.builder, output, _axis(batch_axis, first)) for output in outputs]
    if not names:
        raise ConversionError("trace_torch: the model returns no tensor that depends on its input. Return at least one.")
    nodes, named, folded = fold_affines(walk.builder.nodes, names)
    operations = walk.builder.origins.operations({node.name: node for node in nodes}, folded, _axis(batch_axis, first))
    return Graph(nodes, named, operations)


def _axis(batch_axis: BatchAxis, name: str) -> int:
    return batch_axis if isinstance(batch_axis, int) else int(batch_axis.get(name, 0))


def _output(builder: Builder, output: Any, axis: int) -> str:
    """Return the node of an output, in torch's shape without the batch."""
    if not isinstance(output, Value):
        raise ConversionError("trace_torch: an output of the model does not depend on its input. Leave it out of what forward returns.")
    if output.masked:
        raise ConversionError("trace_torch: the model returns masked attention scores, minus infinity among them. Return their softmax.")
    shape = output.shape
    if len(shape) > axis and shape[axis] == 1:
        shape = (*shape[:axis], *shape[axis + 1 :])
    elif shape.count(1) == 1:  # as the final states of a recurrent layer
        shape = tuple(size for size in shape if size != 1)
    builder.label = "output"
    return builder.gather(builder.plain(output), shape)
