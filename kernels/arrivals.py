"""Spikes that arrive at one instant: held back while alone, added up in the inputs once they are several.

A population that one run of synapses alone reaches can be settled without a list of touched neurons (`frozen.strike`);
whether a second run arrives at the same time is known when all events of the instant are gathered, or when every population
that reaches this one without delay is settled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf_apart, leaf_part
from snnsim.kernels.call import learn_at
from snnsim.kernels.prefetch import prefetch
from snnsim.kernels.queue import next_in, push, take
from snnsim.kernels.release import released

_AHEAD, _LINE = 6, 16  # cache lines, and targets in one


class Plan(NamedTuple):
    """What the event loop knows beforehand."""

    order: np.ndarray  # int64[P]  populations, each after those that reach it without delay
    frozen: np.ndarray  # bool[P]  the model is kept frozen: see kernels/frozen.py
    fade: np.ndarray  # float64[P]  1/ms, of frozen populations
    distinct: np.ndarray  # bool[Q]  no run of the projection has two synapses to one target
    watched: np.ndarray  # int64[3, k]  not frozen: where the due times begin in `clocks`, neurons, number of neuron 0
    run_first: np.ndarray  # int64[Q]  run of source 0 where every source has one run, else far below 0
    reserve: np.ndarray  # int64[1]  places of the queue that one instant may take


class Agenda(NamedTuple):
    """What the event loop keeps beside the queue."""

    clocks: np.ndarray  # float64[3 * N]  last, ready, due of each population, as matrices
    inputs: np.ndarray  # float64[width]  zero between instants
    marked: np.ndarray  # bool[N]  false between instants
    touched: np.ndarray  # int32[N]  scratch
    n_touched: np.ndarray  # int64[P]  zero between instants
    held: np.ndarray  # int64[P, 2]  projection and run that wait to be delivered, if `n_held` is 1
    origin: np.ndarray  # float64[P]  when the held spike was made
    n_held: np.ndarray  # int64[P]  zero between instants; 2: several have come and are in the inputs
    fired: np.ndarray  # int32[max(size)]  scratch
    look: np.ndarray  # float64[...]  scratch for peeks
    now: np.ndarray  # float64[3]  time of the last instant; instants counted for the storm guard, and since when
    spikes: np.ndarray  # uint8[N]  spikes since `since`, for the storm guard
    since: np.ndarray  # float64[N]  ms
    storm: np.ndarray  # float64[3]  population, neuron and the ms its last spikes took; population -1: none
    sampled: np.ndarray  # int64[1]  grid samples taken


@leaf_part
def touch(cells, agenda, population, index):
    """Put a neuron on the list of this instant, once."""
    cell = cells.first[population] + index
    if not agenda.marked[cell]:
        agenda.marked[cell] = True
        agenda.touched[cells.first[population] + agenda.n_touched[population]] = index
        agenda.n_touched[population] += 1


@leaf_part
def open_run(wiring, lessons, q, run, origin):
    """Let the weights of one run learn from a spike made at `origin`, and count its synaptic operations.

    Returns where its synapses begin and end, where their weights begin, and how much of them is released.
    """
    factor = 1.0
    if lessons is not None:
        table, own = lessons.table, run - wiring.run_first[q]
        if table[q].rule >= 0:
            wiring.tally[q, 1] += learn_at(lessons.learn[table[q].rule])(table, q, own, origin, 1)
        if table[q].release != 0:
            factor = released(table, q, own, origin, 1)
    first, last = wiring.run_ptr[run], wiring.run_ptr[run + 1]
    wiring.tally[q, 0] += last - first
    return first, last, wiring.weight_first[q] + wiring.weight_stride[q] * (first - wiring.syn_first[q]), factor


@leaf_part
def arrive(cells, wiring, lessons, agenda, q, run, origin):
    """Add one run of synapses of a spike made at `origin` to the inputs, and list its targets."""
    first, last, at, factor = open_run(wiring, lessons, q, run, origin)
    post = wiring.post[q]
    # Arrays as locals: a call per synapse would count references for every array of the tables.
    target, weight, inputs, marked, touched = wiring.target, wiring.weight, agenda.inputs, agenda.marked, agenda.touched
    stride, column, split, cell = wiring.weight_stride[q], wiring.column[q], wiring.split[q], cells.first[post]
    n_touched = agenda.n_touched[post]
    for syn in range(first, last):
        w, i = weight[at] * factor, np.int64(target[syn])
        at += stride
        inputs[column + (split if w < 0.0 else 0) + i] += w
        if not marked[cell + i]:
            marked[cell + i] = True
            touched[cell + n_touched] = i
            n_touched += 1
    agenda.n_touched[post] = n_touched


@leaf_apart
def deliver(cells, wiring, lessons, agenda, q, run, origin):
    """Deliver one run of synapses, and before it the one that is held for the same population. Rare, hence not in place."""
    post = wiring.post[q]
    first, agenda.n_held[post] = agenda.n_held[post] - 1, 2
    for k in range(first, 2):
        of, its, made = (agenda.held[post, 0], agenda.held[post, 1], agenda.origin[post]) if k == 0 else (q, run, origin)
        arrive(cells, wiring, lessons, agenda, of, its, made)


@leaf_part
def receive(now, cells, wiring, lessons, agenda, queue, lines):
    """Take every spike that arrives at `now` from the queue, and queue its next run.

    The first run that reaches a population is held; with the second all are added to the inputs, as they come.
    """
    while queue.size[0] > 0 and queue.time[0] == now:
        q, run, origin = take(queue, lines)
        if lines.room[q] > 0:
            ahead = next_in(lines, q)
            if ahead >= 0:
                # The first targets; the processor foresees the rest.
                at = wiring.run_ptr[ahead]
                for line in range(_AHEAD):
                    prefetch(wiring.target, at + line * _LINE)
        elif not wiring.run_final[run]:
            push(queue, origin + wiring.delay[run + 1], q, run + 1, origin)
        post = wiring.post[q]
        if agenda.n_held[post] == 0:
            agenda.held[post, 0], agenda.held[post, 1], agenda.origin[post], agenda.n_held[post] = q, run, origin, 1
        else:
            deliver(cells, wiring, lessons, agenda, q, run, origin)
