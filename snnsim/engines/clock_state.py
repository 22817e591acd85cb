"""The state of a clock run in one piece, whatever the number of threads that made it or will continue it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines import clock_mail, currents, learning
from snnsim.engines.rewire import moved_arrays, wired
from snnsim.engines.runs import to_order
from snnsim.engines.voltage import potential
from snnsim.kernels.deliver import list_dense
from snnsim.kernels.layout import DENSE
from snnsim.kernels.teach import finish


def saved(machine: Any, compiled: CompiledSpiking) -> dict[str, np.ndarray]:
    """Return the arrays a run has changed and its continuation needs.

    state : populations one after the other, float[rows, n] each
    mail.* : input that arrives later, as in clock_mail.py
    sent.* : step, population, neuron and number of the spikes still under way
    lesson.* : of plastic projections, see `learning.saved`
    current.* : noise drawn so far
    begun : step at which the last trial ended, from which epochs count; where something learns and a trial has ended
    """
    parts = machine.parts
    states = [states_of(machine, p).ravel() for p in _all(machine)]
    arrays = {
        "position": parts[0].position.copy(),
        "state": np.concatenate(states),
    }
    arrays |= {f"mail.{name}": column for name, column in clock_mail.saved(machine).items()}
    arrays |= {f"sent.{name}": column for name, column in _under_way(machine).items()}
    arrays |= learning.saved(machine.courses, machine.runs, compiled, machine.rest)
    begun = parts[0].lessons.table["begun"].max(initial=0)
    arrays |= {"begun": np.array([begun])} if begun else {}
    return arrays | currents.saved(compiled, [part.currents for part in parts])


def restore(machine: Any, compiled: CompiledSpiking, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the machine with copies of the saved arrays in it."""
    parts = machine.parts
    at = 0
    for p in _all(machine):
        rows, n = len(machine.forms[p].state) - machine.forms[p].helpers, int(machine.low[-1, p])
        whole = arrays["state"][at : at + rows * n].reshape(rows, n)
        at += rows * n
        for k in range(len(parts)):
            _state(machine, k, p)[:] = whole[:, machine.low[k, p] : machine.low[k + 1, p]]
    clock_mail.restore(machine, arrays)
    _send(machine, arrays)
    currents.restore(compiled, [part.currents for part in parts], arrays)
    for part in parts:
        part.position[0] = arrays["position"][0]
        part.lessons.table["begun"] = arrays["begun"][0] if "begun" in arrays else 0
    post = [part.post for part in compiled.projections]
    courses = [
        learning.restored(course, compiled, machine.runs[k], machine.low[k, post], machine.low[k + 1, post], arrays)
        for k, course in enumerate(machine.courses)
    ]
    for part, course in zip(parts, courses, strict=True):
        learning.begin_hearing(course, compiled, potential(compiled, part.cells), arrays)
    return machine._replace(courses=courses)


def weights_of(machine: Any, compiled: CompiledSpiking) -> dict[str, np.ndarray]:
    """Return the weights of plastic projections as of the steps taken, by name."""
    return {part.name: weight_of(machine, compiled, q) for q, part in enumerate(compiled.projections) if part.plasticity is not None}


def weight_of(machine: Any, compiled: CompiledSpiking, q: int) -> np.ndarray:
    """Return the weights of one plastic projection as of the steps taken, in order of source, target; looking changes nothing."""
    out = np.empty(len(compiled.projections[q].target))
    if q in machine.rest:
        out[:] = machine.rest[q]
        return out
    listed = np.empty((2, int(machine.low[-1].max())), dtype=np.int32)
    for part, course, runs in zip(machine.parts, machine.courses, machine.runs, strict=True):
        seen = course.looked_at(q)
        if seen.tables.table["rule"][q] >= 0:
            finish(int(part.position[0]), q, part.number, seen.tables, part.fabric.strand.copy(), part.sent, listed)
        to_order(runs[q], seen.lessons[q].weight, out)
    return out


class Reach:
    """How rules that act at intervals reach the weights; see `upkeep.Access`. rebuild : (machine, network, arrays) -> both anew"""

    def __init__(self, machine: Any, compiled: CompiledSpiking, rebuild: Any = None) -> None:
        self.machine, self.compiled, self._rebuild = machine, compiled, rebuild

    def whole(self, q: int) -> np.ndarray:
        """Return the weights as the last spikes to arrive left them; the machine's own where they lie in order."""
        machine, own = self.machine, self._own(q)
        out = np.empty(len(self.compiled.projections[q].target)) if own is None else own
        for part, course, runs in zip(machine.parts, machine.courses, machine.runs, strict=True):
            part.fabric.strand["updates"][q] += learning.whole(course, q, float(part.position[0]))
            if own is None:
                to_order(runs[q], course.lessons[q].weight, out)
        return out

    def _own(self, q: int) -> np.ndarray | None:
        """Return the array in which the machine keeps all weights in order of source, target, if there is one."""
        return self.machine.courses[0].lessons[q].weight if len(self.machine.parts) == 1 and self.machine.runs[0][q].place is None else None

    def put(self, q: int, weight: np.ndarray) -> None:
        """Set the weights."""
        if weight is self._own(q):
            return
        for course, runs in zip(self.machine.courses, self.machine.runs, strict=True):
            course.lessons[q].weight[:] = weight if runs[q].place is None else weight[runs[q].place]

    def now(self, q: int) -> np.ndarray:
        """Return the weights as of now."""
        return weight_of(self.machine, self.compiled, q)

    def move(self, q: int, *synapses: np.ndarray) -> CompiledSpiking:
        """Go on with synapses at other places. Returns the network."""
        arrays = moved_arrays(self.compiled, saved(self.machine, self.compiled), q, *synapses)
        self.machine, self.compiled = self._rebuild(self.machine, self.compiled, wired(self.compiled) | arrays)
        return self.compiled


def states_of(machine: Any, p: int) -> np.ndarray:
    """Return the state of population p, float[rows, n]."""
    return np.concatenate([_state(machine, k, p) for k in range(len(machine.parts))], axis=1)


def _all(machine: Any) -> range:
    return range(len(machine.forms))


def _state(machine: Any, k: int, p: int) -> np.ndarray:
    """Return a view of the state of population p on thread k, float[rows, n], without rows that only help its kernel."""
    cells = machine.parts[k].cells
    rows, n = int(cells.state_rows[p]), int(cells.size[p])
    first = int(cells.state_ptr[p])
    return cells.state[first : first + rows * n].reshape(rows, n)[: rows - machine.forms[p].helpers]


def _longest(machine: Any) -> int:
    """Return for how many steps a spike may still be asked for; the ring has room for two windows more."""
    return machine.parts[0].sent.answer.shape[1] - 2 * machine.window - 1


def _under_way(machine: Any) -> dict[str, np.ndarray]:
    """Return the spikes that have been made and not all delivered, in order of step, population, neuron."""
    sent, position = machine.parts[0].sent, int(machine.parts[0].position[0])
    threads, slots, populations = sent.answer.shape
    found: list[tuple[int, int, np.ndarray, np.ndarray]] = []
    listed = np.empty((2, int(machine.low[-1].max())), dtype=np.int32)
    for step in range(max(0, position - _longest(machine)), position):
        for p in range(populations):
            for k in range(threads):
                low, high = int(sent.low[k, p]), int(sent.low[k + 1, p])
                first, n = 2 * (int(sent.first[p]) + low), int(sent.answer[k, step % slots, p])
                neurons, times = sent.spikes[step % slots, first : first + 2 * (high - low)].reshape(2, high - low)
                if n == DENSE:
                    n = list_dense(times, listed)
                    neurons, times = listed
                if n:
                    found.append((step, p, neurons[:n] + low, times[:n].copy()))
    sizes = [len(neurons) for _, _, neurons, _ in found]
    return {
        "step": np.repeat(np.array([step for step, *_ in found], dtype=np.int64), sizes),
        "population": np.repeat(np.array([p for _, p, *_ in found], dtype=np.int64), sizes),
        "neuron": np.concatenate([np.empty(0, np.int32), *(neurons for _, _, neurons, _ in found)]),
        "times": np.concatenate([np.empty(0, np.int32), *(times for *_, times in found)]),
    }


def _send(machine: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Put the spikes under way back where the threads will look for them."""
    sent = machine.parts[0].sent
    # A run that learned has kept spikes for longer than one that does not: here they would fall into the slots of later steps.
    asked = arrays["sent.step"] >= int(arrays["position"][0]) - _longest(machine)
    step, population, neurons, many = (arrays[f"sent.{name}"][asked] for name in ("step", "population", "neuron", "times"))
    begins = np.flatnonzero(np.diff(step, prepend=-1) | np.diff(population, prepend=-1))
    for begin, end in pairwise([*begins.tolist(), len(step)]):
        p, slot = int(population[begin]), int(step[begin]) % sent.answer.shape[1]
        neuron, times = neurons[begin:end], many[begin:end]
        edges = np.searchsorted(neuron, sent.low[:, p])
        for k, (a, b) in enumerate(pairwise(edges.tolist())):
            low, high = int(sent.low[k, p]), int(sent.low[k + 1, p])
            first, n = 2 * (int(sent.first[p]) + low), b - a
            sent.spikes[slot, first : first + n] = neuron[a:b] - low
            sent.spikes[slot, first + high - low : first + high - low + n] = times[a:b]
            sent.answer[k, slot, p] = n
