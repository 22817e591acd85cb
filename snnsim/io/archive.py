"""Files of plain arrays with a JSON header: written whole or not at all, read without executing code, checked by a checksum."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snnsim.errors import FormatError, SnnsimError
from snnsim.graph.file import DAMAGE


class Format(NamedTuple):
    """A kind of file.

    what : as errors call it; saver : the function that makes it; version, oldest : what is written, and the oldest that is read
    """

    name: str
    what: str
    saver: str
    version: int
    oldest: int = 1


def fingerprint(arrays: Mapping[str, np.ndarray], text: str = "") -> str:
    """Return the SHA-256 of a text, and of names, types, shapes and values of arrays, in hexadecimal."""
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{len(name)} {name} {array.dtype.str} {array.shape};".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def described(header: Mapping[str, Any]) -> str:
    """Return the text of a header that its checksum covers: all but the checksum itself."""
    return json.dumps({key: value for key, value in header.items() if key != "sha256"}, sort_keys=True)


def forms(arrays: Mapping[str, np.ndarray]) -> dict[str, list[Any]]:
    """Return type and shape of every array."""
    return {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}


def write(path: str | Path, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, compress: bool = False) -> None:
    """Write an .npz beside `path`, then move it there in one step: a crash leaves the old file or the new one, never half."""
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
            (np.savez_compressed if compress else np.savez)(stream, header=text, **arrays)  # type: ignore[arg-type]
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp keeps others out; a file made by open() follows the umask, and so shall this one.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


@contextmanager
def reading(path: str | Path, form: Format) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Give the header and the arrays of a file of the given format, each array of the type and shape that the header states.

    Raises FormatError for a missing, damaged or foreign file or a version that is not read; also where the block raises what
    constructors raise on bytes that are not what they should be.
    """
    try:
        # Opened here: numpy leaves a file open when it turns out to be no archive.
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            header = _header(path, archive, form)
            arrays = {name: _array(archive[name], *shape) for name, shape in header["arrays"].items()}
        yield header, arrays
    except FileNotFoundError:
        raise FormatError(f"{path} does not exist. Check the path.") from None
    except FormatError:
        raise
    except SnnsimError as error:
        raise FormatError(f"{path} does not hold a valid {form.what}: {error}") from error
    except DAMAGE as error:
        raise FormatError(f"{path} is damaged or is no snnsim {form.what} ({type(error).__name__}: {error}). Save it again.") from error


def _header(path: str | Path, archive: Any, form: Format) -> dict[str, Any]:
    if "header" not in archive.files:
        raise FormatError(f"{path} is an .npz file but not a snnsim {form.what}: it has no header. Give a file made by {form.saver}.")
    header = json.loads(bytes(archive["header"]).decode())
    if header.get("format") != form.name:
        raise FormatError(f"{path} has format {header.get('format')!r}, not {form.name!r}. Give a file made by {form.saver}.")
    version = header["version"]
    if type(version) is not int or version < 1:
        raise FormatError(f"{path} is damaged: its header has the wrong form. Save it again.")
    if version > form.version:
        raise FormatError(f"{path} has version {version}; this snnsim reads up to {form.version}. Upgrade snnsim.")
    if version < form.oldest:
        raise FormatError(
            f"{path} has version {version}; this snnsim reads from {form.oldest} on. Continue it with the snnsim that saved it, "
            "or run again from the start."
        )
    if set(archive.files) != {"header", *header["arrays"]}:
        raise ValueError("its arrays are not those its header lists")
    return header


def _array(array: np.ndarray, dtype: str, shape: list[int]) -> np.ndarray:
    if array.dtype.str != dtype or list(array.shape) != shape or array.dtype.kind not in "biuf":
        raise ValueError(f"an array {array.dtype.str} {array.shape} where {dtype} {tuple(shape)} belongs")
    return array
