"""Runs the workload diehl_cook with BindsNET, in BindsNET's own environment: a job on standard input, an answer for each line `run`."""

import json
import os
import sys
import time

# Warnings and progress go elsewhere: keep standard output for the answers.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import torch  # noqa: E402

# The registry's torchvision is built for CUDA and does not define its operators on a CPU torch; nothing here calls them.
operators = torch.library.Library("torchvision", "FRAGMENT")
for name in ("nms", "qnms"):
    operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from bindsnet.models import DiehlAndCook2015  # noqa: E402
from bindsnet.network.monitors import Monitor  # noqa: E402


def build(p, seed):
    """The network with the defaults of BindsNET, which must be the parameters of the job."""
    torch.manual_seed(seed)
    network = DiehlAndCook2015(n_inpt=p["n_inputs"], n_neurons=p["n"])
    exc, inh = network.layers["Ae"], network.layers["Ai"]
    weight = network.connections[("X", "Ae")].pipeline[0]
    found = {
        "n_inputs": network.layers["X"].n, "n": exc.n, "v_rest_exc": exc.rest, "v_reset_exc": exc.reset, "v_th_exc": exc.thresh,
        "tau_m_exc": exc.tc_decay, "t_ref_exc": exc.refrac, "theta_plus": exc.theta_plus, "tau_theta": exc.tc_theta_decay,
        "v_rest_inh": inh.rest, "v_reset_inh": inh.reset, "v_th_inh": inh.thresh, "tau_m_inh": inh.tc_decay, "t_ref_inh": inh.refrac,
        "excitation": network.exc, "inhibition": network.inh, "tau_trace": exc.tc_trace, "rate_pre": weight.learning_rule.nu[0],
        "rate_post": weight.learning_rule.nu[1], "w_max": weight.learning_rule.max, "w_sum": weight.norm,
    }  # fmt: skip
    for name, value in found.items():
        if abs(float(value) - p[name]) > 1e-6 * abs(p[name]):
            sys.exit(f"BindsNET has {name} = {float(value):g}, the workload {p[name]:g}")
    exc.one_spike = p["one_spike"]
    return network


def present(network, sample, p):
    """One sample, and what BindsNET's examples do after it."""
    network.run(inputs={"X": sample}, time=p["steps"])
    network.reset_state_variables()


def tensors(p, inputs):
    samples = []
    for spikes in inputs:
        samples.append(torch.zeros(p["steps"], p["n_inputs"], dtype=torch.bool))
        steps, indices = torch.tensor(spikes).t()
        samples[-1][steps, indices] = True
    return samples


def watch(p, seed, samples):
    """The same samples with every spike written down, untimed. Returns spikes of both layers per sample, and the network."""
    network = build(p, seed)
    monitors = {name: Monitor(network.layers[name], ["s"], time=p["steps"]) for name in ("Ae", "Ai")}
    for name, monitor in monitors.items():
        network.add_monitor(monitor, name)
    spikes = {name: [] for name in monitors}
    for sample in samples:
        network.run(inputs={"X": sample}, time=p["steps"])
        for name, monitor in monitors.items():
            spikes[name].append(monitor.get("s").reshape(p["steps"], -1).nonzero().tolist())
        network.reset_state_variables()
    return spikes, network


def weights_of(network):
    return network.connections[("X", "Ae")].pipeline[0].value


def trace(p, job):
    """Everything there is to compare with another implementation of the same equations; for small networks."""
    start = weights_of(build(p, job["seed"])).tolist()
    spikes, network = watch(p, job["seed"], tensors(p, job["inputs"]))
    return {"start": start, "spikes": spikes, "weights": weights_of(network).tolist(), "theta": network.layers["Ae"].theta.tolist()}


def run(p, job):
    job["seed"] += 1
    samples = tensors(p, job["inputs"])
    began = time.perf_counter()
    network = build(p, job["seed"])
    built, seconds = time.perf_counter() - began, {}
    for learning in (True, False):
        network.train(learning)
        began = time.perf_counter()
        for sample in samples:
            present(network, sample, p)
        seconds[learning] = (time.perf_counter() - began) / len(samples)
    spikes, _ = watch(p, job["seed"], samples)
    return {
        "seconds": seconds[True],
        "fixed_s": seconds[False],
        "build_s": built,
        "rate": sum(map(len, spikes["Ae"])) / (len(samples) * p["n"] * p["steps"] * 1e-3),
        "inhibitory_rate": sum(map(len, spikes["Ai"])) / (len(samples) * p["n"] * p["steps"] * 1e-3),
        "threads": torch.get_num_threads(),
    }


job = json.loads(sys.stdin.readline())
torch.set_num_threads(job["threads"])
present(build(job["parameters"], 0), tensors(job["parameters"], job["inputs"])[0], job["parameters"])  # the first one is slow
print("{}", file=answers, flush=True)
for _ in sys.stdin:
    answer = (trace if job.get("task") == "trace" else run)(job["parameters"], job)
    print(json.dumps(answer), file=answers, flush=True)
