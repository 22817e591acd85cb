"""Figures of answers that come before the network is silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.conversion.anytime import Anytime
from snnsim.errors import ParameterError
from snnsim.units import one_of
from snnsim.viz.style import CYCLE, GREY, legend_above, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELS = {"spikes": "spikes per inference so far", "steps": "steps"}


def anytime_accuracy(
    runs: Mapping[str, Anytime], labels: Any, ax: Axes | None = None, *, against: str = "spikes", reference: float | None = None
) -> Axes:
    """Draw the share of right answers against the spikes or the steps spent on them, one line per run, such as a code.

    runs : mapping of name to `Anytime`
    labels : int[trials]        the right classes
    against : 'spikes' or 'steps'
    reference : float           share of right answers of the integer program, drawn as a dashed line

    Returns the Axes. Raises ParameterError for no runs or another `against`.
    """
    one_of("anytime_accuracy.against", against, _LABELS)
    if not runs:
        raise ParameterError("anytime_accuracy.runs is empty. Give at least one run, by name.")
    ax = ax or new_axes(5.0, 3.2)
    for (name, run), colour in zip(runs.items(), CYCLE * len(runs), strict=False):
        spent = run.spikes.mean(axis=1) if against == "spikes" else run.times
        ax.step(np.maximum(spent, 1.0), 100.0 * run.accuracy(labels), where="post", label=name, color=colour)
    if reference is not None:
        ax.axhline(100.0 * reference, color=GREY, linestyle="--", linewidth=1)
    ax.set(xscale="log", xlabel=_LABELS[against], ylabel="right answers (%)", ylim=(0.0, 103.0))
    legend_above(ax, len(runs))
    plain(ax)
    return ax
