"""Two-dimensional convolution."""

from __future__ import annotations

from math import prod
from typing import Any, final

import numpy as np

from snnsim.connect.base import Shape, Sparse, Synapses, from_pairs
from snnsim.errors import ParameterError, WiringError
from snnsim.units import check_integer, finite_number


@final
class Convolution(Sparse):
    r"""A convolution of populations shaped (channels, height, width), as in PyTorch's ``conv2d`` (a cross-correlation).

    .. math:: I_{o,y,x} = \sum_{c,i,j} weight_{o,c,i,j} \, s_{c,\; y \cdot stride - padding + i,\; x \cdot stride - padding + j}

    Parameters
    ----------
    weight : float[channels_out, channels_in, kernel_height, kernel_width]   in the unit of the post model
    stride : int or (int, int)    >= 1, down and across
    padding : int or (int, int)   >= 0; neurons beyond the border do not exist

    The connector carries the weights: the projection is given none. Each synapse stores its own copy, so that a plastic
    projection unties them. A weight of 0 is a synapse too. Find the shape of the post population with `post_shape`.

    Raises ParameterError for a weight that has not four axes, WiringError for populations that do not fit.
    """

    weighted = False

    def __init__(self, weight: np.ndarray, *, stride: int | tuple[int, int] = 1, padding: int | tuple[int, int] = 0) -> None:
        array = np.asarray(finite_number("Convolution.weight", weight))
        if array.ndim != 4 or not array.size:
            raise ParameterError(
                f"Convolution.weight has shape {array.shape} but must be (channels_out, channels_in, kernel_height, kernel_width)."
            )
        self.weight = array
        self.stride = _two("stride", stride, low=1)
        self.padding = _two("padding", padding, low=0)

    def post_shape(self, pre: Shape) -> tuple[int, int, int]:
        """Return (channels, height, width) of the population that receives from one of shape `pre`.

        Raises WiringError when `pre` has not three axes, other channels, or is smaller than the kernel.
        """
        out, channels, *kernel = self.weight.shape
        if len(pre) != 3 or pre[0] != channels:
            raise WiringError(f"Convolution.weight {self.weight.shape} takes a population of ({channels}, height, width), not {pre}.")
        spare = [n + 2 * p - k for n, p, k in zip(pre[1:], self.padding, kernel, strict=True)]
        if min(spare) < 0:
            raise WiringError(f"Convolution.weight {self.weight.shape} with padding {self.padding} is larger than {pre}. Pad more.")
        height, width = (n // step + 1 for n, step in zip(spare, self.stride, strict=True))
        return out, height, width

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        try:
            wanted = self.post_shape(pre)
        except WiringError as error:
            raise WiringError(f"{where}: {error}") from None
        if post != wanted:
            raise WiringError(f"{where}: Convolution turns {pre} into {wanted}, not {post}. Give the post population that shape.")

    def expected(self, pre: Shape, post: Shape, *, same: bool | np.ndarray) -> float:
        taps = [len(self._taps(axis, pre[1 + axis], post[1 + axis])[0]) for axis in (0, 1)]
        return float(prod(self.weight.shape[:2]) * prod(taps))

    def between(self, pre: Shape, post: Shape, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        out, channels = self.weight.shape[:2]
        y_post, i, y_pre = self._taps(0, pre[1], post[1])
        x_post, j, x_pre = self._taps(1, pre[2], post[2])
        # Axes: channel out, channel in, tap down, tap across.
        o, c = np.arange(out)[:, None, None, None], np.arange(channels)[:, None, None]
        source = (c * pre[1] + y_pre[:, None]) * pre[2] + x_pre
        target = (o * post[1] + y_post[:, None]) * post[2] + x_post
        pairs = (source * (post[0] * post[1] * post[2]) + target).ravel()
        order = np.argsort(pairs)
        weight = self.weight[:, :, i[:, None], j].ravel()
        source, target = np.divmod(pairs[order], post[0] * post[1] * post[2])
        return from_pairs(source, target, prod(pre), prod(post), weight=weight[order])

    def _taps(self, axis: int, n_pre: int, n_post: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (output, kernel, input) positions along one axis, where the input exists."""
        output, tap = np.indices((n_post, self.weight.shape[2 + axis]), dtype=np.int64)
        entry = output * self.stride[axis] - self.padding[axis] + tap
        inside = (entry >= 0) & (entry < n_pre)
        return output[inside], tap[inside], entry[inside]


def _two(name: str, value: Any, *, low: int) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ParameterError(f"Convolution.{name} = {value!r} must be one number or two, down and across.")
    down, across = (check_integer(f"Convolution.{name}", number, low=low) for number in pair)
    return down, across
