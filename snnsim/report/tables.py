"""The comparison as tables on a terminal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from textwrap import fill

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from snnsim.conversion.layers import LayerInfo
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.hardware.profile import load_profile
from snnsim.report.comparison import TABLE_SCHEDULES, Comparison, Energy
from snnsim.report.verdict import verdict

#: characters of a line that lists folded operations, and of an operation
_FOLDED, _OPERATION = 44, 20


def _table(title: str, *columns: str, left: int = 1) -> Table:
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < left else "right", no_wrap=True)
    return table


def short_origin(origin: str) -> str:
    """Return file and line of a place in the user's source, without folders and text."""
    found = re.match(r"(.+?):(\d+)(:|$)", origin)
    return f"{Path(found[1]).name}:{found[2]}" if found else origin


def quality_rows(comparison: Comparison) -> list[tuple[str, str]]:
    """Return what is said of the answers, line by line: accuracies, and how near each output comes to the float model."""
    rows = [("bits", comparison.precision.text)]
    if comparison.accuracy is not None:
        names = {"float": "float model", "quantised": f"{comparison.precision.name} integer program", "spiking": "spiking network"}
        rows += [(f"accuracy, {name}", f"{100 * comparison.accuracy[key]:.2f} %") for key, name in names.items()]
    for name, (cosine, largest, part) in comparison.agreement.items():
        rows.append((f"{name}: cosine of spiking and float", f"{cosine:.6f}"))
        rows.append((f"{name}: largest deviation", f"{largest:.4g} ({100 * part:.2g} % of the largest value)"))
    rows += [(f"{name}: past the calibrated range", f"{100 * share:.2g} % of the numbers") for name, share in comparison.beyond.items()]
    return rows


def layer_row(layer: LayerInfo) -> tuple[str, ...]:
    """Return a row in words: name, operation, unit, kind, shape, levels, threshold, bits of the weights, place in the source."""
    low, high = layer.threshold
    threshold = "" if not high else f"{low:,}" if low == high else f"{low:,} .. {high:,}"
    levels = f"{layer.levels:,}" if layer.levels > 1 else ""
    shape = " x ".join(map(str, layer.shape))
    bits = str(layer.weight_bits or "")
    return layer.name, layer.operation, layer.unit, layer.kind, shape, levels, threshold, bits, layer.origin


def layers_table(spiking: SpikingModel) -> Table:
    """Return what each operation became; the column of places in the source only where there are any.

    What is folded into a layer stands below it, one dim row for each line of the source; `report.html` has a row for each operation.
    """
    rows = spiking.layers
    with_source = any(row.origin for row in rows)
    table = _table("Layers: what each operation became", "layer", "operation", "kind", "levels", "threshold", "bits", left=3)
    table.columns[1].max_width = _OPERATION
    if with_source:
        table.add_column("source", no_wrap=True)
    for (folded, source, _), group in groupby(rows, key=_together):
        some = list(group)
        if folded:
            where = f" ({len(some[0].into)} layers)" if len(some[0].into) > 1 else ""
            what = f"{folded}{where}: {_counted(row.operation for row in some)}"
            cells = [fill(what, _FOLDED, initial_indent="  ", subsequent_indent="    "), *[""] * 5]
        else:
            name, operation, unit, kind, _, levels, threshold, bits, _ = layer_row(some[0])
            cells = [name, operation or unit, kind, levels, threshold, bits]
        cells = list(map(escape, cells)) + ([escape(source)] if with_source else [])
        table.add_row(*cells, style="dim" if folded else None)
    return table


def _together(row: LayerInfo) -> tuple[str, str, str]:
    """Return what rows have in common that are shown as one: of what is folded, the line of the source and what took it in."""
    folded = "" if row.unit else row.label
    return folded, short_origin(row.origin), ", ".join(row.into) if folded else row.name


def _counted(operations: Iterable[str]) -> str:
    """Return 'view, 2 x transpose' for names that may repeat, in the order in which they come first."""
    counts = Counter(operations)
    return ", ".join(f"{n} x {name}" if n > 1 else name for name, n in counts.items())


def _quality(comparison: Comparison) -> Table:
    table = _table(f"Answers on {comparison.samples} {comparison.task.what}", "", "")
    for name, value in quality_rows(comparison):
        table.add_row(escape(name), value)
    return table


def _certificate(comparison: Comparison) -> Table:
    certificate = comparison.certificate
    table = _table(
        "Certificate: every accumulator and every emitted value against the integer program",
        "layer",
        "kind",
        "compared",
        "mismatches",
        "|acc| at most",
        "bits of 32",
        left=2,
    )
    for layer in certificate.layers:
        table.add_row(escape(layer.name), layer.label, f"{layer.compared:,}", str(layer.mismatches), f"{layer.bound:,}", str(layer.bits))
    table.add_section()
    table.add_row("all", "", f"{certificate.compared:,}", str(certificate.mismatches), "", "", style="bold")
    return table


def _counts(comparison: Comparison) -> Table:
    n = comparison.samples
    macs = comparison.dense.total("macs") / n
    table = _table(
        f"Operations per inference, mean of {n} samples (dense ANN: {macs:,.0f} MACs)",
        "code",
        "schedule",
        "spikes",
        "synops",
        "per MAC",
        "steps",
        "mismatches",
        left=2,
    )
    for run in comparison.runs:
        spikes, synops = run.counts.total("spikes") / n, run.counts.total("synops") / n
        table.add_row(
            run.code, run.schedule, f"{spikes:,.0f}", f"{synops:,.0f}", f"{synops / macs:.2f}", f"{run.steps:,}", str(run.mismatches)
        )
    return table


def micro(picojoules: float) -> str:
    """Return pJ as µJ with three significant digits."""
    value = picojoules * 1e-6
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def shown_energies(comparison: Comparison, entries: tuple[Energy, ...]) -> list[Energy]:
    """Return the ANN baselines and the spiking runs of the schedule asked for; the JSON holds all."""
    schedule = comparison.schedule if comparison.schedule in TABLE_SCHEDULES else TABLE_SCHEDULES[0]
    return [entry for entry in entries if entry.what.startswith("ANN") or entry.what.endswith((schedule, comparison.schedule))]


def remark(entry: Energy) -> str:
    """Return what a host had to do, and what nobody could price."""
    report = entry.report
    missing = ", ".join(sorted({kind for kinds in report.unpriced.values() for kind in kinds}))
    if missing:
        return f"no price for {missing}"
    if "ann" in report.hosted:
        return f"on {report.host}"
    return f"partly on {report.host}" if report.hosted else ""


def _energy(comparison: Comparison, name: str) -> Table:
    profile = load_profile(name)
    title = f"Energy per inference, µJ: {profile.title} [{name}, {profile.scope}]"
    table = _table(title, "implementation", "low", "nominal", "high", "remark")
    table.columns[-1].justify = "left"
    table.columns[-1].no_wrap = False
    for entry in shown_energies(comparison, comparison.energy[name]):
        total = entry.report.total
        table.add_row(escape(entry.what), *(("-",) * 3 if total is None else map(micro, total)), escape(remark(entry)))
    return table


def show(comparison: Comparison, console: Console | None = None) -> None:
    """Print all tables and the verdict."""
    out = console or Console()
    out.print(escape(comparison.task.facts), style="dim")
    out.print(_quality(comparison))
    out.print(layers_table(comparison.spiking))
    out.print(_certificate(comparison))
    out.print(_counts(comparison))
    for name in comparison.energy:
        out.print(_energy(comparison, name))
    if any(entry.report.hosted for entries in comparison.energy.values() for entry in entries):
        out.print(
            "[dim]A host of another process node runs the ANNs, and what a spiking chip cannot do: softmax and norm rows, "
            "attention products, table neurons. Moving data to it is not priced.[/dim]"
        )
    out.print()
    for sentence in verdict(comparison):
        out.print(escape(sentence))
