"""Graphs on disk: one .npz of plain arrays with a JSON table of nodes. Loading never executes code."""

from __future__ import annotations

import json
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.errors import ConversionError, FormatError
from snnsim.graph import ir
from snnsim.graph.nodes import OPERATIONS, Gather, Node, Sum
from snnsim.graph.origins import Operation

_FORMAT = "snnsim-graph"
_VERSION = 2


#: what numpy, zipfile and the constructors of nodes raise on bytes that are not what they should be
DAMAGE = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError,
    MemoryError, OverflowError, SyntaxError, tokenize.TokenError,
)  # fmt: skip


#: fields that hold whole numbers or truth values; all others hold real numbers
_KINDS = {"index": (np.int32, "iu"), "mask": (np.bool_, "b")}


def _array(field: str, array: np.ndarray) -> np.ndarray:
    dtype, kinds = _KINDS.get(field, (np.float64, "fiu"))
    if array.dtype.kind not in kinds:
        raise ValueError(f"{field} is an array of dtype {array.dtype}")
    return array.astype(dtype)


def _nodes(row: dict[str, Any], fields: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> list[Node]:
    """Return the node of one row; version 1 had an operation that is now two."""
    if row["op"] == "Mean":
        rows = shapes[fields["inputs"][0]]
        index = np.moveaxis(np.arange(int(np.prod(rows)), dtype=np.int32).reshape(rows), 0, -1)
        moved = Gather(name=f"{fields['name']}.rows", inputs=fields["inputs"], shape=index.shape, index=np.ascontiguousarray(index))
        return [moved, Sum(**{**fields, "inputs": (moved.name,)}, scale=1.0 / rows[0])]
    return [OPERATIONS[row["op"]](**fields)]


def _plain(value: Any) -> Any:
    return tuple(_plain(item) for item in value) if isinstance(value, list) else value


def save_graph(graph: ir.Graph, path: str | Path, *, about: dict[str, Any] | None = None) -> None:
    """Write `graph` to `path` (.npz), learned arrays in float32.

    about : dict   plain facts about the model (data, accuracy, licence), returned by `load_graph`
    """
    arrays: dict[str, np.ndarray] = {}
    table = []
    for node in graph.nodes.values():
        learned = node.arrays()
        scalars = {key: value for key, value in vars(node).items() if key not in learned}
        table.append({"op": type(node).__name__, **scalars, "arrays": sorted(learned)})
        for field, value in learned.items():
            arrays[f"{node.name}/{field}"] = value if field in _KINDS else value.astype(np.float32)
    outputs = [node.name for node in graph.outputs]
    operations = [operation._asdict() for operation in graph.operations]
    header = {"format": _FORMAT, "version": _VERSION, "about": about or {}, "nodes": table, "outputs": outputs, "operations": operations}
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    with Path(path).open("wb") as stream:
        np.savez_compressed(stream, header=text, **arrays)  # type: ignore[arg-type]


def load_graph(path: str | Path) -> tuple[ir.Graph, dict[str, Any]]:
    """Return the graph stored at `path` and the facts stored with it.

    Raises
    ------
    FormatError   for a missing, damaged or foreign file, a newer version, or arrays that are not finite
    """
    try:
        # Opened here: numpy leaves a file open when it turns out to be no archive.
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            if "header" not in archive.files:
                raise FormatError(f"{path} is an .npz file but not a snnsim graph: it has no header. Give a file made by save_graph.")
            header = json.loads(bytes(archive["header"]).decode())
            if header.get("format") != _FORMAT:
                raise FormatError(f"{path} has format {header.get('format')!r}, not {_FORMAT!r}. Give a file made by save_graph.")
            if type(header["version"]) is not int or header["version"] < 1 or not isinstance(header["about"], dict):
                raise FormatError(f"{path} is damaged: its header has the wrong form. Export or download it again.")
            if header["version"] > _VERSION:
                raise FormatError(f"{path} has version {header['version']}; this snnsim reads up to {_VERSION}. Upgrade snnsim.")
            nodes: list[Node] = []
            for row in header["nodes"]:
                fields = {key: _plain(value) for key, value in row.items() if key not in ("op", "arrays")}
                fields |= {field: _array(field, archive[f"{row['name']}/{field}"]) for field in row["arrays"]}
                nodes += _nodes(row, fields, {node.name: node.shape for node in nodes})
        operations = [Operation(**{key: _plain(value) for key, value in row.items()}) for row in header.get("operations", ())]
        return ir.Graph(nodes, _plain(header.get("outputs")), operations), header["about"]
    except FileNotFoundError:
        raise FormatError(f"{path} does not exist. Check the path.") from None
    except ConversionError as error:
        raise FormatError(f"{path} does not hold a valid graph: {error}") from error
    except FormatError:
        raise
    except DAMAGE as error:
        raise FormatError(
            f"{path} is damaged or is no snnsim graph ({type(error).__name__}: {error}). Export or download it again."
        ) from error
