"""Networks of Norse, out: a module to be trained further."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from snnsim.adapters.imported import Imported
from snnsim.adapters.library import need
from snnsim.adapters.torch_chain import Stage, chain_of, linear, tensor
from snnsim.conversion.rate_model import RateModel
from snnsim.errors import ConversionError
from snnsim.models.norse_lif import NEVER_FIRES, NorseLIF
from snnsim.models.norse_lif_box import NorseLIFBox
from snnsim.network import Network
from snnsim.units import check_number

if TYPE_CHECKING:
    from snnsim.adapters.rate_module import RateModule

_WHERE = "to_norse"
_MODELS = {NorseLIF: "LIFCell", NorseLIFBox: "LIFBoxCell"}


@overload
def to_norse(network: RateModel, *, dtype: Any = None, method: str = "super") -> RateModule: ...
@overload
def to_norse(network: Network | Imported, *, dt: float | None = None, dtype: Any = None, method: str = "super", seed: int = 0) -> Any: ...
def to_norse(
    network: Network | Imported | RateModel, *, dt: float | None = None, dtype: Any = None, method: str = "super", seed: int = 0
) -> Any:
    """Return a network of `NorseLIF` and `NorseLIFBox` as a SequentialState of Norse modules, for training by surrogate gradients.

    Every population becomes a Linear, whose bias is i_ext, and an LIFCell or LIFBoxCell, LICell or LIBoxCell where it never fires; with
    a projection onto itself an LIFRecurrentCell, which brings its own input weights. One call of the module is one step and returns
    (output, states). `from_norse` brings the module back; populations are then called by their places.

    Of a `RateModel` it returns a `RateModule`, as `to_snntorch` does, of LIFBoxCells, which have either reset. Without leak theirs is 2^-64
    of the potential per step, which doubles round away; their v_th is the number below the threshold, as Norse fires above v_th alone.

    Parameters
    ----------
    network : Network, Imported or RateModel   a network has one source, and populations one behind the other: without delay, one step
                                               onto themselves
    dt : float                      ms; None: that of an `Imported`, else 1; not for a `RateModel`, whose leak is given per step
    dtype : torch.dtype             None: torch's default. In torch.float64 spikes are the same to the last one
    method : str                    Norse's name of the surrogate gradient
    seed : int                      for connectors and parameters that are drawn

    Raises
    ------
    ConversionError   for a model, projection or delay that has no counterpart, by name; for what `convert` made
    """
    need(_WHERE, "torch", "norse")
    import norse.torch
    import torch

    if isinstance(network, RateModel):
        return _rate_module(network, dt, dtype, method)
    step = float(
        check_number(f"{_WHERE}.dt", (network.dt if isinstance(network, Imported) else 1.0) if dt is None else dt, unit="ms", gt=0.0)
    )
    chain = chain_of(_WHERE, network, _MODELS, dt=step, seed=seed)
    kind = torch.get_default_dtype() if dtype is None else dtype
    layers: list[Any] = [] if chain.flat else [torch.nn.Flatten()]
    for stage in chain.stages:
        layers += _layer(stage, kind, method, 1e-3 * step)
    return norse.torch.SequentialState(*layers)


def _rate_module(model: RateModel, dt: float | None, dtype: Any, method: str) -> RateModule:
    import torch

    from snnsim.adapters.rate_module import RateModule
    from snnsim.adapters.rate_norse import NorseNeurons

    if dt is not None:
        raise ConversionError(f"{_WHERE}.dt = {dt!r} must be None for a RateModel: its leak is given per step. Leave it out.")
    kind = torch.get_default_dtype() if dtype is None else dtype
    return RateModule(_WHERE, model, partial(NorseNeurons, dtype=kind, method=method), kind)


def _layer(stage: Stage, dtype: Any, method: str, dt: float) -> list[Any]:
    """Return the modules of one population. dt : s"""
    import norse.torch

    model, fires = stage.model, not np.all(np.asarray(stage.model.v_th) == NEVER_FIRES)
    values = {"tau_mem_inv": 1000.0 / np.asarray(stage.value("tau_m")), "v_leak": stage.value("v_rest")}
    if isinstance(model, NorseLIF):
        values["tau_syn_inv"] = 1000.0 / np.asarray(stage.value("tau_syn"))
    if fires:
        values |= {"v_th": stage.value("v_th"), "v_reset": stage.value("v_reset")}
    given = {name: tensor(value, dtype) for name, value in values.items()}
    if stage.recurrent is not None:
        return [_recurrent(stage, given, dtype, method, dt)]
    kind = ("LIF" if fires else "LI") + ("Box" if isinstance(model, NorseLIFBox) else "")
    if fires:
        given["method"] = method
    if kind == "LIFBox":
        given["reset_method"] = _reset(model)
    cell = getattr(norse.torch, f"{kind}Cell")(getattr(norse.torch, f"{kind}Parameters")(**given), dt=dt)
    return [linear(stage, dtype), cell]


def _recurrent(stage: Stage, given: dict[str, Any], dtype: Any, method: str, dt: float) -> Any:
    import norse.torch
    import torch

    where, back = f"{_WHERE}: Population({stage.name!r})", np.asarray(stage.recurrent)
    if not isinstance(stage.model, NorseLIF) or "v_th" not in given:
        raise ConversionError(f"{where} projects onto itself and must be a NorseLIF that fires: Norse has no other recurrent cell.")
    if np.any(np.asarray(stage.model.i_ext) != 0.0):
        raise ConversionError(
            f"{where}.model.i_ext must be 0 in a recurrent population: LIFRecurrentCell has no bias. Add a source that fires."
        )
    if given["v_leak"].ndim:
        raise ConversionError(f"{where}.model.v_rest must be one number: LIFRecurrentCell begins all its neurons alike.")
    weights = [torch.nn.Parameter(torch.tensor(each, dtype=dtype)) for each in (stage.weight, back)]
    return norse.torch.LIFRecurrentCell(
        stage.weight.shape[1],
        stage.weight.shape[0],
        norse.torch.LIFParameters(**given, method=method),
        input_weights=weights[0],
        recurrent_weights=weights[1],
        autapses=bool(np.any(np.diag(back) != 0.0)),
        dt=dt,
    )


def _reset(model: NorseLIFBox) -> Any:
    from norse.torch.functional.reset import reset_subtract, reset_value

    return reset_subtract if model.reset_mechanism == "subtract" else reset_value
