"""What happens to weights between two pieces of a run: rules that act at intervals, and weights that are recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from snnsim.compiler.spiking import CompiledProjection, CompiledSpiking
from snnsim.engines.recording import Recorder
from snnsim.engines.takes import WeightTake
from snnsim.errors import SimulationError
from snnsim.kernels.scale import bound
from snnsim.models.spiking import whole_steps
from snnsim.plasticity.base import IntervalRule, Rules, StructuralRule, Synapses
from snnsim.results import Recording
from snnsim.stream.writer import Columns, Writer

_ROUNDING = 1e-9  # of times that are multiples of an interval, relative

_SIDES = ("pre_count", "post_count")


class Access(Protocol):
    """How to reach the weights of a running engine, in order of source, then target."""

    def whole(self, q: int, /) -> np.ndarray:
        """Return the weights as the last spikes to arrive left them, to be changed and `put` back: a copy, or the engine's own."""

    def put(self, q: int, weight: np.ndarray, /) -> None:
        """Set the weights."""

    def now(self, q: int, /) -> np.ndarray:
        """Return the weights as of now, pending changes included; looking changes nothing."""

    def move(self, q: int, /, *synapses: np.ndarray) -> CompiledSpiking:
        """Go on with (source, target, weight, moved) for every synapse. Returns the network."""


def weight_columns(compiled: CompiledSpiking, takes: Iterable[WeightTake]) -> list[Columns]:
    """Return what a file shall hold of recorded weights."""
    return [
        Columns(
            compiled.projections[take.projection].name, "weight", take.synapses, take.width(compiled), take.every, take.start, take.stop
        )
        for take in takes
    ]


def check_intervals(compiled: CompiledSpiking) -> None:
    """Raise ParameterError where a rule acts off the grid of the clock, which would never get there."""
    for part in compiled.projections:
        for rule in (part.plasticity or Rules()).slow:
            whole_steps(f"Projection({part.name}).plasticity: {type(rule).__name__}.interval", rule.interval, compiled.dt, least=1)


class _Duty:
    """One rule of one projection: when it acts next, and what it carries on."""

    def __init__(self, compiled: CompiledSpiking, q: int, place: int, rule: IntervalRule, began: float, held: Mapping[str, Any]) -> None:
        part = compiled.projections[q]
        self.q, self.rule, self.name, self.sides = q, rule, f"upkeep.{q}.{place}", (part.pre, part.post)
        self.sizes = tuple(compiled.populations[p].size for p in self.sides)
        self.next, self.bounds = _after(began, rule.interval), _bounds(part)
        counts = dict(zip(_SIDES, (np.zeros(n if rule.hears else 0) for n in self.sizes), strict=True))
        self.start = rule.start(*self.sizes)
        fresh = self.start | counts
        self.state = {name: held.get(f"{self.name}.{name}", array).copy() for name, array in fresh.items()}


def _bounds(part: CompiledProjection) -> tuple[float, float]:
    """Return the bounds that the rule of spikes sets, if there is one, of weights with their sign."""
    rule = (part.plasticity or Rules()).spikes
    if rule is None:
        return -np.inf, np.inf
    low, high = sorted(rule.sign(part.weight) * size for size in (rule.w_min, rule.w_max))
    return low, high


class Upkeep:
    """The interval rules and recorded weights of a run from `began` ms.

    learns : projections that learn in this run; the rules of others are carried on as they are
    """

    def __init__(
        self,
        compiled: CompiledSpiking,
        began: float,
        learns: Iterable[int],
        takes: Iterable[WeightTake],
        held: Mapping[str, Any],
        writer: Writer | None = None,
    ) -> None:
        self._compiled, self._takes, self._writer = compiled, list(takes), writer
        every = [
            _Duty(compiled, q, place, rule, began, held)
            for q, part in enumerate(compiled.projections)
            for place, rule in enumerate((part.plasticity or Rules()).slow)
        ]
        learns = set(learns)
        self._duties = [duty for duty in every if duty.q in learns]
        self._resting = [duty for duty in every if duty.q not in learns]
        self._samples: list[list[tuple[float, np.ndarray]]] = [[] for _ in self._takes]
        self._sampled = [take.first(began) for take in self._takes]
        self._source: dict[int, np.ndarray] = {}
        #: Changes of a weight by interval rules, by projection.
        self.updates = np.zeros(len(compiled.projections), dtype=np.int64)

    @property
    def heard(self) -> list[tuple[int, int]]:
        """Return (listener, population) for all whose spikes are counted."""
        return [(self._listener(k, side), p) for k, duty in enumerate(self._duties) if duty.rule.hears for side, p in enumerate(duty.sides)]

    def _listener(self, k: int, side: int) -> int:
        # Live sources listen under the numbers of their populations.
        return -1 - 2 * k - side

    @property
    def next(self) -> float:
        """When something is due, ms; infinity: never."""
        return min([*(duty.next for duty in self._duties), *self._sampled], default=np.inf)

    def due(self, now: float) -> bool:
        """Whether something is due at `now`, ms."""
        return self.next <= now * (1.0 + _ROUNDING)

    def attend(self, now: float, recorder: Recorder, access: Access) -> None:
        """Do what is due at `now`, ms. Spikes must have been recorded up to then."""
        for k, duty in enumerate(self._duties):
            if duty.next <= now * (1.0 + _ROUNDING):
                self._count(k, recorder)
                self._act(duty, now, access)
                for name in _SIDES:
                    duty.state[name][:] = 0.0
                duty.next = _after(now, duty.rule.interval)
        for k, take in enumerate(self._takes):
            if self._sampled[k] <= now * (1.0 + _ROUNDING):
                weights = access.now(take.projection)
                self._keep(k, self._sampled[k], weights if take.synapses is None else weights[take.synapses])
                self._sampled[k] = take.after(self._sampled[k])

    def begin_anew(self) -> None:
        """Put what rules know back to the start of a trial, but for what is slow. They have just acted: nothing has been counted since."""
        for duty in self._duties:
            for name, array in duty.start.items():
                if name not in duty.rule.slow:
                    duty.state[name][:] = array

    def _keep(self, k: int, time: float, weights: np.ndarray) -> None:
        if self._writer is None:
            self._samples[k].append((time, weights))
        else:
            name = self._compiled.projections[self._takes[k].projection].name
            self._writer.add_samples(name, "weight", np.array([time]), weights[None, :])

    def _count(self, k: int, recorder: Recorder) -> None:
        duty = self._duties[k]
        if duty.rule.hears:
            for side, (name, p) in enumerate(zip(_SIDES, duty.sides, strict=True)):
                _, neurons = recorder.hear(self._listener(k, side), p)
                duty.state[name] += np.bincount(neurons, minlength=duty.sizes[side])

    def _act(self, duty: _Duty, now: float, access: Access) -> None:
        part = self._compiled.projections[duty.q]
        if duty.q not in self._source:
            self._source[duty.q] = np.repeat(np.arange(len(part.row_ptr) - 1), part.fan_out)
        if isinstance(duty.rule, StructuralRule):
            self._move(duty, duty.rule, now, access)
            return
        weight = access.whole(duty.q)
        (n_pre, n_post), (pre, post) = duty.sizes, (duty.state[name] for name in _SIDES)
        with np.errstate(over="ignore", invalid="ignore"):
            duty.rule.act(Synapses(self._source[duty.q], part.target, weight, n_pre, n_post, pre, post, duty.state))
        bad = bound(weight, *duty.bounds)
        if bad >= 0:
            raise SimulationError(
                f"Projection({part.name}).plasticity: {type(duty.rule).__name__} made a weight of {weight[bad]} at {now:g} ms, for synapse "
                f"{bad}. Lower its learning rate, or set bounds."
            )
        access.put(duty.q, weight)
        self.updates[duty.q] += len(weight)

    def _move(self, duty: _Duty, rule: StructuralRule, now: float, access: Access) -> None:
        q, part, compiled = duty.q, self._compiled.projections[duty.q], self._compiled
        source, target, weight = self._source[q].copy(), part.target.astype(np.int64), access.whole(q).copy()
        (n_pre, n_post), (pre, post) = duty.sizes, (duty.state[name] for name in _SIDES)
        # What is drawn depends on the seed and the time, not on where a run was cut.
        seed = np.random.SeedSequence([compiled.seed, q, round(now / rule.interval)], spawn_key=(2,))
        synapses = Synapses(source, target, weight, n_pre, n_post, pre, post, duty.state)
        moved = rule.move(synapses, np.random.Generator(np.random.PCG64(seed)), recurrent=part.pre == part.post)
        if moved.any():
            self._compiled = access.move(q, source, target, weight, moved)
            del self._source[q]
        self.updates[q] += int(moved.sum())

    def saved(self, recorder: Recorder) -> dict[str, np.ndarray]:
        """Return what a continued run needs; spikes counted up to its end included."""
        for k in range(len(self._duties)):
            self._count(k, recorder)
        return {f"{duty.name}.{name}": array for duty in (*self._duties, *self._resting) for name, array in duty.state.items()}

    def recordings(self) -> dict[str, dict[str, Recording]]:
        """Return the recorded weights by projection."""
        out = {}
        for take, samples in zip(self._takes, self._samples, strict=True):
            part = self._compiled.projections[take.projection]
            values = np.array([values for _, values in samples]).reshape(len(samples), take.width(self._compiled))
            out[part.name] = {"weight": Recording(np.array([time for time, _ in samples]), values, neurons=take.synapses)}
        return out


def _after(now: float, interval: float) -> float:
    """Return the first multiple of `interval` after `now`, ms."""
    return float((np.floor(now / interval * (1.0 + _ROUNDING) + _ROUNDING) + 1.0) * interval)
