"""Changes of layout: torch's own operation moves the places, so that every one of them works as torch says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call, constant
from snnsim.trace.values import Numbers, Value, covers

#: operation -> the arguments that are moved; everything else must be constant
MOVED: dict[str, tuple[str, ...]] = {
    "select_scatter": ("self", "src"),
    "slice_scatter": ("self", "src"),
    "diagonal_scatter": ("self", "src"),
    "index_put": ("self", "values"),
    "masked_scatter": ("self", "source"),
    "cat": ("tensors",),
    "concat": ("tensors",),
    "concatenate": ("tensors",),
    "stack": ("tensors",),
    "hstack": ("tensors",),
    "vstack": ("tensors",),
    "column_stack": ("tensors",),
}
_ONE_MOVED = """
    view reshape _unsafe_view view_as reshape_as permute transpose t numpy_T mT movedim moveaxis swapaxes slice select narrow
    expand expand_as broadcast_to flatten unflatten unbind split split_with_sizes chunk tensor_split hsplit index_select flip
    fliplr flipud roll rot90 repeat tile squeeze unsqueeze unfold im2col diagonal tril triu take index pixel_shuffle
    pixel_unshuffle channel_shuffle unsafe_split unsafe_chunk unsafe_split_with_sizes atleast_1d atleast_2d ravel squeeze_copy
    as_strided gather repeat_interleave upsample_nearest1d upsample_nearest2d upsample_nearest3d adjoint matrix_H
"""
_SAME = """
    contiguous clone detach alias lift_fresh lift_fresh_copy _to_copy to type_as float double positive view_copy _conj
    resolve_conj resolve_neg
"""


def join(builder: Builder, values: Sequence[Any]) -> tuple[tuple[str, ...], list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Return common sources, and of every value its places among them, its scale and its offset. A constant reads nothing."""
    sources: list[str] = []
    starts: dict[str, int] = {}
    total = 0
    plain = [builder.plain(v) if isinstance(v, Value) and v.expression != "x" else v for v in values]
    for value in plain:
        for name in value.sources if isinstance(value, Value) else ():
            if name not in starts:
                starts[name], total = total, total + builder.size(name)
                sources.append(name)
    indices: list[np.ndarray] = []
    scales: list[np.ndarray] = []
    offsets: list[np.ndarray] = []
    for value in plain:
        if not isinstance(value, Value):
            array = finite(constant(value))
            indices.append(np.full(array.shape, -1, dtype=np.int64))
            scales.append(np.ones(array.shape))
            offsets.append(array)
            continue
        moved, start = np.full(value.shape, -1, dtype=np.int64), 0
        for name in value.sources:
            here = (value.index >= start) & (value.index < start + builder.size(name))
            moved[here] = value.index[here] - start + starts[name]
            start += builder.size(name)
        indices.append(moved)
        scales.append(np.broadcast_to(value.scale, value.shape))
        offsets.append(np.broadcast_to(value.offset, value.shape))
    return tuple(sources), indices, scales, offsets


def finite(array: Numbers) -> Numbers:
    """Return constants with infinities as the largest numbers of a graph: they mean blocked places."""
    return np.clip(array, -1e30, 1e30)


def one_number(array: Any) -> Numbers:
    """Return a constant as one number where all of it is the same, else as it is."""
    array = np.asarray(constant(array))
    return array.reshape(-1)[0] if array.size and (array == array.flat[0]).all() else array


def _run(call: Call, arrays: dict[str, Any], dtype: str) -> Any:
    """Call torch's operation on arrays in the place of what it moves."""
    import torch

    def tensor(array: Any) -> Any:
        if isinstance(array, list):
            return [tensor(part) for part in array]
        return torch.from_numpy(np.ascontiguousarray(array).astype(dtype).reshape(array.shape))

    given = {**call.arguments, **{name: tensor(array) for name, array in arrays.items()}}
    if dtype == "int64" and call.op.startswith("upsample"):  # torch has no such kernel for integers
        return np.rint(_run(call, arrays, "float64")).astype(np.int64)
    positional, named = [], {}
    for argument in call.target._schema.arguments:
        if argument.kwarg_only:
            named[argument.name] = given[argument.name]
        else:
            positional.append(given[argument.name])
    result = call.target(*positional, **named)
    return [r.numpy() for r in result] if isinstance(result, (list, tuple)) else result.numpy()


def _lists(names: tuple[str, ...], call: Call, flat: list[np.ndarray]) -> dict[str, Any]:
    """Give the flat arrays back to the arguments they came from."""
    rest = list(flat)
    arrays: dict[str, Any] = {}
    for name in names:
        if isinstance(call[name], (list, tuple)):
            arrays[name] = [rest.pop(0) for _ in call[name]]
        else:
            arrays[name] = rest.pop(0)
    return arrays


def _move_masks(call: Call, name: str, value: Value, result: Any) -> Any:
    """Move blocked places along with what they block."""
    if not value.masked:
        return result

    def moved(array: np.ndarray) -> Any:
        out = _run(call, {name: array}, "int64")
        return out if isinstance(out, list) else [out]

    results = list(result) if isinstance(result, tuple) else [result]
    blocked = [None] * len(results) if value.blocked is None else [part != 0 for part in moved(np.broadcast_to(value.blocked, value.shape))]
    blockers = [moved(blocker.index) for blocker in value.blockers]
    for i, part in enumerate(results):
        moved_blockers = tuple(v.but(index=index[i]) for v, index in zip(value.blockers, blockers, strict=True))
        results[i] = part.but(blocked=blocked[i], blockers=moved_blockers)
    return tuple(results) if isinstance(result, tuple) else results[0]


def move(builder: Builder, call: Call) -> Any:
    """Translate a change of layout of one value, or of several and constants."""
    names = MOVED.get(call.op, ("self",) if "self" in call.arguments else ("input",))
    for name, argument in call.arguments.items():
        if isinstance(argument, Value) and name not in names:
            call.refuse(f"has an argument {name!r} that depends on the input", "Which places are read must not depend on what is in them.")
    if len(names) == 1 and isinstance(call[names[0]], Value):
        return _move_one(builder, call, names[0], call[names[0]])
    values = [v for name in names for v in (call[name] if isinstance(call[name], (list, tuple)) else [call[name]])]
    for value in values:
        if isinstance(value, Value) and value.masked:
            call.refuse("joins attention scores that hold blocked places", "Mask after joining.")
    sources, *arrays = join(builder, values)
    index, scale, offset = (
        _run(call, _lists(names, call, flat), dtype) for flat, dtype in zip(arrays, ("int64", "float64", "float64"), strict=True)
    )
    return tidy(Value(sources, index, scale, offset))


def _move_one(builder: Builder, call: Call, name: str, value: Value) -> Any:
    if call.op == "unflatten" and any(not isinstance(size, int) for size in call["sizes"]):
        call.refuse("has sizes that are not numbers", "Give fixed sizes.")
    fills = call.op in ("tril", "triu", "im2col")
    if (fills and value.expression != "x") or value.blockers:
        value = _without_pending(builder, value)
    shift = 1 if fills else 0  # what torch fills in with 0 is place -1
    out = _run(call, {name: value.index + shift}, "int64")
    several = isinstance(out, list)
    indices = [part - shift for part in (out if several else [out])]
    if not value.bare and len(value.sources) == 1:
        size = builder.total(value)
        if covers(value.index, size) and not all(covers(part, size) for part in indices) and not value.masked:
            # Some of it is left out here: what waits is made once, for all that read it.
            return _move_one(builder, call, name, builder.plain(value))
    scales, offsets = (_moved_array(call, name, array, value, several, len(indices)) for array in (value.scale, value.offset))
    results = tuple(
        value.but(index=i, scale=s, offset=o, blocked=None, blockers=()) for i, s, o in zip(indices, scales, offsets, strict=True)
    )
    return _move_masks(call, name, value, results if several else results[0])


def _without_pending(builder: Builder, value: Value) -> Value:
    blockers = tuple(builder.plain(blocker) for blocker in value.blockers)
    bare = builder.plain(value.but(blocked=None, blockers=()))
    return bare.but(blocked=value.blocked, blockers=blockers)


def _moved_array(call: Call, name: str, array: Any, value: Value, several: bool, n: int) -> list[Any]:
    if array.ndim == 0 and not (call.op in ("tril", "triu", "im2col") and array != 0.0):
        return [array] * n
    out = _run(call, {name: np.broadcast_to(array, value.shape)}, "float64")
    return out if several else [out]


def tidy(value: Value) -> Value:
    """Return the value with a uniform scale and offset as one number each."""
    scale: Numbers = value.scale
    offset: Numbers = value.offset
    if scale.ndim and scale.size and (scale == scale.flat[0]).all():
        scale = np.float64(scale.flat[0])
    if offset.ndim and offset.size and (offset == offset.flat[0]).all():
        offset = np.float64(offset.flat[0])
    return value.but(scale=scale, offset=offset)


def same(builder: Builder, call: Call) -> Any:
    """Copies and changes of the number format: the same numbers, but cut to whole ones where they become integers."""
    value = call.arguments.get("self", call.arguments.get("input"))
    if isinstance(value, Value) and call.kind != "float" and call.op in ("_to_copy", "to", "type_as"):
        if call.kind == "bool":
            return value.but(expression=("ne", value.expression, 0.0)) if builder.possible(value) != frozenset({0.0, 1.0}) else value
        if not builder.on_host(value):
            return value.but(expression=("trunc", value.expression))
    return value


def pad(builder: Builder, call: Call) -> Any:
    """F.pad in all its modes; what is padded in is a constant."""
    value = call.value("self")
    mode = call.get("mode", "constant")
    if call.op == "constant_pad_nd" or mode == "constant":
        fill = float(call.get("value") or 0.0)
        if value.expression != "x" or value.masked:
            value = builder.plain(value)
        widths = [(0, 0)] * value.ndim
        pads = list(call["pad"])
        for axis, (before, after) in enumerate(zip(pads[::2], pads[1::2], strict=True)):
            widths[-1 - axis] = (before, after)
        return tidy(
            value.but(
                index=_pad(value.index, widths, -1),
                scale=_pad(np.broadcast_to(value.scale, value.shape), widths, 1.0),
                offset=_pad(np.broadcast_to(value.offset, value.shape), widths, float(finite(np.float64(fill)))),
            )
        )
    arrays = [_run(call, {"self": np.broadcast_to(a, value.shape)}, "float64") for a in (value.index, value.scale, value.offset)]
    return tidy(value.but(index=np.rint(arrays[0]).astype(np.int64), scale=arrays[1], offset=arrays[2]))


def _pad(array: np.ndarray, widths: list[tuple[int, int]], fill: float) -> np.ndarray:
    for axis, (before, after) in enumerate(widths):  # a negative width cuts
        cut = [slice(None)] * array.ndim
        cut[axis] = slice(max(-before, 0), array.shape[axis] - max(-after, 0))
        array = array[tuple(cut)]
    return np.pad(array, [(max(b, 0), max(a, 0)) for b, a in widths], constant_values=fill)


def where_constant(builder: Builder, condition: np.ndarray, one: Any, other: Any) -> Value:
    """Return `one` where a constant condition holds, else `other`; values or constants."""
    sources, indices, scales, offsets = join(builder, [one, other])
    index, scale, offset = (np.where(condition, *pair) for pair in (indices, scales, offsets))
    return tidy(Value(sources, index, scale, offset))


def copy(builder: Builder, call: Call) -> Any:
    """x.copy_(y): nothing of x is left."""
    source = call["src"]
    return source.broadcast(call.shape) if isinstance(source, Value) else source.expand(call.shape)


def gather(builder: Builder, call: Call) -> Any:
    """torch.gather; places that depend on the input must all hold the same constant."""
    import torch

    if isinstance(call["index"], Value) and not isinstance(call["self"], Value):
        held = constant(call["self"])
        if (held == held.flat[0]).all():
            return torch.full(call.shape, held.flat[0], dtype=torch.float64 if call.kind == "float" else torch.int64)
    return move(builder, call)


def fill_constant(builder: Builder, call: Call) -> Any:
    """x.fill_(c): nothing of x is left."""
    import torch

    if isinstance(call["value"], Value):
        return call["value"].broadcast(call.shape)
    return torch.full(call.shape, float(call["value"]), dtype=torch.float64)


Handler = Callable[[Builder, Call], Any]
HANDLERS: dict[str, Handler] = {
    **dict.fromkeys([*_ONE_MOVED.split(), *MOVED], move),
    **dict.fromkeys(_SAME.split(), same),
    **dict.fromkeys(["pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d"], pad),
    **dict.fromkeys(["replication_pad1d", "replication_pad2d", "replication_pad3d", "_pad_circular"], pad),
    "fill": fill_constant,
    "copy": copy,
    "gather": gather,
}
