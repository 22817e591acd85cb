"""Synapses by distance."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, final

import numpy as np

from snnsim.connect.base import Shape, Sparse, Synapses, from_pairs, own_targets
from snnsim.connect.cells import candidates
from snnsim.connect.profiles import Profile
from snnsim.errors import ParameterError, WiringError
from snnsim.units import check_bool, check_number, finite_number


@final
class DistanceDependent(Sparse):
    r"""Every possible synapse exists independently with a probability p(d) of the distance d of its neurons.

    Parameters
    ----------
    profile : Profile or callable     p(d): `GaussianProfile`, `ExponentialProfile`, `BallProfile`, or a function of float64[n]
    pre, post : float[n, d]           positions of the neurons, in order of the flattened populations; post None: those of pre
    box : float, float[d] or None     edges of a periodic box [0, box): positions are taken modulo it, and d is the
                                      distance to the nearest image; None: open space
    reach : float or None             no synapse beyond; None: that of the profile. A function without one is asked for all
                                      pairs
    autapses : bool                   also allow a neuron to connect to itself when pre and post are one population

    Cell lists find the pairs within reach, in chunks: memory is that of the neurons and of the synapses made. Time is that
    of the pairs looked at. A profile's own reach leaves out nothing, 8.6 sigma or 37 lengths at peak 1: a shorter one is
    faster, and cuts the tail.

    Raises ParameterError for positions, box or reach of wrong shape or sign and for a p(d) outside [0, 1], WiringError for
    populations of other sizes than the positions.
    """

    def __init__(
        self,
        profile: Profile | Callable[[np.ndarray], np.ndarray],
        pre: np.ndarray,
        post: np.ndarray | None = None,
        *,
        box: float | np.ndarray | None = None,
        reach: float | None = None,
        autapses: bool = False,
    ) -> None:
        if isinstance(profile, type) or not callable(profile):
            raise ParameterError(f"DistanceDependent.profile = {profile!r} must be a profile such as GaussianProfile(sigma=0.1).")
        self.profile = profile
        self.pre = _positions("pre", pre)
        self.post = self.pre if post is None else _positions("post", post)
        if self.pre.shape[1] != self.post.shape[1]:
            raise ParameterError(
                f"DistanceDependent.pre has {self.pre.shape[1]} and post {self.post.shape[1]} coordinates; both need the same number."
            )
        self.box = None if box is None else self._edges(box)
        self.reach = profile.reach if isinstance(profile, Profile) else np.inf
        if reach is not None:
            number = check_number("DistanceDependent.reach", reach, ge=0.0)
            if isinstance(number, np.ndarray):
                raise ParameterError(f"DistanceDependent.reach = {reach!r} must be one number. Give a float.")
            self.reach = min(number, self.reach)
        self.autapses = check_bool("DistanceDependent.autapses", autapses)

    def _edges(self, box: Any) -> np.ndarray:
        edges = np.asarray(check_number("DistanceDependent.box", box, gt=0.0))
        d = self.pre.shape[1]
        if edges.shape not in ((), (d,)):
            raise ParameterError(f"DistanceDependent.box has shape {edges.shape} but must be one edge or {d}, one per coordinate.")
        return np.broadcast_to(edges, d)

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        for name, positions, shape in (("pre", self.pre, pre), ("post", self.post, post)):
            if len(positions) != prod(shape):
                raise WiringError(
                    f"{where}: DistanceDependent.{name} holds {len(positions)} positions for {prod(shape)} neurons. Give one each."
                )

    def synapses(self, n_pre: int, n_post: int, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        pre, post = self.pre, self.post
        if self.box is not None:
            pre, post = pre % self.box, post % self.box
        own = own_targets(False if self.autapses else same, n_pre, n_post)
        kept = [np.empty(0, dtype=np.int64)]
        for source, target in candidates(pre, post, self.reach, self.box):
            others = target != own[source]
            source, target = source[others], target[others]
            distance = self._distance(pre[source], post[target])
            near = distance <= self.reach
            source, target = source[near], target[near]
            p = self._probability(distance[near])
            made = random.random(len(p)) < p
            kept.append(np.sort(source[made] * n_post + target[made]))
        return from_pairs(*np.divmod(np.concatenate(kept), n_post), n_pre, n_post)

    def _distance(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        step = b - a
        if self.box is not None:
            step -= self.box * np.rint(step / self.box)
        return np.sqrt(np.einsum("nd,nd->n", step, step))

    def _probability(self, distance: np.ndarray) -> np.ndarray:
        p = np.asarray(self.profile(distance), dtype=np.float64)
        if p.shape != distance.shape:
            raise ParameterError(f"DistanceDependent.profile returned shape {p.shape} for distances {distance.shape}. Return one each.")
        bad = np.flatnonzero(~((p >= 0.0) & (p <= 1.0)))
        if bad.size:
            raise ParameterError(
                f"DistanceDependent.profile({distance[bad[0]]:g}) = {p[bad[0]]:g} must lie in [0, 1]: it is a probability. Scale it."
            )
        return p


def _positions(name: str, value: Any) -> np.ndarray:
    """Return float64[n, d]; a list of numbers is taken for points on a line."""
    array = np.asarray(finite_number(f"DistanceDependent.{name}", value))
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.size:
        raise ParameterError(f"DistanceDependent.{name} has shape {array.shape} but must be a list of points (n, d).")
    return array
