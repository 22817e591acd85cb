"""Networks of snnTorch, in: the same spikes, step by step. Out: snntorch_out.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from snnsim.adapters.imported import Imported
from snnsim.adapters.library import need
from snnsim.adapters.rate_in import rate_model_of
from snnsim.adapters.torch_network import Framework, Neurons, import_torch, numbers
from snnsim.adapters.torch_trace import Call
from snnsim.conversion.rate_model import RateModel
from snnsim.errors import ConversionError
from snnsim.models.norse_lif import NEVER_FIRES
from snnsim.models.snntorch_leaky import Leaky
from snnsim.models.snntorch_synaptic import Synaptic

if TYPE_CHECKING:
    from snnsim.adapters.rate_module import RateModule

_WHERE = "from_snntorch"
#: Their reset to zero wipes out the input of the step too, where Leaky's does not.
_CLEARING = ("RLeaky", "Lapicque")
TAKEN = ("Leaky", "Synaptic", "RLeaky", "RSynaptic", "Lapicque")


@overload
def from_snntorch(module: RateModule) -> RateModel: ...
@overload
def from_snntorch(module: Any, sample: Any = None, *, inputs: Any = None) -> Imported: ...
def from_snntorch(module: Any, sample: Any = None, *, inputs: Any = None) -> Imported | RateModel:
    """Return a network that makes the spikes of an snnTorch module, step by step.

    Taken over are Leaky, Synaptic, RLeaky, RSynaptic and Lapicque, and between them Linear, Conv1d, Conv2d, average pooling,
    BatchNorm with its running means, Flatten and Dropout as in evaluation: they become weights, and a constant input from biases.
    The module is called twice to see who feeds whom: it may be an nn.Sequential, or a class of your own whose forward calls its modules
    in any order, for one step or for many. Between modules only reshaping is followed; sums, relu and the like raise. Arguments of
    forward beside the first are not given: states that it takes there must be those of its neurons.

    Parameters
    ----------
    module : torch.nn.Module     left as it is; its hidden states do not matter, every run begins at rest
    sample : tensor              what ``module(sample)`` takes, with its axis of batches of size 1; needed where the first module
                                 does not tell its width. Its values do not matter
    inputs : array[steps, ...]   see `Imported.fed`; None: a silent input

    Returns
    -------
    Imported, with ``dt=1.0``: spikes of step k have the time k + 1. Layers follow each other without delay, as in snnTorch, and
    recurrent connections act in the next step. In double precision potentials are those of the module in doubles, to rounding.
    Of a `RateModule`, which `to_snntorch` made of a `RateModel`: a RateModel with the parameters the module has now.

    Raises
    ------
    ConversionError   naming the module and a remedy: other neurons, graded spikes, `inhibition`, `state_quant`, random spike
                      functions, operations that are no module, states that do not begin at 0

    Source: Eshraghian et al. (2023), Proc. IEEE 111:1016; snnTorch 1.0.
    """
    need(_WHERE, "torch", "snntorch")
    model = rate_model_of(_WHERE, module, sample, inputs)
    if model is not None:
        return model
    found = import_torch(_WHERE, module, sample, _framework(), dt=1.0)
    return found if inputs is None else found.fed(inputs)


def _framework() -> Framework:
    import snntorch
    import torch

    def is_neurons(module: Any) -> bool:
        home = type(module).__module__.split(".")
        return isinstance(module, snntorch.SpikingNeuron) or (
            isinstance(module, torch.nn.Module) and home[0] == "snntorch" and "_neurons" in home and not home[-1].startswith("surrogate")
        )

    readout = Neurons(lambda shape, i_ext: Leaky(beta=0.0, v_th=NEVER_FIRES, reset_mechanism="none", i_ext=i_ext))
    return Framework(is_neurons, lambda module: False, _describe, readout)


def _describe(where: str, call: Call, shape: tuple[int, ...]) -> Neurons:
    module, kind = call.module, type(call.module).__name__
    _check(where, call, kind)
    reset = module.reset_mechanism
    common: dict[str, Any] = {
        "v_th": numbers(module.threshold, shape),
        "reset_mechanism": "zero_with_input" if reset == "zero" and kind in _CLEARING else reset,
        "reset_delay": bool(getattr(module, "reset_delay", True)),
    }
    scale: float | np.ndarray = 1.0
    if kind == "Lapicque":
        dt, r, c = (np.asarray(numbers(each, shape)) for each in (module.time_step, module.R, module.C))
        share, gain = 1.0 - dt / (r * c), r * (1.0 / (r * c)) * dt
        common["beta"], scale = _plain(share), _plain(gain)
    else:
        common["beta"] = numbers(module.beta.clamp(0, 1), shape)
    recurrent, each = None, None
    if kind in ("RLeaky", "RSynaptic"):
        if module.all_to_all:
            recurrent = module.recurrent
        else:
            each = np.asarray(numbers(module.recurrent.V, shape))
    if kind.endswith("Synaptic"):
        alpha = numbers(module.alpha.clamp(0, 1), shape)
        return Neurons(lambda _, i_ext: Synaptic(alpha=alpha, i_ext=i_ext, **common), recurrent=recurrent, each=each)
    return Neurons(lambda _, i_ext: Leaky(i_ext=i_ext, **common), recurrent=recurrent, each=each, scale=scale)


def _plain(array: np.ndarray) -> float | np.ndarray:
    return float(array) if array.ndim == 0 else array


def _check(where: str, call: Call, kind: str) -> None:
    """Refuse what the models here do not do."""
    import torch

    module, name = call.module, f"{where}: module {call.name!r}"
    if kind not in TAKEN:
        raise ConversionError(f"{name} is {kind}, which must be one of {', '.join(TAKEN)}. Train it with one of these.")
    if bool(torch.any(module.graded_spikes_factor != 1.0)):
        raise ConversionError(
            f"{name}.graded_spikes_factor = {module.graded_spikes_factor.tolist()} must be 1: spikes here have no size. Multiply the "
            "weights of the next layer by it."
        )
    if module.inhibition:
        raise ConversionError(f"{name}.inhibition must be False: neurons here do not look at each other. Use inhibitory weights.")
    if module.state_quant:
        raise ConversionError(f"{name}.state_quant must be False: states here are not rounded. Train without it.")
    if kind == "RSynaptic" and not module.reset_delay:
        raise ConversionError(f"{name}.reset_delay must be True: snnTorch 1.0 cannot run RSynaptic otherwise. Leave it out.")
    probe = torch.tensor([-2.0, -1e-30, 0.0, 1e-30, 2.0])
    fired = [module.spike_grad(probe).detach() for _ in range(3)]
    if any(not torch.equal(each, (probe > 0.0).to(each.dtype)) for each in fired):
        raise ConversionError(f"{name}.spike_grad must fire where v > threshold, and there alone. Use a surrogate such as atan().")
