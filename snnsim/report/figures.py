"""The figures of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnsim import viz
from snnsim.hardware.profile import load_profile
from snnsim.models.softmax_row import SoftmaxRow
from snnsim.report.comparison import Comparison, Energy
from snnsim.report.tables import shown_energies

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def draw_raster(comparison: Comparison, figure: Figure | SubFigure) -> None:
    """The image that is followed, and its events in every layer."""
    trial = comparison.inputs[comparison.shown : comparison.shown + 1]
    record = {name: ["spikes"] for name in comparison.spiking.integer_graph.layers if name != comparison.spiking.integer_graph.output.name}
    run = comparison.spiking(trial, record=record, schedule=comparison.schedule, code=comparison.code, seed=comparison.seed, threads=1)
    picture, events = figure.subplots(1, 2, width_ratios=(1, 5))
    picture.imshow(trial[0].reshape(4, 4, 2, 2).swapaxes(1, 2).reshape(8, 8), cmap="gray_r")
    picture.set(xticks=[], yticks=[], title=f"digit {comparison.labels[comparison.shown]}")
    viz.layered_raster(run.spikes, events)
    events.set_title(f"{run.counts.total('spikes'):,} events, {comparison.code} code, {comparison.schedule} schedule", fontsize=10)


def draw_attention(comparison: Comparison, figure: Figure | SubFigure) -> None:
    """Attention of the last block, head by head: settled spikes above, the float transformer below."""
    layer = [layer for layer in comparison.spiking.integer_graph.layers.values() if isinstance(layer.unit, SoftmaxRow)][-1]
    spiking = comparison.result.values[layer.name][comparison.shown] * layer.scale
    exact = comparison.float_values[layer.name][comparison.shown]
    axes = figure.subplots(2, len(spiking), squeeze=False)
    top = float(max(spiking.max(), exact.max()))
    for head in range(len(spiking)):
        for row, (values, kind) in enumerate(((spiking, "spikes"), (exact, "float"))):
            ax = axes[row, head]
            image = ax.imshow(values[head], cmap="viridis", vmin=0.0, vmax=top)
            ax.set_title(f"head {head}, {kind}", fontsize=9)
            ax.set(xlabel="key token" if row else "", ylabel="query token" if head == 0 else "", xticks=[0, 15], yticks=[0, 15])
    bar = figure.colorbar(image, ax=axes, fraction=0.02)
    bar.set_label("attention weight")
    worst = float(np.abs(spiking - exact).max())
    figure.suptitle(f"{layer.name.split('.')[0]}: largest difference {worst:.3f}", fontsize=10)


def draw_spikes(comparison: Comparison, figure: Figure | SubFigure) -> None:
    """Spikes per layer for the codes under the schedule asked for."""
    schedule = comparison.schedule if comparison.schedule in ("settled", "eager") else "settled"
    layers = [name for name in comparison.spiking.integer_graph.layers if name != comparison.spiking.integer_graph.output.name]
    series = {
        run.code: {name: run.counts.layers[name].get("spikes", 0) / comparison.images for name in layers}
        for run in comparison.runs
        if run.schedule == schedule
    }
    ax = viz.layer_bars(series, figure.subplots())
    ax.set_title(f"{schedule} schedule", fontsize=10, loc="left")


def draw_energy(comparison: Comparison, figure: Figure | SubFigure) -> None:
    """Energy of ANN and spikes on every profile, with intervals."""
    axes = figure.subplots(len(comparison.energy), 1, squeeze=False, sharex=True)[:, 0]
    for ax, (name, energies) in zip(axes, comparison.energy.items(), strict=True):
        _draw_energies(comparison, name, energies, ax)
        ax.label_outer()
    totals = [entry.report.total for energies in comparison.energy.values() for entry in shown_energies(comparison, energies)]
    priced = [total for total in totals if total is not None]
    if priced:
        axes[0].set_xlim(0.5e-6 * min(total.low for total in priced), 1.5e-6 * max(total.high for total in priced))


def _draw_energies(comparison: Comparison, name: str, energies: tuple[Energy, ...], ax: Axes) -> None:
    entries = []
    for entry in shown_energies(comparison, energies):
        host = f" (on {entry.report.host})" if "ann" in entry.report.hosted else ""
        entries.append((entry.what + host, entry.report.total, viz.GREY if entry.what.startswith("ANN") else viz.BLUE))
    viz.energy_bars(entries, ax, title=f"{load_profile(name).title} [{name}]")


def draw_overview(comparison: Comparison) -> Figure:
    """Return one picture of the whole: events through the layers, attention from spikes, energy on the first profile."""
    figure = _figure(15.0, 7.6)
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))  # type: ignore[misc]
    draw_raster(comparison, left)
    top, bottom = right.subfigures(2, 1, height_ratios=(3, 2))  # type: ignore[misc]
    draw_attention(comparison, top)
    name, entries = next(iter(comparison.energy.items()))
    _draw_energies(comparison, name, entries, bottom.subplots())
    return figure


#: key -> (heading, explanation, drawing function, size in inches)
FIGURES = {
    "raster": (
        "One image travelling through the blocks",
        "Every dot is one event of one unit; every band is one layer, from the pixels (top) to the pooled features. A layer falls "
        "silent when what it has emitted equals what its inputs ask for.",
        draw_raster, (11.0, 7.6),
    ),
    "attention": (
        "Attention, from spikes and in floating point",
        "The settled values of the softmax rows, counted in events, beside the float transformer's softmax on the same image.",
        draw_attention, (11.0, 5.2),
    ),
    "spikes": (
        "Spikes per layer",
        "Mean number of events of each layer for one image, in three codes. The scale is logarithmic.",
        draw_spikes, (8.0, 8.2),
    ),
    "energy": (
        "Energy, with its uncertainty",
        "Bars are nominal values, whiskers the low and high ends given by the profile: other published figures, or (45 nm) memories of "
        "8 KB and 1 MB. Grey: the same network as an int8 ANN. Without a price for every counted operation there is no bar.",
        draw_energy, (8.5, 11.0),
    ),
}  # fmt: skip


def can_draw(comparison: Comparison, key: str) -> bool:
    """Whether the model has what the figure shows."""
    layers = comparison.spiking.integer_graph.layers.values()
    return key != "attention" or any(isinstance(layer.unit, SoftmaxRow) for layer in layers)


def draw(comparison: Comparison, key: str) -> Figure:
    """Return the figure called `key`, a name of `FIGURES`."""
    _, _, function, size = FIGURES[key]
    figure = _figure(*size)
    function(comparison, figure)
    return figure
