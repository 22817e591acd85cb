"""What `compare` works on: a model, its samples, and what to call them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from snnsim.data import MODELS, load_digits, load_model, patches
from snnsim.errors import ConversionError, ParameterError
from snnsim.graph.ir import Graph
from snnsim.report.samples import Samples, divide, example_of, read_arrays
from snnsim.units import check_integer

#: training images that set the activation scales of a digits model
_CALIBRATION = 512


@final
@dataclass(frozen=True)
class Task:
    """A model and its samples.

    name, title : str      as the report calls model and page
    about : mapping        facts stored with the model
    what : str             what a sample is called, in the plural
    digits : bool          8x8 images cut into patches
    """

    name: str
    title: str
    graph: Graph
    about: Mapping[str, Any]
    samples: Samples
    what: str
    digits: bool = False

    @property
    def facts(self) -> str:
        """One or two sentences on model and data."""
        n = len(next(iter(self.samples.inputs.values())))
        about = f" {self.about['model']}. Data: {self.about['data']}." if {"model", "data"} <= set(self.about) else ""
        return f"{n} {self.what}; {self.samples.division}.{about}"


def read_model(model: Any, example: Any = None) -> tuple[Graph, dict[str, Any], str]:
    """Return a model as a float graph, the facts stored with it, and its name.

    model : a name of `snnsim.data.MODELS`, a graph file (.npz), a torch program (.pt2), a `Graph` or a torch.nn.Module
    """
    if isinstance(model, Graph):
        return model, {}, "graph"
    if isinstance(model, (str, Path)):
        name = str(model)
        if not name.endswith(".pt2"):
            return *load_model(name), name if name in MODELS else Path(name).name
    elif not hasattr(model, "named_modules"):
        return *load_model(model), str(model)
    from snnsim.conversion.convert import traced

    label = Path(model).name if isinstance(model, (str, Path)) else type(model).__name__
    return traced(model, example, "compare"), {}, label


def digits_task(model: Any, *, samples: int | None, seed: int) -> Task:
    """Return the task of classifying the held-out digits. Raises ParameterError for a model that does not read them."""
    images, labels = load_digits("test")
    chosen = np.arange(len(images))
    if samples is not None:
        count = check_integer("samples", samples, low=1, high=len(images), why=f"the held-out split has {len(images)}")
        chosen = np.sort(np.random.Generator(np.random.PCG64(seed)).permutation(len(images))[:count])
    if str(model).endswith(".pt2"):
        raise ParameterError(f"model = {str(model)!r} needs samples of its own. Give data, for example --data samples.npz.")
    graph, about, name = read_model(model)
    node, classes = graph.input, graph.output.shape
    if len(graph.inputs) > 1 or (node.shape, node.low, node.high) != ((16, 4), 0, 16) or classes != (10,):
        raise ParameterError(
            f"model = {str(model)!r} reads {node.shape} in {node.low} .. {node.high} and answers {classes}; the digits are (16, 4) in "
            "0 .. 16 with (10,) classes. Give data for it, for example --data samples.npz."
        )
    parts = Samples(
        {node.name: patches(images[chosen])},
        {node.name: patches(load_digits("train")[0][:_CALIBRATION])},
        labels[chosen].astype(np.int64),
        f"calibrated on {_CALIBRATION} training images",
    )
    return Task(name, "A trained transformer, in spikes", graph, about, parts, "held-out images", digits=True)


def data_task(model: Any, data: Any, *, samples: int | None, seed: int) -> Task:
    """Return the task that the user's model and arrays make. Raises what `read_arrays`, `divide` and tracing raise."""
    arrays, owner = read_arrays(data)
    try:
        graph, about, name = read_model(model, example_of(arrays, owner))
    except ConversionError as error:
        raise ConversionError(f"{error} (The sample was {owner}.)") if "trace_torch.sample" in str(error) else error from None
    return Task(name, f"{name}, in spikes", graph, about, divide(arrays, owner, graph, samples=samples, seed=seed), "samples")
