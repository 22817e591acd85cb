"""77,169 LIF neurons of a cortical column in four layers, exponential currents, 299 million synapses, 2.5 s at 3 Hz.

Potjans & Diesmann (2014), Cereb. Cortex 24:785; full scale, Poisson input, a fixed total number of synapses between any two
populations, every weight and delay drawn. Timed is the whole run (ours_s); ours_realtime is that time / the time simulated. Rates
per population are counted from 0.5 s on and, at full scale, must lie within 15 % of the published ones; otherwise exit code 1.

Potentials start at the means and spreads of NEST's version ("optimized"), which spares the burst at the start, not at the
-58 +- 10 mV of the paper. `--scale` reduces neurons and inputs per neuron alike: weights grow by 1 / sqrt(scale), and a constant
current makes up for the mean input that is lost (van Albada, Helias & Diesmann 2015), so that rates stay about the same. Build and
memory are those of a new process for every run, interpreter and kernels included.
"""

from __future__ import annotations

from dataclasses import asdict
from math import log1p, sqrt
from statistics import median
from typing import Any

from benchmarks import ours
from benchmarks.circuit import Circuit
from benchmarks.measure import Options, check_rates, named, report
from benchmarks.peers import Worker

NAMES = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = (20_683, 5_834, 21_915, 5_479, 4_850, 1_065, 14_395, 2_948)
# Probability that a pair has at least one synapse; target by row, source by column (table 5 of the paper).
P = (
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0),
    (0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443),
)
K_EXT = (1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100)
V_MEAN = (-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43)  # mV
V_SD = (5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48)
RATES = (0.86, 2.80, 4.45, 5.93, 7.59, 8.64, 1.09, 7.88)  # Hz (table 6)
WEIGHT, G, DRIVE_RATE, TAU_SYN = 87.8, -4.0, 8.0, 0.5  # pA: a potential of 0.15 mV; -; Hz; ms
CLOSE = 0.15


def circuit(scale: float = 1.0) -> Circuit:
    """Return the circuit with `scale` times the neurons and inputs of each."""
    weights = [[(WEIGHT if source % 2 == 0 else G * WEIGHT) for source in range(8)] for _ in range(8)]
    weights[0][2] *= 2.0  # L4E -> L23E
    # Draws with replacement that reach a pair with the given probability.
    whole = [[log1p(-P[i][j]) / log1p(-1.0 / (SIZES[i] * SIZES[j])) for j in range(8)] for i in range(8)]
    currents = []
    for i in range(8):
        # Mean input, pA / ms, that fewer and stronger inputs do not bring.
        inputs = sum(weights[i][j] * whole[i][j] / SIZES[i] * RATES[j] for j in range(8)) + WEIGHT * K_EXT[i] * DRIVE_RATE
        currents.append(1e-3 * TAU_SYN * (1.0 - sqrt(scale)) * inputs)
    return Circuit(
        names=NAMES,
        sizes=tuple(max(1, round(scale * size)) for size in SIZES),
        synapses=tuple(tuple(round(scale * scale * number) for number in row) for row in whole),
        weight=tuple(tuple(weight / sqrt(scale) for weight in row) for row in weights),
        delay=(1.5, 0.75) * 4,
        weight_spread=0.1,
        delay_spread=0.5,
        v_mean=V_MEAN,
        v_sd=V_SD,
        i_ext=tuple(currents),
        drive_rate=tuple(DRIVE_RATE * round(scale * number) for number in K_EXT),
        drive_weight=WEIGHT / sqrt(scale),
        drive_delay=1.5,
        tau_m=10.0,
        c_m=250.0,
        v_rest=-65.0,
        v_th=-50.0,
        v_reset=-65.0,
        t_ref=2.0,
        tau_syn=TAU_SYN,
        start=500.0,
        duration=2_000.0,
        reference=RATES,
        tolerance=0.1,
    )


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(circuit(options.scale or 1.0), options)


def compare(parameters: Circuit, options: Options) -> dict[str, Any]:
    """Run `parameters` in turn, each run in a new process: a used one may hold freed memory."""
    counted = parameters.duration if options.duration is None else options.duration
    job = {"parameters": asdict(parameters), "duration": parameters.start + counted, "rule": "circuit", **options.ours}
    if options.engine == "auto":
        job["engine"] = "clock"  # the choice at full scale; a small circuit shall not differ in that
    runs = []
    for number in range(options.runs):
        options.say(f"run {number + 1} of {options.runs}: ours")
        answers = [("ours", ours.apart("circuit", job | {"seed": number + 1}))]
        if options.peer:
            options.say(f"run {number + 1} of {options.runs}: {options.peer}")
            with Worker(options.peer, job | {"seed": number + 1}) as worker:
                answers.append(("peer", worker.run()))
        runs.append(named(answers))
    if options.peer:
        check_rates(parameters.tolerance, runs, options.peer)
    return report("microcircuit", options, runs, **_summary(parameters, options, runs, counted))


def _summary(parameters: Circuit, options: Options, runs: list[dict[str, Any]], counted: float) -> dict[str, Any]:
    sides = ("ours", "peer") if options.peer else ("ours",)
    simulated = 1e-3 * (parameters.start + counted)
    found: dict[str, Any] = {"duration_s": simulated, "scale": float(options.scale or 1.0), "neurons": parameters.size}
    found["synapses"] = sum(map(sum, parameters.synapses))
    rates = {"published": dict(zip(parameters.names, parameters.reference, strict=True))}
    for side in sides:
        found[f"{side}_realtime"] = median(run[f"{side}_s"] for run in runs) / simulated
        found |= {f"{side}_{name}": median(run[f"{side}_{name}"] for run in runs) for name in ("rate", "build_s")}
        found[f"{side}_peak_GB"] = 1e-9 * median(run[f"{side}_peak"] for run in runs)
        rates[side] = {name: median(run[f"{side}_rates"][name] for run in runs) for name in parameters.names}
        found[f"{side}_off"] = max(abs(rates[side][name] / rate - 1.0) for name, rate in rates["published"].items())
    # A reduced circuit only comes near the published rates.
    whole = parameters.size == sum(SIZES)
    return found | {"rates": rates, "rates_ok": found["ours_off"] <= CLOSE if whole else None}
