"""Train the convolutional networks that ship with snnsim on handwritten digits, and store their weights.

    python examples/train_mnist.py --mnist FOLDER --model cnn                            # trains, prints the held-out accuracy
    python examples/train_mnist.py --mnist FOLDER --model resnet --out mnist_resnet.npz  # ... and stores the weights

Needs torch; takes one and a half minutes (cnn) or two (resnet) on one core. FOLDER holds the test images of MNIST,
t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz. They alone are used: the first 8,000 for training; the last 2,000 are never seen.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import snnsim as sim
from snnsim.zoo.cnn import MnistCNN
from snnsim.zoo.resnet import MnistResNet
from snnsim.zoo.store import round_weights, save_weights

MODELS = {"cnn": MnistCNN, "resnet": MnistResNet}
TRAINED = 8_000  # images; those behind are held out


def digits(folder: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images, float[10000, 1, 28, 28] in 0 .. 1, and their digits."""
    images, labels = sim.data.load_mnist(folder, "test")
    return torch.tensor(images[:, None] / np.float32(255.0)), torch.tensor(labels.astype(np.int64))


def bent(images: torch.Tensor) -> torch.Tensor:
    """Shift each image by up to 2 pixels, turn it by up to 10 degrees and scale it by up to a tenth."""
    n = len(images)
    angle, scale = (torch.rand(n) * 2 - 1) * np.pi / 18, 1 + (torch.rand(n) * 2 - 1) * 0.1
    shift = (torch.rand(n, 2, 1) * 2 - 1) * 2 / 14
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    grid = F.affine_grid(torch.cat([turn, shift], 2), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    model.eval()
    with torch.no_grad():
        guess = torch.cat([model(some).argmax(dim=1) for some in images.split(500)])
    return float((guess == labels).float().mean())


def train(name: str, images: torch.Tensor, labels: torch.Tensor, seed: int, epochs: int, batch: int = 64) -> nn.Module:
    torch.set_num_threads(1)  # sums in one order: the same model whatever the number of cores
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    model = MODELS[name]()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.05)
    steps = epochs * (len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=steps, pct_start=0.2)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for chosen in torch.randperm(len(images)).split(batch):
            if len(chosen) < batch:
                break
            loss = F.cross_entropy(model(bent(images[chosen])), labels[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1:2d}  loss {total / (len(images) // batch):.3f}, {time.process_time():.0f} s", flush=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", required=True, metavar="FOLDER", help="folder of the published files of MNIST")
    parser.add_argument("--model", choices=MODELS, default="cnn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", help="where to store the weights (.npz)")
    options = parser.parse_args()
    images, labels = digits(options.mnist)
    model = train(options.model, images[:TRAINED], labels[:TRAINED], options.seed, options.epochs)
    round_weights(model)
    held_out = accuracy(model, images[TRAINED:], labels[TRAINED:])
    print(f"held-out accuracy {held_out:.4f} on {len(images) - TRAINED} images, {time.process_time():.0f} s")
    if options.out:
        about = {
            "model": MODELS[options.model].__name__,
            "data": "MNIST, LeCun, Bottou, Bengio & Haffner (1998): the first 8,000 test images",
            "held_out_accuracy": round(held_out, 4),
            "made_by": f"examples/train_mnist.py --model {options.model} --seed {options.seed} --epochs {options.epochs}",
        }
        save_weights(model, options.out, about)
        print(f"stored {options.out}")


if __name__ == "__main__":
    main()
