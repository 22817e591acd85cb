"""Connectors: who connects to whom. A connector knows shapes, never models.

`Sparse` connectors list synapses one by one (biological networks). The others, for integer units, compute
their fan-out: a dense matrix shared by all tokens is stored once, and a product of two populations stores nothing.
"""

from snnsim.connect.all_to_all import AllToAll
from snnsim.connect.base import Connector, Shape, Sparse, Synapses
from snnsim.connect.convolution import Convolution
from snnsim.connect.dense import Dense
from snnsim.connect.distance import DistanceDependent
from snnsim.connect.filters import Filters
from snnsim.connect.fixed_number import FixedInDegree, FixedOutDegree, FixedTotalNumber
from snnsim.connect.fixed_probability import FixedProbability
from snnsim.connect.from_arrays import FromArrays
from snnsim.connect.from_sparse import FromSparse
from snnsim.connect.gathered import Gathered, unwrap
from snnsim.connect.one_to_one import OneToOne
from snnsim.connect.product import Product
from snnsim.connect.profiles import BallProfile, ExponentialProfile, GaussianProfile, Profile
from snnsim.connect.sum_over import SumOver
from snnsim.connect.views import View, expand, same_neurons, wire
from snnsim.distributions import Distribution, LogNormal, Normal, Uniform, draw_single, draw_steps, sample

__all__ = [
    "AllToAll",
    "BallProfile",
    "Connector",
    "Convolution",
    "Dense",
    "DistanceDependent",
    "Distribution",
    "ExponentialProfile",
    "Filters",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "FixedTotalNumber",
    "FromArrays",
    "FromSparse",
    "Gathered",
    "GaussianProfile",
    "LogNormal",
    "Normal",
    "OneToOne",
    "Product",
    "Profile",
    "Shape",
    "Sparse",
    "SumOver",
    "Synapses",
    "Uniform",
    "View",
    "draw_single",
    "draw_steps",
    "expand",
    "same_neurons",
    "sample",
    "unwrap",
    "wire",
]
