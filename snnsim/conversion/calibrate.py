"""Second pass: how large the values of each node get."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnsim.errors import ConversionError
from snnsim.graph.ir import Graph


def ranges(graph: Graph, calibration: np.ndarray) -> Mapping[str, float]:
    """Return the largest magnitude of every node over the calibration inputs int[n, *input shape].

    Raises ConversionError naming a node that is zero, or not finite, on all of them: no scale would fit it.
    """
    largest = {name: float(np.abs(value).max()) for name, value in graph.evaluate(calibration).items()}
    for name, value in largest.items():
        if not np.isfinite(value):
            raise ConversionError(f"Graph node {name!r} is not finite on the calibration data. Check the weights and the inputs.")
        if value == 0.0:
            raise ConversionError(f"Graph node {name!r} is 0 on all {len(calibration)} calibration inputs. Give inputs that excite it.")
    return largest
