"""100 analog chips of the digits transformer, each on 360 images, in spikes too: seconds, and the accuracy of the chips; no peer.

`monte_carlo` draws the devices of every chip anew (phase-change memory, a day after programming). `chips_s`: channels are calibrated
again on each chip, and all its images are also run in spikes, verified and counted. `raw_s`: the same devices without calibration,
accuracy alone. Two threads, or as many as `--threads` says beyond that; they change no bit. An accuracy comes with the ends of the 95 %
interval of its mean over chips. Less than five minutes is wanted.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from benchmarks.measure import Options

CHIPS, IMAGES = 100, 360
DAY = 86_400.0  # s


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(options, CHIPS, IMAGES)


def compare(options: Options, chips: int, images: int) -> dict[str, Any]:
    """Study `chips` chips on `images` images each, calibrated and not."""
    import snnsim as sim

    options.say("compiling the kernels")
    graph, _ = sim.data.load_model("digits")
    seen, held_out = sim.data.load_digits("train")[0], sim.data.load_digits("test")
    model = sim.convert(graph, sim.data.patches(seen[:512]))
    inputs, labels = sim.data.patches(held_out[0][:images]), held_out[1][:images].astype(int)
    calibration, threads = sim.data.patches(seen[600:664]), max(2, options.threads)

    def study(n: int, recover: str | None) -> tuple[float, Any]:
        began = time.perf_counter()
        found = sim.monte_carlo(
            model, inputs, labels, "pcm", n=n, seed=0, time=DAY, calibration=calibration, recover=recover,
            counted=images if recover else 0, threads=threads,
        )  # fmt: skip
        return time.perf_counter() - began, found

    study(1, "channels")
    runs: list[dict[str, Any]] = []
    for number in range(options.runs):
        options.say(f"run {number + 1} of {options.runs}")
        run: dict[str, Any] = {}
        for name, recover in (("chips", "channels"), ("raw", None)):
            seconds, found = study(chips, recover)
            low, high = found.interval()
            run |= {f"{name}_s": seconds, f"{name}_accuracy": found.mean, f"{name}_low": low, f"{name}_high": high}
            if recover:
                run["chips_spikes"] = float(found.per_inference("spikes").mean())
        runs.append(run)
    figures = {name: median(run[name] for run in runs) for name in runs[0]}
    return {"workload": "chips", "peer": None, **figures, "n": chips, "images": images, "threads": threads, "runs": runs}
