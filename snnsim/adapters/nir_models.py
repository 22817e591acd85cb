"""Models that are no box neurons, said in NIR's terms, and made again from what was said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from snnsim.adapters.nir_neurons import BY_MODEL, Written, box_written, full, seconds
from snnsim.errors import ConversionError
from snnsim.models.drawn import distributions
from snnsim.models.integrate_fire import IF
from snnsim.models.lif import LIF
from snnsim.models.norse_lif import NorseLIF
from snnsim.models.snntorch_leaky import Leaky
from snnsim.models.snntorch_synaptic import Synaptic
from snnsim.models.spiking import NeuronModel

Shape = tuple[int, ...]


def _step(name: str, model: NeuronModel, dt: float | None) -> float:
    if dt is None:
        kind = type(model).__name__
        raise ConversionError(
            f"write_nir.dt is missing: Population({name!r}) is a {kind}, which says its input per step, and NIR per second. Give dt in ms, "
            "the step the network runs with."
        )
    return dt


def _refuse(name: str, field: str, value: Any, why: str, remedy: str) -> ConversionError:
    return ConversionError(f"Population({name!r}).model.{field} = {value} cannot be written: {why}. {remedy}")


def _plain(name: str, model: Any, start: str) -> None:
    """Refuse what NIR's LIF and IF have no parameter for."""
    if np.any(np.asarray(model.t_ref) != 0.0):
        longest = f"{float(np.max(model.t_ref)):g} ms"
        raise _refuse(name, "t_ref", longest, "NIR's neurons have no refractory period", "Use t_ref=0.")
    if model.v_init is not None and np.any(np.asarray(model.v_init) != getattr(model, start)):
        raise _refuse(name, "v_init", "given", "NIR says no state at the start", f"Leave it out: a run then starts at {start}.")


def _lif(name: str, model: LIF, shape: Shape, dt: float | None) -> Written:
    _plain(name, model, "v_rest")
    tau, r = full(model.tau_m, shape), full(model.tau_m / model.c_m, shape)
    fields = {"tau": seconds(tau), "r": r, "v_leak": model.v_rest, "v_threshold": model.v_th, "v_reset": model.v_reset}
    # The potential a current of 1 reaches within a step is what a weight of 1 mV does at once.
    per = -1.0 / (r * np.expm1(-_step(name, model, dt) / tau))
    return Written("LIF", {field: full(value, shape) for field, value in fields.items()}, per)


def _lif_again(given: dict[str, Any], dt: float) -> tuple[LIF, Any]:
    tau, r = given["tau_m"], given["r"]
    model = LIF(tau_m=tau, c_m=tau / r, v_rest=given["v_rest"], v_th=given["v_th"], v_reset=given["v_reset"], t_ref=0.0)
    return model, -1.0 / (r * np.expm1(-dt / np.asarray(tau)))


def _if(name: str, model: IF, shape: Shape, dt: float | None) -> Written:
    _plain(name, model, "v_reset")
    c_m = full(model.c_m, shape)
    fields = {"r": 1e3 / c_m, "v_threshold": full(model.v_th, shape), "v_reset": full(model.v_reset, shape)}
    return Written("IF", fields, c_m / _step(name, model, dt))


def _if_again(given: dict[str, Any], dt: float) -> tuple[IF, Any]:
    c_m = 1e3 / given["r"]
    return IF(c_m=c_m, v_th=given["v_th"], v_reset=given["v_reset"], t_ref=0.0), c_m / dt


def _discrete(name: str, model: Any, shape: Shape, dt: float | None) -> tuple[float, dict[str, np.ndarray]]:
    """Return the step and what Leaky and Synaptic share: the time constants of snnTorch's own writer, dt / (1 - beta)."""
    step = _step(name, model, dt)
    if model.reset_mechanism != "zero" or model.reset_delay:
        how = f"{model.reset_mechanism!r} with reset_delay={model.reset_delay}"
        raise _refuse(
            name, "reset_mechanism", how, "NIR's neurons are set to v_reset in the step of the spike",
            "Use reset_mechanism='zero' and reset_delay=False, and train with them.",
        )  # fmt: skip
    fields = {"r": _tau(name, model, "beta", shape, step) / step, "v_leak": np.zeros(shape), "v_reset": np.zeros(shape)}
    return step, fields | {"v_threshold": full(model.v_th, shape)}


def _tau(name: str, model: Any, field: str, shape: Shape, step: float) -> np.ndarray:
    share = full(getattr(model, field), shape)
    if np.any(share >= 1.0):
        raise _refuse(name, field, "1", "a variable without decay has no finite time constant", f"Lower {field}, or use an IFBox.")
    return step / (1.0 - share)


def _leaky(name: str, model: Leaky, shape: Shape, dt: float | None) -> Written:
    step, fields = _discrete(name, model, shape, dt)
    return Written("LIF", fields | {"tau": seconds(_tau(name, model, "beta", shape, step))})


def _leaky_again(given: dict[str, Any], dt: float) -> tuple[Leaky, Any]:
    return Leaky(beta=1.0 - dt / given["tau_m"], v_th=given["v_th"], reset_mechanism="zero", reset_delay=False), 1.0


def _synaptic(name: str, model: Synaptic, shape: Shape, dt: float | None) -> Written:
    step, fields = _discrete(name, model, shape, dt)
    tau_syn = _tau(name, model, "alpha", shape, step)
    times = {"tau_mem": seconds(_tau(name, model, "beta", shape, step)), "tau_syn": seconds(tau_syn)}
    return Written("CubaLIF", fields | times | {"w_in": tau_syn / step})


def _synaptic_again(given: dict[str, Any], dt: float) -> tuple[Synaptic, Any]:
    alpha, beta = (1.0 - dt / given[tau] for tau in ("tau_syn", "tau_m"))
    return Synaptic(alpha=alpha, beta=beta, v_th=given["v_th"], reset_mechanism="zero", reset_delay=False), 1.0


def _norse(name: str, model: NorseLIF, shape: Shape, dt: float | None) -> Written:
    tau_syn = full(model.tau_syn, shape)
    fields = {"tau_mem": seconds(model.tau_m), "tau_syn": seconds(tau_syn), "w_in": tau_syn / _step(name, model, dt), "r": 1.0}
    fields |= {"v_leak": model.v_rest, "v_threshold": model.v_th, "v_reset": model.v_reset}
    return Written("CubaLIF", {field: full(value, shape) for field, value in fields.items()})


def _norse_again(given: dict[str, Any], dt: float) -> tuple[NorseLIF, Any]:
    return NorseLIF(**{field: given[field] for field in ("tau_m", "tau_syn", "v_rest", "v_th", "v_reset")}), 1.0


#: Model -> how it is written.
OTHERS: Mapping[type, Callable[[str, Any, Shape, float | None], Written]] = {
    LIF: _lif, IF: _if, Leaky: _leaky, Synaptic: _synaptic, NorseLIF: _norse,
}  # fmt: skip

#: Its name -> (parameters of the node under our names, dt) -> the model again, and what `Written.per_weight` was.
RESTORED: Mapping[str, Callable[[dict[str, Any], float], tuple[NeuronModel, Any]]] = {
    "LIF": _lif_again, "IF": _if_again, "Leaky": _leaky_again, "Synaptic": _synaptic_again, "NorseLIF": _norse_again,
}  # fmt: skip

#: Models of which one step counts as 1 ms.
STEPPED = (Leaky, Synaptic)


def written(name: str, model: Any, shape: Shape, dt: float | None) -> Written:
    """Return how `model` is written. dt : ms, the step of models whose input is said per step

    Raises ConversionError, naming the population and the remedy, for a model or a parameter that NIR cannot express.
    """
    drawn = distributions(model)
    if drawn:
        field, value = next(iter(drawn.items()))
        raise _refuse(name, field, repr(value), "NIR holds numbers, not distributions", "Draw them: give an array.")
    if type(model) in BY_MODEL or getattr(model, "reset", None) == "none":
        return box_written(name, model, shape)
    if type(model) in OTHERS:
        return OTHERS[type(model)](name, model, shape, dt)
    known = ", ".join(sorted(each.__name__ for each in [*BY_MODEL, *OTHERS]))
    raise ConversionError(
        f"Population({name!r}).model: NIR has no node for {type(model).__name__}. Models that can be written: {known}. Use one of them."
    )
