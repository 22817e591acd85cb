"""The plastic projections of a run, laid out for the kernels. See kernels/lessons.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from snnsim.compiler.spiking import CompiledProjection, CompiledSpiking, outgoing
from snnsim.engines.reward import coefficients as dopamine_coefficients
from snnsim.engines.reward import giver_of
from snnsim.engines.runs import Runs
from snnsim.engines.voltage import coefficients as voltage_coefficients
from snnsim.engines.voltage import row_of_v
from snnsim.errors import CompileError
from snnsim.kernels.call import addresses
from snnsim.kernels.dopamine import N_DOPAMINE
from snnsim.kernels.lessons import LESSON, N_COEF, Lessons
from snnsim.kernels.memory import address
from snnsim.kernels.voltage import N_HEARD
from snnsim.plasticity.base import Rules, SynapseForm

HISTORY = 32  # postsynaptic spikes kept per neuron before pending ones are applied
_LAGS = 1024  # whole steps for which the decay of traces is looked up
_MOST_CLASSES = 64  # different delays for which a bank is kept
_EPOCH = 10.0  # time constants of x_pre after which a bank is emptied
_LONGEST = 500.0  # time constants by which a trace may grow meanwhile

BY_RUN = ("x", "t_pre", "seen", "release", "mark")
SHARED = (*BY_RUN, "dopamine")  # the same for all threads
BY_TARGET = ("history", "held", "bank", "heard")
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
    mark: np.ndarray
    dopamine: np.ndarray
    dopamine_coef: np.ndarray
    heard: np.ndarray
    heard_coef: np.ndarray


class Course(NamedTuple):
    """All plastic projections of one thread, by number of projection, and the table over them."""

    lessons: dict[int, Lesson]
    tables: Lessons
    kernels: list[Any]  # what the tables know by address

    def renewed(self, q: int, lesson: Lesson) -> Course:
        """Return this course with other arrays for projection q; the table is changed in place."""
        _point(self.tables.table, q, lesson)
        return self._replace(lessons=self.lessons | {q: lesson})

    def looked_at(self, q: int) -> Course:
        """Return a copy in which the arrays of projection q may be changed without changing this one."""
        table, lesson = self.tables.table.copy(), self.lessons[q]
        changing = (*SHARED, *BY_TARGET, *BY_SYNAPSE, "moment")
        lesson = lesson._replace(**{name: getattr(lesson, name).copy() for name in changing})
        _point(table, q, lesson)
        return self._replace(lessons=self.lessons | {q: lesson}, tables=self.tables._replace(table=table))


def one_each(runs: Runs) -> np.ndarray:
    """Return a copy of the weights, one per synapse, by run."""
    return np.broadcast_to(runs.weight, len(runs.target)).astype(np.float64)


def is_banked(part: CompiledProjection, form: SynapseForm) -> bool:
    """Whether the clock engine keeps a bank for this projection; by the projection alone, since sums are rounded by it."""
    if form.voltage is not None and len(part.delay) > _MOST_CLASSES:
        raise CompileError(
            f"Projection({part.name}).delay has {len(part.delay)} different values, of which a rule that follows the potential takes at "
            f"most {_MOST_CLASSES}. Round them to fewer."
        )
    return form.learn is not None and len(part.delay) <= _MOST_CLASSES


def build(
    compiled: CompiledSpiking,
    runs: Sequence[Runs],
    sizes: Any,
    learning: Any,
    dt: float | None,
    weights: Any = None,
    potential: Any = None,
) -> Course:
    """Lay out the plastic projections of one thread.

    sizes : neurons of each population on this thread
    learning : set of int   projections that learn in this run
    dt : float or None      ms, the step of the clock engine; None: the event engine, whose times are in ms
    weights : function or None   q -> float64[n_synapses] by run, the array that the engine delivers
    potential : function or None   projection -> float64[n_post], v at the start
    """
    plastic = [q for q, part in enumerate(compiled.projections) if part.plasticity is not None]
    if not plastic:
        nobody = np.zeros(len(compiled.populations) + 1, dtype=np.int64)
        return Course({}, Lessons(np.zeros(0, dtype=LESSON), nobody[:0], nobody[:0], nobody, nobody[:0]), [])
    # Kernels of rules compile when they are imported: only for those who learn.
    from snnsim.kernels.replayed import remember

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
        table["consecutive"][q] = runs[q].consecutive
        table["sign"][q] = 1.0 if rule is None else rule.sign(part.weight)
        table["axonal"][q] = rule is not None and rule.delay == "axonal"
        table["banked"][q] = banked
        if form is not None:
            pair = (form.learn, form.attend) if banked else (form.replay, remember)
            if pair not in kernels:
                kernels.append(pair)
            table["rule"][q] = kernels.index(pair)
            table["pre_nearest"][q], table["post_nearest"][q] = form.pre_nearest, form.post_nearest
            table["width"][q], table["lags"][q] = _width(form), _LAGS if dt is not None else 0
            table["epoch"][q] = _epoch(form, dt or 1.0)
            if form.reward is not None:
                table["giver"][q], table["giver_delay"][q] = giver_of(compiled, part)
            if form.voltage is not None and potential is not None:
                table["v_row"][q] = row_of_v(compiled, part)
                lessons[q] = _hearing(lessons[q], potential(part), voltage_coefficients(part, form, dt or 1.0))
        _point(table, q, lessons[q])
    into = [q for q in plastic if table["rule"][q] >= 0]
    ptr, items = outgoing(len(compiled.populations), [compiled.projections[q].post for q in into])
    learn, attend = (addresses(pair[k] for pair in kernels) for k in (0, 1))
    return Course(lessons, Lessons(table, learn, attend, ptr, np.asarray(into, dtype=np.int64)[items]), kernels)


def _width(form: SynapseForm | None) -> int:
    """Return the numbers of an entry of the history: its time, the traces, and where weights wait for a reward its integral."""
    return 1 if form is None else 1 + len(form.tau_post) + (form.reward is not None)


def _epoch(form: SynapseForm, dt: float) -> int:
    if form.reward is not None:
        return max(1, int(_EPOCH * form.reward.tau_c / dt))
    slowest = [_EPOCH * form.tau_pre[0] if form.tau_pre else np.inf, *(_LONGEST * tau for tau in (*form.tau_pre, *form.tau_post))]
    return max(1, min(1 << 40, int(min(slowest) / dt)))


def _lesson(part: CompiledProjection, runs: Runs, form: SynapseForm | None, weight: np.ndarray, n_post: int, dt: float | None) -> Lesson:
    unit, n_runs, n = dt or 1.0, len(runs.delay), len(runs.target)
    classes = np.unique(runs.delay) if len(runs.delay) else np.ones(1)
    which = np.searchsorted(classes, runs.delay).astype(np.int64)
    rate = unit / _time_constants(form)
    coef = np.zeros(N_COEF)
    coef[: len(form.coef) if form else 0] = form.coef if form else ()
    banked, width = form is not None and dt is not None and is_banked(part, form), _width(form)
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
        history=empty_history(n_post if replayed else 0, HISTORY, width),
        held=np.zeros(n_post if replayed else 0, np.int64),
        decay=np.exp(-np.arange(_LAGS) * rate[:, None]) if replayed and dt is not None else np.empty(0),
        bank=np.zeros((len(classes), n_post, width) if banked else (0, 0, 0)),
        degree=_degree(runs, which, len(classes), n_post) if banked else np.empty((0, 0), np.int64),
        moment=np.ones(8),
        class_delay=steps,
        class_lead=np.ones_like(steps) if axonal else 2 * steps,
        release=start,
        release_coef=release_coef,
        mark=np.zeros(n_runs if form is not None and form.reward is not None else 0),
        dopamine=np.zeros(N_DOPAMINE if form is not None and form.reward is not None else 0),
        dopamine_coef=dopamine_coefficients(form, unit),
        heard=np.empty((0, N_HEARD)),
        heard_coef=np.empty(0),
    )


def _hearing(lesson: Lesson, v: np.ndarray, coef: np.ndarray) -> Lesson:
    """Return a lesson whose filters stand at the potential v."""
    lesson.bank[:, :, 1] = v
    return lesson._replace(heard=np.stack([v, v, np.zeros_like(v)], axis=1), heard_coef=coef)


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


def empty_history(n: int, depth: int, width: int) -> np.ndarray:
    """Return histories of n targets without spikes."""
    history = np.zeros((n, depth + 1, width))
    history[:, :, 0] = -np.inf
    return history


def _point(table: np.ndarray, q: int, lesson: Lesson) -> None:
    """Write the addresses of the arrays into the table."""
    table["n_classes"][q] = len(lesson.class_delay)
    table["wide"][q] = lesson.target.dtype.itemsize == 4
    table["depth"][q] = lesson.history.shape[1] - 1
    for name, array in lesson._asdict().items():
        table[name][q] = 0 if name in ("release", "dopamine", "heard") and not array.size else address(array)
