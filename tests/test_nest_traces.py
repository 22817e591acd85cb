"""Every trace of NEST is held by some test; and the grid models follow theirs on any number of threads."""

from pathlib import Path

import numpy as np
import pytest
from nest_traces import dc, load, run_steps, steps_of

from snnsim.connect import OneToOne
from snnsim.engines.spiking import run_spiking
from snnsim.models.lif import LIF
from snnsim.models.lif_alpha import LIFAlpha
from snnsim.models.lif_cond_exp import LIFCondExp
from snnsim.models.lif_exp import LIFExp
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection

MEMBRANE = {"v_rest": "E_L", "v_th": "V_th", "v_reset": "V_reset", "t_ref": "t_ref", "c_m": "C_m", "i_ext": "I_e"}
SYNAPSES = {"tau_syn_exc": "tau_syn_ex", "tau_syn_inh": "tau_syn_in"}

#: trace -> model, NEST's names, state -> NEST's name and how far it may be off, mV, pA or nS
GRID = {
    "single_iaf_psc_delta_grid": (LIF, {"tau_m": "tau_m"}, {"v": ("V_m", 1e-9)}),
    "single_iaf_psc_exp_grid": (
        LIFExp, {"tau_m": "tau_m"} | SYNAPSES, {"v": ("V_m", 1e-9), "i_syn_exc": ("I_syn_ex", 1e-9), "i_syn_inh": ("I_syn_in", 1e-9)},
    ),
    "single_iaf_psc_alpha_grid": (
        LIFAlpha, {"tau_m": "tau_m"} | SYNAPSES, {"v": ("V_m", 1e-9), "i_syn_exc": ("I_syn_ex", 1e-9), "i_syn_inh": ("I_syn_in", 1e-9)},
    ),
    "single_iaf_cond_exp_grid": (LIFCondExp, {"e_rev_exc": "E_ex", "e_rev_inh": "E_in"} | SYNAPSES, {"v": ("V_m", 1e-5)}),
}  # fmt: skip


def given(model, names, params):
    """Return the model with the parameters of NEST."""
    own = {ours: params[theirs] for ours, theirs in (MEMBRANE | names).items()}
    return model(**({} if "tau_m" in own else {"tau_m": params["C_m"] / params["g_L"]}), **own)


def test_every_trace_is_named_by_a_test(refs):
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py") if path.name != Path(__file__).name)
    traces = {path.stem for path in (refs / "nest").glob("*.npz")}
    assert traces, "no traces"
    own = {*GRID, "dc_iaf_psc_exp_dc"}
    assert not {name for name in traces if name not in tests and name not in own}


@pytest.mark.parametrize("name", GRID)
def test_twenty_copies_follow_nest_on_any_number_of_threads_to_the_same_bit(refs, name):
    trace, reference = load(refs, name)
    model, names, states = GRID[name]
    n = 20
    cells = Population("cells", n, given(model, names, reference["params"]))
    sources = []
    for side in ("exc", "inh"):
        times = trace[f"{side}_in"]
        sources.append(Population(side, n, SpikeArray(times=np.repeat(times, n), indices=np.tile(np.arange(n), len(times)))))
    net = Network(*(Projection(s, cells, OneToOne(), weight=reference[f"w_{s.name}"], delay=reference["delay"]) for s in sources))
    run = {"duration": reference["T"], "engine": "clock", "dt": 0.1, "record": {"cells": ["spikes", *states]}}
    one, two = (run_spiking(net, threads=threads, **run) for threads in (1, 2))
    np.testing.assert_array_equal(one.spikes["cells"].times, two.spikes["cells"].times)
    np.testing.assert_array_equal(one.spikes["cells"].indices, two.spikes["cells"].indices)
    for i in range(n):
        np.testing.assert_array_equal(steps_of(one.spikes["cells"].of(i)), steps_of(trace["spikes"]))
    for state, (theirs, far) in states.items():
        values = one.recordings["cells"][state].values
        np.testing.assert_array_equal(values, two.recordings["cells"][state].values)
        assert np.max(np.abs(values[: len(trace["t"])] - trace[theirs][:, None])) < far, state


def test_exponential_currents_under_a_constant_current_follow_nest(refs):
    trace, reference = load(refs, "dc_iaf_psc_exp_dc")
    model = given(LIFExp, {"tau_m": "tau_m"} | SYNAPSES, reference["params_full_initial"])
    n_steps = len(trace["t"])
    values, fired = run_steps(model, n_steps, current=dc(reference, n_steps))
    np.testing.assert_array_equal(fired, steps_of(reference["spikes"]))
    assert np.max(np.abs(values[:, 0] - trace["V_m"])) < 1e-9
