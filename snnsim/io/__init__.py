"""Files: checkpoints of runs."""

from snnsim.io.state import load_state, save_state

__all__ = ["load_state", "save_state"]
