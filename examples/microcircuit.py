"""A square millimetre of early sensory cortex: four layers, eight populations (Potjans & Diesmann 2014).

    python examples/microcircuit.py                             # a tenth of the neurons; prints what microcircuit.out holds
    python examples/microcircuit.py --picture microcircuit.png  # ... and draws spikes and rates
    python examples/microcircuit.py --scale 0.3                 # rates come closer; 1 is all 77,169 neurons and 299 million synapses

A smaller network has fewer inputs per neuron. As in van Albada et al. (2015), weights then grow by 1 / sqrt(scale), which keeps the
variance of the input, and a constant current makes up for the mean that is lost. Correlations are larger than at full scale, rates a
little lower: as low as NEST's at the same scale.
Sources: Potjans & Diesmann (2014), Cereb. Cortex 24:785, tables 4 and 5; van Albada, Helias & Diesmann (2015), PLoS Comput. Biol.
11:e1004490, for scaling. Rates at full scale: full_mean_rates of the reference implementation in PyNEST, of one run; for the
excitatory populations the paper has 0.86, 4.45, 7.59 and 1.09 Hz.
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import analysis, viz

NAMES = ("L2/3E", "L2/3I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
# Probability of at least one synapse, from the population of a column to that of a row.
PROBABILITIES = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)
EXTERNAL = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])  # inputs from outside to each neuron, at 8 Hz
FULL_RATES = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])  # Hz, of the network at full scale
MEMBRANE = {"tau_m": 10.0, "c_m": 250.0, "v_rest": -65.0, "v_th": -50.0, "v_reset": -65.0, "t_ref": 2.0}  # ms, pF, mV
TAU_SYN = 0.5  # ms
W = 87.8  # pA: lifts the potential by 0.15 mV at its peak


def network(scale: float, random: np.random.Generator) -> sim.Network:
    """The microcircuit with `scale` of its neurons and of the inputs of each; `random` draws the potentials at the start."""
    pairs = np.outer(SIZES, SIZES).astype(float)
    synapses = np.log(1.0 - PROBABILITIES) / np.log(1.0 - 1.0 / pairs)  # several between one pair are allowed
    weights = np.tile([W, -4.0 * W], (8, 4))
    weights[0, 2] *= 2.0  # L4E to L2/3E
    mean_input = (weights * synapses / SIZES[:, None]) @ FULL_RATES + W * EXTERNAL * 8.0  # pA Hz
    makes_up = (1.0 - np.sqrt(scale)) * 1e-3 * TAU_SYN * mean_input  # pA
    cells = []
    for name, size, current in zip(NAMES, np.rint(SIZES * scale).astype(int), makes_up, strict=True):
        start = np.minimum(random.normal(-58.0, 10.0, size), -50.01)  # mV: those above threshold fire at once
        model = sim.LIFExp(**MEMBRANE, tau_syn_exc=TAU_SYN, tau_syn_inh=TAU_SYN, i_ext=current, v_init=start)
        cells.append(sim.Population(name, int(size), model))
    parts = []
    for post, row, counts, external in zip(
        cells, weights / np.sqrt(scale), np.rint(synapses * scale**2).astype(int), EXTERNAL, strict=True
    ):
        noise = sim.Population(f"to {post.name}", post.size, sim.PoissonSource(rate=8.0 * external * scale))
        parts.append(sim.Projection(noise, post, sim.OneToOne(), weight=W / np.sqrt(scale), delay=1.5))
        for pre, weight, count in zip(cells, row, counts, strict=True):
            if count:
                sign = {"low": 0.0} if weight > 0.0 else {"high": 0.0}
                late = 1.5 if weight > 0.0 else 0.75  # ms
                parts.append(
                    sim.Projection(
                        pre,
                        post,
                        sim.FixedTotalNumber(int(count), autapses=True, multapses=True),
                        weight=sim.Normal(mean=weight, std=0.1 * abs(weight), **sign),
                        delay=sim.Normal(mean=late, std=0.5 * late, low=0.1, step=0.1),
                    )
                )
    return sim.Network(*parts)


def draw(spikes: dict[str, sim.SpikeTrains], window: tuple[float, float], path: str) -> None:
    """Spikes of all populations, layer 2/3 on top, excitation black and inhibition grey as in the paper; rates beside the full ones."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    shades = ["black", "0.55"] * 4
    viz.raster(dict(reversed(spikes.items())), left, colour=shades[::-1], window=(window[1] - 400.0, window[1]))
    rates = [np.bincount(trains.indices[trains.times > window[0]], minlength=trains.n) for trains in spikes.values()]
    rates = [1e3 * counts / (window[1] - window[0]) for counts in rates]
    places = np.arange(1, 9)
    for place, rate, shade in zip(places, rates, shades, strict=True):
        lines = {"color": shade, "linewidth": 1.4}
        right.boxplot(
            rate, positions=[place], orientation="horizontal", widths=0.62, showfliers=False,
            boxprops=lines, whiskerprops=lines, capprops=lines, medianprops=lines,
        )  # fmt: skip
    right.plot([rate.mean() for rate in rates], places, "D", color=viz.BLUE, markersize=6, label="mean of this network")
    right.plot(FULL_RATES, places, "o", color="none", markeredgecolor=viz.RED, markersize=12, markeredgewidth=1.6, label="at full scale")
    right.set(xlabel="firing rate of a neuron (Hz)", xlim=(-0.3, None), ylim=(8.6, 0.4))
    right.set_yticks(places, labels=NAMES)
    right.legend(fontsize=8, frameon=False, loc="upper right")
    right.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.1, help="share of the neurons, and of the inputs of each")
    parser.add_argument("--duration", type=float, default=1_000.0, help="ms; the first 200 are left out")
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    if not 0.05 <= options.scale <= 1.0 or not options.duration >= 1_000.0:
        parser.error("--scale must be 0.05 to 1, --duration at least 1000 ms: some neurons fire once a second")
    net = network(options.scale, np.random.default_rng(0))
    result = sim.simulate(net, options.duration, engine="clock", seed=1)
    spikes = {name: result.spikes[name] for name in NAMES}
    window = (200.0, options.duration)
    synapses = sum(part.connector.n for part in net.projections.values() if isinstance(part.connector, sim.FixedTotalNumber))
    print(f"{sum(trains.n for trains in spikes.values())} neurons, {synapses} synapses")
    print(f"{'':10}rate  full scale    LV  synchrony")
    for (name, trains), full in zip(spikes.items(), FULL_RATES, strict=True):
        rate = analysis.population_rate(trains, 1.0, window=window)[1].mean()
        irregular, synchrony = analysis.isi_lv(trains)[0].mean(), analysis.count_synchrony(trains, 3.0, window=window)
        print(f"{name:<6} {rate:5.2f} Hz   {full:5.2f} Hz  {irregular:4.2f}       {synchrony:4.1f}")
    if options.picture:
        draw(spikes, window, options.picture)


if __name__ == "__main__":
    main()
