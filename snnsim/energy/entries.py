"""What an energy comparison is made of and what it says: implementations, rows, terms, verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, final

from snnsim.counts import OperationCounts


class EnergyRow(NamedTuple):
    """One implementation on one profile; energies in pJ per inference, None where a price is missing.

    role : 'ann' | 'snn'
    per_token, per_spike : nominal pJ, None where there are no tokens or spikes
    static : pJ of static power over the latency given, or None
    """

    profile: str
    scope: str
    node_nm: int | None
    implementation: str
    role: str
    low: float | None
    nominal: float | None
    high: float | None
    per_token: float | None
    per_spike: float | None
    learning: float
    static: float | None
    remark: str


class Term(NamedTuple):
    """How much one price matters for snn / ann.

    at_low, at_high : the ratio with this price at either end of its interval, all others nominal
    decides : whether the winner changes between them
    """

    term: str
    share: float
    at_low: float
    at_high: float
    decides: bool


class Verdict(NamedTuple):
    """Who needs least on one profile. ratio : the best of the other side over the winner, nominal; sure : at the ends of all intervals"""

    winner: str
    loser: str
    ratio: float
    sure: bool


@final
@dataclass(frozen=True)
class Implementation:
    """Something that was counted. accuracy : of its answers, where labels were given; latency_ms : of one inference, where known"""

    name: str
    role: str
    counts: OperationCounts
    accuracy: float | None = None
    latency_ms: float | None = None
