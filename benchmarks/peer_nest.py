"""Runs a workload with NEST, in NEST's own environment: a job on standard input, then one answer for each line `run`."""

import json
import os
import sys
import time

# NEST prints its banner: keep standard output for the answers.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import nest  # noqa: E402

SYNAPSES = {"delta": "iaf_psc_delta", "current": "iaf_psc_exp", "conductance": "iaf_cond_exp"}
SAMPLED = 100  # sources


def memory(what):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(what))


def build(p, job):
    nest.ResetKernel()
    nest.set(resolution=0.1, local_num_threads=job["threads"], rng_seed=job["seed"], print_time=False)
    cells = {"E_L": p["v_rest"], "V_th": p["v_th"], "V_reset": p["v_reset"], "t_ref": p["t_ref"], "C_m": p["c_m"], "I_e": p["i_ext"]}
    if p["synapses"] == "conductance":
        cells |= {"g_L": p["c_m"] / p["tau_m"], "E_ex": p["e_rev_exc"], "E_in": p["e_rev_inh"]}
        cells |= {"tau_syn_ex": p["tau_syn_exc"], "tau_syn_in": p["tau_syn_inh"]}
    else:
        cells |= {"tau_m": p["tau_m"]}
    if p["synapses"] == "current":
        cells |= {"tau_syn_ex": p["tau_syn_exc"], "tau_syn_in": p["tau_syn_inh"]}
    everyone = nest.Create(SYNAPSES[p["synapses"]], p["n_exc"] + p["n_inh"], params=cells)
    low, high = p["v_init"]
    everyone.V_m = low if low == high else nest.random.uniform(low, high)
    n_exc, n = p["n_exc"], p["n_exc"] + p["n_inh"]
    # One weight for all synapses of a kind: NEST's smallest synapse.
    for name, weight in (("exc", p["weight_exc"]), ("inh", p["weight_inh"])):
        nest.CopyModel("static_synapse_hom_w", name, {"weight": weight, "delay": p["delay"]})
    if p["stdp_rate"]:
        everyone.tau_minus = p["stdp_tau"]
        # Parameters of the rule for all synapses together: the smallest here.
        rule = {"lambda": p["stdp_rate"], "alpha": p["stdp_alpha"], "tau_plus": p["stdp_tau"], "Wmax": p["stdp_w_max"]}
        additive = {"mu_plus": 0.0, "mu_minus": 0.0}
        nest.CopyModel("stdp_synapse_hom", "plastic", rule | additive | {"weight": p["weight_exc"], "delay": p["delay"]})
        connect(p, job, "plastic", everyone[:n_exc], everyone[:n_exc])
        connect(p, job, "exc", everyone[:n_exc], everyone[n_exc:])
    else:
        connect(p, job, "exc", everyone[:n_exc], everyone)
    connect(p, job, "inh", everyone[n_exc:n], everyone)
    synapses = nest.num_connections
    if p["drive_rate"]:
        drive = nest.Create("poisson_generator", params={"rate": p["drive_rate"]})
        nest.Connect(drive, everyone, syn_spec={"weight": p["drive_weight"], "delay": p["delay"]})
    # The first step sorts the connections and makes the tables: part of the build.
    nest.Simulate(p["delay"])
    return synapses


def connect(p, job, name, pre, post):
    """Draw synapses of the model `name`."""
    if job["rule"] == "fixed_indegree":
        rule = {"rule": "fixed_indegree", "indegree": round(p["p"] * len(pre)), "allow_autapses": False}
    elif p["p"] >= 0.01:
        rule = {"rule": "pairwise_bernoulli", "p": p["p"], "allow_autapses": False}
    else:  # the other rule visits every pair of neurons: minutes
        rule = {"rule": "fixed_total_number", "N": round(p["p"] * len(pre) * len(post)), "allow_autapses": False}
    nest.Connect(pre, post, rule, {"synapse_model": name})


def learned(p):
    """Return what is compared of the weights of plastic synapses: those of the first sources, since all would take gigabytes.

    NEST brings a weight up to date at presynaptic spikes alone, so these lack what postsynaptic ones have done since.
    """
    if not p["stdp_rate"]:
        return {}
    sources = nest.NodeCollection(list(range(1, min(SAMPLED, p["n_exc"]) + 1)))
    weights = nest.GetConnections(source=sources, synapse_model="plastic").weight
    mean = sum(weights) / len(weights)
    spread = (sum((weight - mean) ** 2 for weight in weights) / len(weights)) ** 0.5
    return {"plastic": nest.GetDefaults("plastic", "num_connections"), "weight_mean": mean, "weight_sd": spread}


def build_circuit(p, job):
    """Populations joined by given numbers of synapses; return what counts the spikes of each population from the start on."""
    nest.ResetKernel()
    nest.set(resolution=0.1, local_num_threads=job["threads"], rng_seed=job["seed"], print_time=False)
    cells = {"E_L": p["v_rest"], "V_th": p["v_th"], "V_reset": p["v_reset"], "t_ref": p["t_ref"], "C_m": p["c_m"], "tau_m": p["tau_m"]}
    cells |= {"tau_syn_ex": p["tau_syn"], "tau_syn_in": p["tau_syn"]}
    everyone = []
    for name, size, mean, sd, current in zip(p["names"], p["sizes"], p["v_mean"], p["v_sd"], p["i_ext"], strict=True):
        some = nest.Create("iaf_psc_exp", size, params=cells | {"I_e": current})
        some.V_m = nest.math.redraw(nest.random.normal(mean=mean, std=sd), min=-1e3, max=p["v_th"])
        everyone.append(some)
        # One thread takes 134,217,726 connections of a model at most.
        nest.CopyModel("static_synapse", f"from_{name}")
    for post, numbers, weights in zip(everyone, p["synapses"], p["weight"], strict=True):
        for pre, name, number, mean, delay in zip(everyone, p["names"], numbers, weights, p["delay"], strict=True):
            if not number:
                continue
            weight = nest.random.normal(mean=mean, std=p["weight_spread"] * abs(mean))
            low, high = (0.0, 1e9) if mean > 0.0 else (-1e9, 0.0)
            # Rounding comes after drawing again: half a step rounds up to one.
            wait = nest.math.redraw(nest.random.normal(mean=delay, std=p["delay_spread"] * delay), min=0.05, max=1e9)
            given = {"synapse_model": f"from_{name}", "weight": nest.math.redraw(weight, min=low, max=high), "delay": wait}
            nest.Connect(pre, post, {"rule": "fixed_total_number", "N": number}, given)
    synapses = nest.num_connections
    recorders = []
    for some, rate in zip(everyone, p["drive_rate"], strict=True):
        drive = nest.Create("poisson_generator", params={"rate": rate})
        nest.Connect(drive, some, syn_spec={"weight": p["drive_weight"], "delay": p["drive_delay"]})
        recorders.append(nest.Create("spike_recorder", params={"start": p["start"]}))
        nest.Connect(some, recorders[-1])
    nest.Prepare()  # sorts the connections and makes the tables
    return synapses, recorders


def run_circuit(p, job):
    began = time.perf_counter()
    synapses, recorders = build_circuit(p, job)
    built = time.perf_counter() - began
    began = time.perf_counter()
    nest.Run(job["duration"])
    seconds = time.perf_counter() - began
    nest.Cleanup()
    counted = (job["duration"] - p["start"]) * 1e-3
    spikes = [recorder.n_events for recorder in recorders]
    return {
        "seconds": seconds,
        "build_s": built,
        "rate": sum(spikes) / (sum(p["sizes"]) * counted),
        "rates": {name: n / (size * counted) for name, n, size in zip(p["names"], spikes, p["sizes"], strict=True)},
        "synapses": synapses,
        "threads": job["threads"],
        "peak": memory("VmHWM"),
    }


def run(p, job):
    job["seed"] += 1
    before = memory("VmRSS")
    began = time.perf_counter()
    synapses = build(p, job)
    built = time.perf_counter() - began
    resident = memory("VmRSS") - before
    already = nest.local_spike_counter
    began = time.perf_counter()
    nest.Simulate(job["duration"])
    seconds = time.perf_counter() - began
    spikes = nest.local_spike_counter - already
    peak = memory("VmHWM") - before
    return learned(p) | {
        "seconds": seconds,
        "build_s": built,
        "rate": spikes / ((p["n_exc"] + p["n_inh"]) * job["duration"] * 1e-3),
        "synapses": synapses,
        "threads": job["threads"],
        "resident": resident,
        "peak": peak,
    }


def first_spike(p):
    """100 neurons under a constant current, from nothing to the time of the first spike."""
    nest.set_verbosity("M_ERROR")
    nest.resolution = 0.1
    names = {"E_L": "v_rest", "V_th": "v_th", "V_reset": "v_reset", "t_ref": "t_ref", "C_m": "c_m", "I_e": "i_ext", "tau_m": "tau_m"}
    cells = nest.Create("iaf_psc_delta", p["n"], params={theirs: p[ours] for theirs, ours in names.items()} | {"V_m": p["v_rest"]})
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    nest.Simulate(p["duration"])
    return {"first_ms": float(recorder.events["times"].min())}


nest.set_verbosity("M_ERROR")
job = json.loads(sys.stdin.readline())
if job.get("task") != "first_spike":
    print("{}", file=answers, flush=True)
for _ in sys.stdin:
    if job.get("task") == "first_spike":
        answer = first_spike(job["parameters"])
    else:
        answer = (run_circuit if job["rule"] == "circuit" else run)(job["parameters"], job)
    print(json.dumps(answer), file=answers, flush=True)
