"""One function at many points: a grid, seeds, any number of processes or machines, one tidy table."""
