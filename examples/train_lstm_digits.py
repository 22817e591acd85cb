"""Train the LSTM that ships with snnsim on the 8x8 digits, read row by row, and store its weights.

    python examples/train_lstm_digits.py                          # trains, prints the held-out accuracy
    python examples/train_lstm_digits.py --out lstm_digits.npz    # ... and stores the weights

Needs torch; takes ten seconds on one core. The 360 held-out images are never seen.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F

import snnsim as sim
from snnsim.zoo.lstm import DigitsLSTM
from snnsim.zoo.store import round_weights, save_weights


def digits(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images float[n, 8, 8] in 0 .. 1 and their digits."""
    images, labels = sim.data.load_digits(split)
    return torch.tensor(images / np.float32(16.0)), torch.tensor(labels.astype(np.int64))


def accuracy(model: DigitsLSTM, images: torch.Tensor, labels: torch.Tensor) -> float:
    model.eval()
    with torch.no_grad():
        return float((model(images).argmax(dim=1) == labels).float().mean())


def shifted(images: torch.Tensor) -> torch.Tensor:
    """Shift half of the batches by at most one pixel."""
    if torch.rand(()) < 0.5:
        return images
    down, right = torch.randint(0, 3, (2,)).tolist()
    return F.pad(images, (1, 1, 1, 1))[:, down : down + 8, right : right + 8]


def train(seed: int, epochs: int, batch: int = 64) -> DigitsLSTM:
    torch.set_num_threads(1)  # sums in one order: the same model whatever the number of cores
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    images, labels = digits("train")
    model = DigitsLSTM()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=epochs * (len(images) // batch), pct_start=0.1)
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(images))
        for chosen in order[: len(order) // batch * batch].split(batch):
            loss = F.cross_entropy(model(shifted(images[chosen])), labels[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        if epoch % 20 == 19:
            print(f"epoch {epoch + 1:3d}  training accuracy {accuracy(model, images, labels):.4f}, {time.process_time():.0f} s", flush=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--out", help="where to store the weights (.npz)")
    options = parser.parse_args()
    model = train(options.seed, options.epochs)
    round_weights(model)
    images, labels = digits("test")
    held_out = accuracy(model, images, labels)
    print(f"held-out accuracy {held_out:.4f} on {len(images)} images, {time.process_time():.0f} s")
    if options.out:
        about = {
            "model": "LSTM of 32 units over 8 rows of 8 pixels, linear head",
            "data": "Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI, doi:10.24432/C50P49, CC BY 4.0",
            "held_out_accuracy": round(held_out, 4),
            "made_by": f"examples/train_lstm_digits.py --seed {options.seed} --epochs {options.epochs}",
        }
        save_weights(model, options.out, about)
        print(f"stored {options.out}")


if __name__ == "__main__":
    main()
