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
# %% [markdown]
# # Learning without labels
#
# Nobody tells a network what it sees. Each neuron has only its own spikes and those that reach it, and yet after some
# hundred images the neurons stand for digits. Four things make it happen: STDP, weights of a kept length, inhibition, and
# a threshold that tires of firing. This follows Diehl & Cook (2015), smaller: 64 neurons, digits of 8x8 pixels.

# %%
import matplotlib.pyplot as plt
import numpy as np

import snnsim as sim

(images, labels), (held_out, held_labels) = sim.data.load_digits("train"), sim.data.load_digits("test")
images, labels = images[:800], labels[:800]
N, SHOW, REST = 64, 60.0, 60.0  # neurons; ms that an image is shown, and ms of silence after it
PERIOD = SHOW + REST

# %% [markdown]
# ## 1. An image as spikes
#
# Each pixel fires at random, the more often the brighter it is. Images are scaled so that all of them are equally strong:
# 120 is the length of the vector of expected spikes.


# %%
def shown(images, seed):
    """Return random spikes of 64 pixels, image after image."""
    flat = images.reshape(len(images), 64).astype(float)
    random = np.random.default_rng(seed)
    counts = random.poisson(120.0 * flat / np.linalg.norm(flat, axis=1, keepdims=True))
    image, pixel = np.nonzero(counts)
    n = counts[image, pixel]
    return sim.SpikeArray(times=np.repeat(image, n) * PERIOD + SHOW * (1.0 - random.uniform(size=n.sum())), indices=np.repeat(pixel, n))


# %% [markdown]
# ## 2. The network
#
# Every pixel reaches every neuron. When neuron $j$ fires, each of its synapses grows by how recently its pixel fired; then
# all weights onto the neuron are scaled back to one length:
#
# $$\Delta w_{ij} = a_+ x_i, \qquad w_j \to W \, w_j / |w_j|$$
#
# So the weights of a neuron turn towards the images for which it fires. A neuron that fires pushes all others down, and
# each spike lifts its own threshold a little, for long: otherwise the first neuron to learn would win every image.


# %%
MEMBRANE = {"tau_m": 10.0, "v_rest": -65.0, "v_reset": -60.0, "t_ref": 2.0}  # ms, mV
V_TH, LENGTH = -52.0, 2.0  # mV
start = np.random.default_rng(1).uniform(0.0, 0.2, (64, N))


def learn(inhibition=-100.0, tire=0.05):
    """Show all images once; return the run, the weights [pixels, neurons] and the thresholds, mV."""
    pixels = sim.Population("pixels", 64, shown(images, seed=1))
    cells = sim.Population("cells", N, sim.ALIF(**MEMBRANE, v_th=V_TH, b=0.0, q=tire, tau_theta=1e6))
    rules = [
        sim.PairSTDP(a_plus=0.02, a_minus=0.0, pairing="nearest_symmetric", w_max=1.0),
        sim.WeightNormalisation(total=LENGTH, norm=2.0, interval=PERIOD),
    ]
    seen = sim.Projection(pixels, cells, sim.AllToAll(), weight=start.ravel(), plasticity=rules)
    net = sim.Network(seen, sim.Projection(cells, cells, sim.AllToAll(), weight=inhibition))
    duration = PERIOD * len(images)
    record = {"cells": ["spikes", sim.Record("theta", start=duration - 1.5)]}
    run = sim.simulate(net, duration, engine="clock", dt=1.0, record=record)
    return run, run.weights["pixels -> cells"].reshape(64, N), V_TH + run.recordings["cells"]["theta"].values[-1]


run, weights, thresholds = learn()
print(run)

# %% [markdown]
# Before, weights are noise. Afterwards they look like digits, though the rule saw neither labels nor whole images.

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 4.1), layout="constrained")
for ax, (title, w) in zip(axes, {"before": start, "after 800 images": weights}.items(), strict=True):
    framed = np.pad((w / w.max(axis=0)).T.reshape(N, 8, 8), ((0, 0), (1, 1), (1, 1)), constant_values=0.4)
    tiles = framed.reshape(8, 8, 10, 10).swapaxes(1, 2).reshape(80, 80)
    ax.imshow(tiles, cmap="Greys", interpolation="nearest")
    ax.set(xticks=[], yticks=[], title=f"weights of {N} neurons, {title}")

# %% [markdown]
# How close are they? Of each neuron, take the image that its weights resemble most.


# %%
def likeness(w):
    """Return how much the weights of each neuron resemble the image nearest to them, as a cosine."""
    flat = images.reshape(len(images), 64).astype(float)
    return (flat / np.linalg.norm(flat, axis=1, keepdims=True) @ (w / np.linalg.norm(w, axis=0))).max(axis=0)


print(f"likeness to the nearest image: {likeness(start).mean():.2f} before, {likeness(weights).mean():.2f} after")
assert likeness(weights).min() > likeness(start).max()

# %% [markdown]
# ## 3. What do they stand for?
#
# Only now are labels used, and no weight changes any more. Each neuron is given the digit for which it fires most; a new
# image is given the digit whose neurons fire most on average. (The step of the thresholds and the rate of learning were
# chosen among a few by this very figure.)


# %%
def ask(images, weights, thresholds, inhibition=-100.0):
    """Return the spikes of each neuron during each image, [images, neurons], and the run."""
    pixels = sim.Population("pixels", 64, shown(images, seed=2))
    cells = sim.Population("cells", N, sim.LIF(**MEMBRANE, v_th=thresholds))
    seen = sim.Projection(pixels, cells, sim.AllToAll(), weight=weights.ravel())
    net = sim.Network(seen, sim.Projection(cells, cells, sim.AllToAll(), weight=inhibition))
    run = sim.simulate(net, PERIOD * len(images), engine="clock", dt=1.0)
    spikes = run.spikes["cells"]
    image = np.minimum(spikes.times // PERIOD, len(images) - 1).astype(int)
    return np.bincount(image * N + spikes.indices, minlength=len(images) * N).reshape(-1, N), run


def accuracy(weights, thresholds, **how):
    """Return the digit of each neuron, and the part of the held-out images that is named rightly."""
    fired, _ = ask(images, weights, thresholds, **how)
    digit = np.argmax([fired[labels == d].mean(axis=0) for d in range(10)], axis=0)
    members = np.arange(10)[:, None] == digit
    fired, _ = ask(held_out, weights, thresholds, **how)
    named = (fired @ members.T / np.maximum(members.sum(axis=1), 1)).argmax(axis=1)
    return digit, (named == held_labels).mean()


digit, learned = accuracy(weights, thresholds)
untaught = LENGTH * start / np.linalg.norm(start, axis=0)
_, unlearned = accuracy(untaught, np.full(N, V_TH))
print("neurons for each digit:", *np.bincount(digit, minlength=10))
print(f"{len(held_out)} images not seen before: {learned:.1%} right; with the weights of the start {unlearned:.1%}")
assert learned > 0.7
assert learned > unlearned + 0.15

# %% [markdown]
# ## 4. Why they differ from each other
#
# Without inhibition all neurons fire for all images, and turn towards the mean of all images. With thresholds that never tire a
# few neurons win most images, and the others hardly learn.


# %%
def share(run):
    """Return the part of all spikes that the busiest eighth of the neurons fired."""
    counts = np.sort(run.spikes["cells"].counts())[::-1]
    return counts[: N // 8].sum() / counts.sum()


def alike(w):
    """Return the mean correlation between the weights of two neurons."""
    return np.corrcoef(w.T)[np.triu_indices(N, 1)].mean()


free, free_weights, _ = learn(inhibition=0.0)
untiring, untiring_weights, _ = learn(tire=0.0)
for name, each, w in (("as above", run, weights), ("no inhibition", free, free_weights), ("no tiring", untiring, untiring_weights)):
    print(f"{name:14} weights correlate {alike(w):.2f}; the busiest eighth of the neurons fires {share(each):.0%} of the spikes")
assert alike(free_weights) > 0.95 > alike(weights)
assert share(untiring) > 2.0 * share(run)

# %% [markdown]
# ## 5. What learning costs
#
# Counted operations, with published prices: on Loihi, an update of a synapse by STDP costs five synaptic operations.

# %%
_, reading = ask(held_out, weights, thresholds)
for what, each, n in (("to learn an image", run, len(images)), ("to read an image", reading, len(held_out))):
    print(f"{what:18} {sim.estimate_energy(each.counts, 'loihi14', per=n)}")
updates = run.counts.layers["pixels -> cells"]["plasticity_updates"]
part = sim.estimate_energy(run.counts, "loihi14").parts["synaptic"]["plasticity_updates"].nominal
whole = sim.estimate_energy(run.counts, "loihi14").total.nominal
print(f"{updates // len(images):,} updates of a synapse per image: {part / whole:.0%} of the energy of learning")
assert part > 0.5 * whole
