"""Synapses that move while a network runs: the clock engine is laid out anew, and goes on with everything it knew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.connect.base import narrow
from snnsim.engines.lessons import BY_RUN
from snnsim.errors import CompileError
from snnsim.plasticity.base import Rules, StructuralRule


def structural(compiled: CompiledSpiking) -> list[int]:
    """Return the projections whose synapses may move."""
    parts = enumerate(compiled.projections)
    return [q for q, part in parts if any(isinstance(rule, StructuralRule) for rule in (part.plasticity or Rules()).slow)]


def check_structural(compiled: CompiledSpiking) -> None:
    """Raise CompileError where synapses that may move have several delays."""
    for q in structural(compiled):
        part = compiled.projections[q]
        if part.which is not None:
            raise CompileError(
                f"Projection({part.name}).delay has {len(part.delay)} values but synapses that move share one. Give one delay, or leave "
                "out the structural rule."
            )


def as_wired(compiled: CompiledSpiking, arrays: Mapping[str, np.ndarray]) -> CompiledSpiking:
    """Return the network with its synapses where a saved state has them."""
    parts = list(compiled.projections)
    for q, part in enumerate(parts):
        if f"lesson.{q}.row_ptr" in arrays:
            parts[q] = replace(part, row_ptr=arrays[f"lesson.{q}.row_ptr"], target=arrays[f"lesson.{q}.target"])
    return replace(compiled, projections=tuple(parts))


def wired(compiled: CompiledSpiking) -> dict[str, np.ndarray]:
    """Return where the synapses are that may move, as part of a state."""
    arrays: dict[str, np.ndarray] = {}
    for q in structural(compiled):
        arrays |= {f"lesson.{q}.row_ptr": compiled.projections[q].row_ptr, f"lesson.{q}.target": compiled.projections[q].target}
    return arrays


def moved_arrays(
    compiled: CompiledSpiking, arrays: Mapping[str, np.ndarray], q: int, source: Any, target: Any, weight: Any, moved: Any
) -> dict[str, np.ndarray]:
    """Return the saved arrays of a run whose weights are whole, with the synapses of projection q at new places.

    source, target, weight : of every synapse; moved : bool[n], which have another place than before
    """
    part, order, out = compiled.projections[q], np.lexsort((target, source)), dict(arrays)
    n_pre = len(part.row_ptr) - 1
    row_ptr = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=n_pre))]).astype(np.int64)
    out |= {f"lesson.{q}.row_ptr": row_ptr, f"lesson.{q}.target": target[order].astype(narrow(compiled.populations[part.post].size))}
    out[f"lesson.{q}.weight"] = weight[order]
    rules: Any = part.plasticity
    if f"lesson.{q}.own" in out:
        out[f"lesson.{q}.own"] = np.where(moved, rules.spikes.form().own, out[f"lesson.{q}.own"])[order]
    before, after = np.flatnonzero(part.fan_out), np.flatnonzero(np.diff(row_ptr))
    for name in BY_RUN:
        key = f"lesson.{q}.{name}"
        if key in out:
            whole = np.empty((n_pre, *out[key].shape[1:]))
            whole[:] = _fresh(name, out[key], rules)
            whole[before] = out[key]
            out[key] = whole[after]
    return out


def _fresh(name: str, held: np.ndarray, rules: Any) -> Any:
    """Return what a source begins with that had no synapse."""
    if name == "release":
        return np.array([*rules.release.release_form()[0], 0.0])
    if name == "seen":
        return held.max(initial=-np.inf)  # what the targets did before is not for synapses that were not there
    return -np.inf if name == "t_pre" else 0.0
