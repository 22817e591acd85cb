"""Drive one clock kernel step by step, to compare it with a reference trace."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from snnsim.connect import OneToOne
from snnsim.engines.spiking import run_spiking
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection


def load(refs, name):
    """Return the arrays and the description of a trace."""
    path = refs / "nest"
    if not path.is_dir():
        pytest.skip(f"no reference traces in {path}")
    return np.load(path / f"{name}.npz"), json.loads((path / "refs_params.json").read_text())[name]


def run_steps(model, n_steps, dt=0.1, *, current=None, inputs=None, python=False):
    """Return the states after every step, float64[n_steps, n_states], and the steps that fired, of one neuron.

    current : float[n_steps]            added to i_ext during each step
    inputs : float[n_steps, channels]   what arrives in each step
    python : bool                       run the kernel as Python
    """
    current = np.zeros(n_steps) if current is None else current
    base = model.clock_form(1, dt)
    forms = {amp: (replace(model, i_ext=model.i_ext + amp) if amp else model).clock_form(1, dt) for amp in set(current.tolist())}
    state, width = base.state.copy(), len(model.states)
    events, tally = np.zeros((2, 1), dtype=np.int32), np.zeros(3, dtype=np.int64)
    values, fired = np.empty((n_steps, width)), []
    for step in range(n_steps):
        form = forms[current[step]]
        kernel = form.step.py_func if python else form.step
        arriving = np.zeros((model.channels, 1)) if inputs is None else np.array(inputs[step], dtype=float).reshape(-1, 1)
        n_spiking = kernel(step, state, form.coef, arriving, np.uint64(0), events, tally)
        values[step] = state[:width, 0]
        fired += [step + 1] * (int(events[1, 0]) if n_spiking else 0)
    assert tally.sum() == n_steps
    return values, np.array(fired)


def dc(reference, n_steps, late=0):
    """Return the current in each step: NEST's generator is felt `gen_delay` after its start, `late` steps more in some models."""
    first, last = (round((reference[edge] + reference["gen_delay"]) / reference["dt"]) + late for edge in ("start", "stop"))
    current = np.zeros(n_steps)
    current[first:last] = reference["amp"]
    return current


def run_like(trace, reference, model):
    """Run `model` under the input spikes of a trace."""
    cell = Population("cell", 1, model)
    sources = [Population(side, 1, SpikeArray(times=trace[f"{side}_in"])) for side in ("exc", "inh")]
    net = Network(*(Projection(s, cell, OneToOne(), weight=reference[f"w_{s.name}"], delay=reference["delay"]) for s in sources))
    return run_spiking(net, duration=reference["T"], engine="clock", dt=0.1, record={"cell": ["spikes", *model.states]})


def error(result, trace, ours, theirs):
    """Return the largest distance of a recorded state from the trace."""
    recording = result.recordings["cell"][ours]
    n = len(trace["t"])
    np.testing.assert_allclose(recording.times[:n], trace["t"], rtol=1e-12)
    return np.max(np.abs(recording.values[:n, 0] - trace[theirs]))


def steps_of(times, dt=0.1):
    """Return times in steps."""
    return np.rint(np.asarray(times) / dt).astype(int)
