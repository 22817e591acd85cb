"""Figures of placements: how full the cores are, and what travels between tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.errors import ParameterError
from snnsim.placement.placed import LOADS, Placement
from snnsim.placement.rates import spikes_of
from snnsim.results import Result
from snnsim.viz.style import RED, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WHOLE = 100  # tiles of a chip that is drawn whole, unused tiles included
_STRONGEST = 40  # pairs of tiles that are drawn: more of them hide each other


def placement_map(placement: Placement, result: Result | None = None, ax: Axes | None = None) -> Axes:
    """Draw the mesh: each tile as full as the fullest of its cores, and lines for what travels between tiles. Returns the Axes.

    result : Result   its spikes are the traffic; default one event of every neuron. The strongest pairs of tiles are drawn, wider for
                      more packets
    """
    if not isinstance(placement, Placement) or not placement.cores:
        raise ParameterError(f"placement_map.placement = {placement!r} must be a Placement with a core in use. Give what place returned.")
    mesh = placement.mesh
    columns, rows = 1 + max(load.x for load in placement.cores), 1 + max(load.y for load in placement.cores)
    if mesh.known and mesh.columns * mesh.rows <= _WHOLE:
        columns, rows = (-(-n // size) * size for n, size in ((columns, mesh.columns), (rows, mesh.rows)))
    full = np.full((rows, columns), np.nan)
    limits = {limit: column for limit, column in LOADS.items() if limit in placement.profile.limits}
    for load in placement.cores:
        share = max(getattr(load, column) / placement.profile.limits[limit] for limit, column in limits.items())
        full[load.y, load.x] = np.nanmax([full[load.y, load.x], share])
    ax = ax or new_axes(min(max(4.4, 0.7 * columns + 1.6), 9.0), min(max(2.8, 0.7 * rows + 0.9), 9.0))
    image = ax.imshow(100.0 * full, cmap="Blues", vmin=0.0, vmax=100.0)
    ax.set_facecolor("0.94")
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.046)
    bar.set_label("fullest core of a tile (%)")
    most = _draw_traffic(ax, placement, result)
    for edge in range(mesh.columns, columns, mesh.columns):
        ax.axvline(edge - 0.5, color="black", linewidth=1.2)
    for edge in range(mesh.rows, rows, mesh.rows):
        ax.axhline(edge - 0.5, color="black", linewidth=1.2)
    ax.set(xlabel="tile, along x", ylabel="tile, along y")
    widest = f"; widest line: {most:,} packets" if most else ""
    ax.set_title(f"{len(placement.cores)} cores of {placement.profile.name}{widest}", fontsize=9)
    ax.locator_params(integer=True)
    return ax


def _draw_traffic(ax: Axes, placement: Placement, result: Result | None) -> int:
    """Draw the strongest pairs of tiles; return the packets of the widest line."""
    spikes: Any = np.ones(len(placement.routes.own), np.int64)
    if result is not None:
        spikes = spikes_of(placement.network, placement.trains(result, "figure"))
    tile = {load.core: (load.x, load.y) for load in placement.cores}
    between: dict[tuple, int] = {}
    for pre, post, packets in zip(*placement.routes.between(spikes.astype(np.float64)), strict=True):
        if pre >= 0 and post >= 0 and tile[pre] != tile[post]:
            ends = tuple(sorted((tile[int(pre)], tile[int(post)])))
            between[ends] = between.get(ends, 0) + int(packets)
    strongest = sorted(between.items(), key=lambda item: (-item[1], item[0]))[:_STRONGEST]
    for ((x0, y0), (x1, y1)), packets in strongest:
        width = 0.4 + 3.6 * packets / max(1, strongest[0][1])
        ax.plot([x0, x1], [y0, y1], color=RED, linewidth=width, alpha=0.55, solid_capstyle="round")
    return strongest[0][1] if strongest else 0
