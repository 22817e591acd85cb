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
# # Converting a network exactly
#
# How does a trained network become spikes? The usual way reads *rates*: a neuron that fires at half its top rate stands for
# 0.5. This notebook shows where rates go wrong, and what snnsim does instead: whole numbers, signed spikes, and waiting for
# silence. Then it compares the codes, reads answers early, and reads the certificate. The notebook needs torch.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import snnsim as sim

torch.set_num_threads(1)

# %% [markdown]
# ## 1. Rates saturate, are coarse, and drift
#
# A neuron that adds its input to a membrane, fires when the membrane reaches 1 and subtracts 1, fires at the rate of its
# input: that is a ReLU (Rueckauer et al. 2017). But in T steps it can send only 0 .. T spikes. So values are known to 1/T, and
# whatever is above 1 is lost.


# %%
def rates(drive):
    """Integrate and fire, reset by subtraction: drive float[steps, n] -> spikes bool[steps, n]."""
    v, spikes = np.zeros(drive.shape[1]), np.zeros(drive.shape, dtype=bool)
    for step, current in enumerate(drive):
        v += current
        spikes[step] = v >= 1.0
        v -= spikes[step]
    return spikes


x = np.linspace(-0.5, 1.5, 201)
fig, ax = plt.subplots(figsize=(5, 2.9), layout="constrained")
errors = {}
for steps, colour in ((4, sim.viz.RED), (16, sim.viz.ORANGE), (64, sim.viz.BLUE)):
    rate = rates(np.tile(x, (steps, 1))).mean(axis=0)
    inside = x <= 1.0
    errors[steps] = np.abs(rate - np.maximum(x, 0.0))[inside].max()
    ax.step(x, rate, where="mid", color=colour, label=f"T = {steps}")
    assert rate[x > 1.0].max() <= 1.0  # saturated
    assert errors[steps] <= 1.0 / steps + 1e-12  # coarse: one spike more or less
ax.plot(x, np.maximum(x, 0.0), color="black", linewidth=0.8, label="ReLU")
ax.set(xlabel="input", ylabel="rate (spikes per step)")
ax.legend(frameon=False, fontsize=8)
ax.spines[["top", "right"]].set_visible(False)
print("largest error for inputs up to 1:", {steps: f"{error:.3f}" for steps, error in errors.items()})

# %% [markdown]
# Worse, what a neuron has said cannot be taken back. Let `y = relu(a - b)` with a = b, so that y = 0. If the spikes of `a` come
# before those of `b`, y fires at once, and no longer wait will make that undone. In a deep network such errors add up from layer to
# layer: T has to grow, and nobody can say how far.

# %%
steps = 64
early, late = np.zeros(steps), np.zeros(steps)
early[:16], late[16:32] = 1.0, 1.0  # a and b: 16 spikes each, one after the other
answer = rates((early - late)[:, None])[:, 0]
fig, ax = plt.subplots(figsize=(5, 2.4), layout="constrained")
ax.plot(answer.cumsum(), color=sim.viz.RED)
ax.set(xlabel="step", ylabel="spikes of y", title="relu(a - b), a = b")
ax.spines[["top", "right"]].set_visible(False)
print(f"y should be silent, and has sent {answer.sum()} spikes")
assert answer.sum() == 16

# %% [markdown]
# ## 2. Spikes with a sign
#
# Let neurons send -1 as well. A neuron compares what it has sent, `s`, with what its input so far asks for,
# `floor(acc / theta + 1/2)` between `s_min` and `s_max`, and sends +1 or -1 until both agree. ReLU is `s_min = 0`: net, it never says
# less than nothing. Here is the same subtraction as a network of three units: two inputs and y.

# %%
a = sim.Population("a", (1,), sim.IntegerInput(s_min=0, s_max=16))
b = sim.Population("b", (1,), sim.IntegerInput(s_min=0, s_max=16))
y = sim.Population("y", (1,), sim.Staircase(theta=2, s_min=0, s_max=8))
three = sim.Network(
    sim.Projection(a, y, sim.Dense(weight=np.array([[1]], dtype=np.int8))),
    sim.Projection(b, y, sim.Dense(weight=np.array([[-1]], dtype=np.int8))),
)
given = {"a": np.array([[16]]), "b": np.array([[16]])}
said = []
for seed in range(20):
    run = sim.simulate(three, inputs=given, code="unary", schedule="shuffled", seed=seed, record={"y": ["spikes"]})
    said.append(len(run.spikes["y"]))
    assert run.values["y"].item() == 0  # in any order
    assert run.spikes["y"].values.sum() == 0  # as many taken back as sent
print("events that y sent on 20 random orders:", said)
assert len(set(said)) > 1  # the ways differ, the answer does not

# %% [markdown]
# Why it cannot go wrong: a sum of whole numbers does not depend on the order of its terms. Once the inputs of a unit are silent, its sum
# is what it must be, so the unit moves to its value and falls silent; then so do those after it
# ([the page on settling](../docs/decisions/settling.md)). All 17 x 17 pairs of inputs:

# %%
pairs = np.stack(np.meshgrid(np.arange(17), np.arange(17)), axis=-1).reshape(-1, 2)
run = sim.simulate(three, inputs={"a": pairs[:, :1], "b": pairs[:, 1:]}, code="unary", schedule="shuffled", seed=1)
wanted = np.clip(np.floor((pairs[:, 0] - pairs[:, 1]) / 2 + 0.5), 0, 8)
assert (run.values["y"][:, 0] == wanted).all()

# %% [markdown]
# ## 3. From PyTorch to whole numbers
#
# Now a network of the usual kind, trained here in a second on the 8x8 digits: linear, batch norm, ReLU, linear.

# %%
images, labels = (torch.as_tensor(array) for array in sim.data.load_digits("train"))
held_out, truth = sim.data.load_digits("test")
features = images.flatten(1).float() / 16.0
torch.manual_seed(0)
mlp = nn.Sequential(nn.Linear(64, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 10))
optimiser = torch.optim.Adam(mlp.parameters(), lr=0.01)
for _ in range(150):
    optimiser.zero_grad()
    nn.functional.cross_entropy(mlp(features), labels.long()).backward()
    optimiser.step()
mlp.eval()
pixels = held_out.reshape(-1, 64).astype(np.float32) / 16.0
pixels = np.minimum(pixels, features.amax(dim=0).numpy())  # no brighter than that pixel was in training; see below
with torch.no_grad():
    exact = mlp(torch.from_numpy(pixels)).numpy()
accuracy = (exact.argmax(axis=1) == truth).mean()
spiking = sim.convert(mlp, features.numpy())
for row in spiking.layers:
    steps = f"{row.levels:4d} levels, threshold {row.threshold}" if row.unit else ""
    print(f"{row.name:12s} {row.unit or row.operation:13.13s} {row.kind:16s} {row.shape!s:6s} {steps}".rstrip())

# %% [markdown]
# Every operation of the model has a row, but not all have neurons. A linear map behind a linear map is one linear map, so the batch
# norm was *folded* into the weights and thresholds of the layer that its row names. Nor are there scales at run time. A real value is a
# whole number times a scale; the scales of input, weights and output together say how much input is worth one output spike, and that is
# the threshold, again a whole number, one per channel. Rounding happens here and nowhere else. So the converted network is not float,
# but it is close. The calibration data set the range of each pixel; what lies past it takes its end, with a warning. A few held-out
# pixels would, and were cut above.

# %%
reference = spiking.reference(pixels)
scores = spiking.outputs(reference)
quantised = next(iter(scores.values()))
print(f"accuracy float {accuracy:.2%}, integers {(quantised.argmax(axis=1) == truth).mean():.2%}")
error = np.abs(quantised - exact).max() / np.abs(exact).max()
print(f"largest error of a score: {error:.2%} of the largest score")
assert len(spiking.network.populations) == 4  # input, two hidden layers, scores: nothing is left of the batch norm
assert accuracy > 0.95 and (quantised.argmax(axis=1) == truth).mean() >= accuracy - 0.01 and error < 0.05

# %% [markdown]
# By spikes, in 10 random orders with random delays, all integers of all layers are the same. The number of events is not.

# %%
events = []
for seed in range(10):
    run = spiking(pixels[:20], code="unary", schedule="shuffled", seed=seed)
    assert spiking.verify(run, spiking.reference(pixels[:20])).mismatches == 0
    events.append(run.counts.total("spikes"))
print(f"{min(events):,} to {max(events):,} events")
assert len(set(events)) > 1

# %% [markdown]
# ## 4. Five codes
#
# A unit that has to go from 0 to 40 can send 40 spikes (*unary*), the binary digits of 40 (*binary*: 32 + 8), signed digits
# (*signed_digit*: 31 is 32 - 1), one event with a payload (*graded*), or one spike whose time says 40 (*time_to_first_spike*). All end
# in the same integers. What differs is how many events, how long, and what it costs.

# %%
one = pixels[:1]
CODES = ("unary", "binary", "signed_digit", "graded", "time_to_first_spike")
runs = {code: spiking(one, code=code) for code in CODES}
print(f"{'code':20s} {'events':>7s} {'synaptic operations':>20s} {'steps':>6s}  energy at 45 nm")
for code, run in runs.items():
    assert spiking.verify(run, spiking.reference(one)).mismatches == 0
    energy = sim.estimate_energy(run.counts, "horowitz45").total
    price = "no price" if energy is None else f"{energy.nominal * 1e-3:8.1f} nJ ({energy.low * 1e-3:.1f} to {energy.high * 1e-3:.1f})"
    print(f"{code:20s} {run.counts.total('spikes'):7,d} {run.counts.total('synops'):20,d} {run.steps[0]:6d}  {price}")
spikes = {code: run.counts.total("spikes") for code, run in runs.items()}
assert spikes["unary"] > spikes["binary"] > spikes["signed_digit"] > spikes["graded"] == spikes["time_to_first_spike"]
assert runs["unary"].steps[0] > runs["graded"].steps[0]
ann = sim.ann_operations(spiking.integer_graph, spiking.reference(one), skip_zeros=False)
dense = sim.estimate_energy(ann, "horowitz45").total
assert dense.nominal < sim.estimate_energy(runs["graded"].counts, "horowitz45").total.nominal
print(f"{'the same as an ANN':20s} {ann.total('macs'):23,d} MACs {'':8s} {dense.nominal * 1e-3:8.1f} nJ")

# %% [markdown]
# The fewest events have a price: a graded event needs a multiplication at each synapse, and a chip with binary spikes cannot do it. One
# spike in time needs many steps. There is no best code, only a best code for a chip. And none of them is cheaper than
# the ANN of the same integers here: each event reads and rewrites the membranes of all its targets.

# %% [markdown]
# ## 5. An answer before silence
#
# The scores can be read at any time; only the last reading is proven. With the schedule `eager` all layers speak at once, and answers
# become right while events still flow. With few large events there is nothing to read early.

# %%
fig, ax = plt.subplots(figsize=(6, 2.9), layout="constrained")
reached = {}
for code, colour in (("unary", sim.viz.RED), ("signed_digit", sim.viz.BLUE), ("graded", sim.viz.GREEN)):
    early = sim.anytime(spiking, pixels, code=code)
    right, sent = early.accuracy(truth), early.spikes.mean(axis=1)
    ax.plot(sent / sent[-1], 100.0 * right, color=colour, label=code)
    assert right[-1] == (quantised.argmax(axis=1) == truth).mean()
    reached[code] = sent[np.argmax(right >= right[-1] - 0.01)] / sent[-1]
ax.set(xlabel="share of the events sent", ylabel="accuracy (%)")
ax.legend(frameon=False, fontsize=8)
ax.spines[["top", "right"]].set_visible(False)
print("share of events after which accuracy is within 1 % of its end:", {code: f"{share:.2f}" for code, share in reached.items()})
assert reached["unary"] < 1.0 and reached["signed_digit"] < 1.0

# %% [markdown]
# ## 6. What the certificate says
#
# For every layer: how many integers were compared, how many differ, and the largest number that its sums can reach *for any
# input*, from the weights alone. That is why 32 bits are enough. The digest names the whole settled state in 64 characters, the
# same on every machine.

# %%
certificate = spiking.certify(pixels, code="signed_digit")
for layer in certificate.layers:
    print(f"{layer.name:12s} {layer.compared:7,d} compared, {layer.mismatches} differ, at most {layer.bound:9,d}: {layer.bits} bits")
print("digest", certificate.digest[:16], "...")
assert certificate.mismatches == 0
assert all(layer.bits <= 32 for layer in certificate.layers)
assert certificate.digest == spiking.certify(pixels, code="graded", schedule="eager").digest  # another way, the same state

# %% [markdown]
# It does not say that the network is right, nor that it is close to the float model: that was measured above. It says that nothing was
# lost between the integers and the spikes. And it can fail: a single number changed in the run is found.

# %%
run = spiking(pixels[:5])
run.values[next(layer.name for layer in certificate.layers if layer.label == "spiking")][2, 7] += 1
try:
    spiking.verify(run, spiking.reference(pixels[:5]))
    found = False
except sim.ConversionError as caught:
    print(caught)
    found = True
assert found
