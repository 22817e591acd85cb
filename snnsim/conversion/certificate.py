"""The certificate: every integer of a spiking run against the integer program."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.compiler.integer import CompiledInteger
from snnsim.errors import ConversionError, ParameterError
from snnsim.graph.integer import IntegerGraph, Settled
from snnsim.results import Result


@final
@dataclass(frozen=True)
class LayerCertificate:
    """One layer: integers compared (accumulators and emitted values), those that differ, and the overflow proof.

    bound : int   largest magnitude an accumulator can reach for any input: ||W||_1 s_max + |bias|
    bits : int    width that holds it; at most 32
    """

    name: str
    label: str
    compared: int
    mismatches: int
    bound: int
    bits: int


@final
@dataclass(frozen=True)
class Certificate:
    """What was compared, layer by layer.

    digest : str   SHA-256 of the settled state (int64, little-endian, layer by layer), to compare runs across machines
    """

    layers: tuple[LayerCertificate, ...]
    digest: str

    @property
    def compared(self) -> int:
        return sum(layer.compared for layer in self.layers)

    @property
    def mismatches(self) -> int:
        return sum(layer.mismatches for layer in self.layers)

    def check(self) -> None:
        """Raise ConversionError naming the first layer with a mismatch."""
        for layer in self.layers:
            if layer.mismatches:
                raise ConversionError(
                    f"Certificate failed: layer {layer.name!r} differs from the integer program in {layer.mismatches} of "
                    f"{layer.compared} integers. This is a defect of snnsim; please report it with the model."
                )


def certify(graph: IntegerGraph, compiled: CompiledInteger, result: Result, reference: Mapping[str, Settled]) -> Certificate:
    """Compare a settled run with the integer program on the same inputs, in every layer."""
    for layer in graph.inputs:
        got, wanted = result.values.get(layer.name), reference[layer.name].s if layer.name in reference else None
        if got is None or wanted is None or got.shape != wanted.shape or (got != wanted).any():
            raise ParameterError(
                "certificate: run and reference must belong to this model and to the same inputs. Make both from one array."
            )
    layers, digest = [], hashlib.sha256()
    for name, layer in graph.layers.items():
        label, bound = layer.unit.label, compiled.bounds[name]
        pairs = []
        if label != "input":  # an input adds up nothing
            pairs.append((result.accumulators[name], reference[name].acc))
        if label != "readout":  # a readout emits nothing
            pairs.append((result.values[name], reference[name].s))
        compared = sum(got.size for got, _ in pairs)
        wrong = sum(int((got != wanted).sum()) for got, wanted in pairs)
        layers.append(LayerCertificate(name, label, compared, wrong, bound, bound.bit_length() + 1))
        for got, _ in pairs:
            digest.update(np.ascontiguousarray(got, dtype="<i8").tobytes())
    return Certificate(tuple(layers), digest.hexdigest())


def joined(parts: Sequence[Certificate]) -> Certificate:
    """Return the certificate of several runs of one model: its digest is that of their digests."""
    if len(parts) == 1:
        return parts[0]
    digest = hashlib.sha256("".join(part.digest for part in parts).encode())
    layers = [
        LayerCertificate(
            rows[0].name, rows[0].label, sum(row.compared for row in rows), sum(row.mismatches for row in rows), rows[0].bound, rows[0].bits
        )
        for rows in zip(*(part.layers for part in parts), strict=True)
    ]
    return Certificate(tuple(layers), digest.hexdigest())
