"""A small language model as spikes: it writes the same text as its integer program, and every character costs its own position.

python examples/convert_char_gpt.py                             # prints what convert_char_gpt.out holds
python examples/convert_char_gpt.py --text tinyshakespeare.txt  # calibrates on that text, and measures the perplexity
python examples/convert_char_gpt.py --picture gpt.png           # ... and draws the cost of every character
python examples/convert_char_gpt.py --length 113                # stops sooner; what a full context costs is the same

Needs torch. Takes half a minute, most of it compiling.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

import snnsim as sim
from snnsim.conversion.generate import Generated, generate, generate_by_reference, sampled

PROMPT = "KING RICHARD II:\n"
LENGTH = 500  # characters to write
#: A text to calibrate on where none is given: ordinary sentences in the form that the model knows.
OWN_TEXT = """FIRST KEEPER:
Good morrow, sir; the gate is shut till noon,
And none may pass that brings no letter with him.

TRAVELLER:
I have a letter; but the rain hath wash'd it,
And what the king did write is gone to water.
Yet let me in, for I have walk'd three days,
And sleep is all the treasure that I ask.

FIRST KEEPER:
What is thy name? and who hath sent thee hither?

TRAVELLER:
My name is nothing, and my lord is dead.
He sent me when he lived, and now he sends not:
So am I neither servant, sir, nor free.

SECOND KEEPER:
Peace, brother: let him stand beside the fire.
The queen herself would pity such a man;
O, if our city have no room for him,
Then is our city but a heap of stones.
"""


def windows(text: str, model: torch.nn.Module, n: int) -> np.ndarray:
    """Return n pieces of the text, spread over it evenly, int64[n, context]."""
    idx = model.encode(text)[0].numpy()
    starts = np.linspace(0, len(idx) - model.context, n).astype(int)
    return np.stack([idx[start : start + model.context] for start in starts])


def calibration(text: str, model: torch.nn.Module) -> np.ndarray:
    """Return pieces of the text, and one row per character in which every place holds another: so each stands everywhere once."""
    size = len(model.vocabulary)
    return np.concatenate([windows(text, model, 24), (np.arange(size)[:, None] + np.arange(model.context)) % size])


def perplexity(logits: np.ndarray, idx: np.ndarray) -> float:
    """Return exp of the mean surprise at every character but the first. logits : float[n, time, characters]; idx : int[n, time]"""
    logits = logits[:, :-1] - logits[:, :-1].max(axis=2, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    return float(np.exp(-np.take_along_axis(log_p, idx[:, 1:, None], axis=2).mean()))


def tell_perplexity(model: torch.nn.Module, spiking: sim.SpikingModel, path: str) -> None:
    """Compare the models on text that training never saw."""
    idx = windows(sim.data.load_text(path, "test"), model, 24)
    with torch.no_grad():
        exact = model(torch.from_numpy(idx)).double().numpy()
    scores = [spiking.scores(spiking(part, code="graded")) for part in np.split(idx, 6)]
    print(f"held-out perplexity: float {perplexity(exact, idx):.3f}, by spikes {perplexity(np.concatenate(scores), idx):.3f}")


def tell_costs(model: torch.nn.Module, spiking: sim.SpikingModel, written: dict[str, Generated]) -> None:
    """Print what the last character of a full context costs, with the cache and without it."""
    new = model.context - len(PROMPT)  # this one fills the context
    text = next(iter(written.values())).tokens[:, : model.context]
    print(f"{'character ' + str(model.context) + ' of the context':34s} {'spikes':>9s} {'synaptic operations':>20s}   µJ at 45 nm")
    for code, each in written.items():
        whole = spiking(text, code=code).counts
        for what, counts in (("from the cache", each.counts[new]), ("all read again", whole)):
            total = sim.estimate_energy(counts, "horowitz45").total
            micro = "no price" if total is None else "{1:,.4g} ({0:,.4g} to {2:,.4g})".format(*(1e-6 * value for value in total))
            print(f"  {code:12s} {what:19s} {counts.total('spikes'):9,d} {counts.total('synops'):20,d}   {micro}")
    dense = sim.ann_operations(spiking.integer_graph, spiking.reference(text), skip_zeros=False)
    low, nominal, high = (1e-6 * value for value in sim.estimate_energy(dense, "horowitz45").total)
    macs = dense.total("macs")
    print(f"  as an ANN    all read again      {'':9s} {macs:15,d} MACs   {nominal:,.4g} ({low:,.4g} to {high:,.4g})")
    print(f"  as an ANN    one place, on average {'':7s} {macs // model.context:15,d} MACs")


def draw(path: str, generated: Generated, whole: int) -> None:
    """Synaptic operations of every character; `whole`: those of reading a full context."""
    from matplotlib.figure import Figure

    from snnsim import viz

    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    ax = figure.add_subplot()
    places = len(PROMPT) + np.arange(len(generated.counts))
    ax.plot(places, [counts.total("synops") for counts in generated.counts], ".", markersize=3, color=viz.BLUE, label="with the cache")
    ax.axhline(whole, color=viz.RED, linewidth=1.0, label="a full context read anew")
    ax.set(yscale="log", xlabel="character", ylabel="synaptic operations", title="Writing by spikes, graded code")
    ax.legend(frameon=False, fontsize=8, loc="center right")
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", metavar="FILE", help="a text such as Tiny Shakespeare (default: a short one of our own)")
    parser.add_argument("--picture", help="where to store the picture")
    parser.add_argument("--length", type=int, default=LENGTH, help="characters to write (default %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = sim.zoo.char_gpt()
    if options.length <= model.context - len(PROMPT):
        parser.error(
            f"--length must be at least {model.context - len(PROMPT) + 1}: what is printed at the end is the cost of a full context"
        )
    text = OWN_TEXT if options.text is None else sim.data.load_text(options.text, "train")
    spiking = sim.convert(model, calibration(text, model))
    certificate = spiking.certify(windows(text, model, 2), code="graded")
    print(f"{certificate.compared:,} integers compared, {certificate.mismatches} mismatches")
    if options.text is not None:
        tell_perplexity(model, spiking, options.text)
    prompt, choose = model.encode(PROMPT).numpy(), sampled(0.7, seed=1)
    written = {code: generate(spiking, prompt, options.length, choose=choose, code=code) for code in ("signed_digit", "graded")}
    wanted = generate_by_reference(spiking, prompt, options.length, choose=choose).tokens
    same = [int((each.tokens == wanted).sum()) for each in written.values()]
    assert same == [wanted.size] * len(written)
    print(f"{wanted.size - len(PROMPT)} characters written by spikes, the same as by the integer program in {' and '.join(written)} code:")
    print(model.decode(torch.from_numpy(wanted)))
    tell_costs(model, spiking, written)
    if options.picture:
        graded = written["graded"]
        draw(options.picture, graded, spiking(graded.tokens[:, : model.context], code="graded").counts.total("synops"))


if __name__ == "__main__":
    main()
