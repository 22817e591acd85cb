"""Synapses as two plain lists, the way a test reads them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.connect.base import Synapses


class Listed(NamedTuple):
    source: np.ndarray
    target: np.ndarray
    entry: np.ndarray | None
    weight: np.ndarray | None


def listed(synapses: Synapses) -> Listed:
    """Return source and target of every synapse as int64, so that sums and differences do not wrap."""
    return Listed(synapses.source, synapses.target.astype(np.int64), synapses.entry, synapses.weight)
