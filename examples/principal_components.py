"""Spiking neurons find principal components: Oja's rule the first one, Sanger's the first three.

    python examples/principal_components.py                       # prints what principal_components.out holds
    python examples/principal_components.py --picture pca.png     # ... and draws weights and angles

Eight Poisson inputs follow three hidden signals. The neurons integrate without leak and have a bias, so that their rate is linear
in their input: bias + sum of weight times rate, in Hz for weights in mV and a threshold of 1 mV. Only what a spike lifts a potential
beyond threshold is lost. The same 40 s of spikes are presented 20 times; from the fifth time on the learning rate falls as 1,
1/2, 1/3, ... After each presentation the bias of a neuron is corrected by how far its mean rate was off, as the rules take rates
about a fixed one. Weights are compared with the eigenvectors, from numpy, of the covariance of the inputs, counted from these
spikes and low-passed as the rules do.
Source: Oja (1982), J. Math. Biol. 15:267; Sanger (1989), Neural Netw. 2:459.
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import viz

N, PIECE = 8, 100.0  # inputs; ms, how long a signal keeps its value
MEAN, SIZES, BIAS = 240.0, (200.0, 150.0, 110.0), 400.0  # Hz: inputs, signals, neurons
TAU, INTERVAL, ALPHA = 50.0, 50.0, 36.0  # ms, ms; weights tend to the length 1 / sqrt(ALPHA) mV
EPOCH = 40_000.0  # ms
RATES = (1e-5,) * 4 + tuple(1e-5 / k for k in range(1, 17))  # learning rate of each presentation
NAMES = ("oja", "sanger")


def inputs(duration: float, random: np.random.Generator) -> sim.VaryingPoissonSource:
    """Rates around MEAN that follow three uniform signals along three orthogonal waves."""
    phase = 2.0 * np.pi * np.arange(N) / N
    waves = np.stack([np.cos(phase), np.sin(phase), np.cos(2.0 * phase)]) / np.sqrt(N / 2)
    pieces = round(duration / PIECE)
    signals = np.sqrt(3.0) * random.uniform(-1.0, 1.0, (pieces, 3)) * SIZES
    return sim.VaryingPoissonSource(times=PIECE * np.arange(pieces), rates=np.maximum(MEAN + signals @ waves, 0.0))


def network(source: sim.VaryingPoissonSource, weights: dict[str, np.ndarray], bias: dict[str, np.ndarray], eta: float) -> sim.Network:
    """One neuron that learns by Oja's rule and three that learn by Sanger's, from the same inputs."""
    rates, parts = sim.Population("inputs", N, source), []
    for name, rule in zip(NAMES, (sim.RateOja, sim.RateSanger), strict=True):
        neuron = sim.IF(v_th=1.0, v_reset=0.0, t_ref=0.0, c_m=1.0, i_ext=1e-3 * bias[name])  # mV, ms, pF, pA
        learning = rule(eta=eta, tau=TAU, interval=INTERVAL, alpha=ALPHA, theta_pre=MEAN, theta_post=BIAS)
        cells = sim.Population(name, weights[name].shape[1], neuron)
        parts.append(sim.Projection(rates, cells, sim.AllToAll(), weight=weights[name].ravel(), plasticity=learning))
    return sim.Network(*parts)


def covariance(trains: sim.SpikeTrains) -> np.ndarray:
    """Covariance of the rates as the rules see them, float[N, N] Hz^2."""
    steps = round(trains.duration / INTERVAL)
    counts = np.histogram2d(trains.times, trains.indices, [INTERVAL * np.arange(steps + 1), np.arange(N + 1)])[0]
    keep, rate, rates = np.exp(-INTERVAL / TAU), np.full(N, MEAN), np.empty((steps, N))
    for k in range(steps):
        rate = keep * rate + (1.0 - keep) * counts[k] * 1e3 / INTERVAL
        rates[k] = rate
    return np.cov(rates.T, bias=True)


def longest_silence(trains: sim.SpikeTrains) -> float:
    """Longest time in ms that a neuron goes without a spike between its first and its last."""
    return max(np.diff(trains.times[trains.indices == k]).max() for k in range(trains.n))


def angles(weight: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Angle in degrees between weight vectors float[..., N, k] and the first k columns of `vectors`, whatever their signs."""
    along = np.abs((weight * vectors[:, : weight.shape[-1]]).sum(axis=-2)) / np.linalg.norm(weight, axis=-2)
    return np.degrees(np.arccos(np.minimum(along, 1.0)))


def draw(times: np.ndarray, courses: dict[str, np.ndarray], vectors: np.ndarray, path: str) -> None:
    """Angles in time; weights learnt beside eigenvectors."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.4, 1, 1))
    colors = (viz.BLUE, viz.ORANGE, viz.GREEN)
    left.plot(1e-3 * times, angles(courses["oja"], vectors)[:, 0], color="black", linestyle="--", label="Oja")
    for k, color in enumerate(colors):
        left.plot(1e-3 * times, angles(courses["sanger"], vectors)[:, k], color=color, label=f"Sanger {k + 1}")
    left.set(xlabel="time (s)", ylabel="angle to eigenvector (degrees)", yscale="log", ylim=(0.2, 100.0), yticks=[1, 10, 90])
    left.set_yticklabels(["1", "10", "90"])
    left.legend(frameon=False, fontsize=9)
    for axes, name in ((middle, "oja"), (right, "sanger")):
        final = courses[name][-1]
        for k in range(final.shape[1]):
            vector = vectors[:, k] * np.sign(final[:, k] @ vectors[:, k]) / np.sqrt(ALPHA)
            axes.plot(np.arange(1, N + 1), vector, color=colors[k], linewidth=1.2, label="eigenvector" if k == 0 else None)
            axes.plot(np.arange(1, N + 1), final[:, k], "o", color=colors[k], label="weights" if k == 0 else None)
        axes.set(xlabel="input", ylabel="weight (mV)", title=name.capitalize(), xticks=range(1, N + 1), ylim=(-0.11, 0.13))
        axes.legend(frameon=False, fontsize=9, ncols=2, loc="upper center")
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    weights = {name: random.normal(0.0, 0.1, (N, k)) for name, k in zip(NAMES, (1, 3), strict=True)}
    bias = {name: np.full(weights[name].shape[1], BIAS) for name in NAMES}
    source, times, courses = inputs(EPOCH, random), [], {name: [] for name in NAMES}
    for eta in RATES:  # the same seed, the same spikes
        net = network(source, weights, bias, eta)
        record = {name: ["spikes"] for name in ("inputs", *NAMES)} | {
            f"inputs -> {name}": sim.Record("weight", every=2_000.0) for name in NAMES
        }
        run = sim.simulate(net, EPOCH, record=record, engine="event", seed=options.seed)
        recording = {name: run.recordings[f"inputs -> {name}"]["weight"] for name in NAMES}
        times.append(recording["oja"].times + (times[-1][-1] if times else 0.0))
        for name in NAMES:
            courses[name].append(recording[name].values.reshape(-1, N, weights[name].shape[1]))
            weights[name] = run.weights[f"inputs -> {name}"].reshape(N, -1)
            bias[name] = bias[name] + BIAS - run.spikes[name].rates()
    size, vectors = np.linalg.eigh(covariance(run.spikes["inputs"]))
    size, vectors = size[::-1], vectors[:, ::-1]
    print("variances along the components", np.round(size[:5]).astype(int), "Hz^2")
    found = {name: angles(weights[name], vectors) for name in NAMES}
    print(f"Oja     {found['oja'][0]:.2f} degrees from the first, length {np.linalg.norm(weights['oja']):.3f} mV", end="")
    print(f" (1 / sqrt(alpha) = {ALPHA**-0.5:.3f})")
    print("Sanger ", ", ".join(f"{angle:.2f}" for angle in found["sanger"]), "degrees from the first three")
    off = max(np.abs(run.spikes[name].rates() - BIAS).max() for name in NAMES)
    silence = max(longest_silence(run.spikes[name]) for name in NAMES)
    print(f"Neurons in the last presentation: mean rates within {off:.2f} Hz of {BIAS:.0f} Hz, longest silence {silence:.1f} ms")
    if options.picture:
        draw(np.concatenate(times), {name: np.concatenate(course) for name, course in courses.items()}, vectors, options.picture)
    assert found["oja"][0] < 2.0
    assert (found["sanger"] < 3.0).all()
    assert off < 1.0 and silence < TAU  # rates stay linear: about their mean, and never cut off at 0


if __name__ == "__main__":
    main()
