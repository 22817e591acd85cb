"""Runs a workload with Brian2's C++ standalone mode, in Brian2's own environment.

A job on standard input, then one answer for each line `run`. The network is generated and compiled once; every run starts
the compiled program anew, which builds the synapses and then simulates.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

# Brian2 and its compiler print: keep standard output for the answers.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import numpy as np  # noqa: E402
from brian2 import (  # noqa: E402
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    defaultclock,
    device,
    ms,
    mV,
    nS,
    pA,
    pF,
    prefs,
    set_device,
)
from brian2.input.binomial import BinomialFunction  # noqa: E402

EQUATIONS = {
    "delta": "dv/dt = (v_rest - v + r_m*i_ext)/tau_m : volt (unless refractory)",
    "current": """dv/dt = (v_rest - v + r_m*(i_ext + s_exc + s_inh))/tau_m : volt (unless refractory)
        ds_exc/dt = -s_exc/tau_syn_exc : amp
        ds_inh/dt = -s_inh/tau_syn_inh : amp""",
    "conductance": """dv/dt = (v_rest - v + r_m*(i_ext + s_exc*(e_rev_exc - v) + s_inh*(e_rev_inh - v)))/tau_m : volt (unless refractory)
        ds_exc/dt = -s_exc/tau_syn_exc : siemens
        ds_inh/dt = -s_inh/tau_syn_inh : siemens""",
}
METHOD = {"delta": "exact", "current": "exact", "conductance": "exponential_euler"}
UNIT = {"delta": mV, "current": pA, "conductance": nS}
UNITS = {
    "tau_m": ms, "v_rest": mV, "v_th": mV, "v_reset": mV, "t_ref": ms, "c_m": pF, "i_ext": pA, "tau_syn_exc": ms, "tau_syn_inh": ms,
    "e_rev_exc": mV, "e_rev_inh": mV,
}  # fmt: skip
# Brian2's own figure of a serial run is processor time; on a busy machine only wall time compares.
BEFORE = "struct timespec began, ended; clock_gettime(CLOCK_MONOTONIC, &began);"
AFTER = """clock_gettime(CLOCK_MONOTONIC, &ended);
    { std::ofstream wall("wall.txt"); wall.precision(9);
    wall << (ended.tv_sec - began.tv_sec) + 1e-9 * (ended.tv_nsec - began.tv_nsec) << " ";
    std::ifstream held("/proc/self/statm"); long pages = 0; held >> pages >> pages;
    wall << pages; }"""
OFTEN = 0.01  # input spikes per step; below it a group of sources is faster than a number per neuron


def build(p, job):
    defaultclock.dt = 0.1 * ms
    space = {name: p[name] * unit for name, unit in UNITS.items() if name in p}
    space["r_m"] = space["tau_m"] / space["c_m"]
    n = p["n_exc"] + p["n_inh"]
    cells = NeuronGroup(
        n,
        EQUATIONS[p["synapses"]],
        threshold="v > v_th",
        reset="v = v_reset",
        refractory="t_ref",
        method=METHOD[p["synapses"]],
        namespace=space,
    )
    low, high = p["v_init"]
    cells.v = low * mV if low == high else f"({low} + rand()*({high} - {low}))*mV"
    unit, parts = UNIT[p["synapses"]], [cells]
    for side, first, last in (("exc", 0, p["n_exc"]), ("inh", p["n_exc"], n)):
        weight = p[f"weight_{side}"]
        if p["synapses"] == "delta":  # input that arrives during refractoriness is lost
            effect = "v_post += weight*int(not_refractory_post)"
        else:
            effect = f"s_{side}_post += weight"
            weight = abs(weight) if p["synapses"] == "conductance" else weight
        static = cells
        if side == "exc" and p["stdp_rate"]:
            parts.append(plastic(p, cells[first:last]))
            static = cells[last:]
        part = Synapses(cells[first:last], static, on_pre=effect, delay=p["delay"] * ms, namespace={"weight": weight * unit}, name=side)
        part.connect(p=p["p"])
        parts.append(part)
    if p["drive_rate"]:
        parts += drive(p, job, cells, n)
    monitor = SpikeMonitor(cells, record=False)
    return Network(*parts, monitor), monitor, parts


def plastic(p, cells):
    """Pair STDP as Brian2's documentation has it: traces in the synapses, brought up to date when a spike comes.

    The delay is dendritic, as in the other simulators: a presynaptic spike is at the synapse at once, and acts a delay later.
    """
    space = {"tau": p["stdp_tau"] * ms, "w_max": p["stdp_w_max"] * mV}
    space |= {"a_plus": p["stdp_rate"] * space["w_max"], "a_minus": p["stdp_rate"] * p["stdp_alpha"] * space["w_max"]}
    part = Synapses(
        cells,
        cells,
        """w : volt
        dx_plus/dt = -x_plus/tau : 1 (event-driven)
        dx_minus/dt = -x_minus/tau : 1 (event-driven)""",
        on_pre={
            "deliver": "v_post += w*int(not_refractory_post)",
            "depress": """x_plus += 1
            w = clip(w - a_minus*x_minus, 0*mV, w_max)""",
        },
        on_post="""x_minus += 1
        w = clip(w + a_plus*x_plus, 0*mV, w_max)""",
        delay={"deliver": p["delay"] * ms, "post": p["delay"] * ms},
        namespace=space,
        name="plastic",
    )
    part.connect(p=p["p"])
    part.w = p["weight_exc"] * mV
    return part


def drive(p, job, cells, n):
    """Every neuron's own Poisson input."""
    per_step = p["drive_rate"] * 1e-4
    if per_step >= OFTEN:
        # What PoissonInput does, but lost during refractoriness.
        cells.namespace["drawn"] = BinomialFunction(1000, per_step / 1000, approximate=True)
        cells.namespace["kick"] = p["drive_weight"] * mV
        cells.run_regularly("v += drawn()*kick*int(not_refractory)", when="synapses")
        return []
    source = list_of_spikes(p, job, n) if job["drawn_in_advance"] else PoissonGroup(n, p["drive_rate"] * Hz)
    given = {"kick": p["drive_weight"] * mV}
    to = Synapses(source, cells, on_pre="v_post += kick*int(not_refractory_post)", delay=p["delay"] * ms, namespace=given)
    to.connect(j="i")
    return [source, to]


def list_of_spikes(p, job, n):
    """The same input, drawn before the run."""
    random = np.random.default_rng(job["seed"])
    count = random.poisson(p["drive_rate"] * job["duration"] * 1e-3 * n)
    pairs = np.stack([random.integers(round(job["duration"] / 0.1), size=count), random.integers(n, size=count)])
    step, index = np.unique(pairs, axis=1)  # a neuron of this group fires once a step
    return SpikeGeneratorGroup(n, index, step * 0.1 * ms)


def compile_job(p, job, folder):
    set_device("cpp_standalone", build_on_run=False)
    prefs.devices.cpp_standalone.openmp_threads = job["threads"] if job["threads"] > 1 else 0
    network, monitor, parts = build(p, job)
    device.insert_code("before_network_run", BEFORE)
    device.insert_code("after_network_run", AFTER)
    network.run(job["duration"] * ms)
    device.build(directory=folder, compile=True, run=False)
    return monitor, parts


def read(folder, owner, name):
    """Return a variable as the last run of the program left it."""
    variable = owner.variables[name]
    return np.fromfile(os.path.join(folder, "results", device.get_array_filename(variable)), dtype=variable.dtype)


def run(p, job, folder, monitor, parts):
    began = time.perf_counter()
    program = subprocess.Popen([os.path.join(folder, "main"), "--results_dir", os.path.join(folder, "results") + os.sep], cwd=folder)
    peak = 0
    while program.poll() is None:
        try:
            with open(f"/proc/{program.pid}/status") as status:
                for line in status:
                    if line.startswith("VmHWM"):
                        peak = int(line.split()[1]) * 1024
        except OSError:
            pass
        time.sleep(0.02)
    whole = time.perf_counter() - began
    if program.returncode:
        sys.exit(f"the compiled program stopped with code {program.returncode}")
    with open(os.path.join(folder, "wall.txt")) as wall:
        # Resident memory at the end of the run: the program frees its arrays before it ends.
        seconds, pages = map(float, wall.read().split())
    spikes = int(read(folder, monitor, "N")[0])
    synapses = sum(int(read(folder, part, "N")[0]) for part in parts if part.name in ("exc", "inh", "plastic"))
    learned = {}
    for part in parts:
        if part.name == "plastic":
            weights = read(folder, part, "w") * 1e3  # mV
            learned = {"plastic": len(weights), "weight_mean": float(weights.mean()), "weight_sd": float(weights.std())}
    return learned | {
        "seconds": seconds,
        "build_s": whole - seconds,
        "rate": spikes / ((p["n_exc"] + p["n_inh"]) * job["duration"] * 1e-3),
        "synapses": synapses,
        "threads": job["threads"],
        "resident": int(pages) * os.sysconf("SC_PAGE_SIZE"),
        "peak": peak,
    }


def first_spike(p, code):
    """100 neurons under a constant current, from nothing to the time of the first spike."""
    if code == "cpp_standalone":
        set_device("cpp_standalone", directory=tempfile.mkdtemp(prefix="brian2-"))
    else:
        prefs.codegen.target = "numpy"
    defaultclock.dt = 0.1 * ms
    space = {name: p[name] * unit for name, unit in UNITS.items() if name in p}
    space["r_m"] = space["tau_m"] / space["c_m"]
    cells = NeuronGroup(
        p["n"], EQUATIONS["delta"], threshold="v > v_th", reset="v = v_reset", refractory="t_ref", method="exact", namespace=space
    )
    cells.v = p["v_rest"] * mV
    monitor = SpikeMonitor(cells)
    Network(cells, monitor).run(p["duration"] * ms)
    return {"first_ms": float(np.min(monitor.t / ms))}


job = json.loads(sys.stdin.readline())
with tempfile.TemporaryDirectory(prefix="brian2-") as folder:
    if job.get("task") != "first_spike":
        began = time.perf_counter()
        ready = compile_job(job["parameters"], job, folder)
        compiled = time.perf_counter() - began
        print("{}", file=answers, flush=True)
    for _ in sys.stdin:
        if job.get("task") == "first_spike":
            answer = first_spike(job["parameters"], job["code"])
        else:
            answer = run(job["parameters"], job, folder, *ready) | {"compile_s": compiled}
        print(json.dumps(answer), file=answers, flush=True)
