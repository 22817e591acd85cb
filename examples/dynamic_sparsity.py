"""Is a spiking network better than an ANN that computes less? The digits transformer, sparse in every way, beside its spikes.

python examples/dynamic_sparsity.py                          # prints what dynamic_sparsity.out holds
python examples/dynamic_sparsity.py --picture front.png      # ... and draws accuracy against energy
"""

import argparse

import numpy as np

import snnsim as sim

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--picture", help="where to store the picture")
options = parser.parse_args()

graph, _ = sim.data.load_model("digits")
train = sim.data.patches(sim.data.load_digits("train")[0][:512])
images, labels = sim.data.load_digits("test")
test = sim.data.patches(images)

# A rectified model has fewer values to send: good for an ANN that skips zeros, and for spikes.
rectified = sim.sparsify(graph, sim.ReluMLP(), calibration=train).graph
networks = {"": sim.convert(graph, train), "ReluMLP()": sim.convert(rectified, train)}
rows = sim.sparsity_front(graph, test, labels, calibration=train, spiking=networks)
print("45 nm, per image; * nothing else is as good for as little energy")
print("                       accuracy, %  MACs (synops), 1000  skipped, %  energy, nJ")
for row in rows:
    shown = f"{row.kind} {row.method.replace('_', ' ')}"
    work = f"{row.macs / 1e3:.0f}" if row.kind == "ANN" else f"({row.synops / 1e3:.0f})"
    skipped = f"{100 * row.skipped:.1f}" if row.kind == "ANN" else ""
    numbers = f"{100 * row.quality:11.1f} {work:>20} {skipped:>11} {row.energy.nominal / 1e3:11,.1f}"
    print(f"{shown:<22} {numbers} {'*' if row.best else ' '} {row.setting}".rstrip())

# A stream: one digit turns into the next, a little in every frame. Both sides may send only what changes.
steps = np.linspace(0.0, 1.0, 20, endpoint=False)
frames = np.concatenate([np.rint((1 - t) * test[i] + t * test[i + 1])[None] for i in range(8) for t in steps]).astype(int)
reference = graph.evaluate(frames)["logits"].argmax(axis=-1)
print(f"\n{len(frames)} frames of digits that turn into each other, per frame")
print("                       as dense, %  MACs (synops), 1000  energy, nJ")
streams = {"ANN dense": (), "ANN early exit, relu": (sim.ReluMLP(), sim.EarlyExit(3.0))}
streams |= {f"ANN changes > {threshold}": (sim.Delta(threshold, along="frames"),) for threshold in (0.0, 0.05, 0.1, 0.2)}
for name, methods in streams.items():
    result = sim.sparsify(graph, *methods, calibration=train)(frames)
    energy = sim.estimate_energy(result.counts, "horowitz45", per=len(frames)).total.nominal
    same = (result.outputs["logits"].argmax(axis=-1) == reference).mean()
    print(f"{name:<22} {100 * same:11.1f} {result.counts.total('macs') / len(frames) / 1e3:20.0f} {energy / 1e3:11,.1f}")
for code in ("signed_digit", "graded"):
    spiking, energy, synops, same = networks[""], 0.0, 0, 0
    for result, wanted in zip(spiking.stream(frames[:, None], code=code), reference, strict=True):
        energy += sim.estimate_energy(result.counts, "horowitz45").total.nominal / len(frames)
        synops += result.counts.total("synops")
        same += int(spiking.scores(result).argmax() == wanted)
    work = f"({synops / len(frames) / 1e3:.0f})"
    print(f"{'SNN ' + code.replace('_', ' '):<22} {100 * same / len(frames):11.1f} {work:>20} {energy / 1e3:11,.1f}")

if options.picture:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    sim.viz.sparsity_front(rows, left, legend=False).set_title("ANN and spikes", fontsize=10)
    near = [row for row in rows if row.kind == "ANN" and row.quality > 0.95]
    sim.viz.sparsity_front(near, right, intervals=False).set_title("ANN alone, above 95 %", fontsize=10)
    figure.savefig(options.picture, dpi=110)
