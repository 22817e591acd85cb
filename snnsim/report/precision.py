"""The bits that a comparison or a conversion was asked for, and what a report calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from snnsim.conversion.options import USUAL_BITS, Bits, Quantisation
from snnsim.units import check_integer


class Precision(NamedTuple):
    """Bits of weights, and of the values that weights and products read; as `convert` takes them."""

    weights: Bits
    activations: Bits

    @property
    def name(self) -> str:
        """'int8' where both are of 8 bits, 'W4A8' for weights of 4 and values of 8, 'W4..8A8' where patterns chose."""
        weights, activations = _spread(self.weights), _spread(self.activations)
        return f"int{weights}" if weights == activations else f"W{weights}A{activations}"

    @property
    def text(self) -> str:
        """The bits in words; other sums: those that only norms, functions and sums read."""
        weights, activations = _spread(self.weights), _spread(self.activations)
        other = isinstance(self.activations, int) and self.activations < USUAL_BITS
        return f"weights {weights}, values {activations}" + (f", other sums {USUAL_BITS}" if other else "")

    def to_dict(self) -> dict[str, object]:
        return {name: bits if isinstance(bits, int) else dict(bits) for name, bits in self._asdict().items()}


def precision_of(bits: int, activation_bits: Bits | None, weight_bits: Bits | None) -> Precision:
    """Return the bits: `bits` for what is given no other. Raises ParameterError for any outside 2 .. 16."""
    bits = check_integer("bits", bits, low=2, high=16)
    chosen = Quantisation(
        activation_bits=bits if activation_bits is None else activation_bits, weight_bits=bits if weight_bits is None else weight_bits
    )
    return Precision(chosen.weight_bits, chosen.activation_bits)


def _spread(bits: Bits) -> str:
    if not isinstance(bits, Mapping):
        return str(bits)
    every = {*bits.values(), *([] if "*" in bits else [USUAL_BITS])}
    return str(min(every)) if len(every) == 1 else f"{min(every)}..{max(every)}"
