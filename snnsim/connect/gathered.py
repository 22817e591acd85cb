"""Another layout of a population, for integer units."""

from __future__ import annotations

from math import prod
from typing import final

import numpy as np

from snnsim.connect.base import Connector, Shape
from snnsim.errors import ParameterError, WiringError
from snnsim.units import as_integers


@final
class Gathered(Connector):
    """A connector that reads the pre population in another layout: permuted, cut, repeated, padded.

    connector : Connector     Dense, Filters, OneToOne, SumOver or Product: what joins the layout to the post population
    index : int32[*shape]     which unit of the pre population stands at each place of the layout; -1 where none does

    Nothing is copied: an event finds its places in the layout. It reaches as many synapses as all of them together have.
    """

    weighted = True

    def __init__(self, connector: Connector, index: np.ndarray) -> None:
        if not isinstance(connector, Connector) or isinstance(connector, Gathered):
            raise ParameterError(f"Gathered.connector = {connector!r} must be a connector such as Dense(weight). Give one, not wrapped.")
        self.connector = connector
        self.index = np.ascontiguousarray(as_integers("Gathered.index", index, low=-1, high=2**31 - 1), dtype=np.int32)
        if not self.index.ndim or not self.index.size:
            raise ParameterError(f"Gathered.index has shape {self.index.shape} but must hold at least one place.")
        self.index.flags.writeable = False

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        if self.index.max() >= prod(pre):
            raise WiringError(f"{where}: Gathered.index reads unit {self.index.max()} but the pre population has {prod(pre)}.")
        self.connector.check(where, self.index.shape, post)


def unwrap(connector: Connector) -> tuple[Connector, np.ndarray | None]:
    """Return what joins, and the layout it reads; None for the pre population as it is."""
    return (connector.connector, connector.index) if isinstance(connector, Gathered) else (connector, None)
