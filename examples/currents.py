"""Currents into neurons: steps, sines and noise, each beside what theory says a leaky neuron makes of it.

python examples/currents.py                          # prints what currents.out holds
python examples/currents.py --picture currents.png   # ... and draws it
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import viz

TAU, R = 20.0, 0.1  # ms, GOhm: the default membrane, 200 pF
DEAF = {"v_th": 1e6, "v_rest": 0.0, "v_reset": 0.0}  # a neuron that never fires: its membrane alone

# One neuron under steps of current. They are events: spikes are found between grid points.
cell = sim.Population("cell", 1, sim.LIF(v_rest=0.0, v_reset=0.0, v_th=15.0))
STEPS = sim.StepCurrent(times=[50.0, 150.0, 250.0], values=[140.0, 260.0, 0.0])  # ms, pA
step = sim.simulate(sim.Network(sim.Current(cell, STEPS)), 350.0, engine="event", record={"cell": ["spikes", "v"]})
times = step.spikes["cell"].times
period = 2.0 + TAU * np.log(260.0 * R / (260.0 * R - 15.0))
print(f"step   {len(times)} spikes, {np.diff(times).mean():.6f} ms apart; in closed form {period:.6f} ms")

# Eight neurons, one frequency each: parameters of a current are one number, or one per neuron.
FREQUENCY = np.array([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0])  # Hz
cells = sim.Population("cells", len(FREQUENCY), sim.LIF(**DEAF))
sine = sim.simulate(
    sim.Network(sim.Current(cells, sim.SineCurrent(amplitude=100.0, frequency=FREQUENCY))), 2_200.0, record={"cells": ["v"]}
)
v = sine.recordings["cells"]["v"]
late = v.times > 1_200.0
wave = np.exp(-2e-3j * np.pi * np.outer(FREQUENCY, v.times[late]))
gain = 2.0 * np.abs(wave @ v.values[late]).diagonal() / late.sum()
expected = 100.0 * R / np.abs(1.0 + 2e-3j * np.pi * FREQUENCY * TAU)
for i in (0, 3, 6):
    print(f"sine   {FREQUENCY[i]:3g} Hz: {gain[i]:6.4f} mV; in closed form {expected[i]:6.4f} mV")

# Two thousand neurons, each with noise of its own: white in intervals of 0.1 ms, or correlated over 10 ms.
many = {name: sim.Population(name, 2_000, sim.LIF(**DEAF)) for name in ("white", "coloured")}
NOISE = {"white": sim.NoiseCurrent(std=1_000.0), "coloured": sim.NoiseCurrent(std=50.0, tau=10.0)}
noise = sim.simulate(
    sim.Network(*(sim.Current(many[name], NOISE[name]) for name in NOISE)), 300.0, record={name: ["v"] for name in NOISE}, seed=1
)
a, b = np.exp(-0.1 / TAU), np.exp(-0.1 / 10.0)
spread = {"white": 1_000.0 * R * np.sqrt((1 - a) / (1 + a))}
spread["coloured"] = 50.0 * R * np.sqrt((1 - a) / (1 + a) * (1 + a * b) / (1 - a * b))
for name in NOISE:
    settled = noise.recordings[name]["v"].values[1_500:]
    print(f"noise  {name}: sd of v {settled.std():.2f} mV; in closed form {spread[name]:.2f} mV")


def draw(path: str) -> None:
    """Steps and the spikes they cause; how the membrane follows sines; what noise does to it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 5.0), layout="constrained")
    (above, sines, traces), (below, gains, spreads) = figure.subplots(2, 3, height_ratios=(1, 1))
    above.step([0.0, *STEPS.times, 350.0], [0.0, *STEPS.values, 0.0], where="post", color=viz.ORANGE)
    above.set(title="step", ylabel="current (pA)", xlabel="time (ms)", xlim=(0.0, 350.0))
    viz.traces(step.recordings["cell"]["v"], below, v_th=15.0, spikes=step.spikes["cell"])
    for i, color in ((1, viz.BLUE), (3, viz.ORANGE), (5, "0.4")):
        sines.plot(v.times, v.values[:, i], color=color, linewidth=1.2, label=f"{FREQUENCY[i]:g} Hz")
    sines.set(title="sine, 100 pA", ylabel="v - v_rest (mV)", xlabel="time (ms)", xlim=(0.0, 500.0), ylim=(-14.0, 11.0))
    sines.legend(frameon=False, loc="lower center", ncols=3, fontsize=8)
    f = np.geomspace(0.8, 250.0, 200)
    gains.loglog(f, 100.0 * R / np.hypot(1.0, 2e-3 * np.pi * f * TAU), color="0.6", label="transfer function")
    gains.loglog(FREQUENCY, gain, "o", color=viz.BLUE, label="measured")
    gains.set(xlabel="frequency (Hz)", ylabel="amplitude of v (mV)")
    gains.legend(frameon=False, fontsize=8)
    for name, color in (("white", viz.BLUE), ("coloured", viz.ORANGE)):
        recording = noise.recordings[name]["v"]
        traces.plot(recording.times, recording.values[:, 0], color=color, linewidth=1.0)
        spreads.hist(recording.values[1_500::100].ravel(), bins=80, density=True, color=color, alpha=0.5, label=name)
        x = np.linspace(-20.0, 20.0, 300)
        spreads.plot(x, np.exp(-0.5 * (x / spread[name]) ** 2) / (spread[name] * np.sqrt(2.0 * np.pi)), color=color)
    traces.set(title="noise", ylabel="v - v_rest (mV)", xlabel="time (ms)", xlim=(0.0, 300.0))
    spreads.set(xlabel="v - v_rest (mV)", ylabel="density", xlim=(-20.0, 20.0))
    spreads.legend(frameon=False, fontsize=8)
    for axes in (above, below, sines, gains, traces, spreads):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    if options.picture:
        draw(options.picture)
