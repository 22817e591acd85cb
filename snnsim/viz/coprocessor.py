"""Figures of offloading: what each split costs, and what bounds the chip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnsim.coprocessor.splits import Offload
from snnsim.errors import ParameterError
from snnsim.viz.style import BLUE, CYCLE, GREY, ORANGE, legend_above, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def offload_bars(offload: Offload, ax: Axes | None = None) -> Axes:
    """Draw the energy of every split, divided into host, chip and link, with its interval; the line is the host alone. Returns the Axes."""
    ax = ax or new_axes(6.6, 0.42 * len(offload.splits) + 1.3)
    for place, split in enumerate(offload.splits):
        left = 0.0
        for part, colour, label in ((split.host, GREY, "host"), (split.chip, BLUE, "chip"), (split.link, ORANGE, "link")):
            ax.barh(place, part.nominal * 1e-6, left=left, color=colour, height=0.62, label=label if place == 0 else None)
            left += part.nominal * 1e-6
        low, nominal, high = (value * 1e-6 for value in split.energy)
        ax.errorbar(nominal, place, xerr=[[nominal - low], [high - nominal]], color="black", capsize=2, linewidth=0.8)
    base = offload.splits[0].energy.nominal * 1e-6
    ax.axvline(base, color="black", linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(offload.splits)), labels=[f"{split.name} ({len(split.layers)})" for split in offload.splits], fontsize=8)
    ax.set(xlabel="energy per inference (µJ); layers on the chip in brackets", ylim=(len(offload.splits) - 0.5, -0.5))
    legend_above(ax, 3)
    plain(ax)
    return ax


def offload_roofline(offload: Offload, ax: Axes | None = None) -> Axes:
    """Draw what bounds the chip: its own rate, or the link that feeds it. Points are the splits. Returns the Axes.

    Raises ParameterError for a chip that publishes no time of a synaptic operation.
    """
    time = offload.chip.times.get("synops")
    if time is None:
        raise ParameterError(f"offload_roofline: {offload.chip.name!r} holds no times. Choose a chip that does, such as 'loihi14'.")
    ax = ax or new_axes(5.6, 3.6)
    peak = offload.cores / (time.value.nominal * 1e-9)
    bandwidth = offload.link.gbit_per_s.nominal * 1e9
    used = [split for split in offload.splits if split.layers and split.bits]
    points = [sum(offload.costs[name].synops for name in split.layers) / split.bits for split in used]
    ridge = peak / bandwidth
    intensity = np.logspace(np.log10(min([ridge, *points]) / 10), np.log10(max([ridge, *points]) * 10), 100)
    ax.plot(intensity, np.minimum(peak, intensity * bandwidth), color="black", label=f"{offload.chip.name} over {offload.link.name}")
    for k, (split, x) in enumerate(zip(used, points, strict=True)):
        ax.plot(x, min(peak, x * bandwidth), "o", color=CYCLE[k % len(CYCLE)], label=split.name)
    ax.axvline(ridge, color=GREY, linewidth=0.8, linestyle=":")
    ax.set(xscale="log", yscale="log", xlabel="synaptic operations per transferred bit", ylabel="synaptic operations per second")
    legend_above(ax, 3)
    plain(ax)
    return ax


def offload_break_even(offload: Offload, ax: Axes | None = None) -> Axes:
    """Draw the energy of every split against the activity of the chip, as a share of what was counted. Returns the Axes."""
    ax = ax or new_axes(5.6, 3.6)
    share = np.logspace(-4, 1, 100)
    base = offload.splits[0].energy.nominal
    seen: set[tuple[str, ...]] = set()
    for k, split in enumerate(split for split in offload.splits[1:] if split.layers):
        if split.layers in seen:
            continue
        seen.add(split.layers)
        colour = CYCLE[k % len(CYCLE)]
        ax.plot(share, (split.host.nominal + share * (split.chip.nominal + split.link.nominal)) / base, color=colour, label=split.name)
        even = offload.activity_to_pay(split.name)
        if even > 0:
            ax.plot(even, 1.0, "o", color=colour, markersize=5)
    ax.axhline(1.0, color="black", linewidth=0.8)
    ax.axvline(1.0, color=GREY, linewidth=0.8, linestyle=":")
    ax.set(xscale="log", yscale="log", xlabel="events, as a share of those counted", ylabel="energy / energy of the host alone")
    legend_above(ax, 3)
    plain(ax)
    return ax
