"""Networks of Norse, in: the same spikes, step by step. Out: norse_out.py."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from snnsim.adapters.imported import Imported
from snnsim.adapters.library import need
from snnsim.adapters.rate_in import rate_model_of
from snnsim.adapters.torch_network import Framework, Neurons, import_torch, numbers
from snnsim.adapters.torch_trace import Call
from snnsim.conversion.rate_model import RateModel
from snnsim.errors import ConversionError
from snnsim.models.norse_lif import NEVER_FIRES, NorseLIF
from snnsim.models.norse_lif_box import NorseLIFBox

if TYPE_CHECKING:
    from snnsim.adapters.rate_module import RateModule

_WHERE = "from_norse"
_TIMED = ("LIF", "LIFRecurrent", "LI")
TAKEN = ("LIFCell", "LIF", "LIFRecurrentCell", "LIFRecurrent", "LIFBoxCell", "LICell", "LI", "LIBoxCell", "LILinearCell")


@overload
def from_norse(module: RateModule) -> RateModel: ...
@overload
def from_norse(module: Any, sample: Any = None, *, inputs: Any = None) -> Imported: ...
def from_norse(module: Any, sample: Any = None, *, inputs: Any = None) -> Imported | RateModel:
    """Return a network that makes the spikes of a Norse module, step by step.

    Taken over are LIFCell, LIF, LIFRecurrentCell, LIFRecurrent, LIFBoxCell and, as readouts that never fire, LICell, LI, LIBoxCell and
    LILinearCell; between them what `from_snntorch` takes. The module may be a SequentialState, or a class of your own.

    Parameters
    ----------
    module : torch.nn.Module     left as it is
    sample : tensor              what ``module(sample)`` takes, with its axis of batches of size 1, and before it one of time where
                                 modules loop over time; needed where the first module does not tell its width
    inputs : array[steps, ...]   see `Imported.fed`; None: a silent input

    Returns
    -------
    Imported; its `dt` is that of the modules in ms. Layers follow each other without delay, as in Norse, and recurrent connections
    act in the next step. Rates are dt * tau_inv in the precision of the module's parameters, as Norse takes them. Of a `RateModule`,
    which `to_norse` made of a `RateModel`: a RateModel with the parameters the module has now.

    Raises
    ------
    ConversionError   naming the module and a remedy: other neurons such as LIFAdExCell, other reset methods, several dt,
                      RecurrentSequential, operations that are no module

    Source: Pehle & Pedersen (2021), Norse, doi:10.5281/zenodo.4422025; Norse 1.1.
    """
    need(_WHERE, "torch", "norse")
    model = rate_model_of(_WHERE, module, sample, inputs)
    if model is not None:
        return model
    found = import_torch(_WHERE, module, sample, _framework(module), dt=_dt(module))
    return found if inputs is None else found.fed(inputs)


def _dt(module: Any) -> float:
    """Return the step of all neurons in ms."""
    import torch

    parts = list(module.named_modules()) if isinstance(module, torch.nn.Module) else []
    for name, part in parts:
        if type(part).__name__ == "RecurrentSequential":
            raise ConversionError(
                f"{_WHERE}: module {name or 'RecurrentSequential'!r} is RecurrentSequential, whose feedback lies outside its modules. "
                "Use LIFRecurrentCell."
            )
    steps = {name: float(part.dt) for name, part in parts if _is_neurons(part) and hasattr(part, "dt")}
    if len(set(steps.values())) > 1:
        raise ConversionError(f"{_WHERE}: modules have steps {steps} s, which must be one: a run has one dt. Give all the same dt.")
    return float(f"{1e3 * next(iter(steps.values()), 1e-3):.12g}")


def _is_neurons(module: Any) -> bool:
    home = type(module).__module__
    if not home.startswith("norse.") or type(module).__name__ in ("SequentialState", "RecurrentSequential", "Lift"):
        return False
    return "state" in inspect.signature(module.forward).parameters


def _framework(module: Any) -> Framework:
    dt = _dt(module)
    readout = Neurons(lambda shape, i_ext: NorseLIFBox(tau_m=dt, v_th=NEVER_FIRES, i_ext=i_ext))
    return Framework(_is_neurons, lambda part: type(part).__name__ in _TIMED and _is_neurons(part), _describe, readout)


def _describe(where: str, call: Call, shape: tuple[int, ...]) -> Neurons:
    import torch

    module, kind = call.module, type(call.module).__name__
    if kind not in TAKEN:
        raise ConversionError(
            f"{where}: module {call.name!r} is {kind}, which must be one of {', '.join(TAKEN)}. Train it with one of these."
        )
    dt, p = float(f"{1e3 * module.dt:.12g}"), module.p

    def tau(inverse: Any) -> Any:
        rate = numbers(module.dt * torch.as_tensor(inverse), shape)
        if np.any(np.asarray(rate) <= 0.0):
            raise ConversionError(f"{where}: module {call.name!r} has an inverse time constant that must be > 0. Give a positive one.")
        return dt / rate

    common: dict[str, Any] = {"tau_m": tau(p.tau_mem_inv), "v_rest": numbers(p.v_leak, shape)}
    spiking = kind.startswith("LIF")
    common["v_th"] = numbers(p.v_th, shape) if spiking else NEVER_FIRES
    if spiking:
        common["v_reset"] = numbers(p.v_reset, shape)
    if "Box" in kind:
        if spiking:
            common["reset_mechanism"] = _reset(where, call)
        return Neurons(lambda _, i_ext: NorseLIFBox(i_ext=i_ext, **common))
    common["tau_syn"] = tau(p.tau_syn_inv)
    return Neurons(
        lambda _, i_ext: NorseLIF(i_ext=i_ext, **common),
        before=_matrix(getattr(module, "input_weights", None)),
        recurrent=_matrix(getattr(module, "recurrent_weights", None)),
    )


def _reset(where: str, call: Call) -> str:
    from norse.torch.functional.reset import reset_subtract, reset_value

    method = call.module.p.reset_method
    if method not in (reset_value, reset_subtract):
        raise ConversionError(f"{where}: module {call.name!r}.p.reset_method must be reset_value or reset_subtract. Use one of these.")
    return "subtract" if method is reset_subtract else "value"


def _matrix(weight: Any) -> Any:
    """Return a Linear module of this weight, or None."""
    import torch

    if weight is None:
        return None
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=weight.dtype)
    linear.weight = torch.nn.Parameter(weight.detach(), requires_grad=False)
    return linear
