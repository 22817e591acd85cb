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
# # Does it pay to spike?
#
# There is no yes or no. There is a *break-even*: the number of spikes per synapse below which a spiking layer costs less than
# the same layer as an ANN. This notebook solves for it, with your numbers, draws the published thresholds beside it, and then
# asks a trained network.

# %%
import matplotlib.pyplot as plt
import numpy as np

import snnsim as sim

# %% [markdown]
# ## 1. Your layer
#
# Change these numbers and run the notebook again. `reuse` is how many multiply-accumulates use a weight that was read once: 1
# at batch 1 without sharing, the number of tokens or pixels where weights are shared.

# %%
inputs, outputs = 1024, 1024  # neurons of the layer
steps = 5  # T, time steps of the spiking network
reuse = 1  # MACs per weight that the ANN reads
spikes_per_neuron = 0.3  # of an input neuron, over all steps

# %% [markdown]
# ## 2. The formula
#
# A layer of M synapses costs, as an ANN, M (E_mac + E_w / reuse) and its activations; in spikes, with s spikes per synapse, s M
# (E_w + E_read V + E_write V + E_add) and its events. Both sides are prices of a profile; s is what we solve for.

# %%
layer = sim.break_even("horowitz45", synapses=inputs * outputs, inputs=inputs, outputs=outputs, steps=steps, reuse=reuse)
print(layer)
verdict = "pays" if spikes_per_neuron < layer.spikes_per_synapse.nominal else "does not pay"
print(f"with {spikes_per_neuron} spikes per neuron: energy of spikes / energy of ANN = {layer.ratio(spikes_per_neuron):.3g}; it {verdict}")
assert np.isclose(layer.ratio(layer.spikes_per_synapse.nominal), 1.0)

# %% [markdown]
# ## 3. Which assumption moves it
#
# The same layer under other assumptions. Counting arithmetic alone, spikes may come five or seven times per synapse and still
# win. With weights in an 8 KB memory it is about once, and only if membranes sit in registers. With membranes in memory it is
# 0.14 (the low end of `horowitz45`), and an ANN that reuses its weights pushes it further down.

# %%
cases = {
    "arithmetic alone, fp32": ("arithmetic_fp32", {}),
    "arithmetic alone, int8": ("arithmetic_int8", {}),
    "8 KB SRAM, V in registers": ("horowitz45", {"state": "registers"}),
    "8 KB SRAM, V in SRAM": ("horowitz45", {}),
    "and weights reused 16 times": ("horowitz45", {"reuse": 16}),
}
solved = {name: sim.break_even(profile, synapses=10**6, **more) for name, (profile, more) in cases.items()}
for name, even in solved.items():
    print(f"{name:28} {even.spikes_per_synapse.low:7.3f} spikes per synapse")
found = [round(even.spikes_per_synapse.low, 3) for even in solved.values()]
assert found[:4] == [5.111, 7.667, 1.148, 0.137]
assert found[4] < found[3] / 4

# %% [markdown]
# Published thresholds say the same for other assumptions: 1.72 spikes per neuron (Davidson and Furber 2021), 0.15 to 1.38 per
# synapse (Dampfhoffer et al. 2022), a rate below 5.7 % at T = 5 (Yan et al. 2024).

# %%
fig, ax = plt.subplots(figsize=(6.6, 4.0), layout="constrained")
sim.viz.break_even_curve([(name, solved[name]) for name in list(cases)[1:4]], ax, measured=spikes_per_neuron)
plt.show()

# %% [markdown]
# ## 4. A fair opponent
#
# A neuron that spikes 0 .. T times sends one of T + 1 values. An ANN of ceil(log2(T + 1)) bits says as much. Its
# multiplications are cheaper than those of int8, so the bar is higher still.

# %%
horowitz = sim.load_profile("horowitz45")
for t in (1, 3, 5, 15, 63, 255):
    bits = sim.baseline_bits(t)
    mac = horowitz.price("ann", "macs", f"int{bits}").pj.nominal
    print(f"T = {t:3d}: {bits} bits, {mac:.3f} pJ per MAC")
assert [sim.baseline_bits(t) for t in (1, 3, 5, 255)] == [1, 2, 3, 8]
assert horowitz.price("ann", "macs", "int3").pj.nominal < horowitz.price("ann", "macs", "int8").pj.nominal

# %% [markdown]
# ## 5. Ask a trained network
#
# The digits transformer, counted as an ANN (fp32, int8, 4 bits; dense and with zeros skipped) and in spikes (three codes),
# priced on several chips. `break_even` is now the share of the spikes it has that it could afford; `sensitivity` moves one
# price at a time.

# %%
graph, _ = sim.data.load_model("digits")
images, labels = sim.data.load_digits("test")
calibration = sim.data.patches(sim.data.load_digits("train")[0][:256])
spiking = sim.convert(graph, calibration)
comparison = sim.compare_energy(
    graph,
    spiking,
    sim.data.patches(images[:60]),
    labels=labels[:60],
    calibration=calibration,
    bits=[4],
    profiles=["horowitz45", "seneca22", "loihi14", "tianjic28", "brain"],
    tokens=16,
    allow_mixed_nodes=True,
)
for profile in comparison.reports:
    verdict, even = comparison.verdict(profile), comparison.break_even(profile)
    print(f"{profile:11} {verdict.winner} wins, {verdict.loser} needs {verdict.ratio:.3g} times as much; affordable {even.nominal:.3g}")
assert comparison.verdict("horowitz45").winner.startswith("ANN")
assert comparison.verdict("brain").winner.startswith("SNN")

# %%
fig, ax = plt.subplots(figsize=(6.6, 3.2), layout="constrained")
sim.viz.energy_by_profile(comparison, ax)
plt.show()

# %%
fig, ax = plt.subplots(figsize=(6.6, 3.2), layout="constrained")
sim.viz.sensitivity_bars(comparison, "horowitz45", ax)
plt.show()
top = comparison.sensitivity("horowitz45")
print("the prices that matter most:", ", ".join(term.term for term in top[:3]))
assert {"synaptic.state_reads", "synaptic.state_writes"} <= {term.term for term in top[:4]}

# %% [markdown]
# On every chip here this small transformer, at these rates, is cheaper as an ANN, because each of its values is spoken often
# and read by many. Only a machine whose synapses cost what a brain's do turns it around. What would change it, in the order of
# the figure: membranes that are not read and written for every event, fewer events, weights that the ANN cannot reuse.

# %%
share = comparison.break_even("horowitz45").nominal
graded = next(each for each in comparison.implementations if each.name.startswith("SNN graded"))
dense = next(each for each in comparison.implementations if each.name.startswith("ANN int8, dense"))
activity = graded.counts.total("synops") / dense.counts.total("macs")
print(f"{activity:.2f} synaptic operations per MAC now; {activity * share:.3f} would break even")
assert share < 1.0
