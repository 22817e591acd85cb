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
# # From text to tokens to text
#
# A language model does one thing: it reads some text and says, for every character that could come next, how likely it
# is. All else is repetition. This notebook opens a small one and follows a line of text through it: tokenise, embed, attend,
# feed forward, predict, generate. Then it sets it beside its two relatives: the model that only encodes, and the one that
# encodes and decodes. Each of the three is turned into spikes on the way, and says the same. The models ship with snnsim and are
# ordinary PyTorch (`snnsim/zoo`); the notebook needs torch.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

import snnsim as sim
from snnsim.conversion.generate import generate, generate_by_reference, sampled

torch.set_grad_enabled(False)
torch.set_num_threads(1)
gpt = sim.zoo.char_gpt()
facts = sim.zoo.about("char_gpt")
print(facts["model"])
print(facts["data"])
print(f"{sum(p.numel() for p in gpt.parameters()):,} learned numbers, held-out perplexity {facts['held_out_perplexity']}")

# %% [markdown]
# ## 1. Tokenise: text becomes numbers
#
# This model knows the 65 characters of its training text, and a token is one character. Large models cut text into some
# 100,000 pieces of words instead; the pieces are found by counting, and nothing below changes.

# %%
text = "KING RICHARD II:\nWhat does the king see now?"
idx = gpt.encode(text)  # (1, characters)
print(repr(gpt.vocabulary))
print(idx[0].tolist())
assert gpt.decode(idx) == text

# %% [markdown]
# ## 2. Embed: numbers become vectors
#
# The number of a character says nothing: `a` is not less than `b`. So each token picks a row of a learned table, 128 numbers
# long, and adds a row of a second table for its place. From here on the model works on these vectors, one per position.
#
# The table was learned for the sake of prediction alone. What can stand in the same place has come to lie in a
# similar direction: the nearest relatives of a letter are letters of its kind.

# %%
x = gpt.embed(idx) + gpt.position(torch.arange(idx.shape[1]))
print("after the embedding:", tuple(x.shape))
table = F.normalize(gpt.embed.weight, dim=1)
alike = table @ table.T  # cosine of the angle between any two characters
for character in "aAt?":
    nearest = alike[gpt.vocabulary.index(character)].argsort(descending=True)[1:5]
    print(repr(character), "is nearest to", [gpt.vocabulary[i] for i in nearest])
lower = [gpt.vocabulary.index(c) for c in "abcdefghijklmnopqrstuvwxyz"]
upper = [gpt.vocabulary.index(c) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
within, between = alike[upper][:, upper][~torch.eye(26, dtype=torch.bool)].mean(), alike[upper][:, lower].mean()
print(f"mean cosine among capitals {within:.2f}, of capitals and small letters {between:.2f}")
assert within > between

# %% [markdown]
# ## 3. Attend: positions look at each other
#
# Attention is the only place where one position learns of another. Each makes a *query* (what am I looking for), a *key* (what
# do I offer) and a *value* (what do I hand over). The products of a query with all keys, through a softmax, are weights
# that add up to one; the values are averaged by them. The mask leaves out all keys that come later: a model that is asked for
# the next character must not see it. Here is one head by hand, in the terms of the paper,
# $\mathrm{softmax}(QK^\top/\sqrt{d})\,V$, and the same from PyTorch.


# %%
def attention_weights(block, x):
    """The weights of all heads of one block: (heads, queries, keys)."""
    attention = block.attention
    q, k, _ = attention.qkv(block.norm1(x)).split(x.shape[2], dim=2)
    q, k = (part.view(x.shape[1], attention.heads, -1).transpose(0, 1) for part in (q, k))
    scores = q @ k.transpose(1, 2) / q.shape[2] ** 0.5
    later = torch.ones_like(scores[0], dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -torch.inf).softmax(dim=2)


block = gpt.blocks[0]
weights = attention_weights(block, x)
v = block.attention.qkv(block.norm1(x)).split(x.shape[2], dim=2)[2]
v = v.view(x.shape[1], block.attention.heads, -1).transpose(0, 1)
by_hand = block.attention.proj((weights @ v).transpose(0, 1).reshape(x.shape))
print("largest difference to PyTorch:", f"{(by_hand - block.attention(block.norm1(x))).abs().max():.1e}")
assert torch.allclose(by_hand, block.attention(block.norm1(x)), atol=1e-5)
assert torch.allclose(weights.sum(dim=2), torch.ones(weights.shape[:2]))

# %% [markdown]
# Four heads of the first block, over the last line of the text. Rows are positions that ask, columns those that answer; above
# the diagonal there is nothing. Two heads have learned to look one and two characters back, whatever stands there; the others
# choose by what they read.

# %%
part = slice(17, None)
fig, axes = plt.subplots(1, 4, figsize=(11, 3.1), layout="constrained")
for head, ax in enumerate(axes):
    ax.imshow(weights[head, part, part].numpy(), cmap="Blues", vmin=0.0, vmax=1.0)
    ax.set(title=f"head {head}", xticks=range(len(text[part])), yticks=range(len(text[part])))
    ax.set_xticklabels(text[part], fontsize=6)
    ax.set_yticklabels(text[part], fontsize=6)
for head in range(4):
    back = [weights[head].diagonal(-k).mean().item() for k in range(4)]
    print(f"head {head}: mean weight on 0, 1, 2, 3 characters before", " ".join(f"{weight:.2f}" for weight in back))
assert weights[2].diagonal(-1).mean() > 0.5 and weights[0].diagonal(-2).mean() > 0.5

# %% [markdown]
# Which position looks at which depends on the text: the weights are *computed*, while those of a linear layer are learned and
# stay. That is what makes attention hard for networks with fixed synapses: here one activation is multiplied by another.

# %% [markdown]
# ### Attention by spikes
#
# `sim.convert` turns the model into a network whose units send whole numbers as spikes. It needs samples to see how large the
# activations become. The training text does not ship, so the model writes them itself; 65 more rows have every character once
# in every place.

# %%
size, context = len(gpt.vocabulary), gpt.context
own = gpt.encode(gpt.generate("KING RICHARD II:\n", 4 * context - 17, temperature=1.0, seed=3)).numpy().reshape(4, context)
spiking = sim.convert(gpt, np.concatenate([own, (np.arange(size)[:, None] + np.arange(context)) % size]))
for row in [row for row in spiking.layers if row.unit][:9]:  # without what was folded into them
    print(f"{row.name:30s} {row.unit:12s} {row.label:8s} {row.shape}")

# %% [markdown]
# Tokens become spikes in three steps. The host looks up the rows of both tables (the lines called `host`), divides by the scale of each
# channel and rounds; input units send what results. Here is a `K` on its way, eight of its 128 channels.

# %%
padded = np.zeros((1, context), dtype=np.int64)
padded[0, : len(text)] = idx[0]
ports = spiking.encode(padded)
run = spiking(padded, code="signed_digit", record={name: ["spikes"] for name in ports})
name = "add.affine"  # table of characters + table of places
sent = run.spikes[name]
for channel in range(8):
    mine = sent.indices == channel  # place 0, this channel
    print(f"channel {channel}: {ports[name][0, 0, channel]:4d} = sum of the events {sent.values[mine].tolist()}")
    assert sent.values[mine].sum() == ports[name][0, 0, channel]

# %% [markdown]
# In attention both factors arrive as events: an event of a query meets what the key has said so far, and the other way round. When
# both are silent, the sum is the product of both: every pair of events has been counted once. Softmax needs a whole row, so it is a
# *group* unit. Its values are the attention, here beside the floats from above.

# %%
layer = "blocks.0.attention.softmax"
from_spikes = (run.values[layer] * spiking.integer_graph.layers[layer].scale)[0, :, : len(text), : len(text)]
difference = np.abs(from_spikes - weights.numpy())
fig, axes = plt.subplots(1, 4, figsize=(11, 3.1), layout="constrained")
for head, ax in enumerate(axes):
    ax.imshow(from_spikes[head, part, part], cmap="Blues", vmin=0.0, vmax=1.0)
    ax.set(title=f"head {head}, from spikes", xticks=range(len(text[part])), yticks=range(len(text[part])))
    ax.set_xticklabels(text[part], fontsize=6)
    ax.set_yticklabels(text[part], fontsize=6)
print(f"difference to float: mean {difference.mean():.4f}, largest {difference.max():.3f}")
assert difference.mean() < 0.005
assert np.abs(np.triu(from_spikes, 1)).max() == 0.0  # blocked places have no synapse at all
assert spiking.verify(run, spiking.reference(padded)).mismatches == 0

# %% [markdown]
# ## 4. Feed forward: each position thinks for itself
#
# After every attention comes a small network of two layers, the same for each position: 128 -> 512 -> 128, with a GELU between
# them. It knows no neighbours. If the positions are shuffled, so are its answers, and nothing else happens.
#
# Both parts *add* to what is there already. The sum that runs through the model from bottom to top is
# called the residual stream.

# %%
x = x + block.attention(block.norm1(x))
hidden = block.mlp[1](block.mlp[0](block.norm2(x)))  # after the GELU, (1, characters, 512)
order = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(0))
assert torch.allclose(block.mlp(block.norm2(x))[:, order], block.mlp(block.norm2(x[:, order])), atol=1e-5)
x = x + block.mlp(block.norm2(x))
assert torch.allclose(x, gpt.blocks[0](gpt.embed(idx) + gpt.position(torch.arange(idx.shape[1]))), atol=1e-5)
quiet = (hidden.abs() < 0.1 * hidden.max()).float().mean()
print(f"{quiet:.0%} of the hidden activations are smaller than a tenth of the largest")

# %% [markdown]
# Most hidden units have little to say about most characters. A dense network multiplies their small values by all weights all the same.

# %% [markdown]
# As spikes, a unit of value 0 costs nothing behind it: it sends no event. After the GELU, many are rounded to just that.

# %%
hidden_units = run.values["blocks.0.mlp.1.gelu"][0, : len(text)]
zeros = (hidden_units == 0).mean()
print(f"{zeros:.0%} of the hidden units send nothing")
assert zeros > 0.1

# %% [markdown]
# ## 5. Predict: vectors become probabilities
#
# The last vector of every position is compared with the table of characters, the same table as in step 2. A softmax makes
# probabilities of it. Here is what the model expects after the text; and, since every block adds to the same stream,
# what it *would* say if it had to answer after fewer blocks.

# %%
prompt = "KING RICHARD II:\nWhat does the kin"
stream = [gpt.embed(gpt.encode(prompt)) + gpt.position(torch.arange(len(prompt)))]
for block in gpt.blocks:
    stream.append(block(stream[-1]))
guesses = [F.softmax(gpt.head(gpt.norm(x))[0, -1], dim=0) for x in stream]
assert torch.allclose(guesses[-1], F.softmax(gpt(gpt.encode(prompt))[0, -1], dim=0), atol=1e-5)
fig, axes = plt.subplots(1, len(guesses), figsize=(11, 2.4), layout="constrained", sharey=True)
for depth, (ax, guess) in enumerate(zip(axes, guesses, strict=True)):
    best = guess.argsort(descending=True)[:6]
    ax.bar([repr(gpt.vocabulary[i])[1:-1] for i in best], guess[best].numpy(), color=sim.viz.BLUE)
    ax.set(title=f"after {depth} blocks", ylim=(0.0, 1.0))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("probability")
assert gpt.vocabulary[int(guesses[-1].argmax())] == "g"

# %% [markdown]
# All positions are predicted in one pass, and for each the true answer is known: the next character of the text itself. The mean of
# the negative log of its probability is the loss that training makes small; its exponential is the *perplexity*:
# among how many characters the model hesitates, as if they were equally likely. Without any model there are 65.


# %%
def surprise(text):
    """The negative log of the probability of each character but the first, in nats."""
    idx = gpt.encode(text)
    return F.cross_entropy(gpt(idx)[0, :-1], idx[0, 1:], reduction="none")


nats = surprise(text)  # a line that is not in the training text
fig, ax = plt.subplots(figsize=(11, 2.2), layout="constrained")
ax.bar(range(1, len(text)), nats.numpy(), color=sim.viz.BLUE)
ax.set_xticks(range(len(text)), [repr(c)[1:-1] for c in text])
ax.set(ylabel="surprise (nats)")
ax.spines[["top", "right"]].set_visible(False)
shuffled = "".join(np.random.default_rng(0).permutation(list(text)))
perplexity, of_shuffled = nats.mean().exp(), surprise(shuffled).mean().exp()
print(f"perplexity of the text {perplexity:.1f}, of its characters in random order {of_shuffled:.1f}")
assert perplexity < 10.0 < of_shuffled

# %% [markdown]
# ## 6. Generate: the answer becomes input
#
# To write, the model is asked for one character, which is put behind the text; then it is asked again. Always taking the likeliest
# character makes it repeat itself. Drawing as the probabilities say is livelier, and a temperature
# below 1 favours the likely ones.

# %%
for temperature in (0.0, 0.7, 1.0):
    print(f"--- temperature {temperature}")
    print(gpt.generate("KING RICHARD II:\n", 150, temperature=temperature, seed=1))

# %% [markdown]
# A transformer has no memory but its text: each step reads all of it again. But what earlier positions computed does not change
# when a character is added, because none of them sees it. So keys and values can be kept, and a step costs one position.

# %%
grown = gpt.encode(prompt + "g")
assert torch.allclose(gpt(grown)[:, :-1], gpt(grown[:, :-1]), atol=1e-4)

# %% [markdown]
# An event-driven network has this for free: where nothing changes, nobody speaks.
#
# Units keep their state after they have fallen silent: it *is* the cache of keys and values. `generate` gives the spiking model one
# token after the other, and each wakes only the units of its own place. `generate_by_reference` computes the integer program on the
# whole text every time.

# %%
opening, choose = gpt.encode("KING RICHARD II:\n").numpy(), sampled(0.7, seed=1)
told = generate(spiking, opening, 140, choose=choose, code="graded")
computed = generate_by_reference(spiking, opening, 40, choose=choose)
print(gpt.decode(torch.from_numpy(told.tokens)))
assert (told.tokens[:, : computed.tokens.shape[1]] == computed.tokens).all()  # token by token the same text

# %%
cost = np.array([counts.total("synops") for counts in told.counts])
whole = spiking(told.tokens[:, :context], code="graded").counts.total("synops")
fig, ax = plt.subplots(figsize=(9, 2.6), layout="constrained")
ax.plot(opening.shape[1] + np.arange(len(cost)), cost, ".", color=sim.viz.BLUE, label="each character")
ax.axhline(whole, color=sim.viz.RED, linewidth=1.0, label="a full context without the state")
ax.set(yscale="log", xlabel="character", ylabel="synaptic operations")
ax.legend(frameon=False, fontsize=8, loc="center right")
ax.spines[["top", "right"]].set_visible(False)
print(f"{np.median(cost):,.0f} synaptic operations per character, {whole:,} for a full context")
print("characters before which the context was full and its last half was read again:", told.refilled)
assert whole > 50 * np.median(cost)

# %% [markdown]
# How well does it predict? The perplexity of the text from the start, by spikes and in floats:

# %%
scores = torch.from_numpy(next(iter(run.outputs.values()))[:, : len(text)])
by_spikes = F.cross_entropy(scores[0, :-1], idx[0, 1:]).exp()
print(f"perplexity float {perplexity:.3f}, by spikes {by_spikes:.3f}")
assert abs(by_spikes / perplexity - 1.0) < 0.05

# %% [markdown]
# ## 7. Three kinds of transformer
#
# | | who sees whom | answers | here |
# |---|---|---|---|
# | decoder only | each position the ones before it | one token after the other, endlessly | `char_gpt`, as above |
# | encoder only | all see all | all at once: a class, or a vector for each token | the 8x8 digits |
# | encoder-decoder | the source sees all of itself; what is written sees itself so far, and all of the source | another text | dates |
#
# **Encoder only.** The digits transformer of the first notebook reads 16 patches of an image. Its tokens come in no order of time, so
# nothing is masked: the first patch attends to the last.

# %%
graph, _ = sim.data.load_model("digits")
images, labels = sim.data.load_digits("test")
values = graph.evaluate(sim.data.patches(images))
accuracy = (values["logits"].argmax(axis=1) == labels).mean()
print(f"{accuracy:.2%} of {len(labels)} held-out images are read correctly, each in one pass")
assert accuracy > 0.95
looks = values["block1.scores"][0]  # (heads, 16 patches, 16 patches)
fig, axes = plt.subplots(1, 5, figsize=(11, 2.4), layout="constrained")
axes[0].imshow(images[0], cmap="Greys")
axes[0].set(title=f"a {labels[0]}", xticks=[], yticks=[])
for head, ax in enumerate(axes[1:]):
    ax.imshow(looks[head], cmap="Blues", vmin=0.0)
    ax.set(title=f"head {head}", xlabel="patch", ylabel="patch")
assert (np.triu(looks, 1).sum(axis=(1, 2)) > 1.0).all()  # every head looks ahead too

# %% [markdown]
# By spikes: all patches at once, one answer when the network is silent.

# %%
encoder = sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:256]))
patches = sim.data.patches(images[:100])
seen = encoder(patches, code="graded")
assert encoder.verify(seen, encoder.reference(patches)).mismatches == 0
print(f"{(encoder.scores(seen).argmax(axis=1) == labels[:100]).mean():.0%} of 100 images are read correctly by spikes")
looks_spiking = seen.values["block1.scores"][0] * encoder.integer_graph.layers["block1.scores"].scale
print(f"largest difference of an attention weight to float: {np.abs(looks_spiking - looks).max():.3f}")
assert np.abs(looks_spiking - looks).max() < 0.05

# %% [markdown]
# **Encoder-decoder.** Dates in words go in, ISO dates come out. The encoder reads the source once. The decoder writes, as above, but
# in each layer it has a second attention, whose queries come from what is written and whose keys and values
# come from the encoder: *cross-attention*.

# %%
dates = sim.zoo.dates()
texts = ["the 3rd of march 1987", "March 3, 1987", "3 mar 87", "the twenty-first of october 2015"]
for text, iso in zip(texts, dates.translate(texts), strict=True):
    print(f"{text:35s} {iso}")
assert dates.translate(texts) == ["1987-03-03"] * 3 + ["2015-10-21"]
held_out, expected = sim.zoo.date_examples(300)
exact = np.mean([guess == iso for guess, iso in zip(dates.translate(held_out), expected, strict=True)])
print(f"{exact:.1%} of 300 dates that training never saw are exact")

# %% [markdown]
# Cross-attention can be read: where does the decoder look while it writes the year, the month, the day?

# %%
source, written = "the 21st of October 2015", "2015-10-21"
heard = []
cross = dates.decoder.layers[-1].multihead_attn
hook = cross.register_forward_pre_hook(lambda module, args: heard.append(args))
start = torch.tensor([[0] + ["0123456789-".index(c) + 1 for c in written[:-1]]])
logits = dates(dates.encode([source]), start)
hook.remove()
_, looks = cross(*heard[0], need_weights=True)  # (1, written, source), mean over heads
assert dates.decode(logits.argmax(dim=2)) == [written]
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.imshow(looks[0, :, : len(source)].numpy(), cmap="Blues", aspect="auto")
ax.set_xticks(range(len(source)), source)
ax.set_yticks(range(len(written)), written)
ax.set(xlabel="source", ylabel="about to write")

# %% [markdown]
# By spikes, step by step: the source is given once and its encoder speaks once; then each written character wakes the units of its place in
# the decoder, and reads the keys and values of the encoder, which are still there.

# %%
sources, iso = sim.zoo.date_examples(48, "train")
shifted = [[0] + ["0123456789-".index(c) + 1 for c in line[:-1]] for line in iso]
rows = np.arange(67)[:, None]  # and, as above, every character once in every place
src = np.concatenate([dates.encode(sources), (rows + np.arange(36)) % 67])
tgt = np.concatenate([shifted, (rows + np.arange(10)) % 12])
translator = sim.convert(dates, {"src": src, "tgt": tgt})
given = {"src": dates.encode(texts).numpy()}
begin = np.zeros((len(texts), 1), dtype=np.int64)  # START
said = generate(translator, begin, 10, tokens="tgt", inputs=given, code="graded")
for line, answer in zip(texts, dates.decode(torch.from_numpy(said.tokens)), strict=True):
    print(f"{line:35s} {answer}")
per_character = [counts.total("synops") // len(texts) for counts in said.counts]
print("synaptic operations per character:", ", ".join(f"{each:,}" for each in per_character))
assert (said.tokens == generate_by_reference(translator, begin, 10, tokens="tgt", inputs=given).tokens).all()
assert dates.decode(torch.from_numpy(said.tokens)) == dates.translate(texts)
assert per_character[0] > 5 * max(per_character[1:])  # the source is read with the first

# %% [markdown]
# Cross-attention from spikes, mean over heads, beside the one above:

# %%
layer = "decoder.layers.1.multihead_attn.softmax"
run = translator({"src": dates.encode([source]), "tgt": start.numpy()}, code="graded")
crossed = (run.values[layer] * translator.integer_graph.layers[layer].scale)[0].mean(axis=0)
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.imshow(crossed[:, : len(source)], cmap="Blues", aspect="auto")
ax.set_xticks(range(len(source)), source)
ax.set_yticks(range(len(written)), written)
ax.set(xlabel="source", ylabel="about to write", title="from spikes")
print(f"mean difference to float {np.abs(crossed - looks[0].numpy()).mean():.4f}")
assert np.abs(crossed - looks[0].numpy()).mean() < 0.01

# %% [markdown]
# ## What was learned here
#
# Tokens are looked up, added, mixed by attention, worked on one by one, and compared with the table they came from. The mask alone
# tells a decoder from an encoder; a second attention joins the two. As spikes, all three say exactly what their integer programs say; and
# a decoder's cache is nothing but the state that its units are in.

# %%
future = weights * torch.ones_like(weights[0]).triu(1)
assert future.max() == 0.0  # the decoder never looks ahead
assert looks.sum(dim=2).allclose(torch.ones(1, len(written)))  # cross-attention sees the whole source
assert looks[0, 8:].argmax(dim=1).tolist() == [4, 5]  # writing the day, it looks at the 21 of "the 21st"
assert exact >= 0.99
assert crossed[8:].argmax(axis=1).tolist() == [4, 5]  # and so do the spikes
