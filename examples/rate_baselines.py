"""Rate-coded conversions of one trained network, as the literature has them, beside the exact one: accuracy against time steps.

python examples/rate_baselines.py                        # trains a small CNN on 8x8 digits; prints what rate_baselines.out holds
python examples/rate_baselines.py --mnist FOLDER         # the CNN of sim.zoo on images of MNIST that it has not seen
"""

import argparse

import numpy as np
import torch
from torch import nn

import snnsim as sim

STEPS = (4, 8, 16, 32, 64)
#: 'calibrated' is worked out for 32 steps, and the clip of 'qcfs' too.
SETTINGS = {
    "largest activation": {"method": "max"},
    "99.9 percentile": {"method": "percentile"},
    "  reset to zero": {"method": "percentile", "reset": "zero"},
    "  leak, tau_m = 20 steps": {"method": "percentile", "neuron": "lif", "tau_m": 20.0},
    "  half a threshold at start": {"method": "percentile", "initial": "half"},
    "  calibrated potentials": {"method": "percentile", "initial": "calibrated"},
    "  calibrated biases": {"method": "percentile", "bias": "calibrated"},
    "  inputs as spikes": {"method": "percentile", "encoding": "spikes"},
    "least error of the clip": {"method": "qcfs"},
}


def small_cnn(images, labels):
    """Return a CNN trained for a few seconds. Doubles, so that machines agree on what is printed."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10),
    ).double()  # fmt: skip
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    x, y = torch.tensor(images), torch.tensor(labels, dtype=torch.int64)
    for _ in range(12):
        for part in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[part]), y[part]).backward()
            optimiser.step()
    return model.eval()


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--mnist", help="folder that holds the test images of MNIST")
parser.add_argument("--images", type=int, default=300, help="images that are classified, at most 2,000")
options = parser.parse_args()

if options.mnist:
    STEPS = (*STEPS, 128)
    images, labels = sim.data.load_mnist(options.mnist, "test")
    images = np.float32(images[:, None] / 255.0)
    seen, unseen = images[:300], images[8000 : 8000 + options.images]  # the first 8,000 were trained on
    labels, model = labels[8000 : 8000 + options.images], sim.zoo.mnist_cnn()
else:
    images, labels = sim.data.load_digits("train")
    seen = images[:, None] / 16.0
    model = small_cnn(seen, labels)
    images, labels = sim.data.load_digits("test")
    seen, unseen, labels = seen[:300], images[: options.images, None] / 16.0, labels[: options.images]

with torch.no_grad():
    floats = model(torch.tensor(unseen)).numpy()
n = len(labels)
print(f"float model: {(floats.argmax(axis=1) == labels).mean():.1%} of {n} images")
exact = sim.convert(model, seen)
run = exact(unseen)
exact.verify(run, exact.reference(unseen))
cost = " ".join(f"{run.counts.total(kind) / n:10,.0f}" for kind in ("spikes", "synops"))
print(f"{'accuracy (%) after T steps':<28} " + " ".join(f"{steps:>5}" for steps in STEPS) + "   spikes and synops at T = 32, per image")
for name, settings in SETTINGS.items():
    converted = sim.convert_rate(model, seen, steps=32, **settings)
    counts = converted(unseen).counts
    right = converted.scores(converted(unseen, steps=max(STEPS))).argmax(axis=2) == labels[:, None]
    accuracy = " ".join(f"{100.0 * right[:, steps - 1].mean():5.1f}" for steps in STEPS)
    print(f"{name:<28} {accuracy}   " + " ".join(f"{counts.total(kind) / n:10,.0f}" for kind in ("spikes", "synops")))
head = f"{'exact: sim.convert':<28}" + " " * 6 * (len(STEPS) - 1)
print(f"{head} {100.0 * (exact.scores(run).argmax(axis=1) == labels).mean():5.1f}   {cost}")
