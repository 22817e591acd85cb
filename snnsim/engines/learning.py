"""What happens to plastic projections beside the kernels: given room, saved and restored, put to rest. Layout: lessons.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking, narrow_weights
from snnsim.engines.lessons import BY_SYNAPSE, BY_TARGET, HISTORY, SHARED, Course, Lesson, empty_history
from snnsim.engines.runs import Runs, to_order
from snnsim.errors import SimulationError
from snnsim.kernels.banked import empty
from snnsim.kernels.lessons import AHEAD, Lessons
from snnsim.kernels.teach import forget, settle


def replayed(tables: Lessons) -> list[int]:
    """Return the projections that keep histories."""
    return [int(q) for q in tables.into if not tables.table["banked"][q]]


def settled(course: Course, compiled: CompiledSpiking, now: float) -> np.ndarray:
    """Apply what is pending at `now`, in the unit of the engine, and release the histories it used. Returns updates by projection."""
    tables, updates = course.tables, np.zeros(len(compiled.projections), dtype=np.int64)
    for q in replayed(tables):
        lesson = course.lessons[q]
        _check_history(lesson, compiled, q)
        updates[q] = settle(tables, q, float(now), False)
        longest = float(lesson.delay.max(initial=0.0))
        forget(tables.table, q, np.nextafter(now, -np.inf) if tables.table["axonal"][q] else now - 2.0 * longest)
    tables.table["full"] = 0
    return updates


def _check_history(lesson: Lesson, compiled: CompiledSpiking, q: int) -> None:
    """Raise SimulationError when a neuron has made more spikes than its history holds: the oldest are lost."""
    most, depth, part = int(lesson.held.max(initial=0)), lesson.history.shape[1] - 1, compiled.projections[q]
    if most > depth:
        raise SimulationError(
            f"Projection({part.name}).plasticity has lost spikes: a neuron of population {compiled.populations[part.post].name!r} made "
            f"{most} spikes that are still to be learned from, but at most {depth} are kept, with room for {AHEAD} between two looks. "
            "Lower how often its model fires in a step, or lower dt."
        )


def whole(course: Course, q: int, now: float) -> int:
    """Make the weights of projection q whole: as the last spikes to arrive left them. Returns the updates made."""
    if course.tables.table["rule"][q] < 0:
        return 0
    if course.tables.table["banked"][q]:
        empty(course.tables.table, q)
        return 0
    return int(settle(course.tables, q, float(now), False))


def roomy(course: Course) -> Course:
    """Return the course with histories that have room: twice as deep where spikes still needed fill them."""
    for q in replayed(course.tables):
        lesson = course.lessons[q]
        depth = lesson.history.shape[1] - 1
        while lesson.held.max(initial=0) + AHEAD > depth:
            depth *= 2
        if depth >= lesson.history.shape[1]:
            course = course.renewed(q, lesson._replace(history=deepened(lesson.history, depth)))
    return course


def deepened(history: np.ndarray, depth: int) -> np.ndarray:
    """Return histories with room for `depth` spikes, cut or filled up."""
    fresh = empty_history(len(history), depth, history.shape[2])
    n = min(depth, history.shape[1] - 1)
    fresh[:, :n] = history[:, :n]
    return fresh


def saved(
    courses: Sequence[Course], runs: Sequence[Sequence[Runs]], compiled: CompiledSpiking, rest: Mapping[int, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return what a continued run needs, the same for any number of threads; names are 'lesson.<projection>.<array>'."""
    arrays: dict[str, np.ndarray] = {f"lesson.{q}.weight": weight for q, weight in rest.items()}
    for q in courses[0].lessons:
        each = [course.lessons[q] for course in courses]
        # A thread without targets does not look at the sources.
        busy = each[int(np.argmax([course.tables.table["n_post"][q] for course in courses]))]
        arrays |= {f"lesson.{q}.{name}": getattr(busy, name).copy() for name in SHARED if getattr(busy, name).size}
        for name in BY_SYNAPSE:
            if name == "weight" or any(lesson.own.size for lesson in each):
                whole = np.empty(len(compiled.projections[q].target))
                for lesson, mine in zip(each, runs, strict=True):
                    to_order(mine[q], getattr(lesson, name), whole)
                arrays[f"lesson.{q}.{name}"] = whole
        if any(len(lesson.held) for lesson in each):
            # How deep histories became depends on when they were emptied, and that on the number of threads.
            depth = _least_depth(max(int(lesson.held.max(initial=0)) for lesson in each))
            history = np.concatenate([deepened(lesson.history, depth) for lesson in each])
            held = np.concatenate([lesson.held for lesson in each])
            history[np.arange(depth + 1) >= held[:, None]] = [-np.inf] + [0.0] * (history.shape[2] - 1)
            arrays |= {f"lesson.{q}.history": history, f"lesson.{q}.held": held}
        if any(lesson.heard.size for lesson in each):
            arrays[f"lesson.{q}.heard"] = np.concatenate([lesson.heard for lesson in each])
        if any(lesson.bank.size for lesson in each):
            arrays[f"lesson.{q}.bank"] = np.concatenate([lesson.bank for lesson in each], axis=1)
    return arrays


def _least_depth(most: int) -> int:
    depth = HISTORY
    while most + AHEAD > depth:
        depth *= 2
    return depth


def held_weights(compiled: CompiledSpiking, arrays: Any) -> dict[int, np.ndarray]:
    """Return the weights in a saved state, by projection."""
    return {q: arrays[f"lesson.{q}.weight"] for q in range(len(compiled.projections)) if f"lesson.{q}.weight" in arrays}


def at_rest(compiled: CompiledSpiking, learns: frozenset[int], held: Mapping[int, np.ndarray]) -> tuple[CompiledSpiking, dict[int, Any]]:
    """Return the network with static projections for those that do not learn in this run, and their weights, one or one each.

    held : weights by projection where they are not those of the description
    Only where all have one delay: spikes under way through several are kept elsewhere in static projections.
    """
    parts, rest = list(compiled.projections), {}
    for q, part in enumerate(parts):
        if part.plasticity is not None and part.plasticity.release is None and part.which is None and q not in learns:
            weight = held.get(q, part.weight)
            weight = weight[:1].astype(np.float64) if len(weight) and np.all(weight == weight[0]) else narrow_weights(weight)
            rest[q] = weight
            parts[q] = replace(part, weight=weight, plasticity=None)
    return (replace(compiled, projections=tuple(parts)) if rest else compiled), rest


def stopped(compiled: CompiledSpiking, learns: frozenset[int], arrays: Any) -> frozenset[int]:
    """Return the projections that learned in the run that left `arrays`, and no longer do."""
    return frozenset(
        q
        for q in range(len(compiled.projections))
        if q not in learns and any(f"lesson.{q}.{name}" in arrays for name in ("bank", "history"))
    )


def restored(course: Course, compiled: CompiledSpiking, runs: Sequence[Runs], low: Any, high: Any, arrays: Any) -> Course:
    """Return the course of one thread, with targets low[q] .. high[q] - 1, with copies of the saved arrays in it.

    A projection that no longer learns forgets all traces.
    """
    for q, lesson in course.lessons.items():
        held = {name: arrays[f"lesson.{q}.{name}"] for name in (*SHARED, *BY_TARGET, *BY_SYNAPSE) if f"lesson.{q}.{name}" in arrays}
        mine, learns = slice(int(low[q]), int(high[q])), course.tables.table["rule"][q] >= 0
        changed = {name: held[name].copy() for name in SHARED if name in held and (learns or name == "release")}
        if learns:
            changed |= {name: held[name][mine].copy() for name in ("history", "held", "heard") if name in held}
            if "bank" in held:
                changed["bank"] = held["bank"][:, mine].copy()
        for name in BY_SYNAPSE:
            if name in held and getattr(lesson, name).size:
                whole = np.broadcast_to(held[name], len(compiled.projections[q].target))
                getattr(lesson, name)[:] = whole if runs[q].place is None else whole[runs[q].place]
        course = course.renewed(q, lesson._replace(**changed))
    return course


def begin_hearing(course: Course, compiled: CompiledSpiking, potential: Any, arrays: Any) -> None:
    """Put the filters of projections that learn again at the potential of a restored run, in place."""
    for q, lesson in course.lessons.items():
        if lesson.heard.size and f"lesson.{q}.heard" not in arrays:
            lesson.bank[:, :, 1] = lesson.heard[:, 0] = lesson.heard[:, 1] = potential(compiled.projections[q])


def begin_anew(course: Course, compiled: CompiledSpiking, now: int) -> None:
    """Put traces, eligibilities and releases back to the start, in place, at step `now`, from which epochs count. Weights stay."""
    for q, lesson in course.lessons.items():
        rules: Any = compiled.projections[q].plasticity
        for array in (lesson.x, lesson.bank, lesson.mark, lesson.dopamine, lesson.held):
            array[:] = 0
        for array in (lesson.t_pre, lesson.seen):
            array[:] = -np.inf
        lesson.history[:] = [-np.inf] + [0.0] * (lesson.history.shape[2] - 1)
        if lesson.own.size:
            lesson.own[:] = rules.spikes.form().own
        if lesson.release.size:
            lesson.release[:] = [*rules.release.release_form()[0], now]
    course.tables.table["begun"], course.tables.table["full"] = now, 0
