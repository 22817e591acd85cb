"""The end of a trial: how a network on the clock returns to its start within a run. Why so: docs/decisions/trials.md."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines import clock_mail, learning
from snnsim.engines.limits import check_states
from snnsim.engines.voltage import potential
from snnsim.kernels.teach import finish
from snnsim.trials import Trials


class TrialEnds:
    """The ends of trials in a run from step `first`; without trials there are none."""

    def __init__(self, compiled: CompiledSpiking, trials: Trials | None, first: int) -> None:
        self._every = 0 if trials is None else round(trials.length / compiled.dt)
        self._kept = [] if trials is None else _kept(compiled, trials)
        #: The step with which the trial ends; infinity: none does.
        self.next = (first // self._every + 1) * self._every if self._every else np.inf

    def attend(self, machine: Any, compiled: CompiledSpiking) -> bool:
        """Return the network to its start if a trial ends now, in place. Rules that act at intervals have acted. Returns whether it did."""
        now = int(machine.parts[0].position[0])
        if now < self.next:
            return False
        self.next = now + self._every
        for p in range(len(compiled.populations)):
            for part in machine.parts:
                cells = part.cells
                state = cells.state[cells.state_ptr[p] : cells.state_ptr[p + 1]]
                check_states(compiled, p, state.reshape(int(cells.state_rows[p]), int(cells.size[p])), now * compiled.dt)
        _finish(machine, compiled, now)
        # Spikes of all threads lie here: whoever asks for one that is under way finds none.
        machine.parts[0].sent.answer[:] = 0
        clock_mail.clear(machine)
        for k, part in enumerate(machine.parts):
            for p, rows in enumerate(self._kept):
                _restart(part.cells, machine.forms[p], p, rows, int(machine.low[k, p]), int(machine.low[k + 1, p]))
            learning.begin_anew(machine.courses[k], compiled, now)
            learning.begin_hearing(machine.courses[k], compiled, potential(compiled, part.cells), {})
        return True


def _kept(compiled: CompiledSpiking, trials: Trials) -> list[list[int] | None]:
    """Return the rows of the states of each population that stay; None: all, for sources are the world outside."""
    kept: list[list[int] | None] = []
    for population, model in zip(compiled.populations, compiled.models, strict=True):
        names = (trials.keep or {}).get(population.name, model.slow)
        kept.append(None if model.is_source else sorted(model.states.index(name) for name in names))
    return kept


def _restart(cells: Any, form: Any, p: int, rows: list[int] | None, low: int, high: int) -> None:
    if rows is None:
        return
    state = cells.state[cells.state_ptr[p] : cells.state_ptr[p + 1]].reshape(int(cells.state_rows[p]), high - low)
    held = state[rows].copy()
    state[:] = form.part(low, high)[0]
    state[rows] = held


def _finish(machine: Any, compiled: CompiledSpiking, now: int) -> None:
    """Bring all weights to those of now, as a look at a copy would; the traces, which this changes, are about to go."""
    listed = np.empty((2, int(machine.low[-1].max())), dtype=np.int32)
    for part, course in zip(machine.parts, machine.courses, strict=True):
        part.fabric.strand["updates"] += learning.settled(course, compiled, float(now))
        for q in course.tables.into.tolist():
            finish(now, q, part.number, course.tables, part.fabric.strand.copy(), part.sent, listed)
