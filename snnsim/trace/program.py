"""Exported programs: made from a module, read from a file, checked, and freed of what has no meaning of its own."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from functools import wraps
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnsim.errors import ConversionError, unknown_name
from snnsim.trace.samples import first_sample, first_samples, packed_rows
from snnsim.trace.tables import HANDLERS, NEVER_DECOMPOSED

if TYPE_CHECKING:
    import torch

#: cells and their loops over time are unrolled
_UNROLLED = ("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")

#: how nn.MultiheadAttention says which mask it wants, [batch * heads, L, S] with a batch of one
_OF_ALL_HEADS = re.compile(r"3D attn_mask is .* but should be \((\d+, \d+, \d+)\)")


def export(model: Any, sample: Any, batch_axis: int | Mapping[str, int]) -> tuple[torch.export.ExportedProgram, dict[str, Any]]:
    """Return a program of one sample in functional form, and the sample's tensors by name."""
    import torch

    given: dict[str, Any] = {}
    if isinstance(model, (str, Path)):
        model = _load(Path(model))
    if isinstance(model, torch.jit.ScriptModule):
        raise ConversionError(
            f"trace_torch.model is a TorchScript module ({type(model).__name__}), whose Python source torch.export cannot read. "
            "Give the torch.nn.Module it was made from."
        )
    if isinstance(model, torch.export.ExportedProgram):
        program = _of_one_sample(model, sample, batch_axis)
    elif isinstance(model, torch.nn.Module):
        _check_module(model)
        program, given = _of_module(model, sample, batch_axis)
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


def _of_module(model: torch.nn.Module, sample: Any, batch_axis: int | Mapping[str, int]) -> tuple[Any, dict[str, Any]]:
    """Export a module for one sample: one row of every argument, or as many as it has heads of a mask of all heads."""
    positional, named, given = first_samples(model, sample, batch_axis)
    try:
        return _export(model, positional, named), given
    except ConversionError as error:
        wanted = _OF_ALL_HEADS.search(str(error.__cause__))
        rows = packed_rows(model, sample, tuple(map(int, wanted.group(1).split(",")))) if wanted else {}
        if not rows:
            raise
    positional, named, given = first_samples(model, sample, batch_axis, rows)
    return _export(model, positional, named), given


def _export(model: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> torch.export.ExportedProgram:
    import torch

    try:
        with _exportable():
            return torch.export.export(model, positional, named, strict=False)
    except Exception as error:
        if "in output, which is not a known type" not in str(error):
            raise ConversionError(_export_failed(error)) from error
    try:
        with _exportable(), _tensors_alone(model):
            return torch.export.export(model, positional, named, strict=False)
    except Exception as error:
        raise ConversionError(_export_failed(error)) from error


@contextmanager
def _tensors_alone(model: torch.nn.Module) -> Iterator[None]:
    """Let a module return the tensors of its output alone: not a cache of keys and values, which the converted network keeps itself."""
    import torch

    forward, own = model.forward, "forward" in vars(model)

    @wraps(forward)
    def without(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        if isinstance(output, Mapping):
            return {name: value for name, value in output.items() if isinstance(value, torch.Tensor)}
        return tuple(value for value in output if isinstance(value, torch.Tensor)) if isinstance(output, (tuple, list)) else output

    model.forward = without  # type: ignore[method-assign]
    try:
        yield
    finally:
        if own:
            model.forward = forward  # type: ignore[method-assign]
        else:
            del model.forward


@contextmanager
def _exportable() -> Iterator[None]:
    """Hold torch to the paths that can be exported, and to silence about itself; all is as before afterwards.

    The fast path of torch's transformer hides its operations. Its decoder compares masks with the causal one, which no export
    can decide; where they are not compared the mask itself is used, with the same result.
    """
    import torch
    from torch.nn.modules import transformer

    fast, silent = torch.backends.mha.get_fastpath_enabled(), logging.root.manager.disable
    compare = getattr(transformer, "_detect_is_causal_mask", None)
    torch.backends.mha.set_fastpath_enabled(False)
    logging.disable(logging.CRITICAL)
    if compare is not None:
        transformer._detect_is_causal_mask = lambda mask, is_causal=None, size=None: bool(is_causal)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        logging.disable(silent)
        if compare is not None:
            transformer._detect_is_causal_mask = compare


def _export_failed(error: Exception) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    kind = type(error).__name__
    if "D attn_mask is" in str(error):
        remedy = (
            "One sample is converted: as a constant, a mask has shape [L, S] or [heads, L, S]; as an input, which differs between samples, "
            "[batch * heads, L, S]."
        )
    elif "GuardOnDataDependent" in kind or "data-dependent" in str(error).lower() or "DataDependent" in str(error):
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
    try:
        with _exportable():
            return torch.export.load(path)
    except Exception as error:
        text = (str(error).splitlines() or [""])[0][:200]
        raise ConversionError(
            f"trace_torch.model = {str(path)!r} cannot be read by torch {torch.__version__}: {type(error).__name__}: {text}. The file is "
            "damaged, no .pt2 file, or from another torch: save it again with torch.export.save in this one."
        ) from error


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
    args, kwargs = program.example_inputs
    names = [node.name for node in inputs]
    if sample is None:
        sample = (*args, *kwargs.values())
    if isinstance(sample, Mapping):
        for name in sample:
            if name not in names:
                raise ConversionError("trace_torch.sample: " + unknown_name("argument", name, names))
        given = {name: sample.get(name) for name in names}
    else:
        values = sample if isinstance(sample, (tuple, list)) else (sample,)
        if len(values) != len(names):
            raise ConversionError(f"trace_torch.sample holds {len(values)} inputs but the program takes {len(names)}: {', '.join(names)}.")
        given = dict(zip(names, values, strict=True))
    firsts = [first_sample(name, value, batch_axis) for name, value in given.items()]
    return _export(program.module(), tuple(firsts[: len(args)]), dict(zip(kwargs, firsts[len(args) :], strict=False)))


def _functional(program: Any) -> Any:
    """Return the program without updates in place; what has no handler is decomposed as far as torch can."""
    import torch

    table = torch.export.default_decompositions()
    unrolled = {op: rule for op, rule in table.items() if op._opname in _UNROLLED}
    wanted: dict[Any, Any] = dict(unrolled)
    with _exportable():
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
