"""Synapses compete until a neuron prefers one orientation: by STDP, and by BCM.

    python examples/selectivity.py                             # prints what selectivity.out holds
    python examples/selectivity.py --picture selectivity.png   # ... and draws tuning before and after

120 inputs are tuned to orientations around the circle. Every 100 ms another orientation is shown at random, so that all inputs fire
alike on average, and inputs of like tuning fire together. All weights start equal: the neuron has no preference at first.
Source: Song & Abbott (2001), Neuron 32:339, additive STDP; Bienenstock, Cooper & Munro (1982), J. Neurosci. 2:32, sliding threshold.
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import viz

N, SHOWN = 120, 100.0  # inputs; ms per orientation
ANGLES = np.pi * np.arange(N) / N  # preferred orientations, radians
TESTS = np.pi * np.arange(12) / 12
W_MAX = 0.6  # mV
RULES = {
    "STDP": (sim.PairSTDP(a_plus=0.01, a_minus=0.012, w_max=W_MAX), 120_000.0),  # ms of learning
    "BCM": (sim.RateBCM(eta=1e-5, tau=50.0, interval=50.0, r_0=15.0, tau_theta=1_000.0, w_max=W_MAX), 60_000.0),
}


def tuned(orientations: np.ndarray) -> sim.VaryingPoissonSource:
    """Rates of all inputs while one orientation after the other is shown: 5 Hz, and up to 60 Hz at the preferred one."""
    rates = 5.0 + 55.0 * np.exp(4.0 * (np.cos(2.0 * (orientations[:, None] - ANGLES)) - 1.0))
    return sim.VaryingPoissonSource(times=SHOWN * np.arange(len(orientations)), rates=rates)


def run(orientations: np.ndarray, weight: np.ndarray, rule: object, seed: int) -> sim.Result:
    """Show orientations to a neuron whose synapses follow `rule`, or rest where it is None."""
    cell = sim.Population("cell", 1, sim.LIF(v_rest=0.0, v_reset=0.0, v_th=15.0))
    wires = sim.Projection(sim.Population("inputs", N, tuned(orientations)), cell, sim.AllToAll(), weight=weight, plasticity=rule)
    return sim.simulate(sim.Network(wires), SHOWN * len(orientations), engine="clock", dt=0.5, seed=seed)


def tuning(weight: np.ndarray) -> np.ndarray:
    """Rate of the neuron at each of TESTS, Hz, each shown for 6 s; no learning."""
    repeats = 60
    times = run(np.repeat(TESTS, repeats), weight, None, seed=99).spikes["cell"].times
    return np.histogram(times, SHOWN * repeats * np.arange(len(TESTS) + 1))[0] / (1e-3 * SHOWN * repeats)


def selectivity(rates: np.ndarray) -> float:
    """Length of the mean direction of the tuning curve on the doubled angle: 0 without preference, 1 for one orientation alone."""
    return float(np.abs(rates @ np.exp(2j * TESTS)) / rates.sum())


def draw(found: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], path: str) -> None:
    """Tuning before and after, and the weights, a row for each rule."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 5.4), layout="constrained")
    for (name, (before, after, weight)), (left, right) in zip(found.items(), figure.subplots(len(found), 2), strict=True):
        degrees = np.degrees(TESTS)
        left.plot(degrees, before, "o-", color=viz.GREY, label=f"before, index {selectivity(before):.2f}")
        left.plot(degrees, after, "o-", color=viz.BLUE, label=f"after, index {selectivity(after):.2f}")
        left.set(title=name, xlabel="orientation shown (degrees)", ylabel="rate (Hz)", ylim=(0.0, 1.35 * max(before.max(), after.max())))
        left.legend(frameon=False, fontsize=9, loc="upper right", ncols=2)
        right.plot(np.degrees(ANGLES), weight, ".", color=viz.BLUE)
        right.set(xlabel="orientation preferred by the input (degrees)", ylabel="weight (mV)", ylim=(-0.02, 1.05 * W_MAX))
        for axes in (left, right):
            axes.set_xlim(0.0, 180.0)
            axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    start, found = np.full(N, 0.5 * W_MAX), {}
    for name, (rule, duration) in RULES.items():
        for seed in (1, 2):
            shown = np.random.default_rng(seed).uniform(0.0, np.pi, round(duration / SHOWN))
            weight = run(shown, start, rule, seed).weights["inputs -> cell"]
            before, after = tuning(start), tuning(weight)
            found.setdefault(name, (before, after, weight))
            best = np.degrees(TESTS[after.argmax()])
            print(f"{name:>4}, seed {seed}: selectivity {selectivity(before):.2f} -> {selectivity(after):.2f}, ", end="")
            print(f"prefers {best:3.0f} degrees, {after.max():.0f} Hz there and {after.min():.0f} Hz at the least")
            assert selectivity(after) > 0.5 and selectivity(after) > 2.5 * selectivity(before)
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
