"""What a linear map or a convolution reads, one row per place of its output."""

from __future__ import annotations

from itertools import product

import numpy as np

from snnsim.conversion.terms import Mapped


def windows(term: Mapped, values: np.ndarray, group: int = 0) -> np.ndarray:
    """Return float64[rows, inputs of one output channel of `group`], in the order of the rows of the weight.

    values : float64[samples, *shape of the source]
    """
    samples = len(values)
    flat = values.reshape(samples, -1)
    if term.index is not None:
        flat = np.where(term.index.ravel() < 0, 0.0, flat[:, term.index.ravel()])
    if term.conv is None:
        return flat.reshape(-1, len(term.weight))
    conv, inputs = term.conv, term.weight.shape[-2]
    space = conv.shape[:-1]
    x = np.pad(flat.reshape(samples, *term.space), [(0, 0), *conv.padding, (0, 0)])[..., group * inputs : (group + 1) * inputs]
    taps = [
        x[
            (
                slice(None),
                *(slice(at * d, at * d + (n - 1) * s + 1, s) for at, d, n, s in zip(place, conv.dilation, space, conv.stride, strict=True)),
            )
        ]
        for place in product(*map(range, term.weight.shape[:-2]))
    ]
    return np.stack([tap.reshape(-1, inputs) for tap in taps], axis=1).reshape(-1, len(taps) * inputs)
