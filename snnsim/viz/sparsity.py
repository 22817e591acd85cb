"""Figure of what sparse ANNs and spiking networks reach for their energy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from snnsim.errors import ParameterError
from snnsim.sparsity.front import FrontRow
from snnsim.sparsity.sweeps import SWEEPS
from snnsim.viz.style import BLUE, CYCLE, GREY, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = "osD^v<>pP*XHd8"  # shapes as well as colours: the figure is read in grey print too


#: a method looks the same in every figure, whichever rows are drawn
_PLACES = ("dense", *SWEEPS, "int8 program", "unary", "signed_digit", "graded")


def sparsity_front(
    rows: Sequence[FrontRow], ax: Axes | None = None, *, quality: str = "accuracy", intervals: bool = True, legend: bool = True
) -> Axes:
    """Draw quality against energy per inference, one mark per row of `sim.sparsity_front`, and the line of the best ones.

    Rows without a price are left out and named in the title.

    quality : str   what the vertical axis is called; accuracy is drawn in per cent
    intervals : bool   whether whiskers show the low and high ends of the profile, for the dense model, the front and spikes; all rows move
                       together from one end to the other
    legend : bool   whether methods are named beside the frame

    The energy axis is logarithmic where its values span more than a factor of ten.

    Returns the Axes. Raises ParameterError when no row has a price.
    """
    priced = [row for row in rows if row.energy is not None]
    if not priced:
        raise ParameterError("sparsity_front.rows holds no row with an energy. Choose a profile that prices their operations.")
    ax = ax or new_axes(8.0, 4.2)
    scale = 100.0 if quality == "accuracy" else 1.0
    others = [row.method for row in priced if row.method not in _PLACES]
    for kind, method in dict.fromkeys((row.kind, row.method) for row in priced):
        place = _PLACES.index(method) if method in _PLACES else len(_PLACES) + others.index(method)
        some = [row for row in priced if (row.kind, row.method) == (kind, method)]
        energies = [[value * 1e-6 for value in row.energy] for row in some if row.energy is not None]
        shown = [intervals and (row.best or kind == "SNN" or method == "dense") for row in some]
        ends = [(mid - low, high - mid) if show else (0.0, 0.0) for (low, mid, high), show in zip(energies, shown, strict=True)]
        colour = "black" if kind == "SNN" else GREY if method == "dense" else CYCLE[place % len(CYCLE)]
        look = {"marker": _MARKS[place % len(_MARKS)], "color": colour, "markerfacecolor": "white" if kind == "SNN" else colour}
        ax.errorbar(
            [mid for _, mid, _ in energies],
            [scale * row.quality for row in some],
            xerr=list(zip(*ends, strict=True)),
            linestyle="",
            elinewidth=0.7,
            ecolor="#AAAAAA",
            markersize=6,
            label=f"{kind} {method}".replace("_", " "),
            **look,  # type: ignore[arg-type]
        )
        if kind == "SNN":
            at = (energies[0][1], scale * some[0].quality)
            ax.annotate(method.replace("_", " "), at, (0, -9), textcoords="offset points", rotation=90, ha="center", va="top", fontsize=8)
    best = sorted((row.energy.nominal * 1e-6, scale * row.quality) for row in priced if row.best and row.energy is not None)
    ax.step([x for x, _ in best], [y for _, y in best], where="post", color=BLUE, linewidth=1, zorder=0, label="front")
    unit = " (%)" if quality == "accuracy" else ""
    middle = [row.energy.nominal for row in priced if row.energy is not None]
    ax.set(xscale="log" if max(middle) > 10.0 * min(middle) else "linear", xlabel="energy per inference (µJ)", ylabel=f"{quality}{unit}")
    left_out = [f"{row.kind} {row.method}" for row in rows if row.energy is None]
    if left_out:
        ax.set_title(f"no price: {', '.join(dict.fromkeys(left_out))}", fontsize=9, loc="left")
    if legend:
        ax.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    plain(ax)
    return ax
