"""The comparison on disk: one self-contained page, and JSON with every number."""

from __future__ import annotations

import base64
import importlib.resources
import io
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from snnsim.errors import ParameterError
from snnsim.hardware.profile import Interval, load_profile
from snnsim.report.comparison import Comparison
from snnsim.report.figures import FIGURES, can_draw, draw
from snnsim.report.tables import layer_row, micro, quality_rows, remark, shown_energies
from snnsim.report.verdict import verdict

NAMES = ("report.html", "report.json")


def check_folder(folder: str | Path, names: Sequence[str] = NAMES, owner: str = "out") -> Path:
    """Return `folder` after proving that the reports `names` can be written there. Makes nothing. owner : of the folder, for errors

    Raises ParameterError saying why they cannot.
    """
    if not isinstance(folder, (str, Path)):
        raise ParameterError(f"{owner} = {folder!r} must be a path. Give the folder to write into.")
    path = Path(folder)
    try:
        if "\0" in str(folder):
            raise ValueError("embedded null byte")
        for name in names:
            if (path / name).is_dir():
                raise ParameterError(f"{owner} = {str(folder)!r}: {name} is a folder there. Choose another folder.")
        ground = path
        while not ground.exists():
            ground = ground.parent
        with tempfile.TemporaryFile(dir=ground):
            pass
    except (OSError, ValueError) as error:
        if isinstance(error, ParameterError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise ParameterError(f"{owner} = {str(folder)!r} cannot be written to: {reason}. Choose another folder.") from None
    return path


def _interval(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else dict(interval._asdict())


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """Return every number of the comparison as plain dictionaries. Energies in pJ per inference."""
    n = comparison.samples
    certificate = comparison.certificate
    counted = [
        {
            "code": run.code,
            "schedule": run.schedule,
            "steps": run.steps,
            "seconds": run.seconds,
            "mismatches": run.mismatches,
            "spikes_per_inference": run.counts.total("spikes") / n,
            "synops_per_inference": run.counts.total("synops") / n,
            "totals": run.counts.totals(),
            "layers": run.counts.to_dict(),
        }
        for run in comparison.runs
    ]
    energy = {
        name: {
            "title": load_profile(name).title,
            "node_nm": load_profile(name).node_nm,
            "scope": load_profile(name).scope,
            "unit": "pJ per inference",
            "entries": [
                {
                    "what": entry.what,
                    "total": _interval(entry.report.total),
                    "host": entry.report.host,
                    "hosted": list(entry.report.hosted),
                    "parts": {role: {kind: _interval(part) for kind, part in terms.items()} for role, terms in entry.report.parts.items()},
                    "unpriced": {role: dict(kinds) for role, kinds in entry.report.unpriced.items()},
                }
                for entry in entries
            ],
        }
        for name, entries in comparison.energy.items()
    }
    return {
        "model": comparison.task.name,
        "about": dict(comparison.task.about),
        "data": comparison.task.facts,
        "samples": n,
        "bits": comparison.precision.to_dict(),
        "seed": comparison.seed,
        "code": comparison.code,
        "schedule": comparison.schedule,
        "accuracy": None if comparison.accuracy is None else dict(comparison.accuracy),
        "agreement": {name: each._asdict() for name, each in comparison.agreement.items()},
        "past_the_calibrated_range": dict(comparison.beyond),
        "layers": [layer._asdict() for layer in comparison.spiking.layers],
        "certificate": {
            "layers": [vars(layer) for layer in certificate.layers],
            "compared": certificate.compared,
            "mismatches": certificate.mismatches,
            "digest": certificate.digest,
        },
        "counts": {
            "inferences": n,
            "spiking": counted,
            "ann": {what: {"totals": counts.totals(), "layers": counts.to_dict()} for what, counts in comparison.baselines.items()},
        },
        "energy": energy,
        "verdict": verdict(comparison),
        "seconds": comparison.seconds,
    }


def _rows(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], total: bool = False, dim: Sequence[bool] = ()) -> str:
    """Return a table. total : whether the last row is a sum; dim : which rows stand back and in"""
    cells = "".join(f"<th>{escape(text)}</th>" for text in head)
    lines = []
    for i, row in enumerate(rows):
        mark = ' class="total"' if total and i == len(rows) - 1 else ' class="folded"' if i < len(dim) and dim[i] else ""
        lines.append(f"<tr{mark}>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>")
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{cells}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _tables(comparison: Comparison) -> dict[str, str]:
    n, certificate, layers = comparison.samples, comparison.certificate, comparison.spiking.layers
    macs = comparison.dense.total("macs") / n
    proof = [
        (layer.name, layer.label, f"{layer.compared:,}", str(layer.mismatches), f"{layer.bound:,}", str(layer.bits))
        for layer in certificate.layers
    ]
    proof.append(("all", "", f"{certificate.compared:,}", str(certificate.mismatches), "", ""))
    runs = [
        (
            f"{run.code}, {run.schedule}",
            f"{run.counts.total('spikes') / n:,.0f}",
            f"{run.counts.total('synops') / n:,.0f}",
            f"{run.counts.total('synops') / n / macs:.2f}",
            f"{run.steps:,}",
            str(run.mismatches),
        )
        for run in comparison.runs
    ]
    prices = []
    for name, entries in comparison.energy.items():
        profile = load_profile(name)
        rows = []
        for entry in shown_energies(comparison, entries):
            total = entry.report.total
            rows.append((entry.what, *(("-",) * 3 if total is None else map(micro, total)), remark(entry)))
        caption = f"{profile.title} [{name}, {profile.scope}], µJ per inference. {profile.note}"
        prices.append(_rows(caption, ("implementation", "low", "nominal", "high", "remark"), rows))
    return {
        "quality": _rows(f"Answers on {n} {comparison.task.what}", ("", ""), quality_rows(comparison)),
        "layers": _rows(
            "What each operation became",
            ("layer", "operation", "unit", "kind", "shape", "levels", "threshold", "weight bits", "source"),
            [layer_row(layer) for layer in layers],
            dim=[not layer.unit for layer in layers],
        ),
        "certificate": _rows(
            "Every accumulator and every emitted value, held against the integer program",
            ("layer", "kind", "integers compared", "mismatches", "largest |acc| possible", "bits of 32"),
            proof,
            total=True,
        ),
        "runs": _rows(
            f"Per inference; the same network as a dense ANN does {macs:,.0f} multiply-accumulates",
            ("code, schedule", "spikes", "synaptic operations", "per dense MAC", "steps", "mismatches"),
            runs,
        ),
        "energy": "".join(prices),
    }


def _picture(comparison: Comparison, key: str) -> str:
    heading, text, _, _ = FIGURES[key]
    stream = io.BytesIO()
    draw(comparison, key).savefig(stream, format="png", dpi=110)
    data = base64.b64encode(stream.getvalue()).decode()
    return (
        f'<h2>{escape(heading)}</h2><figure><img alt="{escape(heading)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(text.replace('{precision}', comparison.precision.name))}</figcaption></figure>"
    )


def to_html(comparison: Comparison, progress: Callable[[float], None] | None = None) -> str:
    """Return the report as one self-contained page."""
    tables = _tables(comparison)
    pictures = {}
    for i, key in enumerate(FIGURES):
        pictures[key] = _picture(comparison, key) if can_draw(comparison, key) else ""
        if progress:
            progress((i + 1) / len(FIGURES))
    body = [
        tables["quality"],
        pictures["raster"],
        "<h2>The layers</h2>",
        tables["layers"],
        "<h2>The certificate</h2>",
        tables["certificate"],
        pictures["attention"],
        pictures["spikes"],
        "<h2>Operations counted</h2>",
        tables["runs"],
        pictures["energy"],
        tables["energy"],
    ]
    template = Template(importlib.resources.files("snnsim.report").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(comparison.task.title),
        facts=escape(comparison.task.facts),
        verdict="".join(f"<p>{escape(sentence)}</p>" for sentence in verdict(comparison)),
        body="\n".join(body),
        footer=escape(f"Made by snnsim compare, seed {comparison.seed}. State digest {comparison.certificate.digest[:16]}."),
    )


def save(comparison: Comparison, folder: str | Path, progress: Callable[[float], None] | None = None) -> tuple[Path, Path]:
    """Write report.html and report.json into `folder`; both appear whole or not at all.

    Raises ParameterError when the folder cannot be written to.
    """
    path = check_folder(folder)
    texts = (to_html(comparison, progress), json.dumps(to_dict(comparison), indent=1, allow_nan=False))
    parts = [path / f".{name}.{os.getpid()}.partial" for name in NAMES]
    try:
        path.mkdir(parents=True, exist_ok=True)
        for part, text in zip(parts, texts, strict=True):
            part.write_text(text, encoding="utf-8")
        for part, name in zip(parts, NAMES, strict=True):
            part.replace(path / name)
    except OSError as error:
        raise ParameterError(f"out = {str(folder)!r} could not be written to: {error.strerror or error}. Choose another folder.") from None
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return path / NAMES[0], path / NAMES[1]
