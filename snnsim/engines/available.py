"""Memory this process may still take, and the most it could ever have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")
#: Where a control group, such as a container, tells its limit, its use and what of that are files: version 2, then version 1.
_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)


def available_bytes() -> float | None:
    """Return the bytes that can be taken without swapping, within the limit of the container; None where the system does not say.

    Linux tells what is free or can be freed; elsewhere all the memory of the machine is the bound.
    """
    return min([*_free(), *_free_in_group()], default=None)


def total_bytes() -> float | None:
    """Return all the memory of this machine, or the limit of the container if that is lower; None where the system does not say."""
    return min([*_machine(), *_limit()], default=None)


def _machine() -> Iterator[float]:
    try:
        yield float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return


def _free() -> Iterator[float]:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield 1024.0 * float(line.split()[1])
                return
    except (OSError, ValueError, IndexError):
        pass
    yield from _machine()


def _limit() -> Iterator[float]:
    for limit, *_ in _FILES:
        try:
            # "max" where none is set.
            yield float((_GROUP / limit).read_text())
        except (OSError, ValueError):
            continue


def _free_in_group() -> Iterator[float]:
    for limit, used, stat, files in _FILES:
        try:
            free = float((_GROUP / limit).read_text()) - float((_GROUP / used).read_text())
            # What its files hold in memory can be freed.
            cached = [line.split()[1] for line in (_GROUP / stat).read_text().splitlines() if line.startswith(f"{files} ")]
            yield free + float(cached[0] if cached else 0)
        except (OSError, ValueError, IndexError):
            continue
