"""Fine-tuning with quantisation in the loop: a torch module learns to live with few bits before it is converted."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from snnsim.errors import ParameterError
from snnsim.units import check_integer, check_number

if TYPE_CHECKING:
    import torch


class FineTuned(NamedTuple):
    """What `fine_tune` returns: ``sim.convert(tuned.module, x, **tuned.options)`` uses both.

    module : torch.nn.Module   an ordinary module in eval mode; weights of its linear layers and convolutions lie on their grids
    options : dict             of `convert`: the bits; `ranges`, what the learned steps cover by 'NAME.input' of the layer that reads it;
                               nearest rounding and no bias correction, which would undo what was learned for quantised values
    """

    module: Any
    options: dict[str, Any]


def fine_tune(
    module: Any,
    data: Any,
    targets: Any = None,
    *,
    activation_bits: int = 4,
    weight_bits: int = 4,
    epochs: int = 10,
    batch: int = 64,
    learning_rate: float = 1e-3,
    loss: Callable[[Any, Any], Any] | None = None,
    seed: int = 0,
) -> FineTuned:
    r"""Return a copy of `module` trained on while inputs and weights of its linear layers and convolutions are quantised.

    .. math:: \hat x = s \cdot \lfloor \mathrm{clip}(x / s, -Q_N, Q_P) \rceil

    Steps s of inputs are learned; the gradient passes the rounding straight through, and that of s is scaled by
    :math:`1 / \sqrt{N Q_P}`. Steps of weights follow the largest weight of their output channel, as in `convert`, so that the
    conversion does not round a second time. Dropout is off and the statistics of batch norms stay.

    Parameters
    ----------
    module : torch.nn.Module         in eval mode; it is not changed
    data : tensor or array[n, ...]   what the module takes
    targets : tensor or array[n, ...] or None   labels, or outputs; None: the outputs of `module` itself
    activation_bits, weight_bits : int   2 .. 16
    epochs, batch : int
    learning_rate : float            of Adam, falling to 0 along a cosine
    loss : function(outputs, targets) or None   default: cross entropy for whole targets, mean squared error for others
    seed : int                       of the order of the samples

    Raises
    ------
    ParameterError   for options out of range, data and targets of different length, a module without such layers or in training mode,
                     or a loss that is not finite

    Source: Esser et al. (2020), LSQ, eqs. 1-3 and section 2.2; distillation as in Hinton et al. (2015).
    """
    bits = check_integer("fine_tune.activation_bits", activation_bits, low=2, high=16)
    weights = check_integer("fine_tune.weight_bits", weight_bits, low=2, high=16)
    epochs = check_integer("fine_tune.epochs", epochs, low=1)
    batch = check_integer("fine_tune.batch", batch, low=1)
    check_number("fine_tune.learning_rate", learning_rate, gt=0.0)
    torch = _torch(module)
    x = torch.as_tensor(data)
    with torch.no_grad():
        y = module(x).detach() if targets is None else torch.as_tensor(targets)
    if len(x) != len(y) or not len(x):
        raise ParameterError(f"fine_tune: data hold {len(x)} samples and targets {len(y)}. Give one target for each sample.")
    if loss is None:
        whole = not (y.is_floating_point() or y.is_complex())
        loss = torch.nn.functional.cross_entropy if whole else torch.nn.functional.mse_loss
        y = y.long() if whole else y
    copied = copy.deepcopy(module)
    quantisers = _insert(copied, x[:batch], bits, weights)
    _train(copied, quantisers, (x, y), loss, (epochs, batch, float(learning_rate), seed))
    options = {"activation_bits": bits, "weight_bits": weights, "rounding": "nearest", "bias_correction": False}
    return FineTuned(copied, {**options, "ranges": _remove(copied, quantisers)})


def _torch(module: Any) -> Any:
    try:
        import torch
    except ModuleNotFoundError:
        raise ParameterError("fine_tune: torch is not installed, and only it can train a module. Run: pip install torch.") from None
    if not isinstance(module, torch.nn.Module):
        raise ParameterError(f"fine_tune.module = {type(module).__name__} must be a torch.nn.Module.")
    if module.training:
        raise ParameterError("fine_tune.module is in training mode. Call module.eval() first: it is tuned as it will be converted.")
    return torch


def _rounded(x: torch.Tensor) -> torch.Tensor:
    """Return x rounded, halves up, with the gradient of x."""
    return x + ((x + 0.5).floor() - x).detach()


class _InputStep:
    """The learned step of the input of one layer, set by the first batch: a hook before its forward."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.step: Any = None
        self.low = self.high = 0
        self.handle: Any = None

    def __call__(self, layer: Any, inputs: tuple) -> tuple:
        import torch

        x = inputs[0]
        if self.step is None:
            signed = bool((x < 0.0).any())
            self.high = 2 ** (self.bits - 1) - 1 if signed else 2**self.bits - 1
            self.low = -self.high if signed else 0
            start = 2.0 * float(x.abs().mean()) / math.sqrt(self.high)
            self.step = torch.nn.Parameter(torch.tensor(max(start, 1e-6), dtype=x.dtype, device=x.device))
        scale = 1.0 / math.sqrt(x[0].numel() * self.high)
        step = (self.step - self.step * scale).detach() + self.step * scale  # the value of the step, its gradient scaled
        return (_rounded((x / step).clamp(self.low, self.high)) * step, *inputs[1:])

    def range(self) -> tuple[float, float]:
        step = abs(self.step.item())
        return step * self.low, step * self.high


def _layers(module: Any) -> dict[str, Any]:
    from torch import nn

    return {name: layer for name, layer in module.named_modules() if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d))}


def _insert(module: Any, x: Any, bits: int, weight_bits: int) -> dict[str, _InputStep]:
    """Put quantisers in front of all layers that run, and set their first steps from `x`."""
    import torch
    from torch.nn.utils import parametrize

    class Grid(torch.nn.Module):
        """Weights on the grid of their output channel, whose largest weight is its end."""

        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            largest = 2 ** (weight_bits - 1) - 1
            step = weight.detach().abs().flatten(1).amax(1).clamp(min=1e-12).reshape(-1, *[1] * (weight.ndim - 1)) / largest
            return _rounded(weight / step) * step

    layers = _layers(module)
    if not layers:
        raise ParameterError("fine_tune.module holds no Linear, Conv1d, Conv2d or Conv3d: nothing would be quantised. Convert it as it is.")
    quantisers = {}
    for name, layer in layers.items():
        parametrize.register_parametrization(layer, "weight", Grid())
        quantisers[name] = _InputStep(bits)
        quantisers[name].handle = layer.register_forward_pre_hook(quantisers[name])
    with torch.no_grad():
        module(x)
    return quantisers


def _train(module: Any, quantisers: dict[str, _InputStep], pairs: tuple, loss: Callable, settings: tuple) -> None:
    import torch

    epochs, batch, rate, seed = settings
    x, y = pairs
    steps = [each.step for each in quantisers.values() if each.step is not None]
    learned = [each for each in module.parameters() if each.requires_grad]
    optimiser = torch.optim.Adam([*learned, *steps], rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * -(-len(x) // batch))
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x), generator=generator).split(batch):
            optimiser.zero_grad()
            error = loss(module(x[chosen]), y[chosen])
            if not torch.isfinite(error):
                raise ParameterError("fine_tune: the loss is not finite. Lower learning_rate, or check data and targets.")
            error.backward()
            optimiser.step()
            schedule.step()


def _remove(module: Any, quantisers: dict[str, _InputStep]) -> dict[str, tuple[float, float]]:
    """Leave an ordinary module with weights on their grids, and return the ranges of the inputs."""
    from torch.nn.utils import parametrize

    for name, layer in _layers(module).items():
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
        quantisers[name].handle.remove()
    for parameter in module.parameters():
        parameter.grad = None
    return {f"{name}.input": each.range() for name, each in quantisers.items() if each.step is not None}
