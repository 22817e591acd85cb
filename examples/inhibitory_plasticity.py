"""Inhibition that learns balances a network: cells fire at the rate they are told, irregularly.

    python examples/inhibitory_plasticity.py                          # prints what inhibitory_plasticity.out holds
    python examples/inhibitory_plasticity.py --picture balance.png    # ... and draws it

1,600 excitatory and 400 inhibitory neurons, driven above threshold. The synapses from inhibition to excitation start at 0, so
excitatory cells fire fast and like clocks. Each of these synapses grows when the spikes of its two sides are close, and shrinks by
a constant at each spike of its source: the rate at which both cancel is rho_0. Nobody sets the balance, and it is where
currents of either sign cancel: what remains is their noise. Cells fire somewhat more often than told.
Source: Vogels, Sprekeler, Zenke, Clopath & Gerstner (2011), Science 334:1569: the rule and what it does; their network has
conductances and is five times as large.
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import analysis, viz

RHO = 5.0  # Hz
DURATION, WINDOW = 16_000.0, 4_000.0  # ms: learning, and what is measured of its end


def network(random: np.random.Generator) -> sim.Network:
    """Three projections are fixed, the one from inhibition to excitation learns; `random` draws the potentials at the start."""
    exc, inh = (
        sim.Population(
            name,
            n,
            sim.LIFExp(
                tau_m=20.0, c_m=200.0, v_rest=-60.0, v_th=-50.0, v_reset=-60.0, t_ref=5.0, i_ext=300.0,  # ms, pF, mV, pA
                tau_syn_exc=5.0, tau_syn_inh=10.0, v_init=random.uniform(-60.0, -50.0, n),
            ),
        )
        for name, n in (("exc", 1_600), ("inh", 400))
    )  # fmt: skip
    rule = sim.InhibitorySTDP(eta=5.0, rho_0=RHO, tau=20.0, w_max=3_000.0)  # pA, Hz, ms, pA
    few = sim.FixedProbability(0.1)
    return sim.Network(
        *(sim.Projection(exc, post, few, weight=10.0, delay=1.0) for post in (exc, inh)),  # pA, ms
        sim.Projection(inh, inh, few, weight=-100.0, delay=1.0),
        sim.Projection(inh, exc, few, weight=0.0, delay=1.0, plasticity=rule),
    )


def regularity(trains: sim.SpikeTrains, begin: float, end: float) -> np.ndarray:
    """CV of the intervals between `begin` and `end`, for the neurons that fired often enough to have one."""
    inside = (trains.times > begin) & (trains.times <= end)
    part = sim.SpikeTrains(trains.times[inside] - begin, trains.indices[inside], trains.n, end - begin)
    return analysis.isi_cv(part)[0]


def draw(learnt: sim.Result, cvs: dict[str, np.ndarray], path: str) -> None:
    """Rates while inhibition learns; spikes before and after; CVs before and after."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 5.0), layout="constrained")
    (rates, before), (spread, after) = figure.subplots(2, 2, width_ratios=(1, 1.3))
    for name, color in (("exc", viz.BLUE), ("inh", viz.RED)):
        times, rate = analysis.population_rate(learnt.spikes[name], 100.0)
        rates.plot(1e-3 * times, rate, color=color, linewidth=1.2, label=name)
    rates.axhline(RHO, color="black", linestyle=":", linewidth=1.2, label="rho_0")
    rates.set(xlabel="time (s)", ylabel="rate (Hz)", xlim=(0.0, 1e-3 * DURATION), ylim=(0.0, 30.0))
    rates.legend(frameon=False, fontsize=9, ncols=3, loc="upper right")
    for name, color in (("before", viz.ORANGE), ("after", viz.BLUE)):
        spread.hist(cvs[name], bins=40, range=(0.0, 2.0), color=color, alpha=0.7, label=name)
    spread.axvline(1.0, color="black", linestyle=":", linewidth=1.2)
    spread.text(1.03, 0.93, "Poisson", transform=spread.get_xaxis_transform(), fontsize=9)
    spread.set(xlabel="CV of an excitatory neuron's intervals", ylabel="neurons", xlim=(0.0, 2.0))
    spread.legend(frameon=False, fontsize=9, loc="center right")
    trains = learnt.spikes["exc"]
    for axes, begin, title in ((before, 0.0, "excitatory spikes, at the start"), (after, DURATION - 500.0, "and at the end")):
        shown = (trains.indices < 100) & (trains.times > begin) & (trains.times <= begin + 500.0)
        axes.plot(1e-3 * trains.times[shown], trains.indices[shown], ".", color=viz.BLUE, markersize=2.5)
        axes.set(title=title, ylabel="neuron", xlabel="time (s)", xlim=(1e-3 * begin, 1e-3 * begin + 0.5), ylim=(0, 100))
    for axes in (rates, spread, before, after):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    net = network(np.random.default_rng(1))
    still = sim.simulate(net, 1_000.0, engine="clock", seed=1, learning=False)
    learnt = sim.simulate(net, DURATION, engine="clock", seed=1)
    trains, begin = learnt.spikes["exc"], DURATION - WINDOW
    cvs = {"before": regularity(still.spikes["exc"], 200.0, 1_000.0), "after": regularity(trains, begin, DURATION)}
    rates = np.bincount(trains.indices[trains.times > begin], minlength=trains.n) / (1e-3 * WINDOW)
    print(f"without learning   {still.spikes['exc'].mean_rate():5.2f} Hz, mean CV of the intervals {cvs['before'].mean():.2f}")
    print(f"after {1e-3 * DURATION:g} s         {rates.mean():5.2f} Hz, mean CV of the intervals {cvs['after'].mean():.2f}")
    print(f"told to fire at    {RHO:5.2f} Hz; half of the neurons are within {np.median(np.abs(rates - RHO)):.2f} Hz of it")
    weight = learnt.weights["inh -> exc"]
    print(f"inhibitory weights {weight.mean():.0f} +- {weight.std():.0f} pA")
    if options.picture:
        draw(learnt, cvs, options.picture)
    assert abs(rates.mean() - RHO) < 0.2 * RHO and still.spikes["exc"].mean_rate() > 4.0 * RHO
    assert cvs["before"].mean() < 0.3 and cvs["after"].mean() > 0.7
    assert (weight <= 0.0).all()


if __name__ == "__main__":
    main()
