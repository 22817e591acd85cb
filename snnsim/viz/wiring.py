"""Figures of weights and of networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from snnsim.distributions import Distribution, sample
from snnsim.errors import ParameterError
from snnsim.network import Network, Projection
from snnsim.units import check_integer, finite_number, show
from snnsim.viz.style import BLUE, GREY, RED, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[float, float]
#: kind of projection -> colour and head of its arrow
_ARROWS = {
    "excitatory": (BLUE, "-|>"),
    "inhibitory": (RED, "|-|, widthA=0, widthB=0.45"),
    "mixed signs": (GREY, "-|>"),
    "product": ("#CC79A7", "-|>"),
}
_RADIUS, _APART = 0.3, 1.45


def weight_matrix(matrix: np.ndarray, ax: Axes | None = None, *, label: str = "weight (mV)") -> Axes:
    """Draw weights float[n_pre, n_post], such as of `analysis.weight_matrix`; NaN, no synapse, is light grey. Returns the Axes.

    Weights of both signs are centred on 0: blue excites, red inhibits.
    Raises ParameterError for other shapes, infinite weights, or no synapse at all.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or not np.isfinite(matrix).any() or np.isinf(matrix).any():
        raise ParameterError(
            f"weight_matrix.matrix = {show(matrix)} must hold weights, of shape (pre, post). Give analysis.weight_matrix(...)."
        )
    ax = ax or new_axes(4.2, 3.4)
    low, high = float(np.nanmin(matrix)), float(np.nanmax(matrix))
    reach = max(abs(low), abs(high), 1e-9)
    limits: dict[str, Any] = (
        {"cmap": "RdBu", "vmin": -reach, "vmax": reach} if low < 0.0 < high else {"cmap": "Blues", "vmin": 0.0, "vmax": reach}
    )
    if high <= 0.0 and low < 0.0:
        limits = {"cmap": "Reds_r", "vmin": -reach, "vmax": 0.0}
    image = ax.imshow(matrix, interpolation="nearest", aspect="auto", **limits)
    if np.isnan(matrix).any():
        ax.set_facecolor("0.92")
    ax.set(xlabel="target neuron", ylabel="source neuron")
    ax.locator_params(integer=True)
    ax.figure.colorbar(image, ax=ax, fraction=0.046).set_label(label)
    return ax


def weight_histogram(weights: Any, ax: Axes | None = None, *, bins: int = 40, label: str = "weight (mV)", colour: str = BLUE) -> Axes:
    """Draw the distribution of weights of any shape; NaN, no synapse, is left out. Returns the Axes.

    Raises ParameterError for no weights, or infinite ones.
    """
    bins = check_integer("weight_histogram.bins", bins, low=1, high=10_000)
    values = np.asarray(weights)
    values = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    values = np.ravel(finite_number("weight_histogram.weights", values))
    if not values.size:
        raise ParameterError("weight_histogram.weights is empty. Give result.weights[projection] or analysis.weight_matrix(...).")
    ax = ax or new_axes(4.5, 3.0)
    middle, spread = float(values.mean()), float(np.ptp(values))
    # Equal weights make one bar of a visible width, not a range of rounding errors.
    limits = (
        None if spread > 1e-9 * max(abs(middle), 1e-300) else (middle - 0.5 * max(abs(middle), 1.0), middle + 0.5 * max(abs(middle), 1.0))
    )
    ax.hist(values, bins=bins, range=limits, color=colour)
    ax.set(xlabel=label, ylabel="synapses")
    ax.set_title(f"{values.size} synapses, mean {middle:.3g}", fontsize=9)
    plain(ax)
    return ax


def network_graph(network: Network, ax: Axes | None = None) -> Axes:
    """Draw populations as discs and projections as arrows, from the sources on the left to the right. Returns the Axes.

    The disc grows with the logarithm of the population. An arrow head excites, a bar inhibits; a dashed line learns.
    Raises ParameterError for anything but a Network.
    """
    if not isinstance(network, Network):
        raise ParameterError(f"network_graph.network = {type(network).__name__} must be a Network. Build one from Projections.")
    places = _places(network)
    columns, rows = (max(place[k] for place in places.values()) - min(place[k] for place in places.values()) for k in (0, 1))
    ax = ax or new_axes(min(1.35 * (1.4 + columns), 15.0), min(1.35 * (1.2 + rows) + 0.4, 12.0))
    biggest = max(np.log10(population.size + 1) for population in network.populations.values())
    radius = {name: _RADIUS * (0.7 + 0.3 * np.log10(p.size + 1) / biggest) for name, p in network.populations.items()}
    kinds: dict[str, None] = {}
    drawn: dict[tuple[str, str], int] = {}
    pairs = {(projection.pre.population.name, projection.post.population.name) for projection in network.projections.values()}
    for projection in network.projections.values():
        pair = (projection.pre.population.name, projection.post.population.name)
        drawn[pair] = drawn.get(pair, 0) + 1
        bend = 0.16 if pair[::-1] in pairs else 0.07  # two that go both ways must not lie on each other
        kinds |= dict.fromkeys(_draw_arrow(ax, projection, places, radius, drawn[pair], bend))
    for name, population in network.populations.items():
        _draw_disc(
            ax, places[name], radius[name], name, f"{type(population.model).__name__}\n{population.size}", population.model.is_source
        )
    _draw_legend(ax, sorted(kinds, key=[*_ARROWS, "plastic"].index))
    xs, ys = zip(*places.values(), strict=True)
    ax.set(xlim=(min(xs) - 0.7, max(xs) + 0.7), ylim=(min(ys) - 0.65, max(ys) + 0.7))
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax


def _places(network: Network) -> dict[str, Point]:
    """Return a place for each population: columns by the fewest steps from a population without input, rows within a column."""
    after: dict[str, list[str]] = {name: [] for name in network.populations}
    driven = set()
    for projection in network.projections.values():
        if projection.pre.population is not projection.post.population:
            after[projection.pre.population.name].append(projection.post.population.name)
            driven.add(projection.post.population.name)
    depth: dict[str, int] = {}
    for root in [*(name for name in after if name not in driven), *after]:
        frontier = [] if root in depth else [root]
        depth |= dict.fromkeys(frontier, 0)
        while frontier:
            found = list(dict.fromkeys(post for name in frontier for post in after[name] if depth.get(post, 10**9) > depth[name] + 1))
            depth |= dict.fromkeys(found, depth[frontier[0]] + 1)
            frontier = found
    places = {}
    for column in sorted(set(depth.values())):
        names = [name for name in network.populations if depth[name] == column]
        for row, name in enumerate(names):
            # A little off the line, so that an arrow over two columns does not run through a disc.
            bend = 0.16 * (column % 2) if len(names) == 1 else 0.0
            places[name] = (_APART * column, _APART * ((len(names) - 1) / 2 - row) + bend)
    return places


def _kind(projection: Projection) -> str:
    connector: Any = projection.connector
    if hasattr(connector, "partner"):
        return "product"
    weight = getattr(connector, "weight", 1.0) if projection.weight is None else projection.weight
    if isinstance(weight, Distribution):
        weight = sample(weight, 1_000, np.random.default_rng(0))
    weight = np.asarray(weight)
    if (weight < 0).any():
        return "mixed signs" if (weight > 0).any() else "inhibitory"
    return "excitatory"


def _draw_arrow(
    ax: Axes, projection: Projection, places: dict[str, Point], radius: dict[str, float], repeat: int, bend: float
) -> list[str]:
    """Draw one projection; return what the legend must explain."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    kind, learns = _kind(projection), projection.plasticity is not None
    colour, style = _ARROWS[kind]
    names = (projection.pre.population.name, projection.post.population.name)
    pre, post = (np.array(places[name]) for name in names)
    if names[0] == names[1]:
        angle = _free_direction(pre, [np.array(place) for name, place in places.items() if name != names[0]])
        reach = 2.3 * radius[names[0]] + 0.12 * (repeat - 1)
        controls = [pre + reach * np.array([np.cos(angle + side), np.sin(angle + side)]) for side in (0.5, -0.5)]
    else:
        x, y = post - pre
        controls = [(pre + post) / 2 + (bend + 0.16 * (repeat - 1)) * np.array([-y, x])]
    # The ends lie on the rims, in the direction of the curve there.
    ends = [
        place + (radius[name] + 0.03) * (control - place) / np.linalg.norm(control - place)
        for name, place, control in zip(names, (pre, post), (controls[0], controls[-1]), strict=True)
    ]
    codes = [Path.MOVETO] + [Path.CURVE4 if len(controls) == 2 else Path.CURVE3] * (len(controls) + 1)
    ax.add_patch(
        FancyArrowPatch(
            path=Path([ends[0], *controls, ends[1]], codes),
            arrowstyle=style,
            mutation_scale=12,
            joinstyle="miter",
            capstyle="butt",
            color=colour,
            linewidth=1.6,
            linestyle=(0, (4, 2)) if learns else "-",
            zorder=1,
        )
    )
    return [kind, "plastic"] if learns else [kind]


def _free_direction(place: np.ndarray, others: list[np.ndarray]) -> float:
    """Return the angle, of eight, that is farthest from the directions of the others."""
    taken = [float(np.arctan2(*(other - place)[::-1])) for other in others]
    free = np.pi / 4 * np.array([2, 0, 4, 6, 1, 3, 5, 7])
    return max(free, key=lambda angle: min((abs(np.angle(np.exp(1j * (angle - one)))) for one in taken), default=0.0))


def _draw_disc(ax: Axes, place: Point, radius: float, name: str, what: str, source: bool) -> None:
    from matplotlib.patches import Circle
    from matplotlib.patheffects import withStroke

    ax.add_patch(Circle(place, radius, facecolor="#F3F3F3" if source else "white", edgecolor="0.25", linewidth=1.4, zorder=2))
    halo = [withStroke(linewidth=2.0, foreground="white")]  # a long name leaves its disc
    look: dict[str, Any] = {"ha": "center", "zorder": 3}
    ax.text(place[0], place[1] + 0.02, name, va="bottom", fontsize=8.5, weight="bold", path_effects=halo, **look)
    ax.text(place[0], place[1] - 0.01, what, va="top", fontsize=6.5, color="0.25", linespacing=1.1, **look)


def _draw_legend(ax: Axes, kinds: list[str]) -> None:
    from matplotlib.lines import Line2D

    marks = {"inhibitory": "|"}
    handles = [
        Line2D([], [], color="0.25", linestyle=(0, (4, 2)), label=kind)
        if kind == "plastic"
        else Line2D([], [], color=_ARROWS[kind][0], marker=marks.get(kind, ">"), markevery=[1], markersize=6, label=kind)
        for kind in kinds
    ]
    if handles:
        ax.legend(handles=handles, fontsize=8, frameon=False, ncols=len(handles), loc="upper center", bbox_to_anchor=(0.5, 0.0))
