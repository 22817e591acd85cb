"""What a file of recordings looks like.

An HDF5 file. Attributes of the root: `format`, `version`, `snnsim`, `engine`, `dt` (ms), `seed`, `network`, `begin` (ms).
Datasets, all chunked, compressed where they grow, with a `unit` attribute:

    end, cut                            ms of simulated time that are complete; 1 when the run was interrupted
    spikes/<population>/times, indices  attributes of the group: name, n, start, stop (ms)
    spikes/<population>/neurons         where chosen neurons were recorded
    samples/<population>/<state>/times, values[n_samples, n], neurons

A character of a name that HDF5 reserves is written as in a URL; the attribute `name` holds the name itself.
The file is in single-writer, multiple-reader mode while it grows: another program may look at it, and it stays readable
when the run dies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from snnsim.errors import ParameterError

FORMAT = "snnsim-recordings"
VERSION = 1

#: Units of the states of the models of the package; a state of any other name has none.
UNITS = {
    "v": "mV", "theta": "mV", "g_exc": "nS", "g_inh": "nS", "i_syn_exc": "pA", "i_syn_inh": "pA",
}  # fmt: skip


def key(name: str) -> str:
    """Return `name` as one step of an HDF5 path."""
    return quote(name, safe=" ()[]+-_,;:=#").replace(".", "%2E")


def h5py() -> Any:
    """Return the module h5py, which is loaded only when somebody asks for a file. Raises ParameterError when it is missing."""
    try:
        import h5py as module
    except ImportError:
        raise ParameterError("simulate.stream needs the package h5py, which is not installed. Run: pip install 'snnsim[hdf5]'.") from None
    return module


def check_new(path: Any) -> Path:
    """Return the path of a file that can be made. Raises ParameterError when it exists, or its folder does not."""
    if not isinstance(path, (str, Path)) or not str(path):
        raise ParameterError(f"simulate.stream = {path!r} must be the path of a file to write. Give a text such as 'run.h5'.")
    h5py()
    path = Path(path)
    if path.exists():
        raise ParameterError(f"simulate.stream = '{path}' exists, and a run overwrites nothing. Remove the file or choose another name.")
    if not path.parent.is_dir():
        raise ParameterError(f"simulate.stream = '{path}' must lie in a folder: '{path.parent}' is none. Create it first.")
    return path
