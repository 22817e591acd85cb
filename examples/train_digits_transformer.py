"""Train the digits transformer that ships with snnsim, and store it as a graph file.

    python examples/train_digits_transformer.py                    # trains, prints the held-out accuracy
    python examples/train_digits_transformer.py --out model.npz    # ... and stores the model
    python examples/train_digits_transformer.py --without 9        # has never seen a nine, and has nine classes

Needs torch (``pip install snnsim[test]``); takes a minute or two on two cores. Two pre-norm encoder blocks of width 32,
four heads and a GELU MLP of 64 read an 8x8 digit as 16 patches of 2x2 pixels. The 360 held-out images are never seen.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from torch import nn

import snnsim as sim
from snnsim.graph.file import save_graph
from snnsim.trace.transformer_encoder import transformer_encoder

HEADS = 4


class DigitsTransformer(nn.Module):
    def __init__(self, classes: int = 10, width: int = 32, hidden: int = 64, blocks: int = 2) -> None:
        super().__init__()
        self.embed = nn.Linear(4, width)
        self.position = nn.Parameter(0.02 * torch.randn(16, width))
        layer = nn.TransformerEncoderLayer(width, HEADS, hidden, dropout=0.1, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, blocks, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:  # (batch, 16, 4) -> (batch, classes)
        return self.head(self.encoder(self.embed(patches) + self.position).mean(dim=1))


def digits(split: str, without: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the images of one split and their classes, which are the digits left over, in order."""
    images, labels = sim.data.load_digits(split)
    if without is None:
        return images, labels
    kept = labels != without
    return images[kept], labels[kept] - (labels[kept] > without)


def shifted(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Shift a third of the batches by at most one pixel: the only augmentation."""
    if random.random() > 0.3:
        return images
    down, right = random.integers(0, 3, size=2)
    return np.pad(images, ((0, 0), (1, 1), (1, 1)))[:, down : down + 8, right : right + 8]


def accuracy(model: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    model.eval()
    with torch.no_grad():
        guess = model(torch.tensor(sim.data.patches(images) / 16.0, dtype=torch.float32)).argmax(dim=1).numpy()
    return float((guess == labels).mean())


def train(seed: int, epochs: int, without: int | None = None, batch: int = 64) -> DigitsTransformer:
    torch.set_num_threads(1)  # sums in one order: the same model whatever the number of cores, and no slower at this size
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    images, labels = digits("train", without)
    model = DigitsTransformer(10 if without is None else 9)
    steps = epochs * (len(images) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps, pct_start=0.1)
    for epoch in range(epochs):
        model.train()
        order = random.permutation(len(images))
        for first in range(0, len(images) - batch + 1, batch):
            chosen = order[first : first + batch]
            pixels = sim.data.patches(shifted(images[chosen], random)) / 16.0
            guess = model(torch.tensor(pixels, dtype=torch.float32))
            loss = nn.functional.cross_entropy(guess, torch.tensor(labels[chosen].astype(np.int64)), label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        if epoch % 20 == 19:
            print(f"epoch {epoch + 1:3d}  training accuracy {accuracy(model, images, labels):.4f}", flush=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--without", type=int, choices=range(10), metavar="DIGIT", help="a digit to keep from the model")
    parser.add_argument("--out", help="where to store the graph (.npz)")
    options = parser.parse_args()
    begin = time.perf_counter()
    model = train(options.seed, options.epochs, options.without)
    images, labels = digits("test", options.without)
    held_out = accuracy(model, images, labels)
    print(f"held-out accuracy {held_out:.4f} on {len(images)} images, {time.perf_counter() - begin:.0f} s")
    if options.out:
        arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        graph = transformer_encoder(arrays, heads=HEADS, low=0, high=16, step=1 / 16)
        unseen = "" if options.without is None else f", never shown a {options.without}"
        about = {
            "model": f"digits transformer, 2 blocks, width 32, 4 heads, GELU MLP 64{unseen}",
            "data": "Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI, doi:10.24432/C50P49, CC BY 4.0",
            "held_out_accuracy": round(held_out, 4),
            "made_by": f"examples/train_digits_transformer.py --seed {options.seed} --epochs {options.epochs}"
            + ("" if options.without is None else f" --without {options.without}"),
        }
        save_graph(graph, options.out, about=about)
        print(f"stored {options.out}")


if __name__ == "__main__":
    main()
