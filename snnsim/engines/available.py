"""Memory this process may still take."""

from __future__ import annotations

import os
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


def available_bytes() -> float | None:
    """Return the bytes that can be taken without swapping, within the limit of the container; None where the system does not say.

    Linux tells what is free or can be freed; elsewhere all the memory of the machine is the bound.
    """
    bounds = [_machine(), _group()]
    known = [bound for bound in bounds if bound is not None]
    return min(known) if known else None


def _machine() -> float | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * float(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _group() -> float | None:
    """Return what a control group, such as a container, still allows. What its files hold in memory can be freed."""
    try:
        limit, used = (_GROUP / "memory.max").read_text().strip(), float((_GROUP / "memory.current").read_text())
        cached = [line.split()[1] for line in (_GROUP / "memory.stat").read_text().splitlines() if line.startswith("inactive_file ")]
        return None if limit == "max" else float(limit) - used + float(cached[0] if cached else 0)
    except (OSError, ValueError):
        return None
