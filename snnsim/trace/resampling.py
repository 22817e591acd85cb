"""Interpolation and constant grids: a fixed matrix over space, found by resampling each place alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call
from snnsim.trace.linear import dense
from snnsim.trace.values import Value


def _resample(builder: Builder, call: Call) -> Any:
    """Any operation that is linear in its first argument and the same for all channels."""
    import torch

    name = "self" if "self" in call.arguments else "input"
    value = builder.plain(call.value(name))
    space = value.shape[2:]
    size = int(np.prod(space))
    given = {**call.arguments, name: torch.eye(size, dtype=torch.float64).reshape(size, 1, *space)}
    if "grid" in given:
        if isinstance(given["grid"], Value):
            call.refuse("reads places that depend on the input", "Make the grid a constant.")
        given["grid"] = given["grid"].expand(size, *given["grid"].shape[1:])
    matrix = call.target(*(given[argument.name] for argument in call.target._schema.arguments)).reshape(size, -1).T.numpy()
    flat = value.but(index=value.index.reshape(*value.shape[:2], size))
    result = dense(builder, flat, matrix, None, (*call.shape[:2], len(matrix)))
    return result.but(index=result.index.reshape(call.shape))


_UPSAMPLED = """
    upsample_linear1d upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_bilinear2d_aa _upsample_bicubic2d_aa
"""
HANDLERS: dict[str, Callable[[Builder, Call], Any]] = dict.fromkeys(
    [*_UPSAMPLED.split(), "grid_sampler", "grid_sampler_2d", "grid_sampler_3d"], _resample
)
