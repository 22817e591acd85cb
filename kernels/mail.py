"""Input that arrives later than other input of its spike: noted by step of arrival, and added when that step comes.

A ring with a place per neuron and step would be met at random, and for a large network lies in main memory: most of the
time would be spent waiting for it. Here a synaptic operation appends (column, amount) to the list of its step, which is
written and read in order. Lists are chains of short blocks from one pool; the block freed last is taken first, so that the
same few stay in the cache. When the pool is empty, a list is added into its row of the ring before its time; its sums are
rounded in the same order then, so nothing depends on when that happens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline

#: Operations in a block. A multiple of what a cache line holds, a power of 2.
BLOCK = 1024
_NONE = -1


class Mail(NamedTuple):
    """Lists and ring have a row per step of arrival, at step & (n_slots - 1)."""

    column: np.ndarray  # uint32[n_blocks * BLOCK]
    amount: np.ndarray  # float[n_blocks * BLOCK]
    after: np.ndarray  # int64[n_blocks]  next block of the same list
    free: np.ndarray  # int64[n_blocks]  a stack
    n_free: np.ndarray  # int64[1]
    first: np.ndarray  # int64[n_slots]  first block of each list, or -1
    end: np.ndarray  # int64[n_slots]  where the next operation goes; a multiple of BLOCK: into a new block
    ring: np.ndarray  # float[n_slots, width]  columns as those of the inputs; zero where nothing was added
    used: np.ndarray  # bool[n_slots]  the row of the ring holds something


def empty_mail(n_slots: int, n_blocks: int, width: int, number: type) -> Mail:
    """Return empty lists. Pages that nobody has written to take no memory."""
    return Mail(
        column=np.empty(n_blocks * BLOCK, dtype=np.uint32),
        amount=np.empty(n_blocks * BLOCK, dtype=number),
        after=np.empty(n_blocks, dtype=np.int64),
        free=np.arange(n_blocks)[::-1].copy(),
        n_free=np.array([n_blocks]),
        first=np.full(n_slots, _NONE),
        end=np.zeros(n_slots, dtype=np.int64),
        ring=np.zeros((n_slots, width), dtype=number),
        used=np.zeros(n_slots, dtype=bool),
    )


@leaf
def _add(column, amount, row):
    for k in range(column.size):
        row[column[k]] += amount[k]


@leaf
def _empty(mail, slot, row):
    """Add the list of a step into `row`, in order, and give its blocks back."""
    block, end = mail.first[slot], mail.end[slot]
    last = (end - 1) // BLOCK
    while block != _NONE:
        begin = block * BLOCK
        stop = end if block == last else begin + BLOCK
        _add(mail.column[begin:stop], mail.amount[begin:stop], row)
        mail.free[mail.n_free[0]] = block
        mail.n_free[0] += 1
        block = _NONE if block == last else mail.after[block]
    mail.first[slot], mail.end[slot] = _NONE, 0


@leaf
def spill(mail, slot):
    """Add the list of a step into its row of the ring."""
    if mail.first[slot] != _NONE:
        _empty(mail, slot, mail.ring[slot])
        mail.used[slot] = True


@leaf
def _extend(mail, slot):
    """Give the list of a step a new block. Returns where it begins."""
    if mail.n_free[0] == 0:
        for other in range(mail.first.size):
            spill(mail, other)
    mail.n_free[0] -= 1
    block = mail.free[mail.n_free[0]]
    if mail.first[slot] == _NONE:
        mail.first[slot] = block
    else:
        mail.after[(mail.end[slot] - 1) // BLOCK] = block
    return block * BLOCK


@leaf
def clear(mail):
    """Throw away all that arrives later."""
    mail.n_free[0] = mail.free.size
    for block in range(mail.free.size):
        mail.free[block] = mail.free.size - 1 - block
    for slot in range(mail.first.size):
        mail.first[slot], mail.end[slot] = _NONE, 0
        if mail.used[slot]:
            mail.ring[slot, :] = 0.0
            mail.used[slot] = False


@leaf_inline
def post(mail, slot, column, amount):
    """Append one amount to the list of a step."""
    at = mail.end[slot]
    if at & (BLOCK - 1) == 0:
        at = _extend(mail, slot)
    mail.column[at], mail.amount[at] = column, amount
    mail.end[slot] = at + 1


@leaf_inline
def open_mail(mail, slot, inputs):
    """Add what arrives in this step into `inputs`, which are zero, or into its row of the ring. Returns whether it is the ring."""
    if mail.used[slot]:
        spill(mail, slot)
        mail.used[slot] = False
        return True
    if mail.first[slot] != _NONE:
        _empty(mail, slot, inputs)
    return False
