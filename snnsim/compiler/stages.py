"""The order in which populations settle within one instant: each after those that reach it without delay."""

from __future__ import annotations

from collections.abc import Iterable

from snnsim.errors import SnnsimError


class Cycle(SnnsimError):
    """Edges lead from a population back to itself. path : its populations, the first one again at the end"""

    def __init__(self, path: list[int]) -> None:
        super().__init__(" -> ".join(map(str, path)))
        self.path = path


def stages(n_populations: int, edges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the populations in levels: no edge leads within a level or back to an earlier one.

    Parameters
    ----------
    edges : (pre, post)   projections that act without delay; repeats are harmless

    Returns
    -------
    list of lists: each population once, in the earliest level it may have, ascending within a level; without edges one level.

    Raises
    ------
    Cycle   when there is no such order
    """
    after: list[set[int]] = [set() for _ in range(n_populations)]
    for pre, post in edges:
        after[post].add(pre)
    levels, settled = [], set[int]()
    while len(settled) < n_populations:
        level = [p for p in range(n_populations) if p not in settled and after[p] <= settled]
        if not level:
            raise Cycle(_cycle(after, settled))
        levels.append(level)
        settled.update(level)
    return levels


def _cycle(after: list[set[int]], settled: set[int]) -> list[int]:
    """Return one cycle among the populations that are not settled: each of them comes after another such one."""
    path = [next(p for p in range(len(after)) if p not in settled)]
    while path[-1] not in path[:-1]:
        path.append(min(after[path[-1]] - settled))
    path = path[path.index(path[-1]) :]
    # It was followed backwards.
    return path[::-1]
