"""Figures of energy: implementations on several chips, where they break even, which price decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.energy.break_even import PUBLISHED, BreakEven
from snnsim.energy.comparison import EnergyComparison
from snnsim.errors import ParameterError
from snnsim.viz.style import BLUE, CYCLE, GREY, RED, legend_above, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def energy_by_profile(comparison: EnergyComparison, ax: Axes | None = None) -> Axes:
    """Draw the best ANN and the best spiking network of every profile, with their intervals, on a logarithmic axis. Returns the Axes."""
    ax = ax or new_axes(7.0, 0.36 * len(comparison.profiles) + 1.2)
    labels = []
    for place, profile in enumerate(comparison.profiles):
        labels.append(f"{profile.name} [{profile.scope}]")
        for role, colour, shift in (("ann", GREY, -0.18), ("snn", BLUE, 0.18)):
            best = comparison.best(profile.name, role)
            if best is None:
                ax.text(
                    0.01,
                    place + shift,
                    f"{role.upper()}: no price",
                    transform=ax.get_yaxis_transform(),
                    va="center",
                    fontsize=7,
                    color=GREY,
                )
                continue
            low, nominal, high = (value * 1e-6 for value in best[1])
            hosted = "ann" in comparison.report(profile.name, best[0]).hosted
            ax.barh(place + shift, nominal, height=0.34, color=colour, alpha=0.45 if hosted else 1.0)
            ax.errorbar(nominal, place + shift, xerr=[[nominal - low], [high - nominal]], color="black", capsize=2, linewidth=0.8)
    ax.set_yticks(range(len(labels)), labels=labels, fontsize=8)
    ax.set(xlabel="energy per inference (µJ)", ylim=(len(labels) - 0.5, -0.5))
    for role, colour in (("best ANN (pale: on a host)", GREY), ("best spiking network", BLUE)):
        ax.plot([], [], color=colour, linewidth=7, label=role)
    priced = [best[1].low for profile in comparison.profiles for role in ("ann", "snn") if (best := comparison.best(profile.name, role))]
    priced = [low for low in priced if low > 0.0]
    if priced:  # a logarithmic axis has no place for 0
        ax.set(xscale="log")
        ax.set_xlim(left=0.3e-6 * min(priced))
    legend_above(ax, 2)
    plain(ax)
    return ax


def break_even_curve(layers: Sequence[tuple[str, BreakEven]], ax: Axes | None = None, *, measured: float | None = None) -> Axes:
    """Draw E_snn / E_ann against spikes per synapse and inference, with the published thresholds as bands. Returns the Axes.

    layers : (label, BreakEven); measured : spikes per synapse of a run, as a vertical line

    Raises ParameterError when there is nothing to draw.
    """
    if not layers:
        raise ParameterError("break_even_curve.layers is empty. Give at least one (label, BreakEven).")
    ax = ax or new_axes(6.4, 3.8)
    spikes = np.logspace(-3, 2, 200)
    for k, (label, layer) in enumerate(layers):
        colour = CYCLE[k % len(CYCLE)]
        ax.plot(spikes, layer.ratio(spikes), color=colour, label=label)
        even = layer.spikes_per_synapse.nominal
        if even > 0:
            ax.plot(even, 1.0, "o", color=colour, markersize=5)
            ax.annotate(f"{even:.3g}", (even, 1.0), textcoords="offset points", xytext=(4, -11), fontsize=8, color=colour)
    ax.axhline(1.0, color="black", linewidth=0.8)
    for k, threshold in enumerate(PUBLISHED):
        low, high = threshold.spikes
        where = 0.02 + 0.07 * k
        ax.axvspan(max(low, 1e-3), max(high, low * 1.08), ymin=where, ymax=where + 0.05, color=GREY, alpha=0.55, linewidth=0)
        name = f"{threshold.who} ({threshold.unit})"
        ax.text(max(high, low) * 1.1, where + 0.025, name, fontsize=7, va="center", transform=ax.get_xaxis_transform())
    if measured is not None:
        ax.axvline(measured, color=RED, linestyle="--", linewidth=1.0, label="this network")
    ax.set(
        xscale="log", yscale="log", xlabel="spikes per synapse and inference", ylabel="energy of spikes / energy of ANN", xlim=(1e-3, 1e2)
    )
    legend_above(ax, 2)
    plain(ax)
    return ax


def sensitivity_bars(comparison: EnergyComparison, profile: str, ax: Axes | None = None, *, most: int = 8, **pair: Any) -> Axes:
    """Draw how far the ratio of spikes to ANN moves between the ends of each price. Returns the Axes.

    pair : snn, ann as in `EnergyComparison.sensitivity`

    Raises ParameterError when one side has no total on this profile.
    """
    terms = comparison.sensitivity(profile, **pair)[:most]
    if not terms:
        raise ParameterError(
            f"sensitivity_bars.profile = {profile!r} does not price both sides. Choose one of which `verdict` is not None."
        )
    ax = ax or new_axes(6.0, 0.34 * len(terms) + 1.2)
    for place, term in enumerate(terms):
        low, high = sorted((term.at_low, term.at_high))
        ax.barh(place, max(high - low, 1e-12), left=low, color=RED if term.decides else BLUE, height=0.6)
    ax.axvline(1.0, color="black", linewidth=0.8)
    ax.set_yticks(range(len(terms)), labels=[f"{term.term} ({100 * term.share:.0f} %)" for term in terms], fontsize=8)
    ax.set(xscale="log", xlabel=f"energy of spikes / energy of ANN on {profile}, price from low to high", ylim=(len(terms) - 0.5, -0.5))
    plain(ax)
    return ax
