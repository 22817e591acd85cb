"""Fine-tuning with quantisation in the loop."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import ParameterError

torch = pytest.importorskip("torch", reason="torch comes with the test extra")
nn = torch.nn


def trained(module, x, y, epochs=12):
    optimiser = torch.optim.Adam(module.parameters(), 5e-3)
    generator = torch.Generator().manual_seed(0)
    module.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(x), generator=generator).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(module(x[chosen]), y[chosen]).backward()
            optimiser.step()
    return module.eval()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """These networks are too small to share."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def digits_images():
    sets = [sim.data.load_digits(name) for name in ("train", "test")]
    return [(torch.tensor(images / 16.0, dtype=torch.float32), torch.tensor(labels.astype(int))) for images, labels in sets]


@pytest.fixture(scope="module")
def perceptron(digits_images):
    torch.manual_seed(0)
    (x, y), _ = digits_images
    return trained(nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, 10)), x, y)


def accuracy(module, x, y, calibration, **options):
    model = sim.convert(module, calibration.numpy(), **options)
    assert model.certify(x[:8].numpy()).mismatches == 0
    scores = next(iter(model.outputs(model.reference(x.numpy())).values()))
    return float((scores.argmax(axis=1) == y.numpy()).mean())


def test_a_tuned_network_of_two_bits_classifies_better_after_conversion(perceptron, digits_images):
    (x, y), (held_out, labels) = digits_images
    bits = {"activation_bits": 2, "weight_bits": 2}
    before = accuracy(perceptron, held_out, labels, x[:256], **bits)
    kept = {name: value.clone() for name, value in perceptron.state_dict().items()}
    tuned = sim.fine_tune(perceptron, x, y, epochs=12, learning_rate=5e-3, **bits)
    assert all((value == kept[name]).all() for name, value in perceptron.state_dict().items())
    assert [type(layer) for layer in tuned.module] == [type(layer) for layer in perceptron] and not tuned.module.training
    after = accuracy(tuned.module, held_out, labels, x[:256], **tuned.options)
    assert after > before + 0.02
    assert set(tuned.options["ranges"]) == {"1.input", "3.input", "5.input"}


def test_tuned_weights_lie_on_the_grid_of_their_channel(perceptron, digits_images):
    (x, y), _ = digits_images
    tuned = sim.fine_tune(perceptron, x[:128], y[:128], activation_bits=3, weight_bits=3, epochs=1)
    for layer in (tuned.module[1], tuned.module[3], tuned.module[5]):
        weight = layer.weight.detach().numpy().astype(float)
        steps = weight / (np.abs(weight).max(axis=1, keepdims=True) / 3)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
        assert isinstance(layer.weight, nn.Parameter) and not layer._forward_pre_hooks


def test_the_learned_steps_become_those_of_the_spiking_network(perceptron, digits_images):
    (x, y), _ = digits_images
    tuned = sim.fine_tune(perceptron, x[:128], y[:128], activation_bits=4, weight_bits=8, epochs=1)
    model = sim.convert(tuned.module, x[:64].numpy(), **tuned.options)
    scales = [float(np.max(layer.scale)) for layer in model.integer_graph.layers.values() if type(layer.unit).__name__ == "Staircase"]
    np.testing.assert_allclose(scales, [tuned.options["ranges"][name][1] / 15 for name in ("3.input", "5.input")], rtol=1e-9)


def test_a_convolutional_network_is_distilled_without_labels(digits_images):
    torch.manual_seed(1)
    (x, y), (held_out, _) = digits_images
    layers = [
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
    ]
    module = trained(nn.Sequential(*layers, nn.Linear(16, 10)), x[:, None], y, epochs=4)
    bits = {"activation_bits": 3, "weight_bits": 3}
    tuned = sim.fine_tune(module, x[:, None], epochs=6, learning_rate=3e-3, **bits)
    with torch.no_grad():
        wanted = module(held_out[:, None]).numpy()
    errors = []
    plain = bits | {"ranges": "max", "rounding": "nearest", "bias_correction": False}
    for each, options in ((module, plain), (tuned.module, tuned.options)):
        model = sim.convert(each, x[:128, None].numpy(), **options)
        assert model.certify(held_out[:4, None].numpy()).mismatches == 0
        errors.append(np.linalg.norm(next(iter(model.outputs(model.reference(held_out[:, None].numpy())).values())) - wanted))
    assert errors[1] < 0.9 * errors[0]


def test_one_seed_tunes_to_the_same_bits(perceptron, digits_images):
    (x, y), _ = digits_images
    one, two, other = (sim.fine_tune(perceptron, x[:192], y[:192], epochs=1, seed=seed) for seed in (1, 1, 2))
    assert one.options == two.options != other.options
    assert (one.module[1].weight == two.module[1].weight).all()


def test_what_cannot_be_tuned_is_refused(perceptron, digits_images):
    (x, y), _ = digits_images
    with pytest.raises(ParameterError, match="training mode"):
        sim.fine_tune(nn.Sequential(nn.Linear(4, 2)).train(), x, y)
    with pytest.raises(ParameterError, match="holds no Linear"):
        sim.fine_tune(nn.Sequential(nn.ReLU()).eval(), x, y)
    with pytest.raises(ParameterError, match="hold 8 samples and targets 7"):
        sim.fine_tune(perceptron, x[:8], y[:7])
    with pytest.raises(ParameterError, match="must be a torch.nn.Module"):
        sim.fine_tune("model", x, y)
    with pytest.raises(ParameterError, match="weight_bits = 1 must be >= 2"):
        sim.fine_tune(perceptron, x, y, weight_bits=1)
    with pytest.raises(ParameterError, match="the loss is not finite"):
        sim.fine_tune(perceptron, x[:8], y[:8], loss=lambda a, b: a.sum() * float("nan"))
