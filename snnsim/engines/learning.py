"""The plastic projections of a run: laid out for the kernels, given room, saved, and looked at. See kernels/lessons.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from snnsim.compiler.spiking import CompiledProjection, CompiledSpiking, narrow_weights, outgoing
from snnsim.engines.runs import Runs, to_order
from snnsim.engines.tables import silence
from snnsim.errors import CompileError
from snnsim.kernels.banked import empty
from snnsim.kernels.lessons import AHEAD, LESSON, N_COEF, Lessons
from snnsim.kernels.memory import address
from snnsim.kernels.pair_stdp import replay_additive
from snnsim.kernels.replayed import forget, remember
from snnsim.kernels.teach import settle
from snnsim.plasticity.base import Rules, SynapseForm

_KINDS = 8  # different rules one network may hold: the drivers take tuples of this length, so that they compile once
_HISTORY = 32  # postsynaptic spikes kept per neuron before pending ones are applied
_LAGS = 1024  # whole steps for which the decay of traces is looked up
_MOST_CLASSES = 64  # different delays for which a bank is kept
_EPOCH = 10.0  # time constants of x_pre after which a bank is emptied
_LONGEST = 500.0  # time constants by which a trace may grow meanwhile

BY_RUN = ("x", "t_pre", "seen", "release")
BY_TARGET = ("history", "held", "bank")
BY_SYNAPSE = ("weight", "own")


class Lesson(NamedTuple):
    """The arrays of one plastic projection, for the targets of one thread, as in `kernels.lessons.LESSON`."""

    coef: np.ndarray
    rate: np.ndarray
    row_ptr: np.ndarray
    run_ptr: np.ndarray
    which: np.ndarray
    delay: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    own: np.ndarray
    out: np.ndarray
    x: np.ndarray
    t_pre: np.ndarray
    seen: np.ndarray
    history: np.ndarray
    held: np.ndarray
    decay: np.ndarray
    bank: np.ndarray
    degree: np.ndarray
    moment: np.ndarray
    class_delay: np.ndarray
    class_lead: np.ndarray
    release: np.ndarray
    release_coef: np.ndarray


class Class(NamedTuple):
    """All plastic projections of one thread, by number of projection, and the table over them."""

    lessons: dict[int, Lesson]
    tables: Lessons

    def renewed(self, q: int, lesson: Lesson) -> Class:
        """Return this class with other arrays for projection q; the table is changed in place."""
        _point(self.tables.table, q, lesson)
        return self._replace(lessons=self.lessons | {q: lesson})

    def looked_at(self, q: int) -> Class:
        """Return a copy in which the arrays of projection q may be changed without changing this one."""
        table, lesson = self.tables.table.copy(), self.lessons[q]
        changing = (*BY_RUN, *BY_TARGET, *BY_SYNAPSE, "moment")
        lesson = lesson._replace(**{name: getattr(lesson, name).copy() for name in changing})
        _point(table, q, lesson)
        return Class(self.lessons | {q: lesson}, self.tables._replace(table=table))


def one_each(runs: Runs) -> np.ndarray:
    """Return a copy of the weights, one per synapse, by run."""
    return np.broadcast_to(runs.weight, len(runs.target)).astype(np.float64)


def is_banked(part: CompiledProjection, form: SynapseForm) -> bool:
    """Whether the clock engine keeps a bank for this projection; by the projection alone, since sums are rounded by it."""
    return form.learn is not None and len(part.delay) <= _MOST_CLASSES


def build(compiled: CompiledSpiking, runs: Sequence[Runs], sizes: Any, learning: Any, dt: float | None, weights: Any = None) -> Class:
    """Lay out the plastic projections of one thread.

    sizes : neurons of each population on this thread
    learning : set of int   projections that learn in this run
    dt : float or None      ms, the step of the clock engine; None: the event engine, whose times are in ms
    weights : function or None   q -> float64[n_synapses] by run, the array that the engine delivers
    """
    plastic = [q for q, part in enumerate(compiled.projections) if part.plasticity is not None]
    table = np.zeros(len(compiled.projections), dtype=LESSON)
    table["rule"] = -1
    lessons, kernels = {}, []
    for q in plastic:
        part, n_post = compiled.projections[q], int(sizes[compiled.projections[q].post])
        rule = (part.plasticity or Rules()).spikes
        form = None if rule is None or q not in learning else rule.form()
        weight = weights(q) if weights is not None else one_each(runs[q])
        lessons[q] = _lesson(part, runs[q], form, weight, n_post, dt)
        banked = form is not None and dt is not None and is_banked(part, form)
        table["n_runs"][q], table["n_post"][q] = len(runs[q].delay), n_post
        table["sign"][q] = 1.0 if rule is None else rule.sign(part.weight)
        table["axonal"][q] = rule is not None and rule.delay == "axonal"
        table["banked"][q] = banked
        if form is not None:
            pair = (form.learn, form.attend) if banked else (form.replay, remember)
            if pair not in kernels:
                kernels.append(pair)
            table["rule"][q] = kernels.index(pair)
            table["pre_nearest"][q], table["post_nearest"][q] = form.pre_nearest, form.post_nearest
            table["width"][q], table["lags"][q] = 1 + len(form.tau_post), _LAGS if dt is not None else 0
            table["epoch"][q] = _epoch(form, dt or 1.0)
        _point(table, q, lessons[q])
    if len(kernels) > _KINDS:
        raise CompileError(f"Network uses {len(kernels)} different learning rules but an engine takes {_KINDS}. Use fewer rules.")
    padded = kernels + [(replay_additive, remember)] * (_KINDS - len(kernels))
    into = [q for q in plastic if table["rule"][q] >= 0]
    ptr, items = outgoing(len(compiled.populations), [compiled.projections[q].post for q in into])
    tuples = tuple(learn for learn, _ in padded), tuple(attend for _, attend in padded)
    return Class(lessons, Lessons(table, *tuples, ptr, np.asarray(into, dtype=np.int64)[items]))


def _epoch(form: SynapseForm, dt: float) -> int:
    slowest = [_EPOCH * form.tau_pre[0] if form.tau_pre else np.inf, *(_LONGEST * tau for tau in (*form.tau_pre, *form.tau_post))]
    return max(1, min(1 << 40, int(min(slowest) / dt)))


def _lesson(part: CompiledProjection, runs: Runs, form: SynapseForm | None, weight: np.ndarray, n_post: int, dt: float | None) -> Lesson:
    unit, n_runs, n = dt or 1.0, len(runs.delay), len(runs.target)
    classes = np.unique(runs.delay) if len(runs.delay) else np.ones(1)
    which = np.searchsorted(classes, runs.delay).astype(np.int64)
    rate = unit / _time_constants(form)
    coef = np.zeros(N_COEF)
    coef[: len(form.coef) if form else 0] = form.coef if form else ()
    banked, width = form is not None and dt is not None and is_banked(part, form), 1 + (len(form.tau_post) if form else 0)
    rules = part.plasticity or Rules()
    axonal = rules.spikes is not None and rules.spikes.delay == "axonal"
    steps = classes.astype(np.int64) if dt is not None else np.ones(len(classes), np.int64)
    start, release_coef = np.empty(0), np.empty(0)
    if rules.release is not None:
        (u, x), (use, recovery, facilitation, kept) = rules.release.release_form()
        start = np.tile([u, x, 0.0], (n_runs, 1))
        release_coef = np.array([use, recovery * unit, facilitation * unit, kept])
    replayed = form is not None and not banked
    return Lesson(
        coef=coef,
        rate=rate,
        row_ptr=runs.row_ptr,
        run_ptr=runs.run_ptr.astype(np.int64),
        which=which,
        delay=runs.delay.astype(np.float64),
        target=runs.target,
        weight=weight,
        own=np.full(n, form.own) if form is not None and form.own is not None else np.empty(0),
        out=np.zeros(int(np.diff(runs.run_ptr).max(initial=1))),
        x=np.zeros((n_runs, 2)),
        t_pre=np.full(n_runs if replayed else 0, -np.inf),
        seen=np.full(n_runs if replayed else 0, -np.inf),
        history=_empty_history(n_post if replayed else 0, _HISTORY, width),
        held=np.zeros(n_post if replayed else 0, np.int64),
        decay=np.exp(-np.arange(_LAGS) * rate[:, None]) if replayed and dt is not None else np.empty(0),
        bank=np.zeros((len(classes), n_post, width) if banked else (0, 0, 0)),
        degree=_degree(runs, which, len(classes), n_post) if banked else np.empty((0, 0), np.int64),
        moment=np.ones(8),
        class_delay=steps,
        class_lead=np.ones_like(steps) if axonal else 2 * steps,
        release=start,
        release_coef=release_coef,
    )


def _time_constants(form: SynapseForm | None) -> np.ndarray:
    """Return those of all four traces; ones that a rule does not have are as slow as its slowest, and grow no further than it."""
    given = (*form.tau_pre, *form.tau_post) if form is not None else ()
    slowest = max(given, default=1.0)
    sides = ((), ()) if form is None else (form.tau_pre, form.tau_post)
    return np.array([tau for side in sides for tau in (*side, slowest, slowest)[:2]])


def _degree(runs: Runs, which: np.ndarray, n_classes: int, n_post: int) -> np.ndarray:
    """Return the synapses of each target at each delay, int64[n_classes, n_post]."""
    place = np.repeat(which, np.diff(runs.run_ptr)) * n_post + runs.target
    return np.bincount(place, minlength=n_classes * n_post).reshape(n_classes, n_post)


def _empty_history(n: int, depth: int, width: int) -> np.ndarray:
    history = np.zeros((n, depth + 1, width))
    history[:, :, 0] = -np.inf
    return history


def _point(table: np.ndarray, q: int, lesson: Lesson) -> None:
    """Write the addresses of the arrays into the table."""
    table["n_classes"][q] = len(lesson.class_delay)
    table["wide"][q] = lesson.target.dtype.itemsize == 4
    table["depth"][q] = lesson.history.shape[1] - 1
    for name, array in lesson._asdict().items():
        table[name][q] = 0 if name == "release" and not array.size else address(array)


def replayed(tables: Lessons) -> list[int]:
    """Return the projections that keep histories."""
    return [int(q) for q in tables.into if not tables.table["banked"][q]]


def settled(klass: Class, compiled: CompiledSpiking, now: float) -> np.ndarray:
    """Apply what is pending at `now`, in the unit of the engine, and release the histories it used. Returns updates by projection."""
    tables, updates = klass.tables, np.zeros(len(compiled.projections), dtype=np.int64)
    for q in replayed(tables):
        lesson = klass.lessons[q]
        with silence:
            updates[q] = settle(tables, q, float(now), False)
        longest = float(lesson.delay.max(initial=0.0))
        forget(tables.table, q, np.nextafter(now, -np.inf) if tables.table["axonal"][q] else now - 2.0 * longest)
    tables.table["full"] = 0
    return updates


def whole(klass: Class, q: int, now: float) -> int:
    """Make the weights of projection q whole: as the last spikes to arrive left them. Returns the updates made."""
    if klass.tables.table["rule"][q] < 0:
        return 0
    if klass.tables.table["banked"][q]:
        empty(klass.tables.table, q)
        return 0
    with silence:
        return int(settle(klass.tables, q, float(now), False))


def roomy(klass: Class) -> Class:
    """Return the class with histories that have room: twice as deep where spikes still needed fill them."""
    for q in replayed(klass.tables):
        lesson = klass.lessons[q]
        depth = lesson.history.shape[1] - 1
        while lesson.held.max(initial=0) + AHEAD > depth:
            depth *= 2
        if depth >= lesson.history.shape[1]:
            klass = klass.renewed(q, lesson._replace(history=deepened(lesson.history, depth)))
    return klass


def deepened(history: np.ndarray, depth: int) -> np.ndarray:
    """Return histories with room for `depth` spikes, cut or filled up."""
    fresh = _empty_history(len(history), depth, history.shape[2])
    n = min(depth, history.shape[1] - 1)
    fresh[:, :n] = history[:, :n]
    return fresh


def saved(
    classes: Sequence[Class], runs: Sequence[Sequence[Runs]], compiled: CompiledSpiking, rest: Mapping[int, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return what a continued run needs, the same for any number of threads; names are 'lesson.<projection>.<array>'."""
    arrays: dict[str, np.ndarray] = {f"lesson.{q}.weight": weight for q, weight in rest.items()}
    for q in classes[0].lessons:
        each = [klass.lessons[q] for klass in classes]
        # A thread without targets does not look at the sources.
        busy = each[int(np.argmax([klass.tables.table["n_post"][q] for klass in classes]))]
        arrays |= {f"lesson.{q}.{name}": getattr(busy, name).copy() for name in BY_RUN if getattr(busy, name).size}
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
        if any(lesson.bank.size for lesson in each):
            arrays[f"lesson.{q}.bank"] = np.concatenate([lesson.bank for lesson in each], axis=1)
    return arrays


def _least_depth(most: int) -> int:
    depth = _HISTORY
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


def restored(klass: Class, compiled: CompiledSpiking, runs: Sequence[Runs], low: Any, high: Any, arrays: Any) -> Class:
    """Return the class of one thread, with targets low[q] .. high[q] - 1, with copies of the saved arrays in it.

    A projection that no longer learns forgets all traces.
    """
    for q, lesson in klass.lessons.items():
        held = {name: arrays[f"lesson.{q}.{name}"] for name in (*BY_RUN, *BY_TARGET, *BY_SYNAPSE) if f"lesson.{q}.{name}" in arrays}
        mine, learns = slice(int(low[q]), int(high[q])), klass.tables.table["rule"][q] >= 0
        changed = {name: held[name].copy() for name in BY_RUN if name in held and (learns or name == "release")}
        if learns:
            changed |= {name: held[name][mine].copy() for name in ("history", "held") if name in held}
            if "bank" in held:
                changed["bank"] = np.ascontiguousarray(held["bank"][:, mine])
        for name in BY_SYNAPSE:
            if name in held and getattr(lesson, name).size:
                whole = np.broadcast_to(held[name], len(compiled.projections[q].target))
                getattr(lesson, name)[:] = whole if runs[q].place is None else whole[runs[q].place]
        klass = klass.renewed(q, lesson._replace(**changed))
    return klass
