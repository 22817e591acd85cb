"""`read_nir`: a NIR graph becomes an ordinary network."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.adapters.nir_graph import Flat, flatten
from snnsim.adapters.nir_library import array, library, load
from snnsim.adapters.nir_maps import Map
from snnsim.adapters.nir_models import RESTORED, STEPPED
from snnsim.adapters.nir_network import Link, NirNetwork, network_of, silent
from snnsim.adapters.nir_neurons import FIRING, model_of, parameters
from snnsim.adapters.nir_order import closing
from snnsim.adapters.nir_paths import Way, biases, fused_thresholds, ways
from snnsim.connect import Connector, Convolution, FromArrays, OneToOne
from snnsim.errors import ConversionError, ParameterError, WiringError
from snnsim.models.base import Model
from snnsim.models.box import RESETS, SCHEMES
from snnsim.models.threshold import InputSum, Memoryless
from snnsim.network import Population
from snnsim.units import check_number, one_of

Shape = tuple[int, ...]

SPIKES = ("step", "delta")
_ON_GRID = 1e-9  # as for delays of any projection
_SINGLE = 2.0**-22  # rounding of times in single precision


def read_nir(source: Any, *, dt: float, scheme: str | None = None, reset: str = "value", spike: str = "step") -> NirNetwork:
    """Return the network of a NIR file or graph, ready for the clock engine.

    Neurons become populations under the names of their nodes; linear nodes, poolings and delays between two of them are put together
    into one projection per path, a bias becomes a constant current. Conventions: docs/decisions/nir.md.

    Parameters
    ----------
    source : str, Path or nir.NIRGraph
    dt : float                   ms, the step it will run with
    scheme : 'euler', 'exact' or None   how neurons step: forward Euler, which is what Norse and snnTorch compute, or the solution
                                 of NIR's equations; None: Euler, but models that `write_nir` noted in the file are made again
    reset : 'value' or 'subtract'   NIR's neurons are set to v_reset; 'subtract' lowers v by the threshold instead, for networks that
                                 were trained so, which NIR cannot say
    spike : 'step' or 'delta'    a spike is a current of 1 for one step, or a pulse of area 1 (1 s times 1), whatever the step

    Raises
    ------
    ParameterError    for an argument out of its domain
    FormatError       for a missing or damaged file
    ConversionError   for what cannot be expressed, shapes that do not fit, or a missing package nir

    Source: Pedersen et al. (2024), Nat. Commun. 15:8122.
    """
    dt = check_number("read_nir.dt", dt, unit="ms", gt=0.0)  # type: ignore[assignment]
    if not isinstance(dt, float):
        raise ParameterError(f"read_nir.dt = {dt!r} must be one number, in ms. Give a float.")
    one_of("read_nir.reset", reset, RESETS[:2])
    one_of("read_nir.spike", spike, SPIKES)
    if scheme is not None:
        one_of("read_nir.scheme", scheme, SCHEMES)
    if isinstance(source, (str, Path)):
        graph = load(source)
    elif isinstance(source, library().NIRGraph):
        graph = source
    else:
        raise ParameterError(f"read_nir.source = {type(source).__name__} must be a path or a nir.NIRGraph. Give one of them.")
    return _Reading(flatten(graph), graph, dt, scheme, reset, spike).result()


class _Reading:
    """One call of `read_nir`: from flat graph to network."""

    def __init__(self, flat: Flat, graph: Any, dt: float, scheme: str | None, reset: str, spike: str) -> None:
        self.flat, self.dt, self.scheme, self.reset, self.spike = flat, dt, scheme, reset, spike
        step = _metadata(graph).get("snnsim_dt")
        noted = isinstance(step, (float, np.floating)) and bool(abs(float(step) - dt) <= _ON_GRID * dt)
        self.restores = noted and scheme is None and reset == "value" and spike == "step"
        self.fused = fused_thresholds(flat)

    def result(self) -> NirNetwork:
        flat = self.flat
        starts = [*flat.inputs, *(name for name in flat.neurons if name not in self.fused.values())]
        found = [way for name in starts for way in ways(flat, self.fused, name)]
        drive = biases(flat)
        outputs = {name: self._given_out(name, found, drive) for name in flat.outputs}
        models, per_weight = self._models(drive, [name for name in outputs if outputs[name] == name])
        populations = {name: _population(name, flat.shapes[name] or (1,), models.get(name) or silent()) for name in [*flat.inputs, *models]}
        links = self._links([way for way in found if way.post in populations], populations, per_weight)
        return NirNetwork(network_of(populations, links), {name: name for name in flat.inputs}, outputs, self.dt, self.spike, links)

    def _given_out(self, name: str, found: list[Way], drive: dict[str, np.ndarray]) -> str:
        """Return the population that an Output gives out; its own name where it needs one that sums up."""
        mine = [way for way in found if way.post == name]
        return mine[0].pre if len(mine) == 1 and mine[0].map.identity and name not in drive else name

    def _models(self, drive: dict[str, np.ndarray], sums: list[str]) -> tuple[dict[str, Model], dict[str, Any]]:
        """Return the model of every population of neurons, and what a weight onto it is as a current, where that is not 1."""
        models: dict[str, Model] = {}
        per_weight: dict[str, Any] = {}
        for name in [name for name in self.flat.neurons if name not in self.fused.values()]:
            restored = self._restored(name, bool(np.any(drive.get(name, 0.0))))
            if restored is not None:
                models[name], per_weight[name] = restored
            else:
                models[name] = self._model(name)
        models |= {name: InputSum() for name in sums}
        for name in drive.keys() & models.keys():
            if np.any(drive[name]):
                models[name] = dataclasses.replace(models[name], i_ext=_shared(drive[name], self.flat.shapes[name] or (1,)))  # type: ignore[type-var]
        return models, per_weight

    def _model(self, name: str) -> Model:
        model = model_of(name, self.flat.nodes[name], scheme=self.scheme or "euler", reset=self.reset)
        if name not in self.fused:
            return model
        threshold = parameters(self.fused[name], self.flat.nodes[self.fused[name]])["v_th"]
        given = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
        return FIRING[type(model)](**given, v_th=threshold, reset="none")  # type: ignore[arg-type]

    def _restored(self, name: str, driven: bool) -> tuple[Model, Any] | None:
        """Return the model that `write_nir` noted, when it was written for this step and nothing else was asked for."""
        note = _metadata(self.flat.nodes[name]).get("snnsim_model")
        if not self.restores or not isinstance(note, str) or note not in RESTORED:
            return None
        try:
            model, per = RESTORED[note](parameters(name, self.flat.nodes[name]), self.dt)
        except ParameterError:
            return None  # edited since: it is read as any other
        if (driven and not hasattr(model, "i_ext")) or (isinstance(model, STEPPED) and self.dt != 1.0):
            return None
        return model, per

    def _links(self, found: list[Way], populations: dict[str, Population], per_weight: dict[str, Any]) -> tuple[Link, ...]:
        delays = [self._on_grid(way) for way in found]
        instant = [(way.pre, way.post) for way, delay in zip(found, delays, strict=True) if np.any(delay == 0.0)]
        late = closing(instant, self.flat.inputs)
        links: list[Link] = []
        for way, delay in zip(found, delays, strict=True):
            if (way.pre, way.post) in late:
                delay = np.where(delay == 0.0, self.dt, delay)
            post = populations[way.post]
            # What units without memory sum up are values: a pulse has none.
            pulse = self.spike == "delta" and not isinstance(post.model, Memoryless)
            per = np.asarray(per_weight.get(way.post, 1.0)) * (self.dt * 1e-3 if pulse else 1.0)
            kind = self.flat.kind(way.nodes[0]) if len(way.nodes) == 1 else ""
            for part, after in _by_engine(way, delay):
                connector, weight = self._connector(part, populations[way.pre].shape, post.shape, per)
                links.append(Link(way.pre, way.post, connector, weight, _one(after, 0.0), per, way.nodes, kind))
        return tuple(links)

    def _on_grid(self, way: Way) -> np.ndarray:
        """Return the delays of a way, ms, as multiples of dt."""
        steps = way.map.delay / self.dt
        whole = np.rint(steps)
        single = any(array(self.flat.nodes[name].delay).dtype == np.float32 for name in way.nodes if self.flat.kind(name) == "Delay")
        bad = np.abs(steps - whole) > (_SINGLE if single else _ON_GRID) * np.maximum(whole, 1.0)
        if np.any(bad):
            value = way.map.delay[bad][0]
            raise ConversionError(
                f"NIR delay = {value:g} ms from {way.pre!r} to {way.post!r} must be a multiple of dt = {self.dt:g} ms. Choose a dt that "
                "divides it, or change the Delay."
            )
        return whole * self.dt

    def _connector(self, way: Way, pre: Shape, post: Shape, per: np.ndarray) -> tuple[Connector, Any]:
        """Return the plainest connector of a way, and its weights."""
        if per.ndim == 0 and len(way.nodes) == 1 and self.flat.kind(way.nodes[0]) == "Conv2d":
            found = _convolution(self.flat.nodes[way.nodes[0]], float(per))
            if found is not None and found.post_shape(pre) == post:
                return found, None
        made = way.map
        weight = made.weight / (per if per.ndim == 0 else np.broadcast_to(per, post).ravel()[made.target])
        return OneToOne() if made.diagonal else FromArrays(made.source, made.target), _one(weight, 1.0)


def _metadata(node: Any) -> dict[str, Any]:
    found = getattr(node, "metadata", None)
    return found if isinstance(found, dict) else {}


def _by_engine(way: Way, delay: np.ndarray) -> list[tuple[Way, np.ndarray]]:
    """Return a way in parts: the clock engine takes projections that act at once, or ones that wait, not a mixture."""
    now = delay == 0.0
    if np.all(now) or not np.any(now):
        return [(way, delay)]
    n_in, n_out, *lists = way.map
    parts = [Map(n_in, n_out, *(values[mine] for values in lists)) for mine in (now, ~now)]
    return [(way._replace(map=part), delay[mine]) for part, mine in zip(parts, (now, ~now), strict=True)]


def _one(values: np.ndarray, default: float) -> float | np.ndarray:
    """Return one number where all are equal."""
    if not values.size:
        return default
    return float(values.flat[0]) if np.all(values == values.flat[0]) else values


def _shared(values: np.ndarray, shape: Shape) -> float | np.ndarray:
    """Return one number where all neurons share it, else one each in their shape."""
    return _one(np.array(values).reshape(shape), 0.0)


def _population(name: str, shape: Shape, model: Model) -> Population:
    try:
        return Population(name, shape, model)
    except (ParameterError, WiringError) as error:
        raise ConversionError(f"NIR node {name!r}: {error}") from None


def _convolution(node: Any, per: float) -> Convolution | None:
    """Return the connector of a Conv2d without groups and dilation; None for others."""
    text = isinstance(node.padding, (str, bytes))
    if np.any(array(node.groups) != 1) or np.any(array(node.dilation) != 1) or (text and node.padding not in ("valid", b"valid")):
        return None
    stride, padding = (
        (int(down), int(across))
        for down, across in (np.broadcast_to(np.ravel(array(pair)), 2) for pair in (node.stride, 0 if text else node.padding))
    )
    return Convolution(array(node.weight).astype(np.float64) / per, stride=stride, padding=padding)
