"""What one core of this machine can do at best: bytes through an array, additions to listed places."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from snnsim.kernels._jit import kernel

MIB = 1 << 20
ENOUGH = 0.1  # s, of each measurement
LARGEST = 256 * MIB  # far beyond any cache: larger arrays are no slower


@kernel
def _stream(state: np.ndarray, factor: float, times: int) -> None:
    """Read and write every element `times` times: what an update of all neurons cannot do without."""
    for _ in range(times):
        for i in range(state.size):
            state[i] = state[i] * factor + 1.0


@kernel
def _scatter(target: np.ndarray, first: np.ndarray, width: int, into: np.ndarray) -> None:
    """Deliver a spike of each source in `first`: add one weight to all its targets."""
    for start in first:
        for place in target[start : start + width]:
            into[place] += 0.1


@kernel
def _scatter_weights(target: np.ndarray, weight: np.ndarray, first: np.ndarray, width: int, into: np.ndarray) -> None:
    """The same with a weight for each synapse."""
    for start in first:
        for i in range(start, start + width):
            into[target[i]] += weight[i]


def stream_rate(size: int) -> float:
    """Return bytes per second, read and written, through an array of `size` bytes."""
    state = np.ones(max(min(size, LARGEST) // 8, 64))
    times = 1 + MIB // state.size  # a call does enough for its own cost not to show
    return 16.0 * state.size * times * _rate(lambda: _stream(state, 0.5, times))


def scatter_rate(n_targets: int, width: int, n_synapses: int, weighted: bool = False) -> float:
    """Return synapses per second: sources own `width` synapses each, ascending targets, and fire in random order.

    weighted : whether each synapse has a weight of its own, in single precision, or all share one
    """
    random = np.random.default_rng(1)
    width = max(1, min(width, n_targets))
    kind = np.uint16 if n_targets <= 1 << 16 else np.uint32
    rows = max(1, min(n_synapses, LARGEST // (np.dtype(kind).itemsize + 4 * weighted)) // width)
    # A few hundred drawn rows, repeated: drawing each anew would take longer than the measurement.
    drawn = np.sort(random.integers(n_targets, size=(min(rows, 256), width)), axis=1).astype(kind)
    target = np.resize(drawn, (rows, width)).ravel()
    first = random.integers(rows, size=max(1, 200_000 // width)) * width
    into = np.zeros(n_targets)
    if weighted:
        weight = np.full(target.size, 0.1, dtype=np.float32)
        return first.size * width * _rate(lambda: _scatter_weights(target, weight, first, width, into))
    return first.size * width * _rate(lambda: _scatter(target, first, width, into))


def _rate(call: Callable[[], None]) -> float:
    """Return calls per second: the best of many, for the machine's limit is not its average."""
    call()
    best, began = np.inf, time.perf_counter()
    while time.perf_counter() - began < ENOUGH:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return 1.0 / best
