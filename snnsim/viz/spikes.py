"""Figures of spikes: rasters, rates, intervals, f-I curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.analysis import intervals, population_rate, smoothed
from snnsim.errors import ParameterError
from snnsim.results import SpikeTrains
from snnsim.units import check_integer, finite_number
from snnsim.viz.style import BLUE, GREY, ORANGE, coloured, legend_above, named_trains, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Spikes = SpikeTrains | Mapping[str, SpikeTrains]
_FEW = 100  # neurons whose spikes are drawn as ticks
_ROOM = 0.1  # share of the height that a label of two lines takes


def raster(
    spikes: Spikes,
    ax: Axes | None = None,
    *,
    colour: str | Sequence[str] = BLUE,
    histogram: float | None = None,
    window: tuple[float, float] | None = None,
) -> Axes:
    """Draw spikes: time against neuron, several populations above each other. Returns the Axes of the raster.

    spikes : SpikeTrains, or a mapping of them by name such as ``result.spikes``
    colour : str or list of str   of one population, or one for each; several have a colour each by default
    histogram : float or None   width of a bin, ms: also draw the rate in an Axes underneath, the last of ``ax.figure.axes``
    window : (float, float)     start and stop, ms; None means the whole run
    Raises ParameterError for anything else, no populations, or bins that do not fit.
    """
    named = named_trains("raster", spikes)
    colours = coloured("raster", named, colour)
    ax = ax or new_axes(7.0, 3.5 if histogram is None else 4.4)
    total = sum(trains.n for trains in named.values())
    drawn = sum(len(trains) for trains in named.values())
    first = 0
    for name, trains in named.items():
        if total <= _FEW:
            ax.vlines(trains.times, trains.indices + first - 0.35, trains.indices + first + 0.35, colors=colours[name], linewidth=0.9)
        else:
            size = float(np.clip(8000 / max(drawn, 1), 0.4, 8.0))
            ax.scatter(trains.times, trains.indices + first, s=size, c=colours[name], linewidths=0, rasterized=True)
        if first:
            ax.axhline(first - 0.5, color="0.75", linewidth=0.6, zorder=0)
        first += trains.n
    ax.set(xlabel="time (ms)", ylabel="neuron", ylim=(-0.5, total - 0.5))
    ax.locator_params(axis="y", integer=True)
    if len(named) > 1:
        starts = np.cumsum([0, *(trains.n for trains in named.values())])
        middles = (starts[:-1] + starts[1:] - 1) / 2
        roomy = np.diff(middles).min() >= _ROOM * total
        ax.set_yticks(middles, labels=[f"{name}\n({trains.n})" if roomy else name for name, trains in named.items()])
        ax.tick_params(axis="y", length=0)
        ax.set_ylabel("")
        for label, shade in zip(ax.get_yticklabels(), colours.values(), strict=True):
            label.set_color(shade)
    ax.set_xlim(window or (0.0, max(max(trains.duration, float(trains.times.max(initial=0.0))) for trains in named.values())))
    plain(ax)
    if histogram is not None:
        below = _axes_below(ax)
        rate(spikes, below, width=histogram, window=window, colour=colour)
        if (names := below.get_legend()) is not None:
            names.remove()  # the labels of the raster name the colours
        below.set_xlim(ax.get_xlim())
        ax.set_xlabel("")
        ax.tick_params(axis="x", labelbottom=False)
    return ax


def _axes_below(ax: Axes) -> Axes:
    """Give the lower quarter of the place of `ax` to new Axes."""
    place = ax.get_subplotspec()
    if place is None:
        raise ParameterError("raster.histogram needs Axes in a grid to share their place, such as those of plt.subplots(). Leave it out.")
    halves = place.subgridspec(2, 1, height_ratios=(3, 1), hspace=0.05)
    ax.set_subplotspec(halves[0])
    return ax.figure.add_subplot(halves[1])


def rate(
    spikes: Spikes,
    ax: Axes | None = None,
    *,
    width: float = 5.0,
    sigma: float | None = None,
    window: tuple[float, float] | None = None,
    colour: str | Sequence[str] = BLUE,
) -> Axes:
    """Draw the firing rate per neuron over time, one line per population. Returns the Axes.

    spikes : SpikeTrains, or a mapping of them by name
    width : float   ms, of a bin;  sigma : float or None   ms, smooth by a Gaussian
    window : (float, float)   start and stop, ms; None means the whole run;  colour : as in `raster`
    Raises ParameterError for anything else, no populations, or bins that do not fit.
    """
    named = named_trains("rate", spikes)
    ax = ax or new_axes(7.0, 2.6)
    for name, shade in coloured("rate", named, colour).items():
        times, values = population_rate(named[name], width, window=window)
        if sigma is not None:
            ax.plot(times, smoothed(values, width, sigma), color=shade, linewidth=1.4, label=name)
        else:
            ax.stairs(values, np.append(times - width / 2, times[-1] + width / 2), baseline=None, color=shade, linewidth=1.2, label=name)
    ax.set(xlabel="time (ms)", ylabel="rate (Hz)", ylim=(0.0, None), xlim=(times[0] - width / 2, times[-1] + width / 2))
    if len(named) > 1:
        legend_above(ax, len(named))
    plain(ax)
    return ax


def isi_histogram(trains: SpikeTrains, ax: Axes | None = None, *, bins: int = 50, colour: str = BLUE) -> Axes:
    """Draw the distribution of the interspike intervals of all neurons; the title gives their mean. Returns the Axes.

    Raises ParameterError for anything but SpikeTrains, or when no neuron spiked twice.
    """
    bins = check_integer("isi_histogram.bins", bins, low=1, high=10_000)
    gaps, _ = intervals(trains)
    if not len(gaps):
        raise ParameterError("isi_histogram.trains holds no neuron with two spikes. Simulate for longer, or drive the neurons harder.")
    ax = ax or new_axes(4.5, 3.0)
    # A few very long intervals must not squeeze all others into the first bars.
    longest = min(float(gaps.max()), 1.3 * float(np.percentile(gaps, 99.0))) or 1.0
    beyond = int((gaps > 1.02 * longest).sum())
    ax.hist(gaps, bins=bins, range=(0.0, 1.02 * longest), color=colour)
    ax.set(xlabel="interspike interval (ms)", ylabel="intervals", xlim=(0.0, 1.02 * longest))
    ax.set_title(f"{len(gaps)} intervals, mean {gaps.mean():.3g} ms" + (f"; {beyond} longer" if beyond else ""), fontsize=9)
    plain(ax)
    return ax


def f_i_curve(
    currents: Any, rates: Any, ax: Axes | None = None, *, expected: Any = None, label: str = "current (pA)", colour: str = BLUE
) -> Axes:
    """Draw firing rates against the current that drives them. Returns the Axes.

    currents : float[n]  pA;  rates : float[n]  Hz, such as of `snnsim.f_i_curve`
    expected : float[n] or None   Hz, drawn as a line under the dots;  label : str   name and unit of the current
    Raises ParameterError for empty arrays, arrays of different lengths, or values that are not finite.
    """
    given = {"currents": (currents, ""), "rates": (rates, "Hz"), **({} if expected is None else {"expected": (expected, "Hz")})}
    values = {name: np.atleast_1d(finite_number(f"f_i_curve.{name}", value, unit)) for name, (value, unit) in given.items()}
    shapes = {name: value.shape for name, value in values.items()}
    if len(set(shapes.values())) > 1 or values["currents"].ndim != 1 or not values["currents"].size:
        raise ParameterError(f"f_i_curve: {shapes} must be lists of one length, at least 1. Give one rate per current.")
    ax = ax or new_axes(4.5, 3.0)
    if expected is None:
        ax.plot(values["currents"], values["rates"], color=colour, linewidth=1.2, marker="o", markersize=3.5)
    else:
        ax.plot(values["currents"], values["expected"], color=GREY, linewidth=1.4, label="expected")
        ax.plot(values["currents"], values["rates"], color=colour, linestyle="", marker="o", markersize=4, label="measured")
        ax.legend(fontsize=8, frameon=False, loc="upper left")
    ax.set(xlabel=label, ylabel="firing rate (Hz)")
    ax.set_ylim(bottom=min(0.0, -0.02 * float(values["rates"].max())))
    plain(ax)
    return ax


def layered_raster(spikes: Mapping[str, SpikeTrains], ax: Axes | None = None, *, trial: int = 0) -> Axes:
    """Draw the events of one trial travelling through the layers: one band per population, first one on top.

    Blue dots are positive events, orange ones negative; larger events are larger dots. Returns the Axes.
    """
    if not spikes:
        raise ParameterError("layered_raster.spikes is empty. Record the spikes of at least one population.")
    ax = ax or new_axes(9.0, 0.3 * len(spikes) + 1.2)
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
    plain(ax)
    return ax
