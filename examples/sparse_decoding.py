"""A small language model that writes token by token reads its weights for each: here sparse activations save most. Beside its spikes.

python examples/sparse_decoding.py --text tinyshakespeare.txt      # prints what sparse_decoding.out holds

Needs torch, and the text that the model was trained on.
"""

import argparse

import numpy as np

import snnsim as sim

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--text", required=True, help="a text in the characters of the model: its last tenth is read")
parser.add_argument("--pieces", type=int, default=24, help="pieces of the text that are read")
options = parser.parse_args()

CONTEXT = 64
model = sim.zoo.char_gpt()


def windows(split, n):
    """Return n pieces of the text and the characters that follow each of theirs, int64[n, CONTEXT] both."""
    idx = model.encode(sim.data.load_text(options.text, split))[0].numpy()
    pieces = np.stack([idx[start : start + CONTEXT + 1] for start in np.linspace(0, len(idx) - CONTEXT - 1, n).astype(int)])
    return pieces[:, :-1], pieces[:, 1:]


(train, _), (test, following) = windows("train", 32), windows("test", options.pieces)
graph = sim.sparsify(model, calibration=train).graph
settings = {
    "relu": [sim.ReluMLP()],
    "top k hidden": [sim.TopKHidden(fraction) for fraction in (0.5, 0.25)],
    "threshold": [
        *[sim.ActivationThreshold(fraction=fraction) for fraction in (0.5, 0.25)],
        *[sim.ActivationThreshold(fraction=fraction, at="inputs") for fraction in (0.9, 0.8, 0.7, 0.6)],
    ],
    "delta": [sim.Delta(threshold) for threshold in (0.05, 0.1, 0.2)],
    "early exit": [sim.EarlyExit(margin) for margin in (4.0, 3.0)],
    "top k attention": [sim.TopKAttention(k) for k in (16, 8)],
    "combined": [
        (sim.ReluMLP(), sim.TopKAttention(16)),
        (sim.ReluMLP(), sim.TopKAttention(16), sim.ActivationThreshold(fraction=0.8, at="inputs")),
    ],
}
rows = sim.sparsity_front(
    graph, test, following, calibration=train, methods=settings, quality="perplexity", decoding=True,
    spiking=sim.convert(graph, train), codes=("signed_digit", "graded"),
)  # fmt: skip
print("45 nm, per character; * nothing else is as good for as little energy")
print("                       perplexity  MACs (synops), 1000  skipped, %  energy, µJ  of it weights, %")
for row in rows:
    work = f"{row.macs / CONTEXT / 1e3:.0f}" if row.kind == "ANN" else f"({row.synops / CONTEXT / 1e3:.0f})"
    skipped = f"{100 * row.skipped:.1f}" if row.kind == "ANN" else ""
    energy = row.energy.nominal
    fetched = sum(kinds["weight_fetches"].nominal for kinds in row.report.parts.values() if "weight_fetches" in kinds) / energy
    numbers = f"{row.quality:10.3f} {work:>20} {skipped:>11} {energy / CONTEXT / 1e6:11.3f} {100 * fetched:17.0f}"
    print(f"{row.kind + ' ' + row.method.replace('_', ' '):<22} {numbers} {'*' if row.best else ' '} {row.setting}".rstrip())
