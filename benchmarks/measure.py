"""Interleaved runs, medians and ratios."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks import ours
from benchmarks.networks import RandomNetwork
from benchmarks.peers import PeerError, Worker
from snnsim.errors import ParameterError

Say = Callable[[str], None]
# Of the mean and of the standard deviation of learned weights, as a fraction of the latter. NEST's are those of the last presynaptic
# spike, which lack what was potentiated since: a seventh of the spread in brunel_stdp.
WEIGHTS_CLOSE = 0.2


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line gives.

    duration : ms or None, that of the workload
    scale : fraction of the neurons, or None for all
    precision : of our states, 'double' or 'single'
    plastic : bytes per plastic synapse instead of a static one
    drawn_in_advance : Brian2 gets rare Poisson input as a list made before the run
    say : tells a waiting person what happens
    """

    peer: str | None = None
    runs: int = 3
    threads: int = 1
    duration: float | None = None
    engine: str = "auto"
    scale: float | None = None
    precision: str = "double"
    plastic: bool = False
    drawn_in_advance: bool = False
    say: Say = lambda _: None

    @property
    def ours(self) -> dict[str, Any]:
        """What our own runs take of it."""
        return {"threads": self.threads, "engine": self.engine, "precision": self.precision}

    def fit(self, parameters: RandomNetwork) -> RandomNetwork:
        """Return the network at `scale`. Raises ParameterError where a neuron would have more inputs than there are neurons."""
        if self.scale is None:
            return parameters
        if self.scale < parameters.p:
            raise ParameterError(
                f"--scale = {self.scale:g} must be >= {parameters.p:g} here: every neuron keeps its number of inputs. Take a larger one."
            )
        return parameters.scaled(round(self.scale * parameters.size))


def report(workload: str, options: Options, runs: Sequence[dict[str, Any]], unit: str = "s", **more: Any) -> dict[str, Any]:
    """Return the figures of a workload: medians over `runs` and their ratio, peer / ours.

    runs : dicts with ours_UNIT and, beside a peer, peer_UNIT
    """
    mine = median(run[f"ours_{unit}"] for run in runs)
    theirs = median(run[f"peer_{unit}"] for run in runs) if options.peer else None
    ratio = None if theirs is None else theirs / mine
    return {
        "workload": workload,
        "peer": options.peer,
        f"ours_{unit}": mine,
        f"peer_{unit}": theirs,
        "ratio": ratio,
        "precision": options.precision,
        "runs": list(runs),
    } | more


def check_rates(tolerance: float, runs: Sequence[dict[str, Any]], peer: str) -> None:
    """Refuse to compare two simulators that do not fire at the same mean rate: they ran different networks."""
    mine, theirs = (median(run[f"{who}_rate"] for run in runs) for who in ("ours", "peer"))
    if abs(mine - theirs) > tolerance * max(mine, theirs):
        raise PeerError(
            f"Mean rates differ by more than {100 * tolerance:g} %: ours {mine:.3f} Hz, {peer} {theirs:.3f} Hz. These are not "
            "the same network, or the run is too short to tell: try a longer --duration."
        )


def check_weights(runs: Sequence[dict[str, Any]], peer: str) -> None:
    """Refuse to compare two simulators whose plastic synapses ended with other weights: they followed different rules."""
    mean, spread = ([median(run[f"{who}_weight_{what}"] for run in runs) for who in ("ours", "peer")] for what in ("mean", "sd"))
    if max(abs(mean[0] - mean[1]), abs(spread[0] - spread[1])) > WEIGHTS_CLOSE * max(spread):
        raise PeerError(
            f"Weights ended at {mean[0]:.4g} +- {spread[0]:.4g} mV in ours and at {mean[1]:.4g} +- {spread[1]:.4g} mV in {peer}, further "
            f"apart than {100 * WEIGHTS_CLOSE:g} % of their spread. These are not the same learning rule."
        )


def interleaved(parameters: RandomNetwork, options: Options, duration: float, rule: str = "random") -> list[dict[str, Any]]:
    """Run ours, peer, ours, peer, ...; every run builds its network anew, with another seed in each run of ours.

    rule : how NEST draws its connections: 'random', each with probability p, or 'fixed_indegree'
    """
    options.say("ours: compiling the kernels")
    ours.run(parameters, duration=1.0, seed=0, **options.ours)
    if options.peer is None:
        return [_one(parameters, options, duration, number, None) for number in range(options.runs)]
    job = {"parameters": asdict(parameters), "duration": duration, "seed": 1, "threads": options.threads, "rule": rule}
    job["drawn_in_advance"] = options.drawn_in_advance
    options.say(f"{options.peer}: starting")
    with Worker(options.peer, job) as worker:
        return [_one(parameters, options, duration, number, worker) for number in range(options.runs)]


def _one(parameters: RandomNetwork, options: Options, duration: float, number: int, worker: Worker | None) -> dict[str, Any]:
    options.say(f"run {number + 1} of {options.runs}: ours")
    mine = ours.run(parameters, duration=duration, seed=number + 1, **options.ours)
    answers = [("ours", mine)]
    if worker is not None:
        options.say(f"run {number + 1} of {options.runs}: {options.peer}")
        answers.append(("peer", worker.run()))
    return named(answers)


def named(answers: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return the answers of both sides as one run: ours_s, ours_rate, ..., peer_s, ..."""
    return {f"{who}_{'s' if name == 'seconds' else name}": value for who, answer in answers for name, value in answer.items()}


def simulation(workload: str, parameters: RandomNetwork, options: Options) -> dict[str, Any]:
    """Compare the wall time of the simulation alone; check that the mean rates agree."""
    parameters = options.fit(parameters)
    duration = parameters.duration if options.duration is None else options.duration
    runs = interleaved(parameters, options, duration)
    if options.peer is not None:
        check_rates(parameters.tolerance, runs, options.peer)
        if parameters.stdp_rate:
            check_weights(runs, options.peer)
    sides = ("ours", "peer") if options.peer else ("ours",)
    names = ("rate", "build_s", *(("weight_mean", "weight_sd") if parameters.stdp_rate else ()))
    more: dict[str, Any] = {f"{side}_{name}": median(run[f"{side}_{name}"] for run in runs) for side in sides for name in names}
    return report(workload, options, runs, duration_s=duration * 1e-3, **more)
