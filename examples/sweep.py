"""A phase diagram: the rate and the irregularity of Brunel's network over g and eta, three seeds each, on all cores.

    python examples/sweep.py                        # prints what sweep.out holds
    python examples/sweep.py --picture sweep.png    # ... and draws both over the plane
    python examples/sweep.py --store sweep.jsonl    # can be stopped at any time; the same command goes on
    python examples/sweep.py --scheduler tcp://host:8786    # on the workers of a Dask cluster

1,250 neurons, each with 100 excitatory and 25 inhibitory inputs. Beside each rate stands that of the mean-field theory: the rate at
which a neuron fires when each of its inputs fires at that rate, independently of the others (Siegert's formula). The CV is missing
where a run is too short for it: of rare spikes it would see short intervals alone.
Sources: Siegert (1951), Phys. Rev. 81:617; Brunel (2000), J. Comput. Neurosci. 8:183.
"""

import argparse

import numpy as np
from scipy import integrate, optimize, special

import snnsim as sim
from snnsim import analysis

C_EXC, C_INH = 100, 25
TAU_M, V_TH, V_RESET, T_REF = 20.0, 20.0, 10.0, 2.0  # ms, mV above rest, mV, ms
J, DELAY = 0.2, 1.5  # mV, ms
THRESHOLD_RATE = 1e3 * V_TH / (J * C_EXC * TAU_M)  # Hz, of each excitatory input
DURATION, SKIP = 400.0, 100.0  # ms
GRID = {"g": [3.0, 4.5, 6.0, 8.0], "eta": [0.9, 1.5, 2.0, 4.0]}


def regime(g: float, eta: float, seed: int) -> dict[str, float]:
    """Return the rate (Hz) and the CV of the intervals of one network, once it has forgotten its start."""
    random = np.random.default_rng(seed)
    parts = []
    exc, inh = (
        sim.Population(
            name, n, sim.LIF(tau_m=TAU_M, v_rest=0.0, v_th=V_TH, v_reset=V_RESET, t_ref=T_REF, v_init=random.uniform(0.0, V_TH, n))
        )
        for name, n in (("exc", 1_000), ("inh", 250))
    )
    for post in (exc, inh):
        noise = sim.Population(f"noise_{post.name}", post.size, sim.PoissonSource(rate=eta * THRESHOLD_RATE * C_EXC))
        parts.append(sim.Projection(noise, post, sim.OneToOne(), weight=J, delay=DELAY))
        parts.append(sim.Projection(exc, post, sim.FixedInDegree(C_EXC), weight=J, delay=DELAY))
        parts.append(sim.Projection(inh, post, sim.FixedInDegree(C_INH), weight=-g * J, delay=DELAY))
    trains = sim.simulate(sim.Network(*parts), DURATION, record={"exc": ["spikes"]}, engine="clock", seed=seed).spikes["exc"]
    late = trains.times > SKIP
    cv, _ = analysis.isi_cv(sim.SpikeTrains(trains.times[late], trains.indices[late], trains.n, trains.duration))
    per_neuron = late.sum() / trains.n
    return {"rate": 1e3 * per_neuron / (DURATION - SKIP), "cv": cv.mean() if per_neuron > 6.0 else None}


def theory(g: float, eta: float) -> float:
    """Return the rate (Hz) that the network has when every input is an independent Poisson process of that rate."""

    def excess(rate: float) -> float:
        noise, seconds = eta * THRESHOLD_RATE, 1e-3 * TAU_M
        mean = C_EXC * J * seconds * (noise + rate * (1.0 - g * C_INH / C_EXC))
        spread = np.sqrt(C_EXC * J**2 * seconds * (noise + rate * (1.0 + g**2 * C_INH / C_EXC)))
        ends = [(v - mean) / spread for v in (V_RESET, V_TH)]
        interval = 1e-3 * T_REF + seconds * np.sqrt(np.pi) * integrate.quad(lambda u: special.erfcx(-u), *ends)[0]
        return 1.0 / interval - rate

    return optimize.brentq(excess, 0.0, 1e3 / T_REF)


def draw(means: sim.SweepTable, path: str) -> None:
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 3.4), layout="constrained")
    panels = (("rate", "rate (Hz)", {"norm": LogNorm()}), ("cv", "CV of the intervals", {"vmin": 0.0}))
    for ax, (value, label, scale) in zip(figure.subplots(1, 2), panels, strict=True):
        grid, g, eta = means.pivot(value, "g", "eta")
        shown = ax.imshow(grid.T, origin="lower", aspect="auto", cmap="viridis", **scale)
        ax.set(xlabel="g, inhibition / excitation", ylabel="η, noise / threshold")
        ax.set_xticks(range(len(g)), [f"{value:g}" for value in g])
        ax.set_yticks(range(len(eta)), [f"{value:g}" for value in eta])
        figure.colorbar(shown, ax=ax, label=label)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", help="where to store the picture")
    parser.add_argument("--store", help="a .jsonl that takes every finished point")
    parser.add_argument("--scheduler", help="'threads', 'sync' or the address of a Dask cluster; default processes")
    options = parser.parse_args()
    table = sim.sweep(regime, GRID, seeds=3, store=options.store, scheduler=options.scheduler, progress=True)
    means = table.mean(over="seed")
    print(f"{len(table)} runs; rate (Hz) with its 95 % interval over 3 seeds, of the theory, CV of the intervals")
    for row in means:
        spread = f"[{row['rate_low']:5.1f}, {row['rate_high']:5.1f}]"
        said = f"{row['rate']:5.1f} {spread}  theory {theory(row['g'], row['eta']):5.1f}"
        said += f"  CV {row['cv']:.2f}" if row["cv_n"] else "  CV not seen"
        print(f"g = {row['g']:3.1f}  eta = {row['eta']:3.1f}  {said}")
    if options.picture:
        draw(means, options.picture)


if __name__ == "__main__":
    main()
