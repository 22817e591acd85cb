"""SpikingJelly's rate-coded conversion and the one here are one network."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim

torch = pytest.importorskip("torch", reason="torch comes with the test extra")
ann2snn = pytest.importorskip("spikingjelly.activation_based.ann2snn", reason="SpikingJelly is installed apart")


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_outputs_after_every_step_are_those_of_spikingjelly(reset):
    from spikingjelly.activation_based import functional, neuron

    torch.manual_seed(3)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3, padding=1), torch.nn.BatchNorm2d(6), torch.nn.ReLU(), torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(6, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(32, 10), torch.nn.ReLU(), torch.nn.Linear(10, 4),
    ).double().eval()  # fmt: skip
    x = torch.rand(30, 1, 8, 8, dtype=torch.float64)
    v_reset = None if reset == "subtract" else 0.0
    recipe = ann2snn.RateCodingRecipe([x], mode="max", neuron_factory=lambda scale: neuron.IFNode(v_reset=v_reset))
    theirs = ann2snn.FXConverter(recipe=recipe).convert(module)
    functional.reset_net(theirs)
    total, expected = 0.0, []
    with torch.no_grad():
        for step in range(40):
            total = total + theirs(x)
            expected.append((total / (step + 1)).numpy())
    model = sim.convert_rate(module, x, method="max", reset=reset, steps=40)
    result = model(x)
    found = model.scores(result)
    assert result.counts.total("spikes") > 1_000 and np.ptp(found) > 0.1
    np.testing.assert_allclose(found, np.stack(expected, axis=1), atol=1e-9)
