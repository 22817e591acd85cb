"""F.fold: blocks are put back where they were cut out, and added up where they overlap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call
from snnsim.trace.pooling import total


def _fold(builder: Builder, call: Call) -> Any:
    """Read the entries of all blocks that lie on a place, found by unfolding the places themselves."""
    import torch

    value = builder.plain(call.value("self"))
    height, width = call["output_size"]
    place = torch.arange(1, height * width + 1, dtype=torch.float64).reshape(1, 1, height, width)
    sizes = (call[name] for name in ("kernel_size", "dilation", "padding", "stride"))
    held = np.rint(torch.nn.functional.unfold(place, *sizes).numpy()).astype(np.int64).ravel() - 1  # -1: in the padding
    order = np.argsort(held, kind="stable")
    order = order[held[order] >= 0]
    counts = np.bincount(held[order], minlength=height * width)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    entries = np.full((height * width, max(int(counts.max()), 1)), -1)
    entries[held[order], rank] = order
    index = value.index.reshape(*call.shape[:-2], -1)[..., entries]
    index = np.where(entries < 0, -1, index)
    if entries.shape[-1] == 1:
        return value.but(index=index.reshape(call.shape))
    return total(builder, value.but(index=index), (index.ndim - 1,), call.shape)


HANDLERS: dict[str, Callable[[Builder, Call], Any]] = {"col2im": _fold}
