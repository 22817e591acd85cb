"""What is printed: the figures of one workload, and the rows of the table in the README, so that no figure is typed by hand."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from benchmarks import peers, workloads

COLUMNS = ("command", "ours", "peer", "ratio", "rates, Hz")
MOVED = 0.25  # where ours moved more than this between its runs, the range stands beside it


def show(found: Mapping[str, Any]) -> None:
    """Print the figures as a table: medians, and the smallest and largest of all runs."""
    from rich.console import Console

    title = found["workload"] + (f" beside {found['peer']}" if found["peer"] else "")
    table = _plain(title, ("figure", "median", "least", "most"))
    for name, value in found.items():
        if isinstance(value, float):
            each = [run[name] for run in found["runs"] if name in run]
            table.add_row(name, f"{value:.4g}", *(f"{pick(each):.4g}" if each else "" for pick in (min, max)))
    Console().print(table)
    if "rates" in found:
        table = _plain("rates, Hz", ("population", *found["rates"]))
        for name in found["rates"]["published"]:
            table.add_row(name, *(f"{rates[name]:.3g}" for rates in found["rates"].values()))
        Console().print(table)
    if found["workload"] == "limits":
        columns = ("workload", "engine", "measured_s", "moved_GB", "synops", "bound_s", "ratio")
        table = _plain("measured / bound", columns)
        for run in found["runs"]:
            table.add_row(*(f"{run[name]:.3g}" if isinstance(run[name], (int, float)) else run[name] for name in columns))
        Console().print(table)


def _plain(title: str, columns: Sequence[str]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def plan(names: Sequence[str], chosen: Sequence[str]) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    """Yield (workload, peer, further options) for every row: each peer where there is one, else ours alone."""
    for name in names:
        beside = [peer for peer in chosen if name in workloads.described(peer)]
        for peer in beside or [None]:
            yield name, peer, {}
            if name == "sparse" and peer == "brian2":
                yield name, peer, {"drawn_in_advance": True}
            if name == "memory":
                yield name, peer, {"plastic": True}


def command(name: str, peer: str | None, options: Mapping[str, Any]) -> str:
    """Return the arguments that measure the row again."""
    text = name + (f" --peer {peer}" if peer else "")
    for option, usual in (("runs", 3), ("threads", 1), ("scale", None), ("precision", "double")):
        if options[option] != usual:
            text += f" --{option} {options[option]}"
    return text + (" --plastic" if options["plastic"] else "") + (" --drawn-in-advance" if options["drawn_in_advance"] else "")


def head(markdown: bool) -> list[str]:
    """Return the lines above the rows: the date, the machine, the load, the versions, and the columns."""
    parts = [f"{name} {version(name)}" for name in ("numpy", "numba")]
    parts += [package for name, peer in peers.PEERS.items() if peers.ready(name) for package in peer.installed[:1]]
    load = f"load average {os.getloadavg()[0]:.1f} at the start"
    machine = f"{os.cpu_count()} cores of {_processor()}, {load}, Python {platform.python_version()}"
    lines = [f"{datetime.datetime.now(tz=datetime.UTC):%d %B %Y}; {machine}, {', '.join(parts)}.", ""]
    return [*lines, _line(COLUMNS, markdown), *(["|---" * len(COLUMNS) + "|"] if markdown else [])]


def rows(command: str, found: Mapping[str, Any], markdown: bool) -> list[str]:
    """Return the rows of one workload; `limits` has one for each simulation."""
    if found["workload"] == "limits":
        return [
            _line(
                (f"{command}: {run['workload']}", f"{run['measured_s']:.3g} s", f"{run['bound_s']:.3g} s at best", _times(run), ""),
                markdown,
            )
            for run in found["runs"]
        ]
    if found["workload"] in workloads.ALONE:
        figures = ", ".join(f"{name} {value:.3g}" for name, value in found.items() if isinstance(value, float) and name != "ratio")
        return [_line((command, figures, "", _times(found), ""), markdown)]
    sides = ["ours", "peer"] if found["peer"] else ["ours"]
    cells = [_cell(found, side) for side in sides] + [""] * (2 - len(sides))
    rates = ", ".join(f"{found[f'{side}_rate']:.3g}" for side in sides if f"{side}_rate" in found)
    if "rates" in found:
        rates += f"; {100 * found['ours_off']:.0f} % off the published ones at most"
    return [_line((command, *cells, _times(found), rates), markdown)]


def failure(command: str, error: Exception, markdown: bool) -> str:
    """Return the row of a workload that could not be measured."""
    return _line((command, f"failed: {str(error).splitlines()[0]}", "", "", ""), markdown)


def _cell(found: Mapping[str, Any], side: str) -> str:
    """Return the figure of one side with its unit, and what belongs to it."""
    unit = "s" if f"{side}_s" in found else "B"
    name = f"{side}_{unit}"
    each = [run[name] for run in found["runs"]]
    text = f"{found[name]:.3g} {unit}"
    if side == "ours" and max(each) - min(each) > MOVED * found[name]:
        text += f" ({min(each):.3g} to {max(each):.3g})"
    extra = {"cold_s": "cold {:.3g} s", "numpy_s": "numpy {:.3g} s", "build_s": "build {:.3g} s", "peak_GB": "peak {:.3g} GB"}
    extra["busy_s"] = "busy {:.3g} s"
    shown = ("cold_s", "numpy_s", "busy_s") if found["workload"] != "microcircuit" else ("build_s", "peak_GB")
    for part in shown:
        if f"{side}_{part}" in found:
            text += "; " + extra[part].format(found[f"{side}_{part}"])
    return text


def _times(found: Mapping[str, Any]) -> str:
    ratio = found.get("ratio")
    if ratio is None:
        return ""
    # Where ours is slower than a peer, the row says so in bold.
    slower = ratio < 1.0 and found.get("peer")
    text = f"**{ratio:.2g}**" if slower else f"{ratio:.3g}"
    return text + (f"; busy {found['busy_ratio']:.3g}" if "busy_ratio" in found else "")


def _line(cells: Sequence[str], markdown: bool) -> str:
    if markdown:
        first = f"`{cells[0]}`" if tuple(cells) != COLUMNS else cells[0]
        return "| " + " | ".join((first, *(cell.replace("|", "\\|") for cell in cells[1:]))) + " |"
    return "\t".join(cells)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()
