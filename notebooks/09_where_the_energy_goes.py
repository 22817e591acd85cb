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
# # Where the energy goes
#
# A spiking network costs energy for every event that reaches a synapse, an ANN for every multiplication. Which of them is more?
# One number cannot say it. This notebook counts first, prices the counts second, and then looks at which price decides. The
# network is the trained transformer that reads handwritten digits, once as int8 ANN and once in spikes; both give the same
# answers.

# %%
import matplotlib.pyplot as plt
import numpy as np

import snnsim as sim

graph, about = sim.data.load_model("digits")
images, labels = sim.data.load_digits("test")
pixels, labels = sim.data.patches(images[:40]), labels[:40]
spiking = sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:256]))

# %% [markdown]
# ## 1. Count
#
# Every kernel counts what it does while it does it. Nothing is estimated from mean rates. A unary code sends a value of 40 as
# 40 spikes, a graded one as a single event with a payload.

# %%
runs = {code: spiking(pixels, code=code).counts for code in ("unary", "signed_digit", "graded")}
reference = spiking.reference(pixels)
ann = sim.ann_operations(spiking.integer_graph, reference, skip_zeros=False)
n = len(pixels)
for name, counts in {"ANN": ann, **runs}.items():
    print(f"{name:13}", {kind: round(count / n) for kind, count in counts.totals().items()})
assert runs["graded"].total("spikes") < runs["signed_digit"].total("spikes") < runs["unary"].total("spikes")
assert runs["graded"].total("synops") < ann.total("macs") + ann.total("adds", "ann")  # only numbers other than 0 send anything

# %% [markdown]
# ## 2. Price
#
# A *profile* holds what one operation costs on some hardware: low, nominal and high, with the source. `horowitz45` is generic
# logic at 45 nm; its interval is the size of the memory, 8 KB to 1 MB. Multiply, add up, and that is all:

# %%
profile = sim.load_profile("horowitz45")
for role, kind in (("synaptic", "adds"), ("synaptic", "weight_fetches"), ("synaptic", "state_reads"), ("ann", "macs")):
    price = profile.price(role, kind)
    print(f"{role:9} {kind:15} {price.pj.low:6.2f} .. {price.pj.high:6.2f} pJ  [{price.grade}] {price.source[:70]}")

graded = sim.estimate_energy(runs["graded"], "horowitz45", per=n)
by_hand = sum(
    count * profile.price(runs["graded"].role(layer), kind).pj.nominal
    for layer, kinds in runs["graded"].layers.items()
    for kind, count in kinds.items()
    if kind not in profile.included.get(runs["graded"].role(layer), ())
)
print(graded)
assert np.isclose(graded.total.nominal, by_hand / n)

# %% [markdown]
# ## 3. Where it goes
#
# The bars divide the energy of one image. In spikes nearly all of it is memory: each event reads a membrane, changes it and
# writes it back, and fetches a weight. The addition itself is nearly nothing. The ANN reads each weight once for all tokens and
# keeps its sums in registers.

# %%
groups = {
    "membranes": ("state_reads", "state_writes"),
    "weights": ("weight_fetches",),
    "events": ("spikes",),
    "activations": ("activation_reads", "activation_writes"),
    "tables": ("tables",),
    "arithmetic": ("adds", "shifts", "multiplies", "divides", "macs"),
}
colours = dict(zip(groups, (sim.viz.BLUE, sim.viz.ORANGE, sim.viz.GREEN, "#56B4E9", sim.viz.RED, sim.viz.GREY), strict=True))
reports = {name: sim.estimate_energy(counts, "horowitz45", per=n) for name, counts in {"int8 ANN": ann, **runs}.items()}
shares = {
    name: {group: report.kind(*kinds).nominal / report.total.nominal for group, kinds in groups.items()} for name, report in reports.items()
}

fig, ax = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
for place, parts in enumerate(shares.values()):
    left = 0.0
    for group, share in parts.items():
        ax.barh(place, 100 * share, left=left, color=colours[group], label=group if place == 0 else None)
        left += 100 * share
labels_y = [f"{name}\n{report.total.nominal * 1e-6:.3g} µJ" for name, report in reports.items()]
ax.set_yticks(range(len(shares)), labels=labels_y, fontsize=8)
ax.set(xlabel="share of the energy of one image (%)", ylim=(len(shares) - 0.5, -0.5), xlim=(0, 100))
ax.legend(fontsize=8, frameon=False, ncols=6, loc="lower right", bbox_to_anchor=(1.0, 1.0), columnspacing=0.8, handlelength=1.0)
plt.show()
for code in runs:
    assert shares[code]["membranes"] + shares[code]["weights"] > 0.8
    assert shares[code]["arithmetic"] < 0.05

# %% [markdown]
# The same by layer: which layers spend it?

# %%
for layer, part in sorted(reports["graded"].layers.items(), key=lambda entry: -entry[1].nominal)[:5]:
    print(f"{layer:32} {part.nominal * 1e-6:6.3f} µJ  {100 * part.nominal / graded.total.nominal:4.1f} %")
assert np.isclose(sum(part.nominal for part in reports["graded"].layers.values()), graded.total.nominal)

# %% [markdown]
# ## 4. What a convention hides
#
# Many papers price an addition at 0.9 pJ, a multiply-accumulate at 4.6 pJ, and nothing else. That is in the profile
# `arithmetic_fp32`, and it says what it leaves out. By it, spikes look far better than with their memory:

# %%
ratios = {}
for name in ("arithmetic_fp32", "horowitz45"):
    snn, dense = (sim.estimate_energy(counts, name, per=n).total.nominal for counts in (runs["signed_digit"], ann))
    ratios[name] = snn / dense
    print(f"{name:16} signed-digit spikes cost {snn / dense:5.2f} times the ANN")
print(sim.estimate_energy(runs["signed_digit"], "arithmetic_fp32", per=n))
assert ratios["arithmetic_fp32"] < ratios["horowitz45"] / 10

# %% [markdown]
# ## 5. The same counts elsewhere
#
# On a chip that is built for spikes a synaptic operation has a price of its own. Some events it cannot carry at all: then there
# is no total, and the report names what is missing. Rows (softmax, norms) go to a host, which is named too.

# %%
for name in ("seneca22", "loihi14", "tianjic28"):
    for code in ("unary", "graded"):
        print(f"{code:7}", sim.estimate_energy(runs[code], name, host="horowitz45", per=n, allow_mixed_nodes=True))
assert sim.estimate_energy(runs["graded"], "tianjic28", host="horowitz45", allow_mixed_nodes=True).total is None
assert sim.estimate_energy(runs["unary"], "tianjic28", host="horowitz45", allow_mixed_nodes=True).total is not None

# %% [markdown]
# ## 6. A network that learns, and a brain beside it
#
# The door is the same for biology. Here plastic synapses take part of the energy; and a brain, 20 W for about 10^14 to 10^15
# synaptic events a second, is the line to compare with.

# %%
noise = sim.Population("noise", 200, sim.PoissonSource(rate=20.0))  # Hz
cells = sim.Population("cells", 50, sim.LIF(tau_m=20.0, t_ref=2.0))  # ms
net = sim.Network(sim.Projection(noise, cells, sim.AllToAll(), weight=0.6, delay=1.0, plasticity=sim.PairSTDP(a_plus=0.01, a_minus=0.012)))
counts = sim.simulate(net, duration=1_000.0, seed=1).counts
chip, brain = (sim.estimate_energy(counts, name) for name in ("loihi14", "brain"))
print(chip, "\n", brain)
share = chip.kind("plasticity_updates").nominal / chip.total.nominal
print(f"learning is {100 * share:.0f} % of it; Loihi takes {chip.total.nominal / brain.total.nominal:,.0f} times the brain's energy")
assert chip.kind("plasticity_updates").nominal == counts.total("plasticity_updates") * 120  # pJ
assert brain.total.high < chip.total.low
