"""Four ways for one random network to be active: figure 8 of Brunel (2000).

    python examples/brunel.py                        # prints what brunel.out holds
    python examples/brunel.py --picture brunel.png   # ... and draws the figure of the paper

12,500 neurons, each with 1,000 excitatory and 250 inhibitory inputs from the network and as much noise as 1,000 more inputs would
carry. Two numbers decide what they do: g, by how much inhibition outweighs excitation, and eta, the noise in units of what would
just bring a neuron to threshold. Source: Brunel (2000), J. Comput. Neurosci. 8:183, figure 8 and table 1.
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import analysis, viz

# name: g, eta, duration of the run, of its start that is left out, and of its end that is drawn (ms); the rate of a neuron and the
# frequency of the population in the simulations of the paper (Hz, its table 1)
REGIMES = {
    "SR, synchronous regular": (3.0, 2.0, 200.0, 100.0, 100.0, None, None),
    "SI, fast": (6.0, 4.0, 500.0, 100.0, 200.0, 60.7, 180.0),
    "AI, asynchronous irregular": (5.0, 2.0, 500.0, 100.0, 200.0, 37.7, None),
    "SI, slow": (4.5, 0.9, 1_200.0, 200.0, 400.0, 5.5, 22.0),
}
N_EXC, N_INH, C_EXC, C_INH = 10_000, 2_500, 1_000, 250
TAU_M, V_TH, J, DELAY = 20.0, 20.0, 0.1, 1.5  # ms, mV above rest, mV, ms


def network(g: float, eta: float, random: np.random.Generator) -> sim.Network:
    """The network of the paper: `g` and `eta` as there; `random` draws the potentials at the start."""
    threshold_rate = 1e3 * V_TH / (J * TAU_M)  # Hz, of all inputs to a neuron together
    parts = []
    exc, inh = (
        sim.Population(name, n, sim.LIF(tau_m=TAU_M, v_rest=0.0, v_th=V_TH, v_reset=10.0, t_ref=2.0, v_init=random.uniform(0.0, V_TH, n)))
        for name, n in (("exc", N_EXC), ("inh", N_INH))
    )
    for post in (exc, inh):
        noise = sim.Population(f"noise_{post.name}", post.size, sim.PoissonSource(rate=eta * threshold_rate))
        parts.append(sim.Projection(noise, post, sim.OneToOne(), weight=J, delay=DELAY))
        parts.append(sim.Projection(exc, post, sim.FixedInDegree(C_EXC), weight=J, delay=DELAY))
        parts.append(sim.Projection(inh, post, sim.FixedInDegree(C_INH), weight=-g * J, delay=DELAY))
    return sim.Network(*parts)


def measure(trains: sim.SpikeTrains, skip: float) -> dict[str, float]:
    """Rate (Hz), CV of the intervals, Fano factor of the population's count in 1 ms, and its strongest frequency (Hz)."""
    window = (skip, trains.duration)
    later = trains.times > skip
    frequencies, power = analysis.power_spectrum(trains, width=0.5, segment=min(200.0, window[1] - skip), window=window)
    return {
        "rate": 1e3 * later.sum() / (trains.n * (window[1] - skip)),
        "cv": analysis.isi_cv(sim.SpikeTrains(trains.times[later], trains.indices[later], trains.n, trains.duration))[0].mean(),
        "synchrony": analysis.count_synchrony(trains, 1.0, window=window),
        "frequency": frequencies[power.argmax()],
    }


def draw(runs: dict[str, sim.SpikeTrains], path: str) -> None:
    """50 neurons of each network, and below them the activity of all 10,000 in bins of 0.1 ms, as in the paper."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 6.4), layout="constrained")
    for place, (name, trains), letter in zip(figure.add_gridspec(2, 2), runs.items(), "ABCD", strict=True):
        g, eta, stop, _, shown, *_ = REGIMES[name]
        window = (stop - shown, stop)
        above, below = place.subgridspec(2, 1, height_ratios=(1.4, 1)).subplots()
        few = trains.indices < 50
        viz.raster(sim.SpikeTrains(trains.times[few], trains.indices[few], 50, trains.duration), above, colour="black", window=window)
        above.set(xlabel="", yticks=[0, 25, 50])
        above.tick_params(labelbottom=False)
        above.set_title(letter, loc="left", fontweight="bold", fontsize=11)
        above.set_title(f"{name}:  g = {g:g}, η = {eta:g}", fontsize=10)
        times, rates = analysis.population_rate(trains, 0.1, window=window)
        below.fill_between(times, rates, step="mid", color=viz.BLUE, linewidth=0.6)
        below.set(xlabel="time (ms)", ylabel="rate (Hz)", xlim=window, ylim=(0.0, None))
        below.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    runs = {}
    print(f"{N_EXC + N_INH} neurons, {(N_EXC + N_INH) * (C_EXC + C_INH)} synapses; in brackets the paper")
    for name, (g, eta, duration, skip, _, *published) in REGIMES.items():
        net = network(g, eta, np.random.default_rng(0))
        runs[name] = sim.simulate(net, duration, record={"exc": ["spikes"]}, engine="clock", seed=1).spikes["exc"]
        found = measure(runs[name], skip)
        rate, frequency = (f"({value:g})" if value else "" for value in published)
        print(f"{name:<27} {found['rate']:5.1f} Hz {rate:<6}  CV {found['cv']:.2f}", end="  ")
        print(f"Fano factor of 1 ms {found['synchrony']:6.1f}  strongest at {found['frequency']:3.0f} Hz {frequency}".rstrip())
    if options.picture:
        draw(runs, options.picture)


if __name__ == "__main__":
    main()
