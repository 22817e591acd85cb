"""Kernels of populations in single precision, compiled when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from snnsim.kernels._jit import kernel_with
from snnsim.kernels.layout import CLOCK_STEP_SINGLE


@cache
def in_single(step: Callable) -> Callable:
    """Return a CLOCK_STEP kernel with states, coefficients and inputs in single precision. One object per kernel."""
    return kernel_with(CLOCK_STEP_SINGLE)(step.py_func)  # type: ignore[attr-defined]
