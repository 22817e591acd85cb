"""Convolution with shared weights, for integer units."""

from __future__ import annotations

from typing import final

import numpy as np

from snnsim.connect.base import Connector, Shape
from snnsim.connect.dense import whole_weights
from snnsim.errors import ParameterError, WiringError
from snnsim.units import check_integer


@final
class Filters(Connector):
    r"""A convolution over one to three spatial axes, channels last; its weights are stored once, whatever the number of places.

    .. math:: acc_{y,o} = \sum_{k,c} weight_{k,c,o} \, s_{y \cdot stride - before + k \cdot dilation,\; c}

    Parameters
    ----------
    weight : int8 or int16[*kernel, channels_in / groups, channels_out]
    stride, dilation : tuple of int      one per spatial axis, >= 1; default 1
    padding : tuple of (before, after)   one pair per spatial axis, >= 0; places beyond the border do not exist; default 0
    groups : int                         divides the channels, in and out

    Joins (*space, channels_in) to (*space', channels_out); `post_shape` tells space'.
    """

    weighted = True

    def __init__(
        self,
        weight: np.ndarray,
        *,
        stride: tuple[int, ...] | None = None,
        padding: tuple[tuple[int, int], ...] | None = None,
        dilation: tuple[int, ...] | None = None,
        groups: int = 1,
    ) -> None:
        self.weight = whole_weights("Filters.weight", weight)
        axes = self.weight.ndim - 2
        if not 1 <= axes <= 3 or not self.weight.size:
            raise ParameterError(
                f"Filters.weight has shape {self.weight.shape} but must be (*kernel, channels in, channels out), 1 .. 3 axes."
            )
        self.groups = check_integer("Filters.groups", groups, low=1)
        if self.weight.shape[-1] % self.groups:
            raise ParameterError(f"Filters.groups = {groups} must divide the {self.weight.shape[-1]} channels out.")
        self.stride = tuple(check_integer("Filters.stride", n, low=1) for n in stride or (1,) * axes)
        self.dilation = tuple(check_integer("Filters.dilation", n, low=1) for n in dilation or (1,) * axes)
        self.padding = tuple(tuple(check_integer("Filters.padding", n, low=0) for n in pair) for pair in padding or ((0, 0),) * axes)
        for name in ("stride", "dilation", "padding"):
            if len(getattr(self, name)) != axes:
                raise ParameterError(f"Filters.{name} = {getattr(self, name)} must have one entry for each of the {axes} spatial axes.")

    def post_shape(self, pre: Shape) -> Shape:
        """Return the shape that receives from `pre`. Raises WiringError for other axes or channels, or a kernel that does not fit."""
        *kernel, channels, out = self.weight.shape
        if len(pre) != len(kernel) + 1 or pre[-1] != channels * self.groups:
            raise WiringError(f"Filters.weight {self.weight.shape} takes (*space, {channels * self.groups}), not {pre}.")
        rows = zip(pre[:-1], kernel, self.stride, self.padding, self.dilation, strict=True)
        spare = [(n + sum(pad) - (k - 1) * gap - 1, step) for n, k, step, pad, gap in rows]
        if min(room for room, _ in spare) < 0:
            raise WiringError(f"Filters.weight {self.weight.shape} with padding {self.padding} is larger than {pre}. Pad more.")
        return (*(room // step + 1 for room, step in spare), out)

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        try:
            wanted = self.post_shape(pre)
        except WiringError as error:
            raise WiringError(f"{where}: {error}") from None
        if post != wanted:
            raise WiringError(f"{where}: Filters turn {pre} into {wanted}, not {post}. Give the post population that shape.")

    def taps(self, axis: int, n_pre: int, n_post: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where a place of one axis leads: (first entry of every place, then the end; places out; taps), int32 each."""
        output, tap = np.indices((n_post, self.weight.shape[axis]), dtype=np.int64)
        entry = output * self.stride[axis] - self.padding[axis][0] + tap * self.dilation[axis]
        inside = (entry >= 0) & (entry < n_pre)
        order = np.argsort(entry[inside], kind="stable")
        first = np.searchsorted(entry[inside][order], np.arange(n_pre + 1))
        return first.astype(np.int32), output[inside][order].astype(np.int32), tap[inside][order].astype(np.int32)
