"""Changes of layout: torch's own operation moves the places, so that every one of them works as torch says."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call
from snnsim.trace.joining import join, tidy
from snnsim.trace.values import Value, covers

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
ONE_MOVED = """
    view reshape _unsafe_view view_as reshape_as permute transpose t numpy_T mT movedim moveaxis swapaxes slice select narrow
    expand expand_as broadcast_to flatten unflatten unbind split split_with_sizes chunk tensor_split hsplit index_select flip
    fliplr flipud roll rot90 repeat tile squeeze unsqueeze unfold im2col diagonal tril triu take index pixel_shuffle
    pixel_unshuffle channel_shuffle unsafe_split unsafe_chunk unsafe_split_with_sizes atleast_1d atleast_2d ravel squeeze_copy
    as_strided gather repeat_interleave upsample_nearest1d upsample_nearest2d upsample_nearest3d adjoint matrix_H
"""


def run_on(call: Call, arrays: dict[str, Any], dtype: str) -> Any:
    """Call torch's operation on arrays in the place of what it moves."""
    import torch

    def tensor(array: Any) -> Any:
        if isinstance(array, list):
            return [tensor(part) for part in array]
        return torch.from_numpy(np.ascontiguousarray(array).astype(dtype).reshape(array.shape))

    given = {**call.arguments, **{name: tensor(array) for name, array in arrays.items()}}
    if dtype == "int64" and call.op.startswith(("upsample", "im2col")):  # torch has no such kernel for integers
        return np.rint(run_on(call, arrays, "float64")).astype(np.int64)
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
        out = run_on(call, {name: array}, "int64")
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
        run_on(call, _lists(names, call, flat), dtype) for flat, dtype in zip(arrays, ("int64", "float64", "float64"), strict=True)
    )
    return tidy(Value(sources, index, scale, offset))


def _move_one(builder: Builder, call: Call, name: str, value: Value) -> Any:
    if call.op == "unflatten" and any(not isinstance(size, int) for size in call["sizes"]):
        call.refuse("has sizes that are not numbers", "Give fixed sizes.")
    fills = call.op in ("tril", "triu", "im2col")
    if (fills and value.expression != "x") or value.blockers:
        value = _without_pending(builder, value)
    shift = 1 if fills else 0  # what torch fills in with 0 is place -1
    out = run_on(call, {name: value.index + shift}, "int64")
    several = isinstance(out, list)
    indices = [part - shift for part in (out if several else [out])]
    if not value.bare and len(value.sources) == 1:
        size = builder.total(value)
        if covers(value.index, size) and not all(covers(part, size) for part in indices) and not value.masked:
            # Some of it is left out here: what waits is made once, for all that read it.
            return _move_one(builder, call, name, builder.plain(value))
    # Nothing stands at a filled place: any scale will do.
    scales = _moved_array(call, name, value.scale, value, False, several, len(indices))
    offsets = _moved_array(call, name, value.offset, value, fills, several, len(indices))
    results = tuple(
        value.but(index=i, scale=s, offset=o, blocked=None, blockers=()) for i, s, o in zip(indices, scales, offsets, strict=True)
    )
    return _move_masks(call, name, value, results if several else results[0])


def _without_pending(builder: Builder, value: Value) -> Value:
    blockers = tuple(builder.plain(blocker) for blocker in value.blockers)
    bare = builder.plain(value.but(blocked=None, blockers=()))
    return bare.but(blocked=value.blocked, blockers=blockers)


def _moved_array(call: Call, name: str, array: Any, value: Value, filled: bool, several: bool, n: int) -> list[Any]:
    """Return a scale or an offset moved along, one part per result. filled : whether 0 must stand in the places that torch fills in"""
    if array.ndim == 0 and not (filled and array != 0.0):
        return [array] * n
    out = run_on(call, {name: np.broadcast_to(array, value.shape)}, "float64")
    return out if several else [out]
