"""Numbers past the range of the calibration data: they take its end, and the user is told how many."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np


def warn_beyond(beyond: Mapping[str, np.ndarray]) -> None:
    """Say once for each input how many of its numbers took the end of a range, on behalf of the function that the user called.

    beyond : mapping of input to int64[2]   how many, of how many
    """
    for name, (clipped, total) in beyond.items():
        if clipped:
            warnings.warn(
                f"{name!r}: {clipped} of {total} numbers ({clipped / total:.2g} of them) lie past the range of the calibration data and "
                "take its end. Convert with calibration data that cover them.",
                stacklevel=3,
            )
