"""How the clock engine keeps each projection, and what one thread needs to deliver through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledProjection, CompiledSpiking, outgoing
from snnsim.engines.parts import WHOLE_WORDS
from snnsim.engines.runs import in_a_row
from snnsim.kernels.layout import BITS, LEARNED, MATRIX, ONE_TO_ONE, ROWS, SPREAD, STRAND, TIMED, Cells, Fabric
from snnsim.kernels.memory import address
from snnsim.kernels.rows import bits_of_rows, bounds_of_rows
from snnsim.models.spiking import ClockForm

#: Rows of bits where at least every sixteenth pair is joined: they are then no larger than lists of two-byte targets.
_DENSE = 1 / 16

#: Rows by delay where a run holds so many synapses in the mean, all threads together; below, looking for runs takes longer than
#: writing ahead. And where spikes need not be kept for longer than so many steps.
_LEAST_RUN = 8
_LONGEST = 1024


@dataclass(frozen=True, eq=False)
class Plan:
    """What is decided before anything is laid out for a thread.

    kind : list of int                    layout of each projection, see `kernels.layout.Fabric`
    steps : list of int64[k]              its delays in steps
    bits : list of uint64[n_pre, words] or None
    lands : bool[P]                       the driver adds the input of the population to its state
    mailed : bool[P]                      some of its input is posted ahead, or read from rows by delay
    """

    kind: list[int]
    steps: list[np.ndarray]
    bits: list[np.ndarray | None]
    lands: np.ndarray
    mailed: np.ndarray


def plan(compiled: CompiledSpiking, forms: list[ClockForm], steps: list[np.ndarray]) -> Plan:
    """Choose a layout for every projection. It must not depend on the number of threads: sums are rounded by layout."""
    kind = [_kind(compiled, part) for part in compiled.projections]
    for p in range(len(forms)):
        spread = [q for q, part in enumerate(compiled.projections) if part.pre == p and kind[q] == SPREAD]
        if spread and _is_timed(compiled, spread, steps):
            for q in spread:
                kind[q] = TIMED
    mailed = np.zeros(len(forms), dtype=bool)
    for part, how in zip(compiled.projections, kind, strict=True):
        mailed[part.post] |= how in (SPREAD, TIMED)
    lands = np.array([form.lands is not None for form in forms]) & ~mailed
    bits = [
        bits_of_rows(part.row_ptr, part.target, compiled.populations[part.post].size) if how == BITS else None
        for part, how in zip(compiled.projections, kind, strict=True)
    ]
    return Plan(kind, steps, bits, lands, mailed)


def _kind(compiled: CompiledSpiking, part: CompiledProjection) -> int:
    n_pre, n_post = len(part.row_ptr) - 1, compiled.populations[part.post].size
    if part.plasticity is not None:
        return LEARNED
    if part.which is not None:
        return SPREAD
    if len(part.weight) > 1:
        # A population whose positive and negative inputs are kept apart needs to look at each weight.
        return MATRIX if compiled.models[part.post].channels == 1 and _is_full(part, n_pre, n_post) else ROWS
    if not len(part.target):
        return ROWS
    one_each = n_pre == n_post == len(part.target) and np.array_equal(part.row_ptr, np.arange(n_pre + 1))
    if one_each and np.array_equal(part.target, np.arange(n_post)):
        return ONE_TO_ONE
    if n_post >= WHOLE_WORDS and len(part.target) >= _DENSE * n_pre * n_post and not _repeats(part):
        return BITS
    return ROWS


def _is_full(part: CompiledProjection, n_pre: int, n_post: int) -> bool:
    """Whether every source reaches every target once."""
    if len(part.target) != n_pre * n_post:
        return False
    return bool(np.all(part.target.reshape(n_pre, n_post) == np.arange(n_post, dtype=part.target.dtype)))


def _is_timed(compiled: CompiledSpiking, spread: list[int], steps: list[np.ndarray]) -> bool:
    """Whether the projections from one population, with a delay for every synapse, go into rows by delay."""
    delays = np.unique(np.concatenate([steps[q] for q in spread]))
    n_pre, n = compiled.populations[compiled.projections[spread[0]].pre].size, sum(len(compiled.projections[q].target) for q in spread)
    return n >= _LEAST_RUN * n_pre * len(delays) and int(delays[-1]) <= _LONGEST


def _repeats(part: CompiledProjection) -> bool:
    """Whether some pair has several synapses: a bit cannot say so."""
    same = part.target[1:] == part.target[:-1]
    begins = part.row_ptr[1:-1]
    same[begins[(begins > 0) & (begins < len(part.target))] - 1] = False
    return bool(same.any())


@dataclass(frozen=True, eq=False)
class Woven:
    """A fabric and what it borrows by address, beside the synapses as compiled: where the rows of each projection begin and end."""

    fabric: Fabric
    bounds: list[Any] = field(repr=False)


def weave(compiled: CompiledSpiking, forms: list[ClockForm], chosen: Plan, cells: Cells, low: np.ndarray, high: np.ndarray) -> Woven:
    """Lay out all projections for the thread that owns neurons low[p] .. high[p] - 1 of population p."""
    parts, bounds = compiled.projections, []
    n, of = len(parts), len(compiled.populations)
    early = [q for q in range(n) if chosen.kind[q] == SPREAD]
    late = [q for q in range(n) if chosen.kind[q] not in (SPREAD, TIMED)]
    strand = np.zeros(n, dtype=STRAND)
    for q, part in enumerate(parts):
        begin, end = part.row_ptr[:-1], part.row_ptr[1:]
        if chosen.kind[q] in (ROWS, SPREAD, TIMED) and (low[part.post] > 0 or high[part.post] < compiled.populations[part.post].size):
            begin, end = bounds_of_rows(part.row_ptr, part.target, low[part.post], high[part.post])
        bounds.append((begin, end))
        fields = {
            "kind": chosen.kind[q],
            "pre": part.pre,
            "post": part.post,
            "delay": chosen.steps[q][0],
            "row_ptr": address(part.row_ptr),
            "begin": address(begin),
            "end": address(end),
            "target": address(part.target),
            "wide": part.target.dtype.itemsize == 4,
            "consecutive": chosen.kind[q] == ROWS and len(part.weight) > 1 and in_a_row(begin, end, part.target),
            "weights": address(part.weight) if len(part.weight) > 1 else 0,
            "double": part.weight.dtype == np.float64,
            "which": address(part.which),
            "many": part.which is not None and part.which.dtype.itemsize == 2,
            "bits": address(chosen.bits[q]),
            "stride": compiled.populations[part.post].size if (bits := chosen.bits[q]) is None else bits.shape[1],
            "low": low[part.post],
            "word": low[part.post] // 64,
        }
        for name, value in (fields | _places(part, chosen, forms[part.post], cells, int(low[part.post]))).items():
            strand[name][q] = value
    into_ptr, into = outgoing(of, [parts[q].post for q in late])
    ahead_ptr, ahead = outgoing(of, [parts[q].pre for q in early])
    out_ptr, out = outgoing(of, [part.pre for part in parts])
    ends = np.cumsum([len(steps) for steps in chosen.steps])
    strand["delays_end"], strand["delays_first"] = ends, ends - [len(steps) for steps in chosen.steps]
    delays = np.concatenate([np.empty(0, np.int64), *chosen.steps]).astype(np.int64)
    return Woven(Fabric(strand, delays, into_ptr, _ints(late)[into], ahead_ptr, _ints(early)[ahead], out_ptr, out), bounds)


def _places(part: CompiledProjection, chosen: Plan, form: ClockForm, cells: Cells, low: int) -> dict[str, Any]:
    """Return where, and by what factor, the weights of a projection reach the inputs or state of its targets."""
    post, n = part.post, int(cells.size[part.post])
    rows, gains = [0, n] if cells.channels[post] == 2 else [0, 0], (1.0, 1.0)
    if chosen.lands[post] and form.lands is not None:
        places = form.lands if len(form.lands) == 2 else form.lands * 2
        rows, gains = [row * n for row, _ in places], (places[0][1], places[1][1])
    weight = float(part.weight[0]) if len(part.weight) == 1 else 0.0
    # One weight has one sign, and its place says so; the sign of a weight that learns is looked at on arrival.
    first = rows[1] if weight < 0.0 and part.plasticity is None else rows[0]
    # Targets count from the start of the whole population, but those of plastic synapses from the start of the part.
    shift = 0 if part.plasticity is not None else low
    wrap = 1 << 64
    return {
        "place": (first - shift) % wrap,
        "split": (rows[1] - rows[0]) % wrap,
        "plus": gains[0],
        "minus": gains[1],
        "mark": (int(cells.first[post]) - shift) % wrap,
        "weight": weight * (gains[1] if weight < 0.0 else gains[0]),
    }


def _ints(values: Any) -> np.ndarray:
    return np.array(values, dtype=np.int64)
