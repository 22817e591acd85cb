"""Read by every worker process that a sweep starts, before any point."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C, which a terminal sends to all processes, to the one that sweeps: it ends the workers in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
