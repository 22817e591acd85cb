"""What counting costs: each engine with its kernels as they are beside the same kernels without a counter; no peer.

The clock on brunel and on cuba, the event engine on sparse, converted digits settled (graded, unary) and eager (unary). The other side
is a copy of the package from whose kernels every write to a counter is taken out (`benchmarks/uncounted.py`); states and values at
the end must have the same bits. Both take turns; figures are the least
processor times of all runs. `*_ratio` is
with / without; `*_counts_s` is what making the `OperationCounts` of the tallies takes, apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks import uncounted
from benchmarks.counted import Side, jobs
from benchmarks.measure import Options
from benchmarks.networks import RandomNetwork
from benchmarks.workloads import brunel, cuba, sparse
from snnsim.errors import SimulationError

NETWORKS = {
    "clock_brunel": ("clock", brunel.PARAMETERS),
    "clock_cuba": ("clock", cuba.PARAMETERS),
    "event_sparse": ("event", sparse.PARAMETERS),
}
IMAGES = 128
#: of each side in one run, in turn
TURNS = 6


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(NETWORKS, IMAGES, options)


def compare(networks: Mapping[str, tuple[str, RandomNetwork]], images: int, options: Options) -> dict[str, Any]:
    """Time every case on both sides in turn. Raises SimulationError where counting changes a bit."""
    cases = jobs(networks, images, options)
    runs: list[dict[str, Any]] = []
    folders = uncounted.ROOT, uncounted.build()
    for number in range(options.runs):
        options.say(f"run {number + 1} of {options.runs}; the first one compiles the kernels")
        # New processes for each run: where arrays lie moves a time by up to a third, on either side.
        with Side(folders[0], cases) as ours, Side(folders[1], cases) as bare:
            runs.append({})
            for name in cases:
                turns = [(ours.run(name), bare.run(name)) for _ in range(TURNS)]
                check(name, *turns[0])
                runs[-1] |= {
                    f"{name}_s": min(counted["seconds"] for counted, _ in turns),
                    f"{name}_bare_s": min(plain["seconds"] for _, plain in turns),
                    f"{name}_counts_s": min(counted["counts_s"] for counted, _ in turns),
                }
    figures = {name: min(run[name] for run in runs) for name in runs[0]}
    ratios = {f"{name}_ratio": figures[f"{name}_s"] / figures[f"{name}_bare_s"] for name in cases}
    return {"workload": "counting", "peer": None, **figures, **ratios, "ratio": max(ratios.values()), "runs": runs}


def check(name: str, counted: Mapping[str, Any], plain: Mapping[str, Any]) -> None:
    """Refuse to compare two sides that did not do the same, or that both counted."""
    if counted["bits"] != plain["bits"]:
        raise SimulationError(f"counting: {name} ends in other bits where nothing is counted. Report it.")
    if plain["counted"] >= counted["counted"]:
        raise SimulationError(f"counting: {name} counts {plain['counted']} operations where nothing should be counted. Report it.")
