"""The state of a clock run in one piece, whatever the number of threads that made it or will continue it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines import clock_mail, currents, tables
from snnsim.engines.runs import to_order
from snnsim.kernels.deliver import list_dense
from snnsim.kernels.layout import DENSE

_BY_SOURCE = ("x_pre", "t_pre", "seen")
_BY_TARGET = ("time", "x_post", "written", "low")


def saved(machine: Any, compiled: CompiledSpiking) -> dict[str, np.ndarray]:
    """Return the arrays a run has changed and its continuation needs.

    state : populations one after the other, float[rows, n] each
    mail.* : input that arrives later, as in clock_mail.py
    sent.* : step, population, neuron and number of the spikes still under way
    weight, learning.* : of plastic projections; weights in order of source, target
    current.* : noise drawn so far
    """
    parts = machine.parts
    states = [states_of(machine, p).ravel() for p in _all(machine)]
    arrays = {
        "position": parts[0].position.copy(),
        "state": np.concatenate(states),
        "weight": np.concatenate([np.empty(0), *(_weights(machine, q) for q in _plastic(machine))]),
    }
    arrays |= {f"mail.{name}": column for name, column in clock_mail.saved(machine).items()}
    arrays |= {f"sent.{name}": column for name, column in _under_way(machine).items()}
    # How deep the histories became depends on when they were emptied, and that on the number of threads.
    depth = max(tables.least_depth(part.learning) for part in parts)
    learnings = [tables.with_depth(part.learning, depth) for part in parts]
    arrays |= {f"learning.{name}": getattr(learnings[0], name) for name in _BY_SOURCE}
    for name in _BY_TARGET:
        pieces = [
            getattr(learning, name)[_rows(part, q)] for q in _plastic(machine) for part, learning in zip(parts, learnings, strict=True)
        ]
        arrays[f"learning.{name}"] = np.concatenate(pieces) if pieces else getattr(learnings[0], name)
    return arrays | currents.saved(compiled, [part.currents for part in parts])


def restore(machine: Any, compiled: CompiledSpiking, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the machine with copies of the saved arrays in it."""
    parts = machine.parts
    at = first_weight = 0
    for p in _all(machine):
        rows, n = len(machine.forms[p].state) - machine.forms[p].helpers, int(machine.low[-1, p])
        whole = arrays["state"][at : at + rows * n].reshape(rows, n)
        at += rows * n
        for k in range(len(parts)):
            _state(machine, k, p)[:] = whole[:, machine.low[k, p] : machine.low[k + 1, p]]
    clock_mail.restore(machine, arrays)
    _send(machine, arrays)
    currents.restore(compiled, [part.currents for part in parts], arrays)
    depth = arrays["learning.time"].shape[1]
    renewed = []
    for part in parts:
        part.position[0] = arrays["position"][0]
        changed = {name: arrays[f"learning.{name}"].copy() for name in _BY_SOURCE}
        fresh = part.learning._replace(
            time=np.zeros((len(part.learning.written), depth)), x_post=np.zeros((len(part.learning.written), depth))
        )
        changed |= {name: getattr(fresh, name) for name in _BY_TARGET}
        renewed.append(part._replace(learning=fresh._replace(**changed)))
    row = 0
    for q in _plastic(machine):
        n_synapses = len(compiled.projections[q].target)
        stored = arrays["weight"][first_weight : first_weight + n_synapses]
        first_weight += n_synapses
        for k, part in enumerate(renewed):
            runs = machine.runs[k][q]
            begin = int(part.wiring.weight_first[q])
            part.wiring.weight[begin : begin + len(runs.target)] = stored if runs.place is None else stored[runs.place]
            rows = _rows(part, q)
            for name in _BY_TARGET:
                getattr(part.learning, name)[rows] = arrays[f"learning.{name}"][row : row + rows.stop - rows.start]
            row += rows.stop - rows.start
    for part in renewed:
        part.learning.full[0] = tables.crowded(part.learning, machine.window)
    return machine._replace(parts=renewed)


def states_of(machine: Any, p: int) -> np.ndarray:
    """Return the state of population p, float[rows, n]."""
    return np.concatenate([_state(machine, k, p) for k in range(len(machine.parts))], axis=1)


def _all(machine: Any) -> range:
    return range(len(machine.forms))


def _plastic(machine: Any) -> np.ndarray:
    return np.flatnonzero(machine.parts[0].learning.rule >= 0)


def _rows(part: Any, q: int) -> slice:
    """Return the rows of the spike histories that hold the targets of projection q."""
    first = int(part.learning.row_first[q])
    return slice(first, first + int(part.cells.size[part.wiring.post[q]]))


def _state(machine: Any, k: int, p: int) -> np.ndarray:
    """Return a view of the state of population p on thread k, float[rows, n], without rows that only help its kernel."""
    cells = machine.parts[k].cells
    rows, n = int(cells.state_rows[p]), int(cells.size[p])
    first = int(cells.state_ptr[p])
    return cells.state[first : first + rows * n].reshape(rows, n)[: rows - machine.forms[p].helpers]


def _weights(machine: Any, q: int) -> np.ndarray:
    out = np.empty(sum(len(runs[q].target) for runs in machine.runs))
    for part, runs in zip(machine.parts, machine.runs, strict=True):
        first = int(part.wiring.weight_first[q])
        to_order(runs[q], part.wiring.weight[first : first + len(runs[q].target)], out)
    return out


def _under_way(machine: Any) -> dict[str, np.ndarray]:
    """Return the spikes that have been made and not all delivered, in order of step, population, neuron."""
    sent, position = machine.parts[0].sent, int(machine.parts[0].position[0])
    threads, slots, populations = sent.answer.shape
    longest = slots - 2 * machine.window - 1
    found: list[tuple[int, int, np.ndarray, np.ndarray]] = []
    listed = np.empty((2, int(machine.low[-1].max())), dtype=np.int32)
    for step in range(max(0, position - longest), position):
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
    step, population = arrays["sent.step"], arrays["sent.population"]
    begins = np.flatnonzero(np.diff(step, prepend=-1) | np.diff(population, prepend=-1))
    for begin, end in pairwise([*begins.tolist(), len(step)]):
        p, slot = int(population[begin]), int(step[begin]) % sent.answer.shape[1]
        neuron, times = arrays["sent.neuron"][begin:end], arrays["sent.times"][begin:end]
        edges = np.searchsorted(neuron, sent.low[:, p])
        for k, (a, b) in enumerate(pairwise(edges.tolist())):
            low, high = int(sent.low[k, p]), int(sent.low[k + 1, p])
            first, n = 2 * (int(sent.first[p]) + low), b - a
            sent.spikes[slot, first : first + n] = neuron[a:b] - low
            sent.spikes[slot, first + high - low : first + high - low + n] = times[a:b]
            sent.answer[k, slot, p] = n
