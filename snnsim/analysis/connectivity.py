"""The synapses of a projection as a matrix."""

from __future__ import annotations

import numpy as np

from snnsim.compiler.spiking import compile_spiking
from snnsim.errors import ParameterError, unknown_name
from snnsim.network import Network
from snnsim.units import finite_number


def weight_matrix(network: Network, projection: str, *, seed: int = 0, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the weights of one projection of a spiking network, drawn as `simulate` draws it.

    Parameters
    ----------
    network : Network
    projection : str       its name, 'pre -> post'
    seed : int             >= 0, that of the run
    weights : float[n_synapses] or None   in order of source, target, such as ``result.weights[projection]``; None means those at the start

    Returns
    -------
    matrix : float64[n_pre, n_post]   of whole populations, in the unit of the weight; repeated synapses are added, NaN: none

    Raises
    ------
    ParameterError   for an unknown projection, a network of integer units, or weights of another length
    CompileError     for a connector that lists no synapses
    """
    if not isinstance(network, Network) or network.domain != "spiking":
        raise ParameterError(
            f"weight_matrix.network = {network!r} must be a Network of spiking models. Integer weights are in connector.weight."
        )
    if projection not in network.projections:
        raise ParameterError(unknown_name("weight_matrix.projection", projection, network.projections))
    part = next(part for part in compile_spiking(network, seed=seed, dt=0.1).projections if part.name == projection)
    pre, post = network.projections[projection].pre.population, network.projections[projection].post.population
    source, target = np.repeat(np.arange(pre.size), part.fan_out), part.target
    own = np.broadcast_to(part.weight, target.shape)
    values = own if weights is None else np.asarray(finite_number("weight_matrix.weights", weights))
    if values.shape != source.shape:
        raise ParameterError(
            f"weight_matrix.weights has shape {values.shape} but {projection!r} has {len(source)} synapses. Check the seed."
        )
    matrix = np.zeros((pre.size, post.size))
    np.add.at(matrix, (source, target), values)
    absent = np.ones(matrix.shape, dtype=bool)
    absent[source, target] = False
    matrix[absent] = np.nan
    return matrix
