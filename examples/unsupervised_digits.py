"""Neurons that learn what digits look like without being told, after Diehl & Cook (2015).

    python examples/unsupervised_digits.py                               # 8x8 digits that ship with snnsim; prints the .out file
    python examples/unsupervised_digits.py --mnist FOLDER --neurons 400  # 10,000 images of MNIST: 8,000 to learn from, 2,000 to test
    python examples/unsupervised_digits.py --picture digits.png          # ... and draws what the neurons respond to

Pixels fire as Poisson sources. A neuron that fires silences the others, and STDP turns its weights towards the image, while their sum
is kept. Each spike also lifts the neuron's own threshold, for long, so that all get their share. Labels are used only when all is
learned: a neuron gets the class for which it fired most, a new image the class whose neurons fire most on average.

Simpler than the paper: synapses are delta pulses, excitatory neurons inhibit each other without interneurons, and the network learns
from 8,000 images, not 60,000.
Source: Diehl & Cook (2015), Front. Comput. Neurosci. 9:99.
"""

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import snnsim as sim

SHOW = 350.0  # ms, as published; instead of the silence of 150 ms that follows there, the network returns to its start
MEMBRANE = {"tau_m": 50.0, "v_rest": -65.0, "v_reset": -60.0, "t_ref": 5.0}  # ms, mV
V_TH, TOTAL = -52.0, 78.4  # mV; TOTAL: sum of the weights onto a neuron, as published


class Task(NamedTuple):
    """Images in 0 .. 1 and their labels, of which the first n_learn are there to learn from; what suits them."""

    images: np.ndarray
    labels: np.ndarray
    n_learn: int
    rate: float  # Hz, of a white pixel
    tau_plus: float  # ms
    jump: float  # mV, of the threshold at a spike


def task(mnist: str | None) -> Task:
    """Return the digits that ship with snnsim, or those in a folder."""
    if mnist is None:
        (images, labels), (more, others) = (sim.data.load_digits(split) for split in ("train", "test"))
        return Task(
            np.concatenate([images, more]) / 16.0, np.concatenate([labels, others]), len(images), rate=128.0, tau_plus=5.0, jump=0.5
        )
    images, labels = sim.data.load_mnist(mnist)
    mixed = np.random.default_rng(0).permutation(len(images))  # their halves come from different writers
    return Task(images[mixed] / 255.0, labels[mixed], 8_000, 64.0, 20.0, 0.2)


def network(
    rates: np.ndarray, cells: sim.Population, weights: np.ndarray, random: np.random.Generator, rules: Sequence = ()
) -> sim.Network:
    """Every neuron sees all pixels of one image after the other, and inhibits all other neurons. rates : Hz [images, pixels]"""

    def read(begin: float, end: float) -> tuple[np.ndarray, np.ndarray]:
        counts = random.poisson(rates[round(begin / SHOW)] * SHOW * 1e-3)
        return begin + SHOW * (1.0 - random.uniform(size=counts.sum())), np.repeat(np.arange(counts.size), counts)

    pixels = sim.Population("pixels", rates[0].size, sim.LiveSource(read=read, interval=SHOW))
    seen = sim.Projection(pixels, cells, sim.AllToAll(), weight=weights.ravel(), plasticity=rules or None)
    return sim.Network(seen, sim.Projection(cells, cells, sim.AllToAll(), weight=-100.0))


def answers(run: sim.Result, n_images: int) -> np.ndarray:
    """Spikes of each neuron during each image, [images, neurons]."""
    spikes = run.spikes["cells"]
    shown = np.ceil(spikes.times / SHOW).astype(int) - 1
    return np.bincount(shown * spikes.n + spikes.indices, minlength=n_images * spikes.n).reshape(n_images, spikes.n)


def learn(task: Task, n: int, passes: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Show the images `passes` times. Returns weights [pixels, neurons], thresholds (mV) and the answers of the last pass."""
    rates = task.rate * task.images[: task.n_learn].reshape(task.n_learn, -1)
    order = np.concatenate([random.permutation(task.n_learn) for _ in range(passes)])
    mean = TOTAL / rates.shape[1]
    rules = (
        sim.PairSTDP(a_plus=0.01, a_minus=0.001, tau_plus=task.tau_plus, pairing="nearest_symmetric", w_max=10.0 * mean),
        sim.WeightNormalisation(total=TOTAL, interval=SHOW),
    )
    cells = sim.Population("cells", n, sim.ALIF(**MEMBRANE, v_th=V_TH, b=0.0, q=task.jump, tau_theta=2e4 * n))
    duration = SHOW * len(order)
    record = {"cells": ["spikes", sim.Record("theta", start=duration - 1.5)]}
    net = network([rates[k] for k in order], cells, random.uniform(0.0, 2.0 * mean, (rates.shape[1], n)), random, rules)
    run = sim.simulate(net, duration, dt=1.0, trials=SHOW, record=record)
    last = np.empty((task.n_learn, n), int)
    last[order[-task.n_learn :]] = answers(run, len(order))[-task.n_learn :]
    return run.weights["pixels -> cells"].reshape(-1, n), V_TH + run.recordings["cells"]["theta"].values[-1], last


def ask(task: Task, weights: np.ndarray, thresholds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Show each of the other images once to what was learned, which now stays as it is. Returns the answers."""
    rates = task.rate * task.images[task.n_learn :].reshape(-1, len(weights))
    cells = sim.Population("cells", len(thresholds), sim.LIF(**MEMBRANE, v_th=thresholds))
    return answers(sim.simulate(network(rates, cells, weights, random), SHOW * len(rates), dt=1.0, trials=SHOW), len(rates))


def votes(given: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the class whose neurons fired most on average, for each image."""
    members = np.arange(10)[:, None] == classes
    return np.argmax(given @ members.T / np.maximum(members.sum(axis=1), 1), axis=1)


def draw(weights: np.ndarray, classes: np.ndarray, confusion: np.ndarray, path: str) -> None:
    """The weights of each neuron as an image, sorted by class; how often images of a class were given each class."""
    from matplotlib.figure import Figure

    side, across = int(np.sqrt(len(weights))), int(np.ceil(np.sqrt(len(classes))))
    down = -(-len(classes) // across)
    fields = np.zeros((down * across, side, side))
    fields[: len(classes)] = (weights / weights.max(axis=0)).T.reshape(-1, side, side)[np.argsort(classes, kind="stable")]
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow(fields.reshape(down, across, side, side).swapaxes(1, 2).reshape(down * side, -1), cmap="Greys", interpolation="nearest")
    left.set(xticks=[], yticks=[], title="weights of the neurons, by class")
    shown = right.imshow(confusion / confusion.sum(axis=1, keepdims=True), cmap="Blues", vmin=0.0, vmax=1.0)
    right.set(xticks=range(10), yticks=range(10), xlabel="class given", ylabel="class", title="images not seen before")
    figure.colorbar(shown, ax=right, label="fraction of the images of a class", shrink=0.8)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", metavar="FOLDER", help="with the files t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, or .gz")
    parser.add_argument("--neurons", type=int, default=100)
    parser.add_argument("--passes", type=int, default=3, help="how often all images are shown")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    digits = task(options.mnist)
    weights, thresholds, given = learn(digits, options.neurons, options.passes, random)
    known, asked = digits.labels[: digits.n_learn], digits.labels[digits.n_learn :]
    classes = np.argmax([given[known == digit].mean(axis=0) for digit in range(10)], axis=0)
    told = votes(ask(digits, weights, thresholds, random), classes)
    confusion = np.bincount(asked * 10 + told, minlength=100).reshape(10, 10)
    print(f"learned from {digits.n_learn} images, shown {options.passes} times, without labels: {options.neurons} neurons")
    print("neurons of each class 0 .. 9:", *np.bincount(classes, minlength=10))
    print(f"images seen, while learning: {100.0 * np.mean(votes(given, classes) == known):.1f} % right")
    print(f"{len(asked)} images not seen before: {100.0 * np.mean(told == asked):.1f} % right")
    if options.picture:
        draw(weights, classes, confusion, options.picture)


if __name__ == "__main__":
    main()
