"""One neuron finds a pattern that nobody points out: STDP picks what repeats, then fires ever earlier in it.

    python examples/pattern_detection.py                               # prints what pattern_detection.out holds
    python examples/pattern_detection.py --picture pattern.png         # ... and draws it

2,000 afferents fire at random, all at one mean rate. A third of the time, half of them repeat the same 50 ms of spikes, with a jitter of
1 ms and noise on top: neither a rate nor a count tells when. The neuron starts with equal weights and fires all the time.
Source: Masquelier, Guyonneau & Thorpe (2008), PLoS ONE 3:e1377: their neuron, threshold, weights, noise and pairing of nearest spikes.
Here spikes are Poisson of constant rate, the pattern comes more often, the window of depression is 25 ms instead of 33.7 ms, and pairs of
either sign are restricted to neighbouring spikes.
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import viz

N, PATTERN, DURATION = 2_000, 50.0, 20_000.0  # afferents, ms, ms
BLOCK = 4_000.0  # ms, of which results are reported


def afferents(random: np.random.Generator) -> tuple[sim.SpikeArray, np.ndarray, np.ndarray]:
    """Spikes of all afferents, the onsets of the pattern in ms, and when each afferent first fires in it (NaN: not part of it)."""
    slots = int(DURATION / PATTERN)
    shown = random.random(slots) < 0.5
    for k in range(1, slots):  # never twice in a row
        shown[k] &= not shown[k - 1]
    onsets = PATTERN * np.flatnonzero(shown)

    def poisson(rate: float, n: int, duration: float) -> tuple[np.ndarray, np.ndarray]:
        indices = np.repeat(np.arange(n), random.poisson(1e-3 * rate * duration, n))
        return random.uniform(0.0, duration, len(indices)), indices

    times, indices = poisson(54.0, N, DURATION)
    outside = (indices >= N // 2) | ~shown[(times / PATTERN).astype(int)]
    frozen, members = poisson(54.0, N // 2, PATTERN)
    copies = onsets[:, None] + frozen + random.normal(0.0, 1.0, (len(onsets), len(frozen)))  # jitter, ms
    noise = poisson(10.0, N, DURATION)
    times = np.concatenate([times[outside], copies.ravel(), noise[0]])
    indices = np.concatenate([indices[outside], np.tile(members, len(onsets)), noise[1]])
    first = np.full(N, np.inf)
    np.minimum.at(first, members, frozen)
    inside = (times > 0.0) & (times <= DURATION)
    return sim.SpikeArray(times=times[inside], indices=indices[inside]), onsets, first


def listen(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One run: the neuron's spikes, the onsets, first spikes in the pattern, and the weights learnt as fractions of their bound."""
    source, onsets, first = afferents(np.random.default_rng(seed))
    neuron = sim.LIFExp(tau_m=10.0, tau_syn_exc=2.5, c_m=100.0, v_rest=0.0, v_reset=-15.0, v_th=15.0, t_ref=5.0)  # ms, pF, mV
    w_max = 1.905  # pA: 500 such inputs at once just reach threshold
    rule = sim.PairSTDP(
        a_plus=0.03, a_minus=0.92 * 0.03, tau_plus=16.8, tau_minus=25.0, w_max=w_max, pairing="nearest_restricted"
    )  # fmt: skip
    cell = sim.Population("cell", 1, neuron)
    wires = sim.Projection(sim.Population("afferents", N, source), cell, sim.AllToAll(), weight=0.475 * w_max, delay=0.1, plasticity=rule)
    result = sim.simulate(sim.Network(wires), DURATION, engine="clock", seed=seed)
    return result.spikes["cell"].times, onsets, first, result.weights["afferents -> cell"] / w_max


def latencies(spikes: np.ndarray, onsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Latency of the first spike in each pattern, ms (NaN: none), and the spikes outside of all; jitter lets a spike come 3 ms early."""
    which = np.searchsorted(onsets - 3.0, spikes, side="right") - 1
    inside = (which >= 0) & (spikes < onsets[which] + PATTERN + 3.0)
    latency = np.full(len(onsets), np.nan)
    for k in np.flatnonzero(inside)[::-1]:
        latency[which[k]] = spikes[k] - onsets[which[k]]
    return latency, spikes[~inside]


def measure(spikes: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """Patterns answered (%), false alarms (Hz, per time without pattern) and median latency (ms), for each block; float[blocks, 3]."""
    latency, false = latencies(spikes, onsets)
    rows = []
    for begin in np.arange(0.0, DURATION, BLOCK):
        mine = (onsets >= begin) & (onsets < begin + BLOCK)
        alarms = np.count_nonzero((false >= begin) & (false < begin + BLOCK))
        seconds = 1e-3 * (BLOCK - PATTERN * mine.sum())
        rows.append((100.0 * np.mean(~np.isnan(latency[mine])), alarms / seconds, np.nanmedian(latency[mine])))
    return np.array(rows)


def draw(run: tuple, blocks: np.ndarray, path: str) -> None:
    """The neuron's spikes around the pattern; answers and false alarms over seeds; what was learnt."""
    from matplotlib.figure import Figure

    spikes, onsets, first, weights = run
    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.3, 1, 1))
    latency, false = latencies(spikes, onsets)
    left.plot(1e-3 * onsets, latency, ".", color=viz.BLUE, markersize=4)
    left.plot(1e-3 * false, np.full(len(false), -6.0), "|", color=viz.RED, markersize=7, alpha=0.6)
    left.text(20.0, -4.5, "spikes outside", color=viz.RED, fontsize=9, ha="right", va="bottom")
    left.set(xlabel="time (s)", ylabel="first spike after pattern onset (ms)", ylim=(-9.0, 53.0), xlim=(0.0, 20.0))
    centre = 1e-3 * (np.arange(0.0, DURATION, BLOCK) + 0.5 * BLOCK)
    for values in blocks:
        middle.plot(centre, values[:, 0], "o-", color=viz.BLUE, markersize=4, linewidth=1.0)
        middle.plot(centre, values[:, 1], "s--", color=viz.RED, markersize=4, linewidth=1.0)
    middle.text(20.0, 90.0, "patterns answered (%)", color=viz.BLUE, fontsize=9, ha="right", va="top")
    middle.text(20.0, 12.0, "false alarms (Hz)", color=viz.RED, fontsize=9, ha="right")
    middle.set(xlabel="time (s)", xlim=(0.0, 20.0), ylim=(0.0, 105.0), title=f"{len(blocks)} seeds")
    part = np.isfinite(first)
    right.plot(first[part], weights[part], ".", color=viz.BLUE, markersize=3, label="in the pattern")
    answer = np.nanmedian(latency[onsets > DURATION - BLOCK])
    right.axvline(answer, color=viz.ORANGE, linewidth=1.5)
    right.text(answer + 1.0, 0.93, "it fires here", color=viz.ORANGE, fontsize=9)
    right.set(xlabel="afferent's first spike in the pattern (ms)", ylabel="weight / w_max", xlim=(0.0, 50.0))
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4, help="runs")
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    runs = [listen(seed) for seed in range(options.seeds)]
    blocks = np.array([measure(spikes, onsets) for spikes, onsets, _, _ in runs])
    for seed, (each, (_, _, first, weights)) in enumerate(zip(blocks, runs, strict=True)):
        (hits, alarms, late), middle = each[-1], each[2]
        strong = weights > 0.5
        print(f"seed {seed}: {hits:3.0f} % of the patterns answered, false alarms {each[0, 1]:4.1f} -> {alarms:4.2f} Hz, ", end="")
        print(f"latency {middle[2]:4.1f} -> {late:4.1f} ms, {100 * strong.mean():.0f} % of the weights strong")
        assert hits >= 80.0 and alarms < 0.1 * each[0, 1]
        assert late < middle[2] - 1.0
        assert strong[first < late].mean() > 2.0 * strong[first >= late].mean()  # what fires before the answer was potentiated
    if options.picture:
        draw(runs[0], blocks, options.picture)


if __name__ == "__main__":
    main()
