"""The clock-driven time loop: every population takes every step. One call runs one thread's part of the network.

Threads own ranges of targets. A thread updates its neurons through a window no longer than the shortest delay, in which no
spike of the window can arrive, then meets the others; a spike is read where it was written, at the step of its arrival.
Every input is added in the order of spike time, population, projection, source, whoever adds it: bits do not depend on the
number of threads, nor on where windows begin.
Source: Morrison, Mehring, Geisel, Aertsen & Diesmann (2005), Neural Comput. 17:1776, for the window of the shortest delay.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf, leaf_apart, leaf_part
from snnsim.kernels.call import step_at
from snnsim.kernels.current import change_currents
from snnsim.kernels.deliver import count_operations, deliver, list_all, list_dense, post_synapses
from snnsim.kernels.layout import DENSE, LEARNED, ONE_TO_ONE
from snnsim.kernels.lessons import any_full
from snnsim.kernels.mail import open_mail
from snnsim.kernels.marks import count_marks
from snnsim.kernels.record import is_due, note, write_sample
from snnsim.kernels.teach import teach
from snnsim.kernels.threads import meet
from snnsim.kernels.timed import read_timed
from snnsim.kernels.voltage import listen


@leaf_apart
def arrive(step, p, part, fabric, lessons, sent, n_post, scratch, planes, lands, inputs):
    """Deliver what reaches population p in this step, but what was in the mail."""
    for at in range(fabric.into_ptr[p], fabric.into_ptr[p + 1]):
        q = fabric.into[at]
        if lessons is not None:  # noqa: SIM102  (numba drops code behind a test for None that stands alone)
            if fabric.strand[q].kind == LEARNED:
                teach(step, step, q, part, lessons, fabric.strand, sent, scratch.listed, scratch.marks, lands, inputs)
                continue
        made = step - fabric.strand[q].delay
        if made < 0:
            continue
        slot, some = made % sent.answer.shape[1], False
        for thread in range(sent.answer.shape[0]):
            some |= sent.answer[thread, slot, fabric.strand[q].pre] != 0
        if some:
            deliver(fabric.strand, q, part, slot, sent, n_post, scratch, planes, lands, inputs)


@leaf_part
def advance(step, p, part, kernels, cells, fabric, lessons, sent, scratch, planes, mailed, out):
    """Take one step of population p with the input that arrives in it. Returns the answer of its kernel.

    mailed : float[width]   inputs of the populations that get mail
    """
    n, rows, channels = cells.size[p], cells.state_rows[p], cells.channels[p]
    state = cells.state[cells.state_ptr[p] : cells.state_ptr[p + 1]]
    coef = cells.coef[cells.coef_ptr[p] : cells.coef_ptr[p + 1]]
    lands, first = scratch.lands[p], cells.input_first[p]
    inputs = (mailed if scratch.mailed[p] else scratch.inputs)[first : first + channels * n]
    fed = channels > 0 and (scratch.mailed[p] or fabric.into_ptr[p + 1] > fabric.into_ptr[p])
    width, n_spiking = 0 if lands else n, 0
    receiver = state if lands else inputs
    # Input is read by the step, or added to the state after it. In two turns, so that either is compiled once.
    for turn in range(2):
        if (turn == 1) == lands:
            if fed:
                arrive(step, p, part, fabric, lessons, sent, n, scratch, planes, lands, receiver)
        else:
            n_spiking = step_at(kernels[cells.kind[p]], cells.state.reshape((1, cells.state.size)))(
                step,
                state.reshape((rows, state.size // max(rows, 1))),
                coef.reshape((cells.coef_rows[p], coef.size // cells.coef_rows[p])),
                inputs[: channels * width].reshape((channels, width)),
                cells.key[p],
                out,
                cells.tally[p],
            )
    if lands:
        count_marks(scratch.marks, cells.first[p], n, cells.tally[p])
    elif fed:
        inputs[:] = 0.0
    return n_spiking


@leaf_part
def keep(step, p, cells, fabric, out, n_spiking, listed, log):
    """Count the spikes of a population and record them."""
    sources, times = out[0, :n_spiking], out[1, :n_spiking]
    if n_spiking == DENSE:
        times = out[1]
        total = 0
        for i in range(times.size):
            total += times[i]
        cells.tally[p, 2] += total
        single = True
        for at in range(fabric.out_ptr[p], fabric.out_ptr[p + 1]):
            if fabric.strand[fabric.out[at]].kind == ONE_TO_ONE:
                fabric.strand[fabric.out[at]].synops += total
            else:
                single = False
        if single and not log.wanted[p]:
            return
        n = list_dense(times, listed)
        sources, times = listed[0, :n], listed[1, :n]
        count_operations(fabric, p, cells.low[p], sources, times, True)
    else:
        for k in range(n_spiking):
            cells.tally[p, 2] += times[k]
        count_operations(fabric, p, cells.low[p], sources, times, False)
    if log.wanted[p]:
        for k in range(sources.size):
            note(log, step + 1.0, p, cells.low[p] + sources[k], times[k])


@leaf_part
def write_ahead(step, p, cells, fabric, sent, scratch, mail):
    """Post the spikes that population p made in `step`, on any thread, to the targets of this one."""
    slot, slots = step % sent.answer.shape[1], mail.first.size
    n = list_all(sent, slot, p, scratch.listed)
    sources, times = scratch.listed[0, :n], scratch.listed[1, :n]
    if n == 0:
        return
    for at in range(fabric.ahead_ptr[p], fabric.ahead_ptr[p + 1]):
        q = fabric.ahead[at]
        s = fabric.strand[q]
        first = np.uint64(cells.input_first[s.post])
        for k in range(s.delays_end - s.delays_first):
            scratch.slots[k] = (step + fabric.delays[s.delays_first + k]) & (slots - 1)
        post_synapses(fabric.strand, q, sources, times, scratch.slots, first, mail)


@leaf_part
def _crowded(log, room, lessons):
    """Whether a window's spikes may not fit any more, into the log or into the histories."""
    full = log.time.size - log.size[0] < room
    if lessons is not None:
        full = full or any_full(lessons)
    return full


@leaf
def run_clock(
    end, window, part, position, kernels, cells, fabric, lessons, sent, scratch, planes, mail, timed, gate, currents, log, samples
):
    """Step from position[0] to `end`, or stop early, all threads at one step, when a buffer needs Python's attention.

    window : int                      steps between meetings, at most the shortest delay
    part : int                        which thread this is
    position : int64[1]               steps taken; modified in place after each window
    kernels : int64[kinds]            addresses of CLOCK_STEP kernels, one per kind of population
    lessons, planes, mail, timed, currents : or None: what a network does not need is not even compiled
    """
    n_threads, n_slots, n_populations = sent.answer.shape
    room = window * cells.first[-1]
    parity = 0
    gate.stop[parity, part] = _crowded(log, room, lessons)
    meet(gate.counter, n_threads, gate.pause)
    while position[0] < end:
        for thread in range(n_threads):
            if gate.stop[parity, thread]:
                return
        parity = 1 - parity
        begin, stop = position[0], min(end, position[0] + window)
        for step in range(begin, stop):
            slot, mailed = step % n_slots, scratch.inputs
            if mail is not None:
                box = step & (mail.first.size - 1)
                if open_mail(mail, box, scratch.inputs):
                    mailed = mail.ring[box]
            if timed is not None:
                read_timed(step, timed, sent, scratch.listed, mailed)
            for place in range(n_populations):
                p = sent.order[place]
                n, at = cells.size[p], 2 * (sent.first[p] + cells.low[p])
                out = sent.spikes[slot, at : at + 2 * n].reshape((2, n))
                if currents is not None:  # noqa: SIM102
                    if n > 0 and step >= currents.next[p]:
                        change_currents(step, p, cells, currents)
                n_spiking = advance(step, p, part, kernels, cells, fabric, lessons, sent, scratch, planes, mailed, out) if n > 0 else 0
                sent.answer[part, slot, p] = n_spiking
                if lessons is not None:  # noqa: SIM102
                    if n > 0:
                        listen(p, cells, lessons, fabric.strand, out, n_spiking)
                if n_spiking != 0:
                    keep(step, p, cells, fabric, out, n_spiking, scratch.listed, log)
                if sent.together[place]:
                    meet(gate.counter, n_threads, gate.pause)
            for k in range(samples.population.size):
                if is_due(samples, k, step + 1):
                    p = samples.population[k]
                    first = cells.state_ptr[p] + samples.row[k] * cells.size[p]
                    write_sample(samples, k, cells.state[first : first + cells.size[p]])
        gate.stop[parity, part] = _crowded(log, room, lessons)
        meet(gate.counter, n_threads, gate.pause)
        if mail is not None:
            for step in range(begin, stop):
                for p in range(n_populations):
                    if fabric.ahead_ptr[p + 1] > fabric.ahead_ptr[p]:
                        write_ahead(step, p, cells, fabric, sent, scratch, mail)
        position[0] = stop
