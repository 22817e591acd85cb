"""4,000 neurons that keep each other firing, by currents: the network of Vogels & Abbott (2005).

    python examples/cuba.py                      # prints what cuba.out holds
    python examples/cuba.py --picture cuba.png   # ... and draws spikes, potentials and how irregular they are

Each neuron rests 1 mV above threshold, so alone it would fire 19 times a second, like a clock. The network holds it to a third of that,
at irregular times, and needs no noise from outside to do so.
Source: Vogels & Abbott (2005), J. Neurosci. 25:10786; Brette et al. (2007), J. Comput. Neurosci. 23:349, benchmark 2.
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import analysis, viz


def network(random: np.random.Generator) -> sim.Network:
    """3,200 excitatory and 800 inhibitory neurons, two in a hundred pairs connected; `random` draws the potentials at the start."""
    exc, inh = (
        sim.Population(
            name,
            n,
            sim.LIFExp(
                tau_m=20.0, c_m=200.0, v_rest=-49.0, v_th=-50.0, v_reset=-60.0, t_ref=5.0,  # ms, pF, mV, ms
                tau_syn_exc=5.0, tau_syn_inh=10.0, v_init=random.uniform(-60.0, -50.0, n),
            ),
        )
        for name, n in (("exc", 3_200), ("inh", 800))
    )  # fmt: skip
    return sim.Network(
        *(sim.Projection(exc, post, sim.FixedProbability(0.02), weight=16.2, delay=0.1) for post in (exc, inh)),  # pA, ms
        *(sim.Projection(inh, post, sim.FixedProbability(0.02), weight=-90.0, delay=0.1) for post in (exc, inh)),
    )


def draw(spikes: dict[str, sim.SpikeTrains], v: sim.Recording, cv: np.ndarray, path: str) -> None:
    """Spikes and rates; the potential of one neuron; the CV of the intervals over the population."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1.6, 1))
    left, above, below = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    viz.raster(spikes, left, histogram=5.0, window=(v.times[0] - 0.1, v.times[-1]))
    viz.traces(v, above, neurons=2, v_th=-50.0, spikes=spikes["exc"])
    below.hist(cv, bins=40, range=(0.0, 2.0), color=viz.BLUE)
    below.axvline(1.0, color=viz.ORANGE, linewidth=1.5)
    below.text(1.03, 0.92, "Poisson", transform=below.get_xaxis_transform(), fontsize=9)
    below.set(xlabel="CV of a neuron's interspike intervals", ylabel="neurons", xlim=(0.0, 2.0))
    below.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duration", type=float, default=5_000.0, help="ms")
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    if not options.duration >= 500.0:
        parser.error("--duration must be at least 500 ms: a neuron fires every 180 ms")
    net = network(np.random.default_rng(5))
    run = sim.simulate(net, options.duration, engine="clock", seed=1)
    print(run.counts.total("synops"), "synaptic operations")
    cvs = {name: analysis.isi_cv(trains)[0] for name, trains in run.spikes.items()}
    for name, trains in run.spikes.items():
        print(f"{name}: {trains.mean_rate():.2f} Hz, mean CV of the intervals {cvs[name].mean():.2f}")
    frequencies, power = analysis.power_spectrum(run.spikes["exc"], segment=500.0)
    print(f"the population's strongest frequency is {frequencies[power.argmax()]:.0f} Hz")
    if options.picture:  # half a second more, with potentials
        more = sim.simulate(net, 500.0, record={"exc": ["spikes", "v"], "inh": ["spikes"]}, engine="clock", start=run.state)
        draw(dict(more.spikes), more.recordings["exc"]["v"], cvs["exc"], options.picture)


if __name__ == "__main__":
    main()
