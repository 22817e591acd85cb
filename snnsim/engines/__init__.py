"""Engines: what a compiled network does, and in what order."""
