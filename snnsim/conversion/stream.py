"""Frames one after another: each is run from the state that the last one left, so that it costs what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from snnsim.conversion.spiking_model import SpikingModel
from snnsim.engines.settle import IntegerState
from snnsim.results import Result


def stream(spiking: SpikingModel, frames: Iterable[Any], *, start: IntegerState | None = None, **settings: Any) -> Iterator[Result]:
    """Yield the result of every frame; its counts are those of the change alone, its values those of the frame.

    Frames may come from anywhere, one at a time: a list, a camera, a generator. Which frames came before shows in the counts and
    nowhere else, since a settled state depends on the input alone.

    frames : inputs as for a call of the model, each with the same number of trials
    start : Result.state of an earlier stream, to go on with it
    settings : code, schedule, seed, threads, record, as for a call of the model

    Raises what a call of the model does.
    """
    for frame in frames:
        result = spiking(frame, start=start, **settings)
        start = result.state
        yield result
