"""Implementations side by side on several profiles: who wins, where they break even, and which price decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, final

from snnsim.counts import OperationCounts
from snnsim.energy.entries import EnergyRow, Implementation, Term, Verdict
from snnsim.energy.estimate import EnergyReport, estimate_energy
from snnsim.errors import ParameterError
from snnsim.hardware.figures import Interval
from snnsim.hardware.profile import Profile, load_profile
from snnsim.units import one_of

#: what a host may do for a chip that cannot: rows, products, tables and the ANN; not the synapses, which make the chip what it is
HOSTABLE = ("group", "product", "lookup", "ann", "converter")
#: operations that go on when nobody spikes
_AT_REST = ("updates_idle", "barriers")


@final
@dataclass(frozen=True, eq=False)
class EnergyComparison:
    """Reports of several implementations on several profiles.

    reports : profile -> implementation -> EnergyReport
    per, tokens : inferences in the counts, tokens of one inference (or None)
    """

    implementations: tuple[Implementation, ...]
    profiles: tuple[Profile, ...]
    reports: Mapping[str, Mapping[str, EnergyReport]]
    per: int
    tokens: int | None
    host: Profile | None

    def report(self, profile: str, implementation: str) -> EnergyReport:
        """Return one report. Raises ParameterError for unknown names, listing the valid ones."""
        one_of("EnergyComparison.report: profile", profile, self.reports)
        one_of("EnergyComparison.report: implementation", implementation, self.reports[profile])
        return self.reports[profile][implementation]

    def rows(self) -> list[EnergyRow]:
        """Return one row per profile and implementation, ready for a data frame."""
        return [self._row(profile, each) for profile in self.profiles for each in self.implementations]

    def _row(self, profile: Profile, each: Implementation) -> EnergyRow:
        report = self.reports[profile.name][each.name]
        total = report.total
        spikes = each.counts.total("spikes") / self.per if each.role == "snn" else 0
        nominal = None if total is None else total.nominal
        return EnergyRow(
            profile=profile.name,
            scope=profile.scope,
            node_nm=profile.node_nm,
            implementation=each.name,
            role=each.role,
            low=None if total is None else total.low,
            nominal=nominal,
            high=None if total is None else total.high,
            per_token=None if nominal is None or not self.tokens else nominal / self.tokens,
            per_spike=None if nominal is None or not spikes else nominal / spikes,
            learning=report.kind("plasticity_updates").nominal,
            static=None if report.static is None else report.static.nominal,
            remark=remark(report),
        )

    def best(self, profile: str, role: str) -> tuple[str, Interval] | None:
        """Return the implementation of one side that needs least at nominal prices; None where none has a total."""
        one_of("EnergyComparison.best: role", role, ("ann", "snn"))
        totals = [(each.name, self.report(profile, each.name).total) for each in self.implementations if each.role == role]
        priced = [(name, total) for name, total in totals if total is not None]
        return min(priced, key=lambda entry: entry[1].nominal, default=None)

    def verdict(self, profile: str) -> Verdict | None:
        """Return who wins on a profile; None where one side has no total, or costs nothing: then no other is so many times as dear."""
        ann, snn = self.best(profile, "ann"), self.best(profile, "snn")
        if ann is None or snn is None:
            return None
        (winner, least), (loser, most) = sorted((ann, snn), key=lambda entry: entry[1].nominal)
        if not least.nominal:
            return None
        return Verdict(winner, loser, most.nominal / least.nominal, least.high < most.low)

    def break_even(self, profile: str, snn: str | None = None, ann: str | None = None) -> Interval | None:
        """Return the share of its present activity at which a spiking network would cost what the ANN costs.

        1 or more: it pays now. 0 or less: what does not depend on spikes (idle neurons) costs more than the ANN already. All of
        synapses, events, driven updates and rows is taken to shrink with the activity. Default: the best of either side.
        None where one of them has no total, or nothing that the network does depends on spikes. Low prices are divided by low prices:
        they stand for the same memory.
        """
        pair = self._pair(profile, snn, ann)
        if pair is None:
            return None
        spiking, dense = pair
        rest = spiking.kind(*_AT_REST)
        total, goal = spiking.total or rest, dense.total or rest
        moving = [t - r for t, r in zip(total, rest, strict=True)]
        if not min(moving) > 0.0:
            return None
        return Interval(*((g - r) / m for g, r, m in zip(goal, rest, moving, strict=True)))

    def sensitivity(self, profile: str, snn: str | None = None, ann: str | None = None) -> list[Term]:
        """Return how the ratio snn / ann moves with each price, the most influential first. Empty where one side has no total."""
        pair = self._pair(profile, snn, ann)
        if pair is None:
            return []
        spiking, dense = (
            {f"{role}.{kind}": interval for role, terms in report.parts.items() for kind, interval in terms.items()} for report in pair
        )
        whole, base = (sum(interval.nominal for interval in side.values()) for side in (spiking, dense))
        if not base:
            return []
        found = []
        for term in dict.fromkeys([*spiking, *dense]):
            mine, other = spiking.get(term, Interval(0, 0, 0)), dense.get(term, Interval(0, 0, 0))
            at_low, at_high = (_ratio(whole - mine.nominal + mine[end], base - other.nominal + other[end]) for end in (0, 2))
            found.append(Term(term, mine.nominal / whole if whole else 0.0, at_low, at_high, (at_low < 1) != (at_high < 1)))
        return sorted(found, key=lambda each: (abs(each.at_high - each.at_low), each.share), reverse=True)

    def _pair(self, profile: str, snn: str | None, ann: str | None) -> tuple[EnergyReport, EnergyReport] | None:
        names = []
        for role, given in (("snn", snn), ("ann", ann)):
            best = self.best(profile, role)
            if given is None and best is None:
                return None
            valid = [each.name for each in self.implementations if each.role == role]
            names.append(one_of(f"EnergyComparison.{role}", given, valid) if given is not None else best[0])  # type: ignore[index]
        spiking, dense = (self.report(profile, name) for name in names)
        return None if spiking.total is None or dense.total is None else (spiking, dense)

    def __iter__(self) -> Iterator[EnergyRow]:
        return iter(self.rows())


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else inf


def remark(report: EnergyReport) -> str:
    """Return in a few words what a host did, what has no price, and what is left out."""
    parts = []
    missing = ", ".join(sorted({kind for kinds in report.unpriced.values() for kind in kinds}))
    if "synaptic" in report.unpriced and "synops" in report.unpriced["synaptic"]:
        parts.append("runs no spikes")
    elif missing:
        parts.append(f"no price for {missing}")
    if report.hosted:
        node = report.nodes.get(report.host or "")
        parts.append(f"{', '.join(report.hosted)} on {report.host}" + (f" ({node} nm)" if node else ""))
    if report.left_out and report.scope not in ("floor", "reference"):
        parts.append(f"left out: {', '.join(sorted({kind for kinds in report.left_out.values() for kind in kinds}))}")
    parts += [f"{n} synapses per {precision} weight" for precision, n in report.sliced.items()]
    if report.recalled:
        parts.append("recalled prices")
    return "; ".join(parts)


def _alone(chip: Profile, host: Profile | None, counts: OperationCounts) -> Profile | None:
    """Return the host for these counts: none where it would have to do the chip's own work.

    Of a network that crossbars hold, the rest is digital logic beside them, which may be another profile's.
    """
    roles = {counts.role(layer) for layer, kinds in counts.layers.items() if kinds}
    lacking = {role for role in roles if not chip.does(role)}
    held = "crossbar" in roles and chip.does("crossbar")
    return host if host is not None and (held or lacking <= set(HOSTABLE)) else None


def compare_implementations(
    implementations: Sequence[Implementation],
    profiles: Sequence[Any],
    *,
    host: Any = "horowitz45",
    per: int = 1,
    tokens: int | None = None,
    allow_recalled: bool = False,
) -> EnergyComparison:
    """Return the energy of counted implementations on several profiles. Raises ParameterError, FormatError.

    A host does for a chip what it cannot do itself (`HOSTABLE`); each report names it and its process node.
    """
    if not implementations:
        raise ParameterError("compare_energy: there is nothing to compare. Give an ANN and a spiking network.")
    names = [each.name for each in implementations]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ParameterError(f"compare_energy: {sorted(twice)[0]!r} names two implementations. Rename one.")
    chips = distinct([load_profile(profile) for profile in profiles])
    helper = None if host is None else load_profile(host)
    reports = {
        chip.name: {
            each.name: estimate_energy(
                each.counts, chip, host=_alone(chip, helper, each.counts), per=per, allow_recalled=allow_recalled,
                allow_mixed_nodes=True, latency_ms=each.latency_ms,
            )
            for each in implementations
        }
        for chip in chips
    }  # fmt: skip
    return EnergyComparison(tuple(implementations), chips, reports, per, tokens, helper)


def distinct(chips: Sequence[Profile]) -> tuple[Profile, ...]:
    """Return every profile once. Raises ParameterError where two different ones have the same name."""
    found: dict[str, Profile] = {}
    for chip in chips:
        if found.setdefault(chip.name, chip) != chip:
            raise ParameterError(f"compare_energy.profiles: {chip.name!r} names two different profiles. Rename one file.")
    return tuple(found.values())


def mixed_nodes(comparison: EnergyComparison) -> list[str]:
    """Return 'profile (nm) + host (nm)' of every sum over two process nodes."""
    found = []
    for profile in comparison.profiles:
        for report in comparison.reports[profile.name].values():
            nodes = {name: node for name, node in report.nodes.items() if node is not None}
            if len(set(nodes.values())) > 1:
                found.append(" + ".join(f"{name} ({node} nm)" for name, node in nodes.items()))
    return list(dict.fromkeys(found))
