"""A network trained with snnTorch comes in, is counted and priced, goes out, is trained for fewer spikes, and comes back.

python examples/snntorch_roundtrip.py   # prints what snntorch_roundtrip.out holds; needs torch and snntorch

Digits of 8 x 8 pixels become spikes: in each of 20 steps a pixel fires with a chance that grows with its brightness. A layer of 80
Leaky neurons and one of ten learn them by surrogate gradients (Neftci, Mostafa & Zenke 2019), which takes seconds. The answer is the
neuron with the highest mean potential.

`sim.from_snntorch` makes an ordinary network of the module: every spike of every step is the same. Its run counts what the module
cannot tell: synaptic operations, updates, and their energy on a chip. `sim.to_snntorch` makes a module of the network again, which is
trained further with a price on spikes. torch works in doubles here, so that no spike depends on rounding.
"""

import numpy as np
import snntorch
import torch

import snnsim as sim

STEPS, HIDDEN, BETA, CHANCE = 20, 80, 0.9, 0.5  # CHANCE: of the brightest pixel to fire in a step
EPOCHS, BATCH, RATE = 8, 64, 5e-3
PRICE, MORE = 0.2, 4  # of a hidden spike per neuron and step, in units of the loss; epochs of the second training
SHOWN, PROFILE = 40, "loihi14"  # held-out images run here; hardware profile


def spike_trains(images: np.ndarray, seed: int) -> np.ndarray:
    """Return bool[steps, images, pixels]."""
    chance = CHANCE * images.reshape(len(images), -1) / 16.0
    return np.random.default_rng(seed).random((STEPS, *chance.shape)) < chance


def surrogate(shifted: torch.Tensor) -> torch.Tensor:
    """Return spikes in the precision of the potentials; snnTorch's own are in single precision."""
    return snntorch.surrogate.atan()(shifted).to(shifted.dtype)


def new_module() -> torch.nn.Sequential:
    """Return an untrained network as snnTorch's tutorials write it."""
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(64, HIDDEN),
        snntorch.Leaky(beta=BETA, init_hidden=True, spike_grad=surrogate),
        torch.nn.Linear(HIDDEN, 10),
        snntorch.Leaky(beta=BETA, init_hidden=True, spike_grad=surrogate, output=True),
    ).double()


def present(module: torch.nn.Sequential, trains: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Run trains[steps, images, pixels] from rest. Returns mean potentials, spikes of the last layer, mean rate of the first."""
    for part in module:
        if isinstance(part, snntorch.Leaky):
            part.reset_mem()
    potentials, fired, hidden = [], [], []
    for row in trains:
        first = module[1](module[0](row))
        last, potential = module[3](module[2](first))
        potentials.append(potential)
        fired.append(last)
        hidden.append(first.mean())
    return torch.stack(potentials).mean(0), torch.stack(fired), torch.stack(hidden).mean()


def train(module: torch.nn.Sequential, trains: np.ndarray, labels: np.ndarray, epochs: int, price: float) -> None:
    """Train by Adam; `price` is paid for spikes of the first layer."""
    optimiser, random = torch.optim.Adam(module.parameters(), lr=RATE), np.random.default_rng(2)
    for _ in range(epochs):
        order = random.permutation(len(labels))
        for first in range(0, len(labels), BATCH):
            some = order[first : first + BATCH]
            potential, _, rate = present(module, torch.from_numpy(trains[:, some].astype(float)))
            loss = torch.nn.functional.cross_entropy(potential, torch.from_numpy(labels[some])) + price * rate
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def report(title: str, module: torch.nn.Sequential, trains: np.ndarray, labels: np.ndarray) -> sim.Network:
    """Bring the module in; print its accuracy, whether our spikes are its spikes, and what they cost. Returns the network."""
    imported = sim.from_snntorch(module)
    with torch.no_grad():
        potential, fired, _ = present(module, torch.from_numpy(trains.astype(float)))
    right = float((potential.argmax(1).numpy() == labels).mean())
    counts, same, made = sim.OperationCounts({}), 0, 0
    for image in range(SHOWN):
        fed = imported.fed(trains[:, image])
        output = fed.outputs[0]
        result = sim.simulate(fed.network, STEPS * fed.dt, dt=fed.dt, engine="clock", record={output: ["spikes"]})
        theirs = fired[:, image].numpy() > 0
        same += np.array_equal(fed.raster(result), theirs)
        made += int(theirs.sum())
        counts += result.counts
    energy = sim.estimate_energy(counts, profile=PROFILE, per=SHOWN)
    print(f"{title}: {100 * right:.0f} % of {len(labels)} held-out digits")
    print(f"  the same {made} output spikes in every step of {same} of {SHOWN} images")
    print(f"  {counts.total('spikes') / SHOWN:.0f} spikes, {counts.total('synops') / SHOWN:.0f} synaptic operations per image")
    print("  " + str(energy).replace("\n", "\n  "))
    return imported.network


def main() -> None:
    """Train, bring in, take out, train further, bring back."""
    torch.set_num_threads(1)
    (images, labels), (held_out, answers) = (sim.data.load_digits(split) for split in ("train", "test"))
    trains, tests = spike_trains(images, 3), spike_trains(held_out, 4)
    module = new_module()
    train(module, trains, labels.astype(np.int64), EPOCHS, 0.0)
    network = report("trained with snnTorch", module, tests, answers)
    again = sim.to_snntorch(network, dtype=torch.float64)
    train(again, trains, labels.astype(np.int64), MORE, PRICE * STEPS)
    report("trained further, for fewer spikes", again, tests, answers)


if __name__ == "__main__":
    main()
