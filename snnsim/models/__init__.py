"""Neuron models, sources and integer units: one per file."""
