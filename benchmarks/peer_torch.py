"""Runs the workload mlp_lif with snnTorch or Norse: a job on standard input, an answer for each line `run`."""

import hashlib
import json
import os
import statistics
import sys
import time

# Warnings and progress go elsewhere: keep standard output for the answers.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import numpy as np  # noqa: E402
import torch  # noqa: E402


def build(p, arrays, framework, number):
    """Linear modules without bias, and neurons."""
    layers = []
    for k in range(1, len(p["sizes"])):
        weight = torch.tensor(arrays[f"weight{k}"], dtype=number)
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=number)
        linear.weight = torch.nn.Parameter(weight)
        layers.append((linear, neurons(p, framework, number)))
    return layers


def neurons(p, framework, number):
    if framework == "snntorch":
        import snntorch

        # Its own surrogate gives spikes in single precision, which a Linear in doubles refuses.
        return snntorch.Leaky(beta=torch.tensor(p["beta"], dtype=number), spike_grad=lambda v: (v > 0).to(v.dtype))
    import norse.torch as norse
    from norse.torch.functional.reset import reset_subtract

    rate = torch.tensor(100.0, dtype=number)
    return norse.LIFBoxCell(norse.LIFBoxParameters(tau_mem_inv=rate, reset_method=reset_subtract))


def present(layers, sample, framework):
    """All steps of one sample. Returns the spikes of every layer in every step."""
    fired, states = [], [None] * len(layers)
    for _, cells in layers:
        if framework == "snntorch":
            cells.reset_mem()  # without a state it goes on from the last one
    with torch.no_grad():
        for step in range(len(sample)):
            signal = sample[step : step + 1]
            for k, (linear, cells) in enumerate(layers):
                signal, states[k] = cells(linear(signal), states[k])
                fired.append(signal)
    return fired


def digest(fired, n_layers):
    """A name for all spikes, as that of benchmarks.workloads.mlp_lif."""
    rasters = [torch.cat(fired[k::n_layers]).numpy() > 0 for k in range(n_layers)]
    return hashlib.sha256(b"".join(np.packbits(raster).tobytes() for raster in rasters)).hexdigest(), [int(r.sum()) for r in rasters]


def run(job, arrays, samples, number):
    began = time.perf_counter()
    layers = build(job["parameters"], arrays, job["framework"], number)
    answer = {"build_s": time.perf_counter() - began, "threads": torch.get_num_threads()}
    for name, sample in samples.items():
        took = []
        for _ in range(job["times"]):
            began = time.perf_counter()
            fired = present(layers, sample, job["framework"])
            took.append(time.perf_counter() - began)
        answer[f"{name}_seconds"] = statistics.median(took)
        answer[f"{name}_digest"], answer[f"{name}_spikes"] = digest(fired, len(layers))
    return answer


job = json.loads(sys.stdin.readline())
torch.set_num_threads(job["threads"])
number = torch.float32 if job["precision"] == "single" else torch.float64
arrays = dict(np.load(job["arrays"]))
samples = {name: torch.tensor(arrays[name], dtype=number) for name in ("sparse", "busy")}
run(job, arrays, samples, number)  # the first one is slow
print("{}", file=answers, flush=True)
for _ in sys.stdin:
    print(json.dumps(run(job, arrays, samples, number)), file=answers, flush=True)
