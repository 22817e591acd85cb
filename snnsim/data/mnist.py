"""MNIST, from a folder of the user's: the images do not ship with snnsim."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path

import numpy as np

from snnsim.errors import FormatError, ParameterError
from snnsim.units import one_of

_PREFIX = {"train": "train", "test": "t10k"}

#: First bytes of the files: zero, zero, type (8: uint8), number of dimensions.
_MAGIC = {1: b"\0\0\x08\x01", 3: b"\0\0\x08\x03"}


def load_mnist(folder: str | Path, split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Return the 28x28 handwritten digits of one split of MNIST.

    folder : path   holds the files under their published names, such as t10k-images-idx3-ubyte, as they are or as .gz
    split : 'train' (60,000 images) or 'test' (10,000)

    Returns images uint8[n, 28, 28] in 0 .. 255 and labels uint8[n].
    Raises ParameterError when a file is not there, FormatError when one is damaged.
    Source: LeCun, Bottou, Bengio & Haffner (1998), Proc. IEEE 86:2278.
    """
    one_of("load_mnist.split", split, _PREFIX)
    images = _read(Path(folder), f"{_PREFIX[split]}-images-idx3-ubyte", 3)
    labels = _read(Path(folder), f"{_PREFIX[split]}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise FormatError(
            f"{folder} holds {len(images)} images but {len(labels)} labels of the split {split!r}. Take both from one source."
        )
    return images, labels


def _read(folder: Path, name: str, n_dimensions: int) -> np.ndarray:
    """Return the array of one IDX file."""
    found = [path for path in (folder / name, folder / f"{name}.gz") if path.is_file()]
    if not found:
        raise ParameterError(f"load_mnist.folder = {str(folder)!r} must hold {name} or {name}.gz. Give the folder of the MNIST files.")
    path = found[0]
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FormatError(f"{path} cannot be unpacked: {error}. Get the file again.") from None
    head = 4 + 4 * n_dimensions
    if content[:4] != _MAGIC[n_dimensions] or len(content) < head:
        raise FormatError(
            f"{path} is no IDX file of bytes in {n_dimensions} dimensions: it begins with {content[:4]!r}. Get the file again."
        )
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", n_dimensions, offset=4))
    if len(content) != head + prod(shape):
        raise FormatError(f"{path} holds {len(content) - head} bytes but its head announces {prod(shape)}. Get the file again.")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)
