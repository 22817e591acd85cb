"""Two convolutional networks as spikes: accuracy at 8 and 4 bits, the proof, and what every code costs.

python examples/convert_mnist_cnn.py --mnist FOLDER                        # prints what convert_mnist_cnn.out holds
python examples/convert_mnist_cnn.py --mnist FOLDER --picture mnist.png    # ... and draws it

Needs torch, and the test images of MNIST: t10k-images-idx3-ubyte(.gz) and t10k-labels-idx1-ubyte(.gz). They do not ship with
snnsim. The shipped networks learned from the first 8,000 of them; figures are of the last 2,000. Takes a minute.
"""

from __future__ import annotations

import argparse

import numpy as np

import snnsim as sim

TRAINED = 8_000  # images that training saw; the others are held out
CODES = ("unary", "binary", "signed_digit", "graded", "time_to_first_spike")
PRICED = 100  # images for the counts of each code


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    return float((scores.argmax(axis=1) == labels).mean())


def by_spikes(spiking: sim.SpikingModel, images: np.ndarray, batch: int = 100) -> tuple[np.ndarray, int, int]:
    """Return the scores of all images by spikes, and integers compared and mismatches beside the integer program."""
    scores, compared, mismatches = [], 0, 0
    for first in range(0, len(images), batch):
        part = images[first : first + batch]
        result = spiking(part, code="graded")
        certificate = spiking.verify(result, spiking.reference(part))
        compared, mismatches = compared + certificate.compared, mismatches + certificate.mismatches
        scores.append(spiking.scores(result))
    return np.concatenate(scores), compared, mismatches


def energy(counts: sim.OperationCounts, profile: str) -> str:
    """Return µJ per image and its interval. Not every chip has a price for every operation."""
    total = sim.estimate_energy(counts, profile, host="horowitz45", per=PRICED, allow_mixed_nodes=True).total
    if total is None:
        return f"{'no price':24s}"
    low, nominal, high = (1e-6 * value for value in total)
    return f"{f'{nominal:,.4g} ({low:,.4g} to {high:,.4g})':24s}"


def tell_costs(spiking: sim.SpikingModel, images: np.ndarray) -> dict[str, sim.OperationCounts]:
    """Print events and energy per image of every code, and of the same integers as an ANN. Returns the counts."""
    reference = spiking.reference(images)
    counts = {code: spiking(images, code=code).counts for code in CODES}
    print(f"  {'code':20s} {'spikes':>9s} {'synaptic operations':>20s}   µJ at 45 nm               µJ on Loihi")
    for code, each in counts.items():
        spikes, synops = (each.total(kind) // PRICED for kind in ("spikes", "synops"))
        print(f"  {code:20s} {spikes:9,d} {synops:20,d}   {energy(each, 'horowitz45')}  {energy(each, 'loihi14').rstrip()}")
    for what, skip in (("as an ANN", False), ("ANN skipping zeros", True)):
        counts[what] = sim.ann_operations(spiking.integer_graph, reference, skip_zeros=skip)
        print(f"  {what:20s} {'':9s} {counts[what].total('macs') // PRICED:15,d} MACs   {energy(counts[what], 'horowitz45').rstrip()}")
    return counts


def answers_over_time(spiking: sim.SpikingModel, images: np.ndarray, labels: np.ndarray, code: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of all spikes that have been emitted, and the accuracy of the answer read at that moment."""
    early = sim.anytime(spiking, images, code=code)
    spikes = early.spikes.mean(axis=1)
    return spikes / spikes[-1], early.accuracy(labels)


def draw(path: str, spiking: sim.SpikingModel, counts: dict[str, sim.OperationCounts], images: np.ndarray, labels: np.ndarray) -> None:
    """Energies by code; accuracy of an answer that is read before the network is silent."""
    from matplotlib.figure import Figure

    from snnsim import viz

    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    bars, early = figure.subplots(1, 2)
    rows = [
        (what, sim.estimate_energy(each, "horowitz45", per=PRICED).total, viz.GREY if "ANN" in what else viz.BLUE)
        for what, each in counts.items()
    ]
    viz.energy_bars(rows, bars, title="mnist_cnn, 8 bits, 45 nm")
    for code, colour in zip(("unary", "signed_digit", "graded"), (viz.RED, viz.BLUE, viz.GREEN), strict=True):
        spikes, right = answers_over_time(spiking, images, labels, code)
        early.plot(100.0 * spikes, 100.0 * right, color=colour, label=code)
    early.set(xlabel="share of the spikes emitted (%)", ylabel="accuracy (%)", title="the answer read early", ylim=(0.0, 101.0))
    early.title.set_fontsize(9)
    early.legend(frameon=False, fontsize=8)
    early.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", metavar="FOLDER", help="folder of the published files of MNIST, which do not ship with snnsim")
    parser.add_argument("--images", type=int, default=2_000, help="how many of the held-out images, at least 100 (default: all 2,000)")
    parser.add_argument("--picture", help="where to store the picture")
    options = parser.parse_args()
    if options.mnist is None:
        parser.error("give --mnist FOLDER, with t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte in it (.gz will do): MNIST does not ship")
    if not PRICED <= options.images <= 2_000:
        parser.error(f"--images {options.images} must be {PRICED} .. 2000: the held-out ones, {PRICED} of which are priced")
    import torch

    torch.set_num_threads(1)
    pixels, labels = sim.data.load_mnist(options.mnist)
    images = pixels[:, None] / np.float32(255.0)
    seen, held_out, labels = images[:512], images[TRAINED:][: options.images], labels[TRAINED:][: options.images]
    for name in ("mnist_cnn", "mnist_resnet"):
        model = getattr(sim.zoo, name)()
        with torch.no_grad():
            exact = torch.cat([model(part) for part in torch.from_numpy(held_out).split(500)]).numpy()
        print(f"{name}: {len(labels):,} held-out images, float {accuracy(exact, labels):.2%}")
        for bits in (8, 4):
            spiking = sim.convert(model, seen, activation_bits=bits, weight_bits=bits)
            scores, compared, mismatches = by_spikes(spiking, held_out)
            print(f" {bits} bits: {accuracy(scores, labels):.2%} by spikes; {compared:,} integers compared, {mismatches} mismatches")
            assert mismatches == 0
            counts = tell_costs(spiking, held_out[:PRICED])
            if options.picture and (name, bits) == ("mnist_cnn", 8):
                draw(options.picture, spiking, counts, held_out[:PRICED], labels[:PRICED])


if __name__ == "__main__":
    main()
