"""Tiles on chips and chips beside each other: where a core lies, and how far it is from another one."""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any, NamedTuple

import numpy as np

from snnsim.hardware.profile import Profile

_WORK = 200_000_000  # links that the swaps may look at, all together: some seconds


class Mesh(NamedTuple):
    """The tiles of all chips in one plane: chips continue each other's mesh.

    n_chips : int
    per_chip, per_tile : int     cores
    columns, rows : int          tiles of a chip
    known : bool                 whether the profile tells its mesh; without it nobody knows the hops
    """

    n_chips: int
    per_chip: int
    per_tile: int
    columns: int
    rows: int
    known: bool

    @property
    def n(self) -> int:
        """Places for cores."""
        return self.n_chips * self.per_chip

    def tiles(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (x, y) of the tiles of places, in the plane of all chips. Tiles of a chip are numbered row by row."""
        chip, tile = place // self.per_chip, place % self.per_chip // self.per_tile
        wide = ceil(sqrt(self.n_chips))
        return chip % wide * self.columns + tile % self.columns, chip // wide * self.rows + tile // self.columns

    def distance(self, x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (links between tiles of a chip, links between chips) on the way first along x, then along y."""
        links = np.abs(x1 - x0) + np.abs(y1 - y0)
        across = np.abs(x1 // self.columns - x0 // self.columns) + np.abs(y1 // self.rows - y0 // self.rows)
        return links - across, across


def mesh_of(profile: Profile, n_cores: int) -> Mesh:
    """Return the mesh that holds `n_cores`; where the profile tells no cores, a chip has as many as are needed."""
    per_chip = profile.limits.get("cores", n_cores)
    per_tile = profile.limits.get("cores_per_tile", 1)
    known = "mesh" in profile.limits or per_chip == 1
    tiles = ceil(per_chip / per_tile)
    columns, rows = profile.limits.get("mesh", [ceil(sqrt(tiles)), ceil(tiles / ceil(sqrt(tiles)))])
    return Mesh(max(1, ceil(n_cores / per_chip)), per_chip, per_tile, columns, rows, known)


def places(mesh: Mesh, traffic: tuple[np.ndarray, np.ndarray, np.ndarray], n_cores: int) -> np.ndarray:
    """Return the place of each core, int64[n_cores]: near those it speaks with.

    traffic : (from, to, events), int64 each    between cores; from or to -1 is the host, beside the tile at (0, 0)

    Cores are lined up by what they say to those already in line, and laid out so along the tiles, back and forth; then places are
    swapped while that makes events times distance smaller.
    """
    pre, post, events = traffic
    inner = (pre >= 0) & (post >= 0)
    ground, place = _ground(mesh, n_cores), np.empty(n_cores, np.int64)
    place[_lined_up(*_rows(pre[inner], post[inner], events[inner], n_cores))] = ground[:n_cores]
    host = np.zeros(n_cores)
    np.add.at(host, np.where(pre < 0, post, pre)[~inner], events[~inner])
    return _swapped(mesh, _rows(pre[inner], post[inner], events[inner], n_cores), host, place, ground) if n_cores else place


def _rows(pre: np.ndarray, post: np.ndarray, events: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (ptr, near, weight): of each core, with whom it speaks in either direction, and how much."""
    ends = np.concatenate([pre, post])
    order = np.argsort(ends, kind="stable")
    near, weight = np.concatenate([post, pre])[order], np.concatenate([events, events])[order]
    return np.searchsorted(ends[order], np.arange(n + 1)), near, weight


def _ground(mesh: Mesh, n_cores: int) -> np.ndarray:
    """Return the places that cores may take, back and forth along the tiles: full chips, and of the last one a block near its corner."""
    full, rest = divmod(n_cores, mesh.per_chip)
    walks = [chip * mesh.per_chip + _walk(mesh, mesh.columns, mesh.rows) for chip in range(full)]
    if rest:
        tiles = ceil(rest / mesh.per_tile)
        width = min(mesh.columns, max(ceil(sqrt(tiles)), ceil(tiles / mesh.rows)))
        block = _walk(mesh, width, ceil(tiles / width))
        if len(block) < rest:  # a mesh with more tiles than the cores fill: row by row
            width = min(mesh.columns, tiles)
            block = _walk(mesh, width, ceil(tiles / width))
        walks.append(full * mesh.per_chip + block)
    return np.concatenate(walks)


def _walk(mesh: Mesh, width: int, height: int) -> np.ndarray:
    """Return the places of a block of tiles, row by row, every other row backwards."""
    tile = np.arange(width) + mesh.columns * np.arange(height)[:, None]
    tile[1::2] = tile[1::2, ::-1]
    walk = (tile.ravel()[:, None] * mesh.per_tile + np.arange(mesh.per_tile)).ravel()
    return walk[walk < mesh.per_chip]


def _lined_up(ptr: np.ndarray, near: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the cores in line: each time the one that says most to those already in it."""
    n = len(ptr) - 1
    pull, line, free = np.zeros(n), np.empty(n, np.int64), np.ones(n, bool)
    for k in range(n):
        core = int(np.argmax(np.where(free, pull, -1.0)))
        line[k], free[core] = core, False
        span = slice(ptr[core], ptr[core + 1])
        np.add.at(pull, near[span], weight[span])
    return line


def _swapped(mesh: Mesh, rows: tuple[np.ndarray, ...], host: np.ndarray, place: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Swap what lies at two places, one of them perhaps empty, while events times distance falls."""
    (ptr, near, weight), n, m = rows, len(place), len(ground)
    x, y = mesh.tiles(ground)
    row, floor = np.repeat(np.arange(n), np.diff(ptr)), np.zeros(m)
    where = np.empty(int(ground.max()) + 1, np.int64)
    where[ground] = np.arange(m)
    at = np.concatenate([where[place], np.setdiff1d(np.arange(m), where[place])])  # numbers n and more are empty places

    def far(one: Any, other: Any) -> np.ndarray:
        return np.abs(x[one] - x[other]) + np.abs(y[one] - y[other])

    left, moved = _WORK, True
    while moved and left > 0:
        moved = False
        now = floor.copy()  # events times distance of each core where it lies
        now[:n] = np.bincount(row, weight * far(at[row], at[near]), n) + host * (x + y)[at[:n]]
        for a in np.argsort(-now[:n], kind="stable"):
            span, here = slice(ptr[a], ptr[a + 1]), at[a]
            mine = weight[span] @ far(at[near[span]][:, None], at) + host[a] * (x + y)[at]  # of core a at each place
            theirs = floor.copy()  # of each core where a lies now
            theirs[:n] = np.bincount(row, weight * far(here, at[near]), n) + host * (x + y)[here]
            gain = mine - mine[a] + theirs - now
            np.add.at(gain, near[span], 2.0 * weight[span] * far(here, at[near[span]]))  # the two keep their distance
            left -= 2 * len(near) + (ptr[a + 1] - ptr[a]) * m
            b = int(np.argmin(gain))
            if gain[b] < 0.0:
                at[a], at[b] = at[b], at[a]
                now[:n] = np.bincount(row, weight * far(at[row], at[near]), n) + host * (x + y)[at[:n]]
                moved = True
            if left <= 0:
                break
    return ground[at[:n]]
