"""Figures. Every function draws into given or new `Axes` and returns them; matplotlib is imported when one is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.errors import ParameterError
from snnsim.hardware.profile import Interval
from snnsim.results import SpikeTrains
from snnsim.units import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito (2008): distinct for colour-blind readers and in grey print.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#7A7A7A"


def _new_axes(width: float, height: float) -> Axes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure.add_subplot()


def _plain(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)


def raster(trains: SpikeTrains, ax: Axes | None = None, *, colour: str = BLUE) -> Axes:
    """Draw spikes as dots: time against neuron. Returns the Axes."""
    ax = ax or _new_axes(7.0, 3.5)
    size = float(np.clip(4000 / max(len(trains), 1), 0.4, 8.0))
    ax.scatter(trains.times, trains.indices, s=size, c=colour, linewidths=0, rasterized=True)
    ax.set(xlabel="time (ms)", ylabel="neuron", ylim=(-0.5, trains.n - 0.5))
    _plain(ax)
    return ax


def layered_raster(spikes: Mapping[str, SpikeTrains], ax: Axes | None = None, *, trial: int = 0) -> Axes:
    """Draw the events of one trial travelling through the layers: one band per population, first one on top.

    Blue dots are positive events, orange ones negative; larger events are larger dots. Returns the Axes.
    """
    if not spikes:
        raise ParameterError("layered_raster.spikes is empty. Record the spikes of at least one population.")
    ax = ax or _new_axes(9.0, 0.3 * len(spikes) + 1.2)
    for band, train in enumerate(spikes.values()):
        mine = train.trials == trial
        value = train.values[mine]
        height = band + 0.1 + 0.8 * train.indices[mine] / max(train.n - 1, 1)
        size = 0.5 + 1.2 * np.log2(np.abs(value) + 1)
        ax.scatter(train.times[mine], height, s=size, c=np.where(value > 0, BLUE, ORANGE), linewidths=0, rasterized=True)
        ax.axhline(band, color="0.9", linewidth=0.5, zorder=0)
    ax.set(xlabel="step", ylim=(len(spikes), 0), xlim=(-1, None))
    ax.set_yticks(np.arange(len(spikes)) + 0.5, labels=list(spikes), fontsize=8)
    ax.tick_params(axis="y", length=0)
    for label, colour in (("positive event", BLUE), ("negative event", ORANGE)):
        ax.scatter([], [], s=12, c=colour, label=label)
    ax.legend(loc="upper right", fontsize=8, frameon=True)
    _plain(ax)
    return ax


def attention_map(weights: np.ndarray, ax: Axes | None = None, *, title: str = "") -> Axes:
    """Draw attention weights float[query, key] in 0 .. 1. Returns the Axes."""
    ax = ax or _new_axes(3.2, 3.0)
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
    ax = ax or _new_axes(7.0, 0.28 * len(layers) + 1.4)
    thickness = 0.8 / len(series)
    for i, ((name, values), colour) in enumerate(zip(series.items(), (RED, BLUE, GREEN, ORANGE, GREY) * len(series), strict=False)):
        places = np.arange(len(layers)) + (i - (len(series) - 1) / 2) * thickness
        ax.barh(places, [values.get(layer, 0.0) for layer in layers], thickness, color=colour, label=name)
    ax.set_yticks(np.arange(len(layers)), labels=layers, fontsize=8)
    ax.set(xscale="log", xlabel=label, ylim=(len(layers) - 0.5, -0.5))
    ax.legend(fontsize=8, frameon=False, ncols=len(series), loc="lower right", bbox_to_anchor=(1.0, 1.0))
    _plain(ax)
    return ax


def energy_bars(entries: Sequence[tuple[str, Interval | None, Any]], ax: Axes | None = None, *, title: str = "") -> Axes:
    """Draw energies with their intervals on a logarithmic axis.

    entries : (name, Interval in pJ or None, colour); None is written as 'no price' instead of a bar. Returns the Axes.
    """
    if not entries:
        raise ParameterError("energy_bars.entries is empty. Give at least one (name, interval, colour).")
    ax = ax or _new_axes(6.0, 0.34 * len(entries) + 1.0)
    priced = [interval for _, interval, _ in entries if interval is not None]
    least = min((interval.low for interval in priced), default=1e6) * 1e-6
    for place, (_, interval, colour) in enumerate(entries):
        if interval is None:
            place_at = ax.get_yaxis_transform()  # x in fractions of the axis: the limits may still change
            ax.text(0.02, place, "no price for an operation it needs", transform=place_at, va="center", fontsize=8, color=GREY, style="italic")
            continue
        low, nominal, high = (value * 1e-6 for value in interval)
        ax.barh(place, nominal, color=colour, height=0.66)  # from 0, that is from the edge of a logarithmic axis
        ax.errorbar(nominal, place, xerr=[[nominal - low], [high - nominal]], color="black", capsize=3, linewidth=1)
    ax.set_yticks(range(len(entries)), labels=[name for name, _, _ in entries], fontsize=8)
    ax.set(xscale="log", xlabel="energy per inference (µJ)", ylim=(len(entries) - 0.5, -0.5), title=title)
    ax.set_xlim(left=least * 0.5)
    ax.title.set_fontsize(9)
    _plain(ax)
    return ax
