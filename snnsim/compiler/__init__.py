"""From a description to flat, read-only arrays."""
