"""What trials within a run refuse: engines, grids, names and rules that they do not fit."""

from __future__ import annotations

from typing import Any

from snnsim.errors import ParameterError, unknown_name
from snnsim.models.spiking import off_grid
from snnsim.network import Network
from snnsim.plasticity.base import IntervalRule, Rules, rules_of
from snnsim.trials import Trials


def check_trials(network: Network, given: Any, dt: float, engine: str, started: str | None, learns: frozenset[int]) -> Trials | None:
    """Return the trials of a run. Raises ParameterError where the engine, the grid, a name or a rule does not fit them.

    engine : as asked for; started : engine of the run that is continued; learns : projections that learn
    """
    if given is None:
        return None
    trials = given if isinstance(given, Trials) else Trials(_length(given))
    if "event" in (engine, started):
        raise ParameterError(
            f"simulate.trials = {trials.length:g} ms must be left out in the event engine, which does not return to the start. "
            'Use engine="clock", or make one run per trial.'
        )
    if off_grid(trials.length, dt):
        raise ParameterError(
            f"simulate.trials = {trials.length:g} ms must be a multiple >= 1 of dt = {dt:g} ms: a trial ends with a step. "
            "Round it, or choose a dt that divides it."
        )
    for name, states in (trials.keep or {}).items():
        if name not in network.populations:
            raise ParameterError(unknown_name("Trials.keep: population", name, network.populations))
        for state in states:
            if state not in network.populations[name].model.states:
                raise ParameterError(unknown_name(f"Trials.keep[{name!r}]: state", state, network.populations[name].model.states))
    for q, (name, projection) in enumerate(network.projections.items()):
        if q in learns:
            _check_rules(name, rules_of(name, projection.plasticity) or Rules(), projection, trials)
    return trials


def _length(given: Any) -> Any:
    if isinstance(given, (bool, str)) or given is None:
        raise ParameterError(f"simulate.trials = {given!r} must be the length of a trial in ms, or Trials(...). Give a float.")
    return given


def _check_rules(name: str, rules: Rules, projection: Any, trials: Trials) -> None:
    """Refuse rules whose memory does not fit into trials."""
    spikes = rules.spikes
    if spikes is not None and spikes.slow:
        raise ParameterError(
            f"Projection({name}).plasticity: {type(spikes).__name__}.{spikes.slow} = {getattr(spikes, spikes.slow):g} ms averages over "
            f"more than a trial of {trials.length:g} ms, and would begin at 0 in each. Use a rule of rates that keeps its average, such "
            "as RateBCM or RateCovariance, or leave out trials."
        )
    for rule in rules.slow:
        n_pre, n_post = projection.pre.population.size, projection.post.population.size
        if _fast(rule, n_pre, n_post) and off_grid(trials.length, rule.interval):
            raise ParameterError(
                f"Projection({name}).plasticity: {type(rule).__name__}.interval = {rule.interval:g} ms must divide "
                f"simulate.trials = {trials.length:g} ms: its rates begin anew with each trial. Choose an interval that does."
            )


def _fast(rule: IntervalRule, n_pre: int, n_post: int) -> list[str]:
    """Return the names of the variables of a rule that begin anew with each trial."""
    return [name for name in rule.start(n_pre, n_post) if name not in rule.slow]
