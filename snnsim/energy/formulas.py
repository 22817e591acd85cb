"""Operations of common layers in closed form, for tables that nobody has run.

A run's counts are better: they need no rate. These formulas are for comparing with published tables, and for a first estimate. A spike
rate turns dense work into spiking work once; spiking work does not take a rate again, which is the mistake of some published tables
(PMC10242054, table 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import final

from snnsim.counts import MOST, OperationCounts
from snnsim.errors import ParameterError
from snnsim.units import check_bool, check_integer, check_scalar


@final
@dataclass(frozen=True)
class DenseWork:
    """Multiply-accumulates of layers that do not spike."""

    macs: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "macs", check_integer("DenseWork.macs", self.macs, low=0, high=MOST))

    def __add__(self, other: DenseWork) -> DenseWork:
        if not isinstance(other, DenseWork):
            raise ParameterError("DenseWork + SpikingWork: MACs and synaptic operations have different prices. Add their counts() instead.")
        return DenseWork(self.macs + other.macs)

    def repeated(self, steps: int) -> DenseWork:
        """Return the work of `steps` time steps, such as a first layer that meets real numbers in each of them."""
        return DenseWork(self.macs * check_integer("DenseWork.steps", steps, low=1))

    def spiking(self, rate: float, steps: int = 1) -> SpikingWork:
        """Return the synaptic operations of the same layer driven by spikes: macs x rate x steps.

        rate : spikes per input neuron and step, >= 0; steps : T
        """
        rate = check_scalar("DenseWork.rate", rate, ge=0.0, le=float(MOST))
        return SpikingWork(round(self.macs * rate * check_integer("DenseWork.steps", steps, low=1, high=MOST)))

    def counts(self, layer: str = "dense", precision: str = "fp32") -> OperationCounts:
        """Return OperationCounts of one layer of this work, MACs alone: memory and events are not in a formula."""
        return OperationCounts({layer: {"macs": self.macs}}, {layer: "ann"}, {layer: precision})


@final
@dataclass(frozen=True)
class SpikingWork:
    """Synaptic operations; whatever rate there is has been applied."""

    synops: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "synops", check_integer("SpikingWork.synops", self.synops, low=0, high=MOST))

    def __add__(self, other: SpikingWork) -> SpikingWork:
        if not isinstance(other, SpikingWork):
            raise ParameterError("SpikingWork + DenseWork: synaptic operations and MACs have different prices. Add their counts() instead.")
        return SpikingWork(self.synops + other.synops)

    def spiking(self, rate: float, steps: int = 1) -> SpikingWork:
        """Refuse: the rate is in this number already. Raises ParameterError."""
        raise ParameterError(
            f"SpikingWork.spiking(rate={rate!r}): the rate is in these {self.synops} synaptic operations already; applied twice it would "
            "make spikes look cheaper than they are. Start from the DenseWork."
        )

    def counts(self, layer: str = "spiking", precision: str = "fp32") -> OperationCounts:
        """Return OperationCounts of one layer of this work: one addition per synaptic operation."""
        return OperationCounts({layer: {"synops": self.synops, "adds": self.synops}}, {layer: "synaptic"}, {layer: precision})


def linear(n_in: int, n_out: int, *, positions: int = 1, bias: bool = False) -> DenseWork:
    """Return (n_in + bias) n_out MACs at each of some positions."""
    n, m = check_integer("linear.n_in", n_in, low=1), check_integer("linear.n_out", n_out, low=1)
    return DenseWork((n + check_bool("linear.bias", bias)) * m * check_integer("linear.positions", positions, low=1))


def convolution(kernel: Sequence[int], channels_in: int, channels_out: int, out: Sequence[int], *, groups: int = 1) -> DenseWork:
    """Return the MACs of a convolution, padding included: prod(kernel) (c_in / groups) c_out prod(out)."""
    c, d = check_integer("convolution.channels_in", channels_in, low=1), check_integer("convolution.channels_out", channels_out, low=1)
    groups = check_integer("convolution.groups", groups, low=1)
    if c % groups or d % groups:
        raise ParameterError(
            f"convolution.groups = {groups} must divide channels_in = {c} and channels_out = {d}. Choose a divisor of both."
        )
    for name, given in (("kernel", kernel), ("out", out)):
        if not isinstance(given, Sequence) or isinstance(given, str) or not given or len(given) != len(kernel):
            raise ParameterError(f"convolution.{name} = {given!r} must hold one whole number per axis, as kernel=(3, 3), out=(28, 28) do.")
    sizes = [check_integer("convolution.kernel", n, low=1) for n in kernel] + [check_integer("convolution.out", n, low=1) for n in out]
    return DenseWork(prod(sizes) * c * d // groups)


def attention(tokens: int, width: int, *, keys: int | None = None) -> DenseWork:
    """Return Q K^T and A V: 2 n m d MACs, m being `keys` (default n). Heads divide the width and change nothing."""
    n, d = check_integer("attention.tokens", tokens, low=1), check_integer("attention.width", width, low=1)
    m = n if keys is None else check_integer("attention.keys", keys, low=1)
    return DenseWork(2 * n * m * d)


def transformer_block(tokens: int, width: int, hidden: int) -> DenseWork:
    """Return 4 n d^2 + 2 n^2 d + 2 n d f: projections, attention, feed-forward."""
    n, d, f = (check_integer(f"transformer_block.{k}", v, low=1) for k, v in (("tokens", tokens), ("width", width), ("hidden", hidden)))
    return linear(d, d, positions=4 * n) + attention(n, d) + linear(d, f, positions=2 * n)


def decode_step(width: int, hidden: int, cached: int) -> DenseWork:
    """Return 4 d^2 + 2 L d + 2 d f: one token of a block whose keys and values of L tokens are cached."""
    d, f = check_integer("decode_step.width", width, low=1), check_integer("decode_step.hidden", hidden, low=1)
    return linear(d, d, positions=4) + attention(1, d, keys=check_integer("decode_step.cached", cached, low=1)) + linear(d, f, positions=2)
