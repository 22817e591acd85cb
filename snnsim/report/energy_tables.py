"""An energy comparison as tables on a terminal, as a page and as JSON."""

from __future__ import annotations

import base64
import importlib.resources
import io
import json
from html import escape
from math import isfinite
from pathlib import Path
from string import Template
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape as plain_text
from rich.table import Table

from snnsim import viz
from snnsim.energy.comparison import EnergyComparison
from snnsim.energy.entries import EnergyRow
from snnsim.errors import ParameterError
from snnsim.hardware.figures import Interval
from snnsim.hardware.profile import SCOPES, Profile
from snnsim.report.save import check_folder

NAMES = ("energy.html", "energy.json")
_COLUMNS = ("implementation", "low", "nominal", "high", "per token", "per spike (pJ)", "learning", "accuracy", "remark")


def shown(picojoules: float | None) -> str:
    """Return pJ as µJ with three digits; '-' for None."""
    if picojoules is None:
        return "-"
    value = picojoules * 1e-6
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _cells(comparison: EnergyComparison, row: EnergyRow) -> tuple[str, ...]:
    accuracy = next(each.accuracy for each in comparison.implementations if each.name == row.implementation)
    return (
        row.implementation, shown(row.low), shown(row.nominal), shown(row.high), shown(row.per_token),
        "-" if row.per_spike is None else f"{row.per_spike:,.0f}", shown(row.learning) if row.learning else "-",
        "-" if accuracy is None else f"{100 * accuracy:.2f} %", row.remark,
    )  # fmt: skip


def _heading(profile: Profile) -> str:
    node = f", {profile.node_nm} nm" if profile.node_nm else ""
    return f"{profile.title} [{profile.name}{node}; {profile.scope}: {SCOPES[profile.scope]}], µJ per inference"


def _sentence(comparison: EnergyComparison, profile: Profile) -> str:
    """Return who wins on a profile, and what would change it."""
    verdict = comparison.verdict(profile.name)
    if verdict is None:
        return f"{profile.name}: no winner, for one side has no total or costs nothing."
    sure = "at the ends of all intervals too" if verdict.sure else "at nominal prices; the intervals overlap"
    text = f"{profile.name}: {verdict.winner} wins; {verdict.loser} needs {verdict.ratio:.3g} times as much, {sure}."
    even = comparison.break_even(profile.name)
    if even is None or not isfinite(even.nominal):
        return text
    if even.nominal <= 0:
        return text + " What the spiking network costs without a spike is more than the whole ANN."
    if even.nominal < 1:
        text += f" Spikes would pay below {even.nominal:.3g} of their activity."
    deciding = [term.term for term in comparison.sensitivity(profile.name) if term.decides]
    return text + (f" Within its interval the price of {' and of '.join(deciding[:3])} decides." if deciding else "")


def sentences(comparison: EnergyComparison) -> list[str]:
    """Return one sentence or two per profile."""
    return [_sentence(comparison, profile) for profile in comparison.profiles]


def _called(comparison: EnergyComparison, names: list[str]) -> str:
    """Return one word for all of a side, else the names."""
    for role, word in (("ann", "all ANNs"), ("snn", "all spiking networks")):
        side = [each.name for each in comparison.implementations if each.role == role]
        if len(side) > 1 and names == side:
            return word
    return ", ".join(names)


def _checked(owner: str, comparison: Any) -> None:
    if not isinstance(comparison, EnergyComparison):
        raise ParameterError(f"{owner}.comparison = {comparison!r} must be an EnergyComparison. Give what sim.compare_energy returned.")


def show_energy(comparison: EnergyComparison, console: Console | None = None) -> None:
    """Print a table per profile, then who wins where and what would change it.

    Energies per spike and of learning are on the page and in the JSON of `save_energy`. Raises ParameterError for anything but a
    comparison.
    """
    _checked("show_energy", comparison)
    out = console or Console()
    for profile in comparison.profiles:
        table = Table(
            title=plain_text(_heading(profile)), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0),
            caption_justify="left",
        )  # fmt: skip
        rows = [_cells(comparison, row) for row in comparison.rows() if row.profile == profile.name]
        used = [k for k in (0, 1, 2, 3, 4, 7) if k < 4 or any(row[k] != "-" for row in rows)]
        for k in used:
            table.add_column(_COLUMNS[k], justify="left" if k == 0 else "right", no_wrap=True)
        remarks: dict[str, list[str]] = {}
        for row in rows:
            table.add_row(*(plain_text(row[k]) for k in used))
            if row[8]:
                remarks.setdefault(row[8], []).append(row[0])
        table.caption = plain_text("\n".join(f"{_called(comparison, names)}: {text}" for text, names in remarks.items()))
        out.print(table)
    for sentence in sentences(comparison):
        out.print(plain_text(sentence))


def _interval(interval: Interval | None) -> list[float | None] | None:
    return None if interval is None else [value if isfinite(value) else None for value in interval]


def energy_dict(comparison: EnergyComparison) -> dict[str, Any]:
    """Return every number of the comparison as plain dictionaries, ready for JSON. Energies in pJ per inference."""
    profiles = {}
    for profile in comparison.profiles:
        verdict = comparison.verdict(profile.name)
        profiles[profile.name] = {
            "title": profile.title,
            "node_nm": profile.node_nm,
            "scope": profile.scope,
            "note": profile.note,
            "verdict": None if verdict is None else verdict._asdict() | {"ratio": verdict.ratio if isfinite(verdict.ratio) else None},
            "break_even": _interval(comparison.break_even(profile.name)),
            "sensitivity": [
                {k: (v if not isinstance(v, float) or isfinite(v) else None) for k, v in term._asdict().items()}
                for term in comparison.sensitivity(profile.name)
            ],
            "rows": [row._asdict() for row in comparison.rows() if row.profile == profile.name],
            "parts": {
                name: {role: {kind: _interval(part) for kind, part in terms.items()} for role, terms in report.parts.items()}
                for name, report in comparison.reports[profile.name].items()
            },
            "layers": {
                name: {layer: _interval(part) for layer, part in report.layers.items()}
                for name, report in comparison.reports[profile.name].items()
            },
        }
    counts = {
        each.name: {"role": each.role, "accuracy": each.accuracy, "totals": each.counts.totals(), "layers": each.counts.to_dict()}
        for each in comparison.implementations
    }
    return {"inferences": comparison.per, "tokens": comparison.tokens, "unit": "pJ per inference", "counts": counts, "profiles": profiles}


def _picture(draw: Any) -> str:
    stream = io.BytesIO()
    draw.figure.savefig(stream, format="png", dpi=110)
    return f'<figure><img alt="" src="data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"></figure>'


def energy_html(comparison: EnergyComparison) -> str:
    """Return one self-contained page: counts, then intervals, then what would change them."""
    kinds = sorted({kind for each in comparison.implementations for kind in each.counts.totals()})
    counted = [(each.name, *(f"{each.counts.total(kind) / comparison.per:,.0f}" for kind in kinds)) for each in comparison.implementations]
    body = ["<h2>Operations counted, per inference</h2>", _html_table("", ("", *kinds), counted)]
    body += ["<h2>Energy</h2>", _picture(viz.energy_by_profile(comparison))]
    for profile in comparison.profiles:
        rows = [_cells(comparison, row) for row in comparison.rows() if row.profile == profile.name]
        body.append(_html_table(f"{_heading(profile)}. {profile.note}", _COLUMNS, rows))
    priced = [profile.name for profile in comparison.profiles if comparison.verdict(profile.name)]
    if priced:
        body += ["<h2>What decides</h2>", _picture(viz.sensitivity_bars(comparison, priced[0]))]
    template = Template(importlib.resources.files("snnsim.report").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title="Energy of an ANN and of its spiking counterpart",
        facts=escape(f"{comparison.per} inferences counted"),
        verdict="".join(f"<p>{escape(sentence)}</p>" for sentence in sentences(comparison)),
        body="\n".join(body),
        footer="Made by snnsim compare_energy.",
    )


def _html_table(caption: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    top = "".join(f"<th>{escape(text)}</th>" for text in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>"


def save_energy(comparison: EnergyComparison, folder: str | Path) -> tuple[Path, Path]:
    """Write energy.html and energy.json into `folder` and return their paths. Raises ParameterError when it cannot be written to."""
    _checked("save_energy", comparison)
    path = check_folder(folder, NAMES, "save_energy.folder")
    texts = (energy_html(comparison), json.dumps(energy_dict(comparison), indent=1, allow_nan=False))
    try:
        path.mkdir(parents=True, exist_ok=True)
        for name, text in zip(NAMES, texts, strict=True):
            (path / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ParameterError(
            f"save_energy.folder = {str(folder)!r} cannot be written to: {error.strerror or error}. Choose another."
        ) from None
    return path / NAMES[0], path / NAMES[1]
