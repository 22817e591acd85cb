"""Synapses and weights from a sparse matrix."""

from __future__ import annotations

from math import prod
from typing import Any, final

import numpy as np

from snnsim.connect.base import Shape, Sparse, Synapses, from_pairs
from snnsim.errors import ParameterError, WiringError
from snnsim.units import as_integers, finite_number


@final
class FromSparse(Sparse):
    """The stored entries of a scipy sparse matrix or array: entry (i, j) is a synapse from neuron i to neuron j.

    matrix : scipy.sparse[n_pre, n_post]   any format; its values are the weights, in the unit of the post model

    The connector carries the weights: the projection is given none. Stored zeros are synapses, and repeated entries of the
    COO format are synapses beside each other. Array delays follow the order of ``matrix.tocoo()``. The values are copied.

    Raises ParameterError for anything else than a matrix of real numbers, WiringError for populations of other sizes.
    """

    weighted = False

    def __init__(self, matrix: Any) -> None:
        tocoo = getattr(matrix, "tocoo", None)
        if tocoo is None or len(matrix.shape) != 2:
            raise ParameterError(f"FromSparse.matrix = {type(matrix).__name__} must be a scipy sparse matrix. Use scipy.sparse.csr_array.")
        listed = tocoo()
        self.shape = (int(matrix.shape[0]), int(matrix.shape[1]))
        self.source = as_integers("FromSparse.matrix.row", listed.row, low=0, high=max(self.shape[0] - 1, 0))
        self.target = as_integers("FromSparse.matrix.col", listed.col, low=0, high=max(self.shape[1] - 1, 0))
        self.weight = np.asarray(finite_number("FromSparse.matrix.data", listed.data))
        for array in (self.source, self.target):
            array.flags.writeable = False

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        if self.shape != (prod(pre), prod(post)):
            raise WiringError(
                f"{where}: FromSparse.matrix has shape {self.shape} but must be ({prod(pre)}, {prod(post)}), sources by targets. "
                "Transpose or resize it."
            )

    def expected(self, pre: Shape, post: Shape, *, same: bool | np.ndarray) -> float:
        return float(len(self.source))

    def synapses(self, n_pre: int, n_post: int, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        entry = np.lexsort((self.target, self.source))
        return from_pairs(self.source[entry], self.target[entry], n_pre, n_post, entry, self.weight[entry])
