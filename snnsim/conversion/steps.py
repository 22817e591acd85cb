"""The bits and the levels of every population: the options, applied to a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from snnsim.conversion.calibrate import Range
from snnsim.conversion.channels import channels_of, reading_weights, weighed
from snnsim.conversion.clipping import Clip
from snnsim.conversion.levels import Levels, excited, levels_of, smoothed
from snnsim.conversion.options import Quantisation
from snnsim.conversion.plan import Plan
from snnsim.conversion.terms import Mapped
from snnsim.graph.nodes import Activation, Max


@final
class Steps:
    """Which levels each population gets.

    names : mapping of name to tuple of str   what patterns of the options may call each population
    able : mapping of name to bool   a step per channel
    bits : mapping of name to int
    fixed : set of names             populations whose steps are bound to those of another
    """

    def __init__(self, plan: Plan, options: Quantisation) -> None:
        self.plan, self.options = plan, options
        self.names = _names(plan)
        options.check_patterns(self.names)
        self.channels = channels_of(plan)
        self.able: Mapping[str, bool] = self.channels.able
        self.fixed = {name for pair in self.channels.pairs for name in (pair.left, pair.right)} | {
            name for name, _ in self.channels.together
        }
        read = weighed(plan)
        self.bits = {
            planned.name: options.activations(self.names[planned.name], weighed=read[planned.name]) for planned in plan.populations
        }

    def clips(self, names: set[str]) -> dict[str, Clip]:
        """Return how the ranges of `names` are to be narrowed, where they are."""
        found = {}
        for planned in self.plan.populations:
            how = self.options.range_of(self.names[planned.name])
            if planned.encoded and isinstance(how, str):
                how = "max"  # what lies past the range of an input is the user's to know
            if planned.name in names and how != "max":
                table = isinstance(planned.function, Activation) and planned.function.function != "relu"
                able = self.able[planned.name] and not (table and planned.name in self.fixed)  # a table follows no other population
                found[planned.name] = Clip(how, self.bits[planned.name], able, table, self.options.percentile, planned.encoded)
        return found

    def levels(self, limits: Mapping[str, Range]) -> dict[str, Levels]:
        """Return the levels by name of populations whose values lie in `limits`."""
        covered = self.channels.covered({name: excited(limits[name].largest) for name in limits if self.able.get(name)})
        if self.options.alpha < 1.0:
            for name, weights in reading_weights(self.plan, self.able).items():
                if name in covered and name not in self.fixed:
                    covered[name] = smoothed(covered[name], weights, self.options.alpha)
        return {name: levels_of(limits[name], self.bits[name], covered.get(name)) for name in limits if name in self.bits}


def _names(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return what each population may be called: its name, that of the sum in it, its operation, and NAME.input of those that read it."""
    known = {planned.name: planned for planned in plan.populations}
    names = {name: [name, type(planned.node).__name__] for name, planned in known.items()}
    for planned in plan.populations:
        if planned.sums not in known:
            names[planned.name].append(planned.sums)
        for term in planned.terms:
            if isinstance(term, Mapped):
                names[planned.name].append(term.name)
                source = known[term.source]
                while isinstance(source.function, Max):  # a maximum has the steps of what it compares
                    (compared,) = source.terms
                    source = known[compared.source]  # type: ignore[union-attr]
                names[source.name].append(f"{term.name}.input")
    return {name: tuple(dict.fromkeys(each)) for name, each in names.items()}
