"""What a plastic projection is to the kernels: one row of a table, whose arrays are borrowed by address.

A rule is written for one synapse. Its kernel is compiled around one of two loops, which own connectivity, traces and bounds:
`banked.py` for rules that add x_pre times a function of the postsynaptic neuron, `replayed.py` for all others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, types

from snnsim.kernels._jit import leaf, leaf_inline
from snnsim.kernels.memory import ANY, borrow

#: Coefficients of a rule; the first two are the bounds.
N_COEF = 12

#: One plastic projection, as one thread sees it. Targets count from the first of this thread. A run is what a source has at one
#: delay; delays are numbered by class. Times in steps (clock) or ms (event). Two traces on either side: 0 and 1 presynaptic.
LESSON = np.dtype(
    [
        ("rule", np.int64),  # which kernels of `Lessons`; -1: does not learn
        ("banked", np.int64),  # 1: kernels/banked.py
        ("axonal", np.int64),  # 1: the delay lies before the synapse, 0: behind it
        ("sign", np.float64),  # 1.0 or -1.0: a rule sees weights without it
        ("coef", np.int64),  # address of float64[N_COEF]
        ("rate", np.int64),  # address of float64[4], 1 / tau of the traces
        ("pre_nearest", np.int64),  # 1: a trace is set to 1 at a spike, 0: 1 is added
        ("post_nearest", np.int64),
        ("n_runs", np.int64),
        ("row_ptr", np.int64),  # address of int64[n_pre + 1], source -> runs
        ("run_ptr", np.int64),  # address of int64[n_runs + 1], run -> synapses
        ("which", np.int64),  # address of int64[n_runs], class of the delay
        ("delay", np.int64),  # address of float64[n_runs]
        ("target", np.int64),  # address of uint16 or uint32[n_synapses]
        ("wide", np.int64),  # 1: targets are uint32
        ("consecutive", np.int64),  # 1: the targets of every run follow each other without a gap: no list is read
        ("weight", np.int64),  # address of float64[n_synapses]; when banked, less what is in the bank
        ("own", np.int64),  # address of float64[n_synapses], a variable of the rule
        ("out", np.int64),  # address of float64[longest run], the weights a spike meets
        ("x", np.int64),  # address of float64[n_runs, 2], traces just after the last presynaptic spike
        ("t_pre", np.int64),  # address of float64[n_runs], its time
        ("seen", np.int64),  # address of float64[n_runs], up to when postsynaptic spikes are applied
        ("history", np.int64),  # address of float64[n_post, depth + 1, width], newest first: time, traces just before
        ("held", np.int64),  # address of int64[n_post], entries that may still be needed
        ("depth", np.int64),
        ("width", np.int64),  # 1 + postsynaptic traces
        ("full", np.int64),  # 1: some history has room for less than AHEAD spikes
        ("decay", np.int64),  # address of float64[4, lags], of traces after whole steps
        ("lags", np.int64),
        ("bank", np.int64),  # address of float64[n_classes, n_post, width]: potentiation per x_pre, traces
        ("degree", np.int64),  # address of int64[n_classes, n_post], synapses of a target
        ("n_post", np.int64),
        ("moment", np.int64),  # address of float64[8]: growth of the traces since the bank was opened, and its inverse
        ("epoch", np.int64),  # steps between two openings of the bank
        ("begun", np.int64),  # step from which epochs count: 0, or where the last trial ended
        ("n_classes", np.int64),
        ("class_delay", np.int64),  # address of int64[n_classes]  steps
        ("class_lead", np.int64),  # address of int64[n_classes]  steps from a postsynaptic spike to its effect on arriving ones
        ("release", np.int64),  # address of float64[n_runs, 3], u and x just after the last spike, its time; 0: none
        ("dopamine", np.int64),  # address of float64[], see kernels/dopamine.py; 0: weights do not wait for a reward
        ("dopamine_coef", np.int64),
        ("mark", np.int64),  # address of float64[n_runs], the integral of dopamine at t_pre
        ("giver", np.int64),  # population whose spikes release dopamine, or -1
        ("giver_delay", np.int64),  # steps
        ("heard", np.int64),  # address of float64[n_post, 3], see kernels/voltage.py; 0: the rule does not listen to v
        ("heard_coef", np.int64),
        ("v_row", np.int64),  # of the state of the post population
        ("release_coef", np.int64),  # address of float64[4]: U, 1 / tau_rec, 1 / tau_fac, whether u is kept
    ]
)

_TABLE = types.Array(from_dtype(LESSON), 1, "C")

#: What a presynaptic spike does: (table, projection, run, t, times) -> updates made; writes the weights it meets to `out`.
#: t : when it was made. times : spikes at once; 0: only what is pending up to t.
LEARN = types.int64(_TABLE, types.int64, types.int64, types.float64, types.int64)

#: What a postsynaptic spike does: (table, projection, class, target, t, what) -> updates made. what : `POTENTIATE`, `TRACE`
ATTEND = types.int64(_TABLE, types.int64, types.int64, types.int64, types.float64, types.int64)

POTENTIATE, TRACE = 0, 1


class Lessons(NamedTuple):
    """All plastic projections of a driver."""

    table: Any  # LESSON[Q]
    learn: np.ndarray  # int64[rules]  addresses of LEARN kernels
    attend: np.ndarray  # int64[rules]  addresses of ATTEND kernels
    into_ptr: np.ndarray  # int64[P + 1]  projections that learn, by post population
    into: np.ndarray  # int64[...]


#: Postsynaptic spikes a neuron may make before Python looks at the histories.
AHEAD = 10


@leaf
def any_full(lessons):
    """Whether some history needs room."""
    full = False
    for q in lessons.into:
        full |= lessons.table[q].full != 0
    return full


@leaf_inline
def coefficients(address):
    """Return the coefficients at an address as a tuple: loops then keep them in registers."""
    c = borrow(address, ANY, np.float64)
    return c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11]


@leaf_inline
def clip(m, c):
    """Return a weight within the bounds."""
    return max(c[0], min(c[1], m))
