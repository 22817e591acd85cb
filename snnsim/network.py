"""The description of a network: `Population`, `Projection`, `Network`. Immutable, validated, without state."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any, final

import numpy as np

from snnsim.connect import Connector, Distribution, Profile, View
from snnsim.currents import Current, Signal
from snnsim.errors import ParameterError, WiringError, unknown_name
from snnsim.models.base import Domain, Model
from snnsim.models.drawn import drawn
from snnsim.plasticity.base import Plasticity, rules_of
from snnsim.units import check_integer, check_number, finite_number


def _shape_of(name: str, shape: int | tuple[int, ...]) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    if not sizes:
        raise ParameterError(f"Population({name!r}).shape = {shape!r} must hold at least one size. Give an int or a tuple.")
    return tuple(check_integer(f"Population({name!r}).shape", size, low=1) for size in sizes)


@final
class Population:
    """A named array of neurons, or of integer units, that share one model.

    Parameters
    ----------
    name : str                   unique within a network
    shape : int or tuple of int  number of neurons, or their array shape such as (tokens, width)
    model : Model                for example ``LIF(tau_m=20.0)``, or ``LIF(tau_m=Normal(mean=20.0, std=2.0, low=5.0))``, drawn
                                 for each neuron when a network is compiled

    Indexing gives a `View` of some of its neurons, for projections: ``exc[10:50]``, ``layer[:, 3:5]``.

    Raises
    ------
    ParameterError   for an empty name, a shape below 1 or a model that is no instance
    WiringError      for array parameters of another shape
    """

    __slots__ = ("model", "name", "shape", "size")

    name: str
    shape: tuple[int, ...]
    size: int
    model: Model

    def __init__(self, name: str, shape: int | tuple[int, ...], model: Model) -> None:
        if not isinstance(name, str) or not name:
            raise ParameterError(f"Population.name = {name!r} must be a non-empty text. Give it a name.")
        if "->" in name:
            raise ParameterError(f"Population.name = {name!r} must not contain '->': projections are named so. Choose another name.")
        if isinstance(model, type) and issubclass(model, Model):
            raise ParameterError(f"Population({name!r}).model = {model.__name__} is a class. Call it: {model.__name__}().")
        if not isinstance(model, Model):
            raise ParameterError(f"Population({name!r}).model = {model!r} must be a model such as LIF(). See snnsim.models.")
        sizes = _shape_of(name, shape)
        model.check_shape(name, sizes)
        for field, value in (("name", name), ("shape", sizes), ("size", prod(sizes)), ("model", model)):
            object.__setattr__(self, field, value)

    def __setattr__(self, field: str, value: Any) -> None:
        raise AttributeError(f"Population.{field} cannot be changed: a description is immutable. Make a new Population.")

    def __reduce__(self) -> tuple:
        # Made anew by whoever reads a pickle or copies: nothing else can set the fields.
        return Population, (self.name, self.shape, self.model)

    def __getitem__(self, key: Any) -> View:
        return View(self, key)

    def drawn(self, random: np.random.Generator) -> Population:
        """Return this population with the distributions of its model drawn, one number per neuron; itself if it has none.

        Raises ParameterError when a draw breaks a rule of the model.
        """
        try:
            model = drawn(self.model, self.shape, random)
        except ParameterError as error:
            raise ParameterError(f"Population({self.name!r}).model: {error}") from None
        return self if model is self.model else Population(self.name, self.shape, model)

    __iter__ = None  # indexing alone would let Python walk over the neurons, view by view

    @property
    def population(self) -> Population:
        """Itself: what a `View` calls the population its neurons belong to."""
        return self

    def __repr__(self) -> str:
        return f"Population({self.name!r}, {self.shape if len(self.shape) > 1 else self.size}, {type(self.model).__name__})"


@final
class Projection:
    """Connections from one population, or a view of one, to another.

    Parameters
    ----------
    pre, post : Population or View
    connector : Connector                 who connects to whom
    weight : float, float[n_synapses] or Distribution   mV for delta synapses, pA for current synapses; integers between
                                                        integer units; None means 1, or the weights the connector carries
    delay : float, float[n_synapses] or Distribution    ms, >= 0; None means 1 ms. To a learning rule it lies behind the synapse
                                                        (dendritic), unless the rule says otherwise
    plasticity : Plasticity, or several, or None        local learning rules of different kinds

    A `Distribution` is drawn once per synapse, when the network is compiled.

    Raises
    ------
    ParameterError, WiringError   for wrong types, non-finite weights, negative delays, a distribution that can give delays
                                  <= 0, projections onto a source
    """

    __slots__ = ("connector", "delay", "plasticity", "post", "pre", "weight")

    pre: Population | View
    post: Population | View
    connector: Connector
    weight: Any
    delay: Any
    plasticity: Plasticity | Sequence[Plasticity] | None

    def __init__(
        self,
        pre: Population | View,
        post: Population | View,
        connector: Connector,
        *,
        weight: float | np.ndarray | Distribution | None = None,
        delay: float | np.ndarray | Distribution | None = None,
        plasticity: Plasticity | Sequence[Plasticity] | None = None,
    ) -> None:
        for role, side in (("pre", pre), ("post", post)):
            if not isinstance(side, (Population, View)):
                raise WiringError(f"Projection.{role} = {side!r} must be a Population, or a View such as exc[10:50].")
        source, target = pre.population.model, post.population.model
        where = f"Projection({pre.name!r} -> {post.name!r})"
        if isinstance(connector, type) or not isinstance(connector, Connector):
            raise WiringError(f"{where}.connector = {connector!r} must be a connector such as OneToOne(). See snnsim.connect.")
        if target.is_source:
            raise WiringError(f"{where}: {post.name!r} is a source ({type(target).__name__}) and takes no input. Swap pre and post.")
        if source.domain != target.domain:
            raise WiringError(
                f"{where} joins a {source.domain} model ({type(source).__name__}) to a {target.domain} one "
                f"({type(target).__name__}). Use models of one domain in a network."
            )
        if source.domain == "integer" and (isinstance(pre, View) or isinstance(post, View)):
            raise WiringError(f"{where}: integer units are joined by whole populations, not views. Make a population of these units.")
        rules_of(where, plasticity)
        if isinstance(plasticity, list):
            plasticity = tuple(plasticity)
        if weight is not None and not connector.weighted:
            raise WiringError(f"{where}.weight: {type(connector).__name__} takes no weight of the projection. Leave it out.")
        if isinstance(weight, Distribution):
            if source.domain == "integer":
                raise WiringError(f"{where}.weight: integer units take whole numbers, not a {type(weight).__name__}. Give an array.")
        elif weight is not None:
            weight = finite_number(f"{where}.weight", weight)
        if isinstance(delay, Distribution):
            if not delay.positive:
                raise ParameterError(f"{where}.delay = {delay!r} must be > 0 ms in every draw. Give it low > 0.")
        elif delay is not None:
            delay = check_number(f"{where}.delay", delay, unit="ms", ge=0.0)
        if source.domain == "integer" and (delay is not None or plasticity is not None):
            raise WiringError(f"{where}: integer units settle for every delay and do not learn here. Leave out delay and plasticity.")
        connector.check(where, pre.shape, post.shape)
        values = {"pre": pre, "post": post, "connector": connector, "weight": weight, "delay": delay, "plasticity": plasticity}
        for field, value in values.items():
            object.__setattr__(self, field, value)

    def __setattr__(self, field: str, value: Any) -> None:
        raise AttributeError(f"Projection.{field} cannot be changed: a description is immutable. Make a new Projection.")

    def __reduce__(self) -> tuple:
        return _projection, (self.pre, self.post, self.connector, self.weight, self.delay, self.plasticity)

    def __repr__(self) -> str:
        return f"Projection({self.pre.name!r} -> {self.post.name!r}, {type(self.connector).__name__})"


def _projection(pre: Any, post: Any, connector: Connector, weight: Any, delay: Any, plasticity: Any) -> Projection:
    return Projection(pre, post, connector, weight=weight, delay=delay, plasticity=plasticity)


@final
class Network:
    """Populations, projections and currents, checked as a whole.

    Parameters
    ----------
    *parts : Projection, Current or Population
        Populations of projections and currents are found by themselves, in order of first appearance; list one only when
        nothing projects to or from it, and no current flows into it.

    Raises
    ------
    WiringError   for two populations of one name, a mixture of domains, or an empty network
    """

    __slots__ = ("currents", "domain", "populations", "projections")

    populations: Mapping[str, Population]
    projections: Mapping[str, Projection]
    currents: tuple[Current, ...]
    domain: Domain

    def __init__(self, *parts: Projection | Current | Population) -> None:
        populations: dict[str, Population] = {}
        projections: dict[str, Projection] = {}
        for part in parts:
            if not isinstance(part, (Population, Projection, Current)):
                raise WiringError(f"Network part {part!r} must be a Population, a Projection or a Current. Give them one by one.")
            for population in _populations_of(part):
                if populations.setdefault(population.name, population) is not population:
                    raise WiringError(f"Network has two populations named {population.name!r}. Give each its own name.")
            if isinstance(part, Projection):
                name = stem = f"{part.pre.name} -> {part.post.name}"
                repeat = 2
                while name in projections:
                    name, repeat = f"{stem} #{repeat}", repeat + 1
                projections[name] = part
        if not populations:
            raise WiringError("Network() holds nothing. Give it at least one Population, Projection or Current.")
        domains = sorted({population.model.domain for population in populations.values()})
        if len(domains) > 1:
            raise WiringError(f"Network mixes {' and '.join(domains)} models, which no engine runs together. Make two networks.")
        object.__setattr__(self, "populations", MappingProxyType(populations))
        object.__setattr__(self, "projections", MappingProxyType(projections))
        object.__setattr__(self, "currents", tuple(part for part in parts if isinstance(part, Current)))
        object.__setattr__(self, "domain", domains[0])

    def __setattr__(self, field: str, value: Any) -> None:
        raise AttributeError(f"Network.{field} cannot be changed: a description is immutable. Make a new Network.")

    def __reduce__(self) -> tuple:
        return Network, (*self.populations.values(), *self.projections.values(), *self.currents)

    def population(self, name: str) -> Population:
        """Return the population called `name`. Raises WiringError listing the valid names."""
        if name not in self.populations:
            raise WiringError(unknown_name("population", name, self.populations))
        return self.populations[name]

    def __repr__(self) -> str:
        neurons = sum(population.size for population in self.populations.values())
        currents = f"{len(self.currents)} currents, " if self.currents else ""
        return (
            f"Network({len(self.populations)} populations, {neurons} units, {len(self.projections)} projections, {currents}{self.domain})"
        )


def _populations_of(part: Projection | Current | Population) -> tuple[Population, ...]:
    if isinstance(part, Population):
        return (part,)
    return (part.target.population,) if isinstance(part, Current) else (part.pre.population, part.post.population)


def description_digest(network: Network) -> str:
    """Return a name for what `network` describes: equal for equal descriptions, in any process.

    The SHA-256, in hexadecimal, of a canonical walk over populations, projections and currents: names, shapes, classes, and every
    parameter: numbers by value, arrays by dtype, shape and bytes, functions by name. O(description): synapses that a
    connector draws are not drawn.

    Raises
    ------
    ParameterError   for a parameter of a type that has no canonical form, such as an open file
    """
    digest = hashlib.sha256()
    for population in network.populations.values():
        for chunk in _canonical((population.name, population.shape, population.model)):
            digest.update(chunk)
    for projection in network.projections.values():
        for field in Projection.__slots__:
            for chunk in _canonical((field, getattr(projection, field))):
                digest.update(chunk)
    for current in network.currents:
        for chunk in _canonical(("Current", current.target, current.signal)):
            digest.update(chunk)
    return digest.hexdigest()


def _canonical(value: Any) -> Iterator[bytes]:
    """Yield bytes that two values share only when they are equal: every text and array says its length first."""
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if value is None or isinstance(value, (bool, int, float, str, bytes)) or hasattr(value, "__qualname__"):
        text = f"{value.__module__}.{value.__qualname__}" if hasattr(value, "__qualname__") else repr(value)
        yield f"{type(value).__name__} {len(text)} {text};".encode()
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield f"array {value.dtype.str} {value.shape};".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, Population):
        yield from _canonical(("Population", value.name))
    elif isinstance(value, View):
        yield from _canonical(("View", value.population.name, value.shape, value.indices))
    elif isinstance(value, (tuple, list)):
        yield f"list {len(value)};".encode()
        for item in value:
            yield from _canonical(item)
    elif isinstance(value, (Model, Connector, Distribution, Plasticity, Profile, Signal, Mapping)):
        items = value if isinstance(value, Mapping) else _parameters(value)
        yield from _canonical((type(value), len(items)))
        for name, item in items.items():
            yield from _canonical((name, item))
    else:
        raise ParameterError(
            f"Network holds {value!r}, which must be a number, text, array, list or function: no other has a canonical form. Replace it."
        )


def _parameters(part: Any) -> dict[str, Any]:
    """Return the fields of a dataclass, or the public attributes of another object, by name."""
    if dataclasses.is_dataclass(part):
        return {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    return {name: value for name, value in sorted(vars(part).items()) if not name.startswith("_")}
