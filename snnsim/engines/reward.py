"""Where the dopamine of a run comes from: populations, and functions that are asked while the network runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from snnsim.compiler.spiking import CompiledProjection, CompiledSpiking
from snnsim.engines.interrupts import Interrupts
from snnsim.engines.recording import Recorder
from snnsim.errors import CompileError
from snnsim.kernels.dopamine import release
from snnsim.models.spiking import whole_steps
from snnsim.plasticity.base import SynapseForm


def _rule(part: CompiledProjection) -> Any:
    return None if part.plasticity is None else part.plasticity.spikes


def check_events(compiled: CompiledSpiking) -> None:
    """Refuse the event engine for rules that need steps. Raises CompileError."""
    for name in clock_only(compiled):
        raise CompileError(f'{name}: the event engine has no steps. Use engine="clock".')


def clock_only(compiled: CompiledSpiking) -> list[str]:
    """Return the rules that need steps, with the reason."""
    rules = [_rule(part) for part in compiled.projections]
    return sorted({f"{type(rule).__name__}, {rule.clock_only}" for rule in rules if rule is not None and rule.clock_only})


def giver_of(compiled: CompiledSpiking, part: CompiledProjection) -> tuple[int, int]:
    """Return the population whose spikes release dopamine for a projection, -1 for none, and after how many steps they do."""
    rule = _rule(part)
    if rule is None or getattr(rule, "dopamine", None) is None:
        return -1, 1
    names = [population.name for population in compiled.populations]
    steps = whole_steps(
        f"Projection({part.name}).plasticity: {type(rule).__name__}.release_delay", rule.release_delay, compiled.dt, least=1
    )
    return names.index(rule.dopamine), int(steps[0])


def release_steps(compiled: CompiledSpiking, learns: Iterable[int]) -> list[int]:
    """Return the steps after which spikes release dopamine, of all projections that wait for it."""
    givers = [giver_of(compiled, compiled.projections[q]) for q in learns]
    return [steps for giver, steps in givers if giver >= 0]


def coefficients(form: SynapseForm | None, dt: float) -> np.ndarray:
    """Return those of kernels/dopamine.py."""
    if form is None or form.reward is None:
        return np.empty(0)
    reward = form.reward
    both = 1.0 / (1.0 / reward.tau_c + 1.0 / reward.tau_d)
    return np.array([np.exp(-dt / reward.tau_d), dt / reward.tau_c, -both * np.expm1(-dt / both), reward.release])


class Asked(NamedTuple):
    """One function, and the projections that share what it gives."""

    rule: Any
    projections: list[int]
    every: int  # steps


def asked(compiled: CompiledSpiking, learns: Iterable[int]) -> list[Asked]:
    """Return the functions that a run asks for rewards."""
    found: list[Asked] = []
    for q in sorted(learns):
        rule = _rule(compiled.projections[q])
        if getattr(rule, "reward", None) is None:
            continue
        key = (rule.reward, rule.interval, rule.hears)
        known = next((one for one in found if (one.rule.reward, one.rule.interval, one.rule.hears) == key), None)
        if known is not None:
            known.projections.append(q)
        else:
            owner = f"Projection({compiled.projections[q].name}).plasticity: {type(rule).__name__}.interval"
            found.append(Asked(rule, [q], int(whole_steps(owner, rule.interval, compiled.dt, least=1)[0])))
    return found


def listeners(compiled: CompiledSpiking, learns: Iterable[int]) -> list[tuple[int, int]]:
    """Return (listener, population) for all that functions want to hear; listeners are numbered after the populations."""
    names = [population.name for population in compiled.populations]
    return [(_listener(compiled, one), names.index(heard)) for one in asked(compiled, learns) for heard in one.rule.hears]


def _listener(compiled: CompiledSpiking, one: Asked) -> int:
    return len(compiled.populations) + one.projections[0]


class Rewards:
    """Asks the functions of a run from step `first` to `end`, at multiples of their intervals."""

    def __init__(self, compiled: CompiledSpiking, learns: Iterable[int], first: int, end: int, recorder: Recorder) -> None:
        self._compiled, self._end, self._recorder = compiled, end, recorder
        self._asked = asked(compiled, learns)
        self._due = [-(-first // one.every) * one.every for one in self._asked]

    @property
    def next(self) -> int:
        """The step at which a function is asked next, at most the end."""
        return min(self._due, default=self._end)

    def pour(self, now: int, interrupts: Interrupts, tables: list[Any]) -> None:
        """Release what is given at step `now` into the tables of all threads. What is heard must have been recorded up to then."""
        # All are asked before the first amount is released: Ctrl-C in one of them leaves the state of the step as it was.
        given = [(one, self._ask(one, now, interrupts)) for one, due in zip(self._asked, self._due, strict=True) if due == now]
        for one, amount in given:
            for q in one.projections:
                for table in tables:
                    release(table, q, amount)
            self._due[self._asked.index(one)] = now + one.every

    def _ask(self, one: Asked, now: int, interrupts: Interrupts) -> float:
        dt, names = self._compiled.dt, [population.name for population in self._compiled.populations]
        listener = _listener(self._compiled, one)
        heard = {name: self._recorder.hear(listener, names.index(name)) for name in one.rule.hears}
        window = now * dt, (now + one.every) * dt
        owner = f"{type(one.rule).__name__}.reward of projection {self._compiled.projections[one.projections[0]].name!r}"
        try:
            with interrupts.heard():
                given = one.rule.reward(*window, heard) if heard else one.rule.reward(*window)
        except Exception as error:
            error.add_note(f"in {owner}, asked for the reward at {window[0]:g} ms")
            raise
        return float(one.rule.amount(owner, given))
