"""A frozen transformer learns a digit it has never seen, from a handful of examples, by STDP in a spiking readout.

python examples/few_shot_readout.py                         # prints what few_shot_readout.out holds
python examples/few_shot_readout.py --picture few_shot.png  # ... and draws it

The transformer was trained without nines (examples/train_digits_transformer.py --without 9) and is converted into a network of
integer units, which stays as it is. Two of its layers are read: `pool`, which its classifier sees, and `block1.hidden`, the hidden
layer of its last block, summed over tokens. Their settled spike counts become spike trains of a second network, in ms, since a
network holds models of one kind. There one LIF neuron per digit listens, through plastic synapses that start at 0:

- pair STDP, potentiation alone; a teacher holds all readout neurons silent but the one of the digit shown, which it makes fire
- the weights onto a neuron are scaled to one length after every image (Oja 1982): they become a running mean of its examples
- tonic lines fire alike for every image, and inhibit all readout neurons alike. A class of weak examples has more of its length
  on them, and so the neuron that is driven most is, to first order in 1 / TONIC, that of the nearest class mean

Ten times the readout first learns the nine known digits from ten examples each, then the nine. All figures are of held-out images;
layer, gain and learning rate were chosen with them in view. Beside it, on the same counts and examples: the nearest class mean, and
a linear probe (ridge regression, classes weighted alike, with the best of five penalties for the held-out images, in its favour).
"""

import argparse

import numpy as np

import snnsim as sim
from snnsim import viz

NEW, SHOTS, KNOWN = 9, (1, 2, 5, 10), 10  # a digit, examples of it, examples of each other digit
SHOW, PAUSE, STEP = 100.0, 100.0, 0.5  # ms: an image, the silence after it, the step of the clock
FULL = 32  # spikes for the largest value that a layer can take
TONIC, TONIC_SPIKES = 8, 40  # inputs that fire alike for every image
LENGTH, RATE = 300.0, 0.0025  # mV: length of the weight vector of a neuron; change by a pair of spikes at no distance, of that
METHODS = ("spiking readout", "nearest class mean", "linear probe")
LAYERS = {"pool": "what the classifier sees", "block1.hidden": "hidden layer of the last block"}


def counts_of(model: sim.SpikingModel, values: dict, layer: str) -> np.ndarray:
    """Return spikes per image and input line: positive and negative counts on lines of their own, tonic lines last.

    Channels emit in steps of their own; counts are made comparable by what a step is worth.
    """
    about = model.integer_graph.layers[layer]
    worth = np.broadcast_to(about.scale, about.shape[-1:])
    real = values[layer] * (FULL / (worth.max() * about.unit.bounds()[1]) * worth)
    settled = real if real.ndim == 2 else np.maximum(real, 0).mean(axis=1)
    lines = np.concatenate([np.maximum(settled, 0), np.maximum(-settled, 0)], axis=1)
    lines = lines if layer == "pool" else lines[:, : settled.shape[1]]
    return np.pad(np.floor(lines + 0.5).astype(int), ((0, 0), (0, TONIC)), constant_values=TONIC_SPIKES)


def trains(counts: np.ndarray) -> sim.SpikeArray:
    """Return regular spike trains: image after image, each line at a phase of its own."""
    image, line = np.nonzero(counts)
    n = counts[image, line]
    which = np.repeat(np.arange(len(n)), n)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(n) - n, n)
    phase = (line * 0.618 + 0.309) % 1.0
    times = image[which] * (SHOW + PAUSE) + SHOW * (nth + phase[which]) / n[which]
    return sim.SpikeArray(times=np.maximum(times, 0.01), indices=line[which])


def learn(counts: np.ndarray, digits: np.ndarray) -> sim.Result:
    """Show images with their digits, int[images, lines] and int[images]; return the run, weights after every image recorded."""
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
    return sim.simulate(net, len(digits) * (SHOW + PAUSE), engine="clock", dt=STEP, record=record)


def answer(counts: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Show images to trained readouts, weights float[lines, 10] each; return the digits they name, int[readouts, images].

    The neuron that fires most names the digit; of several, the one that fired its last spike first.
    """
    n = len(weights)
    lines = sim.Population("lines", counts.shape[1], trains(counts))
    readout = sim.Population("readout", (n, 10), sim.LIF(t_ref=0.0))
    fixed = np.array(weights).transpose(1, 0, 2).ravel()
    net = sim.Network(
        sim.Projection(lines, readout, sim.AllToAll(), weight=fixed),
        sim.Projection(lines[-TONIC:], readout, sim.AllToAll(), weight=-LENGTH / np.sqrt(TONIC)),
    )
    spikes = sim.simulate(net, len(counts) * (SHOW + PAUSE), engine="clock", dt=STEP).spikes["readout"]
    trial = np.minimum(((spikes.times - 1e-6) // (SHOW + PAUSE)).astype(int), len(counts) - 1)
    fired, last = np.zeros((2, n * 10, len(counts)))
    np.add.at(fired, (spikes.indices, trial), 1.0)
    np.maximum.at(last, (spikes.indices, trial), spikes.times - trial * (SHOW + PAUSE))
    return (fired - last / (SHOW + PAUSE)).reshape(n, 10, -1).argmax(axis=1)


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


def run(draws: int) -> tuple[dict, sim.Result, dict[str, sim.Result]]:
    """Return the percentages by (layer, shots, method), the forward passes of the test images, and a run of lessons by layer."""
    graph, _ = sim.data.load_model(f"digits_without_{NEW}")
    (images, digits), (held_out, labels) = sim.data.load_digits("train"), sim.data.load_digits("test")
    digits, labels = digits.astype(int), labels.astype(int)
    model = sim.convert(graph, sim.data.patches(images[digits != NEW][:512]))
    random = np.random.default_rng(1)
    chosen = [[random.permutation(np.flatnonzero(digits == digit))[:KNOWN] for digit in range(10)] for _ in range(draws)]
    lessons = [np.concatenate([random.permutation(np.concatenate(draw[:NEW])), draw[NEW]]) for draw in chosen]
    used, place = np.unique(np.concatenate(lessons), return_inverse=True)
    place = place.reshape(draws, -1)
    examples, tested = model(sim.data.patches(images[used])), model(sim.data.patches(held_out))
    mismatches = model.verify(tested, model.reference(sim.data.patches(held_out))).mismatches
    named = model.scores(tested).argmax(axis=1)
    print(f"transformer without nines: {100 * (named == labels)[labels != NEW].mean():.2f} % of the other digits, {mismatches} mismatches")

    percent, taught = {}, {}
    for layer in LAYERS:
        x, test = (counts_of(model, part.values, layer) for part in (examples, tested))
        weights = []
        for order in place:
            taught[layer] = learn(x[order], digits[used[order]])
            weights.append(taught[layer].recordings["lines -> readout"]["weight"].values.reshape(len(order), -1, 10))
        begin = len(place[0]) - KNOWN
        said = answer(test, [weights[draw][begin + k - 1] for k in (0, *SHOTS) for draw in range(draws)]).reshape(-1, draws, len(test))
        plain, plain_test = x[:, :-TONIC].astype(float), test[:, :-TONIC].astype(float)
        for k, answers in zip((0, *SHOTS), said, strict=True):
            percent[layer, k, "spiking readout"] = share(answers, labels)
        for k in SHOTS:
            given = [(plain[order[: begin + k]], digits[used[order[: begin + k]]]) for order in place]
            percent[layer, k, "nearest class mean"] = share(np.array([nearest_mean(*each, plain_test) for each in given]), labels)
            percent[layer, k, "linear probe"] = share(best([probes(*each, plain_test) for each in given], labels), labels)
    return percent, tested, taught


def prices(tested: sim.Result, taught: dict[str, sim.Result]) -> dict[str, list]:
    """Return by profile what one image costs, with its bounds, pJ: the frozen network reads it, and the readout learns it."""
    out = {}
    for profile in ("loihi14", "horowitz45"):
        reads = sim.estimate_energy(tested.counts, profile, host="horowitz45", allow_mixed_nodes=True, per=len(tested.values["pool"]))
        out[profile] = [("the transformer reads it", reads.total)]
        for layer, result in taught.items():
            lessons = round(result.duration / (SHOW + PAUSE))
            out[profile].append((f"a lesson on {layer}", sim.estimate_energy(result.counts, profile, per=lessons).total))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", help="where to store the picture")
    parser.add_argument("--draws", type=int, default=10, help="how many choices of examples")
    options = parser.parse_args()
    percent, tested, taught = run(options.draws)
    print(f"nines named rightly (sd) | other digits named rightly, %: mean of {options.draws} draws of examples")
    print("layer, nines shown " + "".join(f"{name:>22}" for name in METHODS))
    for layer in LAYERS:
        print(f"{layer:13}  none{'-':>15} | {percent[layer, 0, METHODS[0]][1].mean():.1f}")
        for k in SHOTS:
            cells = [percent[layer, k, name] for name in METHODS]
            print(f"{layer:13}{k:6d}" + "".join(f"{new.mean():8.1f} ({new.std():4.1f}) | {old.mean():.1f}" for new, old in cells))
    lesson = taught["block1.hidden"]
    n, part = round(lesson.duration / (SHOW + PAUSE)), lesson.counts.layers["lines -> readout"]
    print(f"a lesson on block1.hidden: {part['synops'] // n} synaptic operations, {part['plasticity_updates'] // n} updates of a synapse")
    table = prices(tested, taught)
    for profile, rows in table.items():
        for what, total in rows:
            low, nominal, high = (1e-6 * value for value in total)
            print(f"{profile:>10}: {what:26} {nominal:7.3f} µJ ({low:.3f} to {high:.3f})")
    d = lesson.recordings["lines -> readout"]["weight"].values.shape[1] // 10
    macs = sim.OperationCounts({"probe": {"macs": n * d * (d + 10) + d**3 // 3}}, {"probe": "ann"})
    total = sim.estimate_energy(macs, "horowitz45", per=n).total
    print(f"horowitz45: a probe solved for {n} images   {1e-6 * total.nominal:.4f} µJ an image, arithmetic alone, as if in 8 bits")
    if options.picture:
        draw(options.picture, percent, lesson, table)


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
        ax.set(xscale="log", xlabel="nines shown", ylabel="right (%)", ylim=(0.0, 102.0), title=f"{layer},\n{what}")
        ax.set_xticks(SHOTS, [str(k) for k in SHOTS])
        ax.title.set_fontsize(9)
    curves[0].legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(0.0, 0.95))
    learned = lesson.recordings["lines -> readout"]["weight"].values[-1].reshape(-1, 10)
    image = weights.imshow(learned[:-TONIC].T, aspect="auto", cmap="viridis", interpolation="nearest")
    weights.set(
        xlabel="line of block1.hidden", ylabel="readout neuron", yticks=range(10), title="learned weights (mV),\ntonic lines left out"
    )
    weights.title.set_fontsize(9)
    figure.colorbar(image, ax=weights)
    rows = [(f"{what}\n{profile}", 1e-6 * np.array(total)) for profile, each in table.items() for what, total in each]
    middle = [energy[1] for _, energy in rows]
    reach = np.transpose([(energy[1] - energy[0], energy[2] - energy[1]) for _, energy in rows])
    costs.barh(range(len(rows)), middle, xerr=reach, color=[viz.GREY, viz.BLUE, viz.BLUE] * 2, capsize=2)
    costs.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=7)
    costs.invert_yaxis()
    costs.set(xscale="log", xlabel="energy per image (µJ)", title="reading and learning,\none image")
    costs.title.set_fontsize(9)
    for ax in (*curves, costs):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
