"""The look all figures share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from snnsim.errors import ParameterError
from snnsim.results import SpikeTrains

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito (2008): distinct for colour-blind readers and in grey print.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#7A7A7A"
#: colours of populations, in their order
CYCLE = (BLUE, RED, GREEN, ORANGE, GREY, "#56B4E9", "#CC79A7")


def new_axes(width: float, height: float) -> Axes:
    """Return the Axes of a new figure, in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure.add_subplot()


def plain(ax: Axes) -> None:
    """Leave out the lines that carry nothing."""
    ax.spines[["top", "right"]].set_visible(False)


def named_trains(owner: str, spikes: Any) -> dict[str, SpikeTrains]:
    """Return spike trains by name; one population alone is named ''."""
    if isinstance(spikes, SpikeTrains):
        return {"": spikes}
    if not isinstance(spikes, Mapping) or not all(isinstance(trains, SpikeTrains) for trains in spikes.values()):
        raise ParameterError(
            f"{owner}.spikes = {type(spikes).__name__} must be SpikeTrains, or a mapping of them by name. Give result.spikes."
        )
    if not spikes:
        raise ParameterError(f"{owner}.spikes is empty. Record the spikes of at least one population.")
    return dict(spikes)


def coloured(owner: str, names: Any, colour: str | Sequence[str]) -> dict[str, str]:
    """Return the colour of each name: the given ones; one colour given for several names leaves them to the cycle."""
    if isinstance(colour, str):
        colour = [colour] if len(names) == 1 else [CYCLE[k % len(CYCLE)] for k in range(len(names))]
    if len(colour) != len(names):
        raise ParameterError(f"{owner}.colour holds {len(colour)} colours for {len(names)} populations. Give one for each.")
    return dict(zip(names, colour, strict=True))


def legend_above(ax: Axes, columns: int) -> None:
    """Put the legend above the frame, where it hides no data."""
    ax.legend(fontsize=8, frameon=False, ncols=min(columns, 4), loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
