"""Counts times prices: an interval, or the list of what could not be priced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import final

from snnsim.errors import ParameterError
from snnsim.hardware.profile import Interval, Profile, load_profile
from snnsim.results import OperationCounts
from snnsim.units import check_bool, check_integer

_ZERO = Interval(0.0, 0.0, 0.0)


@final
@dataclass(frozen=True)
class EnergyReport:
    """The energy of some counted operations on one piece of hardware.

    parts : role -> kind -> Interval         pJ of the operations that could be priced
    unpriced : role -> kind -> count         what could not be priced; then there is no total
    host : str or None                       profile that priced the roles this hardware cannot do
    hosted : tuple of str                    those roles
    recalled : tuple of str                  'role.kind' of prices of grade R that were used
    per : int                                inferences the figures were divided by
    """

    profile: str
    parts: Mapping[str, Mapping[str, Interval]]
    unpriced: Mapping[str, Mapping[str, int]]
    host: str | None
    hosted: tuple[str, ...]
    recalled: tuple[str, ...]
    per: int

    @property
    def total(self) -> Interval | None:
        """Return the sum, pJ per inference; None when any non-zero count has no price."""
        if self.unpriced:
            return None
        return self.part(*self.parts)

    def part(self, *roles: str) -> Interval:
        """Return the sum over some roles, pJ per inference, of what could be priced."""
        return sum((interval for role in roles for interval in self.parts.get(role, {}).values()), start=_ZERO)

    def __str__(self) -> str:
        host = f", {' and '.join(self.hosted)} on {self.host}" if self.hosted else ""
        if self.total is None:
            missing = ", ".join(f"{count} {kind} ({role})" for role, kinds in self.unpriced.items() for kind, count in kinds.items())
            return f"no total: {self.profile}{host} has no price for {missing}"
        low, nominal, high = (value * 1e-3 for value in self.total)
        return f"{nominal:.4g} nJ ({low:.4g} .. {high:.4g}) on {self.profile}{host}"


def estimate_energy(
    counts: OperationCounts, profile: str | Profile, *, host: str | Profile | None = None, per: int = 1, allow_recalled: bool = False
) -> EnergyReport:
    """Return the energy of `counts` under a hardware profile.

    Parameters
    ----------
    counts : OperationCounts
    profile : str or Profile     a shipped name such as 'loihi14', the path of a .toml file, or a Profile
    host : str or Profile        prices the roles that `profile` cannot do at all, such as softmax rows on a spiking chip;
                                 the result names it, and its process node may differ
    per : int                    inferences in the counts; figures are divided by it
    allow_recalled : bool        use prices of grade R, which were not verified in a source

    Raises
    ------
    ParameterError   for an unknown profile (listing the valid ones) or per < 1
    """
    per = check_integer("estimate_energy.per", per, low=1, why="it is the number of inferences counted")
    if not isinstance(counts, OperationCounts):
        raise ParameterError(f"estimate_energy.counts = {counts!r} must be OperationCounts, such as Result.counts.")
    check_bool("estimate_energy.allow_recalled", allow_recalled)
    chip = profile if isinstance(profile, Profile) else load_profile(profile)
    helper = host if host is None or isinstance(host, Profile) else load_profile(host)
    parts: dict[str, dict[str, Interval]] = {}
    unpriced: dict[str, dict[str, int]] = {}
    hosted: list[str] = []
    recalled: list[str] = []
    for layer, kinds in counts.layers.items():
        role = counts.role(layer)
        known = role in chip.prices or role in chip.included
        used = chip if known or helper is None else helper
        if used is not chip and role not in hosted:
            hosted.append(role)
        prices, included = used.prices.get(role, {}), used.included.get(role, ())
        for kind, count in kinds.items():
            if kind in included:
                continue
            price = prices.get(kind)
            if price is None or (price.grade == "R" and not allow_recalled):
                missing = unpriced.setdefault(role, {})
                missing[kind] = missing.get(kind, 0) + count
                continue
            if price.grade == "R" and f"{role}.{kind}" not in recalled:
                recalled.append(f"{role}.{kind}")
            terms = parts.setdefault(role, {})
            terms[kind] = terms.get(kind, _ZERO) + price.pj.times(count / per)
    return EnergyReport(
        profile=chip.name,
        parts=MappingProxyType({role: MappingProxyType(terms) for role, terms in parts.items()}),
        unpriced=MappingProxyType({role: MappingProxyType(kinds) for role, kinds in unpriced.items()}),
        host=helper.name if helper and hosted else None,
        hosted=tuple(hosted),
        recalled=tuple(recalled),
        per=per,
    )
