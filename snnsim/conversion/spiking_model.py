"""The model that `convert` returns: encode, simulate, decode, and the proof that it is exact."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from snnsim.compiler.integer import CompiledInteger, compile_integer
from snnsim.conversion.beyond import warn_beyond
from snnsim.conversion.certificate import Certificate, certify, joined
from snnsim.conversion.coding import Coding
from snnsim.conversion.layers import LayerInfo, layer_rows
from snnsim.conversion.lower import lower
from snnsim.conversion.places import Place
from snnsim.engines.settle import IntegerState, run_integer
from snnsim.errors import CompileError, ParameterError
from snnsim.graph.integer import IntegerGraph, Settled
from snnsim.network import Network
from snnsim.results import Result
from snnsim.units import check_integer


def _compiled(integer_graph: IntegerGraph) -> CompiledInteger:
    """Return the network compiled. Raises CompileError that also names the place of the population in the user's source."""
    try:
        return compile_integer(lower(integer_graph))
    except CompileError as error:
        layer = integer_graph.layers.get(error.population)
        if layer is None or not layer.origin:
            raise
        raise CompileError(f"{error} It comes from {layer.origin}", population=layer.name) from None


#: of a call, where `certify` is given no others
_SETTINGS: Mapping[str, Any] = {"code": "signed_digit", "schedule": "settled", "seed": 0}


class SpikingModel:
    """A trained model as a spiking network, with the integer program it equals.

    Attributes
    ----------
    coding : Coding                 the host's part: from the user's arrays to integers, and back to real outputs
    integer_graph : IntegerGraph    the quantised model: the reference
    places : tuple of Place         where each operation of the user's model went; `layers` shows them
    network : Network               an ordinary network; ``simulate(model.network, inputs=model.encode(x))`` runs it
    """

    def __init__(
        self,
        coding: Coding,
        integer_graph: IntegerGraph,
        *,
        samples: Mapping[str, np.ndarray] | None = None,
        places: Sequence[Place] = (),
    ) -> None:
        self.coding = coding
        self.integer_graph = integer_graph
        self.places = tuple(places)
        self.compiled = _compiled(integer_graph)
        self.network: Network = self.compiled.network
        self._samples = samples

    def __getstate__(self) -> dict[str, Any]:
        # Compiled anew by whoever reads a pickle: arrays of a pickle are writable, and kernels would be compiled for these once more.
        return {name: value for name, value in vars(self).items() if name not in ("compiled", "network", "certificate")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.compiled = _compiled(self.integer_graph)
        self.network = self.compiled.network

    @property
    def original(self) -> SpikingModel:
        """The model without the hardware that it was put on; itself, where there is none."""
        return self

    def __call__(
        self,
        inputs: Any,
        *,
        code: str = "signed_digit",
        schedule: str = "settled",
        seed: int = 0,
        threads: int | None = None,
        record: Mapping[str, Any] | None = None,
        start: IntegerState | None = None,
        progress: Callable[[float], None] | None = None,
        steps: int | None = None,
    ) -> Result:
        """Encode, run until silent, decode; arguments as in `simulate`. `Result.outputs` holds the real outputs by name."""
        encoded, beyond = self.coding.encode(inputs)
        warn_beyond(beyond)
        result = run_integer(
            self.compiled, inputs=encoded, code=code, schedule=schedule, seed=seed, threads=threads, record=record, start=start,
            progress=progress, steps=steps,
        )  # fmt: skip
        return dataclasses.replace(result, outputs=self.coding.decode(result.values, result.accumulators))

    def stream(self, frames: Iterable[Any], *, start: IntegerState | None = None, **settings: Any) -> Iterator[Result]:
        """Yield the result of frames that follow one another, each run from the state that the last one left.

        The counts of a result are those of the change alone; its values are those of its frame, since a settled state depends on
        nothing that came before. Frames may come one at a time, from a camera or a generator.

        frames : inputs as for a call of the model, each with the same number of trials
        start : `Result.state` of an earlier stream, to go on with it
        settings : code, schedule, seed, threads, record, as for a call of the model
        """
        for frame in frames:
            result = self(frame, start=start, **settings)
            start = result.state
            yield result

    def encode(self, inputs: Any) -> dict[str, np.ndarray]:
        """Return the integers that the input populations emit, int64[trials, *shape] by population.

        inputs : array[trials, ...], or a mapping or sequence of them where the model takes several

        Raises ParameterError for arrays of another shape or range. Real numbers past the range of the calibration data take its
        end; a UserWarning says how many.
        """
        encoded, beyond = self.coding.encode(inputs)
        warn_beyond(beyond)
        return encoded

    def reference(self, inputs: Any) -> dict[str, Settled]:
        """Return what the integer program computes, layer by layer, without any event."""
        encoded, beyond = self.coding.encode(inputs)
        warn_beyond(beyond)
        return self.integer_graph.evaluate(encoded)

    def outputs(self, reference: Mapping[str, Settled]) -> Mapping[str, np.ndarray]:
        """Return the real outputs, float64[trials, *shape] by name, of what `reference` returned."""
        return self.coding.decode({n: each.s for n, each in reference.items()}, {n: each.acc for n, each in reference.items()})

    def scores(self, result: Result) -> np.ndarray:
        """Return the first output of a run in the units of the float model, float64[trials, *output shape]."""
        return next(iter(self.coding.decode(result.values, result.accumulators).values()))

    def verify(self, result: Result, reference: Mapping[str, Settled]) -> Certificate:
        """Compare a run with `reference` of the same inputs, in every layer.

        Raises
        ------
        ConversionError   when a single integer differs
        """
        certificate = certify(self.integer_graph, self.compiled, result, reference)
        certificate.check()
        return certificate

    def certify(self, inputs: Any, *, batch: int = 64, **settings: Any) -> Certificate:
        """Run `inputs`, `batch` samples at a time, compare every integer with the integer program, and return the proof.

        settings : as for a call of the model (code, schedule, seed, threads)

        Raises
        ------
        ConversionError   when a single integer differs
        """
        batch = check_integer("certify.batch", batch, low=1)
        checked = self.coding.checked(inputs)
        samples = len(next(iter(checked.values())))
        parts = []
        past: dict[str, np.ndarray] = {}
        for first in range(0, samples, batch):
            encoded, beyond = self.coding.encode({name: array[first : first + batch] for name, array in checked.items()})
            past = {name: past.get(name, np.zeros(2, np.int64)) + beyond.get(name, 0) for name in {**past, **beyond}}
            result = run_integer(self.compiled, inputs=encoded, **{**_SETTINGS, **settings})
            parts.append(self.verify(result, self.integer_graph.evaluate(encoded)))
        warn_beyond(past)
        return joined(parts)

    @cached_property
    def certificate(self) -> Certificate:
        """The proof on the calibration data (their first 16 samples), made when it is first asked for."""
        if self._samples is None:
            raise ParameterError("SpikingModel.certificate: a loaded model has no calibration data. Call model.certify(inputs) with yours.")
        return self.certify(self._samples)

    @property
    def layers(self) -> list[LayerInfo]:
        """What each operation of the user's model became: those of the host first, then layer by layer.

        An operation that needs no neurons of its own has a row below the first population that it is folded into.
        """
        return layer_rows(self.coding, self.integer_graph, self.places)

    def __repr__(self) -> str:
        return f"SpikingModel({self.network!r})"
