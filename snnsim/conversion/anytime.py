"""The answer before the network is silent: outputs in every step, and how far they can still move."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from snnsim.conversion.coding import Output
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.engines.settle import run_integer
from snnsim.errors import ParameterError
from snnsim.graph.intervals import bounds_of


class Anytime(NamedTuple):
    """The first output of a model over time.

    times : float64[n]                       steps
    spikes : int64[n, trials]                events that the whole network had emitted by then
    scores : float64[n, trials, *shape]      the output as the accumulators stand
    low, high : float64[n, trials, *shape]   what it will settle between, or None
    """

    times: np.ndarray
    spikes: np.ndarray
    scores: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None

    def accuracy(self, labels: Any) -> np.ndarray:
        """Return the share of trials whose largest score is that of int[trials] `labels`, float64[n]."""
        labels = np.asarray(labels)
        if self.scores.ndim != 3 or labels.shape != self.scores.shape[1:2]:
            trials = self.scores.shape[1]
            raise ParameterError(f"Anytime.labels has shape {labels.shape} but must have one class for each of {trials} trials.")
        return (self.scores.argmax(axis=-1) == labels).mean(axis=1)

    def decided(self) -> np.ndarray:
        """Return where the largest score can no longer change, bool[n, trials]: it lies above all that the others can reach."""
        if self.low is None or self.high is None:
            raise ParameterError("Anytime.decided needs the bounds. Ask for them: anytime(..., bounds=True).")
        top = self.low.argmax(axis=-1)[..., None]
        others = np.where(np.arange(self.high.shape[-1]) == top, -np.inf, self.high)
        return np.take_along_axis(self.low, top, axis=-1)[..., 0] > others.max(axis=-1)


def anytime(
    spiking: SpikingModel,
    inputs: Any,
    *,
    code: str = "signed_digit",
    steps: int | None = None,
    bounds: bool = False,
    threads: int | None = None,
) -> Anytime:
    """Return the first output in every step of an eager run, from rest until silence or for `steps` steps.

    With `bounds`, also where it will settle, as far as that follows from what the inputs have emitted so far: interval arithmetic
    carries what they can still emit to the output (`graph.intervals`). This costs a few evaluations of the integer program for every
    step. It is narrow for staircases, and as wide as the range of the units behind a norm or softmax until the inputs are silent.

    Raises ParameterError as a call of the model does.
    """
    output = next(iter(spiking.coding.outputs.values()))
    wanted: dict[str, list[str]] = {name: ["s"] for name in spiking.compiled.inputs}
    for piece in output.pieces:
        wanted.setdefault(piece.source, []).append("acc" if piece.summed else "s")
    schedule = "eager" if steps is None else "timed"
    encoded = spiking.encode(inputs)
    result = run_integer(
        spiking.compiled, inputs=encoded, code=code, schedule=schedule, seed=0, threads=threads, record=wanted, steps=steps
    )  # fmt: skip
    recorded = {name: {what: each.values for what, each in kinds.items()} for name, kinds in result.recordings.items()}
    times = next(iter(result.recordings.values()))["network_spikes"].times
    spikes = next(iter(recorded.values()))["network_spikes"]
    ends = []
    for i in range(len(times)):
        present = {name: kinds["s"][i] for name, kinds in recorded.items() if "s" in kinds}
        sums = {name: kinds["acc"][i] for name, kinds in recorded.items() if "acc" in kinds}
        now = _ends(output, {n: (s, s) for n, s in present.items()}, {n: (acc, acc) for n, acc in sums.items()})[0]
        if not bounds:
            ends.append((now,))
            continue
        possible = {each.name: still_possible(code, present[each.name], i, *each.unit.bounds()) for each in spiking.integer_graph.inputs}
        final = bounds_of(spiking.integer_graph, possible)
        values = {name: (each.low, each.high) for name, each in final.items()}
        ends.append((now, *_ends(output, values, {name: (each.acc_low, each.acc_high) for name, each in final.items()})))
    columns = [np.stack(column) for column in zip(*ends, strict=True)]
    return Anytime(times, spikes, columns[0], *(columns[1:] if bounds else (None, None)))


def still_possible(code: str, emitted: np.ndarray, rounds: int, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what input units can end in that have emitted `emitted` after so many rounds in which each could speak once.

    A unit with more to say speaks in every round, so that one with fewer unary events, or fewer bits, than rounds is silent. What
    is left of a binary value lies below the last bit sent. What is left of a signed-digit one is at most half the power that
    was sent, hence at most 2^(bits - 1 - rounds). The other codes need one event.
    """
    emitted = emitted.astype(np.int64)
    if rounds == 0:
        return np.full_like(emitted, low), np.full_like(emitted, high)
    size = np.abs(emitted)
    bits = max(abs(low), abs(high)).bit_length()
    if code in ("graded", "time_to_first_spike"):
        return emitted, emitted
    if code == "signed_digit":
        left = 2 ** (bits - 1 - rounds) if rounds < bits else 0
        return np.maximum(emitted - left, low), np.minimum(emitted + left, high)
    if code == "unary":
        left = np.where(size == rounds, max(abs(low), abs(high)), 0)
    else:
        sent = sum((size >> bit) & 1 for bit in range(bits))
        left = np.where(sent == rounds, (size & -size) - 1, 0)
    return np.maximum(emitted - left * (emitted < 0), low), np.minimum(emitted + left * (emitted > 0), high)


def _ends(output: Output, values: dict[str, tuple], sums: dict[str, tuple]) -> tuple[np.ndarray, np.ndarray]:
    """Return the output at least and at most, from (lowest, highest) values and accumulators of its sources."""
    totals = []
    for at_least in (True, False):
        total = np.zeros(1)
        for piece in output.pieces:
            source = (sums if piece.summed else values)[piece.source]
            low, high = (end.reshape(len(end), -1)[:, piece.index] * piece.coefficient for end in source)
            chosen = np.minimum(low, high) if at_least else np.maximum(low, high)
            total = total + np.where(piece.index < 0, 0.0, chosen)
        totals.append(output.offset + total)
    return totals[0], totals[1]
