"""Networks of snnTorch, out: a module to be trained further."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from snnsim.adapters.imported import Imported
from snnsim.adapters.library import need
from snnsim.adapters.torch_chain import Chain, Stage, chain_of, linear, tensor
from snnsim.conversion.rate_model import RateModel
from snnsim.errors import ConversionError
from snnsim.models.norse_lif import NEVER_FIRES
from snnsim.models.snntorch_leaky import Leaky
from snnsim.models.snntorch_synaptic import Synaptic
from snnsim.network import Network

if TYPE_CHECKING:
    from snnsim.adapters.rate_module import RateModule

_WHERE = "to_snntorch"
_MODELS = {Leaky: "Leaky", Synaptic: "Synaptic"}


@overload
def to_snntorch(
    network: RateModel,
    *,
    dtype: Any = None,
    spike_grad: Callable[[Any], Any] | None = None,
    learn_threshold: bool = False,
) -> RateModule: ...
@overload
def to_snntorch(
    network: Network | Imported,
    *,
    dtype: Any = None,
    spike_grad: Callable[[Any], Any] | None = None,
    learn_beta: bool = False,
    learn_threshold: bool = False,
    seed: int = 0,
) -> Any: ...
def to_snntorch(
    network: Network | Imported | RateModel,
    *,
    dtype: Any = None,
    spike_grad: Callable[[Any], Any] | None = None,
    learn_beta: bool = False,
    learn_threshold: bool = False,
    seed: int = 0,
) -> Any:
    """Return a network of `Leaky` and `Synaptic` as a torch.nn.Sequential of snnTorch modules, for training by surrogate gradients.

    Every population becomes a Linear, called NAME_in, whose bias is i_ext, and a module NAME: Leaky or Synaptic, and with a
    projection onto itself RLeaky or RSynaptic. One call of the module is one step; hidden states stay within, and the reset_mem() of
    each neuron clears them (snntorch.utils.reset leaves the spikes of RSynaptic). The last layer returns its states too.
    `from_snntorch` brings the module back.

    Of a `RateModel` it returns a `RateModule`: the linear maps and convolutions of the float model, and between them Leaky with the
    reset in the next step, which without leak fires when `RateNeuron` does; with a leak and a reset by subtraction RLeaky, whose neurons
    give themselves what the leak would have spared. They fire where a threshold is met or exceeded. ``module(x, steps=T)`` runs T steps
    from rest and returns the outputs after each, [T, batch, ...].

    Parameters
    ----------
    network : Network, Imported or RateModel   a network has one source, and populations one behind the other: without delay, 1 ms onto
                                               themselves
    dtype : torch.dtype             of weights and states; None: torch's default. In torch.float64 spikes are the same to the last one
    spike_grad : function           surrogate of snnTorch; None: atan(), in the precision of its input. Of a `RateModel` its gradient is
                                    taken, at distances from the threshold in units of the threshold
    learn_beta, learn_threshold     whether these are trained too; of a `RateModel` thresholds alone, and these not where RLeaky stands
    seed : int                      for connectors and parameters that are drawn

    Raises
    ------
    ConversionError   for a model, projection or delay that has no counterpart, by name; for what `convert` made
    """
    torch = need(_WHERE, "snntorch", "torch")
    if isinstance(network, RateModel):
        return _rate_module(network, dtype, spike_grad, learn_beta=learn_beta, learn_threshold=learn_threshold)
    chain = chain_of(_WHERE, network, _MODELS, dt=1.0, seed=seed)
    kind = torch.get_default_dtype() if dtype is None else dtype
    options = {"learn_beta": learn_beta, "learn_threshold": learn_threshold, "spike_grad": _atan if spike_grad is None else spike_grad}
    layers: OrderedDict[str, Any] = OrderedDict() if chain.flat else OrderedDict(input=torch.nn.Flatten())
    for stage in chain.stages:
        last = stage is chain.stages[-1]
        name = stage.name.replace(".", "_")
        if last and _is_readout(stage):
            layers[name] = linear(stage, kind)
            break
        layers[f"{name}_in"] = linear(stage, kind)
        layers[name] = _neurons(stage, kind, options | {"output": last})
    if len(layers) < _expected(chain):
        raise ConversionError(f"{_WHERE}: names of populations must differ when '.' becomes '_'. Rename one.")
    return torch.nn.Sequential(layers)


def _rate_module(model: RateModel, dtype: Any, spike_grad: Any, *, learn_beta: bool, learn_threshold: bool) -> RateModule:
    import torch

    from snnsim.adapters.rate_module import RateModule
    from snnsim.adapters.rate_snntorch import SnntorchNeurons

    if learn_beta:
        raise ConversionError(f"{_WHERE}.learn_beta = True must be False for a RateModel: its neurons share one leak. Leave it out.")
    if learn_threshold and model.reset == "subtract" and model.beta < 1.0:
        raise ConversionError(
            f"{_WHERE}.learn_threshold = True must be False for a RateModel with a leak and a reset by subtraction: what its neurons give "
            "themselves would have to follow. Leave it out, or convert with neuron='if' or reset='zero'."
        )
    kind = torch.get_default_dtype() if dtype is None else dtype
    options = {"spike_grad": spike_grad, "learn_threshold": learn_threshold}
    return RateModule(_WHERE, model, partial(SnntorchNeurons, dtype=kind, options=options), kind)


def _expected(chain: Chain) -> int:
    return 2 * len(chain.stages) - int(_is_readout(chain.stages[-1])) + int(not chain.flat)


def _is_readout(stage: Stage) -> bool:
    """Whether a population only holds its input, as `from_snntorch` makes of a Linear at the end."""
    model = stage.model
    return isinstance(model, Leaky) and bool(np.all(model.beta == 0.0) and np.all(model.v_th == NEVER_FIRES)) and stage.recurrent is None


def _atan(shifted: Any) -> Any:
    from snntorch.surrogate import atan

    # snnTorch's own gives spikes in single precision whatever it gets, and the next Linear in doubles refuses them.
    return atan()(shifted).to(shifted.dtype)


def _neurons(stage: Stage, dtype: Any, options: dict[str, Any]) -> Any:
    import snntorch
    import torch

    model, recurrent, n = stage.model, stage.recurrent, len(stage.weight)
    if recurrent is not None and isinstance(model, Leaky) and model.reset_mechanism == "zero":
        raise ConversionError(
            f"{_WHERE}: Population({stage.name!r}).model.reset_mechanism = 'zero' must be 'zero_with_input' in a recurrent population: "
            "that is what RLeaky's reset to zero does. Choose it, or 'subtract'."
        )
    clears = model.reset_mechanism == "zero_with_input"
    options = options | {
        "beta": tensor(stage.value("beta"), dtype),
        "threshold": tensor(stage.value("v_th"), dtype),
        "reset_mechanism": "zero" if clears else model.reset_mechanism,
        "reset_delay": model.reset_delay,
        "init_hidden": True,
    }
    if isinstance(model, Synaptic):
        options["alpha"] = tensor(stage.value("alpha"), dtype)
    name = type(model).__name__
    if recurrent is None and not clears:
        return getattr(snntorch, name)(**options)
    if recurrent is None:
        # Only the recurrent module resets so; this one has weights of 0.
        return snntorch.RLeaky(**options, all_to_all=False, V=tensor(0.0, dtype), learn_recurrent=False)
    if isinstance(model, Synaptic) and not model.reset_delay:
        raise ConversionError(
            f"{_WHERE}: Population({stage.name!r}).model.reset_delay must be True: snnTorch 1.0 cannot run RSynaptic otherwise."
        )
    module = getattr(snntorch, f"R{name}")(**options, linear_features=n).to(dtype)
    with torch.no_grad():
        module.recurrent.weight.copy_(torch.from_numpy(recurrent))
        module.recurrent.bias.zero_()
    return module
