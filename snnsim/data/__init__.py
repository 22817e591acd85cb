"""Data and trained models that ship with snnsim. README.md beside this file names their sources and licences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from snnsim.data.mnist import load_mnist
from snnsim.data.text import load_text
from snnsim.errors import FormatError, ParameterError, unknown_name
from snnsim.graph.file import load_graph
from snnsim.graph.ir import Graph
from snnsim.units import check_integer, one_of

_HERE = Path(__file__).parent

#: trained models that ship with the package
MODELS = {"digits": "digits_transformer.npz", "digits_without_9": "digits_transformer_without_9.npz"}


def load_digits(split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Return the 8x8 UCI handwritten digits of one split.

    split : 'train' (1,437 images) or 'test' (360, held out)

    Returns images uint8[n, 8, 8] in 0 .. 16 and labels uint8[n].
    Source: Alpaydin & Kaynak (1998), doi:10.24432/C50P49, CC BY 4.0.
    """
    one_of("load_digits.split", split, ("train", "test"))
    with np.load(_HERE / "digits.npz", allow_pickle=False) as archive:
        return archive[f"{split}_images"], archive[f"{split}_labels"]


def patches(images: np.ndarray, size: int = 2) -> np.ndarray:
    """Cut images [n, height, width] into square patches [n, patches, size * size], row by row.

    Raises ParameterError when `size` does not divide height and width.
    """
    size = check_integer("patches.size", size, low=1)
    images = np.asarray(images)
    if images.ndim != 3 or images.shape[1] % size or images.shape[2] % size:
        raise ParameterError(f"patches: images of shape {images.shape} must be (n, height, width) with sides divisible by {size}.")
    n, height, width = images.shape
    tiles = images.reshape(n, height // size, size, width // size, size).swapaxes(2, 3)
    return np.ascontiguousarray(tiles.reshape(n, -1, size * size))


def load_model(name: str = "digits") -> tuple[Graph, dict[str, Any]]:
    """Return a shipped trained model as a float graph, with the facts stored beside it.

    name : str   a name of `MODELS`, or the path of a graph file (.npz)

    Raises ParameterError for an unknown name, FormatError for a damaged file.
    """
    if isinstance(name, str) and name in MODELS:
        return load_graph(_HERE / MODELS[name])
    if str(name).endswith(".npz"):
        return load_graph(name)
    raise ParameterError(unknown_name("model", name, MODELS) + " A path must end in .npz.")


__all__ = ["MODELS", "FormatError", "load_digits", "load_mnist", "load_model", "load_text", "patches"]
