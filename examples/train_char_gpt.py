"""Train the character transformer that ships with snnsim, and store its weights.

    python examples/train_char_gpt.py --text tinyshakespeare.txt                       # trains, prints the held-out perplexity
    python examples/train_char_gpt.py --text tinyshakespeare.txt --out char_gpt.npz    # ... and stores the weights

Needs torch 2.9 or newer, and Tiny Shakespeare (A. Karpathy's compilation, 1.1 MB, not shipped). Takes 13 minutes on one core.
The last tenth of the text is never seen. Matrices in the blocks learn by Muon (Jordan et al. 2024), all else by AdamW.
"""

from __future__ import annotations

import argparse
import math
import time

import torch
import torch.nn.functional as F

import snnsim as sim
from snnsim.zoo.gpt import CharGPT
from snnsim.zoo.store import round_weights, save_weights

SIZES = {"context": 128, "width": 128, "heads": 4, "layers": 3}


def perplexity(model: CharGPT, text: str, stride: int | None = None, batch: int = 32) -> float:
    """Return exp of the mean loss per character of `text`, read in windows of the model's context.

    stride : int   how far one window lies behind the other; only the last `stride` characters of a window are counted. None: the
        context, so that every character of a window counts, also the first ones, that have little before them
    """
    stride = model.context if stride is None else stride
    idx = model.encode(text)[0]
    windows = idx.unfold(0, model.context + 1, stride)
    model.eval()
    with torch.no_grad():
        losses = [
            F.cross_entropy(model(some[:, :-1])[:, -stride:].flatten(0, 1), some[:, 1:][:, -stride:].flatten(), reduction="sum")
            for some in windows.split(batch)
        ]
    return math.exp(float(torch.stack(losses).sum()) / (len(windows) * stride))


def optimisers(model: CharGPT, rate: float) -> list[torch.optim.Optimizer]:
    inner = [p for name, p in model.named_parameters() if p.ndim == 2 and name.startswith("blocks")]
    outer = [p for name, p in model.named_parameters() if p.ndim != 2 or not name.startswith("blocks")]
    return [
        torch.optim.Muon(inner, lr=rate, weight_decay=0.05),
        torch.optim.AdamW(outer, lr=0.1 * rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def train(text: str, held_out: str, vocabulary: str, seed: int, steps: int, rate: float = 0.02, batch: int = 16) -> CharGPT:
    torch.set_num_threads(1)  # sums in one order: the same model whatever the number of cores
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    model = CharGPT(vocabulary, **SIZES)
    for name, p in model.named_parameters():
        if p.ndim == 2:
            torch.nn.init.normal_(p, std=0.02 if "blocks" not in name else p.shape[1] ** -0.5 * 0.5)
    idx = model.encode(text)[0]
    learners = optimisers(model, rate)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(opt, lambda step: min(1.0, (step + 1) / 100, 1.3 * (1.0 - step / steps))) for opt in learners
    ]
    for step in range(steps):
        model.train()
        first = torch.randint(len(idx) - model.context - 1, (batch,))
        some = idx[first[:, None] + torch.arange(model.context + 1)]
        loss = F.cross_entropy(model(some[:, :-1]).flatten(0, 1), some[:, 1:].flatten())
        loss.backward()
        for optimiser, schedule in zip(learners, schedules, strict=True):
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
        if step % 500 == 499:
            seen = perplexity(model, held_out[:20_000])
            print(f"step {step + 1:5d}  loss {loss.item():.3f}  perplexity {seen:.3f}, {time.process_time():.0f} s", flush=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", required=True, help="a text, such as tinyshakespeare.txt")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--out", help="where to store the weights (.npz)")
    options = parser.parse_args()
    text, held_out = (sim.data.load_text(options.text, split) for split in ("train", "test"))
    model = train(text, held_out, "".join(sorted(set(text + held_out))), options.seed, options.steps, options.rate)
    round_weights(model)
    short, long = perplexity(model, held_out), perplexity(model, held_out, stride=model.context // 2)
    print(f"held-out perplexity per character {short:.3f} ({long:.3f} with at least 64 characters before it)", end="")
    print(f" on {len(held_out)} characters, {time.process_time():.0f} s")
    if options.out:
        about = {
            "model": "decoder-only character transformer, 3 blocks, width 128, 4 heads, GELU MLP 512, context 128",
            "vocabulary": model.vocabulary,
            "sizes": SIZES,
            "data": "Tiny Shakespeare: W. Shakespeare, public domain, compiled by A. Karpathy (2015); the first nine tenths",
            "held_out_perplexity": round(short, 3),
            "made_by": f"examples/train_char_gpt.py --seed {options.seed} --steps {options.steps}",
        }
        save_weights(model, options.out, about)
        print(f"stored {options.out}")


if __name__ == "__main__":
    main()
