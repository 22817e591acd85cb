"""Recordings on disk: one HDF5 file, written while a run goes on and read by time window."""
