# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From a trained transformer to spikes
#
# A transformer computes with dense multiplications. A spiking network computes with events: a neuron adds up what
# arrives and speaks only when it has something to say. This notebook turns a *trained* transformer into a spiking
# network, shows that nothing is lost on the way, and counts what it costs. Every claim is asserted by code.

# %%
import matplotlib.pyplot as plt
import numpy as np

import snnsim as sim

# %% [markdown]
# ## 1. The trained model
#
# A small transformer encoder reads an 8x8 digit as 16 patches of 2x2 pixels: embedding and positions, two blocks of
# softmax attention, LayerNorm and GELU, mean over tokens, a linear head.

# %%
graph, about = sim.data.load_model("digits")
images, labels = sim.data.load_digits("test")
inputs = sim.data.patches(images)  # (images, 16 tokens, 4 pixels), whole numbers 0 .. 16
floats = graph.evaluate(inputs)
accuracy = (floats["logits"].argmax(axis=1) == labels).mean()
print(graph)
print(f"float accuracy on {len(labels)} held-out images: {accuracy:.2%}")
assert accuracy >= 0.96

# %% [markdown]
# ## 2. Integers
#
# Spikes are counted, so everything they carry must be whole numbers: weights of 8 bits, activations of 8 bits, and one
# whole-number *threshold* per neuron that takes care of all scales. The result is a program over integers. Rounding is
# the only approximation in the whole conversion, and it happens here.

# %%
calibration = sim.data.patches(sim.data.load_digits("train")[0][:512])
model = sim.convert(graph, calibration)
reference = model.reference(inputs)
quantised = (reference["logits"].acc.argmax(axis=1) == labels).mean()
print(f"integer accuracy: {quantised:.2%}")
for row in [row for row in model.layers if row.unit][:8]:  # without what was folded into them
    print(f"{row.name:15s} {row.unit:12s} {row.label:8s} {row.shape!s:14s} {row.levels:4d} levels")
assert abs(quantised - accuracy) <= 0.003

# %% [markdown]
# ## 3. A neuron that counts
#
# The neuron of this network adds up its input `acc` and remembers how many spikes `s` it has sent, net. It sends +1
# while its membrane is above the threshold and -1 while it is below zero, until `s` is the rounded quotient
# `floor(acc / theta + 1/2)`. Negative spikes take back what turned out to be too much.

# %%
theta = 10
x = sim.Population("x", (1,), sim.IntegerInput(s_min=-60, s_max=60))
neuron = sim.Population("neuron", (1,), sim.Staircase(theta=theta, s_min=-5, s_max=5))
one = sim.Network(sim.Projection(x, neuron, sim.OneToOne()))
drive = np.arange(-60, 61)
settled = sim.simulate(one, inputs=drive[:, None], code="unary").values["neuron"][:, 0]
assert (settled == np.clip(np.floor(drive / theta + 0.5), -5, 5)).all()

fig, ax = plt.subplots(figsize=(5, 2.6), layout="constrained")
ax.step(drive, settled, where="mid", color=sim.viz.BLUE)
ax.set(xlabel="input (accumulator units)", ylabel="net spikes sent")
ax.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## 4. Silence is the answer
#
# Run all neurons together until nobody has anything left to say. Whatever the order in which spikes arrive, the final
# state is the same, because integer sums do not depend on order. Here are three random orders, with random delays.

# %%
few = inputs[:5]
runs = [model(few, code="unary", schedule="shuffled", seed=seed) for seed in range(3)]
print("events sent:", [run.counts.total("spikes") for run in runs])
for run in runs:
    assert model.verify(run, model.reference(few)).mismatches == 0
assert len({run.counts.total("spikes") for run in runs}) == 3  # the ways differ, the answer does not

# %% [markdown]
# The **certificate** compares every accumulator and every emitted value with the integer program, in every layer.

# %%
result = model(inputs, code="signed_digit")
certificate = model.verify(result, reference)
spiking = (model.scores(result).argmax(axis=1) == labels).mean()
print(f"{certificate.compared:,} integers compared, {certificate.mismatches} mismatches; spiking accuracy {spiking:.2%}")
assert certificate.mismatches == 0
assert spiking == quantised

# %% [markdown]
# ## 5. One image travelling through the blocks

# %%
names = [name for name in model.network.populations if name != "logits"]
shown = model(inputs[:1], code="signed_digit", record={name: ["spikes"] for name in names})
sim.viz.layered_raster(shown.spikes).figure

# %% [markdown]
# Attention is computed by spikes as well: an event of a query meets the value of each key. The softmax is a *group*
# unit, since a row of neurons has to agree on a sum; the table above labels it so.

# %%
scores = model.integer_graph.layers["block1.scores"]
from_spikes = result.values["block1.scores"][0] * scores.scale
difference = np.abs(from_spikes - floats["block1.scores"][0]).max()
fig, axes = plt.subplots(1, 2, figsize=(7, 2.9), layout="constrained")
sim.viz.attention_map(from_spikes[1], axes[0], title="head 1, from spikes")
sim.viz.attention_map(floats["block1.scores"][0, 1], axes[1], title="head 1, float")
print(f"largest difference over all heads: {difference:.3f}")
assert difference < 0.05

# %% [markdown]
# ## 6. How a number becomes spikes
#
# A value of 40 can travel as 40 single spikes (*unary*), as its binary digits with signs (*signed digit*: 32 + 8), or as
# one event with a payload (*graded*). The answer is the same, the number of events is not.

# %%
counts = {code: model(inputs[:60], code=code).counts for code in ("unary", "signed_digit", "graded")}
for code, count in counts.items():
    print(f"{code:13s} {count.total('spikes') // 60:8,} spikes {count.total('synops') // 60:10,} synaptic operations per image")
assert counts["unary"].total("spikes") > 5 * counts["signed_digit"].total("spikes") > 5 * counts["graded"].total("spikes")

# %% [markdown]
# ## 7. What it costs
#
# Counts first; then prices from a cited hardware profile, as an interval. The same network as an ordinary int8 ANN on
# the same silicon is the yardstick.

# %%
from snnsim.graph.operations import ann_operations

ann = ann_operations(model.integer_graph, model.reference(inputs[:60]), skip_zeros=True)
entries = [("int8 ANN, zero-skipping", sim.estimate_energy(ann, "horowitz45", per=60).total, sim.viz.GREY)]
entries += [(f"spikes, {code}", sim.estimate_energy(count, "horowitz45", per=60).total, sim.viz.BLUE) for code, count in counts.items()]
for name, energy, _ in entries:
    print(f"{name:25s} {energy.nominal * 1e-6:8.3f} µJ ({energy.low * 1e-6:.3f} .. {energy.high * 1e-6:.3f})")
sim.viz.energy_bars(entries, title="45 nm CMOS with on-chip SRAM").figure

# %% [markdown]
# Here the ANN wins, clearly, and plain unary spikes lose by the most: every spike fetches weights and rewrites
# membranes. Spiking pays where activity is much sparser than in this network, or where membranes stay in registers.
# A chip with binary spikes cannot run the graded code at all: then there is *no* figure rather than a wrong one.

# %%
ann_energy, *spiking_energy = [energy.nominal for _, energy, _ in entries]
assert ann_energy < min(spiking_energy)
assert max(spiking_energy) == spiking_energy[0] > 100 * ann_energy
graded_on_loihi = sim.estimate_energy(counts["graded"], "loihi14", host="horowitz45", per=60, allow_mixed_nodes=True)
print(graded_on_loihi)
assert graded_on_loihi.total is None
