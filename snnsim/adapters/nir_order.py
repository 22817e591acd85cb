"""Which connections of a recurrent network wait for the next step: the rule that reading and writing share."""

from __future__ import annotations

from collections.abc import Iterable


def closing(edges: Iterable[tuple[str, str]], first: Iterable[str]) -> set[tuple[str, str]]:
    """Return the edges that close a cycle: those that lead back to a population on the way by which they were reached.

    The walk goes in depth, from `first` in order of their names, then from all others in order of theirs, so that the answer
    does not depend on the order of edges, which HDF5 files do not keep for nodes. Without these edges there is no cycle.
    """
    after: dict[str, list[str]] = {}
    for pre, post in edges:
        after.setdefault(pre, []).append(post)
        after.setdefault(post, [])
    back: set[tuple[str, str]] = set()
    done: set[str] = set()
    for start in [*sorted(set(first) & set(after)), *sorted(after)]:
        if start in done:
            continue
        path, waiting = [start], [iter(sorted(set(after[start])))]
        while path:
            step = next(waiting[-1], None)
            if step is None:
                done.add(path.pop())
                waiting.pop()
            elif step in path:
                back.add((path[-1], step))
            elif step not in done:
                path.append(step)
                waiting.append(iter(sorted(set(after[step]))))
    return back
