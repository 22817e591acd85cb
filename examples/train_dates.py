"""Train the encoder-decoder transformer for dates that ships with snnsim, and store its weights.

    python examples/train_dates.py                    # trains, prints the share of exact dates
    python examples/train_dates.py --out dates.npz    # ... and stores the weights

Needs torch 2.9 or newer; takes 4 minutes on one core. The examples are made by snnsim.zoo.date_examples; every tenth day is never seen.
Matrices in the layers learn by Muon (Jordan et al. 2024), all else by AdamW.
"""

from __future__ import annotations

import argparse
import time

import torch
import torch.nn.functional as F

from snnsim.zoo.date_texts import date_examples
from snnsim.zoo.encoder_decoder import START, TARGET, DateTranslator
from snnsim.zoo.store import round_weights, save_weights


def tensors(model: DateTranslator, n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `n` examples of the split 'train': texts int64[n, SOURCE_LENGTH], START and dates int64[n, 1 + TARGET_LENGTH]."""
    texts, iso = date_examples(n, "train", seed)
    return model.encode(texts), torch.tensor([[TARGET.index(character) for character in START + line] for line in iso])


def exact(model: DateTranslator, n: int = 2_000) -> float:
    """Return the share of `n` held-out examples that are translated without any error."""
    texts, iso = date_examples(n, "test")
    model.eval()
    return sum(guess == line for guess, line in zip(model.translate(texts), iso, strict=True)) / n


def train(seed: int, steps: int, batch: int = 128) -> DateTranslator:
    torch.set_num_threads(1)  # sums in one order: the same model whatever the number of cores
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    model = DateTranslator()
    src, tgt = tensors(model, 50_000, seed)
    inner = [p for name, p in model.named_parameters() if p.ndim == 2 and name.startswith(("encoder", "decoder"))]
    outer = [p for name, p in model.named_parameters() if p.ndim != 2 or not name.startswith(("encoder", "decoder"))]
    optimisers = [torch.optim.Muon(inner, lr=0.02, weight_decay=0.02), torch.optim.AdamW(outer, lr=2e-3, weight_decay=0.0)]
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, (step + 1) / 100, 1.3 * (1.0 - step / steps)))
        for optimiser in optimisers
    ]
    for step in range(steps):
        model.train()
        chosen = torch.randint(len(src), (batch,))
        logits = model(src[chosen], tgt[chosen, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), tgt[chosen, 1:].flatten())
        loss.backward()
        for optimiser, schedule in zip(optimisers, schedules, strict=True):
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
        if step % 250 == 249:
            share = exact(model, 200)
            print(f"step {step + 1:5d}  loss {loss.item():.4f}  exact {share:.3f}, {time.process_time():.0f} s", flush=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--out", help="where to store the weights (.npz)")
    options = parser.parse_args()
    model = train(options.seed, options.steps)
    round_weights(model)
    held_out = exact(model)
    print(f"exact dates {held_out:.4f} of 2000 held-out examples, {time.process_time():.0f} s")
    if options.out:
        about = {
            "model": "encoder-decoder transformer, 2 + 2 layers, width 64, 4 heads, ReLU MLP 128",
            "data": "snnsim.zoo.date_examples, made by rule",
            "held_out_exact": round(held_out, 4),
            "made_by": f"examples/train_dates.py --seed {options.seed} --steps {options.steps}",
        }
        save_weights(model, options.out, about)
        print(f"stored {options.out}")


if __name__ == "__main__":
    main()
