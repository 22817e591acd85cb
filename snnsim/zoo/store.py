"""Trained weights on disk: one .npz of plain arrays with a JSON header. Loading never executes code."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from snnsim.errors import FormatError, ParameterError

if TYPE_CHECKING:
    from torch import nn

Model = TypeVar("Model", bound="nn.Module")

_FORMAT = "snnsim-weights"
_VERSION = 1
_FOLDER = Path(__file__).parent / "weights"

#: what numpy, zipfile and json raise on bytes that are not what they should be
_DAMAGE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, MemoryError)


def shipped(name: str) -> Path:
    """Return the path of the weights that ship with snnsim under `name`."""
    return _FOLDER / f"{name}.npz"


def need_torch() -> None:
    """Raise ParameterError when torch is missing: snnsim is installed without it."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise ParameterError("snnsim.zoo needs the package torch, which is not installed. Run: pip install torch.") from None


def round_weights(model: nn.Module) -> None:
    """Round the weights of `model`, in place, to what float16 holds: what is measured then is what is stored.

    Raises ParameterError when a weight does not fit into float16.
    """
    import torch

    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half().float())
                if not torch.isfinite(tensor).all():
                    raise ParameterError(f"round_weights: {name} must be finite in float16, which ends at 65504. Train with a lower rate.")


def save_weights(model: nn.Module, path: str | Path, about: dict[str, Any]) -> None:
    """Write the weights and buffers of `model` to `path` (.npz), floats as float16, and plain facts about it beside them.

    A tensor with two names, as where weights are tied, is stored once.

    Raises ParameterError when a weight is not a float16: what `about` says must be measured with the weights that are stored.
    """
    arrays: dict[str, np.ndarray] = {}
    first_name: dict[int, str] = {}
    tied: dict[str, str] = {}
    for name, tensor in model.state_dict().items():
        first = first_name.setdefault(tensor.data_ptr(), name)
        if first == name:
            arrays[name] = _halved(name, tensor.detach().cpu().numpy())
        else:
            tied[name] = first
    header = {"format": _FORMAT, "version": _VERSION, "about": about, "tied": tied}
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    with Path(path).open("wb") as stream:
        np.savez_compressed(stream, header=text, **arrays)  # type: ignore[arg-type]


def _halved(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if not np.array_equal(half.astype(array.dtype), array):
        raise ParameterError(f"save_weights: {name} must hold float16 numbers only, as they are stored. Call round_weights(model) first.")
    return half


def load_about(path: str | Path) -> dict[str, Any]:
    """Return the facts stored beside the weights at `path`. Raises FormatError as `load_weights` does."""
    return _read(Path(path))[0]["about"]


def load_weights(model: Model, path: str | Path) -> Model:
    """Return `model` with the weights stored at `path`, in float32 and in eval mode.

    Raises
    ------
    FormatError   for a missing, damaged or foreign file, a newer version, weights that are not finite, or those of another model
    """
    import torch

    header, arrays = _read(Path(path))
    tensors = {}
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise FormatError(f"{path} is damaged: {name} is not finite. Install snnsim again, or train the model.")
        tensors[name] = torch.from_numpy(array.astype(np.float32) if array.dtype.kind == "f" else array)
    tensors |= {name: tensors[first] for name, first in header["tied"].items() if first in tensors}
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        reason = "; ".join(line.strip() for line in str(error).splitlines()[1:3])
        raise FormatError(f"{path} does not hold the weights of {type(model).__name__}: {reason} Give the file of this model.") from None
    return model.eval()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the arrays of one file."""
    try:
        # Opened here: numpy leaves a file open when it turns out to be no archive.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            if "header" not in archive.files:
                raise FormatError(f"{path} is an .npz file without a header of weights. Give a file made by save_weights.")
            header = json.loads(bytes(archive["header"]).decode())
            if header["format"] != _FORMAT or not isinstance(header["about"], dict) or not isinstance(header["tied"], dict):
                raise FormatError(f"{path} has format {header['format']!r}, not {_FORMAT!r}. Give a file made by save_weights.")
            if header["version"] > _VERSION:
                raise FormatError(f"{path} has version {header['version']}; this snnsim reads up to {_VERSION}. Upgrade snnsim.")
            return header, {name: archive[name] for name in archive.files if name != "header"}
    except FileNotFoundError:
        raise FormatError(f"{path} does not exist. Install snnsim again, or check the path.") from None
    except FormatError:
        raise
    except _DAMAGE as error:
        raise FormatError(f"{path} is damaged ({type(error).__name__}: {error}). Install snnsim again, or train the model.") from error
