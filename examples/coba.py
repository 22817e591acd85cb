"""4,000 neurons that keep each other firing, by conductances: the network of Vogels & Abbott (2005).

    python examples/coba.py                      # prints what coba.out holds
    python examples/coba.py --picture coba.png   # ... and draws spikes, conductances and the currents they let through

Synapses open conductances, and together these outweigh the membrane's own several times over: a neuron in the network is quicker
to forget than the same neuron alone, and excitation and inhibition cancel up to a rest that fluctuates.
Source: Vogels & Abbott (2005), J. Neurosci. 25:10786; Brette et al. (2007), J. Comput. Neurosci. 23:349, benchmark 1.
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import analysis, viz

TAU_M, C_M, E_EXC, E_INH, I_EXT = 20.0, 200.0, 0.0, -80.0, 200.0  # ms, pF, mV, mV, pA
G_LEAK = C_M / TAU_M  # nS


def network(random: np.random.Generator) -> sim.Network:
    """3,200 excitatory and 800 inhibitory neurons, two in a hundred pairs connected; `random` draws the potentials at the start."""
    exc, inh = (
        sim.Population(
            name,
            n,
            sim.LIFCondExp(
                tau_m=TAU_M, c_m=C_M, v_rest=-60.0, v_th=-50.0, v_reset=-60.0, t_ref=5.0, i_ext=I_EXT,  # ms, pF, mV, ms, pA
                e_rev_exc=E_EXC, e_rev_inh=E_INH, tau_syn_exc=5.0, tau_syn_inh=10.0, v_init=random.uniform(-60.0, -50.0, n),
            ),
        )
        for name, n in (("exc", 3_200), ("inh", 800))
    )  # fmt: skip
    return sim.Network(
        *(sim.Projection(exc, post, sim.FixedProbability(0.02), weight=6.0, delay=0.1) for post in (exc, inh)),  # nS, ms
        *(sim.Projection(inh, post, sim.FixedProbability(0.02), weight=-67.0, delay=0.1) for post in (exc, inh)),
    )


def draw(run: sim.Result, path: str) -> None:
    """Spikes and rates; the conductances of one neuron; the currents they let through, which all but cancel."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1.3, 1))
    left, above, below = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    states = run.recordings["exc"]
    times, (v, g_exc, g_inh) = states["v"].times, (states[name].values[:, 0] for name in ("v", "g_exc", "g_inh"))
    viz.raster(run.spikes, left, histogram=5.0, window=(times[0] - 0.1, times[-1]))
    for g, colour, name in ((g_inh, viz.RED, "inhibition"), (g_exc, viz.BLUE, "excitation")):
        above.plot(times, g, color=colour, linewidth=1.0, label=name)
    above.axhline(G_LEAK, color=viz.GREY, linestyle=(0, (5, 3)), linewidth=1.0, label="membrane")
    above.set(ylabel="conductance (nS)", ylim=(0.0, None))
    below.plot(times, g_exc * (E_EXC - v) + I_EXT, color=viz.BLUE, linewidth=1.0, label="excitation and constant")
    below.plot(times, g_inh * (E_INH - v), color=viz.RED, linewidth=1.0, label="inhibition")
    total = g_exc * (E_EXC - v) + I_EXT + g_inh * (E_INH - v)
    below.plot(times, total, color="black", linewidth=1.0, label="sum")
    below.set(ylabel="current (pA)")
    for ax in (above, below):
        ax.set(xlabel="time (ms)", xlim=(times[0], times[-1]))
        ax.legend(fontsize=8, frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duration", type=float, default=1_000.0, help="ms")
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    if not options.duration >= 300.0:
        parser.error("--duration must be at least 300 ms: a neuron fires every 50 ms")
    net = network(np.random.default_rng(5))
    run = sim.simulate(net, options.duration, engine="clock", seed=1)
    # A quarter of a second more, with states: recording all of them for longer would only fill memory.
    record = {"exc": ["spikes", "v", "g_exc", "g_inh"], "inh": ["spikes"]}
    more = sim.simulate(net, 250.0, record=record, engine="clock", start=run.state)
    print(run.counts.total("synops"), "synaptic operations")
    for name, trains in run.spikes.items():
        print(f"{name}: {trains.mean_rate():.1f} Hz, mean CV of the intervals {analysis.isi_cv(trains)[0].mean():.2f}")
    g_exc, g_inh = (more.recordings["exc"][name].values.mean() for name in ("g_exc", "g_inh"))
    print(f"mean conductances: membrane {G_LEAK:.0f} nS, excitation {g_exc:.0f} nS, inhibition {g_inh:.0f} nS")
    print(f"so a potential is forgotten within {C_M / (G_LEAK + g_exc + g_inh):.1f} ms, not {TAU_M:.0f} ms")
    if options.picture:
        draw(more, options.picture)


if __name__ == "__main__":
    main()
