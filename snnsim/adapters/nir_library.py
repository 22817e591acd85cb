"""The package nir: loaded on first use, its files read and written with errors that say what is wrong."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from snnsim.adapters.library import need
from snnsim.errors import ConversionError, FormatError


def library() -> Any:
    """Return the module nir. Raises ConversionError when it is missing, with the command that installs it."""
    return need("NIR", "nir")


def load(path: str | Path) -> Any:
    """Return the graph in a NIR file.

    Types are not compared here, as files of older versions fail nir's own test: `nir_graph` compares them.

    Raises FormatError for a missing, damaged or foreign file, ConversionError for a type of node that nir does not know.
    """
    nir = library()
    import h5py

    if not Path(path).is_file():
        raise FormatError(f"{path} does not exist. Check the path.")
    try:
        with h5py.File(path, "r") as file:
            tree = nir.serialization.hdf2dict(file["node"])
        _check_types(nir, path, tree, "")
        if tree["type"] != "NIRGraph":
            tree = {"type": "NIRGraph", "nodes": {"node": tree}, "edges": []}
        return nir.dict2NIRNode(tree | {"type_check": False})
    except (ConversionError, FormatError):
        raise
    except Exception as error:  # h5py and nir raise nearly every kind, assertions too
        raise FormatError(
            f"{path} is damaged or is no NIR file ({type(error).__name__}: {error}). Write it again with nir.write."
        ) from error


def _check_types(nir: Any, path: str | Path, tree: dict[str, Any], name: str) -> None:
    kind, known = tree.get("type"), nir.ir.__all__
    if not isinstance(kind, str):
        raise FormatError(f"{path}: node {name or 'of the file'!r} says no type. Write the file again with nir.write.")
    if kind not in known or kind in ("NIRNode", "str2NIRNode", "dict2NIRNode"):
        raise ConversionError(
            f"{path}: node {name!r} is of type {kind!r}, which nir {nir.__version__} does not know. Upgrade nir, or replace the node."
        )
    if kind == "NIRGraph":
        for each, node in tree.get("nodes", {}).items():
            _check_types(nir, path, node, f"{name}.{each}" if name else each)


def save(graph: Any, path: str | Path) -> None:
    """Write a graph to `path`, complete or not at all: it is written beside it and moved there."""
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    try:
        library().write(name, graph)
        # mkstemp keeps others out; a file made by open() follows the umask, and so shall this one.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def array(value: Any) -> Any:
    """Return a field of a node as a numpy array; PyTorch's writers leave tensors in graphs that were not yet written."""
    import numpy as np

    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
