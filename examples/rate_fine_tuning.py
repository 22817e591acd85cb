"""A converted network goes out to snnTorch, learns to live with few time steps, and comes back.

python examples/rate_fine_tuning.py   # prints what rate_fine_tuning.out holds; needs torch and snntorch

A small residual CNN learns digits of 8 x 8 pixels in floats. `sim.convert_rate` makes rate-coded neurons of it: in two steps a neuron
can say 0, 1/2 or 1 times its threshold, and accuracy is lost. `sim.to_snntorch` makes a torch module of the converted network: the
convolutions are convolutions, the neurons are snnTorch's Leaky without leak, and every layer fires in the same steps. Eight epochs of
surrogate gradients (Neftci, Mostafa & Zenke 2019), which start from the converted weights (Rathi et al. 2020), fit weights and
thresholds to two steps. `sim.from_snntorch` brings the module back as an ordinary network. torch works in doubles here, so that no
spike depends on rounding.
"""

import numpy as np
import torch
from torch import nn

import snnsim as sim

STEPS, MANY = 2, 64
EPOCHS, TUNING, BATCH = 8, 8, 64
RATE, TUNING_RATE = 5e-3, 6e-3
STARTS = {"zero": "from rest", "half": "from half a threshold"}  # initial potentials


class SmallResNet(nn.Module):
    """Three convolutions, the last beside a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12)
        self.first, self.second = nn.Conv2d(12, 12, 3, padding=1), nn.Conv2d(12, 12, 3, padding=1)
        self.head = nn.Linear(12 * 16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return scores of the ten digits."""
        x = nn.functional.avg_pool2d(torch.relu(self.norm(self.stem(x))), 2)
        x = torch.relu(x + self.second(torch.relu(self.first(x))))
        return self.head(x.flatten(1))


def train(module: nn.Module, images: np.ndarray, labels: np.ndarray, epochs: int, rate: float) -> None:
    """Train by Adam, its rate falling to 0 along a cosine; of a module that spikes the outputs after its last step are judged."""
    optimiser, random = torch.optim.Adam(module.parameters(), lr=rate), np.random.default_rng(2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        order = random.permutation(len(labels))
        for first in range(0, len(labels), BATCH):
            some = order[first : first + BATCH]
            scores = module(torch.from_numpy(images[some]))
            loss = nn.functional.cross_entropy(scores[-1] if scores.ndim == 3 else scores, torch.from_numpy(labels[some]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()


def report(title: str, model: sim.RateModel, images: np.ndarray, labels: np.ndarray, steps: int) -> None:
    """Print accuracy, and spikes and synaptic operations of an image."""
    result = model(images, steps=steps)
    right = (model.scores(result)[:, -1].argmax(1) == labels).mean()
    spikes, synops = (result.counts.total(what) / len(images) for what in ("spikes", "synops"))
    print(f"  {title:29s} {steps:3d} steps  {100 * right:5.1f} %  {spikes:6.0f} spikes  {synops:8.0f} synaptic operations")


def compare(title: str, model: sim.RateModel, module: nn.Module, images: np.ndarray) -> None:
    """Print whether every neuron of the module and of the network fires in the same steps."""
    theirs: dict[str, list[np.ndarray]] = {name: [] for name in module.layers}
    for name, layer in module.layers.items():
        layer.register_forward_hook(lambda _, given, out, name=name: theirs[name].append(out.detach().flatten(1).numpy() > 0))
    with torch.no_grad():
        scores = module(torch.from_numpy(images)).numpy()
    result = model(images, record={name: ["spikes"] for name in model.plan.layers})
    same = made = 0
    for name, fired in theirs.items():
        ours = np.zeros((len(images) * STEPS, fired[0].shape[1]), dtype=bool)
        ours[np.rint(result.spikes[name].times).astype(int) - 1, result.spikes[name].indices] = True
        raster = np.stack(fired, axis=1).reshape(ours.shape)
        same, made = same + int((raster & ours).sum()), made + int((raster | ours).sum())
    apart = np.abs(model.scores(result) - scores.swapaxes(0, 1)).max()
    print(f"  {title}: {same} of {made} spikes in the same steps, scores {'equal' if apart < 1e-9 else 'apart'} after each")


def main() -> None:
    """Train in floats, convert, take out, train on, bring back."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    (images, labels), (held_out, answers) = (sim.data.load_digits(split) for split in ("train", "test"))
    images, held_out = (each.reshape(-1, 1, 8, 8) / 16.0 for each in (images, held_out))
    labels = labels.astype(np.int64)
    net = SmallResNet().double()
    train(net, images, labels, EPOCHS, RATE)
    net.eval()
    with torch.no_grad():
        right = (net(torch.from_numpy(held_out)).argmax(1).numpy() == answers).mean()
    print(f"{'float model':31s}            {100 * right:5.1f} % of {len(answers)} held-out digits")
    for initial, start in STARTS.items():
        model = sim.convert_rate(net, images, steps=STEPS, initial=initial)
        print(f"neurons that begin {start}")
        report("converted", model, held_out, answers, MANY)
        report("converted", model, held_out, answers, STEPS)
        module = sim.to_snntorch(model, dtype=torch.float64, learn_threshold=True)
        compare("the module made of it", model, module, held_out)
        train(module, images, labels, TUNING, TUNING_RATE)
        tuned = sim.from_snntorch(module)
        report("fine-tuned and brought back", tuned, held_out, answers, STEPS)
        compare("the fine-tuned module", tuned, module, held_out)


if __name__ == "__main__":
    main()
