"""Populations onto the cores and chips of hardware: who lies where, what travels, how long a step takes."""
