"""The figures of a comparison."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from snnsim import viz
from snnsim.graph.integer import Layer
from snnsim.hardware.profile import load_profile
from snnsim.models.softmax_row import SoftmaxRow
from snnsim.report.comparison import Comparison, Energy
from snnsim.report.tables import shown_energies
from snnsim.results import SpikeTrains

#: dots in a raster, heads side by side, layers that a figure of normal height holds, inches that a page bears
_DOTS, _HEADS, _ROWS, _HIGHEST = 60_000, 8, 24, 60.0

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _speaking(comparison: Comparison) -> list[str]:
    """Return the layers that emit events: all but readouts."""
    return [layer.name for layer in comparison.spiking.integer_graph.layers.values() if layer.unit.label != "readout"]


def _picture(comparison: Comparison) -> np.ndarray | None:
    """Return the sample that is followed as a picture, [rows, columns] or [rows, columns, 3]; None where it is none."""
    first = next(iter(comparison.shown_inputs.values()))[0]
    if comparison.task.digits:
        return first.reshape(4, 4, 2, 2).swapaxes(1, 2).reshape(8, 8)
    if first.ndim == 3 and first.shape[0] in (1, 3):  # channels first, as in torch
        first = np.moveaxis(first, 0, -1)
    if first.ndim == 3 and first.shape[-1] in (1, 3):
        low, high = first.min(), first.max()
        return (first - low) / (high - low if high > low else 1.0) if first.shape[-1] == 3 else first[..., 0]
    return first if first.ndim == 2 else None


def _thinned(train: SpikeTrains, step: int) -> SpikeTrains:
    parts = {name: getattr(train, name)[::step] for name in ("times", "indices", "values", "trials")}
    return SpikeTrains(**parts, n=train.n, duration=train.duration)


def draw_raster(comparison: Comparison, figure: Figure | SubFigure) -> None:
    """The sample that is followed, and its events in every layer."""
    record = {name: ["spikes"] for name in _speaking(comparison)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of inputs past their range: the tables tell their share
        run = comparison.spiking(
            comparison.shown_inputs, record=record, schedule=comparison.schedule, code=comparison.code, seed=comparison.seed, threads=1
        )
    image = _picture(comparison)
    if image is None:
        events = figure.subplots()
    else:
        picture, events = figure.subplots(1, 2, width_ratios=(1, 5))
        rows, columns = image.shape[:2]
        picture.imshow(image, cmap="gray_r", aspect="equal" if max(rows, columns) <= 4 * min(rows, columns) else "auto")
        picture.set(xticks=[], yticks=[], title=_named(comparison))
    total = run.counts.total("spikes")
    step = -(-total // _DOTS)
    viz.layered_raster({name: _thinned(train, step) for name, train in run.spikes.items()} if step > 1 else run.spikes, events)
    part = f", every {step}th drawn" if step > 1 else ""
    events.set_title(f"{total:,} events{part}, {comparison.code} code, {comparison.schedule} schedule", fontsize=10)


def _named(comparison: Comparison) -> str:
    labels = comparison.task.samples.labels
    if comparison.task.digits and labels is not None:
        return f"digit {labels[comparison.shown]}"
    return f"sample {comparison.shown}"


def _attention(comparison: Comparison) -> Layer | None:
    """Return the last softmax that is a matrix, or one for each head."""
    layers = comparison.spiking.integer_graph.layers.values()
    found = [layer for layer in layers if isinstance(layer.unit, SoftmaxRow) and len(layer.shape) in (2, 3)]
    return found[-1] if found else None


def draw_attention(comparison: Comparison, figure: Figure | SubFigure) -> None:
    """Attention of the last block, head by head: settled spikes above, the float model below."""
    layer = _attention(comparison)
    assert layer is not None  # `can_draw` says so
    sample = comparison.shown_inputs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        settled = comparison.spiking.reference(sample)[layer.name].s
    shape = (-1, *layer.shape[-2:])
    spiking = (settled * layer.scale).reshape(shape)[:_HEADS]  # the certificate says that spikes end in these very integers
    exact = comparison.task.graph.evaluate(sample)[layer.name].reshape(shape)[:_HEADS]
    axes = figure.subplots(2, len(spiking), squeeze=False) if len(spiking) > 1 else figure.subplots(1, 2)[:, None]
    top = float(max(spiking.max(), exact.max()))
    rows, columns = layer.shape[-2:]
    for head in range(len(spiking)):
        for row, (values, kind) in enumerate(((spiking, "spikes"), (exact, "float"))):
            ax = axes[row, head]
            image = ax.imshow(values[head], cmap="viridis", vmin=0.0, vmax=top)
            ax.set_title(f"head {head}, {kind}", fontsize=9)
            ax.set(xlabel="key token" if row else "", ylabel="query token" if head == 0 else "")
            ax.set(xticks=[0, columns - 1], yticks=[0, rows - 1])
    bar = figure.colorbar(image, ax=axes, fraction=0.02)
    bar.set_label("attention weight")
    worst = float(np.abs(spiking - exact).max())
    name = layer.name.split(".")[0] if comparison.task.digits else layer.name
    figure.suptitle(f"{name}: largest difference {worst:.3f}", fontsize=10)


def draw_spikes(comparison: Comparison, figure: Figure | SubFigure) -> None:
    """Spikes per layer for the codes under the schedule asked for."""
    schedule = comparison.schedule if comparison.schedule in ("settled", "eager") else "settled"
    layers = _speaking(comparison)
    series = {
        run.code: {name: run.counts.layers[name].get("spikes", 0) / comparison.samples for name in layers}
        for run in comparison.runs
        if run.schedule == schedule
    }
    ax = figure.subplots()
    if any(value for values in series.values() for value in values.values()):
        viz.layer_bars(series, ax)
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
    (draw_attention if can_draw(comparison, "attention") else draw_spikes)(comparison, top)
    name, entries = next(iter(comparison.energy.items()))
    _draw_energies(comparison, name, entries, bottom.subplots())
    return figure


#: key -> (heading, explanation, drawing function, size in inches)
FIGURES = {
    "raster": (
        "One sample travelling through the layers",
        "Every dot is one event of one unit; every band is one layer, from the inputs (top) to the last features. A layer falls "
        "silent when what it has emitted equals what its inputs ask for.",
        draw_raster, (11.0, 7.6),
    ),
    "attention": (
        "Attention, from spikes and in floating point",
        "The settled values of the softmax rows, counted in events, beside the float model's softmax on the same sample.",
        draw_attention, (11.0, 5.2),
    ),
    "spikes": (
        "Spikes per layer",
        "Mean number of events of each layer for one sample, in three codes. The scale is logarithmic.",
        draw_spikes, (8.0, 8.2),
    ),
    "energy": (
        "Energy, with its uncertainty",
        "Bars are nominal values, whiskers the low and high ends given by the profile: other published figures, or (45 nm) memories of "
        "8 KB and 1 MB. Grey: the same network as an {precision} ANN. Without a price for every counted operation there is no bar.",
        draw_energy, (8.5, 11.0),
    ),
}  # fmt: skip


def can_draw(comparison: Comparison, key: str) -> bool:
    """Whether the model has what the figure shows."""
    return key != "attention" or _attention(comparison) is not None


def draw(comparison: Comparison, key: str) -> Figure:
    """Return the figure called `key`, a name of `FIGURES`."""
    _, _, function, (width, height) = FIGURES[key]
    rows = len(_speaking(comparison))
    if key in ("raster", "spikes") and rows > _ROWS:
        height *= rows / _ROWS
    figure = _figure(width, min(height, _HIGHEST))
    function(comparison, figure)
    return figure
