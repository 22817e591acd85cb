"""Figures of converted networks: attention, layers, energies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.errors import ParameterError
from snnsim.hardware.profile import Interval
from snnsim.units import show
from snnsim.viz.style import BLUE, GREEN, GREY, ORANGE, RED, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def attention_map(weights: np.ndarray, ax: Axes | None = None, *, title: str = "") -> Axes:
    """Draw attention weights float[query, key] in 0 .. 1. Returns the Axes."""
    ax = ax or new_axes(3.2, 3.0)
    weights = np.asarray(weights)
    if weights.ndim != 2 or weights.size == 0 or not np.isfinite(weights).all():
        raise ParameterError(f"attention_map.weights = {show(weights)} must be finite, of shape (query, key). Choose one head.")
    image = ax.imshow(weights, cmap="viridis", vmin=0.0, vmax=max(float(weights.max()), 1e-9))
    ax.set(xlabel="key token", ylabel="query token", title=title)
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.046)
    bar.set_label("attention weight")
    return ax


def layer_bars(series: Mapping[str, Mapping[str, float]], ax: Axes | None = None, *, label: str = "spikes per inference") -> Axes:
    """Draw one group of bars per layer, one bar per series (such as a code), on a logarithmic axis. Returns the Axes."""
    if not series or not any(value > 0 for values in series.values() for value in values.values()):
        raise ParameterError("layer_bars.series holds no positive value: a logarithmic axis has nothing to show. Give counts.")
    layers = list(next(iter(series.values())))
    ax = ax or new_axes(7.0, 0.28 * len(layers) + 1.4)
    thickness = 0.8 / len(series)
    for i, ((name, values), colour) in enumerate(zip(series.items(), (RED, BLUE, GREEN, ORANGE, GREY) * len(series), strict=False)):
        places = np.arange(len(layers)) + (i - (len(series) - 1) / 2) * thickness
        ax.barh(places, [values.get(layer, 0.0) for layer in layers], thickness, color=colour, label=name)
    ax.set_yticks(np.arange(len(layers)), labels=layers, fontsize=8)
    ax.set(xscale="log", xlabel=label, ylim=(len(layers) - 0.5, -0.5))
    ax.legend(fontsize=8, frameon=False, ncols=len(series), loc="lower right", bbox_to_anchor=(1.0, 1.0))
    plain(ax)
    return ax


def energy_bars(entries: Sequence[tuple[str, Interval | None, Any]], ax: Axes | None = None, *, title: str = "") -> Axes:
    """Draw energies with their intervals on a logarithmic axis.

    entries : (name, Interval in pJ or None, colour); None is written as 'no price' instead of a bar. Returns the Axes.
    """
    if not entries:
        raise ParameterError("energy_bars.entries is empty. Give at least one (name, interval, colour).")
    ax = ax or new_axes(6.0, 0.34 * len(entries) + 1.0)
    priced = [interval for _, interval, _ in entries if interval is not None]
    least = min((interval.low for interval in priced), default=1e6) * 1e-6
    for place, (_, interval, colour) in enumerate(entries):
        if interval is None:
            place_at = ax.get_yaxis_transform()  # x in fractions of the axis: the limits may still change
            ax.text(
                0.02, place, "no price for an operation it needs", transform=place_at, va="center", fontsize=8, color=GREY, style="italic"
            )
            continue
        low, nominal, high = (value * 1e-6 for value in interval)
        ax.barh(place, nominal, color=colour, height=0.66)  # from 0, that is from the edge of a logarithmic axis
        ax.errorbar(nominal, place, xerr=[[nominal - low], [high - nominal]], color="black", capsize=3, linewidth=1)
    ax.set_yticks(range(len(entries)), labels=[name for name, _, _ in entries], fontsize=8)
    ax.set(xscale="log", xlabel="energy per inference (µJ)", ylim=(len(entries) - 0.5, -0.5), title=title)
    ax.set_xlim(left=least * 0.5)
    ax.title.set_fontsize(9)
    plain(ax)
    return ax
