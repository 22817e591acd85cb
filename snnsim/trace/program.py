"""Exported programs: made from a module, read from a file, checked, and freed of what has no meaning of its own."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnsim.errors import ConversionError
from snnsim.trace.samples import first_samples
from snnsim.trace.tables import HANDLERS, NEVER_DECOMPOSED

if TYPE_CHECKING:
    import torch

#: cells and their loops over time are unrolled
_UNROLLED = ("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")


def export(model: Any, sample: Any, batch_axis: int | Mapping[str, int]) -> tuple[torch.export.ExportedProgram, dict[str, Any]]:
    """Return a program of one sample in functional form, and the sample's tensors by name."""
    import torch

    given: dict[str, Any] = {}
    if isinstance(model, (str, Path)):
        model = _load(Path(model))
    if isinstance(model, torch.export.ExportedProgram):
        program = _of_one_sample(model, sample, batch_axis)
    elif isinstance(model, torch.nn.Module):
        _check_module(model)
        positional, named, given = first_samples(model, sample, batch_axis)
        program = _export(model, positional, named)
    else:
        raise ConversionError(
            f"trace_torch.model is a {type(model).__name__} but must be a torch.nn.Module, a torch.export.ExportedProgram or the path of a "
            ".pt2 file. Wrap functions in a Module."
        )
    return _functional(program), given


def _check_module(model: torch.nn.Module) -> None:
    for path, module in model.named_modules():
        if module.training:
            where = f"its module {path!r}" if path else "it"
            raise ConversionError(
                f"trace_torch.model is in train mode ({where}): dropout and batch statistics are random. Call model.eval()."
            )
    for path, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_complex() or tensor.is_quantized or tensor.layout.__repr__() != "torch.strided":
            raise ConversionError(f"trace_torch.model: {path!r} is complex, quantised or sparse. Use dense real weights (dequantise them).")


def _export(model: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> torch.export.ExportedProgram:
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about itself
            return torch.export.export(model, positional, named, strict=False)
    except ConversionError:
        raise
    except Exception as error:
        raise ConversionError(_export_failed(error)) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _export_failed(error: Exception) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    kind = type(error).__name__
    if "GuardOnDataDependent" in kind or "data-dependent" in str(error).lower() or "DataDependent" in str(error):
        remedy = "What is computed must not depend on numbers in a tensor: replace `if tensor` and .item() by torch.where or fixed sizes."
    elif isinstance(error, (TypeError, ValueError, RuntimeError)) and "export" not in kind.lower():
        remedy = "Check that model(*sample) runs, with one sample in the batch."
    else:
        remedy = "See that torch.export.export(model, sample) works, then trace again."
    return f"trace_torch: torch.export cannot export the model: {kind}: {text[:300].rstrip('.')}. {remedy}"


def _load(path: Path) -> torch.export.ExportedProgram:
    import torch

    if not path.is_file():
        raise ConversionError(f"trace_torch.model = {str(path)!r} is no file. Save the program with torch.export.save(program, path).")
    log = logging.getLogger("torch.export")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            log.disabled = True  # the error below says it
            return torch.export.load(path)
    except Exception as error:
        text = (str(error).splitlines() or [""])[0][:200]
        raise ConversionError(
            f"trace_torch.model = {str(path)!r} cannot be read by torch {torch.__version__}: {type(error).__name__}: {text}. The file is "
            "damaged, no .pt2 file, or from another torch: save it again with torch.export.save in this one."
        ) from error
    finally:
        log.disabled = False


def _of_one_sample(program: Any, sample: Any, batch_axis: int | Mapping[str, int]) -> Any:
    """Return a program for a batch of one, exported again where its batch is free."""
    import torch

    inputs = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in program.graph_signature.user_inputs]
    free = False
    for node in inputs:
        value = node.meta.get("val")
        if not isinstance(value, torch.Tensor):
            continue
        axis = batch_axis if isinstance(batch_axis, int) else int(batch_axis.get(node.name, 0))
        size = value.shape[axis] if axis < value.ndim else 0
        free |= any(not isinstance(s, int) for s in value.shape)
        if isinstance(size, int) and size != 1:
            raise ConversionError(
                f"trace_torch.model was exported for inputs of shape {tuple(value.shape)} ({node.name!r}), its batch fixed at {size}: it "
                f"must take one sample. Export it with a batch of 1, or with a free one: dynamic_shapes={{{node.name!r}: {{{axis}: "
                "torch.export.Dim('batch')}}}."
            )
    if not free:
        return program
    if sample is None:
        args, kwargs = program.example_inputs
        sample = dict(zip([n.name for n in inputs], [*args, *kwargs.values()], strict=False))
    module = program.module()
    positional, named, _ = first_samples(module, sample, batch_axis)
    by_place = [n.name for n in inputs][: program.call_spec.in_spec.children()[0].num_children]
    if named and all(name in named for name in by_place):  # the program takes by place what the user gave by name
        positional, named = tuple(named[name] for name in by_place), {k: v for k, v in named.items() if k not in by_place}
    return _export(module, positional, named)


def _functional(program: Any) -> Any:
    """Return the program without updates in place; what has no handler is decomposed as far as torch can."""
    import torch

    table = torch.export.default_decompositions()
    unrolled = {op: rule for op, rule in table.items() if op._opname in _UNROLLED}
    wanted: dict[Any, Any] = dict(unrolled)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(4):
            program = program.run_decompositions(dict(wanted))
            more = {
                node.target
                for module in program.graph_module.modules()
                if isinstance(module, torch.fx.GraphModule)
                for node in module.graph.nodes
                if isinstance(node.target, torch._ops.OpOverload)
                and node.target in table
                and node.target._opname not in HANDLERS
                and node.target._opname not in NEVER_DECOMPOSED
            } - set(wanted)
            if not more:
                break
            wanted |= {op: table[op] for op in more}
    return program
