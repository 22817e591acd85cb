"""A sum over positions, for integer units."""

from __future__ import annotations

from typing import final

from snnsim.connect.base import Connector, Shape
from snnsim.errors import WiringError


@final
class SumOver(Connector):
    """Sum over the leading axis: (positions, *shape) to shape, such as pooling over tokens."""

    weighted = True

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        if len(pre) < 2 or pre[1:] != post:
            raise WiringError(f"{where}: SumOver joins (positions, *shape) to shape, not {pre} to {post}.")
