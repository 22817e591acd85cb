"""A frozen transformer learns a digit it has never seen, from a handful of examples, by STDP in a spiking readout.

python examples/few_shot_readout.py                         # prints what few_shot_readout.out holds
python examples/few_shot_readout.py --picture few_shot.png  # ... and draws it

The transformer was trained without nines (examples/train_digits_transformer.py --without 9) and is converted into a network of
integer units, which stays as it is. Two of its layers are read: `pool`, which its classifier sees, and `block1.hidden`, the hidden
layer of its last block, summed over tokens. Their settled spike counts become spike trains of a second network, in ms, since a
network holds models of one kind. There one LIF neuron per digit listens, through plastic synapses that start at 0:

- pair STDP, pre before post; a teacher holds all readout neurons silent but the one of the digit shown, which it makes fire
- the weights onto a neuron are scaled to one length after every image (Oja 1982): they become a running mean of its examples
- tonic inputs fire alike for every image and inhibit all readout neurons alike. In the weight vector they take the share that is
  not needed for a strong example, so that the neuron that fires most is, to first order, that of the nearest class mean

Ten times, the readout first learns the nine known digits, ten examples each, and then the nine. Images are the held-out ones.
Beside it, on the same counts and examples: nearest class mean, and a linear probe (ridge regression, classes weighted alike, the
best of five penalties on the test images, so in its favour).
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import viz

NEW, SHOTS, KNOWN, DRAWS = 9, (1, 2, 5, 10), 10, 10  # a digit, examples of it, of each other digit, draws of examples
SHOW, PAUSE, STEP = 100.0, 100.0, 0.5  # ms: an image, the silence after it, the step of the clock
UNIT = 4  # counts of the transformer per spike
TONIC, TONIC_SPIKES = 8, 40  # inputs that fire alike for every image
LENGTH, RATE = 300.0, 0.0025  # mV: length of the weight vector of a neuron; change by a pair of spikes at no distance, of that
METHODS = ("spiking readout", "nearest class mean", "linear probe")
LAYERS = {"pool": "what the classifier sees", "block1.hidden": "hidden layer of the last block"}


def counts_of(values: dict, layer: str) -> np.ndarray:
    """Return spikes per image and input line: positive and negative counts on lines of their own, tonic lines last."""
    settled = values[layer] if values[layer].ndim == 2 else np.maximum(values[layer], 0).mean(axis=1)
    lines = np.concatenate([np.maximum(settled, 0), np.maximum(-settled, 0)], axis=1)
    lines = lines[:, lines.any(axis=0)] if layer == "pool" else lines[:, : settled.shape[1]]
    return np.pad(np.floor(lines / UNIT + 0.5).astype(int), ((0, 0), (0, TONIC)), constant_values=TONIC_SPIKES)


def trains(counts: np.ndarray) -> sim.SpikeArray:
    """Return regular spike trains: image after image, each line at a phase of its own."""
    image, line = np.nonzero(counts)
    n = counts[image, line]
    which = np.repeat(np.arange(len(n)), n)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(n) - n, n)
    phase = (line * 0.618 + 0.309) % 1.0
    times = image[which] * (SHOW + PAUSE) + SHOW * (nth + phase[which]) / n[which]
    return sim.SpikeArray(times=np.maximum(times, 0.01), indices=line[which])


def learn(counts: np.ndarray, digits: np.ndarray) -> tuple[np.ndarray, sim.Result]:
    """Show images with their digits; return the weights after each, float[images, lines, 10], and the run."""
    beats = np.arange(5.0, SHOW + 5.0, 10.0)  # ms: when the teacher fires
    times = (np.arange(len(digits))[:, None] * (SHOW + PAUSE) + beats).ravel()
    lines = sim.Population("lines", counts.shape[1], trains(counts))
    teacher = sim.Population("teacher", 10, sim.SpikeArray(times=times, indices=np.repeat(digits, len(beats))))
    readout = sim.Population("readout", 10, sim.LIF(i_ext=-1e6))  # pA: nobody fires unless taught
    rules = [
        sim.PairSTDP(a_plus=RATE, a_minus=0.0, w_max=LENGTH),
        sim.WeightNormalisation(total=LENGTH, norm=2.0, interval=SHOW + PAUSE),
    ]
    net = sim.Network(
        sim.Projection(lines, readout, sim.AllToAll(), weight=0.0, plasticity=rules),
        sim.Projection(teacher, readout, sim.OneToOne(), weight=2e5),
    )
    record = {"lines -> readout": sim.Record("weight", every=SHOW + PAUSE), "readout": "spikes"}
    result = sim.simulate(net, len(digits) * (SHOW + PAUSE), engine="clock", dt=STEP, record=record)
    return result.recordings["lines -> readout"]["weight"].values.reshape(len(digits), -1, 10), result


def answer(counts: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, sim.Result]:
    """Show images to trained readouts, float[readouts, lines, 10]; return the digit each names, int[readouts, images], and the run.

    The neuron that fires most names the digit; of several, the one that fired its last spike first.
    """
    n = len(weights)
    lines = sim.Population("lines", counts.shape[1], trains(counts))
    readout = sim.Population("readout", (n, 10), sim.LIF(t_ref=0.0))
    fixed = np.array(weights).transpose(1, 0, 2).ravel()
    inhibition = -LENGTH / np.sqrt(TONIC)
    net = sim.Network(
        sim.Projection(lines, readout, sim.AllToAll(), weight=fixed),
        sim.Projection(lines[-TONIC:], readout, sim.AllToAll(), weight=inhibition),
    )
    result = sim.simulate(net, len(counts) * (SHOW + PAUSE), engine="clock", dt=STEP)
    spikes = result.spikes["readout"]
    trial = np.minimum(((spikes.times - 1e-6) // (SHOW + PAUSE)).astype(int), len(counts) - 1)
    fired, last = np.zeros((2, n * 10, len(counts)))
    np.add.at(fired, (spikes.indices, trial), 1.0)
    np.maximum.at(last, (spikes.indices, trial), spikes.times - trial * (SHOW + PAUSE))
    return (fired - last / (SHOW + PAUSE)).reshape(n, 10, -1).argmax(axis=1), result


def nearest_mean(x: np.ndarray, digits: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the digit whose mean example is nearest, int[images]."""
    means = np.array([x[digits == digit].mean(axis=0) for digit in range(10)])
    return (2.0 * test @ means.T - (means**2).sum(axis=1)).argmax(axis=1)


def probes(x: np.ndarray, digits: np.ndarray, test: np.ndarray) -> list[np.ndarray]:
    """Return the answers of ridge regressions onto the digits, one for each of five penalties."""
    scale = np.sqrt((x**2).sum(axis=1).mean())
    weight = 1.0 / np.bincount(digits, minlength=10)[digits]
    gram, wanted = x.T @ (weight[:, None] * x) / scale**2, x.T @ (weight[:, None] * np.eye(10)[digits]) / scale
    return [(test / scale @ np.linalg.solve(gram + p * np.eye(len(gram)), wanted)).argmax(axis=1) for p in 10.0 ** np.arange(-4.0, 1.0)]


def share(answers: np.ndarray, digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which part of the nines, and of the other digits, each readout names rightly, in percent."""
    right, new = 100.0 * (answers == digits), digits == NEW
    return right[:, new].mean(axis=1), right[:, ~new].mean(axis=1)


def best(answers: list[list[np.ndarray]], digits: np.ndarray) -> np.ndarray:
    """Return the answers of the penalty that is right most often, both kinds of digits weighted alike; answers[draw][penalty]."""
    several = np.array(answers).swapaxes(0, 1)
    return several[np.argmax([np.add(*share(each, digits)).mean() for each in several])]


def run() -> tuple[dict, sim.Result, dict[str, sim.Result]]:
    """Return the percentages by (layer, shots, method), the forward passes of the test images, and a run of lessons by layer."""
    graph, _ = sim.data.load_model(f"digits_without_{NEW}")
    (images, digits), (held_out, labels) = sim.data.load_digits("train"), sim.data.load_digits("test")
    digits, labels = digits.astype(int), labels.astype(int)
    model = sim.convert(graph, sim.data.patches(images[digits != NEW][:512]))
    random = np.random.default_rng(1)
    chosen = [[random.permutation(np.flatnonzero(digits == digit))[:KNOWN] for digit in range(10)] for _ in range(DRAWS)]
    lessons = [np.concatenate([random.permutation(np.concatenate(draw[:NEW])), draw[NEW]]) for draw in chosen]
    used, place = np.unique(np.concatenate(lessons), return_inverse=True)
    place = place.reshape(DRAWS, -1)
    examples, tested = model(sim.data.patches(images[used])), model(sim.data.patches(held_out))
    mismatches = model.certificate(tested, model.reference(sim.data.patches(held_out))).mismatches
    named = model.scores(tested).argmax(axis=1)
    print(f"transformer without nines: {100 * (named == labels)[labels != NEW].mean():.2f} % of the other digits, {mismatches} mismatches")

    percent, taught = {}, {}
    for layer in LAYERS:
        x, test = counts_of(examples.values, layer), counts_of(tested.values, layer)
        weights = {}
        for draw, order in enumerate(place):
            weights[draw], taught[layer] = learn(x[order], digits[used[order]])
        ends = [len(place[0]) - KNOWN + k for k in SHOTS]
        said, _ = answer(test, [weights[draw][end - 1] for end in ends for draw in range(DRAWS)])
        plain, plain_test = x[:, :-TONIC].astype(float), test[:, :-TONIC].astype(float)
        for i, (k, end) in enumerate(zip(SHOTS, ends, strict=True)):
            given = [(plain[order[:end]], digits[used[order[:end]]]) for order in place]
            percent[layer, k, "spiking readout"] = share(said[i * DRAWS : (i + 1) * DRAWS], labels)
            percent[layer, k, "nearest class mean"] = share(np.array([nearest_mean(*each, plain_test) for each in given]), labels)
            percent[layer, k, "linear probe"] = share(best([probes(*each, plain_test) for each in given], labels), labels)
    return percent, tested, taught


def prices(tested: sim.Result, taught: dict[str, sim.Result]) -> dict[str, list[tuple[str, object]]]:
    """Return by profile what one image costs: the frozen network reads it, and the readout learns it."""
    out = {}
    for profile in ("loihi14", "horowitz45"):
        reads = sim.estimate_energy(tested.counts, profile, host="horowitz45", per=len(tested.values["pool"]))
        out[profile] = [("the transformer reads an image", reads)]
        for layer, result in taught.items():
            lessons = round(result.duration / (SHOW + PAUSE))
            out[profile].append((f"a lesson on {layer}", sim.estimate_energy(result.counts, profile, per=lessons)))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    percent, tested, taught = run()
    print(f"{'':16}{'nines right, % (mean and sd of 10 draws)':>52}   {'others right, %':>23}")
    print(f"{'layer':14}{'nines':>6}   " + "".join(f"{name:>20}" for name in METHODS))
    for layer in LAYERS:
        for k in SHOTS:
            cells = [percent[layer, k, name] for name in METHODS]
            row = "".join(f"{new.mean():14.1f} ({new.std():4.1f})"[-20:] for new, _ in cells)
            print(f"{layer:14}{k:6d}   {row}   " + "".join(f"{known.mean():7.1f}" for _, known in cells))
    result = taught["block1.hidden"]
    lessons = round(result.duration / (SHOW + PAUSE))
    part = result.counts.layers["lines -> readout"]
    print(f"a lesson: {part['plasticity_updates'] // lessons} updates of a synapse, {part['synops'] // lessons} synaptic operations")
    table = prices(tested, taught)
    for profile, rows in table.items():
        for what, report in rows:
            low, nominal, high = (1e-6 * value for value in report.total)
            print(f"{profile:>10}  {what:30} {nominal:7.3f} µJ ({low:.3f} to {high:.3f})")
    d, n = 65, lessons
    macs = sim.OperationCounts({"probe": {"macs": n * d * (d + 10) + d**3 // 3}}, {"probe": "ann"})
    print(
        f"horowitz45  the probe, solved once for {n} images    {sim.estimate_energy(macs, 'horowitz45', per=n)} an image, arithmetic alone"
    )
    if options.picture:
        draw(options.picture, percent, result, table)


def draw(path: str, percent: dict, lesson: sim.Result, table: dict) -> None:
    """What was learned from how many nines, what a neuron learned, and what it cost."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 3.8), layout="constrained")
    *curves, weights, costs = figure.subplots(1, 4, width_ratios=(3, 3, 3, 4))
    for ax, (layer, what) in zip(curves, LAYERS.items(), strict=True):
        for name, colour in zip(METHODS, (viz.BLUE, viz.ORANGE, viz.GREY), strict=True):
            new = [percent[layer, k, name][0] for k in SHOTS]
            ax.errorbar(SHOTS, np.mean(new, axis=1), np.std(new, axis=1), color=colour, capsize=2, marker="o", markersize=4, label=name)
        others = [percent[layer, k, METHODS[0]][1].mean() for k in SHOTS]
        ax.plot(SHOTS, others, color=viz.BLUE, linestyle=":", label="other digits, spiking readout")
        ax.set(xscale="log", xlabel="nines shown", ylabel="right (%)", ylim=(0.0, 102.0), title=f"{layer}: {what}")
        ax.set_xticks(SHOTS, [str(k) for k in SHOTS])
        ax.title.set_fontsize(9)
    curves[1].legend(frameon=False, fontsize=7, loc="lower right")
    learned = lesson.recordings["lines -> readout"]["weight"].values[-1].reshape(-1, 10)
    image = weights.imshow(learned.T, aspect="auto", cmap="viridis", interpolation="nearest")
    weights.set(xlabel="input line (the last 8 tonic)", ylabel="readout neuron", yticks=range(10), title="learned weights (mV)")
    weights.title.set_fontsize(9)
    figure.colorbar(image, ax=weights)
    rows = [(f"{what}\n{profile}", report.total) for profile, each in table.items() for what, report in each]
    middle = [1e-6 * total.nominal for _, total in rows]
    reach = [[1e-6 * abs(end - total.nominal) for _, total in rows for end in (total[i],)] for i in (0, 2)]
    costs.barh(range(len(rows)), middle, xerr=reach, color=[viz.GREY, viz.BLUE, viz.BLUE] * 2, capsize=2)
    costs.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=7)
    costs.invert_yaxis()
    costs.set(xscale="log", xlabel="energy per image (µJ)", title="reading and learning")
    costs.title.set_fontsize(9)
    for ax in (*curves, costs):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
