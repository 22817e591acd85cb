"""Files: checkpoints of runs, and converted models."""

from snnsim.io.converted import load_converted, save_converted
from snnsim.io.state import load_state, save_state

__all__ = ["load_converted", "load_state", "save_converted", "save_state"]
